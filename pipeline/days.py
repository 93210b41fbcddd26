"""Days of the journal: the accounting day at the licensed place, whatever date was printed."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from enum import Enum
from typing import NamedTuple, Protocol

from pipeline.record import Record
from pipeline.state import DAY_SHIFT

_EPOCH = date(1970, 1, 1)


class Journaled(Protocol):
    """What has a journal to read: the PSD."""

    @property
    def last_sequence(self) -> int:
        """Return the number of the last journal record."""

    def records(self, first: int = 1, last: int | None = None) -> Iterator[Record]:
        """Yield records from `first` to `last`, the newest unless told."""


class Period(NamedTuple):
    """A named run of days; `start` is its first."""

    start: date
    label: str


class Span(Enum):
    """How long a period is. Weeks are those of ISO 8601: they begin on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    def of(self, day: date) -> Period:
        """Return the period that a day lies in.

        >>> Span.WEEK.of(date(2027, 1, 1)), Span.QUARTER.of(date(2026, 7, 13)).label
        (Period(start=datetime.date(2026, 12, 28), label='2026-W53'), '2026-Q3')
        """
        match self:
            case Span.DAY:
                return Period(day, day.isoformat())
            case Span.WEEK:
                year, week, weekday = day.isocalendar()
                return Period(day - timedelta(days=weekday - 1), f"{year}-W{week:02d}")
            case Span.MONTH:
                return Period(day.replace(day=1), f"{day:%Y-%m}")
            case Span.QUARTER:
                quarter = (day.month - 1) // 3
                start = date(day.year, 3 * quarter + 1, 1)
                return Period(start, f"{day.year}-Q{quarter + 1}")
            case Span.YEAR:
                return Period(date(day.year, 1, 1), f"{day.year}")


def day_of(psd_us: int, zone: tzinfo) -> date:
    """Return the day of a PSD time at the licensed place."""
    return datetime.fromtimestamp(psd_us // 1_000_000, zone).date()


def accounting_day(debit: Record) -> date:
    """Return the day that a DEBIT record is accounted on, which it carries itself."""
    return _EPOCH + timedelta(days=debit.flags >> DAY_SHIFT)


def first_of_day(journal: Journaled, day: date, zone: tzinfo) -> int:
    """Return the first record at or after a day's midnight, one past the newest if there is none.

    By bisection: PSD time never falls from one record to the next.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    wanted_us = int(midnight.timestamp()) * 1_000_000
    low, high = 1, journal.last_sequence + 1
    while low < high:
        middle = (low + high) // 2
        (record,) = journal.records(middle, middle)
        low, high = (middle + 1, high) if record.psd_us < wanted_us else (low, middle)
    return low
