"""The SQL engines: SQLite of one writer, PostgreSQL of many. What is committed is on disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool


def embedded(path: Path) -> Engine:
    """Return an engine on one SQLite file, with one connection that owns it.

    WAL with `synchronous=FULL` loses no acknowledged row at a power cut. The exclusive lock is
    taken before the first access: the WAL-reset bug of SQLite 3.7.0 to 3.51.2 needs a second
    connection. A second engine on the same file is therefore refused by SQLite itself
    ("database is locked").
    """
    engine = create_engine(f"sqlite:///{path}", poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in (
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "cell_size_check=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def shared(url: str) -> Engine:
    """Return an engine on a PostgreSQL database, for programs that write and read at once.

    ``url`` is libpq's ("postgresql://user@host/name"); psycopg 3 speaks to it. A commit is on the
    server's disk when it returns, whatever the database's own default is. Raises ValueError for
    what is no such URL.

    >>> shared("postgresql://sorter@db/scans").dialect.driver
    'psycopg'
    """
    try:
        place = make_url(url)
    except ArgumentError as error:
        raise ValueError(str(error)) from None
    if place.get_backend_name() != "postgresql":
        raise ValueError(f"{place.drivername} is not postgresql")
    return create_engine(
        place.set(drivername="postgresql+psycopg"),
        connect_args={"options": "-c synchronous_commit=on"},
    )


@contextmanager
def failures_as(
    kind: type[Exception], what: str, *, disposing: Engine | None = None
) -> Iterator[None]:
    """Raise what the database cannot do as the caller's kind of error, which names the store.

    With ``disposing`` its connections are dropped: the next call reads what is really there.

    >>> from sqlalchemy import text
    >>> with failures_as(OSError, "the list"), create_engine("sqlite://").begin() as connection:
    ...     connection.execute(text("SELECT * FROM pieces"))
    Traceback (most recent call last):
    OSError: the list: no such table: pieces
    """
    try:
        yield
    except DBAPIError as error:
        if disposing is not None:
            disposing.dispose()
        raise kind(f"{what}: {error.orig}") from error
