"""What the device believes the time to be (reliability.md 4.7)."""

import pytest

from pipeline.psdclock import HOUR_US, RTC_REACH_US, Instant, TimePolicy, beginning, psd_time
from pipeline.state import Anchor, DeviceState

FLOOR = 1_000 * HOUR_US
RTC = TimePolicy(trusts_rtc=True)


@pytest.mark.parametrize(
    ("floor", "rtc", "is_believed"),
    [
        (FLOOR, FLOOR - 1, False),
        (FLOOR, FLOOR, True),
        (FLOOR, FLOOR + 72 * HOUR_US, True),
        (FLOOR, FLOOR + 72 * HOUR_US + 1, False),
        (1, 72 * HOUR_US + 2, False),
        (0, FLOOR, True),  # a new device: nothing is known that it could contradict
        (0, 0, True),
    ],
)
def test_a_trusted_clock_is_believed_within_72_hours_above_the_floor(
    floor: int, rtc: int, is_believed: bool
) -> None:
    told = beginning(DeviceState(floor_us=floor), Instant(rtc, 5), RTC)
    assert told == ((rtc, True, False) if is_believed else (floor, False, False))
    assert RTC_REACH_US == 72 * HOUR_US == 72 * 60 * 60 * 1_000_000


@pytest.mark.parametrize(
    ("floor", "boots_so_far", "is_assumed"),
    [(FLOOR, 0, True), (FLOOR, 1, True), (FLOOR, 2, False), (1, 0, True), (0, 0, False)],
)
def test_grace_is_for_so_many_boots_in_a_row_and_needs_a_floor(
    floor: int, boots_so_far: int, is_assumed: bool
) -> None:
    state = DeviceState(floor_us=floor, assumed_boots=boots_so_far)
    told = beginning(state, Instant(FLOOR + 1, 5), TimePolicy(assumed_boots=2))
    assert told == (floor, False, is_assumed)


def test_grace_helps_where_a_trusted_clock_is_out_of_reach() -> None:
    policy = TimePolicy(trusts_rtc=True, assumed_boots=1)
    assert beginning(DeviceState(floor_us=FLOOR), Instant(1, 5), policy) == (FLOOR, False, True)


def test_the_policy_is_strict_unless_told() -> None:
    assert TimePolicy() == TimePolicy(trusts_rtc=False, assumed_boots=0)


@pytest.mark.parametrize(
    ("boottime", "floor", "expected"),
    [
        (100, 0, 5_000),
        (130, 0, 5_030),
        (99, 0, None),  # CLOCK_BOOTTIME ran back: nothing is known any more
        (130, 5_030, 5_030),
        (130, 5_031, 5_031),  # never below the greatest time recorded
    ],
)
def test_time_runs_with_boottime_from_the_moment_that_is_known(
    boottime: int, floor: int, expected: int | None
) -> None:
    """The wall clock, the first of a reading, is not asked."""
    state = DeviceState(anchor=Anchor(5_000, 100), floor_us=floor)
    for wall in (0, 9_999_999):
        found = psd_time(state, Instant(wall, boottime))
        assert found == (None if expected is None else Instant(expected, boottime))


def test_a_boot_that_was_told_nothing_does_not_know_the_time() -> None:
    assert psd_time(DeviceState(floor_us=FLOOR), Instant(FLOOR, 5)) is None
