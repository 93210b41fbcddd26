"""How long a device takes to come up, with a million records behind it; reliability.md R9.

`python -m tests.reliability.recovery_time --records 1000000` prints the figures. The records are
true ones, sealed and chained, in segments of the length that the product uses; they are written
without syncs into a folder and read back by the device's own recovery. It is measured where it is
longest, with the segment nearly full, and right after a checkpoint.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from pipeline.checkpoint import run_records
from pipeline.disk import RealDisk
from pipeline.journal import SEGMENT_RECORDS, Journal
from pipeline.psdclock import Instant
from pipeline.record import RecordType
from pipeline.recovery import mend, recover
from pipeline.state import Outcome
from postage.money import Money
from tests.pipeline.device import (
    NOON_US,
    SEAL,
    TellClock,
    check,
    imprinted,
    new_device,
    setup,
    sign,
)
from tests.reliability.findings import Findings

LIMIT_S = 2.0
FROM_CHECKPOINT_S = 0.1
REPEATS = 5
MEMORY = Path("/dev/shm")


class HastyDisk(RealDisk):
    """Syncs nothing: the figures are those of reading."""

    def sync(self, name: str) -> None:
        """Do nothing."""

    def sync_dir(self) -> None:
        """Do nothing."""


def fill(folder: Path, records: int) -> None:
    """Write a device's journal of so many records: debits that carry the outcome before."""
    disk = HastyDisk(folder)
    psd = new_device(disk, **setup(clock=TellClock(), segment_records=SEGMENT_RECORDS))
    psd.refill(Money(90_000_000), 1)
    evidence = imprinted(psd)
    psd.close()
    journal = Journal.open(disk, SEAL, sign, check, pair_check_every=0)
    state = journal.state
    payload, signature = evidence.payload[:-64], evidence.payload[-64:]
    journal.append(RecordType.BOOT, Instant(NOON_US, 1), payload=state.binding, flags=1 << 12)
    while state.sequence < records:
        journal.append(
            RecordType.DEBIT,
            Instant(state.floor_us + 200_000, state.sequence),
            amount=1,
            flags=int(Outcome.CONFIRMED) if state.flight else 0,
            payload=payload,
            signature=signature,
        )
    journal.close()


def timed(folder: Path) -> tuple[float, float, int]:
    """Return wall and CPU seconds of one recovery, the best of a few, and the records folded."""
    walls, cpus = [], []
    for _ in range(REPEATS):
        disk = HastyDisk(folder)
        started, used = time.perf_counter(), time.process_time()
        found = recover(disk, SEAL, check)
        walls.append(time.perf_counter() - started)
        cpus.append(time.process_time() - used)
        disk.close()
    return min(walls), min(cpus), found.state.sequence - found.base + 1


def run(records: int) -> Findings:
    """Return the figures, and what was longer than the goal or not the same twice."""
    found = Findings()
    place = str(MEMORY) if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as name:
        folder = Path(name)
        fill(folder, records)
        _measure(folder, found)
    found.counts["records"] = records
    return found


def _measure(folder: Path, found: Findings) -> None:
    disk = HastyDisk(folder)
    journal = Journal.open(disk, SEAL, sign, check, pair_check_every=0)
    state = journal.state
    while journal._end - state.sequence - 2 - run_records(state) > 0:
        journal.append(RecordType.CONFIRM, Instant(NOON_US, 1))
    journal.close()
    wall, cpu, folded = timed(folder)
    found.figures |= {"longest, wall s": wall, "longest, CPU s": cpu, "longest, records": folded}
    if cpu > LIMIT_S:
        found.blame(f"recovery of {folded} records took {cpu:.2f} s of CPU; the goal is {LIMIT_S}")
    journal = Journal.open(disk, SEAL, sign, check, pair_check_every=0)
    while journal._base < journal.state.sequence - 8 * run_records(journal.state):
        journal.append(RecordType.CONFIRM, Instant(NOON_US, 1))
    journal.close()
    wall, cpu, folded = timed(folder)
    found.figures |= {"from a checkpoint, wall s": wall, "from a checkpoint, CPU s": cpu}
    if cpu > FROM_CHECKPOINT_S:
        found.blame(
            f"recovery of {folded} records behind a checkpoint took {1000 * cpu:.0f} ms of CPU; "
            f"the goal is {1000 * FROM_CHECKPOINT_S:.0f}"
        )
    _twice(disk, found)


def _twice(disk: RealDisk, found: Findings) -> None:
    """Recovery twice is recovery once, to the byte."""
    once = recover(disk, SEAL, check)
    mend(disk, once)
    before = {name: disk.pread(name, disk.size(name), 0) for name in disk.list()}
    again = recover(disk, SEAL, check)
    mend(disk, again)
    if again.state != once.state:
        found.blame("recovery twice gives another state")
    if before != {name: disk.pread(name, disk.size(name), 0) for name in disk.list()}:
        found.blame("recovery twice gives other bytes")
    disk.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="time the recovery of a long journal")
    parser.add_argument("--records", type=int, default=1_000_000)
    told = parser.parse_args()
    started = time.process_time()
    found = run(told.records)
    figures = {name: round(figure, 4) for name, figure in found.figures.items()}
    print(json.dumps({**found.counts, **figures, "wrong": found.shown}, indent=1))
    print(f"{time.process_time() - started:.1f} s of CPU")


if __name__ == "__main__":
    main()
