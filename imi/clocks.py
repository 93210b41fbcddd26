"""The machine's clocks, for commands that work on a meter of another time."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime

from pipeline.psdclock import Instant


def clock_at(at: str | None) -> Callable[[], Instant]:
    """Return a clock that runs on from a moment in ISO 8601 (UTC unless it says), or from now.

    Raises:
        ValueError: it is no such moment.

    >>> datetime.fromtimestamp(clock_at("2001-02-03T04:05")().psd_us / 1e6, UTC).day
    3
    """
    ahead_us = 0
    if at is not None:
        try:
            told = datetime.fromisoformat(at)
        except ValueError:
            raise ValueError(f"--at {at!r} is no moment such as 2026-07-14T09:00") from None
        told = told if told.tzinfo else told.replace(tzinfo=UTC)
        ahead_us = round(told.timestamp() * 1e6) - time.time_ns() // 1000

    def read() -> Instant:
        boottime_us = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        return Instant(time.time_ns() // 1000 + ahead_us, boottime_us)

    return read


def day_in(text: str) -> date:
    """Return a day in ISO 8601.

    Raises:
        ValueError: it is none.

    >>> day_in("2026-07-14")
    datetime.date(2026, 7, 14)
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day such as 2026-07-14") from None
