"""A journal as reports read it: whose it is, which records a period holds, what an imprint was."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Final, Protocol

from pipeline.record import Record, RecordType
from pipeline.state import DAY_SHIFT, FLAG_KEYED, FLAG_REDATE, FLAG_TEST
from postage.devices import NEVER_PRODUCTION, device_key_id
from postage.layouts import BY_VERSION

_EPOCH: Final = date(1970, 1, 1)
_SECOND_US: Final = 1_000_000


class Records(Protocol):
    """Where records come from: a device, or an auditor's copy of its journal."""

    @property
    def last_sequence(self) -> int:
        """Return the number of the newest record."""

    def records(self, first: int = 1, last: int | None = None) -> Iterator[Record]:
        """Yield records, oldest first; `last` is included."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The device as its records name it; `binding` is profile and licensing ZIP."""

    vendor_model: str
    serial: int
    binding: str

    @property
    def is_specimen(self) -> bool:
        """Whether what the device prints is never postage."""
        return self.vendor_model in NEVER_PRODUCTION

    def __str__(self) -> str:
        return device_key_id(self.vendor_model, self.serial)


@dataclass(frozen=True, slots=True)
class Period:
    """Days at the licensed location, both included; None is open.

    Raises:
        ValueError: it ends before it begins.

    >>> str(Period(date(2026, 7, 1), None))
    'from 2026-07-01'
    """

    first: date | None = None
    last: date | None = None

    def __post_init__(self) -> None:
        if self.first and self.last and self.last < self.first:
            raise ValueError(f"a period from {self.first} to {self.last} ends before it begins")

    def __str__(self) -> str:
        if self.first and self.last:
            return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        if self.first or self.last:
            return f"from {self.first}" if self.first else f"to {self.last}"
        return "all records"


def identity(source: Records) -> Identity:
    """Return whose journal it is.

    Raises:
        ValueError: it has no record.
    """
    for record in source.records(1, 1):
        is_boot = record.type == RecordType.BOOT
        binding = record.payload.decode("ascii", "replace") if is_boot else ""
        return Identity(*device_name(record), binding)
    raise ValueError("the journal has no record")


def device_name(record: Record) -> tuple[str, int]:
    """Return vendor and model, and serial, of the device that wrote a record."""
    name = record.device.to_bytes(8, "little")
    return name[:4].decode("ascii", "replace"), int.from_bytes(name[4:], "little")


def span(source: Records, period: Period, zone: tzinfo) -> range:
    """Return the sequences of a period: PSD time never falls, so a search by halves finds them.

    Some 40 records are read of a million.
    """
    end = source.last_sequence + 1
    first = 1 if period.first is None else _first_from(source, _begins_us(period.first, zone), end)
    if period.last is None:
        return range(first, end)
    after = period.last + timedelta(days=1)
    return range(first, _first_from(source, _begins_us(after, zone), end))


def moment(record: Record, zone: tzinfo) -> datetime:
    """Return when a record was written, in whole seconds at the licensed location."""
    return datetime.fromtimestamp(record.psd_us // _SECOND_US, zone)


def accounting_day(record: Record) -> date:
    """Return the day on which a debit counts, whatever date it shows."""
    return _EPOCH + timedelta(days=record.flags >> DAY_SHIFT)


def printed_date(record: Record) -> date | None:
    """Return the date that a debit shows; None where it shows none, as prepaid reply mail does."""
    digits = _number(record, "mailing_date")
    return date(digits // 10_000, digits // 100 % 100, digits % 100) if digits else None


def kind_of(record: Record) -> str:
    """Return what a debit printed, in words."""
    if record.flags & FLAG_TEST:
        return "VOID test"
    if record.flags & FLAG_REDATE:
        return f"redate of {record.reference}"
    kind = "postage" if printed_date(record) else "reply postage"
    return f"{kind}, keyed in" if record.flags & FLAG_KEYED else kind


def _first_from(source: Records, begins_us: int, end: int) -> int:
    low, high = 1, end
    while low < high:
        middle = (low + high) // 2
        [record] = source.records(middle, middle)
        if record.psd_us < begins_us:
            low = middle + 1
        else:
            high = middle
    return low


def _begins_us(day: date, zone: tzinfo) -> int:
    begins = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return int(begins.timestamp()) * _SECOND_US


def _number(record: Record, name: str) -> int:
    # The device printed it, so of the layouts that have its version byte it is the writable one.
    [profile] = [at for at in BY_VERSION[record.payload[0]] if at.is_writable]
    start, end = profile.span(name)
    return int.from_bytes(record.payload[start:end], "little")
