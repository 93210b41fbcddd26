"""What a piece must have cost, when every measurement may be a little off."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product

from postage.facts import Measured
from postage.mailpiece import Mailpiece
from postage.money import Money
from postage.rates import Quote, Unratable

Ask = Callable[[Mailpiece], Quote | Unratable]
"""What one piece costs, with class, date and zone settled."""


def required(measured: Measured, paid: Money, ask: Ask) -> Quote | Unratable:
    """Return the quote that the piece is held to: the most favourable one that can be true.

    That is the dearest quote within the tolerances that ``paid`` covers, and where it covers none,
    the cheapest. So a piece counts as short or over only if no true size and weight would make it
    right, and by no more than is certain. Unratable only where the measured piece itself is.

    >>> from datetime import date
    >>> from postage.rates import RateBook
    >>> book = RateBook.load()
    >>> piece = Mailpiece.inches(9, 4, "0.02", ounces="1.02")
    >>> def ask(piece):
    ...     return book.quote(piece, date(2026, 7, 12))
    >>> required(Measured(piece=piece), Money(780), ask).postage
    Money(mills=1070)
    >>> required(Measured(piece=piece, weight_tolerance_milliounces=30), Money(780), ask).postage
    Money(mills=780)
    """
    nominal = ask(measured.piece)
    if isinstance(nominal, Unratable) or nominal.postage == paid:
        return nominal
    quotes = [nominal, *_quotes(_within(measured), ask)]
    covered = [quote for quote in quotes if quote.postage <= paid]
    if covered:
        return max(covered, key=_postage)
    return min(quotes, key=_postage)


def _postage(quote: Quote) -> Money:
    return quote.postage


def _quotes(pieces: Iterable[Mailpiece], ask: Ask) -> Iterator[Quote]:
    for piece in pieces:
        quote = ask(piece)
        if isinstance(quote, Quote):
            yield quote


def _within(measured: Measured) -> Iterator[Mailpiece]:
    """Yield the piece with every figure at its least, as measured and at its most."""
    piece = measured.piece
    figures = {
        "weight_milliounces": measured.weight_tolerance_milliounces,
        **dict.fromkeys(
            ("length_thou", "height_thou", "thickness_thou"), measured.size_tolerance_thou
        ),
    }
    off = {name: tolerance for name, tolerance in figures.items() if tolerance}
    for signs in product((-1, 0, 1), repeat=len(off)):
        if any(signs):
            changed = {
                name: max(1, getattr(piece, name) + sign * tolerance)
                for sign, (name, tolerance) in zip(signs, off.items(), strict=True)
            }
            yield replace(piece, **changed)
