"""Archived scans in shards: files of JSON lines, each one piece with its payloads and its facts.

A line is ``{"payloads": ["<hex>", ...], ...facts...}`` with the names of ``postage.factrows``; what
a lane takes (``sorter.sources.payload_file``) is read too, where it says ``scanned_us``.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from postage.factrows import facts_as_row, facts_from_row
from postage.facts import PieceFacts
from sorter import scanlines

MAX_LINE: Final = 1 << 20
NEVER: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class ArchivedScan:
    """One scanned piece; ``wrong`` says why its line cannot be read, and the rest is then empty."""

    payloads: tuple[bytes, ...]
    facts: PieceFacts
    wrong: str = ""


def write_shard(path: Path, scans: Iterable[ArchivedScan]) -> None:
    """Write a shard."""
    with path.open("w", encoding="ascii") as file:
        for scan in scans:
            row = {"payloads": [payload.hex() for payload in scan.payloads]}
            file.write(json.dumps(row | facts_as_row(scan.facts), separators=(",", ":")) + "\n")


def read_shard(path: Path) -> Iterator[ArchivedScan]:
    """Yield a scan for every line of a shard, also for one that nobody can read.

    Raises:
        OSError: the file itself cannot be read.
    """
    for number, line in enumerate(scanlines.lines(path, MAX_LINE), start=1):
        yield _scan(line, f"{path.name}:{number}")


def _scan(line: bytes | None, name: str) -> ArchivedScan:
    try:
        row = scanlines.row_of(line, MAX_LINE)
        payloads = scanlines.take_payloads(row)
        return ArchivedScan(tuple(payloads), facts_from_row(row))
    except ValueError as error:
        unknown = PieceFacts(scanned_us=0, scanned_on=NEVER, image_id=name)
        return ArchivedScan((), unknown, f"{name}: {error}")
