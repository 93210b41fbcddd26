"""Glyph sheets: sizes, coverage, and text against the dots of the single glyphs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imicore import _imaging, glyphs
from imicore.errors import BadArgument
from tests.oracles import raster as oracle

pytestmark = pytest.mark.native


@pytest.mark.parametrize("cap_height", [10, 11, 17, 33, 60, 142])
@pytest.mark.parametrize("bold", [False, True])
def test_capitals_have_the_height_asked_for(cap_height: int, bold: bool) -> None:
    sheet = glyphs.sheet(cap_height, bold=bold)
    assert sheet.cap_height == cap_height
    for letter in "BEFHIKLMNPRTZ":  # flat on both ends; round letters overshoot by design
        glyph = sheet.glyphs[letter]
        assert (glyph.dots.shape[0], glyph.top) == (cap_height, cap_height), letter


def test_a_sheet_holds_every_printable_character_of_latin_1() -> None:
    sheet = glyphs.sheet(40)
    assert len(sheet.glyphs) == 95 + 96
    blank = [c for c, glyph in sheet.glyphs.items() if not glyph.dots.any()]
    assert blank == [" ", "\xa0"]
    assert sheet.width("  H ") == sheet.width("H")


def test_digits_are_of_one_width() -> None:
    """Amounts and serial numbers keep their columns from piece to piece."""
    for bold in (False, True):
        sheet = glyphs.sheet(30, bold=bold)
        assert len({sheet.glyphs[digit].advance for digit in "0123456789"}) == 1


def test_narrow_letters_are_narrower_and_as_high() -> None:
    wide, narrow = glyphs.sheet(60), glyphs.sheet(60, width_ratio=0.8)
    assert narrow.cap_height == wide.cap_height
    assert narrow.width("US POSTAGE") == pytest.approx(0.8 * wide.width("US POSTAGE"), rel=0.02)


LATIN = st.text(st.sampled_from(glyphs.CHARACTERS), max_size=12)


@settings(deadline=None)
@given(LATIN, st.integers(0, 17), st.sampled_from([(12, 0.9), (57, 1.0), (90, 1.3)]))
def test_drawn_text_is_its_glyphs_side_by_side(text: str, x: int, look: tuple[int, float]) -> None:
    """90 dots at 1.3 has glyphs wider than the 56 dots of a word."""
    sheet = glyphs.sheet(look[0], width_ratio=look[1])
    height = sheet.cap_height + sheet.above + sheet.below
    baseline = sheet.above + sheet.cap_height
    for spare in (0, 1, 9):  # ink at the very end of the row, and with bytes behind it
        width = max(1, x + sheet.width(text) + spare)
        rows = np.zeros((height, -(-width // 8)), np.uint8)
        place = (sheet.native, x, baseline, width)
        _imaging.draw_text(rows, width, place, text, 600)
        expected = np.zeros((height, width), bool)
        oracle.draw_text(expected, sheet.glyphs, text, x, baseline)
        assert (np.unpackbits(rows, axis=1, count=width).view(bool) == expected).all()
        assert not np.unpackbits(rows, axis=1)[:, width:].any()


def test_text_that_would_leave_the_picture_is_refused() -> None:
    sheet = glyphs.sheet(20)
    rows = np.zeros((10, 10), np.uint8)
    with pytest.raises(BadArgument, match=r"a glyph at .* leaves the picture of 80x10 dots"):
        _imaging.draw_text(rows, 80, (sheet.native, 0, 10, 80), "H", 600)
    with pytest.raises(BadArgument, match=r"for 99 dots; got \(10, 10\)"):
        _imaging.draw_text(rows, 99, (sheet.native, 0, 10, 80), "H", 600)


def test_sizes_out_of_range_and_unknown_characters_are_refused() -> None:
    with pytest.raises(BadArgument, match="capitals of 3 dots; the limits are 4 and 1024"):
        glyphs.sheet(3)
    with pytest.raises(BadArgument, match=r"width_ratio is 0\.1; the limits are 0\.5 and 1\.5"):
        glyphs.sheet(30, width_ratio=0.1)
    with pytest.raises(BadArgument, match=r"character U\+20AC is not in the font sheet"):
        glyphs.sheet(30).width("€ 1")
    with pytest.raises(BadArgument, match=r"character U\+0009"):
        glyphs.sheet(30).width("\t")
