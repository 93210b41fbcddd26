"""How often noise passes for a symbol, counted in whole numbers."""

from fractions import Fraction
from math import comb


def correctable_share(length: int, parity: int, errors: int, erasures: int) -> Fraction:
    """Return the share of all words of `length` bytes that Reed-Solomon corrects.

    Words within `errors` changes of a codeword, whatever stands at `erasures` known places: the
    balls round the codewords do not overlap while 2 * errors + erasures <= parity.

    >>> correctable_share(8, 5, 0, 0) == Fraction(1, 256**5)
    True
    """
    assert 2 * errors + erasures <= parity < length
    ball = sum(comb(length - erasures, k) * 255**k for k in range(errors + 1))
    return Fraction(256 ** (length - parity) * ball * 256**erasures, 256**length)


def toss_share(count: int, right: int) -> Fraction:
    """Return the chance that `right` or more of `count` tosses of a coin are right.

    >>> toss_share(2, 1)
    Fraction(3, 4)
    """
    return Fraction(sum(comb(count, k) for k in range(right, count + 1)), 2**count)
