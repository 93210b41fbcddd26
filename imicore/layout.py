"""Where the parts of an indicium stand: text at the left, symbol at the right, FIM before both.

Pure geometry in whole dots. All lengths of the design are in inches, here and nowhere else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from imicore import fim, glyphs
from imicore.dots import Box
from imicore.errors import BadArgument
from imicore.marks import BAND_HEIGHT_IN, Mark

EDGE_IN = 0.25  # of the indicium from the right and top edges (39 CFR 501 practice, PB22487)
TEXT_WIDTH_IN = 0.72  # the widest usual line, "FIRST-CLASS MAIL", and air
LEAST_TEXT_WIDTH_IN = 0.5  # type is at 70 % there; smaller is no print for people
GAP_IN = (0.012, 0.055)  # between two lines: at least, at most


class Style(NamedTuple):
    """How a line of text looks."""

    cap_height_in: float
    bold: bool
    width_ratio: float


STYLES = {
    "banner": Style(0.074, True, 0.92),
    "amount": Style(0.118, True, 0.92),
    "detail": Style(0.055, False, 0.92),
}


@dataclass(frozen=True)
class Line:
    """One line of text. `fixed` says that the next pieces will carry the same text.

    Fixed lines are drawn once and copied; what changes from piece to piece is drawn every time.
    `style` is "banner", "amount" or "detail".
    """

    text: str
    style: str = "detail"
    fixed: bool = False


class Place(NamedTuple):
    """Where a line goes: first ink at `x`, base line above row `baseline`, `width` dots free."""

    sheet: glyphs.Sheet
    x: int
    baseline: int
    width: int


@dataclass(frozen=True)
class Layout:
    """Everything's place in one picture of `width` by `height` dots."""

    width: int
    height: int
    elements: dict[str, Box]
    places: list[Place]


def as_lines(lines: Sequence[Line | str]) -> list[Line]:
    """Return the lines with styles; plain strings are banner, amount, then details.

    >>> [line.style for line in as_lines(["US POSTAGE", "$0.78", "JUL 13 2026"])]
    ['banner', 'amount', 'detail']
    """
    by_place = ("banner", "amount")
    styled = []
    for i, line in enumerate(lines):
        if isinstance(line, str):
            line = Line(line, by_place[i] if i < len(by_place) else "detail")  # noqa: PLW2901
        elif not isinstance(line, Line):
            raise BadArgument(f"line {i} is {type(line).__name__}; a line is a Line or a str")
        if line.style not in STYLES:
            raise BadArgument(f"style of {line.text!r} is {line.style!r}; known: {[*STYLES]}")
        styled.append(line)
    return styled


