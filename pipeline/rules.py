"""Which record may follow which state: the rule book (reliability.md 4.8, I1 to I9).

The journal asks before each write, recovery asks of each record read. What a caller may have is
asked earlier and elsewhere (`pipeline.authority`); a record that breaks a rule here is a mistake of
ours, or not ours at all.
"""

from collections.abc import Iterator
from typing import Final

from pipeline.record import Record, RecordType
from pipeline.state import (
    FLAG_REDATE,
    FLAG_TEST,
    MAX_CONTROL_TOTAL,
    MAX_INCIDENT_BYTES,
    MAX_PIECE_COUNT,
    OUTCOMES,
    DeviceState,
    IncidentKind,
    Lock,
    Outcome,
    Stage,
    Try,
    closes_one,
    outcome_places,
)

_ALWAYS: Final = {
    RecordType.BOOT,
    RecordType.CHECKPOINT,
    RecordType.TIME_ANCHOR,
    RecordType.LOCK,
    RecordType.UNLOCK,
    RecordType.FAULT,
    RecordType.ZEROISE,
    RecordType.INCIDENT,
}
_MAY_FOLLOW: Final = {  # plain numbers: enums are slow to look up, and this is asked at every piece
    int(stage): frozenset(map(int, kinds))
    for stage, kinds in {
        Stage.MANUFACTURED: _ALWAYS | {RecordType.LIFE, RecordType.AUDIT_ACK},
        Stage.INITIALIZED: _ALWAYS | {RecordType.LIFE, RecordType.AUDIT_ACK, RecordType.TRY},
        Stage.REGISTERED: {*RecordType} - {RecordType.LIFE},
        Stage.WITHDRAWN: _ALWAYS | {RecordType.AUDIT_ACK, RecordType.TRY, RecordType.CONFIRM},
    }.items()
}
_REFILLS: Final = {RecordType.REFILL_BEGIN, RecordType.REFILL_APPLY, RecordType.REFILL_VOID}
_TELLABLE: Final = {Outcome.PRINTED, Outcome.CONFIRMED, Outcome.MISPRINT, Outcome.UNPRINTED}
_CLOSING: Final = {*_TELLABLE, Outcome.CLAIMED}
_TRIES: Final = {*Try}
_INCIDENTS: Final = {*IncidentKind}
_PRINTABLE: Final = bytes(range(0x20, 0x7F))
_LIFTABLE: Final = int(Lock.SUSPENDED | Lock.FAULT)


def violation(state: DeviceState, record: Record) -> str | None:
    """Return the rule that a next record breaks, in words, or None where it may follow.

    >>> skipped = Record(RecordType.BOOT, 2, *[0] * 14, bytes(32), b"", b"")
    >>> violation(DeviceState(), skipped)
    'sequence 2 after 0'
    """
    return next(_broken(state, RecordType(record.type), record), None)


def _broken(state: DeviceState, kind: RecordType, record: Record) -> Iterator[str]:
    if record.sequence != state.sequence + 1:
        yield f"sequence {record.sequence} after {state.sequence}"
    if record.boot != state.boot + (kind is RecordType.BOOT) or record.psd_us < state.floor_us:
        yield (
            f"{kind.name} of boot {record.boot} at {record.psd_us} us after boot {state.boot} at "
            f"{state.floor_us} us"
        )
    expected = state.after(kind, record.amount)
    if record[6:10] != expected:
        yield (
            f"AR, DR, CT, count {record[6:10]} after {kind.name} of {record.amount} mills; "
            f"expected {expected}"
        )
    if record.descending < 0 or record.control_total > MAX_CONTROL_TOTAL:
        yield f"CT {record.control_total} mills; the limit is {MAX_CONTROL_TOTAL}"
    assert record.ascending + record.descending == record.control_total
    if state.checkpoint is not None and kind is not RecordType.CHECKPOINT:
        yield f"{kind.name} inside the checkpoint run {state.checkpoint}"
    if state.zeroised:
        yield f"{kind.name} after ZEROISE"
    if int(kind) not in _MAY_FOLLOW[state.stage]:
        yield f"{kind.name} of a device that is {Stage(state.stage).name}"
    if record.flags & OUTCOMES:
        yield from _of_outcomes(state, kind, record)
    if kind is RecordType.DEBIT:
        yield from _of_debit(state, record)
    elif kind in _REFILLS:
        yield from _of_refill(state, kind, record)
    else:
        yield from _of_reference(state, kind, record)


