"""What makes an imprint plainly no postage: the SPECIMEN band and VOID over the symbol."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from imicore import glyphs
from imicore.errors import BadArgument

Dots = npt.NDArray[np.bool_]
Lengths = npt.NDArray[np.float64]
Point = tuple[float, float]

BAND_HEIGHT_IN = 0.16
BAND_CAP_IN = 0.1
STRIPE_IN = 0.022  # a stripe; the pitch is twice that
OUTLINE_IN = 0.006
VOID_INK_MODULES = 0.26  # from the middle of a stroke to the edge of its ink
VOID_PAPER_MODULES = 0.4  # and of the white beside it; at 0.5 it would reach modules' middles


@dataclass(frozen=True)
class Mark:
    """What says that an imprint is not postage.

    `text` stands in outlined letters in a striped band below the indicium; "" for no band. `void`
    overprints VOID over the symbol in thin strokes, as a meter's test imprint does.

    >>> Mark()
    Mark(text='SPECIMEN', void=False)
    """

    text: str = "SPECIMEN"
    void: bool = False


def band(text: str, width: int, dots_per_inch: int) -> Dots:
    """Return the band as bool[height, width]: diagonal stripes, the text outlined in the middle.

    Raises BadArgument when the text is too wide or has no ink.

    >>> band("SPECIMEN", 900, 600).shape
    (96, 900)
    """
    height = round(BAND_HEIGHT_IN * dots_per_inch)
    letters = _outlined(text, dots_per_inch)
    margin = round(BAND_CAP_IN * dots_per_inch / 2)
    if letters.shape[1] + 2 * margin > width:
        raise BadArgument(
            f"mark {text!r} is {(letters.shape[1] + 2 * margin) / dots_per_inch:.3f} in wide; "
            f"the indicium holds {width / dots_per_inch:.3f} in"
        )
    if letters.shape[0] > height:
        raise BadArgument(
            f"mark {text!r} is {letters.shape[0] / dots_per_inch:.3f} in high; "
            f"the band is {BAND_HEIGHT_IN} in"
        )
    stripe = max(2, round(STRIPE_IN * dots_per_inch))
    y, x = np.mgrid[:height, :width]
    dots: Dots = (x + y) // stripe % 2 == 0
    left = (width - letters.shape[1]) // 2
    top = (height - letters.shape[0]) // 2
    dots[:, left - margin : left + letters.shape[1] + margin] = False
    dots[top : top + letters.shape[0], left : left + letters.shape[1]] = letters
    rule = max(1, round(OUTLINE_IN * dots_per_inch))
    dots[:rule] = dots[-rule:] = True
    return dots


def void_strokes(rows: int, columns: int, dots_per_module: int) -> tuple[Dots, Dots]:
    """Return (ink, paper) for VOID over a symbol of `rows` by `columns` modules.

    Black strokes between white ones, so that they show on dark and light modules alike. They run
    along the borders between modules and spare the middles, where a reader looks: the test
    imprint stays readable, which proves the whole path to the paper.

    >>> ink, paper = void_strokes(40, 40, 10)
    >>> ink.shape, bool((ink & ~paper).any())
    ((400, 400), False)
    """
    lines = _void_lines(rows, columns)
    shape = (rows * dots_per_module, columns * dots_per_module)
    if dots_per_module >= 5:
        nearest = _nearest(lines, shape, dots_per_module, 0.0)
        return nearest <= VOID_INK_MODULES, nearest <= VOID_PAPER_MODULES
    # Three or four dots to a module have no room for ink between two whites: ink below and at the
    # right, white above and at the left, like an engraving.
    half = 0.5 / dots_per_module
    ink = _nearest(lines, shape, dots_per_module, half) < half
    return ink, _nearest(lines, shape, dots_per_module, 0.0) < 2 * half


def _nearest(
    lines: list[list[Point]], shape: tuple[int, int], dots_per_module: int, offset: float
) -> Lengths:
    """Return each dot's distance to the lines in modules; 1.0 stands for all that is farther."""
    nearest = np.ones(shape)
    for line in lines:
        for start, end in pairwise(line):
            # Only the dots about this stroke are measured: the rest is farther than anyone asks.
            window = tuple(
                slice(max(0, int((min(ends) - 1) * dots_per_module)),
                      int((max(ends) + 2) * dots_per_module))
                for ends in ((start[1], end[1]), (start[0], end[0]))
            )  # fmt: skip
            y, x = (np.mgrid[window] + 0.5) / dots_per_module - offset
            part = nearest[window]
            away = _distance(
                x[: part.shape[0], : part.shape[1]], y[: part.shape[0], : part.shape[1]], start, end
            )
            np.minimum(part, away, out=part)
    return nearest


def _void_lines(rows: int, columns: int) -> list[list[Point]]:
    """Return VOID as lines through the corners of modules, in the middle of the symbol."""
    height, width, gap = rows // 2, max(2, columns // 5), max(1, columns * 3 // 40)
    corner = max(1, width // 4)
    left, top = (columns - 3 * width - 3 * gap) // 2, (rows - height) // 2
    right_side = [
        (width - corner, 0),
        (width, corner),
        (width, height - corner),
        (width - corner, height),
    ]
    left_side = [(corner, height), (0, height - corner), (0, corner), (corner, 0)]
    letters: list[tuple[int, list[Point]]] = [
        (0, [(0, 0), (width / 2, height), (width, 0)]),
        (width + gap, [*right_side, *left_side, right_side[0]]),
        (2 * (width + gap), [(0, 0), (0, height)]),
        (2 * (width + gap) + gap, [(0, 0), *right_side, (0, height), (0, 0)]),
    ]
    return [[(left + at + x, top + y) for x, y in line] for at, line in letters]


def _distance(x: Lengths, y: Lengths, start: Point, end: Point) -> Lengths:
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    far: Lengths = np.hypot(x - start[0] - along * dx, y - start[1] - along * dy)
    return far


def _outlined(text: str, dots_per_inch: int) -> Dots:
    sheet = glyphs.sheet(max(4, round(BAND_CAP_IN * dots_per_inch)), bold=True, width_ratio=1.1)
    sheet.width(text)  # refuses characters that the sheet does not have
    line = [sheet.glyphs[character] for character in text]
    space = max(1, sheet.cap_height // 8)
    baseline = sheet.cap_height + sheet.above
    width = sum(glyph.advance + space for glyph in line) + sheet.cap_height  # overhang of the last
    solid = np.zeros((baseline + sheet.below, width), bool)
    pen = 0
    for glyph in line:
        rows, columns = glyph.dots.shape
        top, left = baseline - glyph.top, max(0, pen + glyph.left)
        solid[top : top + rows, left : left + columns] |= glyph.dots
        pen += glyph.advance + space
    if not solid.any():
        raise BadArgument(f"mark {text!r} has no ink; for no band take the text ''")
    inked_rows, inked_columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    solid = solid[inked_rows[0] : inked_rows[-1] + 1, inked_columns[0] : inked_columns[-1] + 1]
    solid = np.pad(solid, 1)
    core = solid.copy()
    for i in range(max(1, round(OUTLINE_IN * dots_per_inch))):
        # A cross and a square by turns: the outline is as thick on slants as on stems.
        plus = core[:-2, 1:-1] & core[2:, 1:-1] & core[1:-1, :-2] & core[1:-1, 2:]
        diagonal = core[:-2, :-2] & core[2:, 2:] & core[2:, :-2] & core[:-2, 2:]
        core[1:-1, 1:-1] &= plus & diagonal if i % 2 else plus
    outlined: Dots = (solid & ~core)[1:-1, 1:-1]
    return outlined
