"""What a scanned piece costs, asked of the rate book and remembered."""

from datetime import date
from functools import lru_cache
from typing import Final

from postage.errors import BadZone
from postage.mailpiece import Mailpiece
from postage.rate_claims import Asked
from postage.rates import Quote, RateBook, Unratable, Why

MOST_PRICES: Final = 65_536  # mail comes in runs of like pieces


class Pricer:
    """Asks a rate book; the same question is answered from memory. Thread-safe.

    >>> from postage.mailclass import MailClass
    >>> pricer = Pricer(RateBook.load())
    >>> pricer(Mailpiece.inches(9, 4, "0.02", ounces=1), Asked(MailClass.FIRST_CLASS,
    ...     "metered"), None, date(2026, 7, 12)).postage
    Money(mills=780)
    """

    def __init__(self, rates: RateBook) -> None:
        self._rates = rates
        self._remembered = lru_cache(maxsize=MOST_PRICES)(self._ask)

    def __call__(
        self, piece: Mailpiece, asked: Asked, zone: int | None, day: date
    ) -> Quote | Unratable:
        """Return the price of a piece on its mailing date, or why there is none."""
        return self._remembered(piece, asked, zone, day)

    def _ask(
        self, piece: Mailpiece, asked: Asked, zone: int | None, day: date
    ) -> Quote | Unratable:
        try:
            return self._rates.quote(
                piece,
                day,
                price_type=asked.price_type,
                mail_class=asked.mail_class,
                sort=asked.sort,
                packaging=asked.packaging,
                zone=zone,
            )
        except BadZone as error:  # a sorter's zone is input like any other
            return Unratable(Why.NO_PRICE, str(error))
