"""Where an imprint really lies on its piece: edges, clear zone, skew and module size, measured.

The rules are those that `imicore.placement` places by; this reads them off a picture of the piece.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from imicore.errors import BadArgument
from imicore.layout import EDGE_IN
from imicore.placement import CLEAR_IN
from imicore.print_quality import PrintQuality
from imicore.raster import MODULE_IN

LOOK_IN = 2 * CLEAR_IN  # how far the clear zone is looked for
SPECK_IN = 0.01  # print that is no higher and no wider is dirt

Frame = npt.NDArray[np.uint8]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class ImprintPlace:
    """Lengths in inches, measured along and across the piece's own edges."""

    right_in: float
    """From the indicium to the piece's right edge."""
    top_in: float
    """From the indicium to the piece's top edge."""
    clear_left_in: float
    """Bare paper left of the indicium, looked for up to 1 in or the piece's edge."""
    clear_below_in: float
    skew_deg: float
    """Of the symbol's rows against the piece's top edge, clockwise above 0."""
    module_in: tuple[float, float]
    """Mean pitch across and down."""
    faults: tuple[str, ...]
    """Each rule that is broken, with the amount and the limit."""


def measure_imprint(
    frame: Frame,
    quality: PrintQuality,
    *,
    pixels_per_inch: float,
    piece: Box | npt.ArrayLike,
    indicium: Box | None = None,
) -> ImprintPlace:
    """Return where a graded imprint lies on its piece, and which placement rules it breaks.

    Args:
        frame: uint8[H, W] or uint8[H, W, 3], the picture that was graded, the address side up.
        quality: what `imicore.grade.grade` returned for it.
        pixels_per_inch: of the picture.
        piece: the piece's edges in pixels: a box (x, y, width, height), or four corners (x, y) of a
            piece that lies askew: upper left, upper right, lower right, lower left.
        indicium: box (x, y, width, height) round all elements of the indicium, text and FIM too.
            None takes the symbol alone, and then its own text counts as print in the clear zone.

    Raises:
        BadArgument: the piece or the indicium is not of that form, or the symbol is not on it.

    Rules: 1/4 in from the right and top edges, 1/2 in clear left of and below all elements
    (PB22487, 2018-03-05), modules of 0.0133 to 0.020 in (this product's own range).

    >>> from imicore import datamatrix, grade, reader
    >>> symbol = datamatrix.encode(b"indicium", size=(20, 20))
    >>> piece = np.full((600, 900), 230, np.uint8)
    >>> piece[60:180, 717:837] = np.where(np.kron(symbol.modules, np.ones((6, 6))), 30, 230)
    >>> quality = grade.grade(piece, reader.read(piece)[0], pixels_per_inch=400)
    >>> place = measure_imprint(piece, quality, pixels_per_inch=400, piece=(0, 0, 900, 600))
    >>> for fault in place.faults:
    ...     print(fault)
    the distance from the right edge is 0.157 in; at least 0.25 in is asked for
    the distance from the top edge is 0.150 in; at least 0.25 in is asked for
    """
    if not (math.isfinite(pixels_per_inch) and pixels_per_inch > 0):
        raise BadArgument(f"pixels_per_inch is {pixels_per_inch}; it must be above 0")
    edges = _edges(piece)
    symbol = _outline(quality)
    elements = symbol if indicium is None else np.vstack([symbol, _corners(indicium, "indicium")])
    upper_left, upper_right, _, lower_left = edges
    along = (upper_right - upper_left) / np.hypot(*(upper_right - upper_left))
    across = np.array([-along[1], along[0]])  # down the piece
    length = float(np.dot(upper_right - upper_left, along))
    height = float(np.dot(lower_left - upper_left, across))
    u, v = (elements - upper_left) @ along, (elements - upper_left) @ across
    if u.min() < 0 or v.min() < 0 or u.max() > length or v.max() > height:
        raise BadArgument(
            f"the indicium reaches from ({u.min():.0f}, {v.min():.0f}) to ({u.max():.0f}, "
            f"{v.max():.0f}) px of a piece of {length:.0f}x{height:.0f} px: it is not on it"
        )
    ink = _ink(frame, quality)
    ppi = pixels_per_inch
    box = (float(u.min()), float(v.min()), float(u.max()), float(v.max()))
    clear = _clear(ink, upper_left, along, across, box, (length, height), ppi)
    rows = quality.centres[:, -1] - quality.centres[:, 0]
    turn = np.degrees(np.arctan2(rows @ across, rows @ along)).mean()
    place = ImprintPlace(
        right_in=(length - box[2]) / ppi,
        top_in=box[1] / ppi,
        clear_left_in=clear[0],
        clear_below_in=clear[1],
        skew_deg=float((turn + 45) % 90 - 45),
        module_in=(quality.module_um[0] / 25400, quality.module_um[1] / 25400),
        faults=(),
    )
    return replace(place, faults=tuple(_faults(place, 0.5 / ppi)))


