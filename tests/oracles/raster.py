"""The print raster, one dot at a time: slow, obvious, and without imicore's kernels."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt

Dots = npt.NDArray[np.bool_]


class Glyph(Protocol):
    """A character's dots and its place from the pen."""

    dots: Dots
    left: int
    top: int
    advance: int


def symbol_dots(modules: Dots, dots_per_module: int, ink_gain_dots: int) -> Dots:
    """Every module a square of dots; then a dot stays dark if all dots round it are dark."""
    dots: Dots = np.kron(modules, np.ones((dots_per_module, dots_per_module), bool))
    return eroded(dots, ink_gain_dots // 2)


def eroded(dots: Dots, reach: int) -> Dots:
    """A dot stays if its whole neighbourhood of 2*reach+1 square is ink; outside is paper."""
    height, width = dots.shape
    padded = np.pad(dots, reach)
    kept = np.ones_like(dots)
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            kept &= padded[dy : dy + height, dx : dx + width]
    return kept


def spread(dots: Dots, reach: int) -> Dots:
    """What ink does: paper within `reach` dots of ink becomes ink."""
    return ~eroded(~np.pad(dots, reach), reach)[reach:-reach, reach:-reach] if reach else dots


def draw_text(dots: Dots, glyphs: Mapping[str, Glyph], text: str, x: int, baseline: int) -> None:
    """Put each glyph down; the first ink of the line stands in column `x`."""
    pen, placed = 0, []
    for character in text:
        glyph = glyphs[character]
        placed.append((glyph, pen + glyph.left))
        pen += glyph.advance
    first = min((left for glyph, left in placed if glyph.dots.any()), default=0)
    for glyph, left in placed:
        height, width = glyph.dots.shape
        if height and width:
            row, column = baseline - glyph.top, x + left - first
            dots[row : row + height, column : column + width] |= glyph.dots


def unpack(rows: npt.NDArray[np.uint8], width: int) -> Dots:
    """Bit by bit, the most significant first."""
    return np.array(
        [[row[x // 8] >> (7 - x % 8) & 1 for x in range(width)] for row in rows.tolist()], bool
    )


def unpack_pwg(stream: bytes) -> list[tuple[dict[str, int], Dots]]:
    """Return (header fields, dots) of each black_1 page of a PWG 5102.4 stream."""
    assert stream[:4] == b"RaS2"
    at, pages = 4, []
    while at < len(stream):
        header = stream[at : at + 1796]
        at += 1796
        assert header[:10] == b"PwgRaster\0"
        names = {"x_dpi": 276, "y_dpi": 280, "width": 372, "height": 376, "bits": 388}
        names |= {"bytes": 392, "space": 400, "pages": 452}
        fields = {k: int.from_bytes(header[o : o + 4], "big") for k, o in names.items()}
        rows: list[bytes] = []
        while len(rows) < fields["height"]:
            repeat, row = stream[at] + 1, bytearray()
            at += 1
            while len(row) < fields["bytes"]:
                control = stream[at]
                at += 1
                assert control != 128, "reserved"
                if control < 128:
                    row += stream[at : at + 1] * (control + 1)
                    at += 1
                else:
                    row += stream[at : at + 257 - control]
                    at += 257 - control
            assert len(row) == fields["bytes"], "a run crosses the end of its row"
            rows += [bytes(row)] * repeat
        assert len(rows) == fields["height"], "repeats cross the end of the page"
        packed = np.frombuffer(b"".join(rows), np.uint8).reshape(fields["height"], -1)
        pages.append((fields, unpack(packed, fields["width"])))
    return pages
