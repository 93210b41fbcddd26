"""The presence layer filled with 10^9 pairs: its memory, its speed, and whether it ever errs.

`python -m bench.presence_billion --devices 1000000 --numbers 1000` prints one JSON line. The pairs
are never stored beside it: a permutation of a counter gives the order, arithmetic says of each pair
whether it was added, so the checker shares nothing with what it checks. Three in a hundred pairs
are never added; every pair is asked for afterwards, in another order.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imicore.presence import Presence

BATCH = 1 << 16  # pairs a call; the arrays of one are 3 MB
ADDED_IN_HUNDRED = 97
FIRST_SERIES = 1 << 40  # far from 0: the index sees whole names
_STRIDE = 7919  # has an inverse modulo 100, so of every 100 numbers in a row 97 are added
_SHIFT = 13  # from one series to the next

Array = npt.NDArray[np.uint64]


@dataclass
class Result:
    """What one run found; ``missed`` and ``accused`` must be 0."""

    devices: int
    numbers: int
    added: int
    missed: int = 0  # added, and said to be unseen
    accused: int = 0  # not added, and said to be seen
    add_ns: float = 0  # thread CPU time a pair, in calls of BATCH
    ask_ns: float = 0
    peak_mb: float = 0  # VmHWM above that of a process with the same imports; MB = 10^6 bytes
    memory_mb: float = 0  # what the object says of itself


def shuffled(total: int, key: int) -> Iterator[Array]:
    """Yield every number below `total` once, in an order that looks random, a batch at a time."""
    bits = max(2, (total - 1).bit_length())
    mask, half = np.uint64((1 << bits) - 1), np.uint64((bits + 1) // 2)
    for start in range(0, 1 << bits, BATCH):
        x = np.arange(start, min(start + BATCH, 1 << bits), dtype=np.uint64) ^ np.uint64(key) & mask
        for odd in (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35):  # each step has an inverse below 2^bits
            x = x * np.uint64(odd) & mask
            x ^= x >> half
        yield x[x < total]


def is_added(series: Array, numbers: Array) -> npt.NDArray[np.bool_]:
    """Return which pairs are to be added."""
    return (numbers * np.uint64(_STRIDE) + series * np.uint64(_SHIFT)) % 100 < ADDED_IN_HUNDRED


def expected_added(devices: int, numbers: int) -> int:
    """Return how many pairs `is_added` picks, by counting residues."""
    rows = [len(range(residue, numbers, 100)) for residue in range(100)]
    by_shift = [
        sum(n for r, n in enumerate(rows) if (r * _STRIDE + s) % 100 < ADDED_IN_HUNDRED)
        for s in range(100)
    ]
    return sum(by_shift[device * _SHIFT % 100] for device in range(devices))


def peak_bytes() -> int:
    """Return the most memory this process ever held."""
    [line] = [at for at in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in at]
    return int(line.split()[1]) * 1024


def run(devices: int, numbers: int) -> Result:
    """Fill, then ask; AssertionError where the count of added pairs is not what arithmetic says."""
    total = devices * numbers
    presence, result = Presence(), Result(devices, numbers, expected_added(devices, numbers))
    seconds = {"add": 0.0, "ask": 0.0}
    for phase, key in (("add", 0x1234567), ("ask", 0x89ABCDE)):
        done = 0
        for at, batch in enumerate(shuffled(total, key)):
            device, number = np.divmod(batch, np.uint64(numbers))
            wanted = is_added(device, number)
            series = device + np.uint64(FIRST_SERIES)
            if phase == "add":
                series, number = series[wanted], number[wanted]
            counts = (number + np.uint64(1)).astype(np.uint32)  # a device's first piece is 1
            start = time.thread_time()
            if phase == "add":
                said = ~presence.add_many(series, counts)
            else:
                said = presence.contains_many(series, counts)
            seconds[phase] += time.thread_time() - start
            result.accused += int((said if phase == "add" else said & ~wanted).sum())
            if phase == "ask":
                result.missed += int((wanted & ~said).sum())
            done += len(batch)
            if at % 1024 == 0:
                print(f"\r{phase} {done:,} of {total:,}", end="", file=sys.stderr, flush=True)
        assert done == total, "the permutation lost a pair"
    print(file=sys.stderr)
    assert len(presence) == result.added, "pairs were counted twice or not at all"
    result.add_ns = round(seconds["add"] / result.added * 1e9, 1)
    result.ask_ns = round(seconds["ask"] / total * 1e9, 1)
    result.memory_mb = round(presence.memory_bytes / 1e6, 1)
    return result


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1_000_000)
    parser.add_argument("--numbers", type=int, default=1_000, help="counts of each device")
    parser.add_argument("--count", type=int, help="about so many pairs in all, by fewer devices")
    parser.add_argument("--only-imports", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_imports:
        print(peak_bytes())
        return
    devices = options.devices
    if options.count:
        devices = max(1, options.count // options.numbers)
    command = [sys.executable, "-m", "bench.presence_billion", "--only-imports"]
    empty = int(subprocess.run(command, check=True, capture_output=True).stdout)
    result = run(devices, options.numbers)
    result.peak_mb = round((peak_bytes() - empty) / 1e6, 1)
    print(json.dumps(asdict(result)))
    sys.exit(1 if result.missed or result.accused else 0)


if __name__ == "__main__":
    main()
