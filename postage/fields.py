"""The values of an indicium's fields to bytes and back, as the field table says."""

from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum, IntEnum

from postage.errors import Fault, IndiciumFormatError
from postage.layouts import Field, Kind, Profile
from postage.money import Money

Value = int | str | bytes | date | Money | None
"""What a field holds: None is an undated date or reserved zeros."""


class Imprint(IntEnum):
    """Rate categories that say an imprint is no postage (domain trap 9: distinct payloads).

    Ours: the two highest codes, which no rate edition gives to a price.
    """

    REDATE = 0xFFFE
    TEST = 0xFFFF


class PayloadType(Enum):
    """What an indicium is evidence of."""

    POSTAGE = "postage"
    REDATE = "redate"
    TEST = "test"


def payload_type(values: Mapping[str, Value]) -> PayloadType:
    """Return what these values are evidence of.

    >>> payload_type({"rate_category": 0xFFFF})
    <PayloadType.TEST: 'test'>
    """
    match values.get("rate_category"):
        case Imprint.REDATE:
            return PayloadType.REDATE
        case Imprint.TEST:
            return PayloadType.TEST
        case _:
            return PayloadType.POSTAGE


def write_fields(layout: Profile, given: Mapping[str, Value]) -> bytes:
    """Return the signed bytes of a layout; the version and reserved bytes are implied."""
    implied = {
        "version": layout.version,
        **{entry.name: None for entry in layout.fields if entry.kind is Kind.ZEROS},
    }
    names = {entry.name for entry in layout.fields} - implied.keys()
    if unknown := sorted(given.keys() - names):
        raise IndiciumFormatError(
            Fault.UNKNOWN_FIELD, f"{layout.name} has no field {', '.join(unknown)} to set"
        )
    optional = {entry.name: 0 for entry in layout.fields if entry.optional}
    values = optional | dict(given) | implied
    if missing := sorted(names - values.keys()):
        raise IndiciumFormatError(Fault.MISSING_FIELD, f"{layout.name} needs {', '.join(missing)}")
    signed = b"".join(_write(layout, entry, values[entry.name]) for entry in layout.fields)
    assert len(signed) == layout.signed_length
    vendor = values["vendor_model"]
    if vendor in layout.refused_vendors:
        raise IndiciumFormatError(
            Fault.FOREIGN_VENDOR, f"vendor {vendor!r} never writes {layout.name}"
        )
    _check_zero(layout, values)
    return signed


def read_fields(layout: Profile, signed: bytes) -> dict[str, Value]:
    """Return every field of the signed bytes by name."""
    values = {
        entry.name: _read(layout, entry, offset, signed[offset : offset + entry.width])
        for offset, entry in layout.placed()
    }
    _check_zero(layout, values)
    return values


def _check_zero(layout: Profile, values: Mapping[str, Value]) -> None:
    kind, postage = payload_type(values), values["postage"]
    assert isinstance(postage, Money)
    if kind is not PayloadType.POSTAGE and postage:
        raise IndiciumFormatError(
            Fault.CONTRADICTION, f"{layout.name}: a {kind.value} imprint shows {postage}, not $0.00"
        )


def _write(layout: Profile, entry: Field, value: Value) -> bytes:
    number: int
    match entry.kind, value:
        case Kind.ZEROS, None:
            number = 0
        case Kind.ASCII, str():
            if len(value) != entry.width or not _is_printable(value.encode("utf-8")):
                raise IndiciumFormatError(
                    Fault.BAD_ASCII,
                    f"{_at(layout, entry)}: {value!r} is not {entry.width} ASCII characters",
                )
            return value.encode("ascii")
        case Kind.MONEY, Money():
            number = value.mills
        case Kind.DATE, None:
            number = 0
        case Kind.DATE, date() if not isinstance(value, datetime):  # whose midnight, else?
            number = value.year * 10_000 + value.month * 100 + value.day
        case Kind.UINT, int() if not isinstance(value, bool):
            number = value
        case _:
            raise IndiciumFormatError(
                Fault.FIELD_TYPE,
                f"{_at(layout, entry)} holds {entry.kind.value}, not {type(value).__name__}",
            )
    _check_range(layout, entry, number)
    return number.to_bytes(entry.width, "little")


def _read(layout: Profile, entry: Field, offset: int, raw: bytes) -> Value:
    number = int.from_bytes(raw, "little")
    match entry.kind:
        case Kind.OPAQUE:
            return raw
        case Kind.ASCII if _is_printable(raw):
            return raw.decode("ascii")
        case Kind.ASCII:
            raise IndiciumFormatError(
                Fault.BAD_ASCII, f"{_at(layout, entry)} at {offset}: {raw.hex()} is not ASCII"
            )
        case Kind.ZEROS if any(raw):
            raise IndiciumFormatError(
                Fault.NOT_ZERO, f"{_at(layout, entry)} at {offset}: {raw.hex()} is not zero"
            )
        case Kind.ZEROS:
            return None
        case Kind.DATE:
            return _date(layout, entry, number)
    _check_range(layout, entry, number)
    return Money(number) if entry.kind is Kind.MONEY else number


def _date(layout: Profile, entry: Field, number: int) -> date | None:
    if number == 0:  # prepaid reply mail shows no date (domain trap 32)
        return None
    try:
        return date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        raise IndiciumFormatError(
            Fault.BAD_DATE, f"{_at(layout, entry)}: {number} is not a date YYYYMMDD"
        ) from None


def _check_range(layout: Profile, entry: Field, number: int) -> None:
    if not 0 <= number <= entry.greatest:
        raise IndiciumFormatError(
            Fault.FIELD_RANGE,
            f"{_at(layout, entry)} is {number}; it holds 0 to {entry.greatest}",
        )


def _is_printable(raw: bytes) -> bool:
    return all(0x20 <= byte < 0x7F for byte in raw)


def _at(layout: Profile, entry: Field) -> str:
    return f"{layout.name} {entry.name}"
