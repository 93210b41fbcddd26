"""The contact rule: 72 hours to the microsecond, other countries' and models' as records."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.contactrule import (
    HOUR_US,
    ContactRule,
    ContactStatus,
    Trigger,
    read_rules,
    rule_for,
    status,
)
from postage.errors import PolicyError

RULES = read_rules()
US = RULES["us-imi"]
LIMIT_US = 72 * HOUR_US
ZONES = ["UTC", "America/Los_Angeles", "America/New_York", "Europe/Berlin", "Pacific/Auckland"]


def us(text: str, zone: str = "UTC") -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return int(moment.timestamp()) * 1_000_000


@pytest.mark.parametrize("zone", ZONES)
def test_the_us_clock_change_does_not_move_72_hours(zone: str) -> None:
    """domain.md 9a.10: acknowledged on 03-06 at noon UTC; the US clocks change on 2026-03-08."""
    contact = us("2026-03-06T12:00:00")
    at = ZoneInfo(zone)
    assert not status(US, contact, None, us("2026-03-09T11:59:59"), at).locked
    assert not status(US, contact, None, us("2026-03-09T12:00:00"), at).locked
    assert status(US, contact, None, us("2026-03-09T12:00:01"), at).locked
    assert status(US, contact, None, contact, at).due_us == us("2026-03-09T12:00:00")


def test_the_limit_itself_is_allowed_and_a_microsecond_more_is_not() -> None:
    """reliability.md P5: 71 h 59 min no lock, 72 h 0 min 1 s lock."""
    for after_us, locked in [
        (71 * HOUR_US + 59 * 60_000_000, False),
        (LIMIT_US, False),
        (LIMIT_US + 1, True),
        (LIMIT_US + 1_000_000, True),
    ]:
        assert status(US, 5, None, 5 + after_us, UTC).locked is locked


@pytest.mark.parametrize(
    ("hours", "warning"),
    [(0, 0), (23, 0), (24, 24), (47, 24), (48, 48), (65, 48), (66, 66), (72, 66), (500, 66)],
)
def test_warnings_come_at_24_48_and_66_hours(hours: int, warning: int) -> None:
    """domain.md 8, comm.warn_h."""
    assert status(US, 0, None, hours * HOUR_US, UTC).warning_h == warning
    if hours:
        just_before = status(US, 0, None, hours * HOUR_US - 1, UTC).warning_h
        assert just_before <= warning


def test_the_oldest_unuploaded_imprint_starts_the_other_clock() -> None:
    """domain.md 2.3, the second reading: an idle meter never locks; a metering one does."""
    rule = RULES["us-imi-when-metered"]
    year = 365 * 24 * HOUR_US
    assert status(rule, 0, None, year, UTC) == ContactStatus(None, False, 0)
    assert not status(rule, 0, year, year + LIMIT_US, UTC).locked
    assert status(rule, 0, year, year + LIMIT_US + 1, UTC).locked


def test_ibi_had_ninety_days() -> None:
    """Seed 1: the old IBI system connected every 90 days."""
    rule = rule_for(RULES, "US", "ibi", "some model")
    assert rule is not None
    day = 24 * HOUR_US
    assert not status(rule, 0, None, 90 * day, UTC).locked
    assert status(rule, 0, None, 90 * day + 1, UTC).locked


def test_grace_warns_at_the_limit_and_locks_after_it() -> None:
    """domain.md 2.3: 21 days message + 7 grace = lock on day 28; DM400C 90 + 30 days."""
    day = 24 * HOUR_US
    rule = RULES["sendpro-p2000-2022"]
    assert status(rule, 0, None, 21 * day - 1, UTC) == ContactStatus(28 * day, False, 0)
    assert status(rule, 0, None, 21 * day, UTC) == ContactStatus(28 * day, False, 504)
    assert status(rule, 0, None, 28 * day + 1, UTC) == ContactStatus(28 * day, True, 504)
    dm400c = rule_for(RULES, "US", "ibi", "DM400C")
    assert dm400c is not None
    assert status(dm400c, 0, None, 0, UTC).due_us == 120 * day


@pytest.mark.parametrize(
    ("contact", "locks"),
    [
        ("2026-03-01T00:00:00", "2026-04-08T00:00:00"),  # the month of contact is served
        ("2026-03-07T12:00:00", "2026-04-08T00:00:00"),  # summer time begins on 03-29
        ("2026-03-31T23:59:59", "2026-04-08T00:00:00"),
        ("2026-10-20T09:00:00", "2026-11-08T00:00:00"),  # and ends on 10-25
        ("2026-12-31T23:30:00", "2027-01-08T00:00:00"),
    ],
)
def test_germany_locks_when_the_8th_begins_there(contact: str, locks: str) -> None:
    """domain.md 2.3: locked by the 8th calendar day of the month, in the licensed zone."""
    rule = rule_for(RULES, "DE", "dv", "any")
    assert rule is not None
    berlin = ZoneInfo("Europe/Berlin")
    begins = us(locks, "Europe/Berlin")
    last = us(contact, "Europe/Berlin")
    assert status(rule, last, None, begins - 1, berlin) == ContactStatus(begins - 1, False, 0)
    assert status(rule, last, None, begins, berlin).locked


def test_the_day_begins_in_the_zone_of_the_device() -> None:
    """Half past eleven at night in Berlin on 03-31 is 04-01 in Auckland: another month."""
    moment = us("2026-03-31T23:30:00", "Europe/Berlin")
    rule = RULES["de"]
    berlin = status(rule, moment, None, moment, ZoneInfo("Europe/Berlin")).due_us
    auckland = status(rule, moment, None, moment, ZoneInfo("Pacific/Auckland")).due_us
    assert berlin == us("2026-04-08T00:00:00", "Europe/Berlin") - 1
    assert auckland == us("2026-05-08T00:00:00", "Pacific/Auckland") - 1


def test_of_limit_and_day_the_earlier_holds() -> None:
    both = replace(RULES["de"], limit_h=72)
    assert status(both, 0, None, 0, UTC).due_us == 72 * HOUR_US
    late = replace(RULES["de"], limit_h=2160)
    assert status(late, 0, None, 0, UTC).due_us == us("1970-02-08T00:00:00") - 1


@given(
    contact=st.integers(0, 2**51),
    elapsed=st.integers(0, 200 * HOUR_US),
    zone=st.sampled_from(ZONES),
)
def test_hours_are_elapsed_time_whatever_zone_and_season(
    contact: int, elapsed: int, zone: str
) -> None:
    """The only oracle is subtraction."""
    found = status(US, contact, None, contact + elapsed, ZoneInfo(zone))
    assert found.locked == (elapsed > LIMIT_US)
    assert found.due_us == contact + LIMIT_US
    assert found.warning_h == max(h for h in (0, 24, 48, 66) if elapsed >= h * HOUR_US)


def test_a_model_of_its_own_goes_before_every_other() -> None:
    assert rule_for(RULES, "US", "ibi", "DM400C") is RULES["us-ibi-dm400c"]
    assert rule_for(RULES, "US", "imi", "DM400C") is US
    assert rule_for(RULES, "FR", "imi", "DM400C") is None


def rule(**changes: object) -> ContactRule:
    values: dict[str, object] = {
        "name": "mine",
        "country": "US",
        "family": "imi",
        "models": (),
        "trigger": Trigger.LAST_CONNECT,
        "source": "ours",
        "confidence": "A",
    }
    return ContactRule(**values | changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "neither limit_h nor lock_on_day"),
        ({"limit_h": 0}, "limit_h is 0; at least 1"),
        ({"limit_h": 72, "grace_h": -1}, "grace_h is -1"),
        ({"lock_on_day": 8, "grace_h": 1}, "it extends a limit_h"),
        ({"lock_on_day": 29}, "lock_on_day is 29; 1 to 28"),
        ({"limit_h": 72, "warnings_h": (24, 72)}, "below the lock at 72 h"),
        ({"limit_h": 72, "warnings_h": (48, 24)}, "do not rise"),
        ({"limit_h": 72, "warnings_h": (0, 24)}, "do not rise"),
        ({"limit_h": 72, "attempt_h": 24}, "come together"),
        ({"limit_h": 72, "retry_min": (1,)}, "come together"),
        ({"limit_h": 72, "attempt_h": 0, "retry_min": (1,)}, "attempt_h is 0; at least 1"),
        ({"limit_h": 72, "attempt_h": 72, "retry_min": (1,)}, "below the lock at 72 h"),
        ({"lock_on_day": 8, "attempt_h": 0, "retry_min": (1,)}, "attempt_h is 0"),
        ({"limit_h": 72, "attempt_h": 24, "retry_min": (1, 0)}, "at least 1 each"),
    ],
)
def test_a_rule_that_contradicts_itself_does_not_exist(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(PolicyError, match=said):
        rule(**changes)


GOOD = """[[rule]]
name = "a"
country = "US"
family = "imi"
models = ["*"]
limit_h = 72
trigger = "since_last_connect"
warnings_h = []
source = "s"
confidence = "A"
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"no \[\[rule\]\]"),
        ("rule = ", "Invalid value"),
        (GOOD + GOOD, "stands twice"),
        (GOOD + GOOD.replace('"a"', '"b"'), "'a' and 'b' are both for"),
        (GOOD.replace("72", "72.5"), "limit_h is 72.5, not a whole number"),
        (GOOD.replace("72", "true"), "limit_h is True, not a whole number"),
        (GOOD.replace('["*"]', '"*"'), "models is not a list"),
        (GOOD.replace('"US"', "2026-01-01"), "country is datetime.date"),
        ("[rule]", r"no \[\[rule\]\]"),
        (GOOD.replace('["*"]', "[1]"), "models is 1, not text"),
        (
            GOOD.replace("since_last_connect", "sometimes"),
            "trigger is 'sometimes'; one of since_last_connect",
        ),
        (GOOD.replace("country", "land"), "land is not a field"),
        (GOOD.replace('trigger = "since_last_connect"\n', ""), "does not say trigger"),
        (GOOD.replace('source = "s"\n', ""), "does not say source"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PolicyError, match=said):
        read_rules(path)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"gone\.toml"):
        read_rules(tmp_path / "gone.toml")


def test_every_record_says_where_it_comes_from() -> None:
    assert all(entry.source and entry.confidence for entry in RULES.values())
