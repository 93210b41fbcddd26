"""From a camera's frame to payloads: Data Matrix, and on demand Intelligent Mail and PDF417.

The search for Data Matrix runs in ``csrc/``: patches of texture, the lattice of modules in each,
every size and turn on that lattice, Reed-Solomon. No corner, leg or border of a symbol has to be
whole.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from imicore import imb_reader
from imicore._imaging import BarFinder, FrameReader
from imicore.errors import BadArgument, BadImage

MAX_FRAME_PIXELS = 12_000_000
DATA_MATRIX = "datamatrix"
IMB = "imb"
PDF417 = "pdf417"
SYMBOLOGIES = (DATA_MATRIX, IMB, PDF417)

Frame = npt.NDArray[np.uint8]
Roi = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One symbol that was read.

    `corners` is float32[4, 2], (x, y) in pixels of the whole frame, also when `roi` was given; the
    top left pixel covers (0, 0) to (1, 1). The first corner is that of the L, then the far end of
    its upright leg, the corner opposite, the far end of its lower leg: clockwise on the picture
    for a symbol that is not mirrored. `modules` is bool[rows, columns], dark = True (light in
    an inverted print), upright, as sampled before error correction. `errors_corrected` counts
    codewords.

    An Intelligent Mail barcode has its digits as payload, 20 of tracking and 0, 5, 9 or 11 of
    routing, in ASCII. Its `corners` are those of the first bar's lower and upper end, the last
    bar's upper and lower end; `size` is (1, 65), `errors_corrected` counts bars, and `modules`
    is bool[3, 65]: ascenders, trackers, descenders.

    A PDF417 symbol has `corners` from the lower left one clockwise, the symbol upright. zxing-cpp
    tells no more: `size` is (0, 0), `errors_corrected` -1, `modules` empty. Its `symbology` is
    "pdf417", also for a compact symbol, or "micropdf417".
    """

    payload: bytes
    corners: npt.NDArray[np.float32]
    symbology: str
    size: tuple[int, int]
    errors_corrected: int
    modules: npt.NDArray[np.bool_]
    mirrored: bool = False
    inverted: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Suspect:
    """Something with the finder and timing of a symbol that could not be read.

    `corners` as in `Reading`; `agreement` is the mean of its finder and timing cells: 1 as they
    should be, 0 chance.
    """

    corners: npt.NDArray[np.float32]
    agreement: float


