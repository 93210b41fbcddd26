"""How one field of a message stands in bytes: little-endian, one form for each value.

A message class names its fields in order with the types below; that list is its field table.
Every kind writes a value in exactly one way and reads no other, so bytes that were taken apart
give the same bytes when they are put together again.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import Annotated, Any, Final, NoReturn, Protocol

from postage.errors import MessageFault, MessageFormatError, RegisterViolation
from postage.money import Money
from postage.registers import Registers

DIGEST_BYTES: Final = 32  # SHA-256
SEALED_RECORD_BYTES: Final = 512
MAX_RECORDS: Final = 128
"""Journal records in one upload: 64 KiB, a second of a 512 kbit/s line."""
MAX_AGREEMENT_BYTES: Final = 200
MAX_EDITION_CHARACTERS: Final = 40


class Wire(Protocol):
    """One kind of field. `name` says in errors which field of which message it is."""

    @property
    def meaning(self) -> str:
        """Return what the bytes are, in words."""

    def write(self, name: str, value: Any) -> bytes:
        """Return the value's bytes; MessageFormatError where the field cannot hold it."""

    def read(self, name: str, data: bytes, at: int) -> tuple[Any, int]:
        """Return the value that stands at an offset, and the offset behind it."""


@dataclass(frozen=True)
class Uint:
    """A number of `width` bytes."""

    width: int

    @property
    def meaning(self) -> str:
        """Return the width in words."""
        return f"unsigned integer, {self.width} bytes"

    def write(self, name: str, value: object) -> bytes:
        """Return the number's bytes."""
        if type(value) is not int:
            _wrong_type(name, "a whole number", value)
        if not 0 <= value < 256**self.width:
            raise MessageFormatError(
                MessageFault.FIELD_RANGE,
                f"{name} is {value}; it holds 0 to {256**self.width - 1}",
            )
        return value.to_bytes(self.width, "little")

    def read(self, name: str, data: bytes, at: int) -> tuple[int, int]:
        """Return the number."""
        raw, end = _take(name, data, at, self.width)
        return int.from_bytes(raw, "little"), end


@dataclass(frozen=True)
class Mills:
    """An amount in five bytes, as a register has them."""

    meaning = "mills, 5 bytes"

    def write(self, name: str, value: object) -> bytes:
        """Return the amount's bytes."""
        if not isinstance(value, Money):
            _wrong_type(name, "Money", value)
        return _MILLS.write(name, value.mills)

    def read(self, name: str, data: bytes, at: int) -> tuple[Money, int]:
        """Return the amount."""
        mills, end = _MILLS.read(name, data, at)
        return Money(mills), end


@dataclass(frozen=True)
class RegisterBlock:
    """Ascending, descending, control total and piece count, 19 bytes; they must add up."""

    meaning = "ascending, descending, control total (5 bytes each), piece count (4 bytes)"

    def write(self, name: str, value: object) -> bytes:
        """Return the registers' bytes."""
        if not isinstance(value, Registers):
            _wrong_type(name, "Registers", value)
        amounts = value.ascending, value.descending, value.control_total
        count = value.piece_count.to_bytes(4, "little")
        return b"".join(amount.mills.to_bytes(5, "little") for amount in amounts) + count

    def read(self, name: str, data: bytes, at: int) -> tuple[Registers, int]:
        """Return the registers."""
        raw, end = _take(name, data, at, 19)
        *amounts, count = (
            int.from_bytes(raw[start:stop], "little")
            for start, stop in ((0, 5), (5, 10), (10, 15), (15, 19))
        )
        ascending, descending, total = map(Money, amounts)
        try:
            registers = Registers(
                ascending=ascending,
                descending=descending,
                control_total=total,
                piece_count=count,
            )
        except RegisterViolation as broken:
            raise MessageFormatError(MessageFault.CONTRADICTION, f"{name}: {broken}") from None
        return registers, end


@dataclass(frozen=True)
class Fixed:
    """Exactly `length` bytes."""

    length: int

    @property
    def meaning(self) -> str:
        """Return the length in words."""
        return f"{self.length} bytes"

    def write(self, name: str, value: object) -> bytes:
        """Return the bytes."""
        if not isinstance(value, bytes):
            _wrong_type(name, "bytes", value)
        if len(value) != self.length:
            raise MessageFormatError(
                MessageFault.WRONG_LENGTH, f"{name} has {len(value)} bytes, not {self.length}"
            )
        return value

    def read(self, name: str, data: bytes, at: int) -> tuple[bytes, int]:
        """Return the bytes."""
        return _take(name, data, at, self.length)


