"""No attack on the clock buys time, and each way to keep time wrongly is found; P4."""

import pytest

from tests.reliability import clock_attacks


def test_no_attack_on_the_clock_buys_time() -> None:
    """reliability.md P4; more: python -m tests.reliability.clock_attacks --count 10000."""
    found = clock_attacks.run(0, 300)
    assert found.shown == []
    assert found.counts["schedules"] == 300
    # Pieces are let through in the last second and refused behind it, by each way of attack.
    for happened in (
        "imprints in the last second",
        "refused behind the limit",
        "refused: TIME_UNKNOWN",
        "refused: LOCKED_COMM",
        "refused: DATE_PAST",
        "clock set back",
        "clock set forward",
        "started with the clock set",
        "suspended",
        "slow: Met",
        "held: Incident",
        "upload held: Incident",
        "time only: Unreachable",
        "unknown time told",
        *(f"imprints, {mode}" for mode in clock_attacks.POLICIES),
    ):
        assert found.counts[happened] >= 20, f"{happened}: {found.counts[happened]}"


SHOWS = {
    "wall clock": "72 hours, strict",
    "stops asleep": "72 hours, strict",
    "no floor": "a piece of",
    "grace called strict": "72 hours, strict",
    "any answer": "72 hours, strict",
    "held is heard": "72 hours, strict",
    "boots untold": "told as unknown",
}


@pytest.mark.parametrize("variant", clock_attacks.VARIANTS[1:])
def test_a_wrong_way_to_keep_time_is_found(variant: str) -> None:
    with clock_attacks.broken(variant):
        for first in range(0, 600, 20):
            if any(SHOWS[variant] in wrong for wrong in clock_attacks.run(first, 20).shown):
                return
    pytest.fail(f"{variant!r} showed no {SHOWS[variant]!r}")


def test_a_schedule_is_replayed_by_its_seed() -> None:
    assert clock_attacks.run(77, 5) == clock_attacks.run(77, 5)
