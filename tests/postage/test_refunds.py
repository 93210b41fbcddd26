"""Refund rules: scenario 17 of domain.md 9a to the mill and to the day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.balances import BalanceRefund, refund_balance
from postage.decertification import read_calendar
from postage.money import ZERO, Money
from postage.refunds import (
    Accepted,
    Claim,
    Denied,
    Examined,
    Held,
    Item,
    Proof,
    Reason,
    RefundPolicy,
    Source,
    charge_of,
    examine,
)
from postage.settlements import IndiciumKey, Kind, Settlement, Status

POLICY = RefundPolicy()
CALENDAR = read_calendar()
FILED = date(2026, 8, 1)


def item(count: int = 1, mills: int = 780, **changes: object) -> Item:
    made = Item(
        key=IndiciumKey("TST0", 7, count),
        postage=Money(mills),
        printed=date(2026, 7, 13),
        proof=Proof.PIECE,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def claim(*items: Item, **changes: object) -> Claim:
    return replace(Claim(number="A", filed=FILED, items=items), **changes)  # type: ignore[arg-type]


def examined(asked: Claim, today: date = FILED) -> Examined:
    return examine(POLICY, CALENDAR, asked, today)


def why(asked: Claim, today: date = FILED) -> Reason:
    found = examined(asked, today)
    assert (found.face, found.charge, found.paid) == (ZERO, ZERO, ZERO)
    [outcome] = found.outcomes.values()
    assert isinstance(outcome, Denied), outcome
    assert outcome.detail
    assert outcome.face == asked.items[0].postage
    return outcome.reason


def test_the_sixtieth_day_is_in_time_and_the_next_is_not() -> None:
    """9a.17: claimed 2026-08-01, dated 2026-06-02 accepted, 06-01 refused."""
    assert examined(claim(item(printed=date(2026, 6, 2)))).paid == Money(702)
    assert why(claim(item(printed=date(2026, 6, 1)))) is Reason.TOO_LATE
    late = examined(claim(item(printed=date(2026, 6, 1)))).outcomes.values()
    assert "61 days, at most 60" in str(*late)


def test_the_period_is_counted_to_the_filing_not_to_the_decision() -> None:
    asked = claim(item(printed=date(2026, 6, 2)))
    assert examined(asked, date(2027, 1, 1)).paid == Money(702)


def test_a_date_in_advance_is_in_time() -> None:
    """1.8: a meter may print 30 days ahead; such a piece can be spoiled before its day."""
    assert examined(claim(item(printed=date(2026, 8, 30)))).paid == Money(702)


@pytest.mark.parametrize(
    ("mills", "minutes", "charge"),
    [
        (350_000, 0, 35_000),  # 9a.17
        (350_000, 600, 35_000),
        (350_010, 60, 35_000),
        (350_010, 150, 87_500),
        (350_010, 0, 35_000),  # at least one hour's charge
        (350_001, 61, 35_583),  # 35,000 * 61 / 60 = 35,583.3
        (780, 0, 78),
        (745, 0, 74),  # 74.5: what is finer than a mill stays the customer's
        (9, 0, 0),
    ],
)
def test_the_charge(mills: int, minutes: int, charge: int) -> None:
    assert charge_of(POLICY, Money(mills), minutes) == Money(charge)
    found = examined(claim(item(mills=mills), minutes=minutes))
    assert (found.face.mills, found.charge.mills) == (mills, charge)
    assert found.paid.mills == mills - charge


def test_the_charge_is_on_the_total_and_not_on_each_piece() -> None:
    """Ten pieces of $35.001 are above $350.00 together: the hour, not ten per cent."""
    found = examined(claim(*(item(n, 35_001) for n in range(10)), minutes=60))
    assert (found.face, found.charge) == (Money(350_010), Money(35_000))


def test_what_is_denied_adds_nothing_to_the_total() -> None:
    """350,000 accepted beside 10 that were scanned: ten per cent, not the hour."""
    found = examined(claim(item(1, 350_000), item(2, 10, scanned=FILED), minutes=600))
    assert (found.face, found.charge, found.paid) == (
        Money(350_000),
        Money(35_000),
        Money(315_000),
    )


def test_hours_that_cost_more_than_the_postage_pay_nothing() -> None:
    found = examined(claim(item(mills=350_010), minutes=601))
    assert found.charge == Money(350_583)
    assert found.paid == ZERO
    assert found.denied is not None
    assert found.denied.reason is Reason.CHARGE_TAKES_ALL
    assert "$350.583 on $350.01" in str(found.denied)


def test_an_indicium_counts_once_in_a_claim() -> None:
    found = examined(claim(item(1), item(1), item(2)))
    assert found.face == Money(1560)
    assert len(found.outcomes) == 2


def test_what_was_scanned_in_the_mail_is_refused() -> None:
    """9a.17; OIG MS-AR-06-002: refunds risk duplicate reimbursement."""
    assert why(claim(item(scanned=date(2026, 7, 14)))) is Reason.SCANNED


@pytest.mark.parametrize("proof", Proof)
def test_a_scan_goes_before_every_proof(proof: Proof) -> None:
    assert why(claim(item(proof=proof, scanned=date(2026, 7, 14)))) is Reason.SCANNED


def test_indicia_bought_as_data_are_not_refundable() -> None:
    assert why(claim(item(source=Source.API_DATA_ONLY))) is Reason.NON_REFUNDABLE


def test_pc_postage_has_thirty_days_and_no_counter() -> None:
    """3.3: never at the counter, through the provider; 30 days."""
    pc = item(source=Source.PC_POSTAGE, printed=date(2026, 7, 2))
    assert why(claim(pc, at_counter=True)) is Reason.WRONG_PLACE
    assert examined(claim(pc)).paid == Money(702)
    assert why(claim(replace(pc, printed=date(2026, 7, 1)))) is Reason.TOO_LATE
    assert examined(claim(item(), at_counter=True)).paid == Money(702)


def test_only_the_licensee_is_refunded() -> None:
    assert why(claim(item(), by_licensee=False)) is Reason.NOT_LICENSEE


def test_an_ibi_is_refunded_until_the_published_day() -> None:
    """9a.18: refund of an IBI imprint on 2025-07-01 refused."""
    ibi = item(family="ibi", printed=date(2025, 6, 20))
    assert examined(claim(ibi, filed=date(2025, 6, 30))).paid == Money(702)
    assert why(claim(ibi, filed=date(2025, 7, 1))) is Reason.DECERTIFIED


def test_zero_value_and_undated_indicia_are_refused() -> None:
    assert why(claim(item(mills=0))) is Reason.NO_VALUE
    assert why(claim(item(printed=None))) is Reason.UNDATED


@pytest.mark.parametrize("proof", [Proof.PIECE, Proof.SPOILED, Proof.UNRELEASED, Proof.UNPRINTED])
def test_what_proves_that_it_was_not_used_is_accepted(proof: Proof) -> None:
    assert examined(claim(item(proof=proof))).paid == Money(702)


def test_half_a_piece_without_a_record_is_refused() -> None:
    """3.3: complete, legible, valid."""
    assert why(claim(item(proof=Proof.PART))) is Reason.NOT_WHOLE


def test_without_proof_the_scans_must_stay_silent() -> None:
    unknown = item(proof=Proof.NOTHING)
    until = date(2026, 7, 13) + timedelta(days=60)
    held = examined(claim(unknown), until)
    assert list(held.outcomes.values()) == [Held(until, Money(780))]
    assert held.paid == ZERO
    assert examined(claim(unknown), until + timedelta(days=1)).paid == Money(702)


def settlement(status: Status, kind: Kind = Kind.REFUND, number: str = "A") -> Settlement:
    return Settlement(
        key=IndiciumKey("TST0", 7, 1),
        kind=kind,
        claim=number,
        status=status,
        face=Money(780),
        day=FILED,
    )


@pytest.mark.parametrize(
    ("row", "is_free"),
    [
        (None, True),
        (settlement(Status.FILED), True),  # this claim's own row
        (settlement(Status.DRAFT), True),
        (settlement(Status.GRANTED), False),
        (settlement(Status.REFUSED), False),
        (settlement(Status.WITHDRAWN, number="B"), True),
        (settlement(Status.FILED, number="B"), False),
        (settlement(Status.DRAFT, Kind.CANCELLATION), False),
        (settlement(Status.FILED, Kind.ADJUSTMENT), False),
        (settlement(Status.GRANTED, Kind.ADJUSTMENT, "B"), False),
    ],
)
def test_an_indicium_is_refunded_once(row: Settlement | None, is_free: bool) -> None:
    """Trap 29."""
    asked = claim(item(settlement=row))
    if is_free:
        assert examined(asked).paid == Money(702)
    else:
        assert why(asked) is Reason.SETTLED


def test_a_claim_of_nothing_pays_nothing() -> None:
    assert examined(claim()) == Examined({}, ZERO, ZERO, ZERO)


@given(
    amounts=st.lists(st.integers(1, 999_990), min_size=1, max_size=30),
    minutes=st.integers(0, 6_000),
)
def test_face_less_charge_is_what_is_paid(amounts: list[int], minutes: int) -> None:
    items = [item(n, mills) for n, mills in enumerate(amounts)]
    found = examined(claim(*items, minutes=minutes))
    assert found.face == Money(sum(amounts))
    assert all(isinstance(outcome, Accepted) for outcome in found.outcomes.values())
    if found.denied is None:
        assert found.paid + found.charge == found.face
        assert found.paid > ZERO
    else:
        assert found.charge >= found.face
        assert found.paid == ZERO


def test_charges_are_for_time_and_postage_that_exist() -> None:
    with pytest.raises(ValueError, match="-1 minutes"):
        charge_of(POLICY, Money(1), -1)


@pytest.mark.parametrize(
    ("mills", "by_check", "reason"),
    [
        (24_990, True, Reason.BELOW_MINIMUM),  # 9a.17
        (24_999, True, Reason.BELOW_MINIMUM),
        (25_000, True, None),
        (24_990, False, None),
        (0, False, Reason.NO_VALUE),
    ],
)
def test_a_balance_needs_25_dollars_for_a_check(
    mills: int, by_check: bool, reason: Reason | None
) -> None:
    """PB 22245: the least check is $25.00."""
    found = refund_balance(POLICY, Money(mills), FILED, by_check=by_check)
    if reason is None:
        assert found == BalanceRefund(Money(mills), by_check)
    else:
        assert isinstance(found, Denied)
        assert found.reason is reason


def test_a_withdrawn_system_has_180_days() -> None:
    """39 CFR 501.17."""
    withdrawn = date(2026, 1, 31)
    last = date(2026, 7, 30)  # 180 days after
    for day, is_paid in [(last, True), (last + timedelta(days=1), False)]:
        found = refund_balance(POLICY, Money(50_000), day, by_check=True, withdrawn=withdrawn)
        assert isinstance(found, BalanceRefund) is is_paid


def test_a_published_end_goes_before_the_rule() -> None:
    """domain.md 3.3: 2024-12-31 and 180 days are 2025-06-29; the published day is 2025-06-30."""
    asked = {"by_check": True, "withdrawn": date(2024, 12, 31)}
    end = date(2025, 6, 30)
    by_rule = refund_balance(POLICY, Money(50_000), end, **asked)  # type: ignore[arg-type]
    assert isinstance(by_rule, Denied)
    published = refund_balance(POLICY, Money(50_000), end, published_end=end, **asked)  # type: ignore[arg-type]
    assert isinstance(published, BalanceRefund)
    late = end + timedelta(days=1)
    ended = refund_balance(POLICY, Money(50_000), late, published_end=end, **asked)  # type: ignore[arg-type]
    assert isinstance(ended, Denied)
    assert ended.reason is Reason.TOO_LATE
