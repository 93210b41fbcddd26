"""Which category prices a piece: class, shape, price type, sort level, surcharge."""

from postage.errors import BadPriceType
from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece
from postage.rate_answers import Unratable, Why
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
from postage.rate_parcels import is_parcel_class, refuse_size
from postage.rate_tables import ounces_text
from postage.shapes import Classification, Shape

LETTER_LIMIT_MILLIOUNCES = 3_500  # cards and letters above it pay the flat price
FIRST_CLASS_LIMIT_MILLIOUNCES = 13_000


def categorise(
    piece: Mailpiece,
    found: Classification,
    mail_class: MailClass,
    price_type: PriceType,
    sort: Sort | None,
    packaging: Packaging | None,
) -> Category | Unratable:
    """Return the category that prices a piece of a class, or why it has none.

    Raises:
        BadPriceType: a price type that the class does not have.
    """
    price_types = PRICE_TYPES.get(mail_class)
    if price_types is None:
        return Unratable(Why.NO_PRICE, f"{mail_class} has no prices here")
    if price_type not in price_types:
        raise BadPriceType(
            f"{mail_class} has the price types {', '.join(price_types)}, not {price_type!r}"
        )
    if found.shape is Shape.NONMAILABLE:
        return Unratable(Why.NONMAILABLE, f"not mailable: {'; '.join(found.reasons)}")
    if is_parcel_class(mail_class):
        return _parcel(piece, mail_class, price_type, packaging)
    if mail_class is MailClass.FIRST_CLASS and (refusal := _not_first_class(piece, found)):
        return refusal
    if price_type in ("metered", "stamped"):
        return _single_piece(piece, found, price_type)
    return _commercial(found, mail_class, price_type, sort)


def _not_first_class(piece: Mailpiece, found: Classification) -> Unratable | None:
    if found.shape is Shape.PARCEL:
        reasons = "; ".join(found.reasons)
        return Unratable(Why.NOT_FIRST_CLASS, f"a parcel has no First-Class price: {reasons}")
    if piece.weight_milliounces > FIRST_CLASS_LIMIT_MILLIOUNCES:
        weight = ounces_text(piece.weight_milliounces)
        return Unratable(
            Why.NOT_FIRST_CLASS, f"weight {weight} oz is more than 13 oz (First-Class)"
        )
    return None


def _single_piece(piece: Mailpiece, found: Classification, price_type: PriceType) -> Category:
    if found.shape is Shape.FLAT:
        return Category.FLAT
    if piece.weight_milliounces > LETTER_LIMIT_MILLIOUNCES:
        return Category.LETTER_AT_FLAT_PRICE
    if found.shape is Shape.CARD:
        return Category.CARD
    return SINGLE_PIECE_LETTERS[price_type, bool(found.nonmachinable)]


def _commercial(
    found: Classification, mail_class: MailClass, price_type: PriceType, sort: Sort | None
) -> Category | Unratable:
    shape = found.shape
    if price_type == "retail":
        if shape is Shape.FLAT and sort is None:
            return Category.EDDM_RETAIL
    elif found.nonmachinable:
        return Unratable(
            Why.NO_PRICE,
            f"a nonmachinable letter has no {mail_class} automation price: "
            + "; ".join(criterion.value for criterion in found.nonmachinable),
        )
    elif category := COMMERCIAL.get((mail_class, shape, sort)):
        return category
    level = "no sort level" if sort is None else f"sort level {sort}"
    return Unratable(
        Why.NO_PRICE,
        f"no {mail_class} {price_type} price is known for a {shape.value} with {level}",
    )


def _parcel(
    piece: Mailpiece, mail_class: MailClass, price_type: PriceType, packaging: Packaging | None
) -> Category | Unratable:
    if packaging is None:
        category = PARCELS[mail_class, price_type]
        return refuse_size(piece, category) or category
    if mail_class is MailClass.PRIORITY and price_type == "commercial":
        return FLAT_RATE[packaging]
    return Unratable(Why.NO_PRICE, f"no {mail_class} {price_type} price is known for a {packaging}")
