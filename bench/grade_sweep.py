"""How true the grades are: `python -m bench.grade_sweep --count 2000`.

Random prints, drawn exactly at any angle and any size of module from 3.5 to 12 px, with print
growth, contrast, unequal pitches and wrong modules; their parameters are known from how they are
drawn (tests/oracles/exact_prints.py). Prints how far off the grader is, in points of 100.
"""

import argparse
from collections.abc import Iterator

import numpy as np

from imicore import datamatrix
from imicore.grade import PrintQuality, grade
from imicore.reader import Reading
from tests.oracles.exact_prints import ExactPrint, Known, draw_exactly, known_quality

PIXELS_PER_INCH = 400
APERTURE = 0.8  # of a module
SIZES = {
    (10, 10): (1, 1),
    (14, 14): (1, 1),
    (18, 18): (1, 1),
    (22, 22): (1, 1),
    (26, 26): (1, 1),
    (8, 18): (1, 1),
    (12, 26): (1, 1),
    (16, 36): (1, 2),
    (32, 32): (2, 2),
    (40, 40): (2, 2),
}  # regions down, across; every data module of these sizes belongs to a codeword


def random_print(seed: int, most_modules: int = 40 * 40) -> tuple[ExactPrint, bytes]:
    """Return one print, and what it says."""
    rng = np.random.default_rng(seed)
    sizes = [size for size in SIZES if size[0] * size[1] <= most_modules]
    size = sizes[rng.integers(len(sizes))]
    room = next(s.base256_bytes for s in datamatrix.symbol_sizes() if s.size == size)
    payload = rng.bytes(room)
    modules = np.array(datamatrix.encode(payload, size=size, encodation="base256").modules)
    pitch = 3.5 * (12 / 3.5) ** rng.uniform()
    ratio = rng.choice([1.0, rng.uniform(0.9, 1.1)])
    paper = int(rng.integers(120, 256))
    how = ExactPrint(
        modules=modules,
        regions=SIZES[size],
        flipped=tuple(zip(*_wrong(modules, rng), strict=True)),
        pitch_px=(pitch * ratio**0.5, pitch / ratio**0.5),
        growth=(rng.uniform(-0.2, 0.3), rng.uniform(-0.2, 0.3)),
        turn_deg=rng.choice([0.0, rng.uniform(-3, 3), rng.uniform(0, 360)]),
        shift_px=tuple(rng.uniform(0, 1, 2)),
        paper=paper,
        ink=int(rng.integers(0, paper - 80)),
    )
    return how, payload


def _wrong(modules: np.ndarray, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    """Return up to two places off the outermost ring; most prints have none."""
    count = rng.choice([0, 0, 1, 2])
    rows, columns = modules.shape
    return (
        [int(rng.integers(2, rows - 2)) for _ in range(count)],
        [int(rng.integers(2, columns - 2)) for _ in range(count)],
    )


def errors_of(how: ExactPrint, payload: bytes) -> tuple[dict[str, float], PrintQuality, Known]:
    """Grade a print; return by how much each parameter is off, 1 = 100 points."""
    picture, corners = draw_exactly(how)
    pitch = sum(how.pitch_px) / 2
    quality = grade(
        picture,
        Reading(payload, corners, "datamatrix", how.modules.shape, 0, how.modules),
        pixels_per_inch=PIXELS_PER_INCH,
        aperture_um=APERTURE * pitch * 25400 / PIXELS_PER_INCH,
    )
    known = known_quality(how, APERTURE)
    off = {
        "symbol contrast": quality.symbol_contrast.value - known.contrast,
        "modulation": quality.modulation.value - known.modulation,
        "reflectance margin": quality.reflectance_margin.value - known.margin,
        "fixed pattern damage": quality.fixed_pattern_damage.value - known.fixed,
        "axial nonuniformity": quality.axial_nonuniformity.value - known.axial,
        "grid nonuniformity": quality.grid_nonuniformity.value,  # drawn on an even grid
        "growth, horizontal": quality.print_growth_horizontal - known.growth[0],
        "growth, vertical": quality.print_growth_vertical - known.growth[1],
        "reflectance of any module": float(
            np.abs(quality.reflectance - known.reflectance).max() / known.contrast
        ),
    }
    return off, quality, known


def sweep(seeds: range, most_modules: int = 40 * 40) -> Iterator[tuple[int, dict[str, float]]]:
    for seed in seeds:
        yield seed, errors_of(*random_print(seed, most_modules))[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="seed of the first print")
    options = parser.parse_args()
    every = []
    for seed, off in sweep(range(options.first, options.first + options.count)):
        every.append((seed, off))
        if len(every) % 250 == 0:
            print(f"{len(every)} of {options.count}", flush=True)
    print(f"{'points of 100':28} {'mean':>6} {'95 %':>6} {'worst':>6}  seed")
    for name in every[0][1]:
        off = np.array([abs(errors[name]) * 100 for _, errors in every])
        print(
            f"{name:28} {off.mean():6.2f} {np.percentile(off, 95):6.2f} {off.max():6.2f}  "
            f"{every[int(off.argmax())][0]}"
        )


if __name__ == "__main__":
    main()
