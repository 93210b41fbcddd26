"""Files that a command writes: each appears under its name when it is whole."""

from pathlib import Path
from typing import BinaryIO, TextIO


class Parts:
    """The files of a report while it is written: renamed when whole, removed when not."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._names: list[Path] = []

    def open(self, number: int) -> BinaryIO:
        """Return the file of a volume, counted from 1: NAME, then NAME-2, NAME-3 and so on."""
        return self._part(number).open("wb")

    def open_text(self) -> TextIO:
        """Return the one file, for text."""
        return self._part(1).open("w", encoding="utf-8", newline="")

    def finish(self) -> None:
        """Give every file its name."""
        for name in self._names:
            self._named(name).replace(name)

    def discard(self) -> None:
        """Remove what was not finished."""
        for name in self._names:
            self._named(name).unlink(missing_ok=True)

    def _part(self, number: int) -> Path:
        out = self._out
        name = out if number == 1 else out.with_stem(f"{out.stem}-{number}")
        self._names.append(name)
        return self._named(name)

    @staticmethod
    def _named(name: Path) -> Path:
        return name.with_name(name.name + ".part")
