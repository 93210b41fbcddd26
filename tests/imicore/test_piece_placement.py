"""Where things stand: in the picture, as bars of a FIM, and on the piece."""

from itertools import combinations

import numpy as np
import pytest

from imicore.errors import PlacementError
from imicore.raster import Mark, Raster, Rasterizer, on_piece, place

pytestmark = pytest.mark.native

RESOLUTIONS = [200, 203, 300, 360, 600, 720, 1200]
LINES = ["US POSTAGE", "$0.78", "FIRST-CLASS MAIL", "JUL 13 2026", "ZIP 06484", "TST0 0000000001"]


def modules(rows: int = 40, columns: int = 40) -> np.ndarray:
    return np.random.default_rng(rows).random((rows, columns)) < 0.5


CASES = [
    (Rasterizer(dpi, fim=fim), size, mark)
    for dpi in RESOLUTIONS
    for fim, size, mark in [
        (None, (40, 40), None),
        ("D", (40, 40), None),
        ("A", (44, 44), Mark()),
        (None, (52, 52), Mark("TEST PRINT", void=True)),
        ("D", (16, 48), Mark("SPECIMEN")),
    ]
]


def ink_outside(picture: Raster, names: list[str]) -> int:
    rest = picture.dots.copy()
    for name in names:
        if name in picture.elements:
            box = picture.elements[name]
            rest[box.y : box.bottom, box.x : box.right] = False
    return int(rest.sum())


@pytest.mark.parametrize(("rasterizer", "size", "mark"), CASES)
def test_elements_hold_all_ink_and_never_overlap(
    rasterizer: Rasterizer, size: tuple[int, int], mark: Mark | None
) -> None:
    lines = LINES if rasterizer.fim != "A" else ["US POSTAGE", "$0.78", "JUL 13 2026"]
    picture = rasterizer.compose(modules(*size), lines=lines, mark=mark)
    assert ink_outside(picture, ["symbol", "text", "fim", "mark"]) == 0
    assert not np.unpackbits(picture.rows, axis=1)[:, picture.width :].any()
    boxes = [b for name, b in picture.elements.items() if name not in ("symbol", "indicium")]
    for a, b in combinations(boxes, 2):
        apart = a.right <= b.x or b.right <= a.x or a.bottom <= b.y or b.bottom <= a.y
        assert apart, (a, b)
    symbol, quiet = picture.elements["symbol"], picture.elements["quiet_zone"]
    margin = 4 * rasterizer.dots_per_module
    assert (symbol.x - quiet.x, symbol.y - quiet.y) == (margin, margin)
    assert (quiet.right - symbol.right, quiet.bottom - symbol.bottom) == (margin, margin)
    for box in picture.elements.values():
        assert box.x >= 0
        assert box.y >= 0
        assert box.right <= picture.width
        assert box.bottom <= picture.height


@pytest.mark.parametrize("dpi", RESOLUTIONS)
def test_text_runs_from_the_top_of_the_symbol_to_its_bottom(dpi: int) -> None:
    lines = ["HEED", "HEED", "HEED", "HEED", "HEED", "HEED"]  # no overshoot, no descender
    picture = Rasterizer(dpi).compose(modules(), lines=lines)
    text, symbol = picture.elements["text"], picture.elements["symbol"]
    inked = np.flatnonzero(picture.dots[:, text.x : text.right].any(axis=1))
    assert (inked[0], inked[-1] + 1) == (symbol.y, symbol.bottom)
    gaps = np.diff(inked)[np.diff(inked) > 1] - 1
    assert len(gaps) == 5
    # The amount's gap has room for the longest descender; the others share what is left evenly.
    others = np.delete(gaps, 1)
    assert others.max() - others.min() <= 1
    assert others.min() / dpi >= 0.02


def test_void_strokes_leave_the_finder_and_timing_patterns_alone() -> None:
    rasterizer = Rasterizer(600)
    for size in [(36, 36), (40, 40), (44, 44), (48, 48), (52, 52)]:
        dark = modules(*size)
        plain = rasterizer.compose(dark, lines=[])
        void = rasterizer.compose(dark, lines=[], mark=Mark("", void=True))
        changed = np.argwhere(plain.dots != void.dots)
        box, module = plain.elements["symbol"], rasterizer.dots_per_module
        low, high = changed.min(axis=0), changed.max(axis=0)
        assert (low >= (box.y + module, box.x + module)).all()
        assert (high < (box.bottom - module, box.right - module)).all()
        assert len(changed) > 0.02 * box.width * box.height, "VOID can be seen"