class Reader:
    """Reads frame after frame with the same options and the same scratch memory.

    For a camera loop. One instance serves any number of threads at once; the GIL is released while
    a frame is read. The options are those of `read`.

    >>> Reader(sizes=[(40, 40)]).read(np.full((480, 640), 255, np.uint8))
    []
    """

    def __init__(
        self,
        *,
        limit: int = 1,
        symbologies: Iterable[str] | None = None,
        sizes: Iterable[tuple[int, int]] | None = None,
        accept: Callable[[bytes], bool] | None = None,
        effort: int | None = None,
        budget_ms: float | None = None,
    ) -> None:
        self._limit = _at_least(1, limit, "limit")
        self._sizes = [] if sizes is None else [(int(r), int(c)) for r, c in sizes]
        if sizes is not None and not self._sizes:
            raise BadArgument("sizes is empty; None stands for all 48")
        self._effort = 0 if effort is None else _at_least(1, effort, "effort")
        if budget_ms is not None and not 0 < budget_ms < 1e9:
            raise BadArgument(f"budget_ms is {budget_ms}; it must be above 0 and below 1e9")
        self._budget_ms = budget_ms
        self._accept = accept
        self._symbologies = _checked_symbologies(symbologies)
        self._native = FrameReader()
        self._bars = BarFinder()
        self._pdf417 = None
        if PDF417 in self._symbologies:
            from imicore import pdf417  # it needs zxing-cpp, and starts a process

            self._pdf417 = pdf417.shared()

    def read(self, frame: Frame, *, roi: Roi | None = None) -> list[Reading]:
        """Return the symbols of one frame, as `read` does."""
        view, offset = _view(frame, roi)
        started = 0.0 if self._budget_ms is None else time.monotonic()
        readings: list[Reading] = []
        for symbology in self._symbologies:
            limit, budget_ms = self._limit - len(readings), self._budget_ms
            if budget_ms is not None:
                budget_ms -= (time.monotonic() - started) * 1000
            if limit > 0 and (budget_ms is None or budget_ms > 0):
                readings += self._read_one(symbology, view, offset, limit, budget_ms)
        return readings

    def _read_one(
        self,
        symbology: str,
        view: Frame,
        offset: npt.NDArray[np.float32],
        limit: int,
        budget_ms: float | None,
    ) -> list[Reading]:
        if symbology == IMB:
            return [
                Reading(
                    bars.payload, bars.corners + offset, IMB, (1, 65), bars.errors_corrected,
                    bars.modules,
                )
                for bars in imb_reader.find(self._bars, view, limit, self._accept)
            ]  # fmt: skip
        if symbology == PDF417:
            assert self._pdf417 is not None
            timeout_s = None if budget_ms is None else budget_ms / 1000
            return [
                Reading(
                    symbol.payload, symbol.corners + offset, symbol.symbology, (0, 0), -1,
                    np.zeros((0, 0), np.bool_),
                )
                for symbol in self._pdf417.read(
                    view, limit, accept=self._accept, timeout_s=timeout_s
                )
            ]  # fmt: skip
        found = self._native.read(
            view,
            limit=limit,
            sizes=self._sizes,
            effort=self._effort,
            budget_ms=budget_ms,
            accept=self._accept,
        )
        readings = []
        for payload, corners, size, errors, modules, mirrored, inverted in found:
            place = corners + offset
            readings.append(
                Reading(payload, place, DATA_MATRIX, size, errors, modules, mirrored, inverted)
            )
        return readings

    def suspect(self, frame: Frame, *, roi: Roi | None = None) -> Suspect | None:
        """Return the likeliest symbol of a frame in which nothing can be read, or None.

        Tells a damaged symbol from a blank place. `accept` and `budget_ms` play no part.

        >>> Reader().suspect(np.full((480, 640), 255, np.uint8)) is None
        True
        """
        view, offset = _view(frame, roi)
        found = self._native.suspect(view, sizes=self._sizes, effort=self._effort)
        return None if found is None else Suspect(found[0] + offset, found[1])

    def read_many(self, frames: Iterable[Frame], *, roi: Roi | None = None) -> list[list[Reading]]:
        """Return the symbols of each frame, in order."""
        return [self.read(frame, roi=roi) for frame in frames]


def read(
    frame: Frame,
    *,
    roi: Roi | None = None,
    limit: int = 1,
    symbologies: Iterable[str] | None = None,
    sizes: Iterable[tuple[int, int]] | None = None,
    accept: Callable[[bytes], bool] | None = None,
    effort: int | None = None,
    budget_ms: float | None = None,
) -> list[Reading]:
    """Return the symbols found in a frame, at most `limit`, in the order found.

    An answer is given only when Reed-Solomon proves it with check codewords to spare; a frame
    without a readable symbol gives an empty list.

    Args:
        frame: uint8[H, W], 0 = black, up to 12 megapixels. Rows may be strided (a view, not
            copied); any other layout is copied. Made for 3.2 to 12 pixels a module.
        roi: (x, y, width, height) in pixels, inside the frame: look only there. A rim of two
            modules round the symbol helps.
        limit: stop after so many symbols.
        symbologies: names of what to read, of `SYMBOLOGIES`, looked for in that order: "datamatrix"
            (alone when left out), "imb" for the Intelligent Mail barcode, "pdf417" (also compact
            and micro) through zxing-cpp in a process of its own, at 20 to 100 ms a frame.
        sizes: (rows, columns) of the sizes that may occur; fewer is faster and surer.
        accept: called with a payload; False refuses it and the search goes on.
        effort: work at most on Data Matrix (bars have a bound of their own), in units that take
            about 10 us (default 1,200). Deterministic: the same frame and effort give the same
            answer.
        budget_ms: stop looking after so many milliseconds of monotonic time. Off by default, and to
            be left off where a run must be repeatable.

    Raises:
        BadImage: the frame is not uint8[H, W] of at most 12,000,000 pixels.
        BadArgument: `roi` is not inside the frame, or another argument is out of range.
        BackendMissing: PDF417 is wanted and zxing-cpp is not installed.
        BackendFailure: PDF417 is wanted and its process does not start.
        NoSuchSize: one of `sizes` is none of the 48 of ISO/IEC 16022 and ISO/IEC 21471.

    >>> read(np.full((480, 640), 255, np.uint8))
    []
    """
    plain = symbologies is None and sizes is None and accept is None
    if plain and limit == 1 and effort is None and budget_ms is None:
        return _shared().read(frame, roi=roi)
    options = Reader(
        limit=limit,
        symbologies=symbologies,
        sizes=sizes,
        accept=accept,
        effort=effort,
        budget_ms=budget_ms,
    )
    options._native, options._bars = _shared()._native, _shared()._bars
    return options.read(frame, roi=roi)


