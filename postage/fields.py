"""The values of an indicium's fields to bytes and back, as the field table says."""

import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime
from enum import Enum, IntEnum
from functools import lru_cache
from typing import Any, Final, NoReturn

from postage.errors import Fault, IndiciumFormatError
from postage.layouts import PROFILES, Field, Kind, Profile
from postage.money import Money

Value = int | str | bytes | date | Money | None
"""What a field holds: None is an undated date or reserved zeros."""
Convert = Callable[[Any], Value]
"""What makes a field's value of the number or the bytes that struct found."""

REMEMBERED: Final = 4_096
"""Texts, dates and amounts that each field remembers; a day's mail has few of each."""


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


_TYPES: Final[Mapping[Value, PayloadType]] = {
    int(Imprint.REDATE): PayloadType.REDATE,
    int(Imprint.TEST): PayloadType.TEST,
}
# Names of our own, because every piece asks for them: Python 3.11 takes 0.1 us to look up a member
# in its enum, and half of the time of from_bytes to look that up in int.
_POSTAGE: Final = PayloadType.POSTAGE
_from_bytes = int.from_bytes


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
    postage = values["postage"]
    assert isinstance(postage, Money), "written as Money"
    payload_type(layout.name, values.get("rate_category"), postage)
    return signed


class FieldReader:
    """Reads the fields of one layout: struct takes the bytes apart, converters do the rest.

    ``names`` are the fields in the order of the table, or those of them that are wanted.
    """

    __slots__ = ("_converts", "_unpack", "names")

    def __init__(self, layout: Profile, *wanted: str) -> None:
        read = [at for at in layout.fields if not wanted or at.name in wanted]
        # x is struct's code of a byte that is passed over.
        codes = [_struct_code(at) if at in read else f"{at.width}x" for at in layout.fields]
        self.names = tuple(at.name for at in read)
        self._unpack = struct.Struct("<" + "".join(codes)).unpack_from
        converts = [(index, _converter(layout, at)) for index, at in enumerate(read)]
        self._converts = [(index, convert) for index, convert in converts if convert is not None]

    def read(self, payload: bytes) -> list[Any]:
        """Return the value of each field, in order; the payload has all signed bytes."""
        row: list[Any] = list(self._unpack(payload))
        for index, convert in self._converts:
            row[index] = convert(row[index])
        return row


def payload_type(profile: str, category: Value, postage: Money) -> PayloadType:
    """Return what an indicium of this rate category is evidence of; only postage shows any.

    >>> payload_type("imi-std/p1", 0xFFFF, Money(0))
    <PayloadType.TEST: 'test'>
    """
    kind = _TYPES.get(category)
    if kind is None:
        return _POSTAGE
    if postage:
        raise IndiciumFormatError(
            Fault.CONTRADICTION, f"{profile}: a {kind.value} imprint shows {postage}, not $0.00"
        )
    return kind


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


def _converter(layout: Profile, at: Field) -> Convert | None:
    """Return what finishes a field that struct found, None where that is the value."""
    kind = at.kind
    if kind is Kind.ASCII:
        return lru_cache(REMEMBERED)(_ascii_converter(layout, at))
    if kind is Kind.DATE:
        return lru_cache(REMEMBERED)(_date_converter(layout, at))
    if kind is Kind.MONEY:
        # Amounts repeat from piece to piece; no register shows the same twice.
        return lru_cache(REMEMBERED)(_money) if at.name == "postage" else _money
    if kind is Kind.ZEROS:
        return _zeros_converter(layout, at)
    is_read = kind is Kind.OPAQUE or (_is_number(at) and at.limit is None)
    return None if is_read else _uint_converter(layout, at)


def _uint_converter(layout: Profile, at: Field) -> Callable[[Any], int]:
    is_number, greatest = _is_number(at), at.greatest

    def convert(found: Any) -> int:
        number: int = found if is_number else _from_bytes(found, "little")
        return number if number <= greatest else _in_range(layout, at, number)

    return convert


def _money(raw: bytes) -> Money:
    return Money(_from_bytes(raw, "little"))


def _date_converter(layout: Profile, at: Field) -> Callable[[int], date | None]:
    assert _is_number(at), f"{layout.name} {at.name}: a date of {at.width} bytes"

    def convert(number: int) -> date | None:
        if number == 0:  # prepaid reply mail shows no date (domain trap 32)
            return None
        try:
            return date(number // 10_000, number // 100 % 100, number % 100)
        except ValueError:
            raise IndiciumFormatError(
                Fault.BAD_DATE, f"{layout.name} {at.name}: {number} is not a date YYYYMMDD"
            ) from None

    return convert


def _ascii_converter(layout: Profile, at: Field) -> Callable[[bytes], str]:
    def convert(raw: bytes) -> str:
        if not (raw.isascii() and (text := raw.decode("ascii")).isprintable()):
            raise IndiciumFormatError(
                Fault.BAD_ASCII, f"{layout.name} {at.name}: {raw.hex()} is not printable ASCII"
            )
        return text

    return convert


def _zeros_converter(layout: Profile, at: Field) -> Callable[[bytes], None]:
    zeros = bytes(at.width)

    def convert(raw: bytes) -> None:
        if raw != zeros:
            raise IndiciumFormatError(
                Fault.NOT_ZERO, f"{layout.name} {at.name}: {raw.hex()} is not zero"
            )

    return convert


_WRITERS: Mapping[Kind, Callable[[Profile, Field, Value], bytes]] = {
    Kind.UINT: _write_uint,
    Kind.MONEY: _write_money,
    Kind.DATE: _write_date,
    Kind.ASCII: _write_ascii,
    Kind.ZEROS: _write_zeros,  # no profile that we write has opaque bytes
}
_STRUCT_CODES: Final = {1: "B", 2: "H", 4: "I"}
_NUMBERS: Final = (Kind.UINT, Kind.DATE)


def _is_number(at: Field) -> bool:
    """Return whether struct reads the field as a number; it knows no integers of 3 or 5 bytes."""
    return at.kind in _NUMBERS and at.width in _STRUCT_CODES


def _struct_code(at: Field) -> str:
    return _STRUCT_CODES[at.width] if _is_number(at) else f"{at.width}s"


# Made once: looking a Kind up hashes an Enum in Python, once a field and payload.
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
