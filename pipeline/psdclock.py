"""PSD time: what the device believes the time to be, and what that rests on.

reliability.md 4.7: the last moment that is known, plus CLOCK_BOOTTIME since. What runs on is never
the wall clock, which anyone can set. A new boot knows nothing until the provider's signed time or a
real-time clock that is trusted gives it a moment; the greatest time ever recorded is its floor.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from pipeline.state import DeviceState

HOUR_US: Final = 3_600_000_000
RTC_REACH_US: Final = 72 * HOUR_US
"""A real-time clock further than this above the floor is not believed."""
SERVER_SLACK_US: Final = 300_000_000
"""A server this much below the floor is refused: a wrong one must not open old dates again."""


class Instant(NamedTuple):
    """PSD time and CLOCK_BOOTTIME, both in microseconds.

    From `Setup["clock"]` the first is the real-time clock's, believed at boot at most.
    """

    psd_us: int
    boottime_us: int


@dataclass(frozen=True, slots=True)
class TimePolicy:
    """What a boot may begin with. The default is strict: nothing, until the provider is reached.

    Strict, a boot prints nothing before its first whole contact: to be told the time is not enough.
    The provider that acknowledges every record has looked at what the folder says, so an old copy
    of it is found before it has printed anything (reliability.md, R8).
    trusts_rtc: the device has a real-time clock with a battery, out of the user's reach.
    assumed_boots: so many boots in a row may go on from the floor (weaker: the time that the power
    was off is unknown, and is reported); each contact starts the count anew.
    """

    trusts_rtc: bool = False
    assumed_boots: int = 0


def beginning(state: DeviceState, reading: Instant, policy: TimePolicy) -> tuple[int, bool, bool]:
    """Return a new boot's PSD time, whether it is known, and whether it is assumed.

    >>> strict, reading = TimePolicy(), Instant(5_000, 10)
    >>> beginning(DeviceState(floor_us=4_000), reading, strict)
    (4000, False, False)
    >>> beginning(DeviceState(floor_us=4_000), reading, TimePolicy(trusts_rtc=True))
    (5000, True, False)
    """
    floor, rtc = state.floor_us, reading.psd_us
    if policy.trusts_rtc and floor <= rtc and (not floor or rtc <= floor + RTC_REACH_US):
        return rtc, True, False
    return floor, False, state.assumed_boots < policy.assumed_boots and floor > 0


def psd_time(state: DeviceState, reading: Instant) -> Instant | None:
    """Return the PSD time, None where this boot does not know it.

    None too where CLOCK_BOOTTIME lies before the moment that is known: a clock that runs back.
    """
    anchor = state.anchor
    if anchor is None:
        return None
    elapsed = reading.boottime_us - anchor.boottime_us
    if elapsed < 0:
        return None
    return Instant(max(anchor.psd_us + elapsed, state.floor_us), reading.boottime_us)
