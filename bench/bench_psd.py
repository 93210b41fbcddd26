"""The journal's own work for one imprint, without the disk's waiting: goal 130 us CPU.

Thread CPU time on a real folder: build, seal, chain, three writes, three syncs. The peer is the
bare system calls with ready bytes, so the ratio says what the journal adds to them.
"""

import itertools
import tempfile
from collections.abc import Iterator
from hashlib import sha512
from pathlib import Path
from typing import Any

from bench.compare import Comparison, Contender, compare
from pipeline.disk import Disk, RealDisk
from pipeline.journal import Journal
from pipeline.psdclock import Instant
from pipeline.record import HeadSlot, Record, RecordType, Seal, device_id
from pipeline.recovery import recover
from pipeline.state import FLAG_TEST

SEAL = Seal(bytes(32), device_id("TST0", 7))
PAYLOAD, SIGNATURE = bytes(45), bytes(64)


def sign(message: bytes) -> bytes:
    return sha512(message).digest()


def check(message: bytes, signature: bytes) -> bool:
    return sign(message) == signature


class NoDisk(RealDisk):
    """Takes writes and does nothing: what is left is the journal's own work."""

    def pwrite(self, name: str, data: bytes, offset: int) -> None:
        pass

    def sync(self, name: str) -> None:
        pass


def journal(disk: Disk) -> Journal:
    Journal.create(disk, SEAL, segment_records=1 << 14)
    opened = Journal.open(disk, SEAL, sign, check, pair_check_every=0)
    opened.append(RecordType.BOOT, Instant(1, 1), flags=1 << 12)
    return opened


def debits(opened: Journal) -> Any:
    times = itertools.count(2)

    def debit() -> Record:
        now = Instant(next(times), 1)
        return opened.append(
            RecordType.DEBIT, now, flags=FLAG_TEST, payload=PAYLOAD, signature=SIGNATURE
        )

    return debit


def system_calls(disk: RealDisk) -> Any:
    disk.create("a/0000000000000001", 1 << 20)
    disk.create("b/0000000000000001", 1 << 20)
    disk.create("head", 256)
    record, slot = bytes(512), bytes(64)
    places = itertools.cycle(range(0, 1 << 20, 512))

    def write() -> None:
        at = next(places)
        disk.pwrite("a/0000000000000001", record, at)
        disk.pwrite("b/0000000000000001", record, at)
        disk.sync("a/0000000000000001")
        disk.sync("b/0000000000000001")
        disk.pwrite("head", slot, at // 512 % 4 * 64)
        disk.sync("head")

    return write


def comparisons() -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory() as folder:
        bare = RealDisk(Path(folder) / "bare")
        real, idle = (journal(RealDisk(Path(folder) / name)) for name in ("real", "idle"))
        answer = debits(real)()
        assert (answer.sequence, answer.payload) == (2, PAYLOAD)
        found = recover(RealDisk(Path(folder) / "real"), SEAL, check)
        assert found.state == real.state
        idle._disk.__class__ = NoDisk
        yield compare(
            "journal, one debit durable",
            Contender("A + B + HEAD", debits(real)),
            [
                Contender("three writes and syncs alone", system_calls(bare)),
                Contender("the same without a disk", debits(idle)),
            ],
            rounds=15,
        )


def test_bench_journal_record(benchmark: Any) -> None:
    record = Record._make(
        [RecordType.DEBIT, 1, SEAL.device, *[0] * 13, bytes(32), PAYLOAD, SIGNATURE]
    )
    sealed = benchmark(SEAL.record, record)
    assert len(sealed) == 512
    assert len(SEAL.slot(HeadSlot(1, 1, 0))) == 64
