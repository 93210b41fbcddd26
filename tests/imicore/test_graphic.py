"""Ads and slogans: drawn as asked, and nowhere near where postage stands."""

import numpy as np
import pytest

from imicore.errors import BadArgument, PlacementError
from imicore.graphic import ADDRESS_IN, from_picture, from_text, place_graphic
from imicore.raster import Rasterizer, place

pytestmark = pytest.mark.native
PIECES = ((9.5, 4.125), (9.0, 6.0), (6.0, 4.25), (7.25, 5.25), (12.0, 9.0))
SALE = from_text(["Autumn fair", "3 October"], 300)


@pytest.mark.parametrize("size", PIECES)
@pytest.mark.parametrize("fim", [None, "A", "D"])
def test_no_dot_stands_in_the_clear_zone_of_any_indicium(
    size: tuple[float, float], fim: str | None
) -> None:
    """PB22487: 1/2 in left of and below all indicium elements, the FIM among them."""
    length, height = size
    symbol = np.eye(40, dtype=bool)
    indicium = Rasterizer(300, fim=fim).compose(symbol, lines=["US POSTAGE", "$0.78"])
    zone = place(indicium, piece_length_in=length, piece_height_in=height).clear_zone
    spot = place_graphic(SALE, piece_length_in=length, piece_height_in=height)
    assert spot.x + SALE.width <= zone.x
    assert spot.x >= 0.25 * 300
    assert spot.y >= 0.25 * 300
    assert spot.y + SALE.height <= (height - ADDRESS_IN) * 300


def test_what_is_too_large_is_refused_with_the_amounts() -> None:
    wide = from_picture(np.ones((100, 2000), bool), 300)
    with pytest.raises(
        PlacementError, match=r"the graphic is 6\.667 x 0\.333 in; .* has 6\.\d+ x 1\."
    ):
        place_graphic(wide, piece_length_in=9.5, piece_height_in=4.125)
    high = from_picture(np.ones((600, 100), bool), 300)
    with pytest.raises(PlacementError, match=r"2\.000 in; "):
        place_graphic(high, piece_length_in=9.5, piece_height_in=4.125)


def test_text_is_drawn_whole() -> None:
    """Each line has ink, and no line's ink touches the next."""
    rows = from_text(["Hjpg", "Hjpg"], 600).dots.any(axis=1)
    edges = np.flatnonzero(np.diff(rows.astype(np.int8)) == 1)
    assert len(edges) + int(rows[0]) == 2
    assert SALE.dots.any(axis=0)[[0, -1]].all(), "no column of margin"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "0 lines; it has 1 to 6"),
        (["x"] * 7, "7 lines"),
        (["", "x"], "line 1 of a graphic has no ink"),
        (["x", "  "], "line 2 of a graphic has no ink"),
        (["\u4e2d"], "U\\+4E2D|not|Latin"),
    ],
)
def test_what_cannot_be_drawn_is_named(lines: list[str], said: str) -> None:
    with pytest.raises(BadArgument, match=said):
        from_text(lines, 600)


@pytest.mark.parametrize(
    "dots", [np.zeros((9, 9), bool), np.ones((9, 9), np.uint8), np.ones(9, bool)]
)
def test_what_is_no_picture_is_named(dots: np.ndarray) -> None:
    with pytest.raises(BadArgument, match="with some ink, not"):
        from_picture(dots, 600)
