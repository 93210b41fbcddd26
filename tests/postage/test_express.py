"""Priority Mail Express that is short: 76 FR no. 129 (2011-07-06), sentence by sentence."""

from itertools import product

import pytest

from postage.express import (
    SEQUENCE,
    Event,
    NotPossible,
    Payer,
    ShortExpress,
    State,
    found_short,
    step,
)
from postage.money import ZERO, Money

SHOWN, DUE, SHORT = Money(32_500), Money(49_800), Money(17_300)  # domain.md 9a, scenario 20


def found(*, is_dispatched: bool = False) -> ShortExpress:
    piece = found_short("EI 1 US", SHOWN, DUE, is_dispatched=is_dispatched)
    assert isinstance(piece, ShortExpress)
    return piece


def after(piece: ShortExpress, event: Event, **given: object) -> ShortExpress:
    answer = step(piece, event, **given)  # type: ignore[arg-type]
    assert isinstance(answer, ShortExpress), answer
    return answer


def test_scenario_20_the_mailer_is_contacted_first() -> None:
    """Insufficient postage at the origin: the mailer corrects it prior to dispatch."""
    piece = found()
    assert (piece.state, piece.collectable) == (State.HELD, (Payer.MAILER, SHORT))
    assert piece.marking == ""
    corrected = after(piece, Event.PAID, amount=SHORT)
    assert (corrected.state, corrected.collectable) == (State.CORRECTED, None)
    assert corrected.endorsements == ()


@pytest.mark.parametrize("is_dispatched", [False, True])
def test_scenario_20_postage_due_with_the_total_deficiency(is_dispatched: bool) -> None:
    """The mailer cannot be contacted, or the piece is found in processing: the same piece."""
    piece = found(is_dispatched=is_dispatched)
    if not is_dispatched:
        piece = after(piece, Event.MAILER_NOT_REACHED)
    assert (piece.state, piece.collectable) == (State.DUE, (Payer.ADDRESSEE, SHORT))
    assert piece.marking == "Postage Due $17.30"
    assert after(piece, Event.PAID, amount=SHORT).state is State.DELIVERED


def test_what_is_refused_is_collected_from_the_sender_on_its_return() -> None:
    piece = after(found(is_dispatched=True), Event.ADDRESSEE_REFUSED)
    assert piece.marking == "Return to Sender-Refused"
    assert piece.endorsements == ("Postage Due", "Return to Sender-Refused")
    assert piece.collectable == (Payer.SENDER, SHORT)
    assert after(piece, Event.PAID, amount=SHORT).state is State.RETURNED


def test_remailing_takes_a_new_label_and_new_postage() -> None:
    refused = after(found(is_dispatched=True), Event.ADDRESSEE_REFUSED)
    assert isinstance(step(refused, Event.REMAILED, amount=DUE, label="EI 2 US"), NotPossible)
    back = after(refused, Event.PAID, amount=SHORT)
    for amount, label in ((DUE, "EI 1 US"), (DUE, ""), (ZERO, "EI 2 US")):
        assert isinstance(step(back, Event.REMAILED, amount=amount, label=label), NotPossible)
    assert after(back, Event.REMAILED, amount=DUE, label="EI 2 US").state is State.REMAILED
    # What was paid for the first journey pays for nothing of the second.
    again = found_short("EI 2 US", SHORT, DUE, is_dispatched=False)
    assert isinstance(again, ShortExpress)
    assert again.deficiency == SHOWN


@pytest.mark.parametrize("amount", [ZERO, Money(17_299), Money(17_301), Money(49_800), -SHORT])
def test_nothing_but_the_total_deficiency_pays(amount: Money) -> None:
    for piece in (found(), found(is_dispatched=True)):
        answer = step(piece, Event.PAID, amount=amount)
        assert isinstance(answer, NotPossible)
        assert "owes $17.30" in str(answer)


@pytest.mark.parametrize(("paid", "due"), [(780, 780), (1_070, 780), (-1, 780), (0, 0)])
def test_what_is_not_short_does_not_begin(paid: int, due: int) -> None:
    assert isinstance(
        found_short("EI 1 US", Money(paid), Money(due), is_dispatched=False), NotPossible
    )


def test_what_the_table_does_not_say_does_not_happen() -> None:
    """Every other pair of state and event is refused, and a refusal changes nothing."""
    refused = 0
    for state, event in product(State, Event):
        piece = ShortExpress(label="EI 1 US", deficiency=SHORT, state=state)
        amount = SHORT if event in (Event.PAID, Event.REMAILED) else ZERO
        answer = step(piece, event, amount=amount, label="EI 2 US")
        if (state, event) in SEQUENCE:
            assert isinstance(answer, ShortExpress)
            assert answer.state is SEQUENCE[state, event].state
        else:
            refused += 1
            assert isinstance(answer, NotPossible)
            assert state.meaning in str(answer)
    assert refused == len(State) * len(Event) - len(SEQUENCE) == 22


def test_every_deficiency_has_one_payer_and_every_way_ends() -> None:
    """A payer exactly where a payment is awaited; from every state an end is reached."""
    for state in State:
        assert (state.payer is not None) == ((state, Event.PAID) in SEQUENCE)
    ends = {state for state in State if not any(at is state for at, _ in SEQUENCE)}
    assert ends == {State.CORRECTED, State.DELIVERED, State.REMAILED}
