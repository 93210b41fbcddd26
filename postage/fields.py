"""The values of an indicium's fields to bytes and back, as the field table says."""

import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum, IntEnum
from typing import NoReturn

from postage.errors import Fault, IndiciumFormatError
from postage.layouts import PROFILES, Field, Kind, Profile
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
    category = values.get("rate_category")
    if category == Imprint.REDATE:
        return PayloadType.REDATE
    return PayloadType.TEST if category == Imprint.TEST else PayloadType.POSTAGE


def write_fields(layout: Profile, given: Mapping[str, Value]) -> bytes:
    """Return the signed bytes of a layout; the version and reserved bytes are implied."""
    if not given.keys() <= layout.settable:
        unknown = ", ".join(sorted(given.keys() - layout.settable))
        raise IndiciumFormatError(
            Fault.UNKNOWN_FIELD, f"{layout.name} has no field {unknown} to set"
        )
    values: dict[str, Value] = {**layout.implied, **given}
    if len(values) != len(layout.fields):
        missing = ", ".join(at.name for at in layout.fields if at.name not in values)
        raise IndiciumFormatError(Fault.MISSING_FIELD, f"{layout.name} needs {missing}")
    signed = b"".join(
        [write(layout, at, values[at.name]) for at, write in _WRITE_PLANS[layout.name]]
    )
    assert len(signed) == layout.signed_length
    vendor = values["vendor_model"]
    if vendor in layout.refused_vendors:
        raise IndiciumFormatError(
            Fault.FOREIGN_VENDOR, f"vendor {vendor!r} never writes {layout.name}"
        )
    _check_postage(layout, values)
    return signed


def read_fields(layout: Profile, signed: bytes) -> dict[str, Value]:
    """Return every field of the signed bytes by name."""
    plan = _READ_PLANS[layout.name]
    values: dict[str, Value] = dict(zip(plan.names, plan.pattern.unpack(signed), strict=True))
    for name, at, read in plan.others:
        values[name] = read(layout, at, values[name])  # type: ignore[arg-type]  # bytes, by pattern
    _check_postage(layout, values)
    return values


def read_field(layout: Profile, payload: bytes, name: str) -> Value:
    """Return the one field of this name."""
    start, end, at, read = _READ_PLANS[layout.name].fields[name]
    return read(layout, at, payload[start:end])


def _check_postage(layout: Profile, values: Mapping[str, Value]) -> None:
    kind, postage = payload_type(values), values["postage"]
    assert isinstance(postage, Money)
    if kind is not PayloadType.POSTAGE and postage:
        raise IndiciumFormatError(
            Fault.CONTRADICTION, f"{layout.name}: a {kind.value} imprint shows {postage}, not $0.00"
        )


def _write_uint(layout: Profile, at: Field, value: Value) -> bytes:
    if not isinstance(value, int) or isinstance(value, bool):
        _wrong_type(layout, at, value)
    return _in_range(layout, at, value).to_bytes(at.width, "little")


def _write_money(layout: Profile, at: Field, value: Value) -> bytes:
    if not isinstance(value, Money):
        _wrong_type(layout, at, value)
    return _in_range(layout, at, value.mills).to_bytes(at.width, "little")


def _write_date(layout: Profile, at: Field, value: Value) -> bytes:
    if value is None:
        return bytes(at.width)
    # A datetime is a date to Python, but whose midnight would it mean?
    if not isinstance(value, date) or isinstance(value, datetime):
        _wrong_type(layout, at, value)
    return (value.year * 10_000 + value.month * 100 + value.day).to_bytes(at.width, "little")


def _write_ascii(layout: Profile, at: Field, value: Value) -> bytes:
    if not isinstance(value, str):
        _wrong_type(layout, at, value)
    if len(value) != at.width or not (value.isascii() and value.isprintable()):
        raise IndiciumFormatError(
            Fault.BAD_ASCII,
            f"{layout.name} {at.name}: {value!r} is not {at.width} ASCII characters",
        )
    return value.encode("ascii")


def _write_zeros(layout: Profile, at: Field, value: Value) -> bytes:
    assert value is None, f"{layout.name} {at.name} is implied, not given"
    return bytes(at.width)


