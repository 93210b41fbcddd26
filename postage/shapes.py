"""What a mailpiece is to the price list: card, letter, flat or parcel (DMM 101, 2023-07-09)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
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


Against = tuple[str, int, int, str] | str
"""Why a piece is not of a shape: what is how much, with which limit, of which shape; or words."""


@dataclass(frozen=True, slots=True)
class Classification:
    """A shape, the nonmachinable criteria that hold (letters only), and why no smaller shape."""

    shape: Shape
    nonmachinable: tuple[Nonmachinable, ...]
    piece: Mailpiece = field(repr=False)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Return what speaks against each shape passed over, in words with amounts and limits."""
        if self.shape is Shape.NONMAILABLE:
            return tuple(map(_say, _not_mailable(self.piece)))
        passed = _PASSED_OVER[self.shape]
        return tuple(_say(why) for shape in passed for why in _AGAINST[shape](self.piece))


# Thousandths of an inch and of an ounce. Maxima are "not more than": the limit itself fits.
MIN_LENGTH, MIN_HEIGHT, MIN_THICKNESS = 5_000, 3_500, 7
CARD_LENGTH, CARD_HEIGHT, CARD_THICKNESS = 6_000, 4_250, 16
LETTER_LENGTH, LETTER_HEIGHT, LETTER_THICKNESS = 11_500, 6_125, 250
FLAT_LENGTH, FLAT_HEIGHT, FLAT_THICKNESS = 15_000, 12_000, 750
LARGE_LETTER_THICKNESS = 9  # demanded only above the size of a card
MAX_GIRTH = 130_000  # length plus girth; 108 in save for Ground Advantage Retail
MAX_WEIGHT_MILLIOUNCES = 70 * 16 * 1000
_THIN = "mail up to 0.25 in thick"


def classify(piece: Mailpiece) -> Classification:
    """Return the smallest shape that takes the piece, with the reasons against smaller ones.

    Weight plays no part below 70 lb: a letter above 3.5 oz is still a letter that pays the flat
    price. The length of cards and letters is the side parallel to the address, that of flats the
    longest (DMM 101.1.1, 101.2.1).

    >>> classify(Mailpiece.inches(6, 4, "0.25", ounces="3.5", is_rigid=True)).nonmachinable
    (<Nonmachinable.RIGID: 'too rigid to bend round an 11-inch drum'>,)
    """
    if next(_not_mailable(piece), None):
        return Classification(Shape.NONMAILABLE, (), piece)
    for shape, against in _AGAINST.items():
        if next(against(piece), None) is None:
            criteria = tuple(_nonmachinable(piece)) if shape is Shape.LETTER else ()
            return Classification(shape, criteria, piece)
    return Classification(Shape.PARCEL, (), piece)


def _by_address(piece: Mailpiece) -> tuple[int, int]:
    """Return length and height as the address runs."""
    length, height = piece.length_thou, piece.height_thou
    if piece.address_parallel_to_short_side and length > height:
        return height, length
    return length, height


def _not_mailable(piece: Mailpiece) -> Iterator[Against]:
    thickness, height, length = sorted((piece.length_thou, piece.height_thou, piece.thickness_thou))
    if piece.thickness_thou <= LETTER_THICKNESS:
        longer = max(piece.length_thou, piece.height_thou)
        shorter = min(piece.length_thou, piece.height_thou)
        if longer < MIN_LENGTH:
            yield "length", longer, MIN_LENGTH, _THIN
        if shorter < MIN_HEIGHT:
            yield "height", shorter, MIN_HEIGHT, _THIN
        if piece.thickness_thou < MIN_THICKNESS:
            yield "thickness", piece.thickness_thou, MIN_THICKNESS, _THIN
    if (around := length + 2 * (height + thickness)) > MAX_GIRTH:
        yield "length and girth", around, MAX_GIRTH, "mail"
    if piece.weight_milliounces > MAX_WEIGHT_MILLIOUNCES:
        yield f"weight {Decimal(piece.weight_milliounces) / 1000:f} oz is more than 70 lb (mail)"


