"""The grader on prints of known quality: they are drawn so (tests/oracles/prints.py)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from bench.camera import Shot, paper, photograph
from imicore import datamatrix
from imicore.errors import BadArgument, BadImage, NoSuchSize
from imicore.grade import (
    PrintQuality,
    default_aperture_um,
    grade,
    linear_reflectance,
    srgb_reflectance,
)
from imicore.reader import Reading, read
from tests.oracles import grading as slow
from tests.oracles.prints import Floats, Grey, Print, corners_of, draw

pytestmark = pytest.mark.native

POINT = 0.01  # of 100; the goal for a parameter is two
PPI = 600
Bools = npt.NDArray[np.bool_]


def modules_of(size: tuple[int, int] = (40, 40), seed: int = 1) -> tuple[bytes, Bools]:
    room = next(s.base256_bytes for s in datamatrix.symbol_sizes() if s.size == size)
    payload = np.random.default_rng(seed).bytes(room)
    symbol = datamatrix.encode(payload, size=size, encodation="base256")
    return payload, np.array(symbol.modules)


def reading_of(payload: bytes, modules: Bools, corners: npt.NDArray[np.float32]) -> Reading:
    return Reading(payload, corners, "datamatrix", modules.shape, 0, modules)


def graded(
    how: Print,
    *,
    size: tuple[int, int] = (40, 40),
    flip: tuple[tuple[int, int], ...] = (),
    off_px: float = 0.0,
    aperture: float = 0.8,
) -> tuple[PrintQuality, Grey, Floats, Bools]:
    """Grade one drawn print; `flip` are modules printed in the wrong colour."""
    payload, modules = modules_of(size)
    printed = modules.copy()
    for row, column in flip:
        printed[row, column] ^= True
    picture, centres = draw(printed, how)
    rng = np.random.default_rng(7)
    corners = corners_of(centres) + rng.uniform(-off_px, off_px, (4, 2)).astype(np.float32)
    quality = grade(
        picture,
        reading_of(payload, modules, corners),
        pixels_per_inch=PPI,
        aperture_um=aperture * min(how.pitch_px) * 25400 / PPI,
    )
    return quality, picture, centres, modules


def data_places(modules: Bools) -> Iterator[tuple[int, int]]:
    """Modules of the data regions of a symbol of 2x2 regions."""
    half = modules.shape[0] // 2
    for row in range(modules.shape[0]):
        for column in range(modules.shape[1]):
            if row % half not in (0, half - 1) and column % half not in (0, half - 1):
                yield row, column


PITCHES = [(10.0, 10.0), (4.0, 4.0), (4.37, 4.37), (23.0, 23.0)]


@pytest.mark.parametrize("pitch", PITCHES)
@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.5, 0.5), (0.31, 0.77)])
def test_a_perfect_print_is_an_a_in_everything(
    pitch: tuple[float, float], shift: tuple[float, float]
) -> None:
    quality, *_ = graded(Print(pitch_px=pitch, shift_px=shift), off_px=0.2 * pitch[0])
    assert [p.grade for p in quality.parameters] == [4] * 8
    assert quality.overall == 4.0
    assert quality.letter == "A"
    assert quality.modulation.value > 1 - POINT
    assert quality.reflectance_margin.value == quality.modulation.value
    assert quality.fixed_pattern_damage.value == 0
    assert quality.axial_nonuniformity.value < POINT
    assert quality.grid_nonuniformity.value < 2 * POINT
    assert quality.unused_error_correction.value == 1
    assert abs(quality.print_growth_horizontal) < 2 * POINT
    assert abs(quality.print_growth_vertical) < 2 * POINT
    assert quality.edges_found > 0.99


@pytest.mark.parametrize(
    ("light", "dark", "expected"),
    [(250, 20, 4), (250, 60, 4), (200, 50, 3), (200, 85, 2), (150, 90, 1), (150, 110, 0)],
)
@pytest.mark.parametrize("pitch", [(10.0, 10.0), (4.0, 4.0)])
def test_symbol_contrast_is_the_difference_of_the_reflectances(
    light: int, dark: int, expected: int, pitch: tuple[float, float]
) -> None:
    quality, *_ = graded(Print(paper=light, ink=dark, pitch_px=pitch))
    assert quality.symbol_contrast.value == pytest.approx((light - dark) / 255, abs=POINT)
    assert quality.symbol_contrast.grade == expected
    assert quality.rmax == pytest.approx(light / 255, abs=POINT)
    assert quality.rmin == pytest.approx(dark / 255, abs=POINT)
    assert quality.tone.difference == pytest.approx((light - dark) / 255, abs=POINT)


@pytest.mark.parametrize(
    ("pitch", "expected"),
    [
        ((10.0, 10.0), 4),
        ((10.5, 10.0), 4),
        ((10.7, 10.0), 3),
        ((10.0, 10.95), 2),
        ((11.2, 10.0), 1),
        ((11.5, 10.0), 0),
        ((4.0, 4.3), 3),
        ((4.0, 4.6), 0),
    ],
)
def test_axial_nonuniformity_is_the_ratio_of_the_pitches(
    pitch: tuple[float, float], expected: int
) -> None:
    quality, _, centres, _ = graded(Print(pitch_px=pitch), off_px=1.0)
    mean = sum(pitch) / 2
    value = abs(pitch[0] - pitch[1]) / mean
    assert slow.nonuniformity(centres)[0] == pytest.approx(value, abs=1e-9)
    assert quality.axial_nonuniformity.value == pytest.approx(value, abs=POINT / 2)
    assert quality.axial_nonuniformity.grade == expected


@pytest.mark.parametrize("amount", [0.0, 0.2, 0.45, 0.7, 1.0])
@pytest.mark.parametrize("pitch", [(10.0, 10.0), (4.0, 4.0)])
@pytest.mark.parametrize("size", [(40, 40), (24, 24), (16, 48)])
def test_grid_nonuniformity_is_the_farthest_displacement(
    amount: float, pitch: tuple[float, float], size: tuple[int, int]
) -> None:
    """Columns and rows that wander: belt speed against the print head's fire clock."""
    rows, columns = size
    wander = np.cos(np.arange(columns) / columns * 2 * np.pi)
    how = Print(
        pitch_px=pitch,
        column_shift=amount * wander,
        row_shift=0.3 * amount * np.cos(np.arange(rows) / rows * 2 * np.pi),
    )
    quality, _, centres, _ = graded(how, size=size)
    _, expected = slow.nonuniformity(centres)
    assert quality.grid_nonuniformity.value == pytest.approx(expected, abs=2 * POINT)
    error = np.hypot(*np.moveaxis(quality.centres - centres, 2, 0)).max() / pitch[0]
    assert error < 2.5 * POINT


