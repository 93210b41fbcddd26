"""The readers that are measured side by side, each a function of a frame to a payload or None.

A maker is called once a process, so that a reader may keep its scratch memory. Peers stop at the
first symbol as ours does.
"""

import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
T = TypeVar("T")
Read = Callable[[Grey], bytes | None]

OURS: Final = "ours"
ZXING: Final = "zxing"
LIBDMTX: Final = "libdmtx"
BOUND: Final = "bound"  # not a reader: it is told the true corners
LIBDMTX_CAP_MS: Final = 300  # as published; it searches for seconds where there is nothing
MOST_SLOWNESS: Final = 8.0


class UnknownReader(ValueError):
    """A reader that is not among `MAKERS`."""


def ours() -> Read:
    from imicore.reader import Reader

    reader = Reader()

    def read(frame: Grey) -> bytes | None:
        found = reader.read(frame)
        return found[0].payload if found else None

    return read


def zxing() -> Read:
    """zxing-cpp, its fastest full-frame setting that still reads turned mail."""
    import zxingcpp

    def read(frame: Grey) -> bytes | None:
        found = zxingcpp.read_barcode(frame, formats=zxingcpp.BarcodeFormat.DataMatrix)
        return found.bytes if found else None

    return read


def libdmtx() -> Read:
    """libdmtx, capped at about LIBDMTX_CAP_MS of CPU.

    Its own cap is by the clock on the wall, so on a busy machine it is stretched by how much faster
    that ran than the CPU clock in the calls before.
    """
    import arbez_dmtx

    slowness = 1.0

    def read(frame: Grey) -> bytes | None:
        nonlocal slowness
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        cap = round(LIBDMTX_CAP_MS * min(slowness, MOST_SLOWNESS))
        found = arbez_dmtx.decode(frame, timeout=cap, max_count=1)
        wall, cpu = time.perf_counter_ns() - wall, time.thread_time_ns() - cpu
        slowness = (slowness + wall / max(cpu, 1)) / 2
        return found[0].data if found else None

    return read


MAKERS: Final[dict[str, Callable[[], Read]]] = {OURS: ours, ZXING: zxing, LIBDMTX: libdmtx}


def make(names: Iterable[str]) -> dict[str, Read]:
    """Return the named readers; raises UnknownReader.

    >>> make(["telescope"])
    Traceback (most recent call last):
        ...
    bench.readers.UnknownReader: no reader 'telescope'; there are ours, zxing, libdmtx
    """
    wanted = list(names)
    for name in wanted:
        if name not in MAKERS:
            raise UnknownReader(f"no reader {name!r}; there are {', '.join(MAKERS)}")
    return {name: MAKERS[name]() for name in wanted}


def timed(read: Callable[[T], bytes | None], subject: T) -> tuple[bytes | None, float]:
    """Return what was read off a subject and the thread's CPU time in milliseconds.

    >>> timed(lambda frame: b"x", np.zeros((1, 1), np.uint8))[0]
    b'x'
    """
    start = time.thread_time_ns()
    payload = read(subject)
    return payload, (time.thread_time_ns() - start) / 1e6
