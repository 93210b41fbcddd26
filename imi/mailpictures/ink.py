"""The simulated print head: rows of dots become ink on a piece, at the camera's scale.

The geometry is exact: every pixel gets the share of its own area that ink covers, wherever the
pixel grid falls on the dot grid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imi.mailpictures import paper
from imi.mailpictures.checks import BadPicture, Image, grey, within

MAX_DOTS: Final = 64_000_000  # eight megabytes of packed rows; a 12 in head at 600 dpi for 15 in
DPI_RANGE: Final = (50, 1200)
RASTER_DPI_RANGE: Final = (50, 2400)
PLACE_LIMIT_IN: Final = 50  # far beyond any piece; mostly against NaN and wrong units


@dataclass(frozen=True)
class InkModel:
    """How the head and the ink turn fired dots into a dark patch. Lengths in dots of the raster.

    Attributes:
        grey: what the camera sees of solid ink, 0 to 255: black pigment 30 to 45; fluorescent
            red is 60 to 110 under white light.
        density: share of paper that solid ink hides, 0 to 1.
        dot_gain_dots: outward growth of every edge (negative: loss), -8 to 16.
        wicking: how unevenly growth follows the fibres, 0 even to 1.
        mottle: unevenness of solid areas, 0 to 0.5.
        missing_nozzles: rows that fire nothing. The piece moves along x, so a nozzle is a row.
        smear_dots: length of the tail that wet ink leaves behind the piece's motion, 0 to 100.
        satellites: share of dots of the imprint's area that stray drops hit, 0 to 0.2.
    """

    grey: int = 38
    density: float = 0.96
    dot_gain_dots: float = 0.35
    wicking: float = 0.5
    mottle: float = 0.06
    missing_nozzles: tuple[int, ...] = ()
    smear_dots: float = 0.0
    satellites: float = 0.0002

    def __post_init__(self) -> None:
        within("ink grey", self.grey, 0, 255, "grey levels")
        within("ink density", self.density, 0, 1, "of full cover")
        within("dot gain", self.dot_gain_dots, -8, 16, "dots")
        within("wicking", self.wicking, 0, 1, "of the growth")
        within("mottle", self.mottle, 0, 0.5, "of the density")
        within("smear", self.smear_dots, 0, 100, "dots")
        within("satellites", self.satellites, 0, 0.2, "of all dots")


def print_on(
    piece_image: Image,
    rows: NDArray[np.uint8],
    *,
    raster_dpi: float,
    image_dpi: float,
    x_in: float,
    y_in: float,
    ink: InkModel,
    rng: np.random.Generator,
) -> Image:
    """Return the piece with the rows printed, top left dot at (x_in, y_in) from its top left.

    Args:
        piece_image: uint8[H, W], 0 dark; not changed.
        rows: uint8[R, ceil(C/8)], one bit a dot, first dot in the high bit, 1 is ink.
        raster_dpi: dots per inch of the rows, 50 to 2400, the same both ways.
        image_dpi: pixels per inch of the piece image, 50 to 1200.
        x_in: inches to the left edge of the first dot.
        y_in: inches to the top edge of the first row.
        ink: head and ink.
        rng: decides wicking, mottle and stray drops.

    Raises:
        BadPicture: an image or rows of another type or shape, a resolution out of range, or an
            imprint that misses the piece.

    >>> paper = np.full((20, 20), 230, np.uint8)
    >>> rows = np.full((8, 1), 0xFF, np.uint8)
    >>> sharp = InkModel(grey=0, density=1, dot_gain_dots=0, mottle=0, satellites=0)
    >>> printed = print_on(paper, rows, raster_dpi=100, image_dpi=100, x_in=0.05, y_in=0.05,
    ...                    ink=sharp, rng=np.random.default_rng(1))
    >>> int(printed[8, 8]), int(printed[4, 4])
    (0, 230)
    """
    if rows.ndim != 2 or rows.dtype != np.uint8 or rows.size == 0:
        raise BadPicture(f"rows are {rows.dtype}{list(rows.shape)}; packed rows are uint8[R, C/8]")
    if rows.size * 8 > MAX_DOTS:
        raise BadPicture(f"the rows hold {rows.size * 8} dots; the limit is {MAX_DOTS}")
    dots = np.unpackbits(rows, axis=1)
    np.multiply(dots, 255, out=dots)
    return print_dots(
        piece_image, dots, raster_dpi=raster_dpi, image_dpi=image_dpi,
        x_in=x_in, y_in=y_in, ink=ink, rng=rng,
    )  # fmt: skip


def print_dots(
    piece_image: Image,
    dots: Image,
    *,
    raster_dpi: float,
    image_dpi: float,
    x_in: float,
    y_in: float,
    ink: InkModel,
    rng: np.random.Generator,
) -> Image:
    """Return the piece with dots printed: as print_on, from uint8[R, C], 0 none to 255 a full dot.

    This is where a defect of the print enters, between the rows and the paper.

    >>> print_dots(np.full((9, 9), 230, np.uint8), np.zeros((3, 3), np.uint8), raster_dpi=100,
    ...            image_dpi=100, x_in=0, y_in=0, ink=InkModel(satellites=0),
    ...            rng=np.random.default_rng(1)).min()
    np.uint8(230)
    """
    if piece_image.ndim != 2 or piece_image.dtype != np.uint8:
        raise BadPicture(
            f"the piece is {piece_image.dtype}{list(piece_image.shape)}; it is to be uint8[H, W]"
        )
    within("raster resolution", raster_dpi, *RASTER_DPI_RANGE, "dots per inch")
    within("image resolution", image_dpi, *DPI_RANGE, "pixels per inch")
    within("left edge of the imprint", x_in, -PLACE_LIMIT_IN, PLACE_LIMIT_IN, "in")
    within("top edge of the imprint", y_in, -PLACE_LIMIT_IN, PLACE_LIMIT_IN, "in")
    cover, margin = spread(dots, ink, rng)
    left = (x_in - margin / raster_dpi) * image_dpi
    top = (y_in - margin / raster_dpi) * image_dpi
    patch, column, row = area_average(cover, image_dpi / raster_dpi, left, top)
    height, width = piece_image.shape
    x0, x1 = max(column, 0), min(column + patch.shape[1], width)
    y0, y1 = max(row, 0), min(row + patch.shape[0], height)
    if x0 >= x1 or y0 >= y1:
        raise BadPicture(
            f"an imprint at ({x_in:g}, {y_in:g}) in misses the piece of "
            f"{width / image_dpi:g} x {height / image_dpi:g} in"
        )
    printed = piece_image.copy()
    share = patch[y0 - row : y1 - row, x0 - column : x1 - column]
    lay(printed[y0:y1, x0:x1], share * ink.density, ink.grey)
    return printed


def lay(area: Image, share: NDArray[np.float32], level: int) -> None:
    """Cover an area of an image in place: share float32[0, 1] of each pixel takes the level."""
    under = area.astype(np.float32)
    under += (level - under) * share
    area[:] = np.rint(under)


def spread(dots: Image, ink: InkModel, rng: np.random.Generator) -> tuple[Image, int]:
    """Return ink cover per dot cell, uint8 0 to 255, and by how many cells it was padded."""
    growth = abs(ink.dot_gain_dots)
    margin = int(np.ceil(max(ink.dot_gain_dots, 0))) + int(np.ceil(ink.smear_dots)) + 1
    cover = dots
    if ink.missing_nozzles:
        cover = _without_nozzles(dots, ink.missing_nozzles)
    if ink.satellites:
        cover = grey(cv2.max(cover, _satellites(cover.shape, ink.satellites, rng)))
    cover = np.pad(cover, margin)
    if growth:
        cover = _grow(cover, ink.dot_gain_dots, ink.wicking, rng)
    if ink.smear_dots:
        cover = _smear(cover, ink.smear_dots)
    if ink.mottle:
        depth = 200 * ink.mottle / 40  # the noise has deviation 40; 200 stands for 1
        noise = paper.mottle((cover.shape[0], cover.shape[1]), rng)
        tone = cv2.convertScaleAbs(noise, alpha=depth, beta=200 - 128 * depth)
        cover = grey(cv2.multiply(cover, tone, scale=1 / 200))
    return cover, margin


def area_average(
    cover: Image, scale: float, left: float, top: float
) -> tuple[NDArray[np.float32], int, int]:
    """Return the covered share of every pixel, float32[h, w] 0 to 1, and its column and row.

    `cover` has 1/scale cells a pixel and its corner at (left, top) pixels. The integral image
    makes it exact for any scale and offset; it is linear inside a cell.
    """
    height, width = cover.shape
    column, row = int(np.floor(left)), int(np.floor(top))
    columns = int(np.ceil(left + width * scale)) - column
    lines = int(np.ceil(top + height * scale)) - row
    total = cv2.integral(cover, sdepth=cv2.CV_32S if cover.size < 8_000_000 else cv2.CV_64F)
    edges_y = np.clip((np.arange(lines + 1) + row - top) / scale, 0, height)
    edges_x = np.clip((np.arange(columns + 1) + column - left) / scale, 0, width)
    down = np.diff(_between(total, edges_y), axis=0)
    across = np.diff(_between(np.ascontiguousarray(down.T), edges_x), axis=0).T
    share = across * (scale * scale / 255)
    return np.ascontiguousarray(share, np.float32), column, row


def _between(table: NDArray[np.generic], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the table's rows at fractional places, linear between rows."""
    low = np.minimum(places.astype(np.intp), table.shape[0] - 2)
    part = (places - low)[:, None]
    lower = table[low].astype(np.float64)
    return np.asarray(lower + (table[low + 1] - lower) * part, np.float64)


