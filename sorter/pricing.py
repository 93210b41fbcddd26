"""What a scanned piece costs, asked of the rate book and remembered."""

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Final

from postage.errors import BadZone
from postage.mailpiece import Mailpiece
from postage.rate_claims import Asked
from postage.rates import Quote, RateBook, Unratable, Why

MOST_PRICES: Final = 4_096  # mail comes in runs of like pieces

Price = Callable[[Mailpiece, Asked, int | None, date], Quote | Unratable]
"""What a piece costs as asked, to a zone, on its mailing date, or why there is no price."""


def remembering(rates: RateBook) -> Price:
    """Return the prices of a rate book; the same question is answered from memory. Thread-safe.

    >>> from postage.mailclass import MailClass
    >>> price = remembering(RateBook.load())
    >>> price(Mailpiece.inches(9, 4, "0.02", ounces=1), Asked(MailClass.FIRST_CLASS, "metered"),
    ...     None, date(2026, 7, 12)).postage
    Money(mills=780)
    """

    @lru_cache(maxsize=MOST_PRICES)
    def price(piece: Mailpiece, asked: Asked, zone: int | None, day: date) -> Quote | Unratable:
        try:
            return rates.quote(
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

    return price
