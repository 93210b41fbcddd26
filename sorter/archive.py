"""Archived scans in shards: files of JSON lines, each one piece with its payloads and its facts.

A line is ``{"payloads": ["<hex>", ...], ...facts...}`` with the names of ``postage.factrows``.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from postage.errors import BadFacts
from postage.factrows import facts_as_row, facts_from_row
from postage.facts import PieceFacts

MAX_LINE: Final = 1 << 20
MAX_PAYLOADS: Final = 16
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
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_LINE), b""), start=1):
            yield _scan(line, f"{path.name}:{number}")


def _scan(line: bytes, name: str) -> ArchivedScan:
    try:
        row = json.loads(line)
        if not isinstance(row, dict):
            raise BadFacts(f"a scan is an object, not {type(row).__name__}")
        payloads = _payloads(row.pop("payloads", None))
        return ArchivedScan(payloads, facts_from_row(row))
    except (ValueError, RecursionError) as error:
        unknown = PieceFacts(scanned_us=0, scanned_on=NEVER, image_id=name)
        return ArchivedScan((), unknown, f"{name}: {error}")


def _payloads(given: Any) -> tuple[bytes, ...]:
    if not isinstance(given, list) or len(given) > MAX_PAYLOADS:
        raise BadFacts(f"payloads is a list of at most {MAX_PAYLOADS}")
    if not all(isinstance(each, str) for each in given):
        raise BadFacts("a payload is hexadecimal text")
    return tuple(bytes.fromhex(each) for each in given)
