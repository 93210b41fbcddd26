"""The decertification calendar: four clocks for each model, dates as published."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from postage.decertification import (
    ANY,
    Allowed,
    Calendar,
    Decertified,
    Entry,
    Rule,
    family_of,
    read_calendar,
)
from postage.errors import PolicyError
from postage.layouts import PROFILES

CALENDAR = read_calendar()


def allows(model: str, family: str, rule: Rule, day: str) -> bool:
    found = CALENDAR.decision(model, family, rule, date.fromisoformat(day))
    return isinstance(found, Allowed)


@pytest.mark.parametrize(
    ("model", "rule", "last"),
    [
        ("any other", Rule.SCAN, "2025-06-30"),  # domain.md 9a.18, seed 1
        ("any other", Rule.REFUND, "2025-06-30"),
        ("any other", Rule.PRINT, "2024-06-30"),
        ("any other", Rule.SERVICE, "2024-12-31"),
        ("DM Infinity", Rule.PRINT, "2026-06-30"),
        ("DM Infinity", Rule.REFUND, "2025-06-30"),
        ("SendPro P-Series", Rule.PRINT, "2027-12-31"),
        ("Connect+", Rule.PRINT, "2027-12-31"),
    ],
)
def test_the_last_day_is_allowed_and_the_next_is_not(model: str, rule: Rule, last: str) -> None:
    """domain.md 9a.18 and 1.1."""
    day = date.fromisoformat(last)
    allowed = CALENDAR.decision(model, "ibi", rule, day)
    assert isinstance(allowed, Allowed)
    assert allowed.last == day
    ended = CALENDAR.decision(model, "ibi", rule, day + timedelta(days=1))
    assert isinstance(ended, Decertified)
    assert ended.since == day + timedelta(days=1)
    assert ended.rule is rule
    assert ended.source


def test_one_cut_off_is_not_another_models() -> None:
    """Trap 15: on 2025-07-01 a general IBI is void and an extended model prints on."""
    assert not allows("x", "ibi", Rule.SCAN, "2025-07-01")
    assert allows("DM Infinity", "ibi", Rule.SCAN, "2025-07-01")
    assert not allows("DM Infinity", "ibi", Rule.REFUND, "2025-07-01")


def test_an_imi_has_no_end() -> None:
    for rule in Rule:
        assert allows("DM Infinity", "imi", rule, "9999-12-31")


def test_before_2016_other_indicia_were_valid() -> None:
    """78 FR 8407: from 2016-01-01 only IBI and IMI."""
    assert allows("x", "legacy", Rule.SCAN, "2015-12-31")
    assert not allows("x", "legacy", Rule.SCAN, "2016-01-01")


def test_models_are_told_apart_without_regard_to_case_and_space() -> None:
    assert allows(" dm  infinity", "ibi", Rule.PRINT, "2026-06-30")
    assert not allows("DM Infinit", "ibi", Rule.PRINT, "2026-06-30")


def test_the_refund_cut_off_is_stored_and_not_180_days_after_withdrawal() -> None:
    """domain.md 3.3: 2024-12-31 and 180 days are 2025-06-29; the published day is the 30th."""
    assert date(2024, 12, 31) + timedelta(days=180) == date(2025, 6, 29)
    assert allows("x", "ibi", Rule.REFUND, "2025-06-30")


def test_every_profile_has_a_family_in_the_calendar() -> None:
    for profile in PROFILES:
        CALENDAR.decision("", family_of(profile), Rule.SCAN, date(2026, 1, 1))


def test_an_unknown_family_or_profile_is_refused_by_name() -> None:
    with pytest.raises(PolicyError, match="no record of indicium family 'xyz'"):
        CALENDAR.decision("x", "xyz", Rule.PRINT, date(2026, 1, 1))
    with pytest.raises(PolicyError, match="no profile is named 'imi'"):
        family_of("imi")


def entry(name: str, models: tuple[str, ...]) -> Entry:
    return Entry(name=name, family="ibi", models=models, source="s", confidence="A")


def test_a_calendar_that_contradicts_itself_does_not_exist() -> None:
    with pytest.raises(PolicyError, match="'a' and 'b' are both for ibi of X"):
        Calendar([entry("a", ("x", ANY)), entry("b", ("X",))])
    with pytest.raises(PolicyError, match="ibi has no record for every other model"):
        Calendar([entry("a", ("x",))])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("print = 2026-07-13T10:00:00", "print is datetime"),
        ('print = "2026-07-13"', "print is '2026-07-13', not a date"),
        ("prnt = 2026-07-13", "prnt is not a field"),
    ],
)
def test_a_date_is_a_date(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "calendar.toml"
    path.write_text(
        '[[record]]\nname = "a"\nfamily = "ibi"\nmodels = ["*"]\nsource = "s"\n'
        f'confidence = "A"\n{line}\n',
        encoding="utf-8",
    )
    with pytest.raises(PolicyError, match=said):
        read_calendar(path)
