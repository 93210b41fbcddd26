"""What each kind of report has: its columns, and its rows made of records as they pass."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

from pipeline.balance import Balance, Point
from pipeline.journalview import accounting_day, kind_of, moment, printed_date
from pipeline.record import Record, RecordType
from pipeline.recordwords import Names, words
from postage.money import ZERO, Money

Cell = Money | int | str | date | datetime | None
Row = tuple[Cell, ...]


class Kind(StrEnum):
    """Which report."""

    REGISTERS = "registers"
    FUNDS = "funds"
    TAPE = "tape"
    AUDIT = "audit"


class Column(NamedTuple):
    """One column: its name in files, its title on paper, its share of the width there."""

    name: str
    title: str
    share: float
    right: bool = False


class View(NamedTuple):
    """What rows are made with, beside the records."""

    zone: tzinfo
    names: Names
    balance: Balance


def _registers(view: View, records: Iterator[Record]) -> Iterator[Row]:
    for _ in records:
        pass
    balance = view.balance
    before, after = balance.opening, balance.closing
    yield (*("Ascending (used)", before.ascending, balance.postage, None, after.ascending),)
    yield (
        *("Descending (available)", before.descending, balance.refilled),
        *(balance.postage + balance.withdrawn, after.descending),
    )
    yield (
        *("Control total (all refills)", before.control_total, balance.refilled),
        *(balance.withdrawn, after.control_total),
    )
    yield "Pieces", before.piece_count, balance.pieces, None, after.piece_count
    yield "VOID test imprints", None, balance.tests, None, None
    yield "Redate imprints", None, balance.redates, None, None
    yield "Refills", None, balance.refills, None, None


def _funds(view: View, records: Iterator[Record]) -> Iterator[Row]:
    """Yield every refill and withdrawal, and between them the postage of each day as one row."""
    run: _Run | None = None
    for record in records:
        if record.type == RecordType.DEBIT and record.amount:
            day = accounting_day(record)
            if run is not None and run.day != day:
                yield run.row()
                run = None
            run = run or _Run(day)
            run.add(record)
        elif record.type in _MOVES:
            if run is not None:
                yield run.row()
                run = None
            name, is_in = _MOVES[record.type]
            said = f"{name} {record.reference}" if record.reference else name
            amount = Money(record.amount)
            point = Point.after(record)
            yield (
                *(moment(record, view.zone).date(), said, None),
                *(amount if is_in else None, None if is_in else amount),
                *(point.descending, point.ascending, point.control_total),
            )
    if run is not None:
        yield run.row()


@dataclass(slots=True)
class _Run:
    """Postage of one day with no other movement of funds in between."""

    day: date
    pieces: int = 0
    postage: Money = ZERO
    point: Point = field(default_factory=Point)

    def add(self, record: Record) -> None:
        self.pieces += 1
        self.postage += Money(record.amount)
        self.point = Point.after(record)

    def row(self) -> Row:
        point = self.point
        return (
            *(self.day, "Postage", self.pieces, None, self.postage),
            *(point.descending, point.ascending, point.control_total),
        )


def _tape(view: View, records: Iterator[Record]) -> Iterator[Row]:
    for record in records:
        if record.type == RecordType.DEBIT:
            yield (
                record.sequence,
                record.piece_count if record.amount else None,
                moment(record, view.zone),
                printed_date(record),
                kind_of(record),
                Money(record.amount),
                view.names.department(record.department),
                view.names.operator(record.operator),
            )


def _audit(view: View, records: Iterator[Record]) -> Iterator[Row]:
    for record in records:
        said = words(record, view.names)
        yield record.sequence, record.boot, moment(record, view.zone), _name(record), said


def _name(record: Record) -> str:
    known = record.type in set(RecordType)
    return RecordType(record.type).name if known else str(record.type)


_MOVES: Final = MappingProxyType(
    {
        int(RecordType.REFILL_APPLY): ("Refill", True),
        int(RecordType.WITHDRAW): ("Withdrawal", False),
    }
)
KINDS: Final = MappingProxyType(
    {
        Kind.REGISTERS: (
            "Register report",
            (
                Column("register", "Register", 3),
                Column("opening", "Opening", 2, right=True),
                Column("added", "Added", 2, right=True),
                Column("taken", "Taken", 2, right=True),
                Column("closing", "Closing", 2, right=True),
            ),
            _registers,
        ),
        Kind.FUNDS: (
            "Funds report",
            (
                Column("day", "Day", 1.5),
                Column("event", "Event", 2.2),
                Column("pieces", "Pieces", 1.1, right=True),
                Column("paid_in", "Paid in", 1.8, right=True),
                Column("paid_out", "Paid out", 1.8, right=True),
                Column("descending", "Descending", 2, right=True),
                Column("ascending", "Ascending", 2, right=True),
                Column("control_total", "Control total", 2, right=True),
            ),
            _funds,
        ),
        Kind.TAPE: (
            "Tape of imprints",
            (
                Column("record", "Record", 1.1, right=True),
                Column("piece", "Piece", 1.1, right=True),
                Column("time", "Time", 2.4),
                Column("printed", "Printed date", 1.5),
                Column("kind", "Kind", 2.2),
                Column("amount", "Amount", 1.2, right=True),
                Column("department", "Department", 2.2),
                Column("operator", "Operator", 1.7),
            ),
            _tape,
        ),
        Kind.AUDIT: (
            "Audit trail",
            (
                Column("record", "Record", 1, right=True),
                Column("boot", "Boot", 0.7, right=True),
                Column("time", "Time", 2.2),
                Column("type", "Type", 1.8),
                Column("what", "What", 7.5),
            ),
            _audit,
        ),
    }
)