def _faults(place: ImprintPlace, slack_in: float) -> list[str]:
    """Return the broken rules; `slack_in` is what half a pixel hides."""
    found = [
        f"{name} is {value:.3f} in; at least {least} in is asked for"
        for name, value, least in (
            ("the distance from the right edge", place.right_in, EDGE_IN),
            ("the distance from the top edge", place.top_in, EDGE_IN),
            ("the clear zone at the left", place.clear_left_in, CLEAR_IN),
            ("the clear zone below", place.clear_below_in, CLEAR_IN),
        )
        if value < least - slack_in
    ]
    low, high = MODULE_IN
    found += [
        f"the module {way} is {value:.4f} in; {low} to {high} in is asked for"
        for way, value in zip(("across", "down"), place.module_in, strict=True)
        if not 0.99 * low <= value <= 1.01 * high
    ]
    return found


def _clear(
    ink: npt.NDArray[np.bool_],
    origin: npt.NDArray[np.float64],
    along: npt.NDArray[np.float64],
    across: npt.NDArray[np.float64],
    box: tuple[float, float, float, float],
    piece: tuple[float, float],
    ppi: float,
) -> tuple[float, float]:
    """Return the bare width left of and below the box, in inches."""
    left, top, right, bottom = box
    look, zone = LOOK_IN * ppi, CLEAR_IN * ppi
    rows, columns = np.nonzero(ink)
    points = np.stack([columns + 0.5, rows + 0.5], axis=1) - origin
    u, v = points @ along, points @ across
    edge = 2.0  # px: the shadow of the piece's own edge
    on_piece = (u > edge) & (v > edge) & (u < piece[0] - edge) & (v < piece[1] - edge)
    beside = on_piece & (u < left - 1) & (u > left - look) & (v > top) & (v < bottom + zone)
    below = on_piece & (v > bottom + 1) & (v < bottom + look) & (u > left - zone) & (u < right)
    # Above the box's foot print is beside it, below it is below: a corner counts where it is
    # nearer.
    corner = (u < left) & (v > bottom)
    nearer = (left - u) > (v - bottom)
    beside &= ~corner | nearer
    below &= ~corner | ~nearer
    enough = max(2, round((SPECK_IN * ppi) ** 2))
    return (
        _first(left - u[beside], enough, min(left, look)) / ppi,
        _first(v[below] - bottom, enough, min(piece[1] - bottom, look)) / ppi,
    )


def _first(distances: npt.NDArray[np.float64], enough: int, most: float) -> float:
    """Return the distance at which there is print and not dirt, or `most`."""
    if len(distances) < enough:
        return float(most)
    return float(np.partition(distances, enough - 1)[enough - 1])


def _ink(frame: Frame, quality: PrintQuality) -> npt.NDArray[np.bool_]:
    """Return which pixels are nearer to the ink of the symbol than to its paper."""
    grey = frame if frame.ndim == 2 else frame.min(axis=2)
    levels = [grey[y, x] for x, y in quality.centres.reshape(-1, 2).astype(int)]
    dark = np.asarray(levels)[quality.modules.ravel() != quality.inverted]
    light = np.asarray(levels)[quality.modules.ravel() == quality.inverted]
    return np.asarray(grey < (float(np.median(dark)) + float(np.median(light))) / 2)


def _outline(quality: PrintQuality) -> npt.NDArray[np.float64]:
    """Return the corners of the symbol, half a module outside the outer centres."""
    c = quality.centres
    across = (c[0, -1] - c[0, 0]) / (c.shape[1] - 1) / 2
    down = (c[-1, 0] - c[0, 0]) / (c.shape[0] - 1) / 2
    return np.array(
        [
            c[0, 0] - across - down,
            c[0, -1] + across - down,
            c[-1, -1] + across + down,
            c[-1, 0] - across + down,
        ]
    )


def _edges(piece: Box | npt.ArrayLike) -> npt.NDArray[np.float64]:
    array = np.asarray(piece, float)
    if array.shape == (4,):
        return _corners(tuple(array.tolist()), "piece")
    if array.shape != (4, 2) or not np.isfinite(array).all():
        raise BadArgument("the piece is neither (x, y, width, height) nor four corners (x, y)")
    if min(np.hypot(*(array[1] - array[0])), np.hypot(*(array[3] - array[0]))) < 1:
        raise BadArgument("the piece's corners are no four different points")
    return array


def _corners(box: Sequence[float], name: str) -> npt.NDArray[np.float64]:
    if len(box) != 4 or not all(math.isfinite(value) for value in box):
        raise BadArgument(f"the {name} is not (x, y, width, height)")
    x, y, width, height = box
    if width <= 0 or height <= 0:
        raise BadArgument(f"the {name} is {width:g}x{height:g} px; both must be above 0")
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