@dataclass(frozen=True)
class Counted:
    """Bytes in units of `unit`, at most `most` units, behind their number in two bytes."""

    unit: int
    most: int

    @property
    def meaning(self) -> str:
        """Return unit and limit in words."""
        size = "" if self.unit == 1 else f" of {self.unit} bytes"
        return f"count (2 bytes), then up to {self.most} units{size}"

    def write(self, name: str, value: object) -> bytes:
        """Return count and bytes."""
        if not isinstance(value, bytes):
            _wrong_type(name, "bytes", value)
        count, rest = divmod(len(value), self.unit)
        if rest:
            raise MessageFormatError(
                MessageFault.WRONG_LENGTH,
                f"{name} has {len(value)} bytes, no multiple of {self.unit}",
            )
        self._demand(name, count)
        return count.to_bytes(2, "little") + value

    def read(self, name: str, data: bytes, at: int) -> tuple[bytes, int]:
        """Return the bytes."""
        raw, at = _take(name, data, at, 2)
        count = int.from_bytes(raw, "little")
        self._demand(name, count)
        return _take(name, data, at, count * self.unit)

    def _demand(self, name: str, count: int) -> None:
        if count > self.most:
            raise MessageFormatError(
                MessageFault.WRONG_LENGTH, f"{name} has {count} units; it holds {self.most}"
            )


@dataclass(frozen=True)
class Text:
    """Printable ASCII behind its length in two bytes; one character at least, or `shortest`."""

    longest: int
    shortest: int = 1

    @property
    def meaning(self) -> str:
        """Return the limit in words."""
        return f"count (2 bytes), then {self._limits} printable ASCII characters"

    @property
    def _limits(self) -> str:
        return f"{self.shortest} to {self.longest}"

    def write(self, name: str, value: object) -> bytes:
        """Return length and characters."""
        if not isinstance(value, str):
            _wrong_type(name, "str", value)
        self._demand(name, value)
        return Counted(1, self.longest).write(name, value.encode("ascii"))

    def read(self, name: str, data: bytes, at: int) -> tuple[str, int]:
        """Return the characters."""
        raw, end = Counted(1, self.longest).read(name, data, at)
        text = raw.decode("latin-1")
        self._demand(name, text)
        return text, end

    def _demand(self, name: str, text: str) -> None:
        if len(text) < self.shortest or not (text.isascii() and text.isprintable()):
            raise MessageFormatError(
                MessageFault.BAD_TEXT,
                f"{name}: {text!r} is not {self._limits} printable ASCII characters",
            )


@dataclass(frozen=True)
class Day:
    """A date as the decimal number YYYYMMDD in four bytes, as in an indicium."""

    meaning = "date as the decimal number YYYYMMDD, 4 bytes"

    def write(self, name: str, value: object) -> bytes:
        """Return the date's bytes."""
        # A datetime is a date to Python, but whose midnight would it mean?
        if not isinstance(value, date) or isinstance(value, datetime):
            _wrong_type(name, "a date", value)
        return (value.year * 10_000 + value.month * 100 + value.day).to_bytes(4, "little")

    def read(self, name: str, data: bytes, at: int) -> tuple[date, int]:
        """Return the date."""
        raw, end = _take(name, data, at, 4)
        number = int.from_bytes(raw, "little")
        try:
            return date(number // 10_000, number // 100 % 100, number % 100), end
        except ValueError:
            raise MessageFormatError(
                MessageFault.BAD_DATE, f"{name}: {number} is not a date YYYYMMDD"
            ) from None


@dataclass(frozen=True)
class Choice:
    """One byte of a closed list."""

    kinds: type[IntEnum]

    @property
    def meaning(self) -> str:
        """Return the list in words."""
        return "1 byte: " + ", ".join(f"{kind.value} {kind.name}" for kind in self.kinds)

    def write(self, name: str, value: object) -> bytes:
        """Return the byte."""
        if not isinstance(value, self.kinds):
            _wrong_type(name, self.kinds.__name__, value)
        return bytes([value])

    def read(self, name: str, data: bytes, at: int) -> tuple[IntEnum, int]:
        """Return the member of the list."""
        raw, end = _take(name, data, at, 1)
        try:
            return self.kinds(raw[0]), end
        except ValueError:
            raise MessageFormatError(
                MessageFault.UNKNOWN_VALUE, f"{name} is {raw[0]}, which says nothing"
            ) from None


U64 = Annotated[int, Uint(8)]
Amount = Annotated[Money, Mills()]
RegisterSet = Annotated[Registers, RegisterBlock()]
Digest = Annotated[bytes, Fixed(DIGEST_BYTES)]
SealedRecords = Annotated[bytes, Counted(SEALED_RECORD_BYTES, MAX_RECORDS)]
Agreement = Annotated[bytes, Counted(1, MAX_AGREEMENT_BYTES)]
EditionName = Annotated[str, Text(MAX_EDITION_CHARACTERS)]
EffectiveDay = Annotated[date, Day()]

_MILLS = Uint(5)


def _take(name: str, data: bytes, at: int, length: int) -> tuple[bytes, int]:
    end = at + length
    if end > len(data):
        raise MessageFormatError(
            MessageFault.TRUNCATED, f"{name} ends at byte {end}; the message has {len(data)}"
        )
    return data[at:end], end


def _wrong_type(name: str, held: str, value: object) -> NoReturn:
    raise MessageFormatError(
        MessageFault.FIELD_TYPE, f"{name} holds {held}, not {type(value).__name__}"
    )
