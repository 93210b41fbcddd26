"""The embedded SQL engine: SQLite, one writer, nothing acknowledged before it is on disk."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
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
