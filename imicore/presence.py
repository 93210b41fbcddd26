"""Which numbers of which series were seen: exact, one bit a number, for series that count densely.

The kernel is ``csrc/presence.cpp``. 10^9 numbers in 10^6 series of 1,000 take 162 MB.
"""

import numpy as np
import numpy.typing as npt

from imicore._imaging import PresenceMap
from imicore.errors import BadArgument

Series = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]


class Presence:
    """An exact set of (series, number) pairs; it only grows.

    ``series`` is any name of 64 bits, ``number`` 0 to 2^32 - 1. Memory goes by blocks: 128 bytes
    and 21 to 43 of index for each 1,024 neighbouring numbers of a series that has any of them, so
    a series that counts without great gaps takes little more than a bit a number. Safe from any
    number of threads; the GIL is released meanwhile.

    >>> seen = Presence()
    >>> seen.add(7, 1), seen.add(7, 1), seen.add(8, 1)
    (True, False, True)
    >>> (7, 1) in seen, (7, 2) in seen, len(seen)
    (True, False, 2)
    """

    def __init__(self) -> None:
        self._map = PresenceMap()

    def add_many(self, series: Series, numbers: Numbers) -> Mask:
        """Return bool[n]: which pairs were new, taken in order; all are in the set afterwards.

        ``series`` is uint64[n] and ``numbers`` uint32[n], both contiguous. 90 ns of CPU a pair, in
        random order among 10^9 (bench.presence_billion). A pair that stands twice is new once.

        Raises:
            BadArgument: another type, or lengths that differ.

        >>> Presence().add_many(np.array([7, 7, 7], np.uint64), np.array([1, 2, 1], np.uint32))
        array([ True,  True, False])
        """
        return self._map.add(series, numbers)

    def contains_many(self, series: Series, numbers: Numbers) -> Mask:
        """Return bool[n]: which pairs are in the set. Arguments and errors as in ``add_many``."""
        return self._map.contains(series, numbers)

    def add(self, series: int, number: int) -> bool:
        """Return whether the pair was new; it is in the set afterwards.

        Raises:
            BadArgument: ``series`` is outside 0 to 2^64 - 1 or ``number`` outside 0 to 2^32 - 1.
        """
        return self._map.add_one(*_checked(series, number))

    def __contains__(self, pair: tuple[int, int]) -> bool:
        return self._map.contains_one(*_checked(*pair))

    def __len__(self) -> int:
        return self._map.size

    @property
    def blocks(self) -> int:
        """Return how many blocks of 1,024 numbers there are; each is of one series."""
        return self._map.blocks

    @property
    def memory_bytes(self) -> int:
        """Return the bytes held by blocks and index."""
        return self._map.memory_bytes


def _checked(series: int, number: int) -> tuple[int, int]:
    if not 0 <= series < 2**64:
        raise BadArgument(f"series {series} is outside 0 to 2^64 - 1")
    if not 0 <= number < 2**32:
        raise BadArgument(f"number {number} is outside 0 to 2^32 - 1")
    return series, number