def read_many(
    frames: Iterable[Frame],
    *,
    roi: Roi | None = None,
    limit: int = 1,
    symbologies: Iterable[str] | None = None,
    sizes: Iterable[tuple[int, int]] | None = None,
    accept: Callable[[bytes], bool] | None = None,
    effort: int | None = None,
    budget_ms: float | None = None,
) -> list[list[Reading]]:
    """Return what `read` returns for each frame, in order; the options are checked once.

    >>> read_many([np.zeros((99, 99), np.uint8)] * 2)
    [[], []]
    """
    reader = Reader(
        limit=limit,
        symbologies=symbologies,
        sizes=sizes,
        accept=accept,
        effort=effort,
        budget_ms=budget_ms,
    )
    return reader.read_many(frames, roi=roi)


_default: list[Reader] = []


def _shared() -> Reader:
    """Return the reader behind `read`; it keeps no state but scratch memory."""
    if not _default:
        _default.append(Reader())
    return _default[0]


def _checked_symbologies(names: Iterable[str] | None) -> tuple[str, ...]:
    if names is None:
        return (DATA_MATRIX,)
    if isinstance(names, str):
        raise BadArgument(f"symbologies is {names!r}; it must be a list of names")
    wanted = tuple(dict.fromkeys(names))
    if not wanted:
        raise BadArgument(f"symbologies is empty; None stands for {DATA_MATRIX!r}")
    for name in wanted:
        if name not in SYMBOLOGIES:
            raise BadArgument(f"symbology {name!r} is not read; {', '.join(SYMBOLOGIES)} are")
    return wanted


def _at_least(least: int, value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise BadArgument(f"{name} is {value!r}; it must be a whole number")
    if not least <= value < 2**31:
        raise BadArgument(f"{name} is {value}; it must be from {least} to {2**31 - 1}")
    return int(value)


def _view(frame: Frame, roi: Roi | None) -> tuple[Frame, npt.NDArray[np.float32]]:
    """Return the part of a checked frame to look at, and where it begins as float32[2]."""
    view = _checked(frame)
    if roi is None:
        return view, np.zeros(2, np.float32)
    left, top, width, height = _checked_roi(roi, view)
    return view[top : top + height, left : left + width], np.array((left, top), np.float32)


def _checked(frame: Frame) -> Frame:
    if not isinstance(frame, np.ndarray):
        raise BadImage(f"the frame is a {type(frame).__name__}; it must be a numpy uint8[H, W]")
    if frame.dtype != np.uint8:
        raise BadImage(f"the frame's dtype is {frame.dtype}; it must be uint8")
    if frame.ndim != 2:
        raise BadImage(f"the frame has {frame.ndim} dimensions; it must have 2: uint8[H, W]")
    if frame.size > MAX_FRAME_PIXELS:
        height, width = frame.shape
        raise BadImage(
            f"the frame is {width}x{height} = {frame.size} pixels; the limit is {MAX_FRAME_PIXELS}"
        )
    if frame.size and (frame.strides[1] != 1 or frame.strides[0] < frame.shape[1]):
        return np.ascontiguousarray(frame)
    return frame


def _checked_roi(roi: Sequence[int], frame: Frame) -> Roi:
    height, width = frame.shape
    try:
        x, y, w, h = roi
        whole = all(isinstance(v, (int, np.integer)) for v in (x, y, w, h))
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise BadArgument(f"roi is {roi!r}; it must be four whole numbers (x, y, width, height)")
    if x < 0 or y < 0 or w < 1 or h < 1 or x + w > width or y + h > height:
        raise BadArgument(
            f"roi {(int(x), int(y), int(w), int(h))} is not inside the frame of {width}x{height}"
        )
    return int(x), int(y), int(w), int(h)
