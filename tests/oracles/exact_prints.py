"""Turned prints drawn exactly, and their print quality known from how they are drawn.

A print is a set of dark rectangles between straight lines. A pixel is the area of ink over its
square (Green's theorem along the outlines), a module the area of ink under the round aperture in
the print itself: there no pixels come in. Nothing is shared with the grader.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tests.oracles import grading as slow
from tests.oracles.annex_f import mapping_matrix

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Grey = npt.NDArray[np.uint8]
CHORDS = 1000  # across the aperture


@dataclass(frozen=True, kw_only=True)
class ExactPrint:
    """How a symbol is printed and seen."""

    modules: Bools  # as they should be
    regions: tuple[int, int] = (1, 1)
    flipped: tuple[tuple[int, int], ...] = ()  # modules in the wrong colour
    pitch_px: tuple[float, float] = (6.0, 6.0)  # across, down
    growth: tuple[float, float] = (0.0, 0.0)  # of dark modules' width and height, in modules
    turn_deg: float = 0.0
    shift_px: tuple[float, float] = (0.0, 0.0)
    paper: int = 230
    ink: int = 30
    quiet: float = 1.6  # modules that the picture shows round the symbol

    @property
    def printed(self) -> Bools:
        """The modules as they are."""
        out = self.modules.copy()
        for place in self.flipped:
            out[place] ^= True
        return out


@dataclass(frozen=True, kw_only=True)
class Known:
    """Values of the parameters; `reflectance` has the quiet zone round the modules."""

    contrast: float
    modulation: float
    margin: float
    fixed: float
    axial: float
    unused: float
    growth: tuple[float, float]
    reflectance: Floats = field(repr=False)


def cells_of(how: ExactPrint) -> tuple[Bools, Floats, Floats]:
    """Return which cells are dark, and the lines between them across and down, in modules.

    Cells 2k + 1 are the cores of modules, 2k the strips that growth gives or takes.
    """
    cells = _spread(_spread(how.printed, how.growth[0]).T, how.growth[1]).T
    rows, columns = how.modules.shape
    return cells, _lines(columns, how.growth[0]), _lines(rows, how.growth[1])


def draw_exactly(how: ExactPrint) -> tuple[Grey, npt.NDArray[np.float32]]:
    """Return the picture and the corners, in the order of a reading's."""
    cells, us, vs = cells_of(how)
    rows, columns = how.modules.shape
    turn = np.deg2rad(how.turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    to_px = rotation * np.asarray(how.pitch_px)  # columns: a module across, a module down
    q = how.quiet
    frame = np.array([[-q, -q], [columns + q, -q], [columns + q, rows + q], [-q, rows + q]])
    frame = frame @ to_px.T
    origin = np.asarray(how.shift_px) - frame.min(axis=0)
    width, height = np.ceil(frame.max(axis=0) + origin).astype(int)
    starts, ends = _outlines(cells, us, vs)
    ink = _coverage(starts @ to_px.T + origin, ends @ to_px.T + origin, width, height)
    picture = np.round(how.paper + (how.ink - how.paper) * ink).astype(np.uint8)
    corners = np.array([[0, rows], [0, 0], [columns, 0], [columns, rows]]) @ to_px.T + origin
    return picture, corners.astype(np.float32)


def known_quality(how: ExactPrint, aperture_modules: float) -> Known:
    """Return the parameters under an aperture of that diameter, in modules of the mean pitch.

    The print must have room for the aperture in ink and on paper, so that the highest and lowest
    reflectances are theirs.
    """
    cells = cells_of(how)[0]
    reflectance = (how.paper + (how.ink - how.paper) * _under(cells, how, aperture_modules)) / 255
    contrast = (how.paper - how.ink) / 255
    middle = (how.paper + how.ink) / 510
    dark = np.pad(how.modules, 1)
    modulation = np.clip(np.abs(reflectance - middle) * 2 / contrast, 0, 1)
    margin = np.where(dark == (reflectance < middle), modulation, 0)
    data = _codewords(how)
    errors = {data[place] for place in zip(*np.nonzero(margin[1:-1, 1:-1] == 0), strict=True)
              if place in data}  # fmt: skip
    rows, columns = how.modules.shape
    height, width = rows // how.regions[0], columns // how.regions[1]
    # The pattern as ISO/IEC 16022 Annex M takes it: L and quiet zone with their corners, each
    # region's clock tracks and the solid lines outside them.
    runs = [margin[1:-1, 1], margin[-2, 1:-1], margin[1:, 0], margin[-1, :-1]]
    for top in range(1, rows, height):
        for left in range(1, columns, width):
            runs += [margin[top + out, left : left + width] for out in (0, -1)]
            runs += [margin[top : top + height, left + width - 1 + out] for out in (0, 1)]
    places = tuple((row + 1, column + 1) for row, column in data)
    return Known(
        contrast=contrast,
        modulation=min(modulation[place] for place in places),
        margin=min(margin[place] for place in places),
        fixed=sum((run == 0).sum() for run in runs) / sum(map(len, runs)),
        axial=abs(how.pitch_px[0] - how.pitch_px[1]) / (sum(how.pitch_px) / 2),
        unused=slow.unused_error_correction(len(errors), 1) if errors else 1.0,
        growth=how.growth,
        reflectance=reflectance,
    )


def _codewords(how: ExactPrint) -> dict[tuple[int, int], int]:
    """Return the codeword of each module of the data regions that belongs to one."""
    (rows, columns), (down, across) = how.modules.shape, how.regions
    height, width = rows // down - 2, columns // across - 2
    return {
        (r + 2 * (r // height) + 1, c + 2 * (c // width) + 1): codeword
        for (r, c), (codeword, _) in mapping_matrix(height * down, width * across).items()
    }


def _under(cells: Bools, how: ExactPrint, aperture_modules: float) -> Floats:
    """Return the share of ink under the aperture at each module and the quiet zone round them."""
    mean = sum(how.pitch_px) / 2
    radius = np.array([aperture_modules * mean / 2 / pitch for pitch in how.pitch_px])
    chord = (np.arange(CHORDS) + 0.5) / CHORDS * 2 - 1
    half = np.sqrt(1 - chord**2)
    lines = [
        np.array([-9, -0.5 - abs(g) / 2, -0.5 + abs(g) / 2, 0.5 - abs(g) / 2, 0.5 + abs(g) / 2, 9])
        for g in how.growth
    ]
    shares = np.empty((5, 5))
    for i in range(5):
        inside = (chord * radius[1] > lines[1][i]) & (chord * radius[1] <= lines[1][i + 1])
        for j in range(5):
            low = np.maximum(-half, lines[0][j] / radius[0])
            high = np.minimum(half, lines[0][j + 1] / radius[0])
            shares[i, j] = np.where(inside, np.clip(high - low, 0, None), 0).sum()
    shares /= shares.sum()
    rows, columns = how.modules.shape
    wide = np.pad(cells, 4)  # the quiet zone's own cells, and those that reach into it
    out = np.zeros((rows + 2, columns + 2))
    for i in range(5):
        for j in range(5):
            out += shares[i, j] * wide[1 + i :, 1 + j :][: 2 * rows + 3 : 2, : 2 * columns + 3 : 2]
    return out


def _spread(modules: Bools, growth: float) -> Bools:
    """Put the strips between the columns, dark by one dark neighbour, or by two below 0."""
    padded = np.pad(modules, ((0, 0), (1, 1)))
    left, right = padded[:, :-1], padded[:, 1:]
    out = np.zeros((modules.shape[0], 2 * modules.shape[1] + 1), bool)
    out[:, ::2] = left | right if growth >= 0 else left & right
    out[:, 1::2] = modules
    return out


def _lines(count: int, growth: float) -> Floats:
    between = np.arange(count + 1)
    return np.stack([between - abs(growth) / 2, between + abs(growth) / 2], axis=1).ravel()


def _outlines(cells: Bools, us: Floats, vs: Floats) -> tuple[Floats, Floats]:
    """Return both ends of the outlines, so directed that area to the right of a fall is ink."""
    starts, ends = [], []
    for grid, along, off, upright in ((cells, vs, us, True), (cells.T, us, vs, False)):
        step = np.diff(np.pad(grid, ((0, 0), (1, 1))).astype(int), axis=1).T  # [line, cell along]
        line, cell = np.nonzero(step)
        falls = (step[line, cell] > 0) == upright
        low, high = along[cell], along[cell + 1]
        first, last = np.where(falls, low, high), np.where(falls, high, low)
        for ends_of, value in ((starts, first), (ends, last)):
            pair = (off[line], value) if upright else (value, off[line])
            ends_of.append(np.stack(pair, axis=1))
    return np.vstack(starts), np.vstack(ends)


def _coverage(starts: Floats, ends: Floats, width: int, height: int) -> Floats:
    """Return the area inside closed outlines in each pixel, float64[height, width]."""
    delta = ends - starts
    owner, share = [np.arange(len(starts))] * 2, [np.zeros(len(starts)), np.ones(len(starts))]
    for axis in (0, 1):  # where an outline crosses from pixel to pixel
        low = np.minimum(starts[:, axis], ends[:, axis])
        high = np.maximum(starts[:, axis], ends[:, axis])
        first = np.floor(low).astype(int) + 1
        count = np.maximum(np.ceil(high).astype(int) - first, 0)
        who = np.repeat(np.arange(len(starts)), count)
        place = first[who] + np.arange(count.sum()) - np.repeat(count.cumsum() - count, count)
        owner.append(who)
        share.append((place - starts[who, axis]) / delta[who, axis])
    who, t = np.concatenate(owner), np.concatenate(share)
    order = np.lexsort((t, who))
    who, t = who[order], t[order]
    same = who[1:] == who[:-1]
    who, t0, t1 = who[1:][same], t[:-1][same], t[1:][same]
    middle = starts[who] + ((t0 + t1) / 2)[:, None] * delta[who]
    fall = (t1 - t0) * delta[who, 1]
    x, y = np.floor(middle).astype(int).T
    right = middle[:, 0] - x  # of the area beside the piece, so much lies in the next pixel
    area = np.zeros((height, width + 1))
    np.add.at(area, (y, x), fall * (1 - right))
    np.add.at(area, (y, x + 1), fall * right)
    return np.clip(area.cumsum(axis=1)[:, :width], 0, 1)
