"""Price tables: CSV files of ladders, each price with its confidence and source.

A narrow table has one ``amount`` a row; a wide one has ``zone_1`` to ``zone_9``, and its item
becomes nine: ``priority_retail`` in zone 5 is ``priority_retail_zone_5``. An empty cell is a price
that nobody knows.
"""

import csv
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from postage.errors import RateEditionError
from postage.money import MILLS_PER_DOLLAR, ZERO, Money

ZONES = range(1, 10)
ANY_MILLIOUNCES = 70 * 16_000  # a price up to the heaviest piece knows no weight
NARROW = ["item", "over_ounces", "up_to_ounces", "amount", "confidence", "source"]
_UP_TO = attrgetter("up_to_milliounces")
WIDE = [*NARROW[:3], *(f"zone_{zone}" for zone in ZONES), *NARROW[4:]]


@dataclass(frozen=True, slots=True)
class Price:
    """One printed price: an item of the list, over one weight up to another, and how sure it is.

    ``confidence`` is V verified (V*, V**: by arithmetic on a verified price), S secondary (S* by
    arithmetic), R recalled, I inferred.
    """

    item: str
    over_milliounces: int
    up_to_milliounces: int
    amount: Money
    confidence: str
    source: str
    label: str = field(init=False, compare=False, repr=False)
    """The item and the weight it goes to, as a step of a quote says it."""

    def __post_init__(self) -> None:
        is_any_weight = not self.over_milliounces and self.up_to_milliounces >= ANY_MILLIOUNCES
        up_to = "" if is_any_weight else f" up to {ounces_text(self.up_to_milliounces)} oz"
        object.__setattr__(self, "label", self.item + up_to)


class Ladder(tuple[Price, ...]):
    """The prices of one item, lightest first; they never overlap and never fall (`read_table`)."""

    __slots__ = ()

    def at(self, milliounces: int) -> Price | None:
        """Return the price of a weight, None in a gap and beyond the last."""
        row = bisect_left(self, milliounces, key=_UP_TO)
        if row == len(self) or self[row].over_milliounces >= milliounces:
            return None
        return self[row]


def zoned(item: str, zone: int) -> str:
    """Return the name of an item in a zone.

    >>> zoned("priority_retail", 5)
    'priority_retail_zone_5'
    """
    return f"{item}_zone_{zone}"


def read_table(raw: bytes, where: str) -> dict[str, Ladder]:
    r"""Return the ladders of a CSV table; `where` names it in errors.

    Raises:
        RateEditionError: not such a table, a price that is no amount, falls with weight or overlaps
            another; the message names the line.

    >>> table = b"item,over_ounces,up_to_ounces,amount,confidence,source\ncard,0,3.5,0.650,V,x\n"
    >>> read_table(table, "example")["card"].at(3500).amount
    Money(mills=650)
    """
    try:
        rows = list(csv.reader(raw.decode("utf-8").splitlines()))
    except (ValueError, csv.Error) as error:
        raise RateEditionError(f"{where}: {error}") from error
    if not rows or rows[0] not in (NARROW, WIDE):
        raise RateEditionError(
            f"{where}: the columns are not {', '.join(NARROW)}, or zone_1 to zone_9 for amount"
        )
    ladders: dict[str, list[Price]] = {}
    for number, row in enumerate(rows[1:], start=2):
        try:
            for price in _prices(rows[0], row):
                ladder = ladders.setdefault(price.item, [])
                if ladder:
                    follow(ladder[-1], price)
                ladder.append(price)
        except ValueError as error:
            raise RateEditionError(f"{where}, line {number}: {error}") from error
    return {item: Ladder(ladder) for item, ladder in ladders.items()}


def write_table(prices: Sequence[Price]) -> bytes:
    """Return the narrow table that reads as these prices."""
    lines = [",".join(NARROW)]
    for price in prices:
        weights = (ounces_text(price.over_milliounces), ounces_text(price.up_to_milliounces))
        source = price.source.replace('"', '""')
        lines.append(
            f"{price.item},{weights[0]},{weights[1]},{_decimals(price.amount)},"
            f'{price.confidence},"{source}"'
        )
    return ("\n".join(lines) + "\n").encode()


def _prices(head: list[str], row: list[str]) -> Iterator[Price]:
    if len(row) != len(head):
        raise ValueError(f"{len(row)} cells; the head has {len(head)}")
    item, over_ounces, up_to_ounces, *amounts, confidence, source = row
    over, up_to = milliounces_of(over_ounces), milliounces_of(up_to_ounces)
    if over >= up_to:
        raise ValueError(f"over {over_ounces} oz up to {up_to_ounces} oz is no range of weights")
    if head == NARROW:
        yield Price(item, over, up_to, _amount(amounts[0]), confidence, source)
        return
    for zone, amount in zip(ZONES, amounts, strict=True):
        if amount:
            yield Price(zoned(item, zone), over, up_to, _amount(amount), confidence, source)


def follow(lighter: Price, heavier: Price) -> None:
    """Check that a price may stand below another of its item.

    Raises:
        ValueError: they overlap, or the price falls as weight rises.
    """
    if heavier.over_milliounces < lighter.up_to_milliounces:
        raise ValueError(f"{heavier.item} overlaps the row before")
    if heavier.amount < lighter.amount:
        raise ValueError(
            f"{heavier.item} falls from {lighter.amount} to {heavier.amount} as weight rises"
        )


def _amount(text: str) -> Money:
    amount = Money.parse(text)
    if amount <= ZERO or text != _decimals(amount):
        raise ValueError(f"{text} is not a price with three decimals")
    return amount


def _decimals(amount: Money) -> str:
    dollars, mills = divmod(amount.mills, MILLS_PER_DOLLAR)
    return f"{dollars}.{mills:03d}"


def milliounces_of(ounces: str) -> int:
    """Return the thousandths of an ounce that a text with at most three decimals names.

    Raises:
        ValueError: no such text.

    >>> milliounces_of("15.999")
    15999
    """
    if not re.fullmatch(r"\d{1,4}(\.\d{1,3})?", ounces, re.ASCII):
        raise ValueError(f"{ounces!r} is not a weight in ounces with at most three decimals")
    whole, _, decimals = ounces.partition(".")
    return int(whole) * 1000 + int(decimals.ljust(3, "0"))


def ounces_text(milliounces: int) -> str:
    """Return ounces as a table writes them.

    >>> ounces_text(3500)
    '3.5'
    """
    return f"{milliounces // 1000}.{milliounces % 1000:03d}".rstrip("0").rstrip(".")
