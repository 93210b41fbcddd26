"""Facing identification marks (FIM): which bars, and where their dots are.

Nine positions a sixteenth of an inch apart, bars 5/8 +- 1/8 in high and 0.031 +- 0.008 in wide
(DMM 202.8). FIM D marks letters and cards that carry IBI or IMI postage; flats need none. The
place on the piece is DMM 202.8 as secondary sources give it: last bar 2 +- 1/8 in from the right
edge, tops within 1/8 in of the top edge, bottoms within 1/8 in of the line 5/8 in below it.
"""

from typing import NamedTuple

from imicore.errors import BadArgument

PATTERNS = {
    "A": "110010011",
    "B": "101101101",
    "C": "110101011",
    "D": "111010111",
    "E": "101000101",
}
PITCH_IN = 1 / 16
BAR_WIDTH_IN = 0.031  # +- 0.008
BAR_HEIGHT_IN = 5 / 8  # +- 1/8
RIGHT_BAR_IN = 2.0  # from the right edge of the piece to the right edge of the last bar, +- 1/8
TOP_IN = 0.1  # keeps 1/40 in from both limits
TOLERANCE_IN = 1 / 8  # of RIGHT_BAR_IN, of the top from 0, of the bottom from BOTTOM_IN
BOTTOM_IN = 5 / 8
CLEAR_RIGHT_IN = 1.75  # nothing but the FIM between 1.75 and 3 in from the right, BOTTOM_IN down
CLEAR_LEFT_IN = 3.0


class Bar(NamedTuple):
    """One bar: its first dot column and how many it has."""

    x: int
    width: int


def bars(pattern: str, dots_per_inch: int) -> list[Bar]:
    """Return the bars of FIM `pattern` "A" to "E", the first one's left edge at 0.

    Each bar stands on the whole dot nearest its true place, so that no error adds up: every edge
    is within half a dot of the standard.

    >>> [bar.x for bar in bars("D", 600)]
    [0, 38, 75, 150, 225, 263, 300]
    """
    if pattern not in PATTERNS:
        raise BadArgument(f"FIM is {pattern!r}; the patterns are {', '.join(PATTERNS)} (or None)")
    width = max(1, round(BAR_WIDTH_IN * dots_per_inch))
    positions = [i for i, bit in enumerate(PATTERNS[pattern]) if bit == "1"]
    # Half a dot rounds up everywhere (round() would go to even and make the gaps unlike).
    return [Bar(int(i * PITCH_IN * dots_per_inch + 0.5), width) for i in positions]


def bar_height(dots_per_inch: int) -> int:
    """Return the height of a bar in dots."""
    return round(BAR_HEIGHT_IN * dots_per_inch)
