"""The last fault, noted beside the journal that it stopped: a later start makes it a record.

A journal that stopped takes no record of why. The note is a file of one sealed record without a
number, made with the device and overwritten in place, so that a full disk has room for it. It is a
best effort: a disk that fails altogether keeps none, and whoever can write to the folder can take
it away; what they cannot is make one that says something else.
"""

from contextlib import suppress
from typing import Final, NamedTuple

from pipeline.disk import Disk
from pipeline.errors import PsdFault
from pipeline.incidents import canonical, kind_of_fault
from pipeline.record import (
    FIRST_PREVIOUS,
    RECORD_BYTES,
    Quality,
    Record,
    RecordType,
    Seal,
    unpack_record,
)
from pipeline.state import IncidentKind

NOTE: Final = "fault"
_BLANK: Final = bytes(RECORD_BYTES)


class Noted(NamedTuple):
    """What the note says."""

    kind: IncidentKind
    text: str


class FaultNote:
    """The note in one device's folder. To leave one raises nothing: a fault stays one.

    >>> from imi.simdisk import SimDisk
    >>> from pipeline.errors import FaultCause
    >>> note = FaultNote(SimDisk(), Seal(bytes(32), 7))
    >>> note.make()
    >>> note.leave_fault(PsdFault(FaultCause.PAIR_MISMATCH, "record 256 in 'a/1'"))
    >>> note.read().kind
    <IncidentKind.DISK_FAILED: 8>
    >>> note.wipe()
    >>> note.read()
    """

    def __init__(self, disk: Disk, seal: Seal) -> None:
        self._disk, self._seal = disk, seal

    def make(self) -> None:
        """Make the file, where a creation was cut short of it.

        Raises:
            OSError: the disk failed.
        """
        if NOTE not in self._disk.list():
            self._disk.create(NOTE, RECORD_BYTES)
            self._disk.sync_dir()

    def leave(self, kind: IncidentKind, text: str) -> None:
        """Note an incident in place of the one before it."""
        blank = Record._make([*[0] * 16, FIRST_PREVIOUS, canonical(text), b""])
        device = self._seal.device
        told = blank._replace(type=RecordType.INCIDENT, device=device, reference=kind, amount=1)
        with suppress(OSError):
            self._disk.pwrite(NOTE, self._seal.record(told), 0)
            self._disk.sync(NOTE)

    def leave_fault(self, fault: PsdFault) -> None:
        """Note a fault of the journal."""
        self.leave(kind_of_fault(fault), f"{fault.cause.name}: {fault.detail}")

    def read(self) -> Noted | None:
        """Return the note, None where there is none that this device wrote."""
        with suppress(OSError):
            sealed = self._disk.pread(NOTE, RECORD_BYTES, 0)
            if self._seal.quality(sealed) is Quality.SEALED:
                record = unpack_record(sealed)
                return Noted(IncidentKind(record.reference), record.payload.decode("ascii"))
        return None

    def wipe(self) -> None:
        """Forget the note: its record is durable, or it says nothing.

        Raises:
            OSError: the disk failed, as it may again.
        """
        if self._disk.pread(NOTE, RECORD_BYTES, 0) != _BLANK:
            self._disk.pwrite(NOTE, _BLANK, 0)
            self._disk.sync(NOTE)
