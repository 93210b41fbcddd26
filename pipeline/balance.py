"""The sums of a stretch of journal, checked against the registers that each record carries."""

from typing import Final, NamedTuple

from pipeline.record import Record, RecordType
from pipeline.state import FLAG_TEST
from postage.money import ZERO, Money

_NAMES: Final = ("AR", "DR", "CT", "piece count")
_MOST_FAULTS: Final = 20  # a broken journal need not fill memory


def registers_of(record: Record) -> tuple[int, int, int, int]:
    """Return AR, DR, CT (mills) and piece count as a record leaves them."""
    return record[6:10]


class Point(NamedTuple):
    """Registers at one record; of a device that has none yet, all zero."""

    ascending: Money = ZERO
    descending: Money = ZERO
    control_total: Money = ZERO
    piece_count: int = 0

    @classmethod
    def after(cls, record: Record) -> "Point":
        """Return the registers as a record leaves them."""
        return cls.of(registers_of(record))

    @classmethod
    def of(cls, registers: tuple[int, int, int, int]) -> "Point":
        """Return the registers of AR, DR, CT in mills and a piece count."""
        ascending, descending, control_total, piece_count = registers
        return cls(Money(ascending), Money(descending), Money(control_total), piece_count)


class Balance:
    """Adds up movements by itself and compares with what the records claim.

    `faults` say where they differ, the first twenty; `fault_count` counts all. `charged` is pieces
    and mills by department.

    >>> from pipeline.record import device_id
    >>> balance = Balance((0, 0, 0, 0))
    >>> refill = Record(RecordType.REFILL_APPLY, 1, device_id("TST0", 7), 1, 0, 0, 0, 500, 500, 0,
    ...     499, 0, 0, 0, 0, 1, bytes(32), b"", b"")
    >>> balance.add(refill)
    >>> balance.faults
    ['record 1: DR is 500, the sums say 499', 'record 1: CT is 500, the sums say 499']
    """

    def __init__(self, opening: tuple[int, int, int, int]) -> None:
        self._opening = self._claimed = opening
        self._postage = self._refilled = self._withdrawn = 0  # mills: a Money a record is dear
        self.records = self.pieces = self.refills = self.tests = self.redates = 0
        self.charged: dict[int, tuple[int, int]] = {}
        self.fault_count = 0
        self.faults: list[str] = []

    @property
    def opening(self) -> Point:
        """Return the registers before the first record."""
        return Point.of(self._opening)

    @property
    def closing(self) -> Point:
        """Return the registers that the last record claims."""
        return Point.of(self._claimed)

    @property
    def postage(self) -> Money:
        """Return the sum of all debits."""
        return Money(self._postage)

    @property
    def refilled(self) -> Money:
        """Return the sum of all refills."""
        return Money(self._refilled)

    @property
    def withdrawn(self) -> Money:
        """Return what a withdrawal took out."""
        return Money(self._withdrawn)

    @property
    def is_balanced(self) -> bool:
        """Whether every record's registers are what the sums say."""
        return not self.fault_count

    def add(self, record: Record) -> None:
        """Take in the next record."""
        kind, amount = record.type, record.amount
        self.records += 1
        if kind == RecordType.DEBIT:
            if amount:
                self._postage += amount
                self.pieces += 1
                pieces, mills = self.charged.get(record.department, (0, 0))
                self.charged[record.department] = pieces + 1, mills + amount
            elif record.flags & FLAG_TEST:
                self.tests += 1
            else:
                self.redates += 1
        elif kind == RecordType.REFILL_APPLY:
            self._refilled += amount
            self.refills += 1
        elif kind == RecordType.WITHDRAW:
            self._withdrawn += amount
        self._claimed = registers_of(record)
        expected = self._expected()
        if self._claimed != expected:
            self._note(record.sequence, expected)

    def _expected(self) -> tuple[int, int, int, int]:
        ascending, descending, control_total, pieces = self._opening
        added = self._refilled - self._withdrawn
        return (
            ascending + self._postage,
            descending + added - self._postage,
            control_total + added,
            pieces + self.pieces,
        )

    def _note(self, sequence: int, expected: tuple[int, int, int, int]) -> None:
        for name, said, summed in zip(_NAMES, self._claimed, expected, strict=True):
            if said != summed:
                self.fault_count += 1
                if len(self.faults) < _MOST_FAULTS:
                    self.faults.append(
                        f"record {sequence}: {name} is {said}, the sums say {summed}"
                    )
