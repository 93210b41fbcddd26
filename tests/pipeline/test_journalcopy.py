"""The journal of a closed device reads the same as the device reads it, and stays as it is."""

import pytest

from imi.simdisk import SimDisk
from pipeline.errors import NoDevice, PsdFault
from pipeline.journalcopy import JournalCopy
from pipeline.psd import Psd
from pipeline.segments import segments
from pipeline.state import Outcome
from postage.money import Money
from tests.pipeline.device import SEAL, check, imprinted, new_device, setup


def used(pieces: int) -> tuple[SimDisk, Psd]:
    disk = SimDisk()
    psd = new_device(disk, **setup())
    psd.refill(Money(500_000), 1)
    for _ in range(pieces):
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    return disk, psd


@pytest.mark.parametrize("pieces", [0, 3, 150])
def test_it_reads_what_the_device_reads(pieces: int) -> None:
    """150 pieces fill three segments of 64 records, each with its checkpoint."""
    disk, psd = used(pieces)
    copy = JournalCopy(disk, SEAL, check)
    assert copy.last_sequence == psd.last_sequence
    assert list(copy.records()) == list(psd.records())
    assert len(segments(disk)) >= 1 + pieces // 64
    middle = psd.last_sequence // 2
    assert list(copy.records(middle, middle + 1)) == list(psd.records(middle, middle + 1))
    assert list(copy.records(middle, middle)) == list(psd.records(middle, middle))
    assert list(copy.records(5, 4)) == []
    assert list(copy.records(1, 10**9)) == list(psd.records())


def test_it_writes_nothing() -> None:
    disk, _ = used(3)
    before = disk.operations
    list(JournalCopy(disk, SEAL, check).records())
    assert disk.operations == before


def test_a_changed_byte_in_both_copies_proves_nothing() -> None:
    disk, _ = used(3)
    for side in "ab":
        name = f"{side}/{1:016d}"
        byte = disk.pread(name, 1, 2 * 512 + 96)
        disk.pwrite(name, bytes([byte[0] ^ 1]), 2 * 512 + 96)
    with pytest.raises(PsdFault):
        JournalCopy(disk, SEAL, check)


def test_a_folder_without_a_journal_is_named() -> None:
    with pytest.raises(NoDevice):
        JournalCopy(SimDisk(), SEAL, check)


def test_a_checkpoint_that_does_not_verify_proves_nothing() -> None:
    disk, _ = used(150)
    with pytest.raises(PsdFault, match="CHECKPOINT_BROKEN"):
        JournalCopy(disk, SEAL, lambda _message, _signature: False)
