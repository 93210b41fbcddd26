"""What makes an imprint plainly no postage: the SPECIMEN band and VOID over the symbol."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from imicore import glyphs
from imicore.errors import BadArgument

Dots = npt.NDArray[np.bool_]

BAND_HEIGHT_IN = 0.15
BAND_CAP_IN = 0.088
STRIPE_IN = 0.024  # a stripe; the pitch is twice that
OUTLINE_IN = 0.008

# VOID in strokes, in a box of 3 by 4, y down; each letter's lines as points.
VOID_STROKES = (
    (((0.0, 0.0), (1.5, 4.0), (3.0, 0.0)),),
    (((0.7, 0.0), (2.3, 0.0), (3.0, 0.9), (3.0, 3.1), (2.3, 4.0), (0.7, 4.0), (0.0, 3.1),
      (0.0, 0.9), (0.7, 0.0)),),
    (((1.5, 0.0), (1.5, 4.0)),),
    (((0.0, 0.0), (0.0, 4.0), (1.9, 4.0), (3.0, 3.0), (3.0, 1.0), (1.9, 0.0), (0.0, 0.0)),),
)  # fmt: skip


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

    Raises BadArgument when the text is too wide.

    >>> band("SPECIMEN", 900, 600).shape
    (90, 900)
    """
    height = round(BAND_HEIGHT_IN * dots_per_inch)
    letters = _outlined(text, dots_per_inch)
    margin = round(BAND_CAP_IN * dots_per_inch / 2)
    if letters.shape[1] + 2 * margin > width:
        raise BadArgument(
            f"mark {text!r} is {(letters.shape[1] + 2 * margin) / dots_per_inch:.3f} in wide; "
            f"the indicium holds {width / dots_per_inch:.3f} in"
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


def void_strokes(height: int, width: int, dots_per_module: int) -> tuple[Dots, Dots]:
    """Return (ink, paper) for VOID over a symbol of `height` by `width` dots.

    Black strokes between white ones, so that they show on dark and light modules alike.
    """
    y, x = np.mgrid[:height, :width] + 0.5
    nearest = np.full((height, width), np.inf)
    unit = width / 4
    for i, letter in enumerate(VOID_STROKES):
        scale = np.array([unit * 0.62 / 3, height * 0.8 / 4])
        corner = np.array([unit * (i + 0.19), height * 0.1])
        for line in letter:
            points = [corner + scale * point for point in line]
            for start, end in pairwise(points):
                nearest = np.minimum(nearest, _distance(x, y, start, end))
    return nearest <= 0.3 * dots_per_module, nearest <= 0.62 * dots_per_module


def _distance(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    dx, dy = end - start
    along = np.clip(((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy), 0, 1)
    far: npt.NDArray[np.float64] = np.hypot(x - start[0] - along * dx, y - start[1] - along * dy)
    return far


def _outlined(text: str, dots_per_inch: int) -> Dots:
    sheet = glyphs.sheet(max(4, round(BAND_CAP_IN * dots_per_inch)), bold=True, width_ratio=1.1)
    space = max(1, sheet.cap_height // 8)
    sheet.width(text)  # refuses characters that the sheet does not have
    parts = []
    for character in text:
        glyph = sheet.glyphs[character]
        cell = np.zeros((sheet.cap_height, max(glyph.advance, glyph.dots.shape[1]) + space), bool)
        top = sheet.cap_height - glyph.top
        rows = glyph.dots[max(0, -top) : sheet.cap_height - top]
        cell[max(0, top) : max(0, top) + rows.shape[0], : rows.shape[1]] = rows
        parts.append(cell)
    solid = np.pad(np.hstack(parts)[:, :-space], 1)
    core = solid.copy()
    for _ in range(max(1, round(OUTLINE_IN * dots_per_inch))):
        core[1:-1, 1:-1] &= (
            core[:-2, 1:-1] & core[2:, 1:-1] & core[1:-1, :-2] & core[1:-1, 2:]
        )  # fmt: skip
    outlined: Dots = (solid & ~core)[1:-1, 1:-1]
    return outlined
