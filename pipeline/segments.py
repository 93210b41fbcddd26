"""The journal's files: segments of copy A and copy B, read as they were meant."""

from typing import Final

from pipeline.disk import Disk
from pipeline.errors import FaultCause, PsdFault, RecordFormatError
from pipeline.record import RECORD_BYTES, Quality, Record, Seal, invert, unpack_record

SIDES: Final = ("a", "b")
SIDE_FILL: Final = (0x00, 0xFF)
"""What stands where no record is: zeros in A, and in B inverted as everything there."""


def segment_name(side: str, base: int) -> str:
    """Return the name of a segment's copy; it says the sequence of its first record.

    >>> segment_name("a", 1)
    'a/0000000000000001'
    """
    return f"{side}/{base:016d}"


def segments(disk: Disk) -> dict[int, list[str]]:
    """Return the names of the copies of each segment, by the sequence of its first record."""
    found: dict[int, list[str]] = {}
    for name in disk.list():
        side, _, number = name.partition("/")
        if side in SIDES and number.isdecimal():
            found.setdefault(int(number), []).append(name)
    return found


def written_segments(disk: Disk, seal: Seal, after: int = 0) -> list[str]:
    """Return the names of segment copies that start with a whole record, anyone's.

    Only segments whose first sequence is above `after`.
    """
    names = [name for base, copies in segments(disk).items() if base > after for name in copies]
    blank = (Quality.EMPTY, Quality.BAD)
    return sorted(name for name in names if seal.quality(_meant(disk, name, 1, 0)) not in blank)


def _meant(disk: Disk, name: str, records: int, first: int) -> bytes:
    data = disk.pread(name, records * RECORD_BYTES, first * RECORD_BYTES)
    return invert(data) if name.startswith("b/") else data


def read_record(disk: Disk, seal: Seal, sequence: int) -> Record:
    """Return a released record, from whichever copy holds it.

    Raises:
        PsdFault: a segment is missing or neither copy has the record.
    """
    base = max((base for base in segments(disk) if base <= sequence), default=0)
    if not base:
        raise PsdFault(FaultCause.SEGMENT_MISSING, f"record {sequence}")
    return Segment(disk, seal, base, only=sequence).record(sequence)


def fields_of(sealed: bytes) -> Record:
    """Return the fields of a sealed record; PsdFault where its writer broke the format."""
    try:
        return unpack_record(sealed)
    except RecordFormatError as error:
        number = int.from_bytes(sealed[8:16], "little")
        raise PsdFault(FaultCause.RULE_BROKEN, f"record {number}: {error}") from error


class Segment:
    """Both copies of one segment, as they were meant (B turned back)."""

    def __init__(self, disk: Disk, seal: Seal, base: int, *, only: int | None = None) -> None:
        self.base = base
        self._seal = seal
        self.names = [segment_name(side, base) for side in SIDES]
        try:
            self.capacity = max(disk.size(name) for name in self.names) // RECORD_BYTES
        except FileNotFoundError as missing:
            raise PsdFault(FaultCause.SEGMENT_MISSING, " or ".join(self.names)) from missing
        self._first, count = (base, self.capacity) if only is None else (only, 1)
        self._copies = [_meant(disk, name, count, self._first - base) for name in self.names]

    def sealed(self, side: int, sequence: int) -> bytes:
        """Return a copy's bytes of a record, B's turned back."""
        at = (sequence - self._first) * RECORD_BYTES
        return self._copies[side][at : at + RECORD_BYTES]

    def is_blank_from(self, side: int, sequence: int) -> bool:
        """Return whether a copy is whole and holds only zeros from a record's place on."""
        at = (sequence - self._first) * RECORD_BYTES
        copy = self._copies[side]
        return len(copy) == self.capacity * RECORD_BYTES and copy.count(0, at) == len(copy) - at

    def quality(self, side: int, sequence: int) -> tuple[Quality, bytes]:
        """Return what a copy holds in a record's place; FORGED, FOREIGN and MISPLACED raise."""
        sealed = self.sealed(side, sequence)
        quality = self._seal.quality(sealed)
        where = f"record {sequence} in copy {SIDES[side].upper()}"
        if quality is Quality.FOREIGN:
            raise PsdFault(FaultCause.MIXED_DIRECTORIES, where)
        if quality is Quality.FORGED:
            raise PsdFault(FaultCause.FORGED, where)
        if quality is Quality.SEALED and int.from_bytes(sealed[8:16], "little") != sequence:
            other = int.from_bytes(sealed[8:16], "little")
            raise PsdFault(FaultCause.MISPLACED, f"{where} is record {other}")
        return quality, sealed

    def either(self, sequence: int) -> tuple[bytes | None, list[Quality]]:
        """Return a record's sealed bytes, None where neither copy has them, and the qualities."""
        (quality_a, a), (quality_b, b) = (self.quality(side, sequence) for side in (0, 1))
        if quality_a is quality_b is Quality.SEALED and a != b:
            raise PsdFault(FaultCause.COPIES_DIFFER, f"record {sequence}")
        qualities = [quality_a, quality_b]
        if quality_a is Quality.SEALED:
            return a, qualities
        return (b if quality_b is Quality.SEALED else None), qualities

    def agreed(self, sequence: int) -> bytes | None:
        """Return a record's sealed bytes where both copies have them: the common case, fast."""
        a = self.sealed(0, sequence)
        if a != self.sealed(1, sequence):
            return None
        return a if self.quality(0, sequence)[0] is Quality.SEALED else None

    def released(self, sequence: int) -> bytes:
        """Return the sealed bytes of a record that HEAD covers, from whichever copy has it.

        Raises:
            PsdFault: neither has it.
        """
        sealed = self.agreed(sequence)
        if sealed is None:
            sealed, qualities = self.either(sequence)
            if sealed is None:
                words = " and ".join(quality.value for quality in qualities)
                raise PsdFault(FaultCause.BOTH_COPIES_BAD, f"record {sequence}: {words}")
        return sealed

    def record(self, sequence: int) -> Record:
        """Return the fields of a record that HEAD covers."""
        return fields_of(self.released(sequence))
