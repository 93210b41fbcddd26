"""Weighed -> Rated: which shape, which price, under the edition of the mailing date."""

from datetime import date

from pipeline.pieces import Diverted, Rated, Reason, Weighed
from postage.mailpiece import Mailpiece
from postage.rates import RateBook, Unratable


def rate(weighed: Weighed, book: RateBook, mailing_date: date) -> Rated | Diverted:
    """Return the piece with its postage, or divert what the book has no price for."""
    fed = weighed.fed
    piece = Mailpiece(
        length_thou=fed.length_thou,
        height_thou=fed.height_thou,
        thickness_thou=fed.thickness_thou,
        weight_milliounces=weighed.weight_milliounces,
        **dict.fromkeys(fed.order.flags, True),
    )
    answer = book.quote(piece, mailing_date)
    if isinstance(answer, Unratable):
        return Diverted(weighed, Reason.UNRATABLE, answer.reason)
    return Rated(weighed, piece, answer)
