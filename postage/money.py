"""Money is a whole number of mills (tenths of a cent), the unit inside every indicium."""

import re
from dataclasses import dataclass
from typing import Self

from postage.errors import BadAmount

MILLS_PER_DOLLAR = 1000
_AMOUNT = re.compile(r"(-?)\$?(\d{1,30})(?:\.(\d{1,3}))?", re.ASCII)


@dataclass(frozen=True, order=True, slots=True)
class Money:
    """An exact amount in mills, negative for what flows back.

    Raises:
        TypeError: mills is not an int; a float or a bool is never money.

    >>> Money(1360) + Money(400)
    Money(mills=1760)
    >>> print(Money(1760), Money(406), Money(-290))
    $1.76 $0.406 -$0.29
    """

    mills: int

    def __post_init__(self) -> None:
        # Exact type: bool is an int to Python and a float is what this class exists to keep out.
        if type(self.mills) is not int:
            raise TypeError(f"money is whole mills (int), not {type(self.mills).__name__}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the amount that a decimal text in dollars names; what ``str`` writes, it reads.

        Raises:
            BadAmount: not ``[-][$]digits[.digits]``, or finer than a mill.
            TypeError: not a str.

        >>> Money.parse("1.76"), Money.parse("-$0.406")
        (Money(mills=1760), Money(mills=-406))
        """
        if not isinstance(text, str):
            raise TypeError(f"an amount is read from str, not {type(text).__name__}")
        match = _AMOUNT.fullmatch(text)
        if match is None:
            raise BadAmount(f"{text!r} is not an amount: digits, with at most 3 decimals")
        sign, dollars, decimals = match.groups()
        mills = int(dollars) * MILLS_PER_DOLLAR + int((decimals or "").ljust(3, "0"))
        return cls(-mills if sign else mills)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.mills + other.mills) if isinstance(other, Money) else NotImplemented

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.mills - other.mills) if isinstance(other, Money) else NotImplemented

    def __mul__(self, times: int) -> "Money":
        return Money(self.mills * times) if type(times) is int else NotImplemented

    __rmul__ = __mul__

    def __neg__(self) -> "Money":
        return Money(-self.mills)

    def __abs__(self) -> "Money":
        return Money(abs(self.mills))

    def __bool__(self) -> bool:
        return self.mills != 0

    def __str__(self) -> str:
        """Return dollars with two decimals, a third only when not a whole cent (domain 1.7)."""
        dollars, mills = divmod(abs(self.mills), MILLS_PER_DOLLAR)
        decimals = f"{mills:03d}" if mills % 10 else f"{mills // 10:02d}"
        return f"{'-' if self.mills < 0 else ''}${dollars}.{decimals}"


ZERO = Money(0)
