"""From a frame to Intelligent Mail barcodes: rows of bars by ``csrc/imb_*``, doubt by the code.

A row comes as 130 ends of bars, each with how surely it is long. Doubtful ends are tried the other
way, likeliest first, a few times; an answer needs ten valid characters and the 11-bit check.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
import numpy.typing as npt

from imicore import imb
from imicore._imaging import BarFinder
from imicore.errors import DamagedImb

# An end of a bar this near the threshold (1 is a sure end) may be tried the other way.
DOUBTFUL = 0.6
MAX_DOUBTFUL = 30  # of 130; a row with more is taken as measured or not at all
MAX_PLACES = 14  # the most doubtful of them are tried
MAX_FLIPS = 8
# Ten characters that exist but are not the right ones pass check and ranges once in 4,500
# (659 * 2 / 1365 * 636 / 1365 / 2048). Tries times 1 in 4,500 therefore bounds wrong answers
# among rows whose right answer is not tried; three tries hold 97 in 100 of the
# right answers of rows at the noise limit, eight tries the rest.
MAX_TRIES = 3
# Of two answers the likelier is taken when it needs this much less doubt overruled.
CLEAR_LEAD = 0.2
# Lines of bars looked at on one frame, at each of three scales.
MAX_LINES = 24


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A barcode in a frame, as `imicore.reader.Reading` has it."""

    payload: bytes
    corners: npt.NDArray[np.float32]
    errors_corrected: int
    modules: npt.NDArray[np.bool_]


def find(
    finder: BarFinder,
    frame: npt.NDArray[np.uint8],
    limit: int,
    accept: Callable[[bytes], bool] | None = None,
) -> list[Found]:
    """Return the barcodes in a frame, at most ``limit``, in the order found.

    ``frame`` is uint8[H, W] with contiguous rows. ``payload`` is the 20 digits of the tracking code
    and the 0, 5, 9 or 11 of the routing code in ASCII; ``modules`` is bool[3, 65] of ascenders,
    trackers and descenders as measured, the barcode upright. ``accept`` may refuse a payload.

    >>> find(BarFinder(), np.full((200, 800), 255, np.uint8), 1)
    []
    """
    found: list[Found] = []
    for reach, corners in finder.read(frame, limit=MAX_LINES):
        row = resolve(reach)
        if row is None:
            continue
        payload = (row.digits.tracking + row.digits.routing).encode()
        # One line of bars may be handed on as several rows, and at two scales.
        again = any(f.payload == payload and _same_place(f.corners, corners) for f in found)
        if again or (accept is not None and not accept(payload)):
            continue
        long = (reach[::-1, ::-1] if row.is_turned else reach) > 0
        modules = np.stack([long[0], np.ones(imb.BARS, np.bool_), long[1]])
        upright = np.roll(corners, 2, axis=0) if row.is_turned else corners
        found.append(Found(payload, upright, row.corrected, modules))
        if len(found) == limit:
            break
    return found


