"""Every parameter of 300 random prints, known from how they are drawn (bench/grade_sweep.py)."""

import numpy as np
import pytest

from bench.grade_sweep import errors_of, random_print, sweep
from imicore import datamatrix
from imicore.print_quality import LIMITS
from tests.oracles.exact_prints import ExactPrint, draw_exactly, known_quality
from tests.oracles.prints import Print, draw

pytestmark = pytest.mark.native

POINT = 0.01  # of 100


def test_every_parameter_is_within_two_points_of_what_was_drawn() -> None:
    worst: dict[str, tuple[float, int]] = {}
    for seed, off in sweep(range(5000, 5300), most_modules=22 * 22):
        for name, error in off.items():
            worst[name] = max(worst.get(name, (0.0, 0)), (abs(error), seed))
    assert {name: found for name, found in worst.items() if found[0] > 2 * POINT} == {}


def test_the_limits_on_the_report_are_those_that_are_graded_by() -> None:
    seen = set()
    for seed in range(5000, 5100):
        quality = errors_of(*random_print(seed, 22 * 22))[1]
        for parameter in quality.parameters:
            if parameter.name not in LIMITS or parameter.name in (
                "modulation",
                "reflectance margin",
            ):
                continue  # these two grade codewords, not their value
            most = parameter.name.endswith("nonuniformity")
            met = sum(
                parameter.value <= limit if most else parameter.value >= limit
                for limit in LIMITS[parameter.name]
            )
            assert parameter.grade == met, (seed, parameter)
            seen.add((parameter.name, met))
    assert len(seen) >= 9  # several grades of contrast, axial and unused; growth bends no grid


@pytest.mark.parametrize("growth", [(0.0, 0.0), (0.2, -0.2), (0.3, 0.1), (-0.1, -0.1)])
def test_two_ways_to_draw_an_upright_print_agree(growth: tuple[float, float]) -> None:
    """Outlines by Green's theorem, and sub-cells summed by area (prints.py)."""
    modules = np.array(datamatrix.encode(b"two ways", size=(18, 18)).modules)
    how = ExactPrint(modules=modules, pitch_px=(5.3, 4.9), growth=growth, quiet=3)
    by_outlines, _ = draw_exactly(how)
    by_cells, _ = draw(modules, Print(pitch_px=(5.3, 4.9), growth=growth, quiet=3))
    assert by_outlines.shape == by_cells.shape
    assert np.abs(by_outlines.astype(int) - by_cells).max() <= 1  # rounding


def test_the_known_reflectance_is_the_area_of_ink_under_the_disc() -> None:
    """A dark module that has grown by 0.3 takes a cap of known area off each light neighbour."""
    modules = np.array(datamatrix.encode(b"a cap", size=(18, 18)).modules)
    known = known_quality(ExactPrint(modules=modules, growth=(0.3, 0.0), paper=255, ink=0), 0.8)
    k = 0.35 / 0.4  # of the radius, from the centre to the ink
    cap = (np.arccos(k) - k * np.sqrt(1 - k * k)) / np.pi
    # The quiet zone left of the L: ink on one side. The light clock modules: on both, and below.
    assert known.reflectance[9, 0] == pytest.approx(1 - cap, abs=1e-3)
    dark = np.pad(modules, 1)
    row, column = next(
        (r, c)
        for r, c in zip(*np.nonzero(~dark[1:-1, 1:-1]), strict=True)
        if dark[r + 1, c] and dark[r + 1, c + 2] and not dark[r, c + 1] and not dark[r + 2, c + 1]
    )
    assert known.reflectance[row + 1, column + 1] == pytest.approx(1 - 2 * cap, abs=1e-3)
