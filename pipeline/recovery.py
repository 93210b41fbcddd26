"""What a journal's bytes mean after a crash: a pure function of them (reliability.md 4.3).

`recover` reads and decides; it writes nothing. What must be written comes back as repairs, which
`mend` writes, so that a recovery that is itself cut short starts over from the same decision.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pipeline.checkpoint import checkpoint_message, unpack_state
from pipeline.disk import Disk
from pipeline.errors import FaultCause, NoDevice, PsdFault, RecordFormatError
from pipeline.fold import fold
from pipeline.record import (
    RECORD_BYTES,
    SLOT_BYTES,
    SLOTS,
    HeadSlot,
    Quality,
    Record,
    RecordType,
    Seal,
    digest,
    invert,
    unpack_slot,
)
from pipeline.rules import violation
from pipeline.segments import (
    SIDES,
    Segment,
    fields_of,
    read_record,
    segment_name,
    segments,
    written_segments,
)
from pipeline.state import DeviceState

HEAD: Final = "head"
_BLANK = bytes(RECORD_BYTES)

Check = Callable[[bytes, bytes], bool]


class Repair(NamedTuple):
    """Bytes that a file must hold, as stored."""

    name: str
    offset: int
    data: bytes


@dataclass
class Recovery:
    """The folded state and what is to be written before the journal goes on.

    `repairs` are bytes of A and B, `head` bytes of HEAD: the first must be durable before the
    second are written. `copies_repaired` counts records that one copy had lost.
    """

    state: DeviceState
    base: int  # sequence of the first record of the segment to write next
    capacity: int  # records that this segment holds
    files: list[str] = field(default_factory=list)  # copies that may hold what is not durable yet
    withheld: bool = False  # the last record was never released: HEAD proves it
    copies_repaired: int = 0
    repairs: list[Repair] = field(default_factory=list)
    head: list[Repair] = field(default_factory=list)


def recover(disk: Disk, seal: Seal, check: Check) -> Recovery:
    """Return the state that the disk's bytes prove, and the repairs that make them whole.

    Raises:
        NoDevice: no HEAD and no records.
        PsdFault: with its cause; the bytes are left as they are.
        OSError: the disk cannot be read.
    """
    head = _read_head(disk, seal)
    base = _base_of(disk, head)
    segment = Segment(disk, seal, base)
    found = Recovery(DeviceState(), base, segment.capacity, segment.names)
    if base > 1:
        found.state = _checkpoint(disk, seal, check, found)
    for sequence in range(base, head.sequence + 1):
        _fold(found.state, _released(segment, sequence, found))
    told = (head.slot.sequence, head.slot.boot, head.slot.ascending)
    holds = (found.state.sequence, found.state.boot, found.state.ascending)
    if told != holds:
        raise PsdFault(
            FaultCause.HEAD_DISAGREES, f"sequence, boot, AR: HEAD {told}, records {holds}"
        )
    last = _next(segment, head, found)
    departments = found.state.departments.values()
    assert sum(each.charged for each in departments) == found.state.ascending  # I6
    _clear(segment, last.sequence + 1, found)
    if written := written_segments(disk, seal, after=base):  # an unfinished creation is blank
        raise PsdFault(FaultCause.BEYOND_HEAD, f"{written[0]!r} holds records")
    _mend_head(disk, seal, head, last, found)
    if last.sequence + 1 == base + segment.capacity:  # the record after HEAD ended its segment
        found.base = last.sequence + 1
        found.capacity = Segment(disk, seal, found.base, only=found.base).capacity
    return found


def mend(disk: Disk, recovery: Recovery) -> None:
    """Write what recovery found missing: both copies durable first, then HEAD, as always.

    Both are synced even where nothing is written: a process that was killed may have left pages
    that only the cache holds.
    """
    for name, offset, data in recovery.repairs:
        disk.pwrite(name, data, offset)
    for name in sorted({*recovery.files, *(repair.name for repair in recovery.repairs)}):
        disk.sync(name)
    for name, offset, data in recovery.head:
        disk.pwrite(name, data, offset)
    disk.sync(HEAD)


@dataclass
class _Head:
    """HEAD as read: the greatest sequence, and what stands where the next one would."""

    slot: HeadSlot
    slots: dict[int, HeadSlot]  # by index, the readable ones
    raw: list[bytes]
    next_is_damaged: bool  # the slot of sequence + 1 may have been written, and released

    @property
    def sequence(self) -> int:
        return self.slot.sequence


def _read_head(disk: Disk, seal: Seal) -> _Head:
    if HEAD not in disk.list():
        if written := written_segments(disk, seal):
            raise PsdFault(FaultCause.HEAD_MISSING, f"{written[0]!r} holds records")
        raise NoDevice("the folder holds no device: it has no HEAD and no records")
    data = disk.pread(HEAD, SLOTS * SLOT_BYTES, 0).ljust(SLOTS * SLOT_BYTES, b"\xff")
    raw = [data[at : at + SLOT_BYTES] for at in range(0, SLOTS * SLOT_BYTES, SLOT_BYTES)]
    slots: dict[int, HeadSlot] = {}
    for index, sealed in enumerate(raw):
        quality = seal.slot_quality(sealed)
        if quality is Quality.FORGED:
            raise PsdFault(FaultCause.FORGED, f"HEAD slot {index}")
        if quality is not Quality.SEALED:
            continue
        try:
            slots[index] = unpack_slot(sealed)
        except RecordFormatError as error:
            raise PsdFault(FaultCause.RULE_BROKEN, f"HEAD slot {index}: {error}") from error
        if slots[index].sequence % SLOTS != index:
            raise PsdFault(
                FaultCause.MISPLACED, f"HEAD slot {index} names record {slots[index].sequence}"
            )
    if not slots:
        raise PsdFault(FaultCause.HEAD_UNREADABLE, f"{SLOTS} slots of {SLOT_BYTES} bytes")
    last = max(slots.values())
    following = last.sequence + 1
    old = slots.get(following % SLOTS)
    if following < SLOTS:
        next_is_damaged = raw[following % SLOTS] != bytes(SLOT_BYTES)
    else:
        next_is_damaged = old is None or old.sequence != following - SLOTS
    return _Head(last, slots, raw, next_is_damaged)


def _base_of(disk: Disk, head: _Head) -> int:
    """Return the first sequence of the segment in use: that of the record after HEAD."""
    known = segments(disk)
    base = max((base for base in known if base <= head.sequence + 1), default=0)
    for side in SIDES:
        if segment_name(side, base) not in known.get(base, []):
            raise PsdFault(FaultCause.SEGMENT_MISSING, segment_name(side, base))
    return base


def _released(segment: Segment, sequence: int, found: Recovery) -> bytes:
    """Return the sealed bytes of a record that HEAD covers, noting a copy to repair."""
    sealed = segment.released(sequence)
    found.copies_repaired += _repair(segment, sequence, sealed, found)
    return sealed


def _repair(segment: Segment, sequence: int, sealed: bytes, found: Recovery) -> int:
    """Note the copies that do not hold a record; return how many."""
    before = len(found.repairs)
    for side in (0, 1):
        if segment.sealed(side, sequence) != sealed:
            found.repairs.append(_repair_of(segment, side, sequence, sealed))
    return len(found.repairs) - before


def _repair_of(segment: Segment, side: int, sequence: int, sealed: bytes) -> Repair:
    offset = (sequence - segment.base) * RECORD_BYTES
    data = invert(sealed) if side else sealed
    return Repair(segment_name(SIDES[side], segment.base), offset, data)


def _fold(state: DeviceState, sealed: bytes) -> Record:
    record = fields_of(sealed)
    if record.previous != state.previous:
        raise PsdFault(
            FaultCause.CHAIN_BROKEN, f"record {record.sequence} names another predecessor"
        )
    broken = violation(state, record)
    if broken is not None:
        raise PsdFault(FaultCause.RULE_BROKEN, f"record {record.sequence}: {broken}")
    fold(state, record, digest(sealed))
    return record


def _next(segment: Segment, head: _Head, found: Recovery) -> HeadSlot:
    """Return what HEAD is to say: the record after it is kept where one copy has it whole."""
    following = head.sequence + 1
    slot_index = following % SLOTS
    found.withheld = head.slot.withheld
    if following == segment.base + segment.capacity:
        raise PsdFault(FaultCause.SEGMENT_MISSING, segment_name("a", following))
    sealed, qualities = segment.either(following)
    if sealed is not None:
        record = _fold(found.state, sealed)
        _repair(segment, following, sealed, found)  # what a crash leaves is no rot: not counted
        # Where HEAD's next slot is damaged it may have been written whole, and released.
        found.withheld = not head.next_is_damaged
        return HeadSlot(following, record.boot, record.ascending, found.withheld)
    if head.next_is_damaged:
        # No crash leaves this: HEAD is written after both copies are durable.
        raise PsdFault(
            FaultCause.HEAD_DISAGREES,
            f"slot {slot_index} is damaged and record {following} is {qualities[0].value} in A, "
            f"{qualities[1].value} in B: a released record may be lost",
        )
    return head.slot


def _clear(segment: Segment, following: int, found: Recovery) -> None:
    """Blank what a torn write or rot left where no record is; a whole record there is a fault."""
    end = segment.base + segment.capacity
    for side in (0, 1):
        if segment.is_blank_from(side, following):
            continue
        for sequence in range(following, end):
            if segment.sealed(side, sequence) == _BLANK:
                continue
            if segment.quality(side, sequence)[0] is Quality.SEALED:
                raise PsdFault(
                    FaultCause.BEYOND_HEAD, f"record {sequence} in copy {SIDES[side].upper()}"
                )
            found.repairs.append(_repair_of(segment, side, sequence, _BLANK))


def _mend_head(disk: Disk, seal: Seal, head: _Head, last: HeadSlot, found: Recovery) -> None:
    """Note the slots that do not hold the latest sequence of their place."""
    for index, raw in enumerate(head.raw):
        sequence = last.sequence - (last.sequence - index) % SLOTS
        if sequence < 0:
            data = bytes(SLOT_BYTES)
        elif sequence == last.sequence:
            data = seal.slot(last)
        elif index in head.slots and head.slots[index].sequence == sequence:
            continue
        else:
            record = read_record(disk, seal, sequence) if sequence else None
            told = (record.boot, record.ascending) if record else (0, 0)
            data = seal.slot(HeadSlot(sequence, *told))
        if data != raw:
            found.head.append(Repair(HEAD, index * SLOT_BYTES, data))


def _checkpoint(disk: Disk, seal: Seal, check: Check, found: Recovery) -> DeviceState:
    """Return the state at the end of the segment before `found.base`."""
    before = max((base for base in segments(disk) if base < found.base), default=0)
    if not before:
        raise PsdFault(FaultCause.SEGMENT_MISSING, f"the segment before record {found.base}")
    segment = Segment(disk, seal, before)
    final = segment.record(found.base - 1)
    index, total = divmod(final.reference, 1 << 32)
    first = found.base - total
    if final.type != RecordType.CHECKPOINT or index + 1 != total or first < before:
        raise PsdFault(FaultCause.CHECKPOINT_BROKEN, f"record {final.sequence} ends no run")
    data, previous = b"", None
    for sequence in range(first, found.base):
        sealed = _released(segment, sequence, found)
        record = fields_of(sealed)
        if previous not in (None, record.previous):
            raise PsdFault(FaultCause.CHAIN_BROKEN, f"record {sequence} of a checkpoint")
        previous = digest(sealed)
        data += record.payload
    try:
        state = unpack_state(data, final, digest(sealed))
    except RecordFormatError as error:
        raise PsdFault(FaultCause.CHECKPOINT_BROKEN, str(error)) from error
    message = checkpoint_message(seal.device, final.sequence, state, data)
    if not check(message, final.signature):
        raise PsdFault(FaultCause.CHECKPOINT_BROKEN, f"signature of record {final.sequence}")
    return state
