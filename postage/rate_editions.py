"""Rate editions: dated folders of prices that never change once published.

A folder is named for its effective date and holds ``manifest.toml`` (effective date, source,
SHA-256 of every table, what is missing and why) and tables in CSV. A correction is a new edition.
"""

import csv
import hashlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

from postage.errors import RateEditionError
from postage.money import MILLS_PER_DOLLAR, ZERO, Money

EDITIONS = Path(__file__).parent / "editions"
COLUMNS = ["item", "over_ounces", "up_to_ounces", "amount", "confidence", "source"]
MANIFEST = "manifest.toml"


@dataclass(frozen=True, slots=True)
class Price:
    """One printed price: an item of the list, over one weight up to another, and how sure it is.

    ``confidence`` is V verified (V*, V**: by arithmetic on a verified price), S secondary,
    R recalled, I inferred.
    """

    item: str
    over_milliounces: int
    up_to_milliounces: int
    amount: Money
    confidence: str
    source: str


@dataclass(frozen=True, slots=True)
class RateEdition:
    """The prices in force from one date until the next edition's.

    ``prices`` are by item, lightest first; ``missing`` says of an item why some or all of its
    prices are not here.
    """

    effective: date
    source: str
    prices: Mapping[str, tuple[Price, ...]]
    missing: Mapping[str, str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "prices", MappingProxyType(dict(self.prices)))
        object.__setattr__(self, "missing", MappingProxyType(dict(self.missing)))

    def __reduce__(self) -> tuple[object, ...]:
        # A mapping proxy does not go to another process.
        return RateEdition, (self.effective, self.source, dict(self.prices), dict(self.missing))

    @property
    def name(self) -> str:
        """Return the edition's name, its effective date."""
        return self.effective.isoformat()

    def price(self, item: str, milliounces: int) -> Price | None:
        """Return the item's price at a weight, None where the edition has none."""
        for price in self.prices.get(item, ()):
            if price.over_milliounces < milliounces <= price.up_to_milliounces:
                return price
        return None


def read_edition(folder: Path) -> RateEdition:
    """Return the edition in a folder, every table checked against its manifest.

    Raises:
        RateEditionError: unreadable, another hash than the manifest's, an unlisted table, a
            price that is no amount, falls with weight or stands twice.

    >>> read_edition(EDITIONS / "2026-07-12").prices["card"][0].amount
    Money(mills=650)
    """
    try:
        manifest = tomllib.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        effective, source, files = manifest["effective"], manifest["source"], manifest["files"]
        missing = manifest.get("missing", {})
    except (OSError, ValueError) as error:
        raise RateEditionError(f"rate edition {folder.name}: {error}") from error
    except KeyError as error:
        raise RateEditionError(
            f"rate edition {folder.name}: {MANIFEST} does not say {error.args[0]!r}"
        ) from None
    if type(effective) is not date or effective.isoformat() != folder.name:
        raise RateEditionError(
            f"rate edition {folder.name}: {MANIFEST} says it is effective {effective}"
        )
    if not isinstance(files, dict) or not isinstance(missing, dict):
        raise RateEditionError(
            f"rate edition {folder.name}: [files] and [missing] of {MANIFEST} are not tables"
        )
    listed, found = set(files), {path.name for path in folder.iterdir()} - {MANIFEST}
    if listed != found:
        raise RateEditionError(
            f"rate edition {folder.name}: {', '.join(sorted(listed ^ found))} is not in both "
            f"the folder and {MANIFEST}"
        )
    prices: dict[str, tuple[Price, ...]] = {}
    for name, digest in files.items():
        for item, ladder in _read_table(folder / name, digest).items():
            if item in prices:
                raise RateEditionError(f"rate edition {folder.name}: {item} is in two tables")
            prices[item] = ladder
    return RateEdition(effective, source, prices, missing)


def _read_table(path: Path, digest: str) -> dict[str, tuple[Price, ...]]:
    where = f"rate edition {path.parent.name}, {path.name}"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RateEditionError(f"{where}: {error}") from error
    if (actual := hashlib.sha256(raw).hexdigest()) != digest:
        raise RateEditionError(f"{where}: SHA-256 is {actual}; {MANIFEST} says {digest}")
    try:
        rows = list(csv.reader(raw.decode("utf-8").splitlines()))
    except (ValueError, csv.Error) as error:
        raise RateEditionError(f"{where}: {error}") from error
    if not rows or rows[0] != COLUMNS:
        raise RateEditionError(f"{where}: the columns are not {', '.join(COLUMNS)}")
    ladders: dict[str, list[Price]] = {}
    for number, row in enumerate(rows[1:], start=2):
        try:
            price = _read_price(row)
        except ValueError as error:
            raise RateEditionError(f"{where}, line {number}: {error}") from error
        ladder = ladders.setdefault(price.item, [])
        if ladder and price.over_milliounces < ladder[-1].up_to_milliounces:
            raise RateEditionError(f"{where}, line {number}: {price.item} overlaps the row before")
        if ladder and price.amount < ladder[-1].amount:
            raise RateEditionError(
                f"{where}, line {number}: {price.item} falls from {ladder[-1].amount} to "
                f"{price.amount} as weight rises"
            )
        ladder.append(price)
    return {item: tuple(ladder) for item, ladder in ladders.items()}


def _read_price(row: list[str]) -> Price:
    item, over_ounces, up_to_ounces, amount, confidence, source = row
    over, up_to = _milliounces(over_ounces), _milliounces(up_to_ounces)
    if over >= up_to:
        raise ValueError(f"over {over_ounces} oz up to {up_to_ounces} oz is no range of weights")
    price = Price(item, over, up_to, Money.parse(amount), confidence, source)
    dollars, mills = divmod(price.amount.mills, MILLS_PER_DOLLAR)
    if price.amount <= ZERO or amount != f"{dollars}.{mills:03d}":
        raise ValueError(f"{amount} is not a price with three decimals")
    return price


def _milliounces(ounces: str) -> int:
    if not re.fullmatch(r"\d{1,3}(\.\d{1,3})?", ounces, re.ASCII):
        raise ValueError(f"{ounces!r} is not a weight in ounces with at most three decimals")
    whole, _, decimals = ounces.partition(".")
    return int(whole) * 1000 + int(decimals.ljust(3, "0"))
