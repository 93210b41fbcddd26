"""The machine's own list of pieces: for screens and reports. It holds no money.

The journal of the meter is the truth about postage; this list says what happened on the belt, also
to pieces that were never paid. Without it no mill is lost, but a run cannot go on.
"""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select

from pipeline.devices import HeadReport
from pipeline.errors import MachineError
from pipeline.pieces import Reason, fate
from pipeline.state import Outcome
from service.sql import embedded, failures_as

INSPECTED, GRAPHIC = "inspected", "graphic"
"""Outcomes of pieces that stay on the belt: with an indicium that was read, and without postage."""
METADATA = MetaData()
PIECES = Table(
    "piece",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("outcome", String, nullable=False),  # INSPECTED, GRAPHIC or a divert reason
    Column("detail", String, nullable=False),
    Column("department", Integer, nullable=False),
    Column("shape", String),
    Column("weight_milliounces", Integer),
    Column("postage_mills", Integer),
    Column("edition", String),
    Column("sequence", Integer),  # of the debit in the meter's journal
    Column("payload", String),
    Column("columns_fired", Integer),  # by the head's own counter
    Column("columns_wanted", Integer),
    Column("picture", String),
)


@dataclass(frozen=True, slots=True)
class PieceRow:
    """One piece as the list keeps it."""

    number: int
    outcome: str
    detail: str
    department: int
    shape: str | None = None
    weight_milliounces: int | None = None
    postage_mills: int | None = None
    edition: str | None = None
    sequence: int | None = None
    payload: str | None = None
    columns_fired: int | None = None
    columns_wanted: int | None = None
    picture: str | None = None


class PieceLog:
    """Rows of pieces in one SQLite file, durable a batch at a time; by default each at once."""

    def __init__(self, path: Path, batch: int = 1) -> None:
        self._path = path
        self._engine = embedded(path)
        with self._named():
            METADATA.create_all(self._engine)
        self._waiting: list[PieceRow] = []
        self._batch = batch

    def add(self, row: PieceRow) -> None:
        """Keep a row; it is durable with its batch, or at `flush`."""
        self._waiting.append(row)
        if len(self._waiting) >= self._batch:
            self.flush()

    def flush(self) -> None:
        """Write what is waiting, in one transaction."""
        if not self._waiting:
            return
        names = PIECES.columns.keys()
        with self._named(), self._engine.begin() as connection:
            connection.execute(
                insert(PIECES).prefix_with("OR REPLACE"),
                [{name: getattr(row, name) for name in names} for row in self._waiting],
            )
        self._waiting.clear()

    def last_number(self) -> int:
        """Return the highest piece number that is durable, 0 for none."""
        with self._named(), self._engine.connect() as connection:
            return connection.execute(select(func.max(PIECES.c.number))).scalar() or 0

    def last_sequence(self) -> int:
        """Return the highest journal sequence of a durable piece, 0 for none."""
        with self._named(), self._engine.connect() as connection:
            return connection.execute(select(func.max(PIECES.c.sequence))).scalar() or 0

    def rows(self) -> list[PieceRow]:
        """Return every durable piece in order."""
        with self._named(), self._engine.connect() as connection:
            return [
                PieceRow(**row._mapping)
                for row in connection.execute(select(PIECES).order_by(PIECES.c.number))
            ]

    def heads(self) -> dict[int, HeadReport]:
        """Return the head's counts of the paid pieces that were diverted, by debit record."""
        wanted = select(PIECES.c.sequence, PIECES.c.columns_fired, PIECES.c.columns_wanted).where(
            PIECES.c.sequence.is_not(None),
            PIECES.c.columns_wanted.is_not(None),
            PIECES.c.outcome != INSPECTED,
        )
        with self._named(), self._engine.connect() as connection:
            found = connection.execute(wanted)
            return {sequence: HeadReport(*columns) for sequence, *columns in found}

    def outcomes(self, sequences: Collection[int]) -> dict[int, Outcome]:
        """Return by debit record what the meter is told of pieces that left the belt paid."""
        found = select(PIECES.c.sequence, PIECES.c.outcome).where(PIECES.c.sequence.in_(sequences))
        with self._named(), self._engine.connect() as connection:
            rows = [*connection.execute(found)]
        known = {reason.value for reason in Reason}
        return {
            sequence: fate(Reason(outcome) if outcome in known else None)
            for sequence, outcome in rows
            if outcome in known or outcome == INSPECTED
        }

    def _named(self) -> AbstractContextManager[None]:
        return failures_as(MachineError, f"the list of pieces {self._path}")

    def close(self) -> None:
        """Write what is waiting and let the file go."""
        self.flush()
        self._engine.dispose()