def _same_place(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> bool:
    apart = np.hypot(*(a.mean(axis=0) - b.mean(axis=0)))
    return bool(apart < np.hypot(*(a[1] - a[0])))


@dataclass(frozen=True, slots=True)
class Row:
    """What a row of bars says.

    `bars` are the 65 letters after correction, as `imicore.imb.encode` gives them; `corrected` of
    them were measured otherwise; `is_turned` when the row was measured upside down.
    """

    digits: imb.Imb
    bars: str
    corrected: int
    is_turned: bool


def resolve(reach: npt.NDArray[np.float32]) -> Row | None:
    """Return the barcode that 65 measured bars carry, or None.

    ``reach`` is float32[2, 65]: how surely each bar, left to right, has an ascender (row 0) and a
    descender (row 1); 1 surely, -1 surely not, 0 unknown. Either way up is tried. When one reads
    about as well as the other there is no answer.

    >>> bars = "AADTFFDFTDADTAADAATFDTDDAAADDTDTTDAFADADDDTFFFDDTTTADFAAADFTDAADA"
    >>> reach = np.array([[1 if bar in long else -1 for bar in bars] for long in ("AF", "DF")])
    >>> found = resolve(reach.astype(np.float32))
    >>> found.digits.tracking, found.corrected
    ('01234567094987654321', 0)
    """
    assert reach.shape == (2, imb.BARS), reach.shape
    found: dict[imb.Imb, tuple[float, Row]] = {}
    for is_turned in (False, True):
        # Descender then ascender of each bar in turn, as the standard's table has them.
        ends = (reach[:, ::-1] if is_turned else reach[::-1]).T.ravel()
        for cost, flipped, characters in islice(_likeliest(ends), MAX_TRIES):
            try:
                digits = imb.decode_characters(characters)
            except DamagedImb:
                continue
            bars = {end // 2 for end in flipped}
            found.setdefault(
                digits, (cost, Row(digits, _letters(ends, flipped), len(bars), is_turned))
            )
            break
    best = sorted(found.values(), key=lambda costed: costed[0])
    if not best or (len(best) > 1 and best[1][0] - best[0][0] < CLEAR_LEAD):
        return None
    return best[0][1]


# Of each character bit, the end of a bar that has it: ten characters, bit 12 first.
_ENDS = np.array(
    [[imb.ends().index((at, bit)) for bit in range(12, -1, -1)] for at in range(10)], np.intp
)
_POWERS = 1 << np.arange(12, -1, -1)

_Choice = tuple[float, tuple[int, ...], int]  # cost, ends flipped, character


_Try = tuple[float, tuple[int, ...], tuple[int, ...]]  # cost, ends flipped, ten characters


def _likeliest(ends: npt.NDArray[np.float32]) -> Iterator[_Try]:
    """Yield what the ends may say in order of cost, the doubt overruled; all characters exist."""
    values = ((ends[_ENDS] > 0) @ _POWERS).tolist()
    sureness = np.abs(ends)
    order = np.argsort(sureness, kind="stable")
    doubtful = order[: np.count_nonzero(sureness < DOUBTFUL)]
    if len(doubtful) > MAX_DOUBTFUL:
        doubtful = doubtful[:0]
    places: list[dict[int, int]] = [{} for _ in range(10)]  # doubtful end: its bit
    for end in doubtful[:MAX_PLACES].tolist():
        character, bit = imb.ends()[end]
        places[character][end] = 1 << bit
    choices = []
    for value, place in zip(values, places, strict=True):
        choice = sorted(_choices(value, place, sureness))
        if not choice:
            return
        choices.append(choice)
    yield from _combined(choices)


def _choices(
    value: int, places: dict[int, int], sureness: npt.NDArray[np.float32]
) -> Iterator[_Choice]:
    """Yield the valid characters that flips of doubtful ends make; the cost is their sureness."""
    for count in range(min(3, len(places)) + 1):
        for flipped in combinations(places, count):
            character = value
            for end in flipped:
                character ^= places[end]
            if imb.is_character(character):
                yield float(sum(sureness[end] for end in flipped)), flipped, character


def _combined(choices: Sequence[Sequence[_Choice]]) -> Iterator[_Try]:
    """Yield one choice of each character, cheapest sum first."""
    start = (0,) * len(choices)
    heap = [(sum(choice[0][0] for choice in choices), start)]
    queued = {start}
    while heap:
        cost, picks = heapq.heappop(heap)
        picked = [choice[pick] for choice, pick in zip(choices, picks, strict=True)]
        flipped = tuple(end for _, ends, _ in picked for end in ends)
        if len(flipped) <= MAX_FLIPS:
            yield cost, flipped, tuple(character for _, _, character in picked)
        for at, pick in enumerate(picks):
            after = (*picks[:at], pick + 1, *picks[at + 1 :])
            if pick + 1 < len(choices[at]) and after not in queued:
                queued.add(after)
                more = choices[at][pick + 1][0] - choices[at][pick][0]
                heapq.heappush(heap, (cost + more, after))


def _letters(ends: npt.NDArray[np.float32], flipped: Sequence[int]) -> str:
    long = ends > 0
    for end in flipped:
        long[end] = not long[end]
    return "".join("TDAF"[down + 2 * up] for down, up in long.reshape(-1, 2).tolist())
