"""The exhaustive tears find what is broken on purpose, and nothing in the sound device."""

import pytest

from imi.simdisk import SimDisk
from pipeline.psd import Psd
from tests.reliability import tears
from tests.reliability.broken import VARIANTS
from tests.reliability.operations import OPERATIONS, RATES, device, hears_of_rates


@pytest.mark.parametrize("name", ["create", "open, bits rotted", "imprint", "rotation at boot"])
def test_no_tear_of_a_sound_device_is_wrong(name: str) -> None:
    """reliability.md R2; all operations: python -m tests.reliability.tears."""
    found = tears.examine(name)
    assert found.shown == []
    assert found.counts["images"] > 500
    assert found.counts["tears that pass for a record"] == 0


@pytest.mark.parametrize("variant", VARIANTS[1:])
def test_every_broken_write_order_is_found(variant: str) -> None:
    name = "rotation at boot" if variant == "no names' sync" else "outcome when idle"
    assert tears.examine(name, variant, most=300).wrong


def test_a_rate_notice_is_noted_however_often_it_was_cut() -> None:
    """An order whose end a crash hid from the provider comes again, and is noted then."""
    [operation] = [each for each in OPERATIONS if each.name == "rate notice in a contact"]
    stops = tears.points(operation)
    assert len(stops) > 4 * 6  # four records, each of three writes and three syncs
    for point in stops:
        for left in (point.disk.fork(), point.disk.durable_only()):
            psd = Psd.open(left, **device())
            hears_of_rates(psd)
            assert psd._journal.state.rate_version == RATES
            assert psd._journal.state.acknowledged == psd.last_sequence - 1


def test_operations_have_names_of_their_own() -> None:
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def test_small_sets_of_atoms_are_taken_in_every_subset() -> None:
    """A HEAD slot has four 16-byte atoms: 16 images, beside each subset of unsynced names."""
    disk = SimDisk()
    disk.create("head", 64)
    disk.sync_dir()
    disk.pwrite("head", bytes(range(1, 65)), 0)
    assert len({bytes(image.pread("head", 64, 0)) for image in tears.images(disk)}) == 16
    disk.sync("head")
    disk.create("a/1", 16)
    disk.rename("head", "tail")
    names = {tuple(image.list()) for image in tears.images(disk)}
    assert names == {("head",), ("a/1", "head"), ("tail",), ("a/1", "tail")}


def test_records_are_torn_at_every_atom() -> None:
    disk = SimDisk()
    disk.create("a/1", 512)
    disk.sync_dir()
    disk.pwrite("a/1", bytes([7]) * 512, 0)
    kept = {image.pread("a/1", 512, 0) for image in tears.images(disk)}
    assert {bytes([7]) * 16 * n + bytes(16 * (32 - n)) for n in range(33)} <= kept
    assert len(kept) == 32 + 1 + 31 + 30 + 30


def test_a_tear_that_passes_is_counted() -> None:
    """Five times CRC-32C's polynomial, each in an atom of its own: all 2^5 - 1 parts pass."""
    record = bytearray(512)
    reflected = 0x105EC76F1.to_bytes(5, "little")  # RFC 3720 12.1: 0x11EDC6F41, low bit first
    base = tears.google_crc32c.value(bytes(508))
    for atom in range(1, 6):
        record[16 * atom : 16 * atom + 5] = reflected
    assert tears.google_crc32c.value(bytes(record[:508])) == base
    record[508:] = base.to_bytes(4, "little")
    disk = SimDisk()
    disk.create("a/1", 512)
    disk.pwrite("a/1", base.to_bytes(4, "little"), 508)
    disk.sync("a/1")
    disk.sync_dir()
    disk.pwrite("a/1", bytes(record), 0)
    assert tears.passing_tears(disk) == 2**5 - 1
