"""Rate editions: dated folders of prices that never change once published.

A folder is named for its effective date and price list (First-Class single pieces by the date
alone) and holds ``manifest.toml`` and tables in CSV. A correction is a new edition: the same date
and list with a higher version, or a later date. The manifest says

- ``effective`` and ``until``: first day in force, and first day no longer (absent: until replaced);
- ``price_list``, ``priority`` (0; 1 for a temporary or peak window over it) and ``version`` (1);
- ``source``, the SHA-256 of every table under ``[files]``, what is ``[missing]`` and why;
- ``[dimensional]``, how the list charges room for weight; absent where it does not;
- ``[signature]``, the file of a detached signature over the manifest's bytes and its key's id.
"""

import hashlib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from postage.errors import RateEditionError
from postage.rate_kinds import PriceList
from postage.rate_tables import Ladder, Price, read_table

EDITIONS = Path(__file__).parent / "editions"
MANIFEST = "manifest.toml"
Verify = Callable[[bytes, bytes, str], bool]
"""Whether a signature over some bytes is that of the key with this id."""


@dataclass(frozen=True, slots=True)
class Dimensional:
    """When room is charged as weight: above a volume, at so many cubic inches for a pound."""

    over_cubic_inches: int
    cubic_inches_per_pound: int
    inches: str  # each side goes to the "nearest" whole inch, or "up"
    confidence: str
    source: str


@dataclass(frozen=True, slots=True)
class RateEdition:
    """The prices of one list from a date until the next edition's, or until its own end.

    ``prices`` are by item, lightest first; ``missing`` says of an item why some or all of its
    prices are not here. Among editions in force the higher ``priority`` holds, then the later
    date, then the higher ``version``.
    """

    effective: date
    source: str
    prices: Mapping[str, Ladder]
    missing: Mapping[str, str] = field(default_factory=dict)
    price_list: PriceList = PriceList.FIRST_CLASS_RETAIL
    until: date | None = None
    priority: int = 0
    version: int = 1
    dimensional: Dimensional | None = None
    name: str = field(init=False, compare=False)
    """The edition's name, which is its folder's: date, list, version."""

    def __post_init__(self) -> None:
        is_plain = self.price_list is PriceList.FIRST_CLASS_RETAIL
        name = self.effective.isoformat() + ("" if is_plain else f"-{self.price_list}")
        object.__setattr__(self, "name", name + ("" if self.version == 1 else f"-v{self.version}"))
        object.__setattr__(self, "prices", MappingProxyType(dict(self.prices)))
        object.__setattr__(self, "missing", MappingProxyType(dict(self.missing)))

    def __reduce__(self) -> tuple[object, ...]:
        # A mapping proxy does not go to another process.
        return RateEdition, (
            *(self.effective, self.source, dict(self.prices), dict(self.missing)),
            *(self.price_list, self.until, self.priority, self.version, self.dimensional),
        )

    @property
    def rank(self) -> tuple[int, date, int]:
        """Return what decides between editions in force on one day: the greatest holds."""
        return self.priority, self.effective, self.version

    def holds_on(self, day: date) -> bool:
        """Return whether the day lies within the edition's dates."""
        return self.effective <= day and (self.until is None or day < self.until)

    def price(self, item: str, milliounces: int) -> Price | None:
        """Return the item's price at a weight, None where the edition has none."""
        ladder = self.prices.get(item)
        return None if ladder is None else ladder.at(milliounces)


