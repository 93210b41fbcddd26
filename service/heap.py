"""The garbage collector of a process that has to answer on time.

Objects die as soon as nobody holds them; the collector only looks for rings, and to find none it
visits every object there is: 140 ms with a register of 100,000 devices, while nothing else runs.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SELDOM: Final = (100_000, 20, 50)
"""New objects until the youngest are visited, and how often of that the older ones are."""


def settle() -> None:
    """Leave all that stands in memory now out of every collection to come, and collect seldom.

    For the end of a start-up, once tables and registers are read.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)


@contextmanager
def loading() -> Iterator[None]:
    """Read something large that stays, while others have to answer: nothing is collected meanwhile.

    >>> with loading():
    ...     gc.isenabled()
    False
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
