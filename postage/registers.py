"""The registers of a PSD: what was printed, what is left, and the total that ties them."""

from dataclasses import dataclass
from typing import Self

from postage.errors import InsufficientPostage, RegisterViolation
from postage.money import ZERO, Money

MAX_REGISTER = Money(2**40 - 1)
"""Five bytes hold a register in every indicium (domain 1.2, 1.3): $1,099,511,627.775."""
MAX_IMPRINT = Money(2**24 - 1)
"""Three bytes hold the postage of one indicium: $16,777.215."""
MAX_PIECE_COUNT = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """Registers that hold: ascending + descending == control total, each within five bytes.

    A movement returns new registers; the old ones stay as they were, so a refused movement
    changes nothing.

    Raises:
        RegisterViolation: the sum, a sign or a limit is broken.

    >>> Registers.new().refill(Money(500_000)).debit(Money(780)).descending
    Money(mills=499220)
    """

    ascending: Money
    descending: Money
    control_total: Money
    piece_count: int

    def __post_init__(self) -> None:
        for name in ("ascending", "descending", "control_total"):
            value = getattr(self, name)
            if not isinstance(value, Money):
                raise TypeError(f"{name} register is Money, not {type(value).__name__}")
            if not ZERO <= value <= MAX_REGISTER:
                raise RegisterViolation(
                    f"{name} register would be {value}; it holds $0.00 to {MAX_REGISTER}"
                )
        if type(self.piece_count) is not int:
            raise TypeError(f"piece count is int, not {type(self.piece_count).__name__}")
        if not 0 <= self.piece_count <= MAX_PIECE_COUNT:
            raise RegisterViolation(
                f"piece count would be {self.piece_count}; it holds 0 to {MAX_PIECE_COUNT}"
            )
        total = self.ascending + self.descending
        if total != self.control_total:
            raise RegisterViolation(
                f"ascending {self.ascending} + descending {self.descending} is {total}, "
                f"not the control total {self.control_total}"
            )

    @classmethod
    def new(cls) -> Self:
        """Return the registers of a new device: all zero.

        >>> Registers.new().control_total
        Money(mills=0)
        """
        return cls(ascending=ZERO, descending=ZERO, control_total=ZERO, piece_count=0)

    def debit(self, postage: Money) -> "Registers":
        """Return the registers after one indicium; the control total stays.

        Raises:
            InsufficientPostage: postage is above the descending register.
            RegisterViolation: postage is not above zero (redates and tests debit nothing), more
                than an indicium holds, or a register is full.

        >>> Registers.new().refill(Money(1000)).debit(Money(740)).descending
        Money(mills=260)
        """
        if postage <= ZERO:
            raise RegisterViolation(f"a debit of {postage}; an indicium takes at least 1 mill")
        if postage > MAX_IMPRINT:
            raise RegisterViolation(f"a debit of {postage}; an indicium holds {MAX_IMPRINT}")
        if postage > self.descending:
            raise InsufficientPostage(f"{postage} exceeds the {self.descending} left")
        after = Registers(
            ascending=self.ascending + postage,
            descending=self.descending - postage,
            control_total=self.control_total,
            piece_count=self.piece_count + 1,
        )
        assert after.ascending > self.ascending
        return after

    def refill(self, amount: Money) -> "Registers":
        """Return the registers after a refill; the ascending register and the count stay.

        Raises:
            RegisterViolation: amount is not above zero, or the control total is full.

        >>> Registers.new().refill(Money(500_000)).control_total
        Money(mills=500000)
        """
        if amount <= ZERO:
            raise RegisterViolation(f"a refill of {amount}; it must be above $0.00")
        return Registers(
            ascending=self.ascending,
            descending=self.descending + amount,
            control_total=self.control_total + amount,
            piece_count=self.piece_count,
        )

    def withdraw(self) -> "Registers":
        """Return the registers of a withdrawn device: nothing left, the total is what it printed.

        The caller keeps the old descending register: it is the refund due.

        >>> Registers.new().refill(Money(1000)).debit(Money(740)).withdraw().control_total
        Money(mills=740)
        """
        return Registers(
            ascending=self.ascending,
            descending=ZERO,
            control_total=self.ascending,
            piece_count=self.piece_count,
        )
