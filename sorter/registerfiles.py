"""Register and authority files: written whole or not at all, described for people."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from postage.devices import UNCOMPRESSED
from service.wholefile import write_whole
from sorter.errors import RegisterError
from sorter.register import Register, Sign

POINT_BYTES: Final = (65, 97)  # SEC 1 uncompressed points of P-256 and P-384
MOST_KEYS: Final = 100


def write_register(path: Path, register: Register, sign: Sign, key_id: str) -> None:
    """Write a signed register in the place of the one that is there, in one step.

    Whoever opens the file finds the old register or the new one, also after a power cut.

    Raises:
        RegisterError: the file cannot be written; the old one stays.
    """
    _write(path, register.to_bytes(sign, key_id))


def write_authority(path: Path, keys: Mapping[str, bytes]) -> None:
    """Write the public keys of authorities, SEC 1 points by key id, in place of what is there."""
    entries = {key_id: key.hex() for key_id, key in sorted(keys.items())}
    _write(path, json.dumps(entries, indent=1).encode() + b"\n")


def read_authority(path: Path) -> dict[str, bytes]:
    """Return the public keys in a file, by key id, as ``sorter.trust.authority`` takes them.

    Raises:
        RegisterError: no file of 1 to 100 keys; the message names file and key.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_KEYS * 1_000)
        entries = json.loads(raw)
    except OSError as error:
        raise RegisterError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise RegisterError(f"{path} is no file of keys: {error}") from None
    if not isinstance(entries, dict) or not 1 <= len(entries) <= MOST_KEYS:
        raise RegisterError(f"{path} is no file of 1 to {MOST_KEYS} keys by their names")
    return {key_id: _point(path, key_id, text) for key_id, text in entries.items()}


def described(register: Register, day: date) -> dict[str, Any]:
    """Return what a register says, in a few words and counts.

    >>> register = Register(issuer="USPS test", number=3, issued=date(2026, 7, 1),
    ...     expires=date(2026, 7, 31), providers={}, devices=())
    >>> described(register, date(2026, 8, 1))["stale"]
    True
    """
    return {
        "register": register.name,
        "issued": register.issued.isoformat(),
        "expires": register.expires.isoformat(),
        "stale": register.is_stale_on(day),
        "providers": {
            id_: {"name": one.name, "products": sorted(product.value for product in one.products)}
            for id_, one in sorted(register.providers.items())
        },
        "excluded classes": sorted(one.value for one in register.excluded_classes),
        "devices": len(register.devices),
        "by mode": _counted(str(one.mode) for one in register.devices),
        "by status": _counted(str(one.status) for one in register.devices),
    }


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        raise RegisterError(f"{path}: {error.strerror}") from None


def _counted(words: Any) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def _point(path: Path, key_id: str, text: object) -> bytes:
    if isinstance(text, str) and re.fullmatch(r"([0-9a-f]{2})+", text):
        key = bytes.fromhex(text)
        if len(key) in POINT_BYTES and key[0] == UNCOMPRESSED:
            return key
    raise RegisterError(f"{path}: key {key_id!r} is no uncompressed point of P-256 or P-384")
