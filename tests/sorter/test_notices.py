"""Verdicts become messages: to whom, what is asked, why, and whatever the facts were."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.record import device_id
from postage.devices import device_number
from postage.discrepancy import Adjustment, RootCause
from postage.envelope import pack, unpack
from postage.facts import Claimed, Measured, PieceFacts
from postage.fields import Imprint
from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece
from postage.messages import Discrepancy
from postage.money import ZERO, Money
from postage.remedies import Remedy
from postage.verdicts import Code, Evidence, Finding, Reason, Verdict
from sorter.notices import identity, notices_of
from tests.sorter.mail import METER, Device, facts, verifier
from tests.sorter.shortmail import FP, PB, short

HEAVY = Mailpiece.inches("9.5", "4.125", "0.02", ounces="2.0")


def only(verdict: Verdict, about: PieceFacts) -> Discrepancy:
    [notice] = notices_of(verdict, about)
    assert unpack(pack(notice)) == notice
    return notice


def test_scenario_14_becomes_a_message() -> None:
    about = facts(HEAVY)
    verdict = verifier().verify(METER.indicium(weight_tenths_oz=10), about)
    notice = only(verdict, about)
    assert (notice.provider, notice.device) == ("PB", device_number("TPB1", 7))
    assert notice.reckoning.due == Money(1_070)
    assert notice.reckoning.adjust == notice.reckoning.deficiency == Money(290)
    assert (notice.adjustment, notice.root_cause) == (Adjustment.CENSUS, RootCause.WEIGHT)
    assert notice.claimed.weight_tenths_oz == 10
    assert notice.measured is not None
    assert notice.measured.figures.weight_milliounces == 2_000
    assert notice.proof.payloads == (METER.indicium(weight_tenths_oz=10),)
    assert notice.proof.edition == "2026-07-12"
    assert notice.place.site == "SFO"


def test_a_paid_piece_and_an_open_one_are_not_told() -> None:
    for payload in (METER.indicium(), b"", Device(9).indicium()):
        about = facts()
        assert notices_of(verifier().verify(payload, about), about) == []


def test_scenario_15_more_than_due_is_told_and_asks_nothing() -> None:
    """Unequal is a discrepancy; money flows only when postage is due (domain trap 10)."""
    about = facts()
    notice = only(verifier().verify(METER.indicium(mills=1_070), about), about)
    assert (notice.code, notice.reckoning.difference_mills) == (Code.OVERPAID, 290)
    assert (notice.reckoning.adjust, notice.remedies) == (ZERO, (Remedy.NONE,))


def test_a_forged_indicium_is_told_and_asks_nothing_of_the_device_it_names() -> None:
    about = facts()
    forged = METER.indicium(mills=1_070)[:-64] + Device(8).indicium(mills=1_070)[-64:]
    notice = only(verifier().verify(forged, about), about)
    assert (notice.provider, notice.code) == ("PB", Code.COUNTERFEIT)
    assert (notice.reckoning.deficiency, notice.reckoning.adjust) == (Money(780), ZERO)
    assert notice.adjustment is Adjustment.UNMANIFESTED


def test_a_copy_is_a_duplicate_with_its_first_sighting() -> None:
    sorter = verifier()
    sorter.verify(METER.indicium(), facts(lane=5))
    about = facts()
    notice = only(sorter.verify(METER.indicium(), about), about)
    assert (notice.adjustment, notice.root_cause) == (Adjustment.DUPLICATES, RootCause.DUPLICATES)
    assert "lane 5" in notice.proof.first_seen


def test_what_no_registered_device_printed_is_told_to_nobody() -> None:
    about = facts()
    void = Device(vendor="TST0").indicium(mills=0, rate_category=Imprint.TEST)
    notice = only(verifier().verify(void, about), about)
    assert (notice.provider, notice.device, notice.reckoning.adjust) == ("", 0, ZERO)


def test_each_provider_hears_once_and_only_one_is_asked() -> None:
    about = facts()
    twice = replace(PB, serial=9)
    told = notices_of(short(PB, twice, FP), about)
    assert [(one.provider, one.device) for one in told] == [
        ("PB", device_number("TPB1", 7)),
        ("FP", device_number("TFP1", 8)),
    ]
    assert [one.reckoning.adjust for one in told] == [Money(290), ZERO]
    assert len({one.id for one in told}) == 1
    named = replace(PB, is_chargeable=False)
    told = notices_of(short(named, FP), about)
    assert [one.reckoning.adjust for one in told] == [ZERO, Money(290)]


@pytest.mark.parametrize(("least", "asked"), [(0, 290), (290, 290), (291, 0)])
def test_less_than_the_least_adjustment_is_told_and_not_asked(least: int, asked: int) -> None:
    """disc.min_adjust_mills (domain.md 8); its default 0 asks for everything."""
    [notice] = notices_of(short(), facts(), min_adjust=Money(least))
    assert notice.reckoning.adjust == Money(asked)
    assert notice.reckoning.deficiency == Money(290)


def test_nothing_is_asked_where_the_rules_do_not_allow_to_adjust() -> None:
    """Express is collected from its addressee: asking the account too would be paid twice."""
    [notice] = notices_of(short(remedies=(Remedy.DELIVER_AND_COLLECT,)), facts())
    assert notice.reckoning.adjust == ZERO


@pytest.mark.parametrize(
    ("claimed", "cause"),
    [
        (Claimed(), RootCause.CENSUS),
        (Claimed(weight_tenths_oz=10), RootCause.WEIGHT),
        (Claimed(weight_tenths_oz=20), RootCause.CENSUS),
        (Claimed(piece=replace(HEAVY, weight_milliounces=1_000)), RootCause.WEIGHT),
        (Claimed(piece=replace(HEAVY, thickness_thou=300)), RootCause.DIMENSIONAL),
        (Claimed(piece=HEAVY), RootCause.CENSUS),
    ],
)
def test_the_cause_is_what_was_measured_otherwise(claimed: Claimed, cause: RootCause) -> None:
    [notice] = notices_of(short(), facts(HEAVY, claimed=claimed))
    assert (notice.adjustment, notice.root_cause) == (Adjustment.CENSUS, cause)


def test_one_piece_has_one_id_on_every_pass() -> None:
    about = facts(piece_id="A")
    again = replace(about, pass_number=2, lane=9, image_id="other", scanned_us=1)
    assert identity(about, [b"x", b"y"]) == identity(again, [b"y", b"x"])
    assert identity(about, [b"x"]) != identity(replace(about, piece_id="B"), [b"x"])
    assert identity(about, [b"x"]) != identity(about, [b"x", b""])
    assert identity(about, [b"xy"]) != identity(about, [b"x", b"y"])


def test_without_a_name_a_piece_is_its_picture_and_else_its_time() -> None:
    picture = facts(piece_id="", image_id="7")
    assert identity(picture, []) == identity(replace(picture, scanned_us=1), [])
    for change in ({"site": "OAK"}, {"lane": 2}, {"pass_number": 2}, {"image_id": "8"}):
        assert identity(picture, []) != identity(replace(picture, **change), [])
    blind = replace(picture, image_id="")
    assert identity(blind, []) != identity(replace(blind, scanned_us=1), [])


def test_a_device_has_one_number_on_both_sides() -> None:
    """The meter's link and the Postal Service name a device by the same 64 bits."""
    for vendor, serial in (("TST0", 7), ("TPB1", 2**32 - 1), ("0000", 1)):
        assert device_number(vendor, serial) == device_id(vendor, serial)
    assert device_number("255", 13_504_501) != device_number("25", 13_504_501)


