"""The durable log of scans in SQL: one schema, on SQLite for one machine, on PostgreSQL for many.

`first_scan` has one row for each imprint; its primary key decides between writers who of them was
first. `later_scan` has every other scan of it. No row is ever lost; where a merge finds an earlier
first, the one that stood in its place moves to `later_scan`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, starmap
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    bindparam,
    select,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

from sorter.errors import ScanLogError
from sorter.imprints import NAME_LIMIT, Key, device_of, key_of, series_of
from sorter.scans import Answer, Scan

_KEY = ("counter", "number")
_IDENTITY = (*_KEY, "site", "lane", "pass_number", "image_id", "piece_id", "digest")
_INSERT: dict[str, Callable[[Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_KEYS_AT_ONCE = 500  # of one SELECT
_ROWS_AT_ONCE = 20_000  # in memory, of a reading that may be long


def _columns(primary_key: Collection[str]) -> list[Column[Any]]:
    columns: list[Column[Any]] = [
        Column("counter", BigInteger),  # device and series, packed: sorter.imprints.Key
        Column("number", BigInteger),
        Column("site", String(NAME_LIMIT)),
        Column("lane", BigInteger),
        Column("pass_number", BigInteger),
        Column("image_id", String(NAME_LIMIT)),
        Column("piece_id", String(NAME_LIMIT)),
        Column("digest", LargeBinary),
        Column("ascending_mills", BigInteger),
        Column("scanned_us", BigInteger),
        Column("answered", String(9)),  # the name of a sorter.scans.Answer
    ]
    for column in columns:
        column.nullable = False
        column.primary_key = column.name in primary_key
    return columns


_METADATA = MetaData()
_FIRST = Table("first_scan", _METADATA, *_columns(_KEY), sqlite_with_rowid=False)
_LATER = Table("later_scan", _METADATA, *_columns(_IDENTITY), sqlite_with_rowid=False)


@dataclass(frozen=True, slots=True)
class Told:
    """A scan, and what its lane was told of it."""

    scan: Scan
    answered: Answer


class ScanLog:
    """The log behind an engine of `service.sql`. Its tables are made where they are missing.

    Raises:
        ScanLogError: from every method, where the database cannot be read or written. The engine
            then drops its connections: the next call reads what is really there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with self._named():
            _METADATA.create_all(engine)

    @contextmanager
    def begin(self) -> Iterator["Transaction"]:
        """Return one transaction; its rows are durable when the `with` block has ended."""
        with self._named(), self._engine.begin() as connection:
            yield Transaction(connection)

    def imprints(self) -> Iterator[list[Key]]:
        """Yield the name of every imprint in the log, many at once, sorted."""
        wanted = select(_FIRST.c.counter, _FIRST.c.number)
        for rows in self._read(wanted.order_by(*wanted.selected_columns)):
            yield list(starmap(Key, rows))

    def told(self, since_us: int = 0) -> Iterator[Told]:
        """Yield every scan that was made since then, those of `first_scan` first."""
        for table in (_FIRST, _LATER):
            for rows in self._read(select(table).where(table.c.scanned_us >= since_us)):
                yield from map(_told, rows)

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    def _read(self, wanted: Select[Any]) -> Iterator[Sequence[Any]]:
        with self._named(), self._engine.connect() as connection:
            streamed = connection.execution_options(yield_per=_ROWS_AT_ONCE)
            yield from streamed.execute(wanted).partitions()

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            self._engine.dispose()
            raise ScanLogError(f"the log of scans {self._engine.url!r}: {error.orig}") from error


class Transaction:
    """What one group of scans asks of the log and adds to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._insert = _INSERT[connection.dialect.name]

    def firsts(self, keys: Iterable[Key]) -> dict[Key, Told]:
        """Return the first scan of each key that has one."""
        return dict(self._of(_FIRST, keys))

    def laters(self, keys: Iterable[Key]) -> dict[Key, list[Told]]:
        """Return the later scans of each key that has some."""
        found: dict[Key, list[Told]] = {}
        for key, told in self._of(_LATER, keys):
            found.setdefault(key, []).append(told)
        return found

    def add_firsts(self, scans: Collection[Told]) -> bool:
        """Add first scans of keys that have none; return whether that was so of all of them."""
        return self._add(_FIRST, scans) == len(scans)

    def add_laters(self, scans: Collection[Told]) -> None:
        """Add later scans; those that are there stay as they are."""
        self._add(_LATER, scans)

    def replace_firsts(self, scans: Collection[Told]) -> None:
        """Put these first scans in the place of those of their keys."""
        if scans:
            upsert = self._insert(_FIRST)
            others = {c.name: upsert.excluded[c.name] for c in _FIRST.c if c.name not in _KEY}
            replacing = upsert.on_conflict_do_update(index_elements=_KEY, set_=others)
            self._connection.execute(replacing, _rows(scans))

    def _add(self, table: Table, scans: Collection[Told]) -> int:
        if not scans:
            return 0
        insert = self._insert(table).on_conflict_do_nothing()
        return self._connection.execute(insert, _rows(scans)).rowcount

    def _of(self, table: Table, keys: Iterable[Key]) -> Iterator[tuple[Key, Told]]:
        rest = iter(keys)
        while part := list(islice(rest, _KEYS_AT_ONCE)):
            for row in self._connection.execute(_OF[table], {"keys": part}):
                yield Key(row[0], row[1]), _told(row)


_OF = {
    table: select(table).where(
        tuple_(table.c.counter, table.c.number).in_(bindparam("keys", expanding=True))
    )
    for table in (_FIRST, _LATER)
}


def _rows(scans: Iterable[Told]) -> list[dict[str, object]]:
    # In order of key: writers that meet on several keys then wait for each other in one order.
    rows = [(key_of(told.scan), told.scan, told.answered) for told in scans]
    return [
        {
            "counter": key.counter,
            "number": key.number,
            "site": scan.site,
            "lane": scan.lane,
            "pass_number": scan.pass_number,
            "image_id": scan.image_id,
            "piece_id": scan.piece_id,
            "digest": scan.digest,
            "ascending_mills": scan.ascending_mills,
            "scanned_us": scan.scanned_us,
            "answered": answered.name,
        }
        for key, scan, answered in sorted(rows, key=lambda row: row[0])
    ]


def _told(row: Any) -> Told:
    key = Key(row[0], row[1])
    vendor_model, serial = device_of(key)
    scan = Scan(
        vendor_model=vendor_model,
        serial=serial,
        series=series_of(key),
        count=key.number,
        site=row[2],
        lane=row[3],
        pass_number=row[4],
        image_id=row[5],
        piece_id=row[6],
        digest=bytes(row[7]),
        ascending_mills=row[8],
        scanned_us=row[9],
    )
    return Told(scan, Answer[row[10]])