@pytest.mark.parametrize("growth", [(0.0, 0.0), (0.2, 0.0), (0.0, -0.2), (-0.1, 0.3), (0.1, 0.1)])
@pytest.mark.parametrize("pitch", [(10.0, 10.0), (4.0, 4.0), (4.37, 4.37)])
def test_print_growth_is_told_by_direction(
    growth: tuple[float, float], pitch: tuple[float, float]
) -> None:
    quality, _, centres, _ = graded(Print(growth=growth, pitch_px=pitch), off_px=0.5)
    assert quality.print_growth_horizontal == pytest.approx(growth[0], abs=2 * POINT)
    assert quality.print_growth_vertical == pytest.approx(growth[1], abs=2 * POINT)
    assert quality.axial_nonuniformity.value < POINT
    error = np.hypot(*np.moveaxis(quality.centres - centres, 2, 0)).max() / pitch[0]
    assert error < 2.5 * POINT


@pytest.mark.parametrize("errors", [0, 1, 9, 12, 15, 18, 24, 25])
def test_unused_error_correction_counts_wrong_codewords(errors: int) -> None:
    """One module of each of so many codewords in the wrong colour; 40x40 corrects 24 of 162."""
    _, modules = modules_of()
    places = distinct_codewords(modules, errors)
    quality, *_ = graded(Print(), flip=places)
    assert quality.errors == (errors,)
    expected = slow.unused_error_correction(errors, 48) if errors <= 24 else 0.0
    assert quality.unused_error_correction.value == pytest.approx(expected)
    limits = (0.62, 0.50, 0.37, 0.25)
    assert quality.unused_error_correction.grade == slow.grade_from(expected, limits)
    assert quality.decode.grade == (4 if errors <= 24 else 0)
    assert quality.fixed_pattern_damage.grade == 4


