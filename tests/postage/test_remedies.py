"""Which ways the rules leave open, over every combination of what is known of a piece."""

from itertools import product
from typing import Any

import pytest

from postage.remedies import Remedy, remedies_for

NAMES = (
    *("is_undecided", "is_owed", "is_paid_in_part", "has_account", "at_induction"),
    *("is_express", "at_origin", "has_return_address"),
)
EVERY = [dict(zip(NAMES, values, strict=True)) for values in product((False, True), repeat=8)]
SHORT = dict.fromkeys(NAMES, False) | {
    "is_owed": True,
    "is_paid_in_part": True,
    "has_account": True,
    "has_return_address": True,
}


def ways(**known: bool) -> tuple[Remedy, ...]:
    return remedies_for(**SHORT | known)


def test_the_four_ways_of_2015() -> None:
    """DMM 604.4.4.3 a to d (2015), the counter first; beside them the notice of 2011."""
    assert ways(at_induction=True) == (
        Remedy.COLLECT_AT_INDUCTION,
        Remedy.ADJUST,
        Remedy.NOTIFY,
        Remedy.DELIVER_AND_COLLECT,
        Remedy.RETURN,
    )


def test_unpaid_mail_is_returned_without_an_attempt_to_deliver() -> None:
    """DMM P011 (2004): "Returned for Postage", and dead mail without a return address."""
    nothing = {"is_paid_in_part": False, "has_account": False}
    assert ways(**nothing) == (Remedy.RETURN_FOR_POSTAGE,)
    assert ways(**nothing, has_return_address=False) == (Remedy.DEAD_MAIL,)
    for known in EVERY:
        if known["is_owed"] and not known["is_paid_in_part"]:
            assert Remedy.DELIVER_AND_COLLECT not in remedies_for(**known)


def test_only_an_account_is_adjusted_or_notified() -> None:
    for known in EVERY:
        found = set(remedies_for(**known))
        if {Remedy.ADJUST, Remedy.NOTIFY} & found:
            assert known["has_account"]
            assert known["is_owed"]
            assert not known["is_undecided"]


@pytest.mark.parametrize(
    ("known", "way"),
    [
        ({"at_origin": True}, Remedy.CONTACT_MAILER),
        ({"at_origin": True, "is_paid_in_part": False}, Remedy.CONTACT_MAILER),
        ({}, Remedy.DELIVER_AND_COLLECT),
    ],
)
def test_express_goes_its_own_way(known: dict[str, Any], way: Remedy) -> None:
    """76 FR no. 129 (2011): the mailer before dispatch, the addressee later."""
    assert ways(is_express=True, **known) == (way,)


def test_nothing_owed_and_nothing_known() -> None:
    """The money flow applies only when postage is due (domain trap 10)."""
    for known in EVERY:
        found = remedies_for(**known)
        assert found
        assert len(set(found)) == len(found)
        assert (Remedy.EXAMINE in found) == known["is_undecided"]
        if not known["is_undecided"]:
            assert (Remedy.NONE in found) == (not known["is_owed"])


def test_nobody_is_sent_a_piece_without_a_return_address() -> None:
    back = {Remedy.RETURN, Remedy.RETURN_FOR_POSTAGE}
    for known in EVERY:
        if not known["has_return_address"]:
            assert not back & set(remedies_for(**known))
