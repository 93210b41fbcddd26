"""What a printed table is, before anything draws it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its title, its share of the width, and whether it is set to the right."""

    title: str
    share: float
    right: bool = False


@dataclass(frozen=True, slots=True)
class Heading:
    """What every page says: `stamp` is set large behind the text too, where it is not empty."""

    title: str
    lines: tuple[str, ...]
    footer: str
    stamp: str = ""


Facts = Sequence[tuple[str, str]]
