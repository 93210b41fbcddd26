"""Ads and slogans: dots that are no postage, and the place on a piece that no postage needs.

Nothing is printed where an indicium, its FIM or their clear zone may stand (PB22487, 2018-03-05),
whether this piece carries postage or not: another machine may put it there.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from imicore import _imaging, fim, glyphs
from imicore.dots import Box, Raster
from imicore.errors import BadArgument, PlacementError
from imicore.layout import EDGE_IN
from imicore.placement import CLEAR_IN

Picture = npt.NDArray[np.bool_]

RESERVED_IN: Final = fim.RIGHT_BAR_IN + fim.TOLERANCE_IN + 8 * fim.PITCH_IN + fim.BAR_WIDTH_IN
"""From the right edge to the left end of a FIM as far left as it may stand; an indicium ends
before it."""
ADDRESS_IN: Final = 2.75
"""From the bottom edge: there and below equipment reads the address (DMM 202, recalled)."""
CAP_HEIGHT_IN: Final = (0.16, 0.09)  # of the first line, of the others
LEADING: Final = 1.55  # from line to line, in heights of a capital
MOST_LINES: Final = 6


class Spot(NamedTuple):
    """A graphic's place, in dots from the upper left corner of the piece."""

    x: int
    y: int
    piece: Box


def from_text(lines: Sequence[str], dots_per_inch: int) -> Raster:
    """Return lines of text as a raster, the first large and bold; its element is "graphic".

    Raises:
        BadArgument: no line, more than six, one without ink, or a character outside Latin-1.

    >>> raster = from_text(["Mail early", "for the holidays"], 600)
    >>> list(raster.elements), raster.elements["graphic"].width == raster.width
    (['graphic'], True)
    """
    if not 1 <= len(lines) <= MOST_LINES:
        raise BadArgument(f"a graphic of {len(lines)} lines; it has 1 to {MOST_LINES}")
    sheets = [
        glyphs.sheet(round(CAP_HEIGHT_IN[bool(place)] * dots_per_inch), bold=not place)
        for place in range(len(lines))
    ]
    widths = [sheet.width(line) for sheet, line in zip(sheets, lines, strict=True)]
    if 0 in widths:
        raise BadArgument(f"line {widths.index(0) + 1} of a graphic has no ink")
    baseline = sheets[0].above + sheets[0].cap_height
    baselines = [baseline]
    for sheet in sheets[1:]:
        baselines.append(baselines[-1] + round(LEADING * sheet.cap_height) + sheet.below)
    width, height = max(widths), baselines[-1] + sheets[-1].below + 1
    rows = np.zeros((height, -(-width // 8)), np.uint8)
    for sheet, line, below in zip(sheets, lines, baselines, strict=True):
        _imaging.draw_text(rows, width, (sheet.native, 0, below, width), line, dots_per_inch)
    return Raster(rows, width, dots_per_inch, {"graphic": Box(0, 0, width, height)})


def from_picture(picture: Picture, dots_per_inch: int) -> Raster:
    """Return a picture, bool[height, width], True = ink, a pixel for each dot of the head.

    Raises:
        BadArgument: another type or shape, or no ink.

    >>> from_picture(np.eye(100, dtype=bool), 600).elements["graphic"]
    Box(x=0, y=0, width=100, height=100)
    """
    if picture.dtype != np.bool_ or picture.ndim != 2 or not picture.any():
        said = f"{picture.dtype}{[*picture.shape]}"
        raise BadArgument(f"a graphic is bool[height, width] with some ink, not {said}")
    height, width = picture.shape
    rows = np.packbits(picture, axis=1)
    return Raster(rows, width, dots_per_inch, {"graphic": Box(0, 0, width, height)})


def place_graphic(raster: Raster, *, piece_length_in: float, piece_height_in: float) -> Spot:
    """Return where a graphic goes: left of all that postage needs, above the address.

    Its right edge stands `CLEAR_IN` left of `RESERVED_IN`, its top edge as an indicium's.

    Raises:
        PlacementError: it does not fit; with the amounts.

    >>> spot = place_graphic(from_text(["Mail early"], 600), piece_length_in=9.5,
    ...     piece_height_in=4.125)
    >>> spot.piece.width, spot.y
    (5700, 150)
    """
    dpi = raster.dots_per_inch
    piece = Box(0, 0, int(piece_length_in * dpi), int(piece_height_in * dpi))
    right = int((piece_length_in - RESERVED_IN - CLEAR_IN) * dpi)
    left, top = int(EDGE_IN * dpi), int(np.ceil(EDGE_IN * dpi))
    bottom = int((piece_height_in - ADDRESS_IN) * dpi)
    if raster.width > right - left or raster.height > bottom - top:
        raise PlacementError(
            f"the graphic is {raster.width / dpi:.3f} x {raster.height / dpi:.3f} in; a piece of "
            f"{piece_length_in} x {piece_height_in} in has {max(0, right - left) / dpi:.3f} x "
            f"{max(0, bottom - top) / dpi:.3f} in beside the place of postage and above the address"
        )
    return Spot(right - raster.width, top, piece)