ANY_TEXT = st.text(max_size=300)
ANY_INT = st.integers(-(2**70), 2**70)


@given(
    st.builds(
        PieceFacts,
        scanned_us=ANY_INT,
        scanned_on=st.dates(),
        site=ANY_TEXT,
        lane=ANY_INT,
        pass_number=ANY_INT,
        piece_id=ANY_TEXT,
        image_id=ANY_TEXT,
        mail_class=st.sampled_from(MailClass),
        zone=st.none() | ANY_INT,
        measured=st.builds(
            Measured,
            piece=st.just(replace(HEAVY, is_rigid=True, is_uniform=False)),
            weight_tolerance_milliounces=ANY_INT,
            size_tolerance_thou=ANY_INT,
        ),
        claimed=st.builds(
            Claimed,
            rate_category=st.none() | ANY_INT,
            weight_tenths_oz=st.none() | ANY_INT,
            destination_zip=ANY_TEXT,
            piece=st.none() | st.just(HEAVY),
        ),
    ),
    st.builds(
        Evidence,
        payloads=st.lists(st.binary(max_size=600), max_size=8).map(tuple),
        crop=st.binary(max_size=10),
        register=ANY_TEXT,
        edition=ANY_TEXT,
        first_seen=ANY_TEXT,
        grade=ANY_TEXT,
    ),
    st.integers(0, 2**60),
)
def test_whatever_the_facts_are_they_fit(about: PieceFacts, evidence: Evidence, mills: int) -> None:
    """No scan is so odd that its discrepancy is lost."""
    reasons = tuple(Finding(reason) for reason in Reason)
    verdict = short(evidence=evidence, shown=Money(mills), reasons=reasons)
    notice = only(verdict, about)
    assert notice.place.scanned_on == about.scanned_on
    assert notice.measured is not None
    assert notice.measured.figures.marks == "is_rigid, not is_uniform"


def test_what_is_cut_keeps_a_digest_of_the_whole() -> None:
    """Two sites whose names differ behind the limit stay two."""
    one, other = (facts(site="x" * 200 + end, image_id="\n\x00ü") for end in "ab")
    [first], [second] = notices_of(short(), one), notices_of(short(), other)
    assert first.place.site != second.place.site
    assert len(first.place.site) == 120
    assert first.place.image_id == r"\n\x00\xfc"


def test_a_message_is_the_same_in_every_run() -> None:
    about = facts(scanned_on=date(2026, 7, 13))
    assert pack(only(short(), about)) == pack(only(short(), about))