def read_edition(
    folder: Path, *, verify: Verify | None = None, allow_unsigned: bool = False
) -> RateEdition:
    """Return the edition in a folder, every table checked against its manifest.

    There must be a signature that `verify` takes. With `allow_unsigned` there need be none, and one
    that is there is checked only if `verify` is given.

    Raises:
        RateEditionError: unreadable, not signed as demanded, another hash than the manifest's, an
            unlisted table, a price that is no amount, falls with weight or stands twice.

    >>> read_edition(EDITIONS / "2026-07-12", allow_unsigned=True).prices["card"][0].amount
    Money(mills=650)
    """
    where = f"rate edition {folder.name}"
    try:
        raw = (folder / MANIFEST).read_bytes()
        manifest = tomllib.loads(raw.decode("utf-8"))
        tables = {path.name for path in folder.iterdir()} - {MANIFEST}
    except (OSError, ValueError) as error:
        raise RateEditionError(f"{where}: {error}") from error
    known = _Manifest(where, manifest)
    files, missing = known.strings("files"), known.strings("missing", optional=True)
    edition = RateEdition(
        known.value("effective", date),
        known.value("source", str),
        {},
        missing,
        known.price_list(),
        known.value("until", date, None),
        known.value("priority", int, 0),
        known.value("version", int, 1),
        known.dimensional(),
    )
    if edition.name != folder.name:
        raise RateEditionError(f"{where}: by its {MANIFEST} it is {edition.name}")
    if edition.until is not None and edition.until <= edition.effective:
        raise RateEditionError(
            f"{where}: it ends on {edition.until}, before it is effective on {edition.effective}"
        )
    signature = known.strings("signature", optional=True)
    if set(files) | ({signature["file"]} if "file" in signature else set()) != tables:
        odd = ", ".join(sorted((set(files) | {signature.get("file", "")}) ^ tables) or ["?"])
        raise RateEditionError(f"{where}: {odd} is not in both the folder and {MANIFEST}")
    _check_signature(where, folder, raw, signature, verify, allow_unsigned)
    prices: dict[str, Ladder] = {}
    for name, digest in files.items():
        for item, ladder in _read_file(f"{where}, {name}", folder / name, digest).items():
            if item in prices:
                raise RateEditionError(f"{where}: {item} is in two tables")
            prices[item] = ladder
    return replace(edition, prices=prices)


def digest_of(table: bytes) -> str:
    """Return what a manifest says of a table: its SHA-256 in hexadecimal."""
    return hashlib.sha256(table).hexdigest()


def _read_file(where: str, path: Path, digest: str) -> dict[str, Ladder]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RateEditionError(f"{where}: {error}") from error
    if (actual := digest_of(raw)) != digest:
        raise RateEditionError(f"{where}: SHA-256 is {actual}; {MANIFEST} says {digest}")
    return read_table(raw, where)


def _check_signature(
    where: str,
    folder: Path,
    manifest: bytes,
    signature: Mapping[str, str],
    verify: Verify | None,
    allow_unsigned: bool,
) -> None:
    if not signature:
        if not allow_unsigned:
            raise RateEditionError(f"{where}: it is not signed, and only signed editions may load")
        return
    if set(signature) != {"file", "key_id"}:
        raise RateEditionError(f"{where}: [signature] says not file and key_id alone")
    if verify is None:
        if not allow_unsigned:
            raise RateEditionError(f"{where}: it is signed, and nothing was given to verify it")
        return
    try:
        signed = (folder / signature["file"]).read_bytes()
    except OSError as error:
        raise RateEditionError(f"{where}: {error}") from error
    if not verify(manifest, signed, signature["key_id"]):
        raise RateEditionError(
            f"{where}: {signature['file']} is no signature of key {signature['key_id']!r}"
        )


@dataclass(frozen=True, slots=True)
class _Manifest:
    """The entries of a manifest, each of its type or a RateEditionError."""

    where: str
    entries: Mapping[str, Any]

    def value(self, key: str, kind: type, *default: Any) -> Any:
        if key not in self.entries and default:
            return default[0]
        if key not in self.entries:
            raise RateEditionError(f"{self.where}: {MANIFEST} does not say {key!r}")
        found = self.entries[key]
        if type(found) is not kind:  # a datetime is a date to Python, a bool an int
            raise RateEditionError(f"{self.where}: {key} is {found!r}, no {kind.__name__}")
        return found

    def strings(self, key: str, *, optional: bool = False) -> dict[str, str]:
        table = self.value(key, dict, {}) if optional else self.value(key, dict)
        if not all(type(text) is str for text in table.values()):
            raise RateEditionError(f"{self.where}: [{key}] of {MANIFEST} holds more than strings")
        return dict(table)

    def price_list(self) -> PriceList:
        name = self.value("price_list", str, PriceList.FIRST_CLASS_RETAIL.value)
        try:
            return PriceList(name)
        except ValueError:
            raise RateEditionError(f"{self.where}: no price list is called {name!r}") from None

    def dimensional(self) -> Dimensional | None:
        table = self.value("dimensional", dict, None)
        if table is None:
            return None
        rule = _Manifest(f"{self.where}, [dimensional]", table)
        over, divisor = (
            rule.value(key, int) for key in ("over_cubic_inches", "cubic_inches_per_pound")
        )
        inches = rule.value("inches", str)
        if over < 0 or divisor < 1 or inches not in ("nearest", "up"):
            raise RateEditionError(
                f"{rule.where}: over {over} by {divisor}, inches {inches!r}, is no rule"
            )
        return Dimensional(
            over, divisor, inches, rule.value("confidence", str), rule.value("source", str)
        )
