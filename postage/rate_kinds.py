"""What can be asked of the rate book: classes, price lists, sort levels, services, categories."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Literal

from postage.mailclass import MailClass
from postage.shapes import Shape

PriceType = Literal["metered", "stamped", "retail", "commercial"]
"""First-Class single pieces are metered or stamped; everything else is retail or commercial."""


class PriceList(StrEnum):
    """Which prices change together: an edition holds all that is known of one list.

    First-Class single pieces are one list, metered and stamped.
    """

    FIRST_CLASS_RETAIL = "first-class-retail"
    FIRST_CLASS_COMMERCIAL = "first-class-commercial"
    MARKETING_RETAIL = "marketing-retail"
    MARKETING_COMMERCIAL = "marketing-commercial"
    GROUND_ADVANTAGE_RETAIL = "ground-advantage-retail"
    GROUND_ADVANTAGE_COMMERCIAL = "ground-advantage-commercial"
    PRIORITY_RETAIL = "priority-retail"
    PRIORITY_COMMERCIAL = "priority-commercial"
    EXPRESS_RETAIL = "express-retail"
    EXPRESS_COMMERCIAL = "express-commercial"
    EXTRA_SERVICES = "extra-services"


class Sort(StrEnum):
    """How far a commercial mailing is sorted, and for DSCF where it is entered."""

    FIVE_DIGIT = "5-digit"
    FIVE_DIGIT_DSCF = "5-digit-dscf"
    AADC = "aadc"
    MIXED_AADC = "mixed-aadc"
    MACHINABLE_MIXED_AADC = "machinable-mixed-aadc"
    BEST_TIER = "best-tier"


class Packaging(StrEnum):
    """Priority Mail packaging whose price knows neither weight nor zone."""

    PADDED_ENVELOPE = "padded-flat-rate-envelope"
    MEDIUM_BOX = "medium-flat-rate-box"
    LARGE_BOX = "large-flat-rate-box"


class Service(StrEnum):
    """Extra services, each an amount on top of the postage."""

    CERTIFIED = "certified"
    RETURN_RECEIPT_MAIL = "return_receipt_mail"
    RETURN_RECEIPT_ELECTRONIC = "return_receipt_electronic"


ANNUAL_MAILING_FEE = "permit_or_annual_mailing_fee"
"""In the extra services list, but paid for a year, not for a piece."""


class Category(IntEnum):
    """Rate categories as our indicia carry them: ours, two bytes, never reused.

    A code says class, price type, shape, sort level and surcharge; PRICED says which prices add up.
    """

    CARD = 101
    LETTER_METERED = 111
    LETTER_METERED_NONMACHINABLE = 112
    LETTER_STAMPED = 121
    LETTER_STAMPED_NONMACHINABLE = 122
    FLAT = 131
    LETTER_AT_FLAT_PRICE = 132
    AUTOMATION_LETTER_5_DIGIT = 141
    AUTOMATION_LETTER_AADC = 142
    AUTOMATION_LETTER_MIXED_AADC = 143
    AUTOMATION_FLAT_BEST_TIER = 151
    MARKETING_LETTER_5_DIGIT = 201
    MARKETING_LETTER_AADC = 202
    MARKETING_LETTER_MIXED_AADC = 203
    MARKETING_LETTER_5_DIGIT_DSCF = 204
    MARKETING_LETTER_MACHINABLE_MIXED_AADC = 205
    MARKETING_FLAT = 211
    EDDM_RETAIL = 221
    GROUND_ADVANTAGE_RETAIL = 301
    GROUND_ADVANTAGE_COMMERCIAL = 302
    PRIORITY_RETAIL = 311
    PRIORITY_COMMERCIAL = 312
    PRIORITY_PADDED_ENVELOPE = 321
    PRIORITY_MEDIUM_BOX = 322
    PRIORITY_LARGE_BOX = 323
    EXPRESS_RETAIL = 331
    EXPRESS_COMMERCIAL = 332


@dataclass(frozen=True, slots=True)
class Priced:
    """Where a category's prices stand: a list, and the items of it that add up."""

    mail_class: MailClass
    price_list: PriceList
    items: tuple[str, ...]
    is_zoned: bool = False


