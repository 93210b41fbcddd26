"""Devices and disks that break the write order on purpose: a harness must find each of them.

A harness that finds nothing in these proves nothing about the sound one.
"""

import contextlib
from collections.abc import Iterator
from unittest.mock import patch

from imi.simdisk import SimDisk
from pipeline.journal import Journal
from pipeline.record import SLOT_BYTES, SLOTS, HeadSlot, Record, invert
from pipeline.recovery import HEAD

SOUND = "sound"


class UnsyncedDisk(SimDisk):
    """Says that everything is durable and makes nothing so."""

    def sync(self, name: str) -> None:
        self._operate(name, is_sync=True)


class HeadlessDisk(SimDisk):
    """Never writes HEAD."""

    def pwrite(self, name: str, data: bytes, offset: int) -> None:
        if name != HEAD:
            super().pwrite(name, data, offset)


class NamelessDisk(SimDisk):
    """Says that names are durable and makes none so."""

    def sync_dir(self) -> None:
        self._operate("")


def write_head_first(self: Journal, record: Record, sealed: bytes) -> None:
    _write_head(self, record)
    _write_copies(self, record, sealed)
    self._disk.sync(self._a)
    self._disk.sync(self._b)


def write_without_copies_sync(self: Journal, record: Record, sealed: bytes) -> None:
    _write_copies(self, record, sealed)
    _write_head(self, record)


def write_without_head_sync(self: Journal, record: Record, sealed: bytes) -> None:
    _write_copies(self, record, sealed)
    self._disk.sync(self._a)
    self._disk.sync(self._b)
    self._disk.pwrite(HEAD, _slot(self, record), record.sequence % SLOTS * SLOT_BYTES)


def _write_copies(self: Journal, record: Record, sealed: bytes) -> None:
    offset = (record.sequence - self._base) * len(sealed)
    self._disk.pwrite(self._a, sealed, offset)
    self._disk.pwrite(self._b, invert(sealed), offset)


def _write_head(self: Journal, record: Record) -> None:
    self._disk.pwrite(HEAD, _slot(self, record), record.sequence % SLOTS * SLOT_BYTES)
    self._disk.sync(HEAD)


def _slot(self: Journal, record: Record) -> bytes:
    return self._seal.slot(HeadSlot(record.sequence, record.boot, record.ascending))


BROKEN_WRITES = {
    "HEAD first": write_head_first,
    "no copies' sync": write_without_copies_sync,
    "no HEAD's sync": write_without_head_sync,
}
BROKEN_DISKS = {"no sync": UnsyncedDisk, "no HEAD": HeadlessDisk, "no names' sync": NamelessDisk}
VARIANTS = (SOUND, *BROKEN_WRITES, *BROKEN_DISKS)


@contextlib.contextmanager
def broken(disk: SimDisk, variant: str) -> Iterator[None]:
    """Let a device work on a disk in the way that a variant names; afterwards the disk is sound."""
    disk.__class__ = BROKEN_DISKS.get(variant, SimDisk)
    with patch.object(Journal, "_write", BROKEN_WRITES.get(variant, Journal._write)):
        try:
            yield
        finally:
            disk.__class__ = SimDisk
