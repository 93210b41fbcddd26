"""The Postal Service's own price files (Notice 123 as CSV) as rate editions.

Two forms are known from public readers of these files: First-Class retail, with the sections
LETTERS, LETTERS - Metered and FLATS one below another or side by side; and parcels, with a row of
zones and rows by ounces or pounds. The first row is the title; a cell of it may be a date, which is
that of the file and not always the day on which its prices take effect.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from postage.errors import BadAmount, RateEditionError
from postage.money import Money
from postage.rate_editions import MANIFEST, Dimensional, digest_of
from postage.rate_kinds import PriceList
from postage.rate_tables import ANY_MILLIOUNCES, Price, follow, ounces_text, write_table, zoned

MAX_BYTES = 1_000_000
SECTIONS = {
    "LETTERS": "letter_stamped",
    "LETTERS - STAMPED": "letter_stamped",
    "LETTERS - METERED": "letter_metered",
    "FLATS": "flat",
}
LABELS = {"postcard": "card", "nonmachinable surcharge": "nonmachinable"}
ADDITIONAL_OUNCE = "single-piece additional ounce"
BOXES = {
    "padded flat rate envelope": "padded_flat_rate_envelope",
    "medium flat rate box": "medium_flat_rate_box",
    "large flat rate box": "large_flat_rate_box",
}
TITLES = (  # the first that the title contains
    ("ground advantage", "ground-advantage"),
    ("priority mail express", "express"),
    ("priority mail", "priority"),
    ("first-class mail", "first-class"),
)
_WEIGHT = re.compile(r"(\d{1,4})(?:\.(\d{1,3}))?", re.ASCII)
_MONEY = re.compile(r"\$?\d{1,6}\.\d{2,3}", re.ASCII)
_DIGIT = re.compile(r"[1-9]", re.ASCII)
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})", re.ASCII)
_ZONE = re.compile(r"zone\s*([1-9])", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Published:
    """What a price file says: its list, its own date, its prices, and the rows that are not ours.

    ``unread`` are the labels of rows with a price that no item of ours takes, with their line.
    """

    title: str
    printed: date | None
    price_list: PriceList
    prices: tuple[Price, ...]
    unread: tuple[str, ...]


def read_published(raw: bytes, source: str) -> Published:
    r"""Return what a published price file says; `source` names it in every price.

    Raises:
        RateEditionError: not such a file, or one that contradicts itself; the message names the
            line.

    >>> text = "First-Class Mail - Retail,,,,Final,7/12/2026\nLETTERS,,FLATS\n1,0.82,1,1.69\n"
    >>> read_published(text.encode(), "example").prices[1].amount
    Money(mills=1690)
    """
    if not source.isprintable():
        raise RateEditionError(f"the source {source!r} is no single line of text")
    rows = _rows(raw)
    if not rows:
        raise RateEditionError("the price file is empty")
    number, head = rows[0]
    title = next(cell for cell in head if cell)
    price_list = _list_of(title)
    reader = _Reader(price_list, source)
    for number, row in rows[1:]:
        try:
            reader.take(number, row)
        except (ValueError, BadAmount) as error:
            raise RateEditionError(f"line {number}: {error}") from error
    prices = reader.finish()
    return Published(title, _date_of(head), price_list, prices, tuple(reader.unread))


def edition_files(
    published: Published,
    *,
    effective: date,
    source: str,
    until: date | None = None,
    priority: int = 0,
    version: int = 1,
    dimensional: Dimensional | None = None,
) -> Mapping[str, bytes]:
    """Return the files of an edition, by name, that `read_edition` reads as these prices.

    Raises:
        RateEditionError: prices by zone without a dimensional rule; without one, large parcels
            would pay too little.
    """
    if any("_zone_" in price.item for price in published.prices) and dimensional is None:
        raise RateEditionError(f"{published.price_list} needs the rule for dimensional weight")
    name = f"{published.price_list}.csv"
    table = write_table(published.prices)
    lines = [f"effective = {effective}"]
    lines += [f"until = {until}"] if until else []
    lines += [
        f'price_list = "{published.price_list}"',
        f"priority = {priority}",
        f"version = {version}",
        f"source = {_quoted(source)}",
        *("", "[files]", f'"{name}" = "{digest_of(table)}"'),
    ]
    if dimensional is not None:
        lines += [
            *("", "[dimensional]", f"over_cubic_inches = {dimensional.over_cubic_inches}"),
            f"cubic_inches_per_pound = {dimensional.cubic_inches_per_pound}",
            f'inches = "{dimensional.inches}"',
            f"confidence = {_quoted(dimensional.confidence)}",
            f"source = {_quoted(dimensional.source)}",
        ]
    return {name: table, MANIFEST: ("\n".join(lines) + "\n").encode()}


@dataclass(slots=True)
class _Reader:
    """Takes the rows of a file one by one."""

    price_list: PriceList
    source: str
    ladders: dict[str, list[Price]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    additional: Money | None = None
    sections: dict[int, str] = field(default_factory=dict)  # by column of the weight
    zones: dict[int, int] = field(default_factory=dict)  # by column
    milliounces_per_unit: int = 0

    def take(self, number: int, row: Sequence[str]) -> None:
        if self.price_list is PriceList.FIRST_CLASS_RETAIL:
            self._take_single_piece(number, row)
        else:
            self._take_parcel(number, row)

    def finish(self) -> tuple[Price, ...]:
        zoned_item = self.price_list.replace("-", "_")
        demanded = (
            ["letter_stamped"]
            if self.price_list is PriceList.FIRST_CLASS_RETAIL
            else [zoned(zoned_item, zone) for zone in self.zones.values()] or [zoned_item]
        )
        if lacking := [item for item in demanded if not self.ladders.get(item)]:
            raise RateEditionError(f"the file has no prices of {', '.join(lacking)}")
        for item in ("letter_stamped", "letter_metered"):
            ladder = self.ladders.get(item, [])
            for lighter, heavier in pairwise(ladder):
                step = heavier.amount - lighter.amount
                if self.additional is not None and step != self.additional:
                    raise RateEditionError(
                        f"{heavier.label} is {step} more than the step before; the additional "
                        f"ounce is {self.additional}"
                    )
        return tuple(price for ladder in self.ladders.values() for price in ladder)

    def _take_single_piece(self, number: int, row: Sequence[str]) -> None:
        heads = {
            column: SECTIONS[cell.upper()]
            for column, cell in enumerate(row)
            if cell.upper() in SECTIONS
        }
        if heads:
            self.sections = heads
            return
        for column, item in list(self.sections.items()):
            cell = row[column] if column < len(row) else ""
            if _WEIGHT.fullmatch(cell):
                self._add(item, _thousandths(cell), _cell(row, column + 1))
            elif cell and not cell.lower().startswith("weight not over"):
                del self.sections[column]
        label, column = next(((cell, at) for at, cell in enumerate(row) if cell), ("", 0))
        if label and column not in self.sections and not _WEIGHT.fullmatch(label):
            end = min((other for other in self.sections if other > column), default=len(row))
            self._label(number, label, row[column + 1 : end])

    def _take_parcel(self, number: int, row: Sequence[str]) -> None:
        heading = " ".join(row).lower()
        zones = {
            at: int(match[1]) for at, cell in enumerate(row) if (match := _ZONE.fullmatch(cell))
        }
        if "weight not over" in heading:
            is_ounces = re.search(r"ounce|\boz", heading) is not None
            self.milliounces_per_unit = 1000 if is_ounces else 16_000
            if not is_ounces and not re.search(r"pound|\blb", heading):
                raise ValueError("a weight in neither ounces nor pounds")
        if self.milliounces_per_unit and not zones and not _cell(row, 0):
            digits = {at: int(cell) for at, cell in enumerate(row) if _DIGIT.fullmatch(cell)}
            zones = digits if len(digits) == sum(map(bool, row)) else {}
        if zones:
            if len(set(zones.values())) < len(zones):
                raise ValueError("a zone stands twice")
            self.zones = zones
        elif self.zones and self.milliounces_per_unit and _WEIGHT.fullmatch(_cell(row, 0)):
            up_to = _thousandths(row[0]) * self.milliounces_per_unit // 1000
            for column, zone in self.zones.items():
                item = zoned(self.price_list.replace("-", "_"), zone)
                self._add(item, up_to, _cell(row, column))
        elif "weight not over" not in heading and (label := _cell(row, 0)):
            self._label(number, label, row[1:])

    def _label(self, number: int, label: str, cells: Sequence[str]) -> None:
        amounts = [cell for cell in cells if _MONEY.fullmatch(cell)]
        singular = label.lower().removesuffix("s").replace("boxe", "box")
        if singular.startswith(ADDITIONAL_OUNCE):
            self.additional = Money.parse(amounts[-1]) if amounts else self.additional
        elif self.price_list is PriceList.FIRST_CLASS_RETAIL and singular in LABELS:
            self._add(LABELS[singular], 3_500, amounts[-1] if amounts else "")
        elif self.price_list is PriceList.PRIORITY_COMMERCIAL and singular in BOXES:
            self._add(BOXES[singular], ANY_MILLIOUNCES, amounts[-1] if amounts else "")
        elif amounts:
            self.unread.append(f"line {number}: {label[:60]}")

    def _add(self, item: str, up_to: int, amount: str) -> None:
        ladder = self.ladders.setdefault(item, [])
        over = ladder[-1].up_to_milliounces if ladder else 0
        if up_to <= over:
            raise ValueError(f"{item} has {ounces_text(up_to)} oz after {ounces_text(over)} oz")
        if not _MONEY.fullmatch(amount):
            raise ValueError(f"{item} up to {ounces_text(up_to)} oz costs {amount[:20]!r}")
        price = Price(item, over, up_to, Money.parse(amount), "V", self.source)
        if ladder:
            follow(ladder[-1], price)
        ladder.append(price)


def _rows(raw: bytes) -> list[tuple[int, list[str]]]:
    if len(raw) > MAX_BYTES:
        raise RateEditionError(f"the price file has {len(raw)} bytes; the limit is {MAX_BYTES}")
    try:
        rows = list(csv.reader(raw.decode("utf-8-sig").splitlines()))
    except (ValueError, csv.Error) as error:
        raise RateEditionError(f"the price file is no CSV in UTF-8: {error}") from error
    stripped = [
        (number, [" ".join(cell.split()) for cell in row]) for number, row in enumerate(rows, 1)
    ]
    return [(number, row) for number, row in stripped if any(row)]


def _list_of(title: str) -> PriceList:
    lower = title.lower()
    mail_class = next((name for words, name in TITLES if words in lower), None)
    price_type = next((name for name in ("retail", "commercial") if name in lower), None)
    is_known = mail_class and price_type and not re.search("cubic|flats|international", lower)
    if not is_known or (mail_class, price_type) == ("first-class", "commercial"):
        raise RateEditionError(f"line 1: no price file that is known has the title {title[:60]!r}")
    return PriceList(f"{mail_class}-{price_type}")


def _date_of(head: Sequence[str]) -> date | None:
    for cell in head:
        if match := _DATE.fullmatch(cell):
            try:
                return date(int(match[3]), int(match[1]), int(match[2]))
            except ValueError as error:
                raise RateEditionError(f"line 1: {cell}: {error}") from error
    return None


def _cell(row: Sequence[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _thousandths(text: str) -> int:
    match = _WEIGHT.fullmatch(text)
    assert match is not None, "only a weight is read as one"
    return int(match[1]) * 1000 + int((match[2] or "").ljust(3, "0"))


def _quoted(text: str) -> str:
    """Return a TOML string; JSON writes all of its escapes but one."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
