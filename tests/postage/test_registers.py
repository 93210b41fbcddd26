"""Registers hold ascending + descending == control total, or do not exist."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.errors import InsufficientPostage, RegisterViolation
from postage.money import Money
from postage.registers import MAX_IMPRINT, MAX_PIECE_COUNT, MAX_REGISTER, Registers


def registers(**changed: Any) -> Registers:
    parts: dict[str, Any] = {
        "ascending": Money(2340),
        "descending": Money(497_660),
        "control_total": Money(500_000),
        "piece_count": 3,
    }
    return Registers(**parts | changed)


def test_three_letters_out_of_a_new_device() -> None:
    """domain.md 9a.7: refill 500,000, three letters of 780."""
    after = Registers.new().refill(Money(500_000))
    assert after == registers(ascending=Money(0), descending=Money(500_000), piece_count=0)
    for _ in range(3):
        after = after.debit(Money(780))
    assert after == registers()


def test_a_piece_above_what_is_left_is_refused_and_changes_nothing() -> None:
    """domain.md 9a.8: 779 left, 780 asked; then 780 left."""
    short = Registers.new().refill(Money(779))
    with pytest.raises(InsufficientPostage, match=r"\$0\.78 exceeds the \$0\.779 left"):
        short.debit(Money(780))
    assert short == Registers.new().refill(Money(779))
    assert Registers.new().refill(Money(780)).debit(Money(780)).descending == Money(0)


def test_withdrawal_leaves_what_was_printed() -> None:
    """domain.md 2.1: the descending register is emptied and the control total becomes AR."""
    after = registers().withdraw()
    assert after == registers(descending=Money(0), control_total=Money(2340))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"control_total": Money(500_001)}, "not the control total"),
        ({"ascending": Money(-1), "control_total": Money(497_659)}, "ascending register would be"),
        ({"descending": Money(-1), "control_total": Money(2339)}, "descending register would be"),
        (
            {"ascending": MAX_REGISTER, "control_total": MAX_REGISTER + Money(497_660)},
            "control_total register would be",
        ),
        ({"piece_count": -1}, "piece count"),
        ({"piece_count": MAX_PIECE_COUNT + 1}, "piece count"),
    ],
)
def test_broken_registers_cannot_be_made(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(RegisterViolation, match=message):
        registers(**changed)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ascending": 2340}, "ascending register is Money, not int"),
        ({"descending": None}, "descending register is Money, not NoneType"),
        ({"piece_count": 3.0}, "piece count is int, not float"),
        ({"piece_count": True}, "piece count is int, not bool"),
    ],
)
def test_registers_take_money_and_counts_only(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError) as caught:
        registers(**changed)
    assert str(caught.value) == words


@pytest.mark.parametrize("postage", [Money(0), Money(-1), MAX_IMPRINT + Money(1)])
def test_a_debit_is_what_one_indicium_can_show(postage: Money) -> None:
    """Redates and tests show 0 and debit nothing; three bytes hold 16,777,215 mills."""
    with pytest.raises(RegisterViolation, match="a debit of"):
        Registers.new().refill(MAX_REGISTER).debit(postage)


def test_the_largest_imprint_debits() -> None:
    after = Registers.new().refill(MAX_REGISTER).debit(MAX_IMPRINT)
    assert (after.ascending, after.piece_count) == (MAX_IMPRINT, 1)


@pytest.mark.parametrize("amount", [Money(0), Money(-500_000)])
def test_a_refill_adds(amount: Money) -> None:
    with pytest.raises(RegisterViolation, match="a refill of"):
        registers().refill(amount)


def test_registers_are_full_at_five_bytes() -> None:
    """domain.md 1.2: the ascending register has five bytes."""
    full = Registers.new().refill(MAX_REGISTER)
    assert Money(0xFF_FFFF_FFFF) == MAX_REGISTER
    assert Money(0xFF_FFFF) == MAX_IMPRINT
    assert MAX_PIECE_COUNT == 0xFFFF_FFFF
    with pytest.raises(RegisterViolation, match="would be"):
        full.refill(Money(1))


def test_the_piece_count_does_not_wrap() -> None:
    last = registers(piece_count=MAX_PIECE_COUNT)
    with pytest.raises(RegisterViolation, match="piece count would be 4294967296"):
        last.debit(Money(780))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 2_000_000)), max_size=40))
def test_every_movement_keeps_the_total(movements: list[tuple[bool, int]]) -> None:
    """domain.md 2.1: AR never falls, the count goes by one, CT changes by refills only."""
    now, refilled, printed, pieces = Registers.new(), 0, 0, 0
    for is_refill, mills in movements:
        before = now
        try:
            now = now.refill(Money(mills)) if is_refill else now.debit(Money(mills))
        except InsufficientPostage:
            assert mills > before.descending.mills
            continue
        refilled += mills * is_refill
        printed += mills * (not is_refill)
        pieces += not is_refill
    assert now.ascending == Money(printed)
    assert now.control_total == Money(refilled)
    assert now.descending == Money(refilled - printed)
    assert now.piece_count == pieces
