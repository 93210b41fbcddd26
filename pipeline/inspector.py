"""What the camera after the head really shows. It gets a frame and a zone, and nothing else.

It never sees the payload that should be there: expected and read meet in `line.judge`, so a reader
that is told the answer cannot pass for one that read it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imicore.raster import Raster
from imicore.reader import Reader
from pipeline.devices import Frame, Zone

# What an indicium may be (domain.md 8, symbol.sizes); fewer sizes are faster and surer.
SIZES = [(36, 36), (40, 40), (44, 44), (48, 48), (52, 52)]
# Units of about 10 us. A good imprint takes 5 to 30 of them; the next piece does not wait.
EFFORT = 1_500
# Finder and timing of a ruined symbol: 1 is whole, chance on bare paper reaches 0.4 at its best.
LEAST_AGREEMENT = 0.4
# Grey levels between the darkest and the lightest tenth: bare paper and noise stay below 40.
LEAST_CONTRAST = 60

Corners = NDArray[np.float32]  # float32[4, 2], x and y in pixels of the frame


@dataclass(frozen=True, slots=True)
class Sighted:
    """A symbol was read. `edges` are its distances to the paper's right and top edge.

    They are given in sides of the symbol; None where the paper's edge is not in the frame.
    """

    payload: bytes
    corners: Corners
    errors_corrected: int
    edges: tuple[float, float] | None

    def margins_in(self, raster: Raster) -> tuple[float, float] | None:
        """Return inches from the indicium to the right and top edges, given what was printed."""
        if self.edges is None:
            return None
        symbol, whole = raster.elements["symbol"], raster.elements["indicium"]
        right = self.edges[0] * symbol.width - (whole.right - symbol.right)
        top = self.edges[1] * symbol.height - (symbol.y - whole.y)
        return right / raster.dots_per_inch, top / raster.dots_per_inch


@dataclass(frozen=True, slots=True)
class Damaged:
    """Something with the texture of a symbol stands there; it cannot be read."""

    corners: Corners


@dataclass(frozen=True, slots=True)
class Blank:
    """Nothing in the frame looks like a symbol."""


Sighting = Sighted | Damaged | Blank


class Inspector:
    """Reads the indicium off camera frames, one after the other."""

    def __init__(self) -> None:
        self._reader = Reader(sizes=SIZES, effort=EFFORT)
        self._patient = Reader(sizes=SIZES)

    def inspect(self, frame: Frame, zone: Zone) -> Sighting:
        """Return what stands in the zone, or anywhere in the frame where the zone is empty."""
        for roi in (zone, None):
            for found in self._reader.read(frame, roi=roi):
                edges = paper_edges(frame, found.corners)
                return Sighted(found.payload, found.corners, found.errors_corrected, edges)
        suspect = self._patient.suspect(frame, roi=zone)
        if suspect is None or suspect.agreement < LEAST_AGREEMENT:
            return Blank()
        is_ink = contrast(frame, suspect.corners) >= LEAST_CONTRAST
        return Damaged(suspect.corners) if is_ink else Blank()


def contrast(frame: Frame, corners: Corners) -> int:
    """Return the grey levels between the darkest and the lightest tenth of a symbol's box.

    >>> contrast(np.full((9, 9), 200, np.uint8), np.array([[1, 1], [1, 8], [8, 8], [8, 1]]))
    0
    """
    low = np.maximum(corners.min(axis=0).astype(int), 0)
    high = np.maximum(corners.max(axis=0).astype(int), low + 1)
    box = frame[low[1] : high[1], low[0] : high[0]]
    return 0 if box.size == 0 else int(np.subtract(*np.percentile(box, (90, 10))))


def paper_edges(frame: Frame, corners: Corners) -> tuple[float, float] | None:
    """Return how far the paper reaches right of and above a symbol, in sides of the symbol.

    Walks outward from the symbol along its own axes, so a skewed piece is measured along its own
    edges. The paper ends where the frame turns to less than 60 % of the paper beside the symbol and
    stays there (the belt is dark). None where the frame ends first.

    Args:
        frame: uint8[H, W].
        corners: float32[4, 2] of an upright symbol, in any order of turning.

    >>> frame = np.full((100, 100), 20, np.uint8)
    >>> frame[10:, :80] = 220
    >>> square = np.array([[40, 60], [60, 60], [60, 40], [40, 40]], np.float32)
    >>> [round(edge, 1) for edge in paper_edges(frame, square)]
    [1.0, 1.5]
    """
    centre = corners.mean(axis=0)
    offsets = (corners - np.roll(corners, 1, axis=0)).astype(np.float64)
    right = max(offsets, key=lambda side: float(side[0] - abs(side[1])))
    up = max(offsets, key=lambda side: float(-side[1] - abs(side[0])))
    found = []
    for along, across in ((right, up), (up, right)):
        distances = [
            _edge(frame, centre + along / 2 + share * across, along)
            for share in (-0.3, -0.1, 0.1, 0.3)
        ]
        known = [distance for distance in distances if distance is not None]
        if len(known) < 3:
            return None
        found.append(float(np.median(known)))
    return found[0], found[1]


def _edge(frame: Frame, start: NDArray[np.float64], along: NDArray[np.float64]) -> float | None:
    """Return the distance from start to the end of the paper, in lengths of `along`."""
    length = float(np.hypot(*along))
    distances = np.arange(2, 4 * length, 0.5)
    points = np.floor(start + distances[:, None] * (along / length)).astype(int)
    inside = (points >= 0).all(axis=1) & (points < frame.shape[::-1]).all(axis=1)
    points = points[inside]
    if len(points) < 40:
        return None
    grey = frame[points[:, 1], points[:, 0]].astype(float)
    paper = float(np.percentile(grey[:40], 80))
    dark = grey < 0.6 * paper
    # The text or the finder beside the symbol is dark for a few pixels, the belt for good.
    run = np.convolve(dark, np.ones(16), mode="valid")
    ends = np.flatnonzero((run >= 15) & dark[: len(run)])
    return None if len(ends) == 0 else float(distances[int(ends[0])] / length)
