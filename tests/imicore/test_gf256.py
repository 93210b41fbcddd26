"""The field laws, over all of GF(256)."""

import numpy as np
import pytest

from imicore import _codec
from tests.oracles import galois

pytestmark = pytest.mark.native

PRODUCT = np.array([[_codec.gf_multiply(a, b) for b in range(256)] for a in range(256)], np.uint8)
EVERY = np.arange(256, dtype=np.uint8)


def test_products_are_those_of_shift_and_add() -> None:
    """ISO/IEC 16022:2006 5.7.1: modulo x^8 + x^5 + x^3 + x^2 + 1."""
    assert PRODUCT.tolist() == [[galois.multiply(a, b) for b in range(256)] for a in range(256)]


def test_multiplication_commutes_associates_and_distributes() -> None:
    assert np.array_equal(PRODUCT, PRODUCT.T)
    for a in range(256):
        row = PRODUCT[a]
        assert np.array_equal(PRODUCT[row], row[PRODUCT])  # (ab)c = a(bc)
        sums = EVERY[:, None] ^ EVERY[None, :]
        assert np.array_equal(row[sums], row[:, None] ^ row[None, :])  # a(b + c) = ab + ac


def test_every_element_but_zero_has_one_inverse() -> None:
    inverses = [_codec.gf_inverse(a) for a in range(1, 256)]
    assert all(PRODUCT[a, b] == 1 for a, b in zip(range(1, 256), inverses, strict=True))
    assert sorted(inverses) == list(range(1, 256))
    with pytest.raises(ZeroDivisionError):
        _codec.gf_inverse(0)


def test_two_generates_the_group() -> None:
    assert sorted(_codec.gf_power(i) for i in range(255)) == list(range(1, 256))
    assert [_codec.gf_power(i) for i in range(300)] == [galois.power(2, i) for i in range(300)]
