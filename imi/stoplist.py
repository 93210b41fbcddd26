"""`imi sorter stoplist`: which devices a history of scans shows to be cloned."""

import json
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from service.sql import embedded, shared
from sorter.errors import ScanLogError
from sorter.register import Register
from sorter.scanlog import ScanLog
from sorter.stoplist import StopList, as_rows


def tell_stop_list(history: str, register: Register | None, *, as_json: bool) -> int:
    """Print the devices of a history's stop list; return 0 where there is none, else 1.

    ``history`` is a SQLite file of scans or the URL of a PostgreSQL database.

    Raises:
        ScanLogError: there is no such history, or another program has the file open.
    """
    log = _opened(history)
    try:
        rows = as_rows(StopList(log.clones()).devices(), register)
    finally:
        log.close()
    if as_json:
        typer.echo(json.dumps({"devices": rows}, indent=1))
    elif rows:
        Console().print(_table(rows))
    else:
        typer.echo("no device has signed a count twice")
    return 1 if rows else 0


def _opened(history: str) -> ScanLog:
    if "://" in history:
        try:
            return ScanLog(shared(history))
        except ValueError as error:
            raise ScanLogError(f"{history}: {error}") from None
    path = Path(history)
    if not path.is_file():
        raise ScanLogError(f"{path} is no file of scans, nor the URL of a database")
    return ScanLog(embedded(path))


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table("device", "counts", "count")
    for name in ("first seen", "seen otherwise"):
        table.add_column(name, overflow="fold")
    for row in rows:
        device = "\n".join(filter(None, (row["device"], row["provider"], row["status"])))
        count = f"{row['series']}\n{row['count']}"
        table.add_row(device, str(row["counts"]), count, _said(row["first"]), _said(row["other"]))
    return table


def _said(scan: dict[str, Any]) -> str:
    place = f"site {scan['site'] or '-'}, lane {scan['lane']}"
    return f"{scan['when']}\n{place}\npiece {scan['piece'] or '-'}"
