"""The acceptance scenarios of domain.md 9a that ask a sorter, with their numbers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from postage.devices import DeviceStatus, Mode
from postage.facts import Measured
from postage.fields import Imprint
from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece
from postage.money import ZERO, Money
from postage.remedies import Remedy
from postage.verdicts import Class2011, Class2015, Code, Finding, Reason, Verdict
from sorter.errors import RegisterError, SorterError
from sorter.policy import Policy
from sorter.scans import Scan, Sighting
from sorter.trust import Trust
from sorter.verifier import Verifier
from tests.sorter.mail import BOOK, LETTER, METER, Device, facts, register, verifier


def reasons(verdict: Verdict) -> set[Reason]:
    return {one.reason for one in verdict.reasons}


def test_a_paid_letter_is_valid_and_nothing_is_found() -> None:
    verdict = verifier().verify(METER.indicium(), facts())
    assert verdict.code is Code.VALID, verdict
    assert verdict.reasons == ()
    assert (verdict.class_2011, verdict.class_2015) == (Class2011.SUFFICIENT, Class2015.EQUAL)
    assert (verdict.paid, verdict.due, verdict.difference_mills) == (Money(780), Money(780), 0)
    assert verdict.remedies == (Remedy.NONE,)
    assert verdict.evidence.edition == "2026-07-12"


def test_scenario_1_the_usps_sample_is_not_verifiable(reference: Path) -> None:
    vectors = json.loads((reference / "data/vectors.json").read_text())
    sample = bytes.fromhex(vectors["imi_usps_sample_2024_07_11"]["hex"])
    for policy in (Policy(), Policy(mode="rehearsal")):
        verdict = verifier(policy=policy).verify(sample, facts())
        assert verdict.code is Code.NOT_VERIFIABLE
        assert verdict.shown == Money(1760)
        assert (verdict.paid, verdict.class_2011) == (None, Class2011.UNDETERMINED)
        assert verdict.remedies == (Remedy.EXAMINE,)


def test_scenario_12_a_test_imprint_is_specimen_in_every_mode() -> None:
    void = METER.indicium(mills=0, rate_category=Imprint.TEST)
    for policy in (Policy(), Policy(mode="rehearsal")):
        assert verifier(policy=policy).verify(void, facts()).code is Code.SPECIMEN


def test_a_specimen_device_is_trusted_in_no_mode() -> None:
    record = METER.record(mode=Mode.SPECIMEN)
    for policy in (Policy(), Policy(mode="rehearsal")):
        verdict = verifier(record, policy=policy).verify(METER.indicium(), facts())
        assert verdict.code is Code.SPECIMEN
        assert verdict.paid == ZERO


def test_a_software_device_is_specimen_in_production_and_marked_in_a_rehearsal() -> None:
    """design.md 6: a correct TST0 indicium in production answers SPECIMEN."""
    soft = Device(vendor="TST0")
    record = soft.record(mode=Mode.REHEARSAL)
    production = verifier(record).verify(soft.indicium(), facts())
    assert production.code is Code.SPECIMEN
    rehearsal = verifier(record, policy=Policy(mode="rehearsal")).verify(soft.indicium(), facts())
    assert (rehearsal.code, rehearsal.is_rehearsal) == (Code.VALID, True)
    assert str(rehearsal).startswith("REHEARSAL ")
    unlisted = verifier().verify(soft.indicium(), facts())
    assert unlisted.code is Code.SPECIMEN


def test_scenario_13_one_valid_and_the_rest_duplicates() -> None:
    sorter, payload = verifier(), METER.indicium(count=41)
    first = facts(lane=1)
    assert sorter.verify(payload, first).code is Code.VALID
    copy = sorter.verify(payload, facts(lane=2, scanned_us=first.scanned_us + 50_000))
    assert copy.code is Code.DUPLICATE
    assert (copy.paid, copy.due, copy.class_2011) == (ZERO, Money(780), Class2011.UNPAID)
    assert "lane 1" in copy.evidence.first_seen
    assert sorter.verify(METER.indicium(count=42), facts()).code is Code.VALID
    assert sorter.verify(payload, first).code is Code.VALID  # the same picture again
    assert sorter.verify(payload, replace(first, pass_number=2)).code is Code.VALID


def test_a_device_whose_imprints_have_no_names_is_not_listed() -> None:
    """The USPS sample has neither a piece count nor a register: its copies could not be told."""
    sample = METER.record(vendor_model="0000", profile="imi-usps-sample", mode=Mode.REHEARSAL)
    with pytest.raises(RegisterError, match="nothing in imi-usps-sample tells"):
        register(sample)


def test_one_count_with_two_contents_is_a_clone() -> None:
    sorter = verifier()
    assert sorter.verify(METER.indicium(count=5), facts()).code is Code.VALID
    clone = sorter.verify(METER.indicium(count=5, ascending=Money(9_999)), facts())
    assert (clone.code, clone.paid) == (Code.CLONE, ZERO)


@pytest.mark.parametrize(("is_rigid", "due", "short"), [(False, 1_070, 290), (True, 1_560, 780)])
def test_scenario_14_shortpaid(is_rigid: bool, due: int, short: int) -> None:
    """Metered letter of 2.0 oz dated 2026-07-13 showing 780; 1070 + 490 when nonmachinable."""
    piece = Mailpiece.inches("9.5", "4.125", "0.02", ounces="2.0", is_rigid=is_rigid)
    verdict = verifier().verify(METER.indicium(weight_tenths_oz=20), facts(piece))
    assert verdict.code is Code.SHORTPAID
    assert (verdict.due, verdict.deficiency) == (Money(due), Money(short))
    assert (verdict.class_2011, verdict.class_2015) == (Class2011.SHORTPAID, Class2015.DISCREPANCY)
    assert verdict.remedies == (
        *(Remedy.ADJUST, Remedy.NOTIFY, Remedy.DELIVER_AND_COLLECT, Remedy.RETURN),
    )


def test_scenario_15_overpaid_zero_and_counterfeit() -> None:
    over = verifier().verify(METER.indicium(mills=1_070), facts())
    assert (over.code, over.difference_mills) == (Code.OVERPAID, 290)
    assert (over.class_2011, over.class_2015) == (Class2011.SUFFICIENT, Class2015.DISCREPANCY)
    assert (over.deficiency, over.remedies) == (ZERO, (Remedy.NONE,))
    zero = verifier().verify(METER.indicium(mills=0), facts())
    assert (zero.code, zero.due, zero.class_2011) == (Code.UNPAID, Money(780), Class2011.UNPAID)
    assert zero.class_2015 is Class2015.DISCREPANCY
    forged = METER.indicium(mills=1_070)[:-64] + Device(8).indicium(mills=1_070)[-64:]
    false = verifier().verify(forged, facts())
    assert (false.code, false.shown, false.paid) == (Code.COUNTERFEIT, Money(1_070), ZERO)
    assert (false.due, false.class_2011) == (Money(780), Class2011.UNPAID)
    # Whoever forges an indicium can name any device: its account pays for nothing.
    assert false.remedies == (Remedy.RETURN_FOR_POSTAGE,)


def test_a_redate_needs_its_companion() -> None:
    old = METER.indicium(count=3, mailing_date=date(2026, 6, 30))
    redate = METER.indicium(count=1, mills=0, rate_category=Imprint.REDATE)
    assert verifier().verify(old, facts()).code is Code.STALE
    both = verifier().verify([old, redate], facts())
    assert both.code is Code.VALID, both
    assert Reason.REDATED in reasons(both)
    assert Reason.DATE_PAST not in reasons(both)
    alone = verifier().verify(redate, facts())
    assert alone.code is Code.UNPAID
    assert Reason.REDATE_ALONE in reasons(alone)


def test_a_redate_of_another_device_is_no_companion() -> None:
    other = Device(8)
    sorter = verifier(METER.record(), other.record())
    old = METER.indicium(mailing_date=date(2026, 6, 30))
    stray = other.indicium(mills=0, rate_category=Imprint.REDATE)
    assert sorter.verify([old, stray], facts()).code is Code.STALE


def test_two_indicia_on_one_piece_add_up() -> None:
    """DMM 604.4 (2015): the total postage affixed."""
    piece = Mailpiece.inches("9.5", "4.125", "0.02", ounces="2.0")
    pair = [METER.indicium(count=1), METER.indicium(count=2, mills=290)]
    verdict = verifier().verify(pair, facts(piece))
    assert verdict.paid == Money(1_070)
    assert verdict.code is Code.VALID


def test_an_undated_indicium_is_no_error() -> None:
    """Prepaid reply mail has no date (domain trap 32)."""
    verdict = verifier().verify(METER.indicium(mailing_date=None), facts())
    assert verdict.code is Code.VALID
    assert reasons(verdict) == {Reason.UNDATED}


@pytest.mark.parametrize(
    ("day", "code"),
    [
        (date(2026, 7, 3), Code.OVERPAID),  # 10 days back, at the prices of 2025: 740 is due
        (date(2026, 7, 2), Code.STALE),
        (date(2026, 7, 14), Code.VALID),
        (date(2026, 7, 15), Code.STALE),
    ],
)
def test_the_date_window_includes_both_ends(day: date, code: Code) -> None:
    assert verifier().verify(METER.indicium(mailing_date=day), facts()).code is code


def test_due_is_the_price_of_the_mailing_date() -> None:
    """Scenario 5: 740 on 2026-07-11, 780 from 07-12."""
    for day, mills in ((date(2026, 7, 11), 740), (date(2026, 7, 12), 780)):
        verdict = verifier().verify(METER.indicium(mills=mills, mailing_date=day), facts())
        assert verdict.code is Code.VALID, verdict


@pytest.mark.parametrize("status", [one for one in DeviceStatus if one is not DeviceStatus.ACTIVE])
def test_a_device_that_may_not_print_has_its_own_reason(status: DeviceStatus) -> None:
    record = METER.record(status=status)
    verdict = verifier(record).verify(METER.indicium(), facts())
    assert (verdict.code, verdict.paid, verdict.due) == (Code.DECERTIFIED, ZERO, Money(780))
    assert f"the device is {status}" in str(verdict)
    before = METER.record(status=status, status_since=date(2026, 7, 14))
    assert verifier(before).verify(METER.indicium(), facts()).code is Code.VALID


def test_scenario_18_an_ibi_ends_by_scan_date_and_model(reference: Path) -> None:
    vectors = json.loads((reference / "data/vectors.json").read_text())
    ibi = bytes.fromhex(vectors["ibi_pdf417_endicia_2010"]["hex"])
    last, after = date(2025, 6, 30), date(2025, 7, 1)
    assert verifier().verify(ibi, facts(scanned_on=last)).code is Code.NOT_VERIFIABLE
    assert verifier().verify(ibi, facts(scanned_on=after)).code is Code.DECERTIFIED


def test_excluded_classes_are_refused() -> None:
    """DMM 604.4 (2015): any class except Periodicals and Bound Printed Matter."""
    for mail_class in (MailClass.PERIODICALS, MailClass.BOUND_PRINTED_MATTER):
        verdict = verifier().verify(METER.indicium(), facts(mail_class=mail_class))
        assert (verdict.code, verdict.paid) == (Code.UNPAID, ZERO)
        assert Reason.CLASS_EXCLUDED in reasons(verdict)


def test_the_scale_is_believed_within_its_tolerance_only() -> None:
    """Domain trap 20: a 1.00 oz piece read as 1.02 oz is not short of 290."""
    piece = replace(LETTER, weight_milliounces=1_020)
    exact = facts(measured=Measured(piece=piece))
    loose = facts(measured=Measured(piece=piece, weight_tolerance_milliounces=30))
    assert verifier().verify(METER.indicium(), exact).code is Code.SHORTPAID
    assert verifier().verify(METER.indicium(), loose).code is Code.VALID


def test_a_stale_register_is_reported_and_decides_nothing() -> None:
    sorter = verifier(expires=date(2026, 7, 12))
    verdict = sorter.verify(METER.indicium(), facts())
    assert (verdict.code, reasons(verdict)) == (Code.VALID, {Reason.REGISTER_STALE})


def test_without_measurements_the_amount_is_left_open() -> None:
    verdict = verifier().verify(METER.indicium(), facts(None))
    assert (verdict.code, verdict.due) == (Code.VALID, None)
    assert verdict.class_2011 is Class2011.UNDETERMINED
    assert reasons(verdict) == {Reason.DUE_UNKNOWN}


def test_no_symbol_and_rubbish_are_unreadable() -> None:
    assert verifier().verify([], facts()).code is Code.UNREADABLE
    assert verifier().verify(b"", facts()).code is Code.UNREADABLE
    assert verifier().verify(b"https://example.org", facts()).code is Code.UNREADABLE


def test_late_has_a_verdict_of_its_own() -> None:
    verdict = verifier().verify(Finding(Reason.DEADLINE_PASSED, "120 ms of 90"), facts())
    assert (verdict.code, verdict.class_2011) == (Code.LATE, Class2011.UNDETERMINED)


class _Silent:
    """A history whose disk is full."""

    def check_many(self, scans: Sequence[Scan]) -> list[Sighting]:
        raise SorterError(f"no room for {len(scans)} scans")


def test_a_history_that_fails_decides_nothing_and_raises_nothing() -> None:
    sorter = Verifier(Trust(register()), _Silent(), BOOK)
    verdict = sorter.verify(METER.indicium(), facts())
    assert (verdict.code, verdict.paid) == (Code.NOT_VERIFIABLE, None)
    assert "no room for 1 scans" in str(verdict)
