"""The tables of scans, and the statements on their rows, in the words of SQLite and PostgreSQL."""

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    LargeBinary,
    MetaData,
    Select,
    String,
    Table,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite

from sorter.imprints import NAME_LIMIT


def _table(name: str, keys: int) -> Table:
    """Return a table of scans; its first so many columns are its primary key."""
    columns: list[Column[Any]] = [
        Column("counter", BigInteger),  # device and series, packed: sorter.imprints.Key
        Column("number", BigInteger),
        Column("site", String(NAME_LIMIT)),
        Column("lane", BigInteger),
        Column("pass_number", BigInteger),
        Column("image_id", String(NAME_LIMIT)),
        Column("piece_id", String(NAME_LIMIT)),
        Column("digest", LargeBinary),
        Column("scanned_us", BigInteger),
        Column("answered", String(9)),  # the name of a sorter.scans.Answer
        Column("ascending_mills", BigInteger),
    ]
    for at, column in enumerate(columns):
        column.nullable = False
        column.primary_key = at < keys
    return Table(name, METADATA, *columns, sqlite_with_rowid=False)


METADATA = MetaData()
FIRST = _table("first_scan", keys=2)
LATER = _table("later_scan", keys=10)  # all but what the digest covers: logs unite as sets do
PAIRS = select(LATER, FIRST).join_from(
    LATER,
    FIRST,
    (FIRST.c.counter == LATER.c.counter) & (FIRST.c.number == LATER.c.number),
)


class Statements:
    """The statements for rows, made once: as text, because rows go to the driver as they are."""

    def __init__(self, dialect: str) -> None:
        insert, plain = _DIALECTS[dialect]
        wanted = {table: _of(table, dialect) for table in (FIRST, LATER)}
        self.of = {table: str(each.compile(dialect=plain)) for table, each in wanted.items()}
        locking = wanted[FIRST].with_for_update(of=FIRST)
        self.of_for_update = str(locking.compile(dialect=plain))
        upsert = insert(FIRST)
        others = {c.name: upsert.excluded[c.name] for c in FIRST.c if not c.primary_key}
        replacing = upsert.on_conflict_do_update(index_elements=FIRST.primary_key, set_=others)
        self.replace_first = str(replacing.compile(dialect=plain))
        self.add = {
            table: str(insert(table).on_conflict_do_nothing().compile(dialect=plain))
            for table in (FIRST, LATER)
        }


# The insert that knows of conflicts, and the dialect that names values by their place.
_DIALECTS: dict[str, tuple[Callable[[Table], sqlite.Insert | postgresql.Insert], Dialect]] = {
    "sqlite": (sqlite.insert, sqlite.dialect(paramstyle="qmark")),
    "postgresql": (
        postgresql.insert,
        postgresql.dialect(paramstyle="format"),  # type: ignore[no-untyped-call]
    ),
}
# Keys come as one JSON list of pairs: both databases then look each up by the primary key, where
# SQLite would read the whole table for `(counter, number) IN (...)`.
_WANTED = {
    "sqlite": "SELECT value ->> 0 AS counter, value ->> 1 AS number FROM json_each(:keys)",
    "postgresql": "SELECT (value ->> 0)::bigint AS counter, (value ->> 1)::bigint AS number "
    "FROM json_array_elements(CAST(:keys AS json))",
}


@cache
def statements(dialect: str) -> Statements:
    """Return the statements of "sqlite" or "postgresql"."""
    return Statements(dialect)


def _of(table: Table, dialect: str) -> Select[Any]:
    wanted = text(_WANTED[dialect])
    keys = wanted.columns(counter=BigInteger, number=BigInteger).subquery("wanted")
    same = (table.c.counter == keys.c.counter) & (table.c.number == keys.c.number)
    return select(table).join_from(keys, table, same)
