"""A simulated load cell under a belt: the trace of one piece, and what may be wrong with it.

2 kHz, 45 Hz ringing after the impact, belt tones at 23 and 71 Hz, 0.5 g of noise while the belt
runs (ecosystem.md 2.2). A piece that bounces moves by tens of grams.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

GRAMS_PER_OUNCE: Final = 28.349523125
SAMPLES_PER_SECOND: Final = 2000.0
CAPACITY_OZ: Final = 70.0
"""At which the cell saturates: it reads this, and very steadily, for whatever weighs more."""
TRANSIT_S: Final = 0.20
HOLD_S: Final = 1.2


def trace(
    ounces: float,
    rng: np.random.Generator,
    *,
    moving: bool,
    bounces: bool = False,
    noise: float = 1.0,
    drift_oz_s: float = 0.0,
) -> NDArray[np.float64]:
    """Return what the cell says of a piece, in ounces, tare already off, float64[n].

    moving: it passes on the running belt; else the belt holds it.
    bounces: the piece does not lie still. noise: times the usual. drift_oz_s: the zero moves by so
    many ounces a second.

    >>> read = trace(1.5, np.random.default_rng(1), moving=False)
    >>> len(read), round(float(read[400:].mean()), 2)
    (2400, 1.5)
    >>> float(trace(99.0, np.random.default_rng(1), moving=True).max())
    70.0
    """
    time = np.arange(0, TRANSIT_S if moving else HOLD_S, 1 / SAMPLES_PER_SECOND)
    grams = np.full_like(time, ounces * GRAMS_PER_OUNCE)
    ring, phase = 6 * np.exp(-time / 0.02), rng.uniform(0, 2 * np.pi, 3)
    grams += ring * np.cos(2 * np.pi * 45 * time + phase[0])
    if moving:
        grams += 0.5 * np.sin(2 * np.pi * 23 * time + phase[1])
        grams += 0.4 * np.sin(2 * np.pi * 71 * time + phase[2])
    if bounces:
        grams += 30 * np.sin(2 * np.pi * 1.3 * time + phase[1])
    grams += rng.normal(0, noise * (0.5 if moving else 0.3), len(time))
    read: NDArray[np.float64] = grams / GRAMS_PER_OUNCE + drift_oz_s * time
    return read.clip(max=CAPACITY_OZ)
