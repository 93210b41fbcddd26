"""The grader on a symbol cut out of a mail picture: 40x40 modules at 4 px, 190x190 px.

No open peer measures the eight parameters (the one that exists measures two of six, 840 ms each).
It stands beside its budget of 0.3 ms (design.md 4), as a loop that idles for so much thread time,
and beside numpy taking the disc means of the modules alone, at places already known.
"""

import time
from collections.abc import Iterator

import numpy as np
from pytest_benchmark.fixture import BenchmarkFixture

from bench.camera import Grey, Shot, paper, photograph
from bench.compare import Comparison, Contender, compare
from imicore import datamatrix
from imicore.grade import PrintQuality, grade
from imicore.reader import Reading, read

PIXELS_PER_INCH = 250  # 4 px for a module of 0.016 in
BUDGET_US = 300


def crop() -> tuple[Grey, Reading]:
    rng = np.random.default_rng(1)
    symbol = datamatrix.encode(rng.bytes(90), size=(40, 40), encodation="base256")
    shot = Shot(pitch_px=4.0, centre_px=(95, 95), turn_deg=1.0, gain=0.08)
    frame, _ = photograph(np.asarray(symbol.modules), shot, paper(190, 190), rng)
    (reading,) = read(frame)
    return frame, reading


def quality_of(frame: Grey, reading: Reading) -> PrintQuality:
    return grade(frame, reading, pixels_per_inch=PIXELS_PER_INCH)


def disc_means(frame: Grey, quality: PrintQuality) -> np.ndarray:
    """Mean grey of a disc at every module, 16 points each, all modules at once."""
    diameter = quality.aperture_um * PIXELS_PER_INCH / 25400
    turn = np.arange(16) * 2.39996  # the golden angle: points spread evenly over the disc
    radius = diameter / 2 * np.sqrt((np.arange(16) + 0.5) / 16)
    offsets = np.stack([radius * np.cos(turn), radius * np.sin(turn)], axis=1)
    points = (quality.centres[:, :, None, :] + offsets).astype(np.intp)
    return frame[points[..., 1], points[..., 0]].mean(axis=2) / 255


def idle() -> None:
    end = time.thread_time_ns() + BUDGET_US * 1000
    while time.thread_time_ns() < end:
        pass


def comparisons() -> Iterator[Comparison]:
    frame, reading = crop()
    quality = quality_of(frame, reading)
    assert quality.truth == "corrected"
    assert np.abs(disc_means(frame, quality) - quality.reflectance[1:-1, 1:-1]).max() < 0.1
    yield compare(
        "grade_crop",
        Contender("imicore", lambda: quality_of(frame, reading)),
        [
            Contender("the budget", idle),
            Contender("numpy, module means only", lambda: disc_means(frame, quality)),
        ],
        goals={"the budget": 1.0},
    )


def test_grade_crop(benchmark: BenchmarkFixture) -> None:
    frame, reading = crop()
    assert benchmark(quality_of, frame, reading).overall >= 3
