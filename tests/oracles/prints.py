"""Pictures of printed symbols whose print quality is known because they are drawn so.

Every pixel is the exact mean over its square: sub-cells of the symbol are summed by area. Nothing
is shared with the grader or with the photographs of bench/camera.py.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

FINE = 20  # sub-cells a module

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Grey = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Print:
    """How a symbol is drawn. Lengths in modules where not said otherwise."""

    pitch_px: tuple[float, float] = (10.0, 10.0)  # across, down
    quiet: int = 3
    growth: tuple[float, float] = (0.0, 0.0)  # of dark modules' width and height, steps of 0.1
    paper: float = 230.0
    ink: float = 30.0
    shift_px: tuple[float, float] = (0.0, 0.0)
    column_shift: npt.ArrayLike = 0.0  # of each module's centre; edges lie between
    row_shift: npt.ArrayLike = 0.0
    greys: dict[tuple[int, int], float] = field(default_factory=dict)  # (row, column): whole module


def draw(modules: Bools, how: Print) -> tuple[Grey, Floats]:
    """Return the picture, and the true module centres as float64[rows, columns, 2] in pixels."""
    rows, columns = modules.shape
    cells = np.kron(np.pad(modules, how.quiet), np.ones((FINE, FINE), bool))
    cells = _grown(
        _grown(cells, round(how.growth[0] * FINE / 2), 1), round(how.growth[1] * FINE / 2), 0
    )
    grey = np.where(cells, how.ink, how.paper).astype(np.float64)
    for (row, column), value in how.greys.items():
        y, x = (row + how.quiet) * FINE, (column + how.quiet) * FINE
        grey[y : y + FINE, x : x + FINE] = value
    x_edges = _edges(columns, how.quiet, how.column_shift) * how.pitch_px[0] + how.shift_px[0]
    y_edges = _edges(rows, how.quiet, how.row_shift) * how.pitch_px[1] + how.shift_px[1]
    across, down = _areas(x_edges), _areas(y_edges)
    # Where the cells do not reach there is paper.
    picture = down.T @ (grey - how.paper) @ across + how.paper
    x = (x_edges[:-1:FINE] + x_edges[FINE::FINE])[how.quiet : how.quiet + columns] / 2
    y = (y_edges[:-1:FINE] + y_edges[FINE::FINE])[how.quiet : how.quiet + rows] / 2
    centres = np.stack(np.broadcast_arrays(x[None, :], y[:, None]), axis=2)
    return np.clip(np.round(picture), 0, 255).astype(np.uint8), centres


def corners_of(centres: Floats) -> npt.NDArray[np.float32]:
    """Return the corners as a reading has them: of the L, far end of its upright leg, and so on."""
    across = (centres[0, -1] - centres[0, 0]) / (centres.shape[1] - 1)
    down = (centres[-1, 0] - centres[0, 0]) / (centres.shape[0] - 1)
    return np.array(
        [
            centres[-1, 0] + (down - across) / 2,
            centres[0, 0] - (down + across) / 2,
            centres[0, -1] + (across - down) / 2,
            centres[-1, -1] + (across + down) / 2,
        ],
        np.float32,
    )


def _grown(cells: Bools, by: int, axis: int) -> Bools:
    """Dark cells reach `by` cells further along an axis; below 0, light ones do."""
    if by < 0:
        return ~_grown(~cells, -by, axis)
    out = cells.copy()
    for step in range(1, by + 1):
        out |= np.roll(cells, step, axis) | np.roll(cells, -step, axis)
    return out


def _edges(count: int, quiet: int, shift: npt.ArrayLike) -> Floats:
    """Return where the sub-cells begin and end: even, plus the shift between module centres."""
    places = np.arange((count + 2 * quiet) * FINE + 1) / FINE
    shifts = np.broadcast_to(np.asarray(shift, float), (count,))
    return places + np.interp(places, np.arange(count) + quiet + 0.5, shifts)


def _areas(edges: Floats) -> Floats:
    """Return how much of each pixel each sub-cell covers: float64[cells, pixels]."""
    pixels = np.arange(int(np.ceil(edges[-1])) + 1)
    low = np.maximum(edges[:-1, None], pixels[None, :-1])
    high = np.minimum(edges[1:, None], pixels[None, 1:])
    return np.clip(high - low, 0, None)
