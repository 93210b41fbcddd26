"""The 512-byte journal record and the 64-byte HEAD slot: fields to sealed bytes and back.

CRC-32C finds accidents, HMAC-SHA256 finds edits, the SHA-256 of the record before finds removal,
HEAD finds truncation. Copy B holds every byte inverted, so a write that went to the wrong copy, or
a bit stuck at one value, never passes for a record.
"""

import hmac
import struct
from collections.abc import Callable
from enum import Enum, IntEnum
from hashlib import sha256
from typing import Final, NamedTuple

import google_crc32c

from pipeline.errors import RecordFormatError

RECORD_BYTES: Final = 512
SLOT_BYTES: Final = 64
SLOTS: Final = 4
AREA_BYTES: Final = 256  # payload then signature
FIRST_PREVIOUS: Final = bytes(32)  # record 1 follows nothing

_MAGIC = b"PSDJ"
_VERSION = 1
_KNOWN_TYPES = range(1, 20)
_BODY = struct.Struct("<4sHHQQQQQQQQQQIIIIQ32sHH256s72s")
_SEALED_BYTES = _BODY.size  # the HMAC covers these
_TAIL = struct.Struct("<32sI")
_RESERVED = bytes(72)
_EMPTY = bytes(RECORD_BYTES)
_checksum: Callable[[bytes], int] = google_crc32c.value  # CRC-32C (Castagnoli), RFC 3720 B.4
_INVERT = bytes(255 - value for value in range(256))
assert _SEALED_BYTES + _TAIL.size == RECORD_BYTES

_SLOT_BODY = struct.Struct("<4sQQQ")
_SLOT_EMPTY = bytes(SLOT_BYTES)
_RELEASABLE, _WITHHELD = b"PSDH", b"PSDU"
assert _SLOT_BODY.size + _TAIL.size == SLOT_BYTES


class RecordType(IntEnum):
    """What a record says; the numbers are on disk for ever."""

    DEBIT = 1
    CONFIRM = 2
    REFILL_BEGIN = 3
    REFILL_APPLY = 4
    REFILL_VOID = 5
    BUDGET = 6
    TIME_ANCHOR = 7
    AUDIT_ACK = 8
    LOCK = 9
    UNLOCK = 10
    BOOT = 11
    FAULT = 12
    CHECKPOINT = 13
    ZEROISE = 14
    TRY = 15
    RATE = 16
    LIFE = 17  # initialised, registered: the stage in `reference`
    WITHDRAW = 18
    INCIDENT = 19  # bad input was refused: the kind in `reference`, how often in `amount`


class Record(NamedTuple):
    """One record: amounts in mills, times in microseconds, registers after the event."""

    type: int
    sequence: int
    device: int
    boot: int
    psd_us: int
    boottime_us: int
    ascending: int
    descending: int
    control_total: int
    piece_count: int
    amount: int
    department: int
    operator: int
    rate_version: int
    flags: int
    reference: int
    previous: bytes
    payload: bytes
    signature: bytes


class Quality(Enum):
    """What the bytes of one record or slot are, before anyone asks what they say."""

    EMPTY = "never written"
    BAD = "wrong checksum"
    FOREIGN = "another device's"
    FORGED = "wrong seal"
    SEALED = "sealed by this device"


class HeadSlot(NamedTuple):
    """A HEAD slot. `withheld`: the record was found by recovery and was never released."""

    sequence: int
    boot: int
    ascending: int
    withheld: bool = False


def device_id(vendor_model: str, serial: int) -> int:
    r"""Return the 64-bit device id: four ASCII characters, then the serial, as in the indicium.

    Raises:
        RecordFormatError: the model is not four ASCII characters, or the serial not 32 bits.

    >>> device_id("0000", 1).to_bytes(8, "little")
    b'0000\x01\x00\x00\x00'
    """
    if len(vendor_model) != 4 or not vendor_model.isascii():
        raise RecordFormatError(f"vendor and model {vendor_model!r} are not 4 ASCII characters")
    if not 0 <= serial < 2**32:
        raise RecordFormatError(f"serial {serial} does not fit 32 bits")
    return int.from_bytes(vendor_model.encode("ascii") + serial.to_bytes(4, "little"), "little")


def invert(data: bytes) -> bytes:
    r"""Return the bytes as copy B stores them, or copy B's bytes as they were meant.

    >>> invert(b"\x00\x0f")
    b'\xff\xf0'
    """
    return data.translate(_INVERT)


def digest(sealed: bytes) -> bytes:
    """Return the 32-byte SHA-256 of a sealed record, which the next record carries."""
    return sha256(sealed).digest()


