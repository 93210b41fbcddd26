"""Fonts as 1-bit dots: the home of FreeType. The fonts are DejaVu Sans, shipped in ``fonts/``.

A sheet is one font at one size, rendered once; after that, text is copying dots.
"""

import ctypes
import io
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources

import freetype
import numpy as np
import numpy.typing as npt

from imicore import _imaging
from imicore.errors import BadArgument

CHARACTERS = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100)]))
CAP_HEIGHT_DOTS = (4, 1024)
FONTS = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}
_UNITS = 64  # FreeType counts in 1/64 of a dot


@dataclass(frozen=True, eq=False)
class Glyph:
    """One character's dots: bool[height, width], True = ink, placed from the pen."""

    dots: npt.NDArray[np.bool_]
    left: int  # dots from the pen to the first column
    top: int  # dots from the base line up to the first row's upper edge
    advance: int  # dots to the next pen position


@dataclass(frozen=True, eq=False)
class Sheet:
    """One font at one size: every printable character of Latin-1, rendered.

    >>> sheet(30, bold=True).cap_height
    30
    """

    glyphs: dict[str, Glyph]
    cap_height: int  # dots of an H
    above: int  # dots by which the highest glyph (accents) rises above the H
    below: int  # dots by which the lowest glyph hangs below the base line
    native: _imaging.GlyphSheet = field(repr=False)

    def width(self, text: str) -> int:
        """Return the dots from the first to the last ink of `text`.

        Raises BadArgument for a character that is not in Latin-1.

        >>> s = sheet(30)
        >>> s.width("") , s.width("H") == s.glyphs["H"].dots.shape[1]
        (0, True)
        """
        return self.native.measure(text)


@lru_cache(maxsize=64)
def sheet(cap_height_dots: int, *, bold: bool = False, width_ratio: float = 1.0) -> Sheet:
    """Return the sheet whose capitals are `cap_height_dots` high.

    `width_ratio` 0.5 to 1.5 makes the letters narrower or wider than drawn. Sheets are kept, so
    that asking again is free. Raises BadArgument for a height outside 4 to 1,024 dots.

    >>> sheet(30) is sheet(30)
    True
    """
    low, high = CAP_HEIGHT_DOTS
    if not low <= cap_height_dots <= high:
        raise BadArgument(
            f"capitals of {cap_height_dots} dots; the limits are {low} and {high}: "
            "choose another text size or resolution"
        )
    if not 0.5 <= width_ratio <= 1.5:
        raise BadArgument(f"width_ratio is {width_ratio}; the limits are 0.5 and 1.5")
    face = _face(bold)
    capital = face.get_char_index("H")
    face.load_glyph(capital, freetype.FT_LOAD_NO_SCALE)
    em = round(cap_height_dots * _UNITS * face.units_per_EM / face.glyph.metrics.height)
    face.set_char_size(round(em * width_ratio), em, 72, 72)
    glyphs = {character: _render(face, character) for character in CHARACTERS}
    native = _imaging.GlyphSheet()
    for character, glyph in glyphs.items():
        packed = np.packbits(glyph.dots, axis=1)
        width = glyph.dots.shape[1]
        native.add(ord(character), packed, width, glyph.left, glyph.top, glyph.advance)
    cap_height = glyphs["H"].dots.shape[0]
    return Sheet(
        glyphs=glyphs,
        cap_height=cap_height,
        above=max(0, max(g.top for g in glyphs.values()) - cap_height),
        below=max(0, *(g.dots.shape[0] - g.top for g in glyphs.values())),
        native=native,
    )


def _render(face: freetype.Face, character: str) -> Glyph:
    face.load_char(character, freetype.FT_LOAD_RENDER | freetype.FT_LOAD_TARGET_MONO)
    slot, bitmap = face.glyph, face.glyph.bitmap
    # Not bitmap.buffer, which makes a list of ints: three quarters of a sheet's time.
    raw = ctypes.string_at(bitmap._FT_Bitmap.buffer, bitmap.rows * bitmap.pitch)
    packed = np.frombuffer(raw, np.uint8).reshape(bitmap.rows, bitmap.pitch)
    dots = np.unpackbits(packed, axis=1)[:, : bitmap.width].astype(bool)
    advance = round(slot.advance.x / _UNITS)
    if not dots.any():  # FreeType gives a space one blank dot; it is no ink to measure from
        return Glyph(dots[:0, :0], 0, 0, advance)
    return Glyph(dots, slot.bitmap_left, slot.bitmap_top, advance)


def _face(bold: bool) -> freetype.Face:
    font = resources.files("imicore") / "fonts" / FONTS[bold]
    return freetype.Face(io.BytesIO(font.read_bytes()))
