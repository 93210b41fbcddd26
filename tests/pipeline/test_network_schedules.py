"""P1 and P6 of reliability.md in small; the programs run them at their full counts."""

import pytest

from tests.pipeline import network_schedules, restored_copies, upload_cuts


def test_no_schedule_loses_or_doubles_a_mill() -> None:
    """`python -m tests.pipeline.network_schedules --count 10000` is the whole of it."""
    tally = network_schedules.run(100)
    assert tally["schedules"] == 100
    assert sum(n for name, n in tally.items() if name.startswith("agreed after")) == 100
    for happened in (
        "answers lost",
        "answers overtaken",
        "meter crashes",
        "partitions",
        "provider crashes",
        "questions late",
        "questions lost",
        "questions repeated",
        "declined",
        "refilled",
        "voided",
        "refused: LATE",
        "refused: REPEATED",
    ):
        assert tally[happened] >= 10, f"{happened} {tally[happened]} times: the network is too good"


@pytest.mark.parametrize("variant", network_schedules.VARIANTS[1:])
def test_the_schedules_find_what_is_broken(variant: str) -> None:
    """A harness that finds nothing in a broken protocol proves nothing."""
    with (
        network_schedules.broken(variant),
        pytest.raises(AssertionError, match=r"paid|applied|locked"),
    ):
        network_schedules.run(100)


def test_a_schedule_can_be_played_again() -> None:
    """The same seed gives the same counts: nothing in it reads a clock or a random number."""
    assert network_schedules.run(5, seed=77) == network_schedules.run(5, seed=77)


def test_an_upload_goes_on_at_the_exact_record() -> None:
    """`python -m tests.pipeline.upload_cuts --records 1000000 --cuts 1000` is the whole of it."""
    tally = upload_cuts.run(5_000, 100)
    assert tally["cut questions"] >= 20
    assert tally["cut answers"] >= 20
    assert tally["records sent"] == tally["records"] == 5_000


def test_old_copies_are_found_at_the_next_contact() -> None:
    """`python -m tests.pipeline.restored_copies --count 500` is the nightly number (R8)."""
    tally = restored_copies.run(40)
    assert tally["trials"] == 40
    assert tally["found at the first contact"] >= 20
    assert tally["found at the first contact"] == 40 - tally["nothing was heard since the copy"]
    assert tally["strict: nothing printed before a contact"] >= 10
