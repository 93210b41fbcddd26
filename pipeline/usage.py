"""Usage: what departments and operators spent, folded from the journal and from nothing else.

There is no second store that could disagree: the charge is a field of the DEBIT record, and what
the departments were charged must be what the ascending register rose by (reliability.md 4.8, I6).
Misprints and claims count on the day and for the department of their piece; a refund is the
provider's credit and never a negative debit.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, tzinfo
from enum import Enum
from typing import NamedTuple

from pipeline.days import Journaled, Period, Span, accounting_day, first_of_day
from pipeline.errors import MachineError
from pipeline.record import Record, RecordType
from pipeline.state import FLAG_REDATE, OUTCOMES, Outcome, closes_one, outcome_places
from postage.money import ZERO, Money


class UsageMismatch(MachineError):
    """The records read are not one unbroken run, or the charges are not what the register says."""


class Cell(NamedTuple):
    """Where a count belongs."""

    day: date
    department: int
    operator: int


@dataclass(slots=True)
class Counts:
    """What was done. `claimed` is the postage of the claimed pieces, part of `postage`."""

    pieces: int = 0
    postage: Money = ZERO
    tests: int = 0
    redates: int = 0
    misprints: int = 0
    claims: int = 0
    claimed: Money = ZERO

    def add(self, other: "Counts") -> None:
        """Add another's counts to these."""
        self.pieces += other.pieces
        self.postage += other.postage
        self.tests += other.tests
        self.redates += other.redates
        self.misprints += other.misprints
        self.claims += other.claims
        self.claimed += other.claimed


