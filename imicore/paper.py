"""Where the paper of a mailpiece ends beside a symbol."""

import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]
Corners = NDArray[np.float32]  # float32[4, 2], x and y in pixels of the frame


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
