"""The refill protocol, looked at in every state (reliability.md P2), by a model that can find bugs.

`python -m tests.oracles.refill_model` prints the traces.
"""

import pytest

from tests.oracles.refill_model import BUGS, State, is_settled, search, violation


def test_two_requests_in_every_state() -> None:
    """Refill, void, decline and upload under any loss, order and crash: no mill lost or doubled."""
    found = search(requests=2)
    assert found.violation is None, found.trace
    assert found.stuck == 0  # from every state a way leads to both sides agreeing
    assert found.states == 4_193


@pytest.mark.slow
def test_three_requests_in_every_state() -> None:
    found = search(requests=3)
    assert found.violation is None, found.trace
    assert found.stuck == 0
    assert found.states == 83_169


@pytest.mark.parametrize(
    ("bug", "way", "words"),
    [
        ("newid", "begin 1 > send request 1 > time-out, begin 2 > post 1", "no longer waits"),
        (
            "nodedup",
            "begin 1 > send request 1 > post 1 > send credit 1 > post 1",
            "request 1 was paid 2 times",
        ),
        (
            "anyauth",
            (
                "begin 1 > send request 1 > post 1 > send credit 1 > device receives credit 1 > "
                "apply 1 > device receives credit 1 > apply 1"
            ),
            "request 1 was applied 2 times and paid 1 times",
        ),
        ("cancel", "begin 1 > send request 1 > cancel 1 > post 1", "no longer waits"),
    ],
)
def test_the_four_seeded_bugs_are_found(bug: str, way: str, words: str) -> None:
    """reliability.md, Appendix B names the four, and the steps that each takes to lose money."""
    found = search(bug, requests=2)
    assert found.violation is not None
    assert words in found.violation
    assert " > ".join(found.trace) == way


@pytest.mark.parametrize("bug", sorted(BUGS.keys() - {"newid", "nodedup", "anyauth", "cancel"}))
def test_our_own_seeded_bugs_are_found(bug: str) -> None:
    """What is easily forgotten in the provider: each costs money or accuses an honest device."""
    found = search(bug, requests=2)
    assert found.violation is not None
    assert len(found.trace) <= 12


def test_the_judge_can_judge() -> None:
    """States that no bug led to, made by hand."""
    begun = State(records=(("begin", 1),), pending=1, next_id=2)
    assert violation(begun) is None
    assert not is_settled(begun)
    assert violation(begun._replace(posted=(2, 0, 0))) == "request 1 was paid 2 times"
    applied = State(records=(("begin", 1), ("apply", 1)), next_id=2)
    assert violation(applied) == "request 1 was applied 1 times and paid 0 times"
    assert violation(applied._replace(posted=(1, 0, 0), settled=("credit", "", ""))) is None