def _without_nozzles(dots: Image, nozzles: Sequence[int]) -> Image:
    for nozzle in nozzles:
        within("missing nozzle", nozzle, 0, dots.shape[0] - 1, "(row number)")
    kept = dots.copy()
    kept[list(nozzles)] = 0
    return kept


def _satellites(shape: tuple[int, ...], share: float, rng: np.random.Generator) -> Image:
    drops = np.zeros(shape, np.uint8)
    count = rng.poisson(share * drops.size)
    places = rng.integers(0, drops.size, count)
    drops.reshape(-1)[places] = rng.integers(110, 256, count)
    return drops


def _grow(cover: Image, gain_dots: float, wicking: float, rng: np.random.Generator) -> Image:
    """Move every edge out by `gain_dots`, or in when negative; the last part of a dot by share."""
    disc = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    move = cv2.dilate if gain_dots > 0 else cv2.erode
    whole, part = divmod(abs(gain_dots), 1)
    if whole:
        ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * int(whole) + 1,) * 2)
        cover = grey(move(cover, ball))
    if not part and not wicking:
        return cover
    further = move(cover, disc)
    ring = cv2.absdiff(further, cover)
    # The fibre decides how far: growth times 1 +- wicking, by a coarse noise of mean 128.
    fibre = cv2.convertScaleAbs(
        paper.mottle(cover.shape, rng), alpha=wicking, beta=128 * (1 - wicking)
    )
    ring = cv2.multiply(ring, fibre, scale=part / 128)
    return grey(cv2.add(cover, ring) if gain_dots > 0 else cv2.subtract(cover, ring))


def _smear(cover: Image, length_dots: float) -> Image:
    """Drag a fading tail of each dot along +x, against the transport."""
    taps = int(np.ceil(length_dots)) + 1
    fade = np.exp(-2.5 * np.arange(taps) / taps).astype(np.float32)
    kernel = np.zeros((1, 2 * taps - 1), np.float32)
    kernel[0, :taps] = fade[::-1] / fade.sum()
    tail = cv2.filter2D(cover, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    return grey(cv2.max(cover, cv2.convertScaleAbs(tail, alpha=0.75)))
