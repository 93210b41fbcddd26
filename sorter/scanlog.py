"""The durable log of scans in SQL: one schema, on SQLite for one machine, on PostgreSQL for many.

`first_scan` has one row for each imprint; its primary key decides between writers who of them was
first. `later_scan` has every other scan of it. No row is ever lost; where a merge finds an earlier
first, the one that stood in its place moves to `later_scan`.
"""

import json
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine, Select, Table, select, tuple_

from service.sql import embedded, failures_as, shared
from sorter.errors import ScanLogError
from sorter.imprints import Key, device_of
from sorter.scans import Answer, Scan
from sorter.scantables import FIRST, LATER, METADATA, PAIRS, Statements, statements

_ROWS_AT_ONCE = 20_000  # in memory, of a reading that may be long


@dataclass(slots=True, unsafe_hash=True)  # and not frozen, for the reason in sorter.scans
class Told:
    """A scan, and what its lane was told of it."""

    key: Final[Key]
    scan: Final[Scan]
    answered: Final[Answer]


class ScanLog:
    """The log behind an engine of `service.sql`. Its tables are made where they are missing.

    Raises:
        ScanLogError: from every method, where the database cannot be read or written. The engine
            then drops its connections: the next call reads what is really there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._what = f"the log of scans {engine.url!r}"
        self._statements = statements(engine.dialect.name)
        self._one_at_a_time = threading.Lock()  # an embedded engine has one connection for all
        with self._named():
            METADATA.create_all(engine)

    @classmethod
    def at(cls, place: str) -> "ScanLog":
        """Return the log in a SQLite file, or of a PostgreSQL database: postgresql://user@host/name.

        Raises:
            ScanLogError: it cannot be opened there, or another program has the file open.
        """
        try:
            return cls(shared(place) if "://" in place else embedded(Path(place)))
        except (ValueError, ImportError) as error:  # no such URL; no driver for it installed
            raise ScanLogError(f"the log of scans {place}: {error}") from error

    @contextmanager
    def begin(self) -> Iterator["Transaction"]:
        """Return one transaction; its rows are durable when the `with` block has ended."""
        with self._one_at_a_time, self._named(), self._engine.begin() as connection:
            yield Transaction(connection, self._statements)

    def imprints(self) -> Iterator[npt.NDArray[np.int64]]:
        """Yield int64[n, 2], the counter and number of every imprint in the log, sorted."""
        for rows in self._pages(FIRST, select(FIRST.c.counter, FIRST.c.number)):
            yield np.fromiter(chain.from_iterable(rows), np.int64, 2 * len(rows)).reshape(-1, 2)

    def told(self, since_us: int | None = None, site: str | None = None) -> Iterator[Told]:
        """Yield every scan, or those since a time, or of a site: first scans before later ones.

        A first scan that a merge moves meanwhile is met again; none is missed.
        """
        for table in (FIRST, LATER):
            wanted = select(table)
            if since_us is not None:
                wanted = wanted.where(table.c.scanned_us >= since_us)
            if site is not None:
                wanted = wanted.where(table.c.site == site)
            for rows in self._pages(table, wanted):
                yield from map(_told, rows)

    def pairs(self) -> Iterator[tuple[Told, Told]]:
        """Yield every later scan and its first."""
        return self._pairs(PAIRS)

    def clones(self) -> Iterator[tuple[Scan, Scan]]:
        """Yield the first scan and a later one of other content, for each such later scan."""
        for later, first in self._pairs(PAIRS.where(LATER.c.digest != FIRST.c.digest)):
            yield first.scan, later.scan

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    def _pairs(self, wanted: Select[Any]) -> Iterator[tuple[Told, Told]]:
        width = len(LATER.c)
        for rows in self._pages(LATER, wanted):
            yield from ((_told(row[:width]), _told(row[width:])) for row in rows)

    def _pages(self, table: Table, wanted: Select[Any]) -> Iterator[Sequence[Any]]:
        """Yield rows in the order of a table's primary key, which they begin with, by parts.

        Each part is a transaction of its own, so that lanes go on meanwhile.
        """
        key = tuple_(*table.primary_key.columns)
        page = wanted.order_by(*table.primary_key.columns).limit(_ROWS_AT_ONCE)
        rows: Sequence[Any] = ()
        while True:
            with self.begin() as log:
                rows = log.rows(page.where(key > rows[-1][: len(key)]) if rows else page)
            if not rows:
                return
            yield rows

    def _named(self) -> AbstractContextManager[None]:
        return failures_as(ScanLogError, self._what, disposing=self._engine)


class Transaction:
    """What one group of scans asks of the log and adds to it."""

    def __init__(self, connection: Connection, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements

    def firsts(self, keys: Iterable[Key], *, for_update: bool = False) -> dict[Key, Told]:
        """Return the first scan of each key that has one; others may be kept from changing it."""
        of = self._statements.of_for_update if for_update else self._statements.of[FIRST]
        return {told.key: told for told in self._of(of, keys)}

    def laters(self, keys: Iterable[Key]) -> dict[Key, list[Told]]:
        """Return the later scans of each key that has some."""
        found: dict[Key, list[Told]] = {}
        for told in self._of(self._statements.of[LATER], keys):
            found.setdefault(told.key, []).append(told)
        return found

    def add_fresh(self, scans: Mapping[Key, Scan]) -> bool:
        """Add scans told FIRST of keys that have none; return whether that was so of all."""
        rows = [_row(key, scan, "FIRST") for key, scan in scans.items()]
        return self._write(self._statements.add[FIRST], rows) == len(rows)

    def add_firsts(self, told: Iterable[Told]) -> bool:
        """Add first scans, whatever they were told, as ``add_fresh`` does."""
        rows = _rows(told)
        return self._write(self._statements.add[FIRST], rows) == len(rows)

    def add_laters(self, told: Iterable[Told]) -> None:
        """Add later scans; those that are there stay as they are."""
        self._write(self._statements.add[LATER], _rows(told))

    def replace_firsts(self, told: Iterable[Told]) -> None:
        """Put these first scans in the place of those of their keys."""
        self._write(self._statements.replace_first, _rows(told))

    def _write(self, statement: str, rows: list[tuple[object, ...]]) -> int:
        """Return how many rows were written."""
        if not rows:
            return 0
        # In order of key: programs that meet on several rows then wait for each other in one order.
        rows.sort()
        return self._connection.exec_driver_sql(statement, rows).rowcount

    def rows(self, wanted: Select[Any]) -> Sequence[Any]:
        """Return the rows of a statement."""
        return self._connection.execute(wanted).all()

    def _of(self, statement: str, keys: Iterable[Key]) -> Iterable[Told]:
        pairs = list(keys)
        if not pairs:
            return ()
        return map(_told, self._connection.exec_driver_sql(statement, (json.dumps(pairs),)).all())


def _row(key: Key, scan: Scan, answered: str) -> tuple[object, ...]:
    """Return the values of a scan in the order of the columns."""
    counter, number = key
    return (
        counter,
        number,
        scan.site,
        scan.lane,
        scan.pass_number,
        scan.image_id,
        scan.piece_id,
        scan.digest,
        scan.scanned_us,
        answered,
        scan.ascending_mills,
    )


def _rows(told: Iterable[Told]) -> list[tuple[object, ...]]:
    return [_row(one.key, one.scan, one.answered.name) for one in told]


def _told(row: Any) -> Told:
    counter, number, site, lane, passed, image, piece, digest, scanned, answered, ascending = row
    vendor_model, serial, series = device_of(counter)
    scan = Scan(
        vendor_model=vendor_model,
        serial=serial,
        series=series,
        count=number,
        site=site,
        lane=lane,
        pass_number=passed,
        image_id=image,
        piece_id=piece,
        digest=bytes(digest),
        ascending_mills=ascending,
        scanned_us=scanned,
    )
    return Told((counter, number), scan, Answer[answered])
