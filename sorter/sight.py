"""What a camera's frame shows: payloads, where they stand, how well they are printed, a crop."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imicore.datamatrix import symbol_sizes
from imicore.errors import BadArgument, BadImage
from imicore.grade import PrintQuality, grade
from imicore.paper import paper_edges
from imicore.reader import Reader, Reading
from imicore.writers import grey_png
from postage.layouts import BY_VERSION
from postage.verdicts import Finding, Reason
from sorter.policy import Policy

Frame = NDArray[np.uint8]  # uint8[H, W], or uint8[H, W, 3] in red, green, blue

SIZES: Final = ((36, 36), (40, 40), (44, 44), (48, 48), (52, 52))
"""What an indicium may be (domain.md 8, symbol.sizes)."""
EFFORT: Final = 3_000  # units of about 10 us, the reader's own figure for 30 ms
MOST_SYMBOLS: Final = 4  # postage, a second one beside it, a redate, and one to spare
BASE256_OVERHEAD: Final = 2  # latch and length; 3 from 250 bytes on, beyond any indicium


@dataclass(frozen=True, slots=True)
class Seen:
    """The symbols of one frame that may be indicia, best first, or why there are none."""

    readings: tuple[Reading, ...]
    findings: tuple[Finding, ...]


class Eye:
    """Finds the indicia in frames. Thread-safe; the GIL is free while it looks."""

    def __init__(self) -> None:
        self._first = Reader(limit=1, sizes=SIZES, accept=_may_be_indicium, effort=EFFORT)
        self._all = Reader(limit=MOST_SYMBOLS, sizes=SIZES, accept=_may_be_indicium, effort=EFFORT)

    def look(self, frame: Frame, *, thoroughly: bool = False) -> Seen:
        """Return what is in the frame: one indicium, or with ``thoroughly`` up to four.

        >>> Eye().look(np.full((480, 640), 255, np.uint8)).findings[0].reason.name
        'NO_SYMBOL'
        """
        if wrong := _wrong_form(frame):
            return Seen((), (Finding(Reason.BAD_FRAME, wrong),))
        try:
            readings = (self._all if thoroughly else self._first).read(_grey(frame))
        except (BadImage, BadArgument) as error:
            return Seen((), (Finding(Reason.BAD_FRAME, str(error)),))
        if not readings:
            shape = " x ".join(map(str, frame.shape[1::-1]))
            return Seen((), (Finding(Reason.NO_SYMBOL, f"{shape} pixels"),))
        return Seen(tuple(readings), ())


def symbol_size_of(payload: bytes) -> tuple[int, int] | None:
    """Return the size of symbol that a payload belongs in: the smallest that holds it.

    >>> symbol_size_of(bytes(109)), symbol_size_of(bytes(113))
    ((40, 40), (44, 44))
    """
    for size in symbol_sizes():
        fits = size.data_codewords >= len(payload) + BASE256_OVERHEAD
        if fits and (size.rows, size.columns) in SIZES:
            return size.rows, size.columns
    return None


def size_findings(reading: Reading) -> Iterator[Finding]:
    """Yield that a payload stands in a symbol of another size than devices print it in."""
    expected = symbol_size_of(reading.payload)
    if reading.size != expected:
        was = " x ".join(map(str, reading.size))
        should = " x ".join(map(str, expected)) if expected else "none"
        yield Finding(
            Reason.OTHER_SYMBOL_SIZE, f"{was}; {len(reading.payload)} bytes have {should}"
        )


def placement_findings(frame: Frame, reading: Reading, policy: Policy) -> Iterator[Finding]:
    """Yield which edge of the paper the symbol is too near to (DMM 604.4.3.3: 1/4 in).

    The symbol lies inside the indicium, so a symbol too near the edge is an indicium too near it;
    what is printed round the symbol is the device's, and not known here. A frame that does not
    show the edges yields nothing.
    """
    edges = paper_edges(_grey(frame), reading.corners)
    if edges is None:
        return
    sides = np.linalg.norm(reading.corners - np.roll(reading.corners, 1, axis=0), axis=1)
    side_in = float(sides.mean()) / policy.pixels_per_inch
    least = policy.edge_in - policy.edge_tolerance_in
    for reason, distance in zip((Reason.RIGHT_MARGIN, Reason.TOP_MARGIN), edges, strict=True):
        if distance * side_in < least:
            text = f"{distance * side_in:.3f} in; the least is {policy.edge_in} in"
            yield Finding(reason, text)


def print_quality(frame: Frame, reading: Reading, policy: Policy) -> PrintQuality | None:
    """Return the grades of a symbol, None where the frame does not show enough of it."""
    try:
        return grade(frame, reading, pixels_per_inch=policy.pixels_per_inch)
    except (BadArgument, BadImage):
        return None


def quality_findings(quality: PrintQuality, policy: Policy) -> Iterator[Finding]:
    """Yield what is wrong with a print: its grade, its reflectance in red and in green."""
    if quality.overall < policy.min_grade:
        text = f"{quality.text}; the least is {policy.min_grade:.1f}"
        yield Finding(Reason.LOW_GRADE, text)
    for colour, tone in (quality.colours or {"grey": quality.tone}).items():
        if tone.difference < policy.min_reflectance_difference:
            text = (
                f"{colour} {tone.difference:.2f}; the least is {policy.min_reflectance_difference}"
            )
            yield Finding(Reason.LOW_REFLECTANCE, text)


def crop_of(frame: Frame, reading: Reading, margin_modules: int) -> bytes:
    """Return a PNG of the symbol with so many modules of its surroundings."""
    rows, columns = max(1, reading.size[0]), max(1, reading.size[1])
    low, high = reading.corners.min(axis=0), reading.corners.max(axis=0)
    margin = float((high - low).max()) / max(rows, columns) * margin_modules
    left, top = np.maximum(0, np.floor(low - margin)).astype(int)
    right, bottom = np.ceil(high + margin).astype(int)
    box = _grey(frame)[top:bottom, left:right]
    return grey_png(box) if box.size else b""


def _wrong_form(frame: object) -> str:
    if not isinstance(frame, np.ndarray):
        return f"a frame is an array, not {type(frame).__name__}"
    is_grey, is_colour = frame.ndim == 2, frame.ndim == 3 and frame.shape[2] == 3
    if frame.dtype != np.uint8 or not (is_grey or is_colour):
        return f"a frame is uint8[H, W] or uint8[H, W, 3], not {frame.dtype}{list(frame.shape)}"
    return ""


def _grey(frame: Frame) -> Frame:
    return frame if frame.ndim == 2 else np.ascontiguousarray(frame[..., 1])


def _may_be_indicium(payload: bytes) -> bool:
    return len(payload) >= 20 and payload[0] in BY_VERSION