def _of_reference(state: DeviceState, kind: RecordType, record: Record) -> Iterator[str]:
    told = record.reference
    match kind:
        case RecordType.CHECKPOINT:
            index, total = divmod(told, 1 << 32)
            expected = (0, total) if state.checkpoint is None else state.checkpoint
            if (index, total) != expected or index >= total:
                yield f"checkpoint {index} of {total}; expected {expected}"
        case RecordType.LIFE if told != state.stage + 1 or told > Stage.REGISTERED:
            yield f"stage {told} after {Stage(state.stage).name}"
        case RecordType.AUDIT_ACK if not state.acknowledged <= told <= state.sequence:
            yield f"record {told} acknowledged after {state.acknowledged} of {state.sequence}"
        case RecordType.UNLOCK if told & ~_LIFTABLE:
            yield f"locks {told:#x} lifted; only {_LIFTABLE:#x} can be"
        case RecordType.TRY if told not in _TRIES:
            yield f"TRY of kind {told}"
        case RecordType.INCIDENT if told not in _INCIDENTS or not record.amount:
            yield f"{record.amount} incidents of kind {told}"
        case RecordType.INCIDENT if not _is_text(record.payload):
            yield f"an incident of {len(record.payload)} bytes {record.payload[:8]!r}"
        case RecordType.WITHDRAW if record.descending or state.pending_refill is not None:
            yield f"DR {record.descending} left, refill {state.pending_refill} under way"


def _is_text(told: bytes) -> bool:
    return len(told) <= MAX_INCIDENT_BYTES and not told.translate(None, _PRINTABLE)


def _of_outcomes(state: DeviceState, kind: RecordType, record: Record) -> Iterator[str]:
    told = record.flags & OUTCOMES
    if closes_one(record):
        known = record.reference in state.open or record.reference in state.flight
        if not known or told not in _CLOSING:
            yield f"outcome {told} for record {record.reference}, which is not open"
        return
    places = outcome_places(told)
    if max(places) >= len(state.flight) or not set(places.values()) <= _TELLABLE:
        yield f"outcomes {dict(places)} with {len(state.flight)} pieces in flight"
    if kind not in (RecordType.DEBIT, RecordType.CONFIRM):
        yield f"{kind.name} carries outcomes {dict(places)}"


def _of_refill(state: DeviceState, kind: RecordType, record: Record) -> Iterator[str]:
    request = (record.reference, record.amount)
    pending = state.pending_refill
    if kind is RecordType.REFILL_BEGIN:
        if pending is not None:
            yield f"refill {request} while {pending[:2]} is outstanding"
        if record.reference in state.refills:
            yield f"refill request {record.reference} was applied before"
        if record.reference in state.voided:
            yield f"refill request {record.reference} was void before"
    elif pending is None or request != pending[:2]:
        yield f"{kind.name} {request} while {pending and pending[:2]} was outstanding"


def _of_debit(state: DeviceState, record: Record) -> Iterator[str]:
    worthless = record.flags & (FLAG_TEST | FLAG_REDATE)
    if record.piece_count > MAX_PIECE_COUNT:
        yield f"piece count {record.piece_count}; the limit is {MAX_PIECE_COUNT}"
    if (worthless in (FLAG_TEST, FLAG_REDATE)) != (record.amount == 0) or (
        record.amount and worthless
    ):
        yield f"a debit of {record.amount} mills with flags {record.flags:#x}"
    if worthless == FLAG_REDATE and (
        record.reference in state.redated or not 0 < record.reference <= state.sequence
    ):
        yield f"a redate of record {record.reference}, redated or unknown"
    in_flight = len(state.flight) - len(outcome_places(record.flags & OUTCOMES))
    if record.amount and in_flight >= state.window:
        yield f"{in_flight + 1} pieces in flight; the window is {state.window}"
    department = state.departments.get(record.department)
    left = None if department is None else department.left
    if left is not None and record.amount > left:
        yield f"department {record.department} charged {record.amount} mills of {left} left"
