"""Where an imprint lies on its piece, on pieces drawn with it at a known place."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from imicore import datamatrix
from imicore.errors import BadArgument
from imicore.grade import grade
from imicore.imprint import ImprintPlace, measure_imprint
from imicore.reader import read

pytestmark = pytest.mark.native

PPI = 300
MODULE = 5  # px: 0.0167 in
SIDE = 20 * MODULE
Grey = npt.NDArray[np.uint8]


def piece_with(right_px: int, top_px: int) -> Grey:
    symbol = datamatrix.encode(b"place", size=(20, 20), encodation="base256")
    sheet = np.full((1200, 1800), 230, np.uint8)
    ink = np.kron(np.asarray(symbol.modules), np.ones((MODULE, MODULE), bool))
    left = 1800 - right_px - SIDE
    sheet[top_px : top_px + SIDE, left : left + SIDE][ink] = 30
    return sheet


def measured(sheet: Grey, **options: object) -> ImprintPlace:
    (reading,) = read(sheet)
    quality = grade(sheet, reading, pixels_per_inch=PPI)
    arguments = {"piece": (0, 0, 1800, 1200), **options}
    return measure_imprint(sheet, quality, pixels_per_inch=PPI, **arguments)  # type: ignore[arg-type]


def test_a_right_imprint_has_no_fault() -> None:
    place = measured(piece_with(75, 75))
    assert place.right_in == pytest.approx(0.25, abs=0.001)
    assert place.top_in == pytest.approx(0.25, abs=0.001)
    assert place.module_in == pytest.approx((MODULE / PPI, MODULE / PPI), rel=0.002)
    assert place.skew_deg == pytest.approx(0, abs=0.05)
    assert place.clear_left_in == 1.0
    assert place.clear_below_in == 1.0
    assert place.faults == ()


@pytest.mark.parametrize(("right", "top", "words"), [(60, 75, "right"), (75, 72, "top")])
def test_an_imprint_too_near_to_an_edge_is_a_fault(right: int, top: int, words: str) -> None:
    place = measured(piece_with(right, top))
    assert (place.right_in, place.top_in) == pytest.approx((right / 300, top / 300), abs=0.001)
    (fault,) = place.faults
    assert f"{words} edge" in fault
    assert "0.25 in" in fault


@pytest.mark.parametrize("gap_px", [100, 148, 155, 250])
@pytest.mark.parametrize("way", ["left", "below"])
def test_print_in_the_clear_zone_is_measured(gap_px: int, way: str) -> None:
    """1/2 in is 150 px (PB22487, 2018-03-05)."""
    sheet = piece_with(75, 75)
    left, bottom = 1800 - 75 - SIDE, 75 + SIDE
    if way == "left":
        sheet[100:130, left - gap_px - 40 : left - gap_px] = 40
    else:
        sheet[bottom + gap_px : bottom + gap_px + 20, left + 10 : left + 60] = 40
    place = measured(sheet)
    found = place.clear_left_in if way == "left" else place.clear_below_in
    assert found == pytest.approx(gap_px / 300, abs=0.005)
    assert bool(place.faults) == (gap_px < 149)


def test_specks_are_no_print_and_text_of_the_indicium_is_none_either() -> None:
    sheet = piece_with(75, 75)
    sheet[200, 1600] = 20  # dirt
    sheet[90:110, 1450:1600] = 40  # the words at the symbol's left
    assert any("clear zone at the left" in fault for fault in measured(sheet).faults)
    place = measured(sheet, indicium=(1440, 75, 285, 100))
    assert place.faults == ()
    assert place.clear_left_in == 1.0


@pytest.mark.parametrize("turn_deg", [-3.0, 3.0])
def test_a_piece_that_lies_askew_is_measured_along_its_own_edges(turn_deg: float) -> None:
    sheet = piece_with(90, 90)
    matrix = cv2.getRotationMatrix2D((900, 600), -turn_deg, 0.9)
    soft = cv2.GaussianBlur(sheet, (0, 0), 0.8)
    turned = cv2.warpAffine(soft, matrix, (1800, 1200), borderValue=(90,), flags=cv2.INTER_LINEAR)
    box = np.array([[0, 0, 1], [1800, 0, 1], [1800, 1200, 1], [0, 1200, 1]], float)
    place = measured(turned, piece=box @ matrix.T)
    assert place.skew_deg == pytest.approx(0, abs=0.15)
    assert place.right_in == pytest.approx(0.9 * 0.30, abs=0.006)
    assert place.top_in == pytest.approx(0.9 * 0.30, abs=0.006)
    straight = measured(turned, piece=(0, 0, 1800, 1200))
    assert straight.skew_deg == pytest.approx(turn_deg, abs=0.15)


def test_modules_out_of_range_are_a_fault() -> None:
    sheet = piece_with(75, 75)
    (reading,) = read(sheet)
    quality = grade(sheet, reading, pixels_per_inch=400)
    place = measure_imprint(sheet, quality, pixels_per_inch=400, piece=(0, 0, 1800, 1200))
    assert sum("module" in fault for fault in place.faults) == 2  # 0.0125 in


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"piece": (0, 0, 100, 100)}, "not on it"),
        ({"piece": (0, 0, -5, 100)}, "above 0"),
        ({"piece": (0, 0, 5)}, "neither"),
        ({"piece": np.zeros((4, 2))}, "different points"),
        ({"piece": np.full((4, 2), np.nan)}, "neither"),
        ({"indicium": (0, 0, 5)}, "indicium is not"),
        ({"indicium": (float("nan"), 0, 5, 5)}, "indicium is not"),
        ({"indicium": (1700, 20, 500, 50)}, "not on it"),
    ],
)
def test_bad_boxes_are_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        measured(piece_with(75, 75), **options)