def distinct_codewords(modules: Bools, count: int) -> tuple[tuple[int, int], ...]:
    """Modules of `count` different codewords, found by asking the decoder."""
    found: list[tuple[int, int]] = []
    damaged = modules.copy()
    for row, column in list(data_places(modules))[::5]:
        if len(found) == count:
            break
        trial = damaged.copy()
        trial[row, column] ^= True
        try:
            corrected = datamatrix.decode(trial).errors_corrected
        except Exception:
            corrected = len(found) + 1  # one more than can be corrected
        if corrected == len(found) + 1:
            damaged = trial
            found.append((row, column))
    assert len(found) == count
    return tuple(found)


@pytest.mark.parametrize("count", [0, 3, 10, 14, 17, 22])
@pytest.mark.parametrize("strength", [0.15, 0.25, 0.35, 0.45, 0.55])
def test_modulation_grades_weak_modules_as_the_slow_oracle_does(
    count: int, strength: float
) -> None:
    """So many codewords have one module of known modulation, all others are full."""
    _, modules = modules_of()
    light, dark = 240.0, 20.0
    middle, half = (light + dark) / 2, (light - dark) / 2
    greys = {
        (row, column): round(middle + (-half if modules[row, column] else half) * strength)
        for row, column in distinct_codewords(modules, count)
    }
    quality, *_ = graded(Print(paper=light, ink=dark, greys=greys))
    codewords = [strength] * count + [1.0] * (162 - count)
    assert quality.modulation.value == pytest.approx(min(codewords), abs=2 * POINT)
    assert quality.reflectance_margin.value == pytest.approx(min(codewords), abs=2 * POINT)
    expected = slow.modulation_grade(codewords, 48)
    assert quality.modulation.grade == expected
    assert quality.reflectance_margin.grade == expected
    assert sum(quality.modulation_codewords) == 162
    weak = slow.grade_from(strength, (0.5, 0.4, 0.3, 0.2))
    assert quality.modulation_codewords[4 - weak] == (count if weak < 4 else 162)
    assert quality.unused_error_correction.value == 1


@pytest.mark.parametrize("count", [1, 10, 14, 20])
def test_a_module_on_the_wrong_side_has_modulation_but_no_margin(count: int) -> None:
    _, modules = modules_of()
    quality, *_ = graded(Print(), flip=distinct_codewords(modules, count))
    assert quality.modulation.grade == 4
    assert quality.reflectance_margin.value == 0
    codewords = [0.0] * count + [1.0] * (162 - count)
    assert quality.reflectance_margin.grade == slow.modulation_grade(codewords, 48)


