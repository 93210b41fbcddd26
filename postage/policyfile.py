"""Records of a policy file (TOML) as frozen dataclasses, every value checked against its field."""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from postage.errors import PolicyError

_R = TypeVar("_R")


def read_records(path: Path, table: str, kind: type[_R]) -> list[_R]:
    """Return the records of a file's `[[table]]`, each as a `kind`; a string becomes its enum.

    Fields may be str, int, date, a StrEnum, a tuple of one of these (a TOML list), or one of these
    or None. A field without a default must be given, and no other name may.

    Raises:
        PolicyError: the file cannot be read, or a record is not a `kind`; the message names both.

    >>> from postage.contactrule import RULES, ContactRule
    >>> read_records(RULES, "rule", ContactRule)[0].name
    'us-imi'
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get(table)
    except (OSError, ValueError) as error:
        raise PolicyError(f"{path.name}: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise PolicyError(f"{path.name}: no [[{table}]]")
    return [
        _record(f"{path.name}, {table} {entry.get('name')!r}", entry, kind) for entry in entries
    ]


def _record(where: str, entry: Mapping[str, object], kind: type[_R]) -> _R:
    known = {at.name: at for at in fields(kind)}  # type: ignore[arg-type]  # a dataclass
    if unknown := sorted(entry.keys() - known.keys()):
        raise PolicyError(f"{where}: {', '.join(unknown)} is not a field")
    needed = {name for name, at in known.items() if at.default is MISSING}
    if missing := sorted(needed - entry.keys()):
        raise PolicyError(f"{where}: does not say {', '.join(missing)}")
    hints = get_type_hints(kind)
    try:
        return kind(**{name: _value(name, value, hints[name]) for name, value in entry.items()})
    except ValueError as error:
        raise PolicyError(f"{where}: {error}") from None


def _value(name: str, value: object, kind: Any) -> object:
    if isinstance(kind, UnionType):
        [kind] = [part for part in get_args(kind) if part is not type(None)]
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{name} is not a list")
        return tuple(_value(name, item, get_args(kind)[0]) for item in value)
    if issubclass(kind, StrEnum) and isinstance(value, str):
        if value not in set(kind):
            raise ValueError(f"{name} is {value!r}; one of {', '.join(kind)}")
        return kind(value)
    # Exact types: a bool is an int to Python, and a moment is a date.
    if type(value) is not kind or isinstance(value, datetime):
        said = {date: "a date", int: "a whole number", str: "text"}.get(kind, kind.__name__)
        raise ValueError(f"{name} is {value!r}, not {said}")
    return value
