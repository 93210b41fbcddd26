"""How one record changes the device's state: the only place where state changes.

The record has passed `pipeline.rules`; nothing is checked again here.
"""

from collections.abc import Callable
from typing import Final

from pipeline.record import Record, RecordType
from pipeline.state import (
    DAY_SHIFT,
    DAY_US,
    FLAG_REDATE,
    FLAG_TIME_ASSUMED,
    FLAG_TIME_KNOWN,
    FLAG_UNRELEASED,
    OUTCOMES,
    REDATE_DAYS,
    WINDOW_SHIFT,
    Anchor,
    Department,
    DeviceState,
    Lock,
    Open,
    Outcome,
    PendingRefill,
    Stage,
    Tries,
    Try,
    closes_one,
    outcome_places,
)

_COMM: Final = int(Lock.COMM)


def fold(state: DeviceState, record: Record, digest: bytes) -> None:
    """Fold in a record that breaks no rule; `digest` is that of its sealed bytes.

    >>> state = DeviceState()
    >>> fold(state, Record(RecordType.LOCK, 1, *[0] * 13, Lock.SUSPENDED, b"", b"", b""), b"")
    >>> state.sequence, state.locks
    (1, <Lock.SUSPENDED: 2>)
    """
    if record.flags & OUTCOMES and not closes_one(record):
        flight = state.flight.copy()
        for place, outcome in outcome_places(record.flags & OUTCOMES).items():
            _settle(state, flight[place], outcome)
    _FOLDS[record.type](state, record)
    state.sequence = record.sequence
    state.boot = record.boot
    state.floor_us = record.psd_us
    _, _, _, _, _, _, state.ascending, state.descending, state.control_total, *_ = record
    state.piece_count = record.piece_count
    state.previous = digest


def _debit(state: DeviceState, record: Record) -> None:
    if not record.amount:
        _worthless(state, record)
        return
    state.flight.append(record.sequence)
    state.unsent_us = state.unsent_us or record.psd_us
    department = _department(state, record.department)
    department.charged += record.amount
    department.charged_since_budget += record.amount


def _worthless(state: DeviceState, record: Record) -> None:
    """Count a test or a redate, which move no register."""
    if not record.flags & FLAG_REDATE:
        state.tests += 1
        return
    state.redates += 1
    today = record.flags >> DAY_SHIFT
    for piece in [piece for piece, day in state.redated.items() if day < today - REDATE_DAYS]:
        del state.redated[piece]
    state.redated[record.reference] = today


def _confirm(state: DeviceState, record: Record) -> None:
    if closes_one(record):
        _settle(state, record.reference, record.flags & OUTCOMES)


def _boot(state: DeviceState, record: Record) -> None:
    for sequence in state.flight:
        never = bool(record.flags & FLAG_UNRELEASED) and sequence == state.sequence
        state.open[sequence] = Open.OPEN_UNRELEASED if never else Open.OPEN_UNKNOWN
    state.flight.clear()
    state.binding = record.payload
    state.window = record.flags >> WINDOW_SHIFT & 3
    known, assumed = record.flags & FLAG_TIME_KNOWN, record.flags & FLAG_TIME_ASSUMED
    state.anchor = Anchor(record.psd_us, record.boottime_us) if known or assumed else None
    state.assumed_boots = state.assumed_boots + 1 if assumed else 0
    state.unmet = not (known or assumed)
    day = record.psd_us // DAY_US
    state.repairs = record.amount + (state.repairs if day == state.repair_day else 0)
    state.repair_day = day


def _refill_begin(state: DeviceState, record: Record) -> None:
    nonce = int.from_bytes(record.payload, "little")
    state.pending_refill = PendingRefill(record.reference, record.amount, nonce, record.sequence)


def _refill_apply(state: DeviceState, record: Record) -> None:
    state.refills[record.reference] = record.amount
    state.pending_refill = None


def _refill_void(state: DeviceState, record: Record) -> None:
    state.voided.add(record.reference)
    state.pending_refill = None


def _budget(state: DeviceState, record: Record) -> None:
    department = _department(state, record.department)
    department.allowance = record.amount
    department.charged_since_budget = 0


def _lock(state: DeviceState, record: Record) -> None:
    state.locks |= record.reference


def _unlock(state: DeviceState, record: Record) -> None:
    state.locks &= ~record.reference


def _fault(state: DeviceState, _record: Record) -> None:
    state.locks |= int(Lock.FAULT)


def _time_anchor(state: DeviceState, record: Record) -> None:
    state.anchor = Anchor(record.psd_us, record.boottime_us)
    state.assumed_boots = 0


def _audit_ack(state: DeviceState, record: Record) -> None:
    state.acknowledged = record.reference
    if record.reference == state.sequence:  # of everything: a contact
        _contact(state, record)
        state.unsent_us = 0


def _contact(state: DeviceState, record: Record) -> None:
    state.last_contact_us = record.psd_us
    state.locks &= ~_COMM
    state.unmet = False


def _life(state: DeviceState, record: Record) -> None:
    state.stage = record.reference
    if record.reference == Stage.REGISTERED:
        _contact(state, record)


def _withdraw(state: DeviceState, _record: Record) -> None:
    state.stage = Stage.WITHDRAWN


def _zeroise(state: DeviceState, _record: Record) -> None:
    state.zeroised = True


def _try(state: DeviceState, record: Record) -> None:
    failures, _ = state.tries.pop(record.operator, (0, 0))
    if record.reference == Try.ATTEMPT:
        state.tries[record.operator] = Tries(failures + 1, record.psd_us)


def _rate(state: DeviceState, record: Record) -> None:
    state.rate_version = record.rate_version


def _incident(_state: DeviceState, _record: Record) -> None:
    """Change nothing: what was refused has no effect."""


def _checkpoint(state: DeviceState, record: Record) -> None:
    index, total = divmod(record.reference, 1 << 32)
    state.checkpoint = None if index + 1 == total else (index + 1, total)


_FOLDS: Final[dict[int, Callable[[DeviceState, Record], None]]] = {
    RecordType.DEBIT: _debit,
    RecordType.CONFIRM: _confirm,
    RecordType.REFILL_BEGIN: _refill_begin,
    RecordType.REFILL_APPLY: _refill_apply,
    RecordType.REFILL_VOID: _refill_void,
    RecordType.BUDGET: _budget,
    RecordType.TIME_ANCHOR: _time_anchor,
    RecordType.AUDIT_ACK: _audit_ack,
    RecordType.LOCK: _lock,
    RecordType.UNLOCK: _unlock,
    RecordType.BOOT: _boot,
    RecordType.FAULT: _fault,
    RecordType.CHECKPOINT: _checkpoint,
    RecordType.ZEROISE: _zeroise,
    RecordType.TRY: _try,
    RecordType.RATE: _rate,
    RecordType.LIFE: _life,
    RecordType.WITHDRAW: _withdraw,
    RecordType.INCIDENT: _incident,
}


def _settle(state: DeviceState, sequence: int, outcome: int) -> None:
    if sequence in state.flight:
        state.flight.remove(sequence)
    if outcome == Outcome.MISPRINT:
        state.open[sequence] = Open.MISPRINT
    elif outcome == Outcome.UNPRINTED:
        state.open[sequence] = Open.UNPRINTED
    else:
        state.open.pop(sequence, None)


def _department(state: DeviceState, number: int) -> Department:
    department = state.departments.get(number)
    if department is None:
        department = state.departments[number] = Department()
    return department
