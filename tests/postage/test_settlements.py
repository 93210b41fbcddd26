"""One state machine for refund, cancellation and adjustment of an indicium (domain trap 29)."""

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.money import Money
from postage.settlements import (
    Conflict,
    IndiciumKey,
    Kind,
    Settlement,
    Status,
    advance,
    draft,
)

KEY = IndiciumKey("TST0", 7, 12)
DAY = date(2026, 8, 1)
FACE = Money(780)
DRAWN = {  # the arrows of domain trap 29, and no others
    (Status.DRAFT, Status.FILED),
    (Status.FILED, Status.GRANTED),
    (Status.FILED, Status.REFUSED),
    (Status.FILED, Status.WITHDRAWN),
}


def row(status: Status, kind: Kind = Kind.REFUND, claim: str = "A") -> Settlement:
    return Settlement(key=KEY, kind=kind, claim=claim, status=status, face=FACE, day=DAY)


def begin(current: Settlement | None, kind: Kind, claim: str) -> Settlement | Conflict:
    return draft(current, key=KEY, kind=kind, claim=claim, face=FACE, day=DAY)


@pytest.mark.parametrize(("before", "to"), [*product(Status, Status)])
def test_only_the_arrows_that_are_drawn_can_be_taken(before: Status, to: Status) -> None:
    reason = "why" if to is Status.REFUSED else ""
    found = advance(row(before), to, DAY, reason=reason)
    if (before, to) in DRAWN:
        assert isinstance(found, Settlement)
        assert found.status is to
    elif before is to and not reason:
        assert found == row(before)  # the same step again: nothing changed
    else:
        assert isinstance(found, Conflict)
        assert found.current == row(before)


@pytest.mark.parametrize(("first", "second"), [*product(Kind, Kind)])
@pytest.mark.parametrize("status", Status)
def test_an_indicium_is_settled_once_whatever_the_kinds(
    first: Kind, second: Kind, status: Status
) -> None:
    """reliability.md I17: one refund / cancel / adjustment outcome per indicium."""
    found = begin(row(status, first), second, "B")
    if status is Status.WITHDRAWN:
        assert isinstance(found, Settlement)
        assert (found.kind, found.claim, found.status) == (second, "B", Status.DRAFT)
    else:
        assert isinstance(found, Conflict)
        assert str(found).startswith(f"a {second} cannot begin; {first} A of TST0-00000007")


def test_the_same_claim_again_changes_nothing() -> None:
    granted = row(Status.GRANTED)
    assert begin(granted, Kind.REFUND, "A") == granted
    assert advance(granted, Status.GRANTED, date(2027, 1, 1)) == granted


def test_a_repeat_with_other_money_is_a_conflict() -> None:
    granted = advance(row(Status.FILED), Status.GRANTED, DAY, settled=Money(702))
    assert isinstance(granted, Settlement)
    assert isinstance(advance(granted, Status.GRANTED, DAY, settled=Money(700)), Conflict)
    other = draft(row(Status.FILED), key=KEY, kind=Kind.REFUND, claim="A", face=Money(1), day=DAY)
    assert isinstance(other, Conflict)


def test_a_refund_never_pays_more_than_the_face() -> None:
    with pytest.raises(ValueError, match=r"a refund of \$0\.781 for \$0\.78"):
        advance(row(Status.FILED), Status.GRANTED, DAY, settled=Money(781))
    with pytest.raises(ValueError, match=r"a cancellation of -\$0\.001"):
        advance(row(Status.FILED, Kind.CANCELLATION), Status.GRANTED, DAY, settled=Money(-1))


def test_an_adjustment_is_paid_by_the_customer() -> None:
    found = advance(row(Status.FILED, Kind.ADJUSTMENT), Status.GRANTED, DAY, settled=Money(-290))
    assert isinstance(found, Settlement)
    assert found.settled == Money(-290)


def test_steps_say_what_they_must() -> None:
    with pytest.raises(ValueError, match="a refusal without a reason"):
        advance(row(Status.FILED), Status.REFUSED, DAY)
    with pytest.raises(ValueError, match="with a step to withdrawn"):
        advance(row(Status.FILED), Status.WITHDRAWN, DAY, settled=Money(1))
    refused = advance(row(Status.FILED), Status.REFUSED, DAY, reason="scanned")
    assert str(refused).endswith("is refused since 2026-08-01: scanned")


def test_a_row_of_another_indicium_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="the row is of TST0-00000007 piece 12"):
        draft(row(Status.FILED), key=KEY._replace(piece_count=13), kind=Kind.REFUND, claim="A",
              face=FACE, day=DAY)  # fmt: skip


STEP = st.tuples(st.sampled_from(["draft", *Status]), st.sampled_from(Kind), st.sampled_from("ABC"))


@given(st.lists(STEP, max_size=30))
def test_no_order_of_messages_grants_twice(steps: list[tuple[str, Kind, str]]) -> None:
    """A model of messages that come twice, late and out of order: at most one grant, once paid."""
    current: Settlement | None = None
    grants = set()
    for step, kind, claim in steps:
        found: Settlement | Conflict
        if step == "draft":
            found = begin(current, kind, claim)
        elif current is None:
            continue
        else:
            paid = Money(700) if step is Status.GRANTED else Money(0)
            found = advance(current, Status(step), DAY, settled=paid, reason="why")
        if isinstance(found, Settlement):
            current = found
        if current is not None and current.status is Status.GRANTED:
            grants.add((current.kind, current.claim))
    assert len(grants) <= 1
