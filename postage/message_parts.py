"""Forms of fields that are made of others: what may be absent, lists, names, records.

Like those of ``postage.message_layouts`` each writes a value in exactly one way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any, Final, get_type_hints

from postage.errors import MessageFault, MessageFormatError
from postage.message_layouts import Text, Uint, Wire

LONGEST_NAME: Final = 40
_BYTE = Uint(1)


@dataclass(frozen=True)
class Sint:
    """A number of `width` bytes that may be below 0, in two's complement."""

    width: int

    @property
    def meaning(self) -> str:
        """Return the width in words."""
        return f"signed integer, {self.width} bytes"

    def write(self, name: str, value: object) -> bytes:
        """Return the number's bytes."""
        half = 256**self.width // 2
        if type(value) is int and not -half <= value < half:
            raise MessageFormatError(
                MessageFault.FIELD_RANGE, f"{name} is {value}; it holds {-half} to {half - 1}"
            )
        return Uint(self.width).write(name, value % (2 * half) if type(value) is int else value)

    def read(self, name: str, data: bytes, at: int) -> tuple[int, int]:
        """Return the number."""
        number, end = Uint(self.width).read(name, data, at)
        return number - (256**self.width if number >= 256**self.width // 2 else 0), end


@dataclass(frozen=True)
class Truth:
    """Yes or no."""

    meaning = "1 byte: 0 no, 1 yes"

    def write(self, name: str, value: object) -> bytes:
        """Return the byte."""
        if type(value) is not bool:
            raise MessageFormatError(
                MessageFault.FIELD_TYPE, f"{name} holds yes or no, not {type(value).__name__}"
            )
        return bytes([value])

    def read(self, name: str, data: bytes, at: int) -> tuple[bool, int]:
        """Return yes or no."""
        number, end = _BYTE.read(name, data, at)
        if number > 1:
            raise MessageFormatError(MessageFault.UNKNOWN_VALUE, f"{name} is {number}, not 0 or 1")
        return bool(number), end


@dataclass(frozen=True)
class Name:
    """A member of a closed list, by its name: a list may grow and be put in another order."""

    kinds: type[Enum]

    @property
    def meaning(self) -> str:
        """Return the list in words."""
        return f"name of a {self.kinds.__name__}: {Text(LONGEST_NAME).meaning}"

    def write(self, name: str, value: object) -> bytes:
        """Return the member's name."""
        if not isinstance(value, self.kinds):
            raise MessageFormatError(
                MessageFault.FIELD_TYPE,
                f"{name} holds {self.kinds.__name__}, not {type(value).__name__}",
            )
        return Text(LONGEST_NAME).write(name, value.name)

    def read(self, name: str, data: bytes, at: int) -> tuple[Enum, int]:
        """Return the member."""
        text, end = Text(LONGEST_NAME).read(name, data, at)
        # An alias is a second name of a member, and bytes have one reading.
        if text not in self.kinds.__members__ or self.kinds[text].name != text:
            raise MessageFormatError(
                MessageFault.UNKNOWN_VALUE, f"{name} is {text!r}, no {self.kinds.__name__}"
            )
        return self.kinds[text], end


@dataclass(frozen=True)
class Maybe:
    """A value that may be absent."""

    form: Wire

    @property
    def meaning(self) -> str:
        """Return the form in words."""
        return f"1 byte: 0 absent, or 1 and then {self.form.meaning}"

    def write(self, name: str, value: object) -> bytes:
        """Return whether there is a value, and it."""
        return b"\0" if value is None else b"\1" + self.form.write(name, value)

    def read(self, name: str, data: bytes, at: int) -> tuple[Any, int]:
        """Return the value, None where it is absent."""
        given, at = Truth().read(f"presence of {name}", data, at)
        return self.form.read(name, data, at) if given else (None, at)


@dataclass(frozen=True)
class Several:
    """At most `most` values of one form, behind their number in one byte."""

    form: Wire
    most: int

    @property
    def meaning(self) -> str:
        """Return form and limit in words."""
        return f"count (1 byte), then up to {self.most} times {self.form.meaning}"

    def write(self, name: str, value: object) -> bytes:
        """Return number and values."""
        if not isinstance(value, tuple):
            raise MessageFormatError(
                MessageFault.FIELD_TYPE, f"{name} holds a tuple, not {type(value).__name__}"
            )
        self._demand(name, len(value))
        return bytes([len(value)]) + b"".join(self.form.write(name, each) for each in value)

    def read(self, name: str, data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
        """Return the values."""
        count, at = _BYTE.read(name, data, at)
        self._demand(name, count)
        values = []
        for _ in range(count):
            value, at = self.form.read(name, data, at)
            values.append(value)
        return tuple(values), at

    def _demand(self, name: str, count: int) -> None:
        if count > self.most:
            raise MessageFormatError(
                MessageFault.WRONG_LENGTH, f"{name} has {count} values; it holds {self.most}"
            )


@dataclass(frozen=True)
class Record:
    """The fields of a dataclass in order, as a message has them; it may refuse contradictions."""

    kind: type

    @property
    def meaning(self) -> str:
        """Return whose fields they are; ``rows_of`` says each."""
        return f"the fields of {self.kind.__name__}"

    def write(self, name: str, value: object) -> bytes:
        """Return the bytes of each field."""
        if not isinstance(value, self.kind):
            raise MessageFormatError(
                MessageFault.FIELD_TYPE,
                f"{name} holds {self.kind.__name__}, not {type(value).__name__}",
            )
        return b"".join(
            form.write(f"{name} {at}", getattr(value, at)) for at, form in forms_of(self.kind)
        )

    def read(self, name: str, data: bytes, at: int) -> tuple[Any, int]:
        """Return the record."""
        values: dict[str, Any] = {}
        for field_name, form in forms_of(self.kind):
            values[field_name], at = form.read(f"{name} {field_name}", data, at)
        return self.kind(**values), at


_FORMS: dict[type, tuple[tuple[str, Wire], ...]] = {}


def forms_of(kind: type) -> tuple[tuple[str, Wire], ...]:
    """Return the name and form of each field of a dataclass, in order.

    >>> from postage.messages import TimeQuery
    >>> [name for name, _ in forms_of(TimeQuery)]
    ['device', 'nonce']
    """
    if kind not in _FORMS:
        hints = get_type_hints(kind, include_extras=True)
        _FORMS[kind] = tuple((at.name, hints[at.name].__metadata__[0]) for at in fields(kind))
    return _FORMS[kind]


def rows_of(kind: type) -> Iterator[tuple[str, str]]:
    """Yield name and meaning of every field, those of a record behind the record's name.

    >>> from postage.discrepancy import Proof
    >>> next(rows_of(Proof))
    ('digest', '32 bytes')
    """
    for name, form in forms_of(kind):
        inside = form.form if isinstance(form, Maybe) else form
        if isinstance(inside, Record):
            if inside is not form:
                yield name, "1 byte: 0 absent, or 1 and then its fields"
            yield from ((f"{name}.{inner}", said) for inner, said in rows_of(inside.kind))
        else:
            yield name, form.meaning
