"""What a mailpiece is to the price list: card, letter, flat or parcel (DMM 101, 2023-07-09)."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from postage.mailpiece import Mailpiece


class Shape(Enum):
    """The processing categories, and what is no mail at all."""

    CARD = "card"
    LETTER = "letter"
    FLAT = "flat"
    PARCEL = "parcel"
    NONMAILABLE = "nonmailable"


class Nonmachinable(Enum):
    """Why a letter costs the nonmachinable surcharge (DMM 101.1.2)."""

    ASPECT_RATIO = "length divided by height is below 1.3 or above 2.5"
    WRAP = "plastic wrap or another outside that is not paper"
    CLOSURE = "a clasp, string or button"
    LOOSE_ITEMS = "loose items inside"
    UNEVEN = "uneven thickness"
    RIGID = "too rigid to bend round an 11-inch drum"
    TOO_THIN = "below 0.009 in thick and above 6 in long or 4.25 in high"
    ADDRESS = "the address runs parallel to the short side"
    SELF_MAILER = "a self-mailer not built to the standard"
    BOOKLET = "a booklet not built to the standard"


@dataclass(frozen=True, slots=True)
class Classification:
    """A shape, the nonmachinable criteria that hold (letters only), and why it is no smaller one.

    ``reasons`` explain each shape passed over, in words with amounts and limits.
    """

    shape: Shape
    nonmachinable: tuple[Nonmachinable, ...]
    reasons: tuple[str, ...]


# Thousandths of an inch and of an ounce. Maxima are "not more than": the limit itself fits.
MIN_LENGTH, MIN_HEIGHT, MIN_THICKNESS = 5_000, 3_500, 7
CARD_LENGTH, CARD_HEIGHT, CARD_THICKNESS = 6_000, 4_250, 16
LETTER_LENGTH, LETTER_HEIGHT, LETTER_THICKNESS = 11_500, 6_125, 250
FLAT_LENGTH, FLAT_HEIGHT, FLAT_THICKNESS = 15_000, 12_000, 750
LARGE_LETTER_THICKNESS = 9  # demanded only above the size of a card
MAX_GIRTH = 130_000  # length plus girth; 108 in save for Ground Advantage Retail
MAX_WEIGHT_MILLIOUNCES = 70 * 16 * 1000


def classify(piece: Mailpiece) -> Classification:
    """Return the smallest shape that takes the piece, with the reasons against smaller ones.

    Weight plays no part below 70 lb: a letter above 3.5 oz is still a letter that pays the flat
    price. The length of cards and letters is the side parallel to the address, that of flats the
    longest (DMM 101.1.1, 101.2.1).

    >>> classify(Mailpiece.inches(6, 4, "0.25", ounces="3.5", is_rigid=True)).nonmachinable
    (<Nonmachinable.RIGID: 'too rigid to bend round an 11-inch drum'>,)
    """
    if refusals := tuple(_not_mailable(piece)):
        return Classification(Shape.NONMAILABLE, (), refusals)
    if not (against_card := tuple(_not_a_card(piece))):
        return Classification(Shape.CARD, (), ())
    if not (against_letter := tuple(_not_a_letter(piece))):
        return Classification(Shape.LETTER, tuple(_nonmachinable(piece)), against_card)
    if not (against_flat := tuple(_not_a_flat(piece))):
        return Classification(Shape.FLAT, (), against_letter)
    return Classification(Shape.PARCEL, (), against_letter + against_flat)


def _by_address(piece: Mailpiece) -> tuple[int, int]:
    """Return length and height as the address runs."""
    longer = max(piece.length_thou, piece.height_thou)
    shorter = min(piece.length_thou, piece.height_thou)
    if piece.address_parallel_to_short_side:
        return shorter, longer
    return piece.length_thou, piece.height_thou


def _not_mailable(piece: Mailpiece) -> Iterator[str]:
    thickness, height, length = sorted((piece.length_thou, piece.height_thou, piece.thickness_thou))
    if piece.thickness_thou <= LETTER_THICKNESS:
        yield from _below("length", max(piece.length_thou, piece.height_thou), MIN_LENGTH)
        yield from _below("height", min(piece.length_thou, piece.height_thou), MIN_HEIGHT)
        yield from _below("thickness", piece.thickness_thou, MIN_THICKNESS)
    yield from _above("length and girth", length + 2 * (height + thickness), MAX_GIRTH, "mail")
    if piece.weight_milliounces > MAX_WEIGHT_MILLIOUNCES:
        yield f"weight {Decimal(piece.weight_milliounces) / 1000:f} oz is more than 70 lb (mail)"


def _not_a_card(piece: Mailpiece) -> Iterator[str]:
    length, height = _by_address(piece)
    yield from _above("length", length, CARD_LENGTH, "card")
    yield from _above("height", height, CARD_HEIGHT, "card")
    yield from _above("thickness", piece.thickness_thou, CARD_THICKNESS, "card")
    enclosing = (
        *(piece.is_polybagged, piece.has_closure_devices, piece.has_loose_items),
        *(piece.is_self_mailer, piece.is_booklet),
    )
    if not piece.is_single_sheet or not piece.is_uniform or any(enclosing):
        yield "it is not one uniform sheet without enclosures (card)"
    if not piece.is_rectangular:
        yield "it is not rectangular (card)"


def _not_a_letter(piece: Mailpiece) -> Iterator[str]:
    length, height = _by_address(piece)
    yield from _above("length", length, LETTER_LENGTH, "letter")
    yield from _above("height", height, LETTER_HEIGHT, "letter")
    yield from _above("thickness", piece.thickness_thou, LETTER_THICKNESS, "letter")
    if not piece.is_rectangular:
        yield "it is not rectangular (letter)"


def _not_a_flat(piece: Mailpiece) -> Iterator[str]:
    longer = max(piece.length_thou, piece.height_thou)
    shorter = min(piece.length_thou, piece.height_thou)
    yield from _above("length", longer, FLAT_LENGTH, "flat")
    yield from _above("height", shorter, FLAT_HEIGHT, "flat")
    yield from _above("thickness", piece.thickness_thou, FLAT_THICKNESS, "flat")
    if not piece.is_rectangular:
        yield "it is not rectangular (flat)"
    if not piece.is_flexible or piece.is_rigid:
        yield "it is not flexible (flat)"
    if not piece.is_uniform:
        yield "its thickness is not uniform (flat)"


def _nonmachinable(piece: Mailpiece) -> Iterator[Nonmachinable]:
    length, height = _by_address(piece)
    is_large = length > CARD_LENGTH or height > CARD_HEIGHT
    criteria = (
        # In whole numbers: 1.3 and 2.5 exactly are machinable.
        (Nonmachinable.ASPECT_RATIO, not 13 * height <= 10 * length <= 25 * height),
        (Nonmachinable.WRAP, piece.is_polybagged),
        (Nonmachinable.CLOSURE, piece.has_closure_devices),
        (Nonmachinable.LOOSE_ITEMS, piece.has_loose_items),
        (Nonmachinable.UNEVEN, not piece.is_uniform),
        (Nonmachinable.RIGID, piece.is_rigid or not piece.is_flexible),
        (Nonmachinable.TOO_THIN, is_large and piece.thickness_thou < LARGE_LETTER_THICKNESS),
        (Nonmachinable.ADDRESS, piece.address_parallel_to_short_side),
        (Nonmachinable.SELF_MAILER, piece.is_self_mailer),
        (Nonmachinable.BOOKLET, piece.is_booklet),
    )
    return (criterion for criterion, holds in criteria if holds)


def _above(what: str, thou: int, limit: int, shape: str) -> Iterator[str]:
    if thou > limit:
        yield f"{what} {_inches(thou)} is more than {_inches(limit)} ({shape})"


def _below(what: str, thou: int, limit: int) -> Iterator[str]:
    if thou < limit:
        yield f"{what} {_inches(thou)} is less than {_inches(limit)} (mail up to 0.25 in thick)"


def _inches(thou: int) -> str:
    return f"{Decimal(thou) / 1000:f} in"