def arrange(
    *,
    dots_per_inch: int,
    dots_per_module: int,
    quiet_zone_modules: int,
    symbol_modules: tuple[int, int],
    styles: Sequence[str],
    text_width_in: float | None,
    fim_pattern: str | None,
    mark: Mark | None,
) -> Layout:
    """Return the layout of one indicium.

    The text block runs from the symbol's top edge to its bottom edge, its lines evenly spaced; few
    lines keep together in the middle, many make the indicium higher. `text_width_in` None takes
    0.72 in, or what a FIM leaves; type shrinks with a narrower block. Raises BadArgument when the
    indicium would reach into the clear zone of the FIM.
    """
    symbol_height, symbol_width = (side * dots_per_module for side in symbol_modules)
    quiet = quiet_zone_modules * dots_per_module
    text_width = 0
    if styles:
        usual = round(TEXT_WIDTH_IN * dots_per_inch)
        room = _fim_room(dots_per_inch) - symbol_width - 2 * quiet if fim_pattern else usual
        text_width = (
            min(usual, room) if text_width_in is None else round(text_width_in * dots_per_inch)
        )
        text_width = max(text_width, round(LEAST_TEXT_WIDTH_IN * dots_per_inch))
    shrink = min(1.0, text_width / dots_per_inch / TEXT_WIDTH_IN)
    sheets = [_sheet(style, shrink * dots_per_inch) for style in styles]
    tops, block_height = _stack(sheets, symbol_height, dots_per_inch)
    above = max([quiet, *(s.above for s in sheets[:1])])
    below = max([quiet, *(s.below for s in sheets[-1:])])

    height = max(symbol_height + 2 * quiet, above + block_height + below)
    width = text_width + symbol_width + 2 * quiet
    symbol = Box(text_width + quiet, (height - symbol_height) // 2, symbol_width, symbol_height)
    elements = {
        "symbol": symbol,
        "quiet_zone": Box(
            symbol.x - quiet, symbol.y - quiet, symbol_width + 2 * quiet, symbol_height + 2 * quiet
        ),
    }
    block_top = (height - block_height) // 2
    if height > symbol_height + 2 * quiet:
        block_top = above
    if styles:
        elements["text"] = Box(0, block_top - above, text_width, block_height + above + below)
    if mark is not None and mark.text:
        band_height = round(BAND_HEIGHT_IN * dots_per_inch)
        gap = round(GAP_IN[0] * dots_per_inch)
        elements["mark"] = Box(0, height + gap, symbol.right, band_height)
        height += gap + band_height
    elements["indicium"] = Box(0, 0, width, height)
    dx = dy = 0
    if fim_pattern is not None:
        elements["fim"] = _fim_box(fim_pattern, width, dots_per_inch)
        dx, dy = max(0, -elements["fim"].x), max(0, -elements["fim"].y)
    elements = {name: box.moved(dx, dy) for name, box in elements.items()}
    places = [
        Place(sheet, dx, dy + block_top + top + sheet.cap_height, text_width)
        for sheet, top in zip(sheets, tops, strict=True)
    ]
    return Layout(
        width=max(box.right for box in elements.values()),
        height=max(box.bottom for box in elements.values()),
        elements=elements,
        places=places,
    )


def _sheet(style: str, dots_per_inch: float) -> glyphs.Sheet:
    look = STYLES[style]
    cap_height = round(look.cap_height_in * dots_per_inch)
    return glyphs.sheet(cap_height, bold=look.bold, width_ratio=look.width_ratio)


def _stack(sheets: list[glyphs.Sheet], target: int, dots_per_inch: int) -> tuple[list[int], int]:
    """Return each line's top within the text block, and the block's height."""
    if not sheets:
        return [], 0
    letters = sum(sheet.cap_height for sheet in sheets)
    least, most = (round(gap * dots_per_inch) for gap in GAP_IN)
    gaps = [max(least, sheet.below + 1) for sheet in sheets[:-1]]
    for _ in range(min(target - letters, most * len(gaps)) - sum(gaps)):
        gaps[gaps.index(min(gaps))] += 1  # as even as their least allows
    tops, top = [], 0
    for sheet, gap in zip(sheets, [*gaps, 0], strict=True):
        tops.append(top)
        top += sheet.cap_height + gap
    return tops, top


def _fim_room(dots_per_inch: int) -> int:
    """Return how wide an indicium at EDGE_IN may be without reaching the FIM's clear zone."""
    return math.floor((fim.CLEAR_RIGHT_IN - EDGE_IN) * dots_per_inch)


def _fim_box(pattern: str, width: int, dots_per_inch: int) -> Box:
    """Return the FIM's box as seen from an indicium of `width` dots at EDGE_IN."""
    room = _fim_room(dots_per_inch)
    if width > room:
        raise BadArgument(
            f"the indicium is {width / dots_per_inch:.3f} in wide; beside a FIM it has "
            f"{room / dots_per_inch:.3f} in (FIM clear zone from {fim.CLEAR_RIGHT_IN} in): "
            "take smaller modules, a narrower text or fewer quiet modules"
        )
    bars = fim.bars(pattern, dots_per_inch)
    span = bars[-1].x + bars[-1].width
    right = width - round((fim.RIGHT_BAR_IN - EDGE_IN) * dots_per_inch)
    top = math.floor(fim.TOP_IN * dots_per_inch) - math.ceil(EDGE_IN * dots_per_inch)
    return Box(right - span, top, span, fim.bar_height(dots_per_inch))