@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize(
    ("fim", "pattern"),
    [("A", "110010011"), ("B", "101101101"), ("C", "110101011"), ("D", "111010111"),
     ("E", "101000101")],
)  # fmt: skip
def test_fim_bars_read_back_within_tolerance(fim: str, pattern: str, dpi: int) -> None:
    """DMM 202.8: 5/8 +- 1/8 in high, 0.031 +- 0.008 in wide, 1/16 in apart."""
    picture = Rasterizer(dpi, fim=fim).compose(modules(), lines=LINES)
    box = picture.elements["fim"]
    dots = picture.dots[box.y : box.bottom, box.x : box.right]
    assert (dots == dots[0]).all(), "bars are upright and of one height"
    assert abs(box.height / dpi - 0.625) <= 0.125
    edges = np.flatnonzero(np.diff(np.pad(dots[0].astype(int), 1)))
    starts, ends = edges[::2] / dpi, edges[1::2] / dpi
    assert np.all(np.abs(ends - starts - 0.031) <= 0.008)
    centres = (starts + ends) / 2
    positions = np.round((centres - centres[0]) * 16).astype(int)
    assert np.all(np.abs(centres - centres[0] - positions / 16) <= 0.5 / dpi + 1e-9)
    assert "".join("1" if i in positions else "0" for i in range(9)) == pattern


# --- the piece ---

PIECES = [(9.5, 4.125), (9.0, 6.0), (5.0, 3.5)]


@pytest.mark.parametrize("fim", [None, "D"])
@pytest.mark.parametrize("dpi", RESOLUTIONS)
@pytest.mark.parametrize("piece", PIECES)
def test_indicia_keep_their_distance_from_the_edges(
    piece: tuple[float, float], dpi: int, fim: str | None
) -> None:
    """At least 1/4 in from the right and top edges, 1/2 in clear at the left and below."""
    picture = Rasterizer(dpi, fim=fim).compose(modules(), lines=LINES)
    spot = place(picture, piece_length_in=piece[0], piece_height_in=piece[1])
    assert spot.indicium.y / dpi >= 0.25
    assert (piece[0] * dpi - spot.indicium.right) / dpi >= 0.25
    assert spot.x - spot.clear_zone.x >= 0.5 * dpi
    assert spot.clear_zone.bottom - (spot.y + picture.height) >= 0.5 * dpi
    assert spot.clear_zone.x >= 0
    assert spot.clear_zone.bottom <= piece[1] * dpi
    if spot.fim is None:
        assert fim is None
    else:
        assert abs((piece[0] * dpi - spot.fim.right) / dpi - 2.0) <= 0.125
        assert spot.fim.y / dpi <= 0.125
        assert abs(spot.fim.bottom / dpi - 0.625) <= 0.125
        assert (piece[0] * dpi - spot.indicium.x) / dpi <= 1.75 + 1 / dpi, "FIM clear zone"


def test_a_piece_is_printed_whole_with_the_indicium_in_its_place() -> None:
    picture = Rasterizer(300, fim="D").compose(modules(), lines=LINES)
    for length_in in (9.5, 9.503, 9.5067, 9.51, 9.5133, 9.5167, 9.52, 9.5233):  # every x mod 8
        spot = place(picture, piece_length_in=length_in, piece_height_in=4.125)
        page = on_piece(picture, spot)
        expected = np.zeros((spot.piece.height, spot.piece.width), bool)
        expected[spot.y : spot.y + picture.height, spot.x : spot.x + picture.width] = picture.dots
        assert (page.dots == expected).all()
        assert page.elements["indicium"] == spot.indicium


def test_pieces_and_margins_that_do_not_work_are_refused() -> None:
    picture = Rasterizer(300, fim="D").compose(modules(), lines=LINES)
    with pytest.raises(PlacementError, match=r"needs 3\.\d+ x 1\.\d+ in"):
        place(picture, piece_length_in=3.0, piece_height_in=3.5)
    with pytest.raises(PlacementError, match=r"5 x 1\.4 in; the indicium .* needs 3"):
        place(picture, piece_length_in=5, piece_height_in=1.4)
    with pytest.raises(PlacementError, match=r"edge_in is 0\.2; the least is 0\.25 in"):
        place(picture, piece_length_in=9.5, piece_height_in=4.125, edge_in=0.2)
    with pytest.raises(PlacementError, match=r"clear_in is 0\.4; the least is 0\.5 in"):
        place(picture, piece_length_in=9.5, piece_height_in=4.125, clear_in=0.4)
    with pytest.raises(PlacementError, match=r"last FIM bar would be 2\.\d+ in .* 2\.0 \+- 0\.125"):
        place(picture, piece_length_in=9.5, piece_height_in=4.125, edge_in=0.5)
