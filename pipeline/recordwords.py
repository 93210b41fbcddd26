"""Every journal record in words, for the audit trail."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pipeline.journalview import kind_of, printed_date
from pipeline.record import Record, RecordType
from pipeline.state import (
    FLAG_TIME_ASSUMED,
    FLAG_TIME_KNOWN,
    FLAG_UNRELEASED,
    MAX_CONTROL_TOTAL,
    OUTCOMES,
    IncidentKind,
    Lock,
    Outcome,
    Stage,
    Try,
    closes_one,
    outcome_places,
)
from postage.money import Money


class Names(NamedTuple):
    """Names of departments and operators by number, which the journal does not know.

    >>> names = Names(departments={4: "Sales"})
    >>> names.department(4), names.department(5), names.operator(0)
    ('4 Sales', '5', '')
    """

    departments: Mapping[int, str] = MappingProxyType({})
    operators: Mapping[int, str] = MappingProxyType({})

    def department(self, number: int) -> str:
        """Return number and name; 0 is no department."""
        return _named(number, self.departments)

    def operator(self, number: int) -> str:
        """Return number and name; 0 is nobody."""
        return _named(number, self.operators)


NO_NAMES: Final = Names()


def words(record: Record, names: Names = NO_NAMES) -> str:
    """Return what a record says happened; of a type that this program does not know, its number.

    >>> from pipeline.record import device_id
    >>> lock = Record(RecordType.LOCK, 9, device_id("TST0", 7), *[0] * 12, Lock.COMM, b"", b"", b"")
    >>> words(lock)
    'locked: no contact in time'
    """
    said = _said(record, names)
    if record.flags & OUTCOMES and not closes_one(record):
        told = outcome_places(record.flags & OUTCOMES)
        said += "; outcomes of pieces before: " + ", ".join(
            _outcome(kind) for kind in told.values()
        )
    return said


def _said(record: Record, names: Names) -> str:
    if (name := _NAMING.get(record.type)) is not None:
        return name(record, names)
    say = _WORDS.get(record.type)
    return say(record) if say else f"record of type {record.type}"


def _debit(record: Record, names: Names) -> str:
    kind = kind_of(record)
    if not record.amount:
        return f"imprint of $0.00, {kind}, dated {printed_date(record) or 'no day'}"
    said = (
        f"imprint {record.piece_count} of {Money(record.amount)}, {kind}, "
        f"dated {printed_date(record) or 'no day'}"
    )
    if record.department:
        said += f", department {names.department(record.department)}"
    return f"{said}, operator {names.operator(record.operator)}" if record.operator else said


def _budget(record: Record, names: Names) -> str:
    department = names.department(record.department)
    limit = "without limit" if record.amount >= MAX_CONTROL_TOTAL else str(Money(record.amount))
    return f"department {department} may charge {limit} from now on"


def _confirm(record: Record) -> str:
    if not closes_one(record):
        return "idle"
    return f"piece of record {record.reference}: {_outcome(record.flags & OUTCOMES)}"


def _boot(record: Record) -> str:
    said = f"boot {record.boot} as {_text(record)}"
    if record.flags & FLAG_TIME_KNOWN:
        said += "; time from the trusted clock"
    elif record.flags & FLAG_TIME_ASSUMED:
        said += "; time assumed, the length of the power-off unknown"
    else:
        said += "; time not known"
    if record.flags & FLAG_UNRELEASED:
        said += "; the record before was never released"
    return f"{said}; {record.amount} record copies repaired" if record.amount else said


def _lock(record: Record) -> str:
    return f"locked: {_locks(record.reference)}"


def _unlock(record: Record) -> str:
    return f"unlocked: {_locks(record.reference)}"


def _refill(verb: str) -> Callable[[Record], str]:
    return lambda record: f"refill {record.reference} of {Money(record.amount)} {verb}"


def _try(record: Record, names: Names) -> str:
    user = names.operator(record.operator)
    return f"user {user}: {_TRIES.get(record.reference, f'try {record.reference}')}"


def _life(record: Record) -> str:
    stages = {stage.value: stage.name for stage in Stage}
    stage = stages.get(record.reference, f"stage {record.reference}")
    return f"{stage}; {len(record.payload)} bytes of proof {record.payload.hex()}"


def _incident(record: Record) -> str:
    kinds = {kind.value: said for kind, said in _INCIDENTS.items()}
    kind = kinds.get(record.reference, f"incident {record.reference}")
    often = f", {record.amount} times" if record.amount > 1 else ""
    return f"refused: {kind}{often}: {_text(record)}"


def _checkpoint(record: Record) -> str:
    index, total = divmod(record.reference, 1 << 32)
    return f"checkpoint {index + 1} of {total}{', signed' if record.signature else ''}"


def _outcome(kind: int) -> str:
    return _OUTCOMES.get(kind, f"outcome {kind}")


def _locks(bits: int) -> str:
    named = [said for lock, said in _LOCKS.items() if bits & lock]
    return " and ".join(named) or f"lock {bits:#x}"


def _named(number: int, names: Mapping[int, str]) -> str:
    name = names.get(number)
    return f"{number} {name}" if name else str(number) if number else ""


def _text(record: Record) -> str:
    return record.payload.decode("utf-8", "replace")


_OUTCOMES: Final[Mapping[int, str]] = {
    Outcome.PRINTED: "printed",
    Outcome.CONFIRMED: "printed and read back",
    Outcome.MISPRINT: "misprinted, kept for the claim",
    Outcome.UNPRINTED: "not printed, no column fired",
    Outcome.CLAIMED: "refund claim filed",
}
_LOCKS: Final[Mapping[int, str]] = {
    Lock.COMM: "no contact in time",
    Lock.SUSPENDED: "suspended by the provider",
    Lock.FAULT: "fault, until the provider's inspection",
}
_TRIES: Final[Mapping[int, str]] = {
    Try.ATTEMPT: "PIN entry begun",
    Try.SUCCESS: "PIN right, logged in",
    Try.RELEASE: "PIN tries released",
}
_INCIDENTS: Final[Mapping[IncidentKind, str]] = {
    IncidentKind.WRONG_STATE: "not in this state",
    IncidentKind.WRONG_PIN: "wrong PIN",
    IncidentKind.CLOCK_WRONG: "a clock that cannot be right",
    IncidentKind.RESTORED_FOLDER: "an old copy of the folder",
    IncidentKind.CLONED_FOLDER: "another copy of the folder, or another device's",
    IncidentKind.DAMAGED_FILE: "a damaged file",
    IncidentKind.DISK_FULL: "the disk was full",
    IncidentKind.DISK_FAILED: "the disk failed",
    IncidentKind.HOSTILE_CSV: "a CSV file",
    IncidentKind.KEY_FAILED: "no good signature of the own key",
    IncidentKind.FORGED: "a forged message",
    IncidentKind.MALFORMED: "bytes that are no message",
    IncidentKind.FOREIGN: "another device's message",
    IncidentKind.STALE: "a message to no question of this run",
    IncidentKind.LATE: "a message to an earlier question",
    IncidentKind.REPEATED: "a message that came before",
    IncidentKind.OUT_OF_PLACE: "a message that answers another kind of question",
    IncidentKind.SLOW: "an answer that took too long",
    IncidentKind.TIME_WRONG: "a provider's time behind ours",
    IncidentKind.CONTRADICTION: "an answer that cannot be true",
    IncidentKind.DENIED: "denied by the provider",
}
_WORDS: Final[Mapping[int, Callable[[Record], str]]] = {
    RecordType.CONFIRM: _confirm,
    RecordType.REFILL_BEGIN: _refill("asked for"),
    RecordType.REFILL_APPLY: _refill("added to the registers"),
    RecordType.REFILL_VOID: _refill("came to nothing"),
    RecordType.TIME_ANCHOR: lambda record: (
        f"time set by the provider, sure to {record.amount} us, nonce {record.reference}"
    ),
    RecordType.AUDIT_ACK: lambda record: (
        f"contact: the provider has every record up to {record.reference}"
    ),
    RecordType.LOCK: _lock,
    RecordType.UNLOCK: _unlock,
    RecordType.BOOT: _boot,
    RecordType.FAULT: lambda record: f"FAULT: {_text(record)}",
    RecordType.CHECKPOINT: _checkpoint,
    RecordType.ZEROISE: lambda _record: "keys destroyed",
    RecordType.RATE: lambda record: (
        f"rate edition {record.rate_version} in force, SHA-256 {record.payload.hex()}"
    ),
    RecordType.LIFE: _life,
    RecordType.INCIDENT: _incident,
    RecordType.WITHDRAW: lambda record: (
        f"withdrawn from service, {Money(record.amount)} of the descending register to refund"
    ),
}
_NAMING: Final[Mapping[int, Callable[[Record, Names], str]]] = {
    RecordType.DEBIT: _debit,
    RecordType.BUDGET: _budget,
    RecordType.TRY: _try,
}
"""What names departments or people."""