def _read_uint(layout: Profile, at: Field, raw: bytes) -> int:
    number = int.from_bytes(raw, "little")
    return number if at.limit is None else _in_range(layout, at, number)


def _read_money(_layout: Profile, _at: Field, raw: bytes) -> Money:
    return Money(int.from_bytes(raw, "little"))


def _read_date(layout: Profile, at: Field, raw: bytes) -> date | None:
    number = int.from_bytes(raw, "little")
    if number == 0:  # prepaid reply mail shows no date (domain trap 32)
        return None
    try:
        return date(number // 10_000, number // 100 % 100, number % 100)
    except ValueError:
        raise IndiciumFormatError(
            Fault.BAD_DATE, f"{layout.name} {at.name}: {number} is not a date YYYYMMDD"
        ) from None


def _read_ascii(layout: Profile, at: Field, raw: bytes) -> str:
    if not (raw.isascii() and (text := raw.decode("ascii")).isprintable()):
        raise IndiciumFormatError(
            Fault.BAD_ASCII, f"{layout.name} {at.name}: {raw.hex()} is not printable ASCII"
        )
    return text


def _read_opaque(_layout: Profile, _at: Field, raw: bytes) -> bytes:
    return raw


def _read_zeros(layout: Profile, at: Field, raw: bytes) -> None:
    if any(raw):
        raise IndiciumFormatError(
            Fault.NOT_ZERO, f"{layout.name} {at.name}: {raw.hex()} is not zero"
        )


_WRITERS: Mapping[Kind, Callable[[Profile, Field, Value], bytes]] = {
    Kind.UINT: _write_uint,
    Kind.MONEY: _write_money,
    Kind.DATE: _write_date,
    Kind.ASCII: _write_ascii,
    Kind.ZEROS: _write_zeros,  # no profile that we write has opaque bytes
}
_READERS: Mapping[Kind, Callable[[Profile, Field, bytes], Value]] = {
    Kind.UINT: _read_uint,
    Kind.MONEY: _read_money,
    Kind.DATE: _read_date,
    Kind.ASCII: _read_ascii,
    Kind.OPAQUE: _read_opaque,
    Kind.ZEROS: _read_zeros,
}


def _struct_code(at: Field) -> str:
    """Return struct's code of a number that it reads whole, else that of the field's bytes."""
    if at.kind is Kind.UINT and at.limit is None and at.width in _STRUCT_CODES:
        return _STRUCT_CODES[at.width]
    return f"{at.width}s"


_STRUCT_CODES = {1: "B", 2: "H", 4: "I"}


class _ReadPlan:
    """What struct reads of a layout at one go, and the readers of the fields left as bytes."""

    def __init__(self, layout: Profile) -> None:
        codes = [_struct_code(at) for at in layout.fields]
        self.pattern = struct.Struct("<" + "".join(codes))
        self.names = [at.name for at in layout.fields]
        self.fields = {
            at.name: (start, end, at, _READERS[at.kind]) for start, end, at in layout.placed
        }
        self.others = [
            (at.name, at, _READERS[at.kind])
            for at, code in zip(layout.fields, codes, strict=True)
            if code.endswith("s")
        ]


# Made once: looking a Kind up hashes an Enum in Python, once a field and payload.
_READ_PLANS = {layout.name: _ReadPlan(layout) for layout in PROFILES.values()}
_WRITE_PLANS = {
    layout.name: [(at, _WRITERS[at.kind]) for at in layout.fields]
    for layout in PROFILES.values()
    if layout.is_writable
}


def _in_range(layout: Profile, at: Field, number: int) -> int:
    if not 0 <= number <= at.greatest:
        raise IndiciumFormatError(
            Fault.FIELD_RANGE,
            f"{layout.name} {at.name} is {number}; it holds 0 to {at.greatest}",
        )
    return number


def _wrong_type(layout: Profile, at: Field, value: Value) -> NoReturn:
    raise IndiciumFormatError(
        Fault.FIELD_TYPE,
        f"{layout.name} {at.name} holds {at.kind.value}, not {type(value).__name__}",
    )
