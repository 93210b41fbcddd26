"""A load-cell trace becomes a weight, and says how sure it is. The only user of scipy.

A Hann-weighted mean over the plateau suppresses belt tones and ringing far better than a plain mean
or a narrow low-pass at these window lengths (150 ms). Where the price would change inside the error
band, the belt stops and the piece is weighed again: time is spent only where an ounce step is near.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import windows

SETTLE_S = 0.05  # the impact of the piece's leading edge
SIGMAS = 3


@dataclass(frozen=True, slots=True)
class Weight:
    """A settled weight and three standard errors, in thousandths of an ounce."""

    milliounces: int
    error_milliounces: int


@dataclass(frozen=True, slots=True)
class Unsettled:
    """No plateau worth a price, and how far it is from one."""

    error_milliounces: int
    limit_milliounces: int


def settle(
    trace: NDArray[np.float64], samples_per_second: float, limit_milliounces: int = 60
) -> Weight | Unsettled:
    """Return the weight under a transit's trace, or Unsettled when its error band is too wide.

    The error is estimated from the trace itself: the spread of the same estimate over the four
    overlapping half windows, so that a drifting or bouncing piece betrays itself.

    Args:
        trace: ounces, float64[n], n at least 64 after the settling time.
        samples_per_second: of the trace.
        limit_milliounces: the widest error band that is still a weight.

    >>> import numpy as np
    >>> settle(np.full(400, 1.25), 2000.0)
    Weight(milliounces=1250, error_milliounces=1)
    """
    plateau = trace[int(SETTLE_S * samples_per_second) :]
    if len(plateau) < 64 or not np.all(np.isfinite(plateau)):
        return Unsettled(limit_milliounces + 1, limit_milliounces)
    mean = _hann_mean(plateau)
    half = len(plateau) // 2
    starts = np.linspace(0, len(plateau) - half, 4).astype(int)
    parts = np.array([_hann_mean(plateau[start : start + half]) for start in starts])
    # A half window is about sqrt(2) noisier than the whole and the four overlap by half.
    spread = float(np.sqrt(np.mean((parts - mean) ** 2)) / np.sqrt(2))
    error = max(1, round(SIGMAS * spread * 1000))
    if error > limit_milliounces:
        return Unsettled(error, limit_milliounces)
    return Weight(max(0, round(mean * 1000)), error)


def straddles_step(weight: Weight) -> bool:
    """Return whether an ounce step (or the 3.5 oz limit) lies inside the error band."""
    low = weight.milliounces - weight.error_milliounces
    high = weight.milliounces + weight.error_milliounces
    steps = [*range(1000, 70_000, 1000), 3500]
    return any(low <= step < high for step in steps)


def _hann_mean(samples: NDArray[np.float64]) -> float:
    weights = windows.hann(len(samples), sym=True)
    return float(np.dot(weights, samples) / weights.sum())