@pytest.mark.parametrize("pitch", [(10.0, 10.0), (4.0, 4.0), (4.37, 4.37)])
def test_every_module_is_seen_through_the_aperture(pitch: tuple[float, float]) -> None:
    """Against a disc laid by hand on a picture with eight times the pixels; greys at random.

    Two-level prints that grow are in test_grade_sweep.py.
    """
    _payload, modules = modules_of((20, 20))
    rng = np.random.default_rng(3)
    greys = {
        (row, column): float(
            rng.integers(20, 90) if modules[row, column] else rng.integers(170, 240)
        )
        for row in range(1, 19)
        for column in range(1, 19)
    }
    how = Print(pitch_px=pitch, greys=greys, paper=240, ink=20)
    quality, *_ = graded(how, size=(20, 20))
    fine = 8 * pitch[0]
    picture, centres = draw(modules, replace(how, pitch_px=(fine, fine)))
    expected = slow.samples(picture, centres, 0.8 * fine) / 255
    assert np.abs(quality.reflectance[1:-1, 1:-1] - expected).max() < 2 * POINT
    assert quality.threshold == pytest.approx(130 / 255, abs=2 * POINT)


L_LIMITS = (0.0, 0.09, 0.13, 0.17)
CLOCK_LIMITS = (0.10, 0.15, 0.20, 0.25)


@pytest.mark.parametrize("damaged", [0, 1, 2, 3, 4, 5, 7])
def test_damage_to_the_l_is_graded_by_its_share(damaged: int) -> None:
    """26x26 has one region: no part of a side is graded on its own."""
    places = tuple((3 + 3 * i, 0) for i in range(damaged))
    quality, *_ = graded(Print(), size=(26, 26), flip=places)
    left = next(s for s in quality.segments if s.name == "left L")
    assert left.damaged == pytest.approx(damaged / 26)
    expected = slow.grade_up_to(damaged / 26, L_LIMITS)
    assert left.grade == expected
    others = [s.grade for s in quality.segments if s is not left]
    assert others == [4] * len(others)
    average = slow.average_grade([expected, 4, 4, 4, 4])
    assert quality.fixed_pattern_damage.grade == min(expected, average)
    assert quality.average_grade == pytest.approx((expected + 16) / 5)


