"""A rate category back to the question that it answers, so that a sorter can ask it again."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from postage.mailclass import MailClass
from postage.rate_kinds import (
    COMMERCIAL,
    FLAT_RATE,
    PARCELS,
    PRICE_TYPES,
    SINGLE_PIECE_LETTERS,
    Category,
    Packaging,
    PriceType,
    Sort,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a piece was to be rated: class, price type, and what commercial prices depend on."""

    mail_class: MailClass
    price_type: PriceType
    sort: Sort | None = None
    packaging: Packaging | None = None


def _asked() -> Mapping[int, Asked]:
    first = MailClass.FIRST_CLASS
    rows = {
        category: Asked(first, "metered")
        for category in (Category.CARD, Category.FLAT, Category.LETTER_AT_FLAT_PRICE)
    }
    rows |= {at: Asked(first, price_type) for (price_type, _), at in SINGLE_PIECE_LETTERS.items()}
    rows |= {at: Asked(of, "commercial", sort) for (of, _, sort), at in COMMERCIAL.items()}
    rows |= {at: Asked(of, price_type) for (of, price_type), at in PARCELS.items()}
    rows |= {
        at: Asked(MailClass.PRIORITY, "commercial", packaging=packaging)
        for packaging, at in FLAT_RATE.items()
    }
    rows[Category.EDDM_RETAIL] = Asked(MailClass.MARKETING, "retail")
    assert rows.keys() == set(Category), "a category that nobody asks for"
    return MappingProxyType({int(category): asked for category, asked in rows.items()})


_ASKED = _asked()
_PLAIN = MappingProxyType({of: Asked(of, types[0]) for of, types in PRICE_TYPES.items()})


def asked_by(rate_category: int | None, mail_class: MailClass) -> Asked | None:
    """Return how a piece of this class is to be rated, by the category that it claims.

    A category of another class claims nothing: the class is what the piece is mailed in. Without a
    claim a class has its first price type. None: the class has no prices.

    >>> asked_by(141, MailClass.FIRST_CLASS).sort
    <Sort.FIVE_DIGIT: '5-digit'>
    >>> asked_by(141, MailClass.GROUND_ADVANTAGE).price_type
    'retail'
    """
    claimed = _ASKED.get(rate_category) if rate_category is not None else None
    if claimed is not None and claimed.mail_class is mail_class:
        return claimed
    return _PLAIN.get(mail_class)
