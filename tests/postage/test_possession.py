"""Possession of a meter, clause by clause of the DMM 604.4 revision of 2015-09-13 (seed 3)."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from postage.errors import PolicyError
from postage.possession import (
    Approval,
    Ground,
    MayNotUse,
    MayUse,
    Possession,
    read_policies,
    standing,
    takes_class,
)

[POLICY] = read_policies()
SIGNED = date(2026, 1, 2)
DAY = timedelta(days=1)


def at(day: date, **facts: object) -> MayUse | MayNotUse:
    return standing(POLICY, Possession(**{"agreement": SIGNED} | facts), day)  # type: ignore[arg-type]


def stopped(found: MayUse | MayNotUse) -> tuple[Ground, date, bool]:
    assert isinstance(found, MayNotUse), found
    return found.ground, found.since, found.surrender


def test_only_authorised_customers_may_use_a_meter() -> None:
    """604.4.2.1 and 4.2.2."""
    assert at(SIGNED) == MayUse(None)
    assert stopped(at(SIGNED - DAY))[0] is Ground.NO_AGREEMENT
    assert stopped(at(SIGNED, agreement=None)) == (Ground.NO_AGREEMENT, SIGNED, True)


def test_surrender_upon_termination_of_the_lease() -> None:
    """604.4.2.2a: the last day of the lease is still of the lease."""
    ends = date(2026, 12, 31)
    assert at(ends, lease_ends=ends) == MayUse(ends)
    found = stopped(at(ends + DAY, lease_ends=ends))
    assert found == (Ground.TERMINATED, date(2027, 1, 1), True)


def test_surrender_upon_malfunction() -> None:
    """604.4.2.2b: at once."""
    broke = date(2026, 5, 5)
    assert isinstance(at(broke - DAY, malfunction=broke), MayUse)
    assert stopped(at(broke, malfunction=broke)) == (Ground.MALFUNCTION, broke, True)


def test_surrender_upon_a_30_day_notice() -> None:
    """604.4.2.2c: the thirtieth day after the notice is the last."""
    notice = date(2026, 7, 1)
    assert at(notice, notice=notice) == MayUse(date(2026, 7, 31))
    assert at(date(2026, 7, 31), notice=notice) == MayUse(date(2026, 7, 31))
    found = stopped(at(date(2026, 8, 1), notice=notice))
    assert found == (Ground.NOTICE, date(2026, 8, 1), True)


def test_use_outside_the_customs_territory_needs_approval() -> None:
    """604.4.2.3: specific approval to the provider."""
    approval = Approval(country="JP", given=SIGNED, ends=date(2026, 6, 30))
    assert stopped(at(SIGNED, country="JP"))[0] is Ground.ABROAD
    assert stopped(at(SIGNED, country="KR", approval=approval))[0] is Ground.ABROAD
    assert at(SIGNED, country="JP", approval=approval) == MayUse(date(2026, 6, 30))
    late = stopped(at(date(2026, 7, 1), country="JP", approval=approval))
    assert late == (Ground.ABROAD, date(2026, 7, 1), True)
    assert at(SIGNED, country="PR") == MayUse(None)  # of the territory, 19 CFR 101.1
    early = Approval(country="JP", given=SIGNED + 5 * DAY)
    assert stopped(at(SIGNED, country="JP", approval=early))[0] is Ground.ABROAD
    assert at(SIGNED + 5 * DAY, country="JP", approval=early) == MayUse(None)


def test_a_denial_of_use_holds_and_the_device_goes_back_on_request() -> None:
    """604.4.2.4 and 4.2.5."""
    denied = date(2026, 3, 3)
    assert stopped(at(denied, denied=denied)) == (Ground.DENIED, denied, False)
    asked = at(denied, denied=denied, surrender_asked=denied)
    assert stopped(asked) == (Ground.DENIED, denied, True)


def test_the_device_is_made_available_for_examination() -> None:
    """604.4.2.1d: upon request of the provider or the USPS."""
    due = date(2026, 4, 10)
    assert at(due, examination_due=due) == MayUse(due)
    assert stopped(at(due + DAY, examination_due=due)) == (Ground.EXAMINATION, due + DAY, False)


def test_a_device_that_went_back_is_not_asked_for_again() -> None:
    gone = date(2026, 8, 8)
    found = stopped(at(gone, notice=date(2026, 7, 1), surrendered=gone))
    assert found == (Ground.SURRENDERED, gone, False)


def test_the_earliest_end_is_told_ahead_and_the_weightiest_is_the_ground() -> None:
    facts = {"lease_ends": date(2026, 9, 30), "notice": date(2026, 7, 1)}
    assert at(date(2026, 7, 2), **facts) == MayUse(date(2026, 7, 31))
    assert stopped(at(date(2026, 10, 1), **facts))[0] is Ground.TERMINATED


@pytest.mark.parametrize("name", ["Periodicals", "periodicals", " Bound  Printed Matter "])
def test_two_classes_are_excluded(name: str) -> None:
    """604.4.1.5: any class of mail except Periodicals and Bound Printed Matter."""
    assert not takes_class(POLICY, name)


@pytest.mark.parametrize("name", ["First-Class Mail", "Media Mail", "Priority Mail Express"])
def test_every_other_class_may_be_metered(name: str) -> None:
    assert takes_class(POLICY, name)


def test_a_notice_has_days(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "postage" / "possession.toml").read_text(encoding="utf-8")
    path = tmp_path / "possession.toml"
    path.write_text(text.replace("notice_days = 30", "notice_days = -1"), encoding="utf-8")
    with pytest.raises(PolicyError, match="a notice of -1 days"):
        read_policies(path)
