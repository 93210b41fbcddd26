"""The parameters of ISO/IEC 15415 the slow way: one module, one definition at a time.

Given where the modules are and which are dark, in plain numpy loops. The grader has to find both.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Grey = npt.NDArray[np.uint8]
LEVELS = ((4, 0.50), (3, 0.40), (2, 0.30), (1, 0.20))


def disc_mean(picture: Grey, x: float, y: float, diameter: float) -> float:
    """Mean grey of the pixels under a disc, weighed by 40x40 points on it."""
    ticks = (np.arange(40) + 0.5) / 40 - 0.5
    dx, dy = np.meshgrid(ticks * diameter, ticks * diameter)
    inside = dx**2 + dy**2 <= diameter**2 / 4
    rows = np.clip((y + dy[inside]).astype(int), 0, picture.shape[0] - 1)
    columns = np.clip((x + dx[inside]).astype(int), 0, picture.shape[1] - 1)
    return float(picture[rows, columns].mean())


def samples(picture: Grey, centres: Floats, diameter: float) -> Floats:
    """Greys through the aperture at every centre, [rows, columns]."""
    rows, columns = centres.shape[:2]
    out = np.empty((rows, columns))
    for row in range(rows):
        for column in range(columns):
            out[row, column] = disc_mean(picture, *centres[row, column], diameter)
    return out


def modulation(greys: Floats, light: float, dark: float) -> Floats:
    """2 |R - GT| / SC of each module."""
    return 2 * np.abs(greys - (light + dark) / 2) / (light - dark)


def grade_from(value: float, limits: tuple[float, float, float, float]) -> int:
    """4, 3, 2, 1 for reaching the limits, else 0."""
    return next((4 - i for i, limit in enumerate(limits) if value >= limit), 0)


def grade_up_to(value: float, limits: tuple[float, float, float, float]) -> int:
    """4, 3, 2, 1 for not exceeding the limits, else 0."""
    return next((4 - i for i, limit in enumerate(limits) if value <= limit), 0)


def unused_error_correction(errors: int, error_codewords: int) -> float:
    """1 - 2 t / d of a symbol with one block."""
    return max(0.0, 1 - 2 * errors / error_codewords)


def modulation_grade(codewords: list[float], error_codewords: int) -> int:
    """The grade overlay: codewords below a level count as errors at that level."""
    best = 0
    for level, limit in LEVELS:
        errors = sum(value < limit for value in codewords)
        unused = unused_error_correction(errors, error_codewords)
        best = max(best, min(level, grade_from(unused, (0.62, 0.50, 0.37, 0.25))))
    return best


def nonuniformity(centres: Floats) -> tuple[float, float]:
    """(axial, grid): pitches of the evenly spaced grid nearest to the centres, and how far off it
    the farthest centre lies, in modules."""
    rows, columns = centres.shape[:2]
    r, c = np.mgrid[:rows, :columns]
    design = np.stack([np.ones(r.size), r.ravel(), c.ravel()], axis=1)
    solution = np.linalg.lstsq(design, centres.reshape(-1, 2), rcond=None)[0]
    down, across = np.hypot(*solution[1]), np.hypot(*solution[2])
    off = np.hypot(*(centres.reshape(-1, 2) - design @ solution).T)
    return abs(across - down) / ((across + down) / 2), off.max() / ((across + down) / 2)


def solid_grade(states: list[float], limits: tuple[float, float, float, float]) -> int:
    """Grade of a segment of the fixed pattern from the modulation of its modules, 0 = wrong."""
    best = 0
    for level, limit in LEVELS:
        damaged = sum(value < limit for value in states) / len(states)
        best = max(best, min(level, grade_up_to(damaged, limits)))
    return best


def average_grade(segments: list[int]) -> int:
    """Of left and bottom L, their quiet zones and the worst clock track."""
    assert len(segments) == 5
    return grade_from(sum(segments) / 5, (4.0, 3.5, 3.0, 2.5))
