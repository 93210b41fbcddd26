"""What the journal's records add up to: registers, budgets, refills, open pieces, locks.

A fold: the same records give the same state, on a running device, at recovery and in an audit.
`DeviceState.violation` is the rule book (reliability.md 4.8, I1 to I9); the journal asks it before
each write, recovery asks it of each record read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from functools import cache
from types import MappingProxyType
from typing import Final

from pipeline.record import FIRST_PREVIOUS, Record, RecordType

MAX_CONTROL_TOTAL: Final = 2**40 - 1  # mills; five bytes hold a register in the indicium
MAX_PIECE_COUNT: Final = 2**32 - 1
MAX_WINDOW: Final = 3
DAY_US: Final = 86_400_000_000

# Bits of Record.flags. An outcome takes three bits for each piece in flight, the oldest lowest.
OUTCOME_BITS: Final = 3
FLAG_TEST: Final = 1 << 9  # DEBIT of nothing: a VOID imprint
FLAG_UNRELEASED: Final = 1 << 10  # BOOT: the record before it never left the device
WINDOW_SHIFT: Final = 12  # BOOT: pieces that may be in flight, two bits
_OUTCOMES = (1 << OUTCOME_BITS * MAX_WINDOW) - 1
DAY_SHIFT: Final = 16  # DEBIT: accounting day, days since 1970-01-01 in the licensed zone


class Outcome(IntEnum):
    """What became of a released piece."""

    PRINTED = 1  # the head fired
    CONFIRMED = 2  # the exit camera read the same count
    MISPRINT = 3  # partly on paper: the operator keeps it for the claim
    UNPRINTED = 4  # the head fired no column: claim with machine evidence
    CLAIMED = 5  # a refund claim was filed; leaves the list of open pieces


class Open(IntEnum):
    """Why a debited piece, no longer in flight, is not settled."""

    OPEN_UNRELEASED = 1  # HEAD proves that it never left the device
    OPEN_UNKNOWN = 2  # may be on paper
    MISPRINT = 3
    UNPRINTED = 4


class Lock(IntFlag):
    """Independent locks: one being lifted leaves the other."""

    COMM = 1
    SUSPENDED = 2


@dataclass(slots=True)
class Department:
    """Charges in mills. `allowance` counts from the last BUDGET record; None is unlimited."""

    charged: int = 0
    charged_since_budget: int = 0
    allowance: int | None = None

    @property
    def left(self) -> int | None:
        """Return what may still be charged, None where nothing limits it."""
        return None if self.allowance is None else self.allowance - self.charged_since_budget


@dataclass(slots=True)
class DeviceState:
    """The fold of records 1 to `sequence`."""

    window: int = 1
    sequence: int = 0
    boot: int = 0
    floor_us: int = 0  # greatest PSD time ever recorded: time never goes below it
    ascending: int = 0
    descending: int = 0
    control_total: int = 0
    piece_count: int = 0
    tests: int = 0  # VOID imprints, which count by themselves
    previous: bytes = FIRST_PREVIOUS
    binding: bytes = b""  # what the device is bound to: profile and licensing ZIP
    locks: int = 0
    last_contact_us: int = 0
    repairs: int = 0  # copies repaired on `repair_day`
    repair_day: int = 0
    pending_refill: tuple[int, int] | None = None  # request id, mills
    refills: dict[int, int] = field(default_factory=dict)  # applied, for ever
    departments: dict[int, Department] = field(default_factory=dict)
    flight: list[int] = field(default_factory=list)  # released in this boot, no outcome yet
    open: dict[int, Open] = field(default_factory=dict)  # by sequence
    checkpoint: tuple[int, int] | None = None  # index and total of an unfinished run

    def after(self, kind: RecordType, amount: int) -> tuple[int, int, int, int]:
        """Return AR, DR, CT (mills) and piece count as they are after an event.

        >>> DeviceState(descending=1000, control_total=1000).after(RecordType.DEBIT, 740)
        (740, 260, 1000, 1)
        """
        if kind is RecordType.DEBIT:
            return (
                self.ascending + amount,
                self.descending - amount,
                self.control_total,
                self.piece_count + (amount > 0),
            )
        if kind is RecordType.REFILL_APPLY:
            return (
                self.ascending,
                self.descending + amount,
                self.control_total + amount,
                self.piece_count,
            )
        return self.ascending, self.descending, self.control_total, self.piece_count

    def violation(self, record: Record) -> str | None:
        """Return the rule that a next record breaks, in words, or None where it may follow."""
        kind = RecordType(record.type)
        if record.sequence != self.sequence + 1:
            return f"sequence {record.sequence} after {self.sequence}"
        if record.boot < self.boot or record.psd_us < self.floor_us:
            return (
                f"boot {record.boot} at {record.psd_us} us after boot {self.boot} at "
                f"{self.floor_us} us"
            )
        amount = record.amount
        if record[6:10] != self.after(kind, amount):
            return (
                f"AR, DR, CT, count {record[6:10]} after {kind.name} of {amount} mills; "
                f"expected {self.after(kind, amount)}"
            )
        if record.descending < 0 or record.control_total > MAX_CONTROL_TOTAL:
            return f"CT {record.control_total} mills; the limit is {MAX_CONTROL_TOTAL}"
        assert record.ascending + record.descending == record.control_total
        if self.checkpoint is not None and kind is not RecordType.CHECKPOINT:
            return f"{kind.name} inside the checkpoint run {self.checkpoint}"
        return self._violation_of_kind(kind, record)

    def apply(self, record: Record, digest: bytes) -> None:
        """Fold in a record that breaks no rule; `digest` is that of its sealed bytes."""
        kind = record.type
        if record.flags & _OUTCOMES and not _closes_one(record):
            self._settle_flight(record.flags)
        if kind == RecordType.DEBIT:
            self.tests += record.amount == 0
            if record.amount:
                self.flight.append(record.sequence)
                department = self._department(record.department)
                department.charged += record.amount
                department.charged_since_budget += record.amount
        elif kind == RecordType.CONFIRM:
            if _closes_one(record):
                self._settle(record.reference, record.flags & _OUTCOMES)
        elif kind == RecordType.BOOT:
            self._boot(record)
        else:
            self._apply_rare(record)
        self.sequence = record.sequence
        self.boot = record.boot
        self.floor_us = record.psd_us
        _, _, _, _, _, _, self.ascending, self.descending, self.control_total, *_ = record
        self.piece_count = record.piece_count
        self.previous = digest

    def _violation_of_kind(self, kind: RecordType, record: Record) -> str | None:
        broken = self._violation_of_outcomes(kind, record)
        if broken is None and kind is RecordType.DEBIT:
            return self._violation_of_debit(record)
        if broken is None and kind in _REFILLS:
            return self._violation_of_refill(kind, record)
        if broken is None and kind is RecordType.BOOT and record.boot != self.boot + 1:
            return f"boot {record.boot} after boot {self.boot}"
        if broken is None and kind is RecordType.CHECKPOINT:
            index, total = divmod(record.reference, 1 << 32)
            expected = (0, total) if self.checkpoint is None else self.checkpoint
            if (index, total) != expected or index >= total:
                return f"checkpoint {index} of {total}; expected {expected}"
        return broken

    def _violation_of_outcomes(self, kind: RecordType, record: Record) -> str | None:
        told = record.flags & _OUTCOMES
        if not told:
            return None
        if _closes_one(record):
            known = record.reference in self.open or record.reference in self.flight
            if not known or told not in _CLOSING:
                return f"outcome {told} for record {record.reference}, which is not open"
            return None
        places = outcome_places(told)
        if max(places) >= len(self.flight) or not set(places.values()) <= _TELLABLE:
            return f"outcomes {dict(places)} with {len(self.flight)} pieces in flight"
        if kind not in (RecordType.DEBIT, RecordType.CONFIRM):
            return f"{kind.name} carries outcomes {dict(places)}"
        return None

    def _violation_of_refill(self, kind: RecordType, record: Record) -> str | None:
        request = (record.reference, record.amount)
        if kind is RecordType.REFILL_BEGIN:
            if self.pending_refill is not None:
                return f"refill {request} while {self.pending_refill} is outstanding"
            if record.reference in self.refills:
                return f"refill request {record.reference} was applied before"
        elif request != self.pending_refill:
            return f"{kind.name} {request} while {self.pending_refill} was outstanding"
        return None

    def _violation_of_debit(self, record: Record) -> str | None:
        if record.piece_count > MAX_PIECE_COUNT:
            return f"piece count {record.piece_count}; the limit is {MAX_PIECE_COUNT}"
        if bool(record.flags & FLAG_TEST) != (record.amount == 0):
            return f"a debit of {record.amount} mills with flags {record.flags:#x}"
        in_flight = len(self.flight) - len(outcome_places(record.flags & _OUTCOMES))
        if record.amount and in_flight >= self.window:
            return f"{in_flight + 1} pieces in flight; the window is {self.window}"
        department = self.departments.get(record.department)
        left = None if department is None else department.left
        if left is not None and record.amount > left:
            return f"department {record.department} charged {record.amount} mills of {left} left"
        return None

    def _apply_rare(self, record: Record) -> None:
        kind = record.type
        if kind == RecordType.REFILL_BEGIN:
            self.pending_refill = (record.reference, record.amount)
        elif kind == RecordType.REFILL_APPLY:
            self.refills[record.reference] = record.amount
            self.pending_refill = None
        elif kind == RecordType.REFILL_VOID:
            self.pending_refill = None
        elif kind == RecordType.BUDGET:
            department = self._department(record.department)
            department.allowance = record.amount
            department.charged_since_budget = 0
        elif kind == RecordType.LOCK:
            self.locks |= record.reference
        elif kind == RecordType.UNLOCK:
            self.locks &= ~record.reference
        elif kind == RecordType.AUDIT_ACK:
            self.last_contact_us = record.psd_us
        elif kind == RecordType.CHECKPOINT:
            index, total = divmod(record.reference, 1 << 32)
            self.checkpoint = None if index + 1 == total else (index + 1, total)

    def _boot(self, record: Record) -> None:
        for sequence in self.flight:
            never = bool(record.flags & FLAG_UNRELEASED) and sequence == self.sequence
            self.open[sequence] = Open.OPEN_UNRELEASED if never else Open.OPEN_UNKNOWN
        self.flight.clear()
        self.binding = record.payload
        self.window = record.flags >> WINDOW_SHIFT & 3
        day = record.psd_us // DAY_US
        self.repairs = record.amount + (self.repairs if day == self.repair_day else 0)
        self.repair_day = day

    def _settle_flight(self, flags: int) -> None:
        flight = self.flight.copy()
        for place, outcome in outcome_places(flags & _OUTCOMES).items():
            self._settle(flight[place], outcome)

    def _settle(self, sequence: int, outcome: int) -> None:
        if sequence in self.flight:
            self.flight.remove(sequence)
        if outcome == Outcome.MISPRINT:
            self.open[sequence] = Open.MISPRINT
        elif outcome == Outcome.UNPRINTED:
            self.open[sequence] = Open.UNPRINTED
        else:
            self.open.pop(sequence, None)

    def _department(self, number: int) -> Department:
        department = self.departments.get(number)
        if department is None:
            department = self.departments[number] = Department()
        return department


def _closes_one(record: Record) -> bool:
    return record.type == RecordType.CONFIRM and record.reference != 0


_REFILLS = {RecordType.REFILL_BEGIN, RecordType.REFILL_APPLY, RecordType.REFILL_VOID}
_TELLABLE = {Outcome.PRINTED, Outcome.CONFIRMED, Outcome.MISPRINT, Outcome.UNPRINTED}
_CLOSING = {*_TELLABLE, Outcome.CLAIMED}


@cache  # 512 arguments, one or two of them at every record
def outcome_places(told: int) -> Mapping[int, int]:
    """Return the outcomes in a record's lowest nine flags, by place in the flight, the oldest 0.

    >>> dict(outcome_places(0b010_000_001))
    {0: 1, 2: 2}
    """
    found = ((place, told >> OUTCOME_BITS * place & 7) for place in range(MAX_WINDOW))
    return MappingProxyType({place: outcome for place, outcome in found if outcome})


def outcome_flags(flight: list[int], told: dict[int, Outcome]) -> int:
    """Return the flags that carry outcomes told by sequence, for pieces in flight.

    >>> outcome_flags([7, 9], {9: Outcome.CONFIRMED})
    16
    """
    if not told:
        return 0
    return sum(
        told[sequence] << OUTCOME_BITS * place
        for place, sequence in enumerate(flight)
        if sequence in told
    )
