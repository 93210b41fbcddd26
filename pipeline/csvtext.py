"""CSV as RFC 4180 has it, for spreadsheets that cannot be trusted and people who use them.

Reading takes UTF-8 with or without a byte order mark and says where a cell stands. Writing makes
cells harmless that a spreadsheet would run as a formula (OWASP, CSV injection), and reading undoes
exactly that.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Final

from pipeline.errors import MachineError

MAX_BYTES: Final = 1 << 20
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")
_UNFORMULA = re.compile(r"'+[=+\-@\t\r＝＋－＠]")
_SHOWN = 40  # characters of a bad value in a message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file: where, what stands there, and what may."""

    line: int  # counted from 1, the header; 0: the whole file
    column: str
    value: str
    limit: str

    def __str__(self) -> str:
        shown = self.value if len(self.value) <= _SHOWN else self.value[:_SHOWN] + "..."
        where = f"line {self.line}" if self.line else "the file"
        column = f", {self.column}" if self.column else ""
        return f"{where}{column}: {shown!r}; {self.limit}"


class BadCsv(MachineError, ValueError):
    """A file of which nothing was taken, with everything that is wrong in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Row:
    """One record: the line it begins on, and its cells."""

    line: int
    cells: tuple[str, ...]


def read_csv(data: bytes, *, max_rows: int) -> list[Row]:
    r"""Return the records of a file, the header among them, blank lines left out.

    Raises:
        BadCsv: too long, not UTF-8, a quote that never ends, more than `max_rows` after the header.

    >>> read_csv(b'number,name\r\n7,"Mail, room"\r\n', max_rows=10)[1]
    Row(line=2, cells=('7', 'Mail, room'))
    """
    if len(data) > MAX_BYTES:
        limit = f"the limit is {MAX_BYTES} bytes"
        raise BadCsv([Problem(0, "", f"{len(data)} bytes or more", limit)])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        value = data[error.start : error.start + 4].hex(" ")
        limit = f"not UTF-8 at byte {error.start}; save the file as CSV UTF-8"
        raise BadCsv([Problem(line, "", value, limit)]) from error
    rows: list[Row] = []
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    first = 1
    try:
        for cells in reader:
            if any(cells):
                rows.append(Row(first, tuple(map(harmful, cells))))
            if len(rows) > max_rows + 1:
                limit = f"more than {max_rows} rows after the header"
                raise BadCsv([Problem(first, "", ",".join(cells), limit)])
            first = reader.line_num + 1
    except csv.Error as error:
        raise BadCsv([Problem(first, "", "", f"not CSV (RFC 4180): {error}")]) from error
    return rows


def read_file(path: Path) -> bytes:
    """Return a file's bytes, no more than it takes to refuse it as too long; OSError as `open`."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def write_csv(rows: Iterable[Sequence[object]]) -> bytes:
    r"""Return the file: UTF-8 with a byte order mark, as spreadsheets want it, lines end in CRLF.

    >>> write_csv([("name", "dollars"), ("=1+1", 5)])[3:]
    b"name,dollars\r\n'=1+1,5\r\n"
    """
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([harmless(str(cell)) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def harmless(cell: str) -> str:
    """Return the cell with an apostrophe before what a spreadsheet would run.

    >>> harmless("@SUM(A1)"), harmless("'=x"), harmless("'tis")
    ("'@SUM(A1)", "''=x", "'tis")
    """
    return "'" + cell if _FORMULA.match(cell) else cell


def harmful(cell: str) -> str:
    """Return what `harmless` was given.

    >>> harmful("''=x"), harmful("'tis"), harmful("=x")
    ("'=x", "'tis", '=x')
    """
    return cell[1:] if _UNFORMULA.match(cell) else cell