@pytest.mark.parametrize("strength", [0.15, 0.25, 0.35, 0.45, 0.6])
@pytest.mark.parametrize("count", [2, 4, 26])
def test_weak_modules_of_the_l_count_by_their_modulation(strength: float, count: int) -> None:
    greys = {(i * 26 // count, 0): 130.0 - 110 * strength for i in range(count)}
    quality, *_ = graded(Print(paper=240, ink=20, greys=greys), size=(26, 26))
    left = next(s for s in quality.segments if s.name == "left L")
    states = [strength] * count + [1.0] * (26 - count)
    assert left.grade == slow.solid_grade(states, L_LIMITS)
    assert left.damaged == 0


@pytest.mark.parametrize("damaged", [1, 2, 3, 4, 5])
def test_dark_specks_in_the_quiet_zone_are_damage(damaged: int) -> None:
    greys = {(26, 2 + 4 * i): 30.0 for i in range(damaged)}
    quality, *_ = graded(Print(greys=greys), size=(26, 26))
    bottom = next(s for s in quality.segments if s.name == "bottom quiet zone")
    assert bottom.damaged == pytest.approx(damaged / 27)  # with the corner of the symbol
    assert bottom.grade == slow.grade_up_to(damaged / 27, L_LIMITS)


@pytest.mark.parametrize("damaged", [1, 2, 3, 4, 5, 6])
def test_clock_tracks_are_graded_by_share_and_regularity(damaged: int) -> None:
    places = tuple((0, 1 + 4 * i) for i in range(damaged))  # light modules printed dark
    quality, *_ = graded(Print(), size=(26, 26), flip=places)
    (top,) = (s for s in quality.segments if s.kind == "clock track" and s.level)
    assert top.damaged == pytest.approx(damaged / 26)
    assert top.solid_damaged == 0
    assert top.transition_ratio == 0
    assert top.grade == slow.grade_up_to(damaged / 26, CLOCK_LIMITS)


def test_three_wrong_modules_within_five_fail_a_clock_track() -> None:
    quality, *_ = graded(Print(), size=(26, 26), flip=((0, 9), (0, 11), (0, 13)))
    (top,) = (s for s in quality.segments if s.kind == "clock track" and s.level)
    assert top.damaged == pytest.approx(3 / 26)
    assert top.grade == 0
    assert quality.overall == 0


@pytest.mark.parametrize(("specks", "ratio", "expected"), [(1, 1 / 25, 4), (2, 3 / 25, 0)])
def test_transition_ratio_counts_changes_in_the_solid_area(
    specks: int, ratio: float, expected: int
) -> None:
    """Two changes a speck, less one, against 25 changes in the clock track of 26 modules."""
    greys = {(-1, 6 + 8 * i): 30.0 for i in range(specks)}
    quality, *_ = graded(Print(greys=greys), size=(26, 26))
    (top,) = (s for s in quality.segments if s.kind == "clock track" and s.level)
    assert top.transition_ratio == pytest.approx(ratio)
    assert top.grade == expected


def test_damage_of_one_region_counts_for_its_part_of_the_l() -> None:
    """Two of 40 modules are 5 % (B); two of the 20 of one region are 10 % (C): the worse counts."""
    quality, *_ = graded(Print(), flip=((39, 4), (39, 8)))
    bottom = next(s for s in quality.segments if s.name == "bottom L")
    assert bottom.damaged == pytest.approx(2 / 40)
    assert bottom.grade == 2
    assert quality.fixed_pattern_damage.grade == 2


@pytest.mark.parametrize("pitch", [9.0, 4.3])
@pytest.mark.parametrize("side", ["left", "bottom"])
@pytest.mark.parametrize(("first", "last"), [(2, 18), (11, 33), (5, 22)])
def test_an_erased_side_does_not_bend_the_grid(
    pitch: float, side: str, first: int, last: int
) -> None:
    """Behind an erased L stand the edges of the data, a module further in."""
    places = [(i, 0) if side == "left" else (39, i) for i in range(first, last)]
    how = Print(pitch_px=(pitch, pitch), greys=dict.fromkeys(places, 230.0))
    quality, _, centres, _ = graded(how, off_px=0.2 * pitch)
    assert np.hypot(*np.moveaxis(quality.centres - centres, 2, 0)).max() < 0.05 * pitch
    assert quality.grid_nonuniformity.value < 2 * POINT
    assert quality.modulation.grade == 4
    damaged = next(s for s in quality.segments if s.name == f"{side} L")
    assert damaged.damaged == pytest.approx((last - first) / 40)
    assert damaged.grade == 0


def test_a_patch_over_the_l_that_lies_askew_does_not_bend_the_grid() -> None:
    """A patch's own straight edge, two degrees off, is no side of the symbol.

    It may stand for a single edge of a clock track, half a module off, of the two that place a
    module.
    """
    payload, modules = modules_of()
    shot = Shot(pitch_px=9, centre_px=(230, 230), turn_deg=2, noise=3, quiet=4)
    frame, to_px = photograph(modules, shot, paper(460, 460), np.random.default_rng(3))
    rows, columns = np.mgrid[:40, :40] + 0.5
    places = np.stack([columns, rows, np.ones_like(rows)], axis=2) @ to_px.T
    centres = places[..., :2] / places[..., 2:]
    frame[100:330, 44:58] = 225
    reading = reading_of(payload, modules, corners_of(centres))
    quality = grade(frame, reading, pixels_per_inch=PPI)
    assert np.hypot(*np.moveaxis(quality.centres - centres, 2, 0)).max() < 0.3 * 9
    assert np.hypot(*np.moveaxis(quality.centres[:, 3:] - centres[:, 3:], 2, 0)).max() < 0.05 * 9
    assert quality.grid_nonuniformity.grade == 4


@pytest.mark.parametrize("size", [s.size for s in datamatrix.symbol_sizes()])
def test_every_size_is_graded(size: tuple[int, int]) -> None:
    """All 48: squares, rectangles and DMRE, at the resolution of a mail camera."""
    quality, _, centres, modules = graded(Print(pitch_px=(4.2, 4.2)), size=size, off_px=0.8)
    assert [p.grade for p in quality.parameters] == [4] * 8
    assert (quality.modules == modules).all()
    assert quality.truth == "corrected"
    assert np.abs(quality.centres - centres).max() < 0.1


@pytest.mark.parametrize("turn", [0.0, 7.0, 45.0, 90.0, 181.0, -60.0])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("inverted", [False, True])
def test_turned_mirrored_and_inverted_prints_get_the_same_grade(
    turn: float, mirrored: bool, inverted: bool
) -> None:
    """A photograph, read by the reader; nothing but the drawing is turned."""
    payload, modules = modules_of()
    shot = Shot(pitch_px=5.0, turn_deg=turn, centre_px=(220, 220), noise=2, quiet=3)
    frame, _ = photograph(modules, shot, paper(440, 440), np.random.default_rng(5))
    frame = frame[:, ::-1] if mirrored else frame
    frame = 255 - frame if inverted else frame
    (reading,) = read(frame)
    assert reading.payload == payload
    assert (reading.mirrored, reading.inverted) == (mirrored, inverted)
    quality = grade(frame, reading, pixels_per_inch=PPI)
    assert (quality.modules == modules).all()
    assert quality.symbol_contrast.value == pytest.approx(180 / 255, abs=6 * POINT)
    assert [p.grade for p in quality.parameters if p.name != "symbol contrast"] == [4] * 7
    assert quality.axial_nonuniformity.value < POINT
    assert quality.grid_nonuniformity.value < 6 * POINT  # noise moves single edges
    assert quality.inverted == inverted
    skew = (turn + 45) % 90 - 45
    if not mirrored:
        assert (quality.skew_deg - skew + 45) % 90 - 45 == pytest.approx(0, abs=0.2)


def test_the_same_picture_in_any_memory_layout() -> None:
    quality, picture, centres, modules = graded(Print(growth=(0.1, 0.0)))
    payload, _ = modules_of()
    reading = reading_of(payload, modules, corners_of(centres))
    wide = np.repeat(np.repeat(picture, 2, 0), 3, 1)[::2, ::3]
    colour = np.dstack([picture, picture, 255 - picture])
    for frame in (wide, np.asfortranarray(picture), colour, np.ascontiguousarray(colour[..., :])):
        aperture_um = quality.aperture_um
        again = grade(frame, reading, pixels_per_inch=PPI, aperture_um=aperture_um)
        assert [p.value for p in again.parameters] == [p.value for p in quality.parameters]


def test_colours_give_their_print_reflectance_difference() -> None:
    """Red ink on buff paper: it shows in green and hardly in red (DMM 708.4.4)."""
    payload, modules = modules_of()
    planes = [
        draw(modules, Print(paper=light, ink=dark))[0]
        for light, dark in ((230, 160), (210, 60), (150, 50))
    ]
    centres = draw(modules, Print())[1]
    reading = reading_of(payload, modules, corners_of(centres))
    frame = np.dstack(planes)
    quality = grade(frame, reading, pixels_per_inch=PPI)
    assert quality.colours["red"].difference == pytest.approx(70 / 255, abs=POINT)
    assert quality.colours["green"].difference == pytest.approx(150 / 255, abs=POINT)
    assert quality.meets_reflectance_rule is False
    assert quality.symbol_contrast.value == pytest.approx(70 / 255, abs=POINT)
    green = grade(frame, reading, pixels_per_inch=PPI, light_nm=530)
    assert green.symbol_contrast.value == pytest.approx(150 / 255, abs=POINT)
    assert green.colours["red"].difference == pytest.approx(70 / 255, abs=POINT)
    blue = grade(frame, reading, pixels_per_inch=PPI, light_nm=450)
    assert blue.symbol_contrast.value == pytest.approx(100 / 255, abs=POINT)
    grey = grade(planes[0], reading, pixels_per_inch=PPI)
    assert grey.meets_reflectance_rule is None


@pytest.mark.parametrize(("ink", "met"), [(154, False), (153, True)])
def test_a_difference_of_30_percent_is_enough(ink: int, met: bool) -> None:
    """230 - 153 = 77 greys = 30.2 %; 76 = 29.8 %."""
    payload, modules = modules_of()
    picture, centres = draw(modules, Print(paper=230, ink=ink))
    reading = reading_of(payload, modules, corners_of(centres))
    quality = grade(np.dstack([picture] * 3), reading, pixels_per_inch=PPI)
    assert quality.meets_reflectance_rule is met


def test_calibration_turns_greys_into_reflectance() -> None:
    payload, modules = modules_of()
    picture, centres = draw(modules, Print(paper=200, ink=50))
    reading = reading_of(payload, modules, corners_of(centres))
    relative = grade(picture, reading, pixels_per_inch=PPI)
    assert not relative.calibrated
    assert any("relative" in note for note in relative.notes)
    table = linear_reflectance(20, 220)
    absolute = grade(picture, reading, pixels_per_inch=PPI, reflectance=table)
    assert absolute.calibrated
    assert absolute.symbol_contrast.value == pytest.approx(150 / 200, abs=POINT)
    assert absolute.symbol_contrast.grade == 4
    assert relative.symbol_contrast.grade == 3
    curved = grade(picture, reading, pixels_per_inch=PPI, reflectance=srgb_reflectance())
    assert curved.rmax == pytest.approx(0.578, abs=POINT)  # sRGB 200
    assert curved.rmin == pytest.approx(0.032, abs=POINT)  # sRGB 50


def test_the_aperture_is_named_and_four_fifths_of_a_module() -> None:
    """ISO/IEC 15415 asks for at most 80 %; names are mils."""
    for module_in, mils in ((0.0159, 12), (0.0133, 10), (0.020, 16), (0.010, 8), (0.0067, 5)):
        assert default_aperture_um(module_in * 25400) == pytest.approx(mils * 25.4)
    assert default_aperture_um(0.060 * 25400) == pytest.approx(0.048 * 25400)
    quality, picture, centres, modules = graded(Print())
    payload, _ = modules_of()
    reading = reading_of(payload, modules, corners_of(centres))
    quality = grade(picture, reading, pixels_per_inch=600, light_nm=640, light_angle_deg=30)
    assert quality.text == "4.0/12/640/30"  # 10 px at 600 per inch: 16.7 mils, four fifths 13.3


def test_a_symbol_read_by_erasures_is_graded_by_its_payload() -> None:
    """40 codewords lost: past correction without doubts, but the reader had the payload."""
    payload, modules = modules_of()
    sampled = modules.copy()
    sampled[3:16, 3:16] ^= np.random.default_rng(1).random((13, 13)) < 0.5
    picture, centres = draw(sampled, Print())
    reading = replace(reading_of(payload, sampled, corners_of(centres)))
    quality = grade(picture, reading, pixels_per_inch=PPI)
    assert quality.truth == "encoded"
    assert (quality.modules == modules).all()
    assert quality.decode.grade == 0
    assert quality.unused_error_correction.grade == 0
    assert quality.overall == 0
    other = replace(reading, payload=b"something else")
    unknown = grade(picture, other, pixels_per_inch=PPI)
    assert unknown.truth == "unknown"
    assert unknown.overall == 0
    assert unknown.errors == ()


def test_threads_share_a_grader() -> None:
    payload, modules = modules_of()
    jobs = []
    for i in range(24):
        how = Print(pitch_px=(4 + i / 8, 4 + i / 8), growth=(0.1 * (i % 3), 0))
        picture, centres = draw(modules, how)
        jobs.append((picture, reading_of(payload, modules, corners_of(centres))))

    def run(job: tuple[Grey, Reading]) -> tuple[float, ...]:
        quality = grade(*job, pixels_per_inch=PPI)
        return tuple(p.value for p in quality.parameters)

    alone = [run(job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, jobs * 3)) == alone * 3


def test_bad_input_is_named() -> None:
    payload, modules = modules_of()
    picture, centres = draw(modules, Print())
    corners = corners_of(centres)
    reading = reading_of(payload, modules, corners)

    def refused(error: type[Exception], words: str, **changes: object) -> None:
        arguments = {"frame": picture, "reading": reading, "pixels_per_inch": PPI, **changes}
        with pytest.raises(error, match=words):
            grade(**arguments)  # type: ignore[arg-type]

    refused(BadImage, "list", frame=[[1]])
    refused(BadImage, "float64", frame=picture.astype(float))
    refused(BadImage, r"shape", frame=picture[None, :, :])
    refused(BadImage, r"shape", frame=picture[:0])
    refused(BadImage, "12000000", frame=np.zeros((4000, 4000), np.uint8))
    for ppi in (0, -1, 1e9, float("nan"), float("inf"), "600"):
        refused(BadArgument, "pixels_per_inch", pixels_per_inch=ppi)
    refused(BadArgument, "light_nm is 20", light_nm=20)
    refused(BadArgument, "light_angle_deg is 91", light_angle_deg=91)
    refused(BadArgument, "aperture_um", aperture_um=float("nan"))
    refused(BadArgument, "aperture_um", aperture_um=-3)
    refused(BadArgument, "wider than a module of 10.00", aperture_um=500)
    refused(BadArgument, "cannot show less than 1", aperture_um=10)
    refused(BadArgument, "256", reflectance=[0.5, 1])
    refused(BadArgument, "256", reflectance=[float("nan")] * 256)
    outside = replace(reading, corners=corners + np.float32(400))
    refused(BadArgument, "outside the frame of 460x460", reading=outside)
    refused(BadArgument, "four points", reading=replace(reading, corners=corners * np.nan))
    refused(BadArgument, "four points", reading=replace(reading, corners=corners[:2]))
    crossed = replace(reading, corners=corners[[0, 2, 1, 3]])
    refused(BadArgument, "a module is 0.00 pixels", reading=crossed)
    dented = corners.copy()
    dented[1] = corners[[0, 2, 3]].mean(axis=0) + np.float32(20)
    refused(BadArgument, "not those of a symbol", reading=replace(reading, corners=dented))
    point = replace(reading, corners=corners * 0 + 50)
    refused(BadArgument, "module", reading=point)
    refused(BadArgument, "one grey", frame=np.full_like(picture, 99))
    refused(
        BadArgument,
        "quiet zone",
        frame=picture[30:-30, 30:-30],
        reading=replace(reading, corners=corners - np.float32(30)),
    )
    refused(NoSuchSize, "41x40", reading=replace(reading, size=(41, 40)))
    refused(BadArgument, "modules", reading=replace(reading, modules=modules[:20]))
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, picture.shape, dtype=np.uint8)
    refused(BadArgument, "does not show the symbol", frame=noise)


def test_hostile_corners_never_crash() -> None:
    """Any four points: a grade or a refusal."""
    payload, modules = modules_of((14, 14))
    picture, centres = draw(modules, Print(pitch_px=(5.0, 5.0)))
    reading = reading_of(payload, modules, corners_of(centres))
    rng = np.random.default_rng(9)
    answers = {"graded": 0, "refused": 0}
    for i in range(400):
        reach = (1.0, 8.0, 60.0)[i % 3]
        corners = reading.corners + rng.normal(0, reach, (4, 2)).astype(np.float32)
        try:
            quality = grade(picture, replace(reading, corners=corners), pixels_per_inch=PPI)
        except BadArgument:
            answers["refused"] += 1
        else:
            answers["graded"] += 1
            assert 0 <= quality.overall <= 4
            assert np.isfinite(quality.centres).all()
    assert answers["graded"] > 50
    assert answers["refused"] > 50
