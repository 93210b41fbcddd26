"""What can be read by who knows the true corners: a bound to lay beside the readers.

One homography through the four corners, five bilinear taps a module, four thresholds in turn, and
Reed-Solomon with the doubt of every module, as in the published comparison. It neither searches
nor follows a bent grid, nor undoes a blur: a reader may read more.
"""

from collections.abc import Iterator
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imi.mailpictures import Sample
from imicore import datamatrix
from imicore.errors import ImiError

TAP: Final = 0.2  # modules from the middle to each of the four outer taps
TAPS: Final = ((0.0, 0.0), (-TAP, -TAP), (TAP, -TAP), (-TAP, TAP), (TAP, TAP))
WINDOWS: Final = (5, 9, 15)  # modules across, of the local thresholds
MOST_DOUBT: Final = 255

Values = NDArray[np.float32]


def read(made: Sample) -> bytes | None:
    """Return the payload that the modules under the true grid decode to, or None.

    >>> from imi.mailpictures import degraded
    >>> made = degraded("finder", 5, 3)
    >>> read(made) == made.payload
    True
    """
    values = sample(made)
    for threshold in thresholds(values):
        margin = np.abs(values - threshold)
        sure = float(np.quantile(margin, 0.75)) or 1.0
        doubt = MOST_DOUBT - np.clip(MOST_DOUBT * margin / sure, 0, MOST_DOUBT)
        try:
            return datamatrix.decode(values < threshold, doubt=doubt.astype(np.uint8)).payload
        except ImiError:
            continue
    return None


def sample(made: Sample) -> Values:
    """Return the grey value of every module, float32[rows, columns]."""
    rows, columns = made.modules
    corner, up, opposite, right = made.picture.corners.astype(np.float32) - np.float32(0.5)
    flat = np.array([(0, rows), (0, 0), (columns, 0), (columns, rows)], np.float32)
    to_frame = cv2.getPerspectiveTransform(flat, np.array([corner, up, opposite, right]))
    y, x = np.mgrid[:rows, :columns].astype(np.float32) + np.float32(0.5)
    total = np.zeros((rows, columns), np.float32)
    frame = made.picture.frame.astype(np.float32)
    for dx, dy in TAPS:
        places = np.stack([x + dx, y + dy], -1).reshape(-1, 1, 2).astype(np.float32)
        found = cv2.perspectiveTransform(places, to_frame).reshape(rows, columns, 2)
        total += cv2.remap(frame, found[..., 0], found[..., 1], cv2.INTER_LINEAR)
    return total / np.float32(len(TAPS))


def thresholds(values: Values) -> Iterator[Values]:
    """Yield thresholds for each module: midway between dark and light, of all and nearby."""
    low, high = np.quantile(values, (0.1, 0.9))
    yield np.full_like(values, (low + high) / 2)
    for window in WINDOWS:
        kernel = np.ones((window, window), np.uint8)
        light, dark = cv2.dilate(values, kernel), cv2.erode(values, kernel)
        middle = (light + dark) / 2
        yield np.asarray(cv2.blur(middle, (window, window)), np.float32)
