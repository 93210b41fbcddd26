"""May a genuine indicium still pay for mail: records, providers, models, dates, odd clocks."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from postage.devices import NO_KEY, Mode, Product
from postage.express import ShortExpress, State, found_short
from postage.facts import Measured
from postage.fields import Imprint
from postage.indicium import unpack
from postage.mailclass import MailClass
from postage.mailpiece import Mailpiece
from postage.money import ZERO, Money
from postage.rates import Category
from postage.remedies import Remedy
from postage.verdicts import Class2011, Code, Finding, Reason, Verdict
from sorter import register as registers
from sorter.authenticity import Examined
from sorter.errors import RegisterError
from sorter.history import findings_of, scan_of
from sorter.policy import Policy
from sorter.register import Provider, Register
from sorter.scans import Answer, Series, Sighting
from tests.sorter.mail import METER, TODAY, Device, facts, register, verifier


def reasons(verdict: Verdict) -> set[Reason]:
    return {one.reason for one in verdict.reasons}


@pytest.mark.parametrize(
    ("change", "is_valid"),
    [
        ({"valid_from": TODAY}, True),
        ({"valid_from": date(2026, 7, 14)}, False),
        ({"valid_to": TODAY}, True),
        ({"valid_to": date(2026, 7, 12)}, False),
    ],
)
def test_a_record_holds_from_its_first_day_to_its_last(
    change: dict[str, Any], is_valid: bool
) -> None:
    verdict = verifier(METER.record(**change)).verify(METER.indicium(), facts())
    assert verdict.code is (Code.VALID if is_valid else Code.DECERTIFIED)
    assert (Reason.OUTSIDE_VALIDITY in reasons(verdict)) != is_valid


METERS = Provider("A provider of meters", frozenset({Product.METER}))


@pytest.mark.parametrize(
    ("providers", "product", "code"),
    [
        ({}, Product.METER, Code.VALID),  # a register that leaves the question open
        ({"PB": METERS}, Product.METER, Code.VALID),
        ({"PB": METERS}, Product.PC_POSTAGE, Code.DECERTIFIED),
        ({"FP": METERS}, Product.METER, Code.DECERTIFIED),
    ],
)
def test_a_provider_is_authorised_for_a_product(
    providers: dict[str, Provider], product: Product, code: Code
) -> None:
    """DMM 604.4.1.3 and 4.1.4 (2015) list providers of meters and of PC Postage apart."""
    sorter = verifier(METER.record(product=product), providers=providers)
    verdict = sorter.verify(METER.indicium(), facts())
    assert verdict.code is code
    assert (Reason.UNAUTHORISED_PROVIDER in reasons(verdict)) == (code is Code.DECERTIFIED)


def test_scenario_18_a_listed_model_ends_on_its_own_day(reference: Path) -> None:
    """An IBI meter is listed without a key: its model counts, and nothing of it verifies."""
    vectors = json.loads((reference / "data/vectors.json").read_text())
    ibi = bytes.fromhex(vectors["ibi_pdf417_endicia_2010"]["hex"])
    found = unpack(ibi)
    record = METER.record(
        vendor_model=found.vendor_model,
        serial=found.device_serial,
        profile=found.profile,
        algorithm=NO_KEY,
        public_key=b"",
        model="DM Infinity",
    )
    for day, code in (
        (date(2025, 7, 1), Code.NOT_VERIFIABLE),  # every other model has ended
        (date(2027, 6, 30), Code.NOT_VERIFIABLE),
        (date(2027, 7, 1), Code.DECERTIFIED),
    ):
        verdict = verifier(record).verify(ibi, facts(scanned_on=day))
        assert verdict.code is code, day
    assert verifier(record).verify(ibi[:-1] + b"x", facts(scanned_on=date(2027, 6, 30))).code in {
        *(Code.NOT_VERIFIABLE, Code.COUNTERFEIT),
    }


def test_a_test_imprint_that_nobody_lists_is_specimen() -> None:
    """Scenario 12; in a rehearsal too, where an unlisted software device is merely unknown."""
    soft, practice = Device(vendor="TST0"), Policy(mode="rehearsal")
    void = soft.indicium(mills=0, rate_category=Imprint.TEST)
    assert verifier(policy=practice).verify(void, facts()).code is Code.SPECIMEN
    paid = verifier(policy=practice).verify(soft.indicium(), facts())
    assert (paid.code, reasons(paid)) == (Code.NOT_VERIFIABLE, {Reason.UNKNOWN_DEVICE})


def test_a_scrap_of_an_unlisted_device_is_no_indicium() -> None:
    verdict = verifier().verify(Device(9).indicium()[:20], facts())
    assert (verdict.code, reasons(verdict)) == (Code.UNREADABLE, {Reason.NOT_AN_INDICIUM})


def test_a_device_that_writes_nonsense_is_told_from_a_forger() -> None:
    """The 30th of February, genuinely signed: NON_CANONICAL; with a bad signature COUNTERFEIT."""
    payload = METER.indicium()
    day = (20260713).to_bytes(4, "little")
    assert payload.count(day) == 1
    signed = payload[:-64].replace(day, (20260230).to_bytes(4, "little"))
    genuine = verifier().verify(signed + METER.signer.sign(signed), facts())
    assert (genuine.code, genuine.paid) == (Code.NON_CANONICAL, ZERO)
    assert Reason.SIGNED_NONSENSE in reasons(genuine)
    forged = verifier().verify(signed + payload[-64:], facts())
    assert (forged.code, forged.paid) == (Code.COUNTERFEIT, ZERO)


def test_a_profile_without_a_count_is_keyed_by_its_register(reference: Path) -> None:
    """The ascending register never shows the same amount twice."""
    vectors = json.loads((reference / "data/vectors.json").read_text())
    found = unpack(bytes.fromhex(vectors["ibi_pdf417_endicia_2010"]["hex"]))
    assert found.piece_count is None
    assert found.ascending is not None
    scan = scan_of(Examined(b"any", METER.record(), found, (), True), facts())
    assert scan.series is Series.POSTAGE_BY_REGISTER
    assert scan.count == scan.ascending_mills == found.ascending.mills


def test_a_clock_beyond_the_calendar_is_told_as_it_is() -> None:
    scan = scan_of(
        Examined(b"any", METER.record(), unpack(METER.indicium(), profile="imi-std/p1"), (), True),
        facts(scanned_us=2**62),
    )
    [(finding,)], where = findings_of([Sighting(Answer.DUPLICATE, scan)])
    assert where.startswith(f"{2**62} us, site SFO")
    assert finding.reason is Reason.SEEN_BEFORE
    sorter = verifier()
    for about in (facts(scanned_us=-(2**62)), facts(scanned_us=2**62)):
        verdict = sorter.verify(METER.indicium(), about)
    assert verdict.code is Code.DUPLICATE


def test_a_register_in_memory_has_the_limit_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registers, "MAX_BYTES", 100)
    with pytest.raises(RegisterError, match="has 101 bytes; the limit is 100"):
        Register.from_bytes(bytes(101), lambda *_: True)


def express(**changes: Any) -> Verdict:
    """Return the verdict of scenario 20: 8 oz to zone 8 at the prices of 2025-10-05."""
    parcel = Mailpiece.inches("12", "9", "4", ounces="8")
    day = date(2025, 10, 6)
    about = facts(
        measured=Measured(piece=parcel),
        mail_class=MailClass.EXPRESS,
        zone=8,
        scanned_on=day,
        **changes,
    )
    payload = METER.indicium(
        mills=32_500, mailing_date=day, rate_category=int(Category.EXPRESS_RETAIL)
    )
    return verifier().verify(payload, about)


def test_scenario_20_express_is_short_at_its_origin() -> None:
    """32,500 shown, 49,800 due: contact the mailer first; deficiency 17,300."""
    verdict = express(at_origin=True)
    assert (verdict.code, verdict.class_2011) == (Code.SHORTPAID, Class2011.SHORTPAID)
    assert (verdict.shown, verdict.due) == (Money(32_500), Money(49_800))
    assert verdict.deficiency == Money(17_300)
    assert verdict.remedies == (Remedy.CONTACT_MAILER,)


def test_scenario_20_express_is_short_after_dispatch() -> None:
    verdict = express()
    assert verdict.remedies == (Remedy.DELIVER_AND_COLLECT,)
    assert verdict.paid is not None
    assert verdict.due is not None
    piece = found_short("EI 1 US", verdict.paid, verdict.due, is_dispatched=True)
    assert isinstance(piece, ShortExpress)
    assert (piece.state, piece.marking) == (State.DUE, "Postage Due $17.30")


def test_a_rehearsal_says_so_in_every_verdict() -> None:
    practice = verifier(METER.record(mode=Mode.REHEARSAL), policy=Policy(mode="rehearsal"))
    for payload in (METER.indicium(), METER.indicium(mills=490), b"", METER.indicium()[:-1]):
        assert practice.verify(payload, replace(facts(), image_id="")).is_rehearsal
    assert practice.verify(Finding(Reason.DEADLINE_PASSED), facts()).is_rehearsal


def test_what_a_register_says_of_a_provider_survives_its_file() -> None:
    listed = register(providers={"PB": METERS})
    raw = listed.to_bytes(lambda _: bytes(64), "usps")
    again = Register.from_bytes(raw, lambda *_: True)
    assert again.is_authorised(METER.record())
    assert not again.is_authorised(METER.record(provider=""))
