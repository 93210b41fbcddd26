"""A mailpiece as measured and as its operator describes it."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Self

from postage.errors import BadMailpiece

Exact = int | str | Decimal
"""What a size or weight is given in; a float is refused because 0.25 must be 0.25."""

# 200 inches and 200 pounds: beyond any mailpiece, so a unit was mistaken.
_LIMITS = {
    "length_thou": 200_000,
    "height_thou": 200_000,
    "thickness_thou": 200_000,
    "weight_milliounces": 3_200_000,
}
_LARGEST = max(_LIMITS.values()) // 1000


@dataclass(frozen=True, slots=True)
class Mailpiece:
    """One piece: integer thousandths of an inch and of an ounce, and what a belt cannot see.

    ``length_thou`` is the side that runs along the belt, taken as parallel to the address (DMM
    101.1); ``address_parallel_to_short_side`` says that the address runs the other way. The first
    six flags are those of the USPS Labels API; all defaults describe an ordinary piece, and a
    piece of card size counts as a card unless ``is_single_sheet`` is False (an envelope).

    Raises:
        BadMailpiece: a size is below 1 or beyond any mailpiece (200 in, 200 lb).
        TypeError: a size is not an int.

    >>> Mailpiece.inches(6, 4, "0.25", ounces="3.5").weight_milliounces
    3500
    """

    length_thou: int
    height_thou: int
    thickness_thou: int
    weight_milliounces: int
    is_polybagged: bool = False
    has_closure_devices: bool = False
    has_loose_items: bool = False
    is_rigid: bool = False
    is_self_mailer: bool = False
    is_booklet: bool = False
    address_parallel_to_short_side: bool = False
    is_rectangular: bool = True
    is_flexible: bool = True
    is_uniform: bool = True
    is_single_sheet: bool = True

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            if type(value) is not int:
                raise TypeError(f"{name} is an int, not {type(value).__name__}")
            if not 1 <= value <= limit:
                raise BadMailpiece(f"{name} is {value}; a mailpiece has 1 to {limit}")

    @classmethod
    def inches(
        cls, length: Exact, height: Exact, thickness: Exact, *, ounces: Exact, **flags: bool
    ) -> Self:
        """Return the piece of these inches and ounces, exact to three decimals.

        Raises:
            BadMailpiece: not a number, finer than a thousandth, or out of range.
            TypeError: a float, or a flag that does not exist.

        >>> Mailpiece.inches("11.5", "6.125", "0.25", ounces=1, is_rigid=True).length_thou
        11500
        """
        return cls(
            _thousandths("length", length),
            _thousandths("height", height),
            _thousandths("thickness", thickness),
            _thousandths("weight", ounces),
            **flags,
        )

    @property
    def weight_tenths_oz(self) -> int:
        """Return the weight in tenths of an ounce, rounded up, as an indicium carries it.

        >>> Mailpiece.inches(6, 4, "0.25", ounces="3.401").weight_tenths_oz
        35
        """
        return -(-self.weight_milliounces // 100)


def _thousandths(what: str, value: Exact) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
        raise TypeError(f"{what} is int, str or Decimal, not {type(value).__name__}")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise BadMailpiece(f"{what} {value!r} is not a number") from None
    # The range first: Decimal("1e999999") is a number, and no int that one wants to make.
    if not number.is_finite() or abs(number) > _LARGEST:
        raise BadMailpiece(f"{what} {number} is no size or weight; the limit is {_LARGEST}")
    scaled = number * 1000
    if scaled != scaled.to_integral_value():
        raise BadMailpiece(f"{what} {value} is not a whole number of thousandths")
    return int(scaled)