def _priced() -> Mapping[Category, Priced]:
    c, m, p = Category, MailClass, PriceList
    rows: dict[Category, Priced] = {}

    def put(category: Category, mail_class: MailClass, prices: PriceList, *items: str) -> None:
        rows[category] = Priced(mail_class, prices, items)

    def put_zoned(category: Category, mail_class: MailClass, prices: PriceList) -> None:
        rows[category] = Priced(mail_class, prices, (prices.replace("-", "_"),), is_zoned=True)

    put(c.CARD, m.FIRST_CLASS, p.FIRST_CLASS_RETAIL, "card")
    put(c.FLAT, m.FIRST_CLASS, p.FIRST_CLASS_RETAIL, "flat")
    put(c.LETTER_AT_FLAT_PRICE, m.FIRST_CLASS, p.FIRST_CLASS_RETAIL, "flat")
    for plain, surcharged, item in (
        (c.LETTER_METERED, c.LETTER_METERED_NONMACHINABLE, "letter_metered"),
        (c.LETTER_STAMPED, c.LETTER_STAMPED_NONMACHINABLE, "letter_stamped"),
    ):
        put(plain, m.FIRST_CLASS, p.FIRST_CLASS_RETAIL, item)
        put(surcharged, m.FIRST_CLASS, p.FIRST_CLASS_RETAIL, item, "nonmachinable")
    for category in c:
        if category.name.startswith("AUTOMATION_"):
            put(category, m.FIRST_CLASS, p.FIRST_CLASS_COMMERCIAL, category.name.lower())
        elif category.name.startswith("MARKETING_"):
            put(category, m.MARKETING, p.MARKETING_COMMERCIAL, category.name.lower())
    put(c.EDDM_RETAIL, m.MARKETING, p.MARKETING_RETAIL, "eddm_flat")
    put_zoned(c.GROUND_ADVANTAGE_RETAIL, m.GROUND_ADVANTAGE, p.GROUND_ADVANTAGE_RETAIL)
    put_zoned(c.GROUND_ADVANTAGE_COMMERCIAL, m.GROUND_ADVANTAGE, p.GROUND_ADVANTAGE_COMMERCIAL)
    put_zoned(c.PRIORITY_RETAIL, m.PRIORITY, p.PRIORITY_RETAIL)
    put_zoned(c.PRIORITY_COMMERCIAL, m.PRIORITY, p.PRIORITY_COMMERCIAL)
    put_zoned(c.EXPRESS_RETAIL, m.EXPRESS, p.EXPRESS_RETAIL)
    put_zoned(c.EXPRESS_COMMERCIAL, m.EXPRESS, p.EXPRESS_COMMERCIAL)
    put(c.PRIORITY_PADDED_ENVELOPE, m.PRIORITY, p.PRIORITY_COMMERCIAL, "padded_flat_rate_envelope")
    put(c.PRIORITY_MEDIUM_BOX, m.PRIORITY, p.PRIORITY_COMMERCIAL, "medium_flat_rate_box")
    put(c.PRIORITY_LARGE_BOX, m.PRIORITY, p.PRIORITY_COMMERCIAL, "large_flat_rate_box")
    assert set(rows) == set(c), "a category without prices"
    return MappingProxyType(rows)


PRICED = _priced()

SINGLE_PIECE_LETTERS: Mapping[tuple[PriceType, bool], Category] = {
    ("metered", False): Category.LETTER_METERED,
    ("metered", True): Category.LETTER_METERED_NONMACHINABLE,
    ("stamped", False): Category.LETTER_STAMPED,
    ("stamped", True): Category.LETTER_STAMPED_NONMACHINABLE,
}
"""By price type and whether the letter is nonmachinable."""

COMMERCIAL: Mapping[tuple[MailClass, Shape, Sort | None], Category] = {
    (MailClass.FIRST_CLASS, Shape.LETTER, Sort.FIVE_DIGIT): Category.AUTOMATION_LETTER_5_DIGIT,
    (MailClass.FIRST_CLASS, Shape.LETTER, Sort.AADC): Category.AUTOMATION_LETTER_AADC,
    (MailClass.FIRST_CLASS, Shape.LETTER, Sort.MIXED_AADC): Category.AUTOMATION_LETTER_MIXED_AADC,
    (MailClass.FIRST_CLASS, Shape.FLAT, Sort.BEST_TIER): Category.AUTOMATION_FLAT_BEST_TIER,
    (MailClass.MARKETING, Shape.LETTER, Sort.FIVE_DIGIT): Category.MARKETING_LETTER_5_DIGIT,
    (MailClass.MARKETING, Shape.LETTER, Sort.AADC): Category.MARKETING_LETTER_AADC,
    (MailClass.MARKETING, Shape.LETTER, Sort.MIXED_AADC): Category.MARKETING_LETTER_MIXED_AADC,
    (
        MailClass.MARKETING,
        Shape.LETTER,
        Sort.FIVE_DIGIT_DSCF,
    ): Category.MARKETING_LETTER_5_DIGIT_DSCF,
    (
        MailClass.MARKETING,
        Shape.LETTER,
        Sort.MACHINABLE_MIXED_AADC,
    ): Category.MARKETING_LETTER_MACHINABLE_MIXED_AADC,
    # The one public Marketing flat price does not say its sort level.
    (MailClass.MARKETING, Shape.FLAT, None): Category.MARKETING_FLAT,
}
"""By class, shape and sort level; what is not here has no public price."""

PARCELS: Mapping[tuple[MailClass, PriceType], Category] = {
    (MailClass.GROUND_ADVANTAGE, "retail"): Category.GROUND_ADVANTAGE_RETAIL,
    (MailClass.GROUND_ADVANTAGE, "commercial"): Category.GROUND_ADVANTAGE_COMMERCIAL,
    (MailClass.PRIORITY, "retail"): Category.PRIORITY_RETAIL,
    (MailClass.PRIORITY, "commercial"): Category.PRIORITY_COMMERCIAL,
    (MailClass.EXPRESS, "retail"): Category.EXPRESS_RETAIL,
    (MailClass.EXPRESS, "commercial"): Category.EXPRESS_COMMERCIAL,
}

FLAT_RATE: Mapping[Packaging, Category] = {
    Packaging.PADDED_ENVELOPE: Category.PRIORITY_PADDED_ENVELOPE,
    Packaging.MEDIUM_BOX: Category.PRIORITY_MEDIUM_BOX,
    Packaging.LARGE_BOX: Category.PRIORITY_LARGE_BOX,
}

PRICE_TYPES: Mapping[MailClass, tuple[PriceType, ...]] = {
    MailClass.FIRST_CLASS: ("metered", "stamped", "commercial"),
    MailClass.MARKETING: ("retail", "commercial"),
    MailClass.GROUND_ADVANTAGE: ("retail", "commercial"),
    MailClass.PRIORITY: ("retail", "commercial"),
    MailClass.EXPRESS: ("retail", "commercial"),
}
"""The price types that a class has."""