class Seal:
    """Seals and checks records and HEAD slots of one device with its 32-byte journal key.

    >>> seal = Seal(bytes(32), device_id("0000", 1))
    >>> seal.quality(bytes(512)), seal.slot_quality(seal.slot(HeadSlot(1, 1, 0)))
    (<Quality.EMPTY: 'never written'>, <Quality.SEALED: 'sealed by this device'>)
    """

    def __init__(self, journal_key: bytes, device: int) -> None:
        if len(journal_key) != 32:
            raise RecordFormatError(f"the journal key has {len(journal_key)} bytes, not 32")
        self._key = journal_key
        self.device = device
        self._slot_owner = device.to_bytes(8, "little")  # a slot has no room to name its device

    def record(self, record: Record) -> bytes:
        """Return the 512 sealed bytes of a record.

        Raises:
            RecordFormatError: payload and signature exceed 256 bytes, or a number its field.
        """
        area = record.payload + record.signature
        if len(area) > AREA_BYTES:
            raise RecordFormatError(
                f"payload and signature are {len(area)} bytes; a record holds {AREA_BYTES}"
            )
        try:
            body = _BODY.pack(
                _MAGIC,
                _VERSION,
                *record[:17],
                len(record.payload),
                len(record.signature),
                area,
                _RESERVED,
            )
        except struct.error as error:
            raise RecordFormatError(f"record {record.sequence}: {error}") from error
        return self._close(body, b"")

    def quality(self, sealed: bytes) -> Quality:
        """Return what the 512 bytes are; a short read is BAD."""
        if sealed == _EMPTY:
            return Quality.EMPTY
        if len(sealed) != RECORD_BYTES or not _checksum_holds(sealed):
            return Quality.BAD
        if int.from_bytes(sealed[16:24], "little") != self.device:
            return Quality.FOREIGN
        return Quality.SEALED if self._holds(sealed, b"") else Quality.FORGED

    def slot(self, slot: HeadSlot) -> bytes:
        """Return the 64 sealed bytes of a HEAD slot."""
        tag = _WITHHELD if slot.withheld else _RELEASABLE
        return self._close(_SLOT_BODY.pack(tag, *slot[:3]), self._slot_owner)

    def slot_quality(self, sealed: bytes) -> Quality:
        """Return what the 64 bytes are; another device's slot is FORGED."""
        if sealed == _SLOT_EMPTY:
            return Quality.EMPTY
        if len(sealed) != SLOT_BYTES or not _checksum_holds(sealed):
            return Quality.BAD
        return Quality.SEALED if self._holds(sealed, self._slot_owner) else Quality.FORGED

    def _close(self, body: bytes, owner: bytes) -> bytes:
        body += hmac.digest(self._key, body + owner, "sha256")
        return body + _checksum(body).to_bytes(4, "little")

    def _holds(self, sealed: bytes, owner: bytes) -> bool:
        expected = hmac.digest(self._key, sealed[:-36] + owner, "sha256")
        return hmac.compare_digest(expected, sealed[-36:-4])


def unpack_record(sealed: bytes) -> Record:
    """Return the fields of 512 bytes whose seal holds.

    Raises:
        RecordFormatError: magic, version, type, lengths or a reserved byte are not ours; with a
            seal that holds, the writer broke the format.
    """
    magic, version, *fields, payload_bytes, signature_bytes, area, reserved = _BODY.unpack(
        sealed[:_SEALED_BYTES]
    )
    if magic != _MAGIC or version != _VERSION:
        raise RecordFormatError(f"record starts with {magic!r} version {version}, not PSDJ 1")
    if fields[0] not in _KNOWN_TYPES:
        raise RecordFormatError(f"record type {fields[0]} is unknown")
    end = payload_bytes + signature_bytes
    if end > AREA_BYTES:
        raise RecordFormatError(f"record says {end} bytes of payload and signature of {AREA_BYTES}")
    if reserved != _RESERVED or area.count(0, end) != AREA_BYTES - end:
        raise RecordFormatError("a reserved byte of the record is not zero")
    return Record._make([*fields, area[:payload_bytes], area[payload_bytes:end]])


def unpack_slot(sealed: bytes) -> HeadSlot:
    """Return the fields of a 64-byte HEAD slot whose seal holds.

    Raises:
        RecordFormatError: the tag is unknown.
    """
    tag, sequence, boot, ascending = _SLOT_BODY.unpack(sealed[: _SLOT_BODY.size])
    if tag not in (_RELEASABLE, _WITHHELD):
        raise RecordFormatError(f"HEAD slot starts with {tag!r}")
    return HeadSlot(sequence, boot, ascending, tag == _WITHHELD)


def _checksum_holds(sealed: bytes) -> bool:
    return _checksum(sealed[:-4]) == int.from_bytes(sealed[-4:], "little")
