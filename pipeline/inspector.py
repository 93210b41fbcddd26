"""What the camera after the head really shows. It gets a frame and a zone, and nothing else.

It never sees the payload that should be there: expected and read meet in `line.judge`, so a reader
that is told the answer cannot pass for one that read it.
"""

from dataclasses import dataclass

import numpy as np

from imicore.paper import Corners, paper_edges
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