class Axis(Enum):
    """What a table has a line for."""

    PERIOD = "period"
    DEPARTMENT = "department"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table; an axis that was not asked for is None."""

    period: Period | None
    department: int | None
    operator: int | None
    counts: Counts


@dataclass(slots=True)
class Usage:
    """Counts by day, department and operator, of the records `first` to `last`.

    `baseline` and `ascending`: AR before the first and after the last. Grows with `read`.

    >>> from pipeline.days import Span
    >>> usage = Usage(first=1)
    >>> usage.lines([Axis.DEPARTMENT], Span.MONTH)
    []
    """

    first: int
    last: int = 0
    baseline: Money = ZERO
    ascending: Money = ZERO
    cells: defaultdict[Cell, Counts] = field(default_factory=lambda: defaultdict(Counts))
    _flight: list[Record] = field(default_factory=list)

    def read(self, journal: Journaled) -> None:
        """Fold in every record that is new, and prove the sums.

        Raises:
            UsageMismatch: sum(department charges) is not AR - AR(baseline).
        """
        if self.last == 0:
            self._begin(journal)
        newest = journal.last_sequence
        for record in journal.records(self.last + 1, newest) if newest > self.last else ():
            if record.sequence != self.last + 1:
                raise UsageMismatch(f"record {record.sequence} after {self.last}")
            self._fold(journal, record)
            self.last = record.sequence
            self.ascending = Money(record.ascending)
        charged = sum((counts.postage for counts in self.cells.values()), ZERO)
        if charged != self.ascending - self.baseline:
            raise UsageMismatch(
                f"departments were charged {charged}; the ascending register rose by "
                f"{self.ascending - self.baseline} from record {self.first} to {self.last}"
            )

    def lines(
        self,
        axes: Iterable[Axis],
        span: Span,
        *,
        first_day: date = date.min,
        last_day: date = date.max,
    ) -> list[Line]:
        """Return a line for each combination of the axes that has counts, in order.

        `first_day` and `last_day`, both included, choose by accounting day.
        """
        wanted = {*axes}
        sums: defaultdict[tuple[Period | None, int | None, int | None], Counts] = defaultdict(
            Counts
        )
        for cell, counts in self.cells.items():
            if first_day <= cell.day <= last_day:
                key = (
                    span.of(cell.day) if Axis.PERIOD in wanted else None,
                    cell.department if Axis.DEPARTMENT in wanted else None,
                    cell.operator if Axis.OPERATOR in wanted else None,
                )
                sums[key].add(counts)
        # An axis is None in every key or in none, so keys compare.
        return [Line(*key, sums[key]) for key in sorted(sums, key=_order)]

    def _begin(self, journal: Journaled) -> None:
        """Set the baseline, and find which pieces were in flight before the first record."""
        if self.first > journal.last_sequence + 1 or self.first < 1:
            raise UsageMismatch(f"record {self.first}; there are {journal.last_sequence}")
        self.last = self.first - 1
        if self.last == 0:
            return
        boot = self.last
        while boot > 1 and _record(journal, boot).type != RecordType.BOOT:
            boot -= 1
        for record in journal.records(boot, self.last):
            self._settle(journal, record, counts=False)
        self.baseline = self.ascending = Money(record.ascending)

    def _fold(self, journal: Journaled, record: Record) -> None:
        self._settle(journal, record, counts=True)
        if record.type != RecordType.DEBIT:
            return
        if record.amount:
            counts = self.cells[_cell(record)]
            counts.pieces += 1
            counts.postage += Money(record.amount)
        elif record.flags & FLAG_REDATE:  # charged to nobody: it belongs to its piece's department
            piece = _cell(_record(journal, record.reference))
            self.cells[piece._replace(day=accounting_day(record))].redates += 1
        else:
            self.cells[_cell(record)].tests += 1

    def _settle(self, journal: Journaled, record: Record, *, counts: bool) -> None:
        """Follow the pieces in flight, and count the outcomes that a record tells."""
        told: list[tuple[Record, int]] = []
        if record.type == RecordType.BOOT:
            self._flight.clear()
        elif closes_one(record):
            told = [(_record(journal, record.reference), record.flags & OUTCOMES)]
        elif record.type in (RecordType.DEBIT, RecordType.CONFIRM):
            places = outcome_places(record.flags & OUTCOMES)
            told = [(self._flight[place], outcome) for place, outcome in places.items()]
        for piece, outcome in told:
            self._flight = [each for each in self._flight if each.sequence != piece.sequence]
            if counts:
                self._count(piece, outcome)
        if record.type == RecordType.DEBIT and record.amount:
            self._flight.append(record)

    def _count(self, piece: Record, outcome: int) -> None:
        if outcome == Outcome.MISPRINT:
            self.cells[_cell(piece)].misprints += 1
        elif outcome == Outcome.CLAIMED:
            self.cells[_cell(piece)].claims += 1
            self.cells[_cell(piece)].claimed += Money(piece.amount)


def usage_since(journal: Journaled, first_day: date, zone: tzinfo) -> Usage:
    """Return the usage of every record from a day's midnight on, its sums proved."""
    usage = Usage(first=first_of_day(journal, first_day, zone))
    usage.read(journal)
    return usage


def total(lines: Iterable[Line]) -> Counts:
    """Return the sum of lines.

    >>> total([Line(None, 7, None, Counts(pieces=2)), Line(None, 8, None, Counts(pieces=3))]).pieces
    5
    """
    counts = Counts()
    for line in lines:
        counts.add(line.counts)
    return counts


def gaps(periods: Iterable[Period], span: Span) -> Iterator[Period]:
    """Yield the periods in order, those between them that have no counts too."""
    known = sorted({*periods})
    for place, period in enumerate(known):
        yield period
        between = _next(period, span)
        while place + 1 < len(known) and between < known[place + 1]:
            yield between
            between = _next(between, span)


def _next(period: Period, span: Span) -> Period:
    longest = {Span.DAY: 1, Span.WEEK: 7, Span.MONTH: 31, Span.QUARTER: 92, Span.YEAR: 366}[span]
    return span.of(date.fromordinal(period.start.toordinal() + longest))


def _cell(record: Record) -> Cell:
    return Cell(accounting_day(record), record.department, record.operator)


def _record(journal: Journaled, sequence: int) -> Record:
    (record,) = journal.records(sequence, sequence)
    return record


def _order(key: tuple[Period | None, int | None, int | None]) -> tuple[date, int, int]:
    period, department, operator = key
    return period.start if period else date.min, department or 0, operator or 0
