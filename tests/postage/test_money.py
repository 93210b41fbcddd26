"""Money is whole mills: exact, ordered, never a float."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.errors import BadAmount
from postage.money import Money

AMOUNTS = st.integers(-(10**30), 10**30).map(Money)


@pytest.mark.parametrize(
    ("mills", "text"),
    [
        (1760, "$1.76"),  # printed on the USPS sample (domain 1.2)
        (406, "$0.406"),  # the IBI Lite dump (domain 1.4)
        (4155, "$4.155"),  # seen in the field (domain 1.7)
        (0, "$0.00"),
        (5, "$0.005"),
        (10, "$0.01"),
        (-290, "-$0.29"),
        (-1, "-$0.001"),
        (338_313_184_890, "$338313184.89"),  # the ascending register of the Endicia dump
    ],
)
def test_an_amount_shows_a_third_decimal_only_when_it_has_one(mills: int, text: str) -> None:
    """domain.md 1.7: two decimals, a third only when the value is not a whole cent."""
    assert str(Money(mills)) == text


@given(AMOUNTS)
def test_what_is_written_is_read(amount: Money) -> None:
    assert Money.parse(str(amount)) == amount


@pytest.mark.parametrize("text", ["1.76", "$1.76", "1.760"])
def test_parse_takes_what_tables_and_labels_show(text: str) -> None:
    assert Money.parse(text) == Money(1760)


@pytest.mark.parametrize(
    "text", ["", ".5", "1.", "1.7605", "1,000.00", "1e3", "+1", "--1", "1.76 ", "١.٧٦", "NaN", "$"]
)
def test_parse_refuses_what_is_no_amount(text: str) -> None:
    with pytest.raises(BadAmount, match="is not an amount"):
        Money.parse(text)


@pytest.mark.parametrize("value", [1.5, 1.0, True, "1", Decimal(1), None])
def test_only_an_int_is_mills(value: object) -> None:
    with pytest.raises(TypeError, match="whole mills"):
        Money(value)  # type: ignore[arg-type]


@pytest.mark.parametrize("other", [1, 1.0, True, "1", None])
def test_money_adds_and_compares_with_money_only(other: object) -> None:
    with pytest.raises(TypeError):
        Money(1) + other  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money(1) - other  # type: ignore[operator]
    with pytest.raises(TypeError):
        assert Money(1) < other  # type: ignore[operator]
    assert Money(1) != other


@pytest.mark.parametrize("factor", [1.0, True, Decimal(2), Money(2)])
def test_money_times_anything_but_a_count_is_refused(factor: object) -> None:
    with pytest.raises(TypeError):
        Money(780) * factor  # type: ignore[operator]
    with pytest.raises(TypeError):
        factor * Money(780)  # type: ignore[operator]


@given(AMOUNTS, AMOUNTS, st.integers(-1000, 1000))
def test_arithmetic_is_that_of_integers(a: Money, b: Money, times: int) -> None:
    assert (a + b).mills == a.mills + b.mills
    assert (a - b).mills == a.mills - b.mills
    assert (a * times).mills == (times * a).mills == a.mills * times
    assert (-a).mills == -(a.mills)
    assert abs(a).mills == abs(a.mills)
    assert (a < b, a <= b, a > b) == (a.mills < b.mills, a.mills <= b.mills, a.mills > b.mills)


def test_the_account_of_64_letters_stays_under_its_budget() -> None:
    """domain.md 9a: a budget of 50,000 holds 64 letters of 780, not a 65th."""
    assert Money(780) * 64 == Money(49_920)
    assert Money(780) * 65 > Money(50_000)
    assert bool(Money(0)) is False
    assert bool(Money(1)) is True
