"""`imi sorter stoplist` and `imi sorter merge`: what scans show, and many as one."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from postage.devices import device_key_id
from sorter.duplicates import DuplicateStore
from sorter.errors import ScanLogError
from sorter.merging import Correction
from sorter.register import Register
from sorter.scanlog import ScanLog, Told
from sorter.scans import scan_as_row
from sorter.stoplist import StopList, as_rows

MOST_LISTED: Final = 40


def tell_stop_list(history: str, register: Register | None, *, as_json: bool) -> int:
    """Print the devices of a history's stop list; return 0 where there is none, else 1.

    ``history`` is a SQLite file of scans or the URL of a PostgreSQL database.

    Raises:
        ScanLogError: there is no such history, or another program has the file open.
    """
    with closing(_existing(history)) as log:
        rows = as_rows(StopList(log.clones()).devices(), register)
    if as_json:
        typer.echo(json.dumps({"devices": rows}, indent=1))
    elif rows:
        Console().print(_table(rows))
    else:
        typer.echo("no device has signed a count twice")
    return 1 if rows else 0


def merge_histories(into: str, others: Sequence[str], *, say_all: bool, as_json: bool) -> int:
    """Take the scans of other histories into one; print the pieces it would tell otherwise now.

    Each is a SQLite file or the URL of a PostgreSQL database; the one that takes them is made where
    it is missing, the others stay as they are. Those of earlier merges are printed with
    ``say_all`` only. Return 0 where none was printed, else 1.

    Raises:
        ScanLogError: a history is missing or cannot be read or written. What was taken stays
            taken, and the same call goes on.
    """
    with ExitStack() as stack:
        logs = [stack.enter_context(closing(_existing(other))) for other in others]
        store = stack.enter_context(closing(DuplicateStore.at(into)))
        found = _merged(store, others, logs)
        if say_all:
            for _ in found:
                pass
            found = store.corrections()
        return _tell_json(found) if as_json else _tell(found)


def _merged(
    store: DuplicateStore, names: Sequence[str], logs: Sequence[ScanLog]
) -> Iterator[Correction]:
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as shown:
        for number, log in enumerate(logs, start=1):
            task = shown.add_task(f"scans of history {number} of {len(logs)}", total=None)
            yield from store.merge(_watched(log.told(), partial(shown.advance, task)))


def _watched(rows: Iterable[Told], advance: Callable[[], None]) -> Iterator[Told]:
    for row in rows:
        advance()
        yield row


# Neither keeps what it has told: two sites may have many copies of each other's pieces.
def _tell_json(found: Iterable[Correction]) -> int:
    told = 0
    sys.stdout.write('{"corrections": [')
    for told, one in enumerate(found, start=1):
        sys.stdout.write(("," if told > 1 else "") + "\n " + json.dumps(_correction(one)))
    sys.stdout.write("]}\n")
    return 1 if told else 0


def _tell(found: Iterable[Correction]) -> int:
    table = Table("device", "count")
    for name in ("piece", "first seen"):
        table.add_column(name, overflow="fold")
    changes: Counter[str] = Counter()
    for one in found:
        row = _correction(one)
        change = f"{row['told']} -> {row['now']}"
        changes[change] += 1
        if table.row_count < MOST_LISTED:
            count = f"{row['series']}\n{row['count']}\n{change}"
            table.add_row(row["device"], count, _said(row["scan"]), _said(row["first"]))
    if not changes:
        typer.echo("no piece would be told otherwise now")
        return 0
    Console().print(table)
    more = changes.total() - table.row_count
    if more:
        typer.echo(f"and {more} more; --json lists them all")
    for change, pieces in changes.most_common():
        typer.echo(f"{change}: {pieces}")
    return 1


def _correction(one: Correction) -> dict[str, Any]:
    scan = one.told.scan
    return {
        "device": device_key_id(scan.vendor_model, scan.serial),
        "series": scan.series.name,
        "count": scan.count,
        "told": one.told.answered.name,
        "now": one.answer.name,
        "scan": scan_as_row(scan),
        "first": scan_as_row(one.first),
    }


def _existing(history: str) -> ScanLog:
    if "://" not in history and not Path(history).is_file():
        raise ScanLogError(f"{history} is no file of scans, nor the URL of a database")
    return ScanLog.at(history)


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
