"""Files of JSON lines that tell scans: each line read within bounds, its payloads taken apart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sorter.errors import SourceError

MOST_PAYLOADS: Final = 16


def lines(path: Path, longest: int) -> Iterator[bytes | None]:
    """Yield each line of a file, None for one of more than ``longest`` bytes.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        while line := file.readline(longest + 1):
            is_whole = len(line) <= longest
            yield line if is_whole else None
            while not is_whole and line and not line.endswith(b"\n"):
                line = file.readline(longest + 1)


def row_of(line: bytes | None, longest: int) -> dict[str, Any]:
    """Return the object in a line as ``lines`` yields it.

    Raises:
        ValueError: it is too long, no JSON, or no object; the message says which.

    >>> row_of(b'{"lane": 2}', 100)
    {'lane': 2}
    """
    if line is None:
        raise SourceError(f"more than {longest} bytes")
    try:
        row = json.loads(line)
    except RecursionError:
        raise SourceError("nested beyond measure") from None
    if not isinstance(row, dict):
        raise SourceError(f"a {type(row).__name__} and no object")
    return row


def take_payloads(row: dict[str, Any]) -> list[bytes]:
    r"""Return the payloads that a line says, and take them out of it.

    They stand under ``payload`` or ``payloads``, in hex: one, or a list of all that a piece bears.

    Raises:
        ValueError: it has neither or both, they are no hex, or more than a piece has payloads.

    >>> take_payloads({"payload": "00ff"}), take_payloads({"payloads": ["00ff", "01"], "lane": 2})
    ([b'\x00\xff'], [b'\x00\xff', b'\x01'])
    """
    said = [row.pop(name) for name in ("payload", "payloads") if name in row]
    if len(said) != 1:
        raise SourceError("payload or payloads says what was read: one of them, and no more")
    [texts] = said
    if isinstance(texts, str):
        texts = [texts]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise SourceError("a payload is hex digits, several are a list of them")
    if len(texts) > MOST_PAYLOADS:
        raise SourceError(f"{len(texts)} payloads; a piece has at most {MOST_PAYLOADS}")
    return [bytes.fromhex(text) for text in texts]
