"""Reports of a meter, from its journal's records alone: registers, funds, imprints, audit trail.

Rows come one at a time, so a million records need no more memory than one. As they pass, their
movements are added up and compared with the registers in each record; when the last has passed,
`Report.closing` says the totals and whether they hold. How rows become files is
`pipeline.reportfiles`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final, NamedTuple

from pipeline.balance import Balance, registers_of
from pipeline.journalview import Identity, Period, Records, identity, span
from pipeline.record import Record
from pipeline.recordwords import NO_NAMES, Names
from pipeline.reportrows import KINDS, Cell, Column, Kind, Row, View
from postage.money import Money

ALL: Final = Period()


class Charge(NamedTuple):
    """What one department was charged in a period; `name` begins with the number."""

    number: int
    name: str
    pieces: int
    postage: Money


@dataclass(slots=True, kw_only=True)
class Report:
    """One report, to be written once: take `rows()` to the end, then ask for `closing()`.

    `records` are the sequences of the period; `balance` adds up while the rows pass.
    """

    kind: Kind
    title: str
    device: Identity
    period: Period
    zone: tzinfo
    records: range
    columns: tuple[Column, ...]
    balance: Balance
    names: Names
    rows: Callable[[], Iterator[Row]] = field(repr=False)

    def charges(self) -> list[Charge]:
        """Return what each department was charged, by number; together it is the postage."""
        return [
            Charge(number, self.names.department(number) or "none", pieces, Money(mills))
            for number, (pieces, mills) in sorted(self.balance.charged.items())
        ]

    def closing(self) -> list[tuple[str, Cell]]:
        """Return the totals and the result of the check, by name."""
        balance, point = self.balance, self.balance.closing
        return [
            ("postage", balance.postage),
            ("pieces", balance.pieces),
            ("refills", balance.refilled),
            ("withdrawn", balance.withdrawn),
            ("ascending", point.ascending),
            ("descending", point.descending),
            ("control total", point.control_total),
            ("piece count", point.piece_count),
            ("records", balance.records),
            ("check", check_of(balance)),
        ]


def check_of(balance: Balance) -> str:
    """Return in words whether the sums and the registers of every record agree."""
    if balance.is_balanced:
        return "AR, DR, CT and piece count of every record are what the sums say"
    more = balance.fault_count - len(balance.faults)
    return "DIFFERENCES: " + "; ".join(balance.faults) + (f"; and {more} more" if more else "")


def report(
    source: Records,
    kind: Kind,
    zone: tzinfo,
    period: Period = ALL,
    *,
    names: Names = NO_NAMES,
) -> Report:
    """Return a report of a period, its rows not read yet.

    `zone` is the licensed location's; `names` those of departments and operators, which the
    journal does not know.

    Raises:
        ValueError: the journal has no record.
    """
    device, sequences = identity(source), span(source, period, zone)
    balance = Balance((0, 0, 0, 0))
    if sequences.start > 1:
        [before] = source.records(sequences.start - 1, sequences.start - 1)
        balance = Balance(registers_of(before))

    def passing() -> Iterator[Record]:
        assert not balance.records, "a report is read once"
        if sequences:
            for record in source.records(sequences.start, sequences.stop - 1):
                balance.add(record)
                yield record

    title, columns, rows = KINDS[kind]
    view = View(zone, names, balance)
    return Report(
        kind=kind,
        title=title,
        device=device,
        period=period,
        zone=zone,
        records=sequences,
        columns=columns,
        balance=balance,
        names=names,
        rows=lambda: rows(view, passing()),
    )
