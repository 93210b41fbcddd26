"""What a First-Class piece costs on a mailing date, in steps that a dispute can re-read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, IntEnum
from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

from postage.errors import BadPriceType, RateEditionError
from postage.mailpiece import Mailpiece
from postage.money import ZERO, Money
from postage.rate_editions import EDITIONS, Price, RateEdition, read_edition
from postage.shapes import Classification, Shape, classify

PriceType = Literal["metered", "stamped"]

TRUSTED = frozenset({"V", "V*", "V**", "S"})
"""Confidences that rate a piece; a price recalled or inferred is never charged."""
LETTER_LIMIT_MILLIOUNCES = 3_500  # cards and letters above it pay the flat price
FIRST_CLASS_LIMIT_MILLIOUNCES = 13_000


class Category(IntEnum):
    """Rate categories as our indicia carry them: ours, two bytes, never reused.

    The codes say shape, price type and surcharge; ITEMS says which prices add up.
    """

    CARD = 101
    LETTER_METERED = 111
    LETTER_METERED_NONMACHINABLE = 112
    LETTER_STAMPED = 121
    LETTER_STAMPED_NONMACHINABLE = 122
    FLAT = 131
    LETTER_AT_FLAT_PRICE = 132


ITEMS: Mapping[Category, Sequence[str]] = {
    Category.CARD: ["card"],
    Category.LETTER_METERED: ["letter_metered"],
    Category.LETTER_METERED_NONMACHINABLE: ["letter_metered", "nonmachinable"],
    Category.LETTER_STAMPED: ["letter_stamped"],
    Category.LETTER_STAMPED_NONMACHINABLE: ["letter_stamped", "nonmachinable"],
    Category.FLAT: ["flat"],
    Category.LETTER_AT_FLAT_PRICE: ["flat"],
}
LETTERS: Mapping[tuple[PriceType, bool], Category] = {
    ("metered", False): Category.LETTER_METERED,
    ("metered", True): Category.LETTER_METERED_NONMACHINABLE,
    ("stamped", False): Category.LETTER_STAMPED,
    ("stamped", True): Category.LETTER_STAMPED_NONMACHINABLE,
}


class Why(Enum):
    """Why a piece has no First-Class quote."""

    NONMAILABLE = "no mail"
    NOT_FIRST_CLASS = "another class, or none"
    NO_EDITION = "no edition in force"
    NO_PRICE = "the edition does not know the price"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a quote: an amount, what it is for and who says so."""

    text: str
    amount: Money
    confidence: str
    source: str


@dataclass(frozen=True, slots=True)
class Quote:
    """The postage of one piece, the edition that says so, and how it adds up."""

    postage: Money
    edition: str
    category: Category
    shape: Shape
    price_type: PriceType
    steps: tuple[Step, ...]
    classification: Classification


@dataclass(frozen=True, slots=True)
class Unratable:
    """No quote, and the reason; a missing price is never guessed."""

    why: Why
    reason: str