def _not_a_card(piece: Mailpiece) -> Iterator[Against]:
    length, height = _by_address(piece)
    if length > CARD_LENGTH:
        yield "length", length, CARD_LENGTH, "card"
    if height > CARD_HEIGHT:
        yield "height", height, CARD_HEIGHT, "card"
    if piece.thickness_thou > CARD_THICKNESS:
        yield "thickness", piece.thickness_thou, CARD_THICKNESS, "card"
    enclosing = (
        *(piece.is_polybagged, piece.has_closure_devices, piece.has_loose_items),
        *(piece.is_self_mailer, piece.is_booklet),
    )
    if not piece.is_single_sheet or not piece.is_uniform or any(enclosing):
        yield "it is not one uniform sheet without enclosures (card)"
    if not piece.is_rectangular:
        yield "it is not rectangular (card)"


def _not_a_letter(piece: Mailpiece) -> Iterator[Against]:
    length, height = _by_address(piece)
    if length > LETTER_LENGTH:
        yield "length", length, LETTER_LENGTH, "letter"
    if height > LETTER_HEIGHT:
        yield "height", height, LETTER_HEIGHT, "letter"
    if piece.thickness_thou > LETTER_THICKNESS:
        yield "thickness", piece.thickness_thou, LETTER_THICKNESS, "letter"
    if not piece.is_rectangular:
        yield "it is not rectangular (letter)"


def _not_a_flat(piece: Mailpiece) -> Iterator[Against]:
    longer = max(piece.length_thou, piece.height_thou)
    shorter = min(piece.length_thou, piece.height_thou)
    if longer > FLAT_LENGTH:
        yield "length", longer, FLAT_LENGTH, "flat"
    if shorter > FLAT_HEIGHT:
        yield "height", shorter, FLAT_HEIGHT, "flat"
    if piece.thickness_thou > FLAT_THICKNESS:
        yield "thickness", piece.thickness_thou, FLAT_THICKNESS, "flat"
    if not piece.is_rectangular:
        yield "it is not rectangular (flat)"
    if not piece.is_flexible or piece.is_rigid:
        yield "it is not flexible (flat)"
    if not piece.is_uniform:
        yield "its thickness is not uniform (flat)"


# The shapes from the smallest, and what speaks against each.
_AGAINST: Mapping[Shape, Callable[[Mailpiece], Iterator[Against]]] = {
    Shape.CARD: _not_a_card,
    Shape.LETTER: _not_a_letter,
    Shape.FLAT: _not_a_flat,
}
_PASSED_OVER: Mapping[Shape, Sequence[Shape]] = {
    Shape.CARD: (),
    Shape.LETTER: (Shape.CARD,),
    Shape.FLAT: (Shape.LETTER,),
    Shape.PARCEL: (Shape.LETTER, Shape.FLAT),
}


def _nonmachinable(piece: Mailpiece) -> Iterator[Nonmachinable]:
    length, height = _by_address(piece)
    is_large = length > CARD_LENGTH or height > CARD_HEIGHT
    # In whole numbers: 1.3 and 2.5 exactly are machinable.
    if not 13 * height <= 10 * length <= 25 * height:
        yield Nonmachinable.ASPECT_RATIO
    if piece.is_polybagged:
        yield Nonmachinable.WRAP
    if piece.has_closure_devices:
        yield Nonmachinable.CLOSURE
    if piece.has_loose_items:
        yield Nonmachinable.LOOSE_ITEMS
    if not piece.is_uniform:
        yield Nonmachinable.UNEVEN
    if piece.is_rigid or not piece.is_flexible:
        yield Nonmachinable.RIGID
    if is_large and piece.thickness_thou < LARGE_LETTER_THICKNESS:
        yield Nonmachinable.TOO_THIN
    if piece.address_parallel_to_short_side:
        yield Nonmachinable.ADDRESS
    if piece.is_self_mailer:
        yield Nonmachinable.SELF_MAILER
    if piece.is_booklet:
        yield Nonmachinable.BOOKLET


def _say(why: Against) -> str:
    if isinstance(why, str):
        return why
    what, thou, limit, shape = why
    side = "more" if thou > limit else "less"
    return f"{what} {_inches(thou)} is {side} than {_inches(limit)} ({shape})"


def _inches(thou: int) -> str:
    return f"{Decimal(thou) / 1000:f} in"
