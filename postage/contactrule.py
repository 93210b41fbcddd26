"""When a meter must have been in contact with its provider, and when it locks: records, not code.

The United States ask for 72 hours, IBI had 90 days, Germany names a day of the month: each is a
record of ``contact_rules.toml``. What counts as a contact is the device's business (a signed
acknowledgement of every record); this module knows times only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Final, NamedTuple

from postage.errors import PolicyError
from postage.policyfile import read_records

RULES: Final = Path(__file__).with_name("contact_rules.toml")
HOUR_US: Final = 3_600_000_000
_SECOND_US = 1_000_000
_MINUTE_US = 60_000_000
_LAST_LOCK_DAY = 28  # every month has it


class Trigger(StrEnum):
    """From when the limit counts; public sources differ (domain 2.3), so it is a setting."""

    LAST_CONNECT = "since_last_connect"
    OLDEST_UNUPLOADED = "since_oldest_unuploaded_imprint"


class ContactStatus(NamedTuple):
    """Where a device stands.

    ``due_us`` is the last microsecond at which it is not locked, None while nothing counts;
    ``warning_h`` is the greatest warning reached, in hours since the trigger, 0 for none.
    """

    due_us: int | None
    locked: bool
    warning_h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRule:
    """One policy record; ``country``, ``family`` and ``models`` say whose.

    ``limit_h`` elapsed hours after the trigger contact is due, and ``grace_h`` later the device
    locks; where there is grace, the limit itself is a warning. ``lock_on_day`` locks with the first
    microsecond of that day of the month after the trigger's. Where both are given, the earlier
    holds. ``attempt_h`` after a contact the device attempts the next by itself; an attempt that
    fails is repeated after each of ``retry_min`` minutes, then after the last of them for ever.

    Raises:
        PolicyError: neither limit nor day, a number outside its range, a warning or an attempt that
            comes after the lock, or an attempt without its repeats.
    """

    name: str
    country: str
    family: str
    models: tuple[str, ...]
    trigger: Trigger
    source: str
    confidence: str
    limit_h: int | None = None
    grace_h: int = 0
    lock_on_day: int | None = None
    warnings_h: tuple[int, ...] = ()
    attempt_h: int | None = None
    retry_min: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.limit_h is None and self.lock_on_day is None:
            raise PolicyError(f"contact rule {self.name!r}: neither limit_h nor lock_on_day")
        if self.limit_h is not None and self.limit_h <= 0:
            raise PolicyError(f"contact rule {self.name!r}: limit_h is {self.limit_h}; at least 1")
        if self.grace_h < 0 or (self.grace_h and self.limit_h is None):
            raise PolicyError(
                f"contact rule {self.name!r}: grace_h is {self.grace_h}; it extends a limit_h"
            )
        if self.lock_on_day is not None and not 1 <= self.lock_on_day <= _LAST_LOCK_DAY:
            raise PolicyError(
                f"contact rule {self.name!r}: lock_on_day is {self.lock_on_day}; "
                f"1 to {_LAST_LOCK_DAY}"
            )
        ends = None if self.limit_h is None else self.limit_h + self.grace_h
        rising = (0, *self.warnings_h, *(() if ends is None else (ends,)))
        if any(early >= late for early, late in pairwise(rising)):
            raise PolicyError(
                f"contact rule {self.name!r}: warnings_h {list(self.warnings_h)} do not rise from "
                f"above 0 to below the lock at {ends} h"
            )
        self._demand_attempts(ends)

    def _demand_attempts(self, ends: int | None) -> None:
        if (self.attempt_h is None) != (not self.retry_min):
            raise PolicyError(f"contact rule {self.name!r}: attempt_h and retry_min come together")
        if self.attempt_h is not None and not 0 < self.attempt_h < (ends or self.attempt_h + 1):
            raise PolicyError(
                f"contact rule {self.name!r}: attempt_h is {self.attempt_h}; at least 1, and below "
                f"the lock at {ends} h"
            )
        if any(minutes < 1 for minutes in self.retry_min):
            raise PolicyError(
                f"contact rule {self.name!r}: retry_min {list(self.retry_min)}; at least 1 each"
            )


def attempt_is_due(rule: ContactRule, last_contact_us: int, now_us: int) -> bool:
    """Return whether the rule wants a device to attempt a contact by itself.

    >>> rule = read_rules()["us-imi"]
    >>> [attempt_is_due(rule, 0, hours * HOUR_US) for hours in (23, 24, 500)]
    [False, True, True]
    """
    return rule.attempt_h is not None and now_us - last_contact_us >= rule.attempt_h * HOUR_US


def retry_us(rule: ContactRule, failures: int) -> int:
    """Return how long after the last of so many failed attempts, one or more, the next comes.

    >>> rule = read_rules()["us-imi"]
    >>> [retry_us(rule, failures) // 60_000_000 for failures in (1, 2, 3, 4, 5, 10**6)]
    [1, 5, 15, 60, 60, 60]
    """
    return rule.retry_min[min(failures, len(rule.retry_min)) - 1] * _MINUTE_US


def status(
    rule: ContactRule,
    last_contact_us: int,
    oldest_unuploaded_us: int | None,
    now_us: int,
    zone: tzinfo,
) -> ContactStatus:
    """Return what the rule says at ``now_us``; all times in microseconds since 1970, UTC.

    Hours are elapsed time, so no clock change of any zone moves them; ``zone`` is the licensed
    location's and decides only where a calendar day begins. At the limit to the microsecond nothing
    is locked, one later it is. A ``now_us`` before the trigger locks nothing here: the device's
    time floor is another rule.

    >>> rule = read_rules()["us-imi"]
    >>> from datetime import UTC
    >>> status(rule, 0, None, 72 * HOUR_US, UTC)
    ContactStatus(due_us=259200000000, locked=False, warning_h=66)
    >>> status(rule, 0, None, 72 * HOUR_US + 1_000_000, UTC).locked
    True
    """
    since_us = last_contact_us if rule.trigger is Trigger.LAST_CONNECT else oldest_unuploaded_us
    if since_us is None:
        return ContactStatus(None, False, 0)
    due_us = None
    if rule.limit_h is not None:
        due_us = since_us + (rule.limit_h + rule.grace_h) * HOUR_US
    if rule.lock_on_day is not None:
        by_day_us = _first_of_day_us(since_us, rule.lock_on_day, zone) - 1
        due_us = by_day_us if due_us is None else min(due_us, by_day_us)
    assert due_us is not None  # the rule has a limit or a day
    warning_h = 0
    for hours in rule.warnings_h:
        if now_us - since_us >= hours * HOUR_US:
            warning_h = hours
    if rule.grace_h and rule.limit_h is not None and now_us - since_us >= rule.limit_h * HOUR_US:
        warning_h = max(warning_h, rule.limit_h)
    return ContactStatus(due_us, now_us > due_us, warning_h)


def read_rules(path: Path = RULES) -> dict[str, ContactRule]:
    """Return the records of a file by name.

    Raises:
        PolicyError: unreadable, a name that stands twice, two records for one model, or a record
            that is not sound.

    >>> read_rules()["us-ibi"].limit_h // 24
    90
    """
    rules: dict[str, ContactRule] = {}
    taken: dict[tuple[str, str, str], str] = {}
    for rule in read_records(path, "rule", ContactRule):
        if rule.name in rules:
            raise PolicyError(f"contact rule {rule.name!r} stands twice in {path.name}")
        rules[rule.name] = rule
        for model in rule.models:
            key = (rule.country, rule.family, model)
            if key in taken:
                raise PolicyError(
                    f"contact rules {taken[key]!r} and {rule.name!r} are both for {key}"
                )
            taken[key] = rule.name
    return rules


def rule_for(
    rules: Mapping[str, ContactRule], country: str, family: str, model: str
) -> ContactRule | None:
    """Return the record of a model, or that of every other model there; None where there is none.

    ``country`` is the ISO 3166 code, ``family`` the indicium family (imi, ibi, ...).

    >>> rule_for(read_rules(), "US", "imi", "software").name
    'us-imi'
    """
    found = {
        model_: rule
        for rule in rules.values()
        if (rule.country, rule.family) == (country, family)
        for model_ in rule.models
    }
    return found.get(model, found.get("*"))


def _first_of_day_us(since_us: int, day: int, zone: tzinfo) -> int:
    """Return when a day of the month after that of ``since_us`` begins in the zone."""
    local = datetime.fromtimestamp(since_us // _SECOND_US, zone)
    year, month = (local.year + 1, 1) if local.month == 12 else (local.year, local.month + 1)
    return int(datetime(year, month, day, tzinfo=zone).timestamp()) * _SECOND_US