@dataclass(frozen=True, slots=True)
class RateBook:
    """All editions, oldest first; the one in force is the last that is effective.

    Raises:
        RateEditionError: no edition, or two with one date.
    """

    editions: tuple[RateEdition, ...]

    def __post_init__(self) -> None:
        dates = [edition.effective for edition in self.editions]
        if not dates or any(a >= b for a, b in pairwise(dates)):
            raise RateEditionError("a rate book needs editions, oldest first, one for each date")

    @classmethod
    def load(cls, folder: Path | None = None) -> Self:
        """Return the book of all editions in a folder, by default those that come with us.

        Raises:
            RateEditionError: no edition, or one that is not what its manifest says.

        >>> [edition.name for edition in RateBook.load().editions][-1]
        '2026-07-12'
        """
        root = EDITIONS if folder is None else folder
        folders = sorted(path for path in root.glob("*") if path.is_dir())
        if not folders:
            raise RateEditionError(f"{root} holds no rate edition")
        return cls(tuple(read_edition(path) for path in folders))

    def in_force(self, day: date) -> RateEdition | None:
        """Return the edition of a mailing date at its origin, None before the first."""
        past = [edition for edition in self.editions if edition.effective <= day]
        return past[-1] if past else None

    def quote(
        self, piece: Mailpiece, mailing_date: date, *, price_type: PriceType = "metered"
    ) -> Quote | Unratable:
        """Return the First-Class postage of a piece at the prices of its mailing date.

        Weight goes up to the next whole ounce; a letter has one last step from 3 to 3.5 oz. Above
        3.5 oz a card or letter pays the flat price of its ounces, without surcharge. Cards and
        flats have one price for both price types.

        Raises:
            BadPriceType: neither metered nor stamped.

        >>> quote = RateBook.load().quote(Mailpiece.inches(9, 4, "0.02", ounces="1.01"),
        ...     date(2026, 7, 12))
        >>> quote.postage, quote.edition
        (Money(mills=1070), '2026-07-12')
        """
        if price_type not in ("metered", "stamped"):
            raise BadPriceType(f"price type {price_type!r} is not metered or stamped")
        found = classify(piece)
        if refusal := _not_first_class(piece, found):
            return refusal
        category = _category(piece, found, price_type)
        edition = self.in_force(mailing_date)
        if edition is None:
            return Unratable(
                Why.NO_EDITION,
                f"mailing date {mailing_date} lies before the first edition, "
                f"{self.editions[0].name}",
            )
        prices = [_price(edition, item, piece) for item in ITEMS[category]]
        if unknown := [price for price in prices if isinstance(price, Unratable)]:
            return unknown[0]
        steps = tuple(_step(price) for price in prices if isinstance(price, Price))
        return Quote(
            postage=sum((step.amount for step in steps), ZERO),
            edition=edition.name,
            category=category,
            shape=found.shape,
            price_type=price_type,
            steps=steps,
            classification=found,
        )


def _not_first_class(piece: Mailpiece, found: Classification) -> Unratable | None:
    reasons, weight = "; ".join(found.reasons), piece.weight_milliounces
    if found.shape is Shape.NONMAILABLE:
        return Unratable(Why.NONMAILABLE, f"not mailable: {reasons}")
    if found.shape is Shape.PARCEL:
        return Unratable(Why.NOT_FIRST_CLASS, f"a parcel has no First-Class price: {reasons}")
    if weight > FIRST_CLASS_LIMIT_MILLIOUNCES:
        return Unratable(
            Why.NOT_FIRST_CLASS, f"weight {_ounces(weight)} oz is more than 13 oz (First-Class)"
        )
    return None


def _category(piece: Mailpiece, found: Classification, price_type: PriceType) -> Category:
    if found.shape is Shape.FLAT:
        return Category.FLAT
    if piece.weight_milliounces > LETTER_LIMIT_MILLIOUNCES:
        return Category.LETTER_AT_FLAT_PRICE
    if found.shape is Shape.CARD:
        return Category.CARD
    return LETTERS[price_type, bool(found.nonmachinable)]


def _price(edition: RateEdition, item: str, piece: Mailpiece) -> Price | Unratable:
    price = edition.price(item, piece.weight_milliounces)
    weight = _ounces(piece.weight_milliounces)
    if price is None:
        missing = edition.missing.get(item, "not in the edition")
        return Unratable(
            Why.NO_PRICE, f"edition {edition.name} has no {item} price at {weight} oz: {missing}"
        )
    if price.confidence not in TRUSTED:
        return Unratable(
            Why.NO_PRICE,
            f"edition {edition.name} is not sure of its {item} price at {weight} oz "
            f"(confidence {price.confidence}, {price.source})",
        )
    return price


def _step(price: Price) -> Step:
    text = f"{price.item} up to {_ounces(price.up_to_milliounces)} oz"
    return Step(text, price.amount, price.confidence, price.source)


def _ounces(milliounces: int) -> str:
    return f"{milliounces // 1000}.{milliounces % 1000:03d}".rstrip("0").rstrip(".")
