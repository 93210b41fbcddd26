"""One piece's findings to one verdict: what counts, what it shows, what it owes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from postage.assessment import required
from postage.decertification import Calendar
from postage.devices import DeviceRecord, Mode
from postage.facts import PieceFacts
from postage.fields import PayloadType
from postage.indicium import Indicium
from postage.mailclass import MailClass
from postage.money import ZERO, Money
from postage.rate_claims import asked_by
from postage.rates import Quote, Unratable, Why
from postage.remedies import remedies_for
from postage.verdicts import (
    UNDECIDED,
    WORTHLESS,
    Account,
    Evidence,
    Finding,
    Reason,
    Verdict,
    classes_of,
    code_of,
)
from sorter.authenticity import Examined
from sorter.policy import Policy
from sorter.pricing import Price
from sorter.register import Register
from sorter.standing import decertified_anyway, off_window, standing

COUNTS_NOTHING: Final = UNDECIDED | WORTHLESS
UNVERIFIED: Final = frozenset({Reason.UNKNOWN_DEVICE, Reason.NO_KEY})
MOST_STANDINGS: Final = 65_536


class Court:
    """Everything that is the same for many pieces, and what was found of their devices so far.

    One for each register: an indicium's device and date are asked after once. Thread-safe.
    """

    def __init__(
        self, register: Register, policy: Policy, calendar: Calendar, price: Price
    ) -> None:
        self.register, self.policy, self.calendar, self.price = register, policy, calendar, price
        self.name = register.name
        self._standing: dict[tuple[str, int, date | None, date], tuple[Finding, ...]] = {}

    def standing(
        self, record: DeviceRecord, mailed_on: date | None, scanned_on: date
    ) -> tuple[Finding, ...]:
        """Return why a genuine indicium of the device and date no longer counts."""
        key = (record.vendor_model, record.serial, mailed_on, scanned_on)
        found = self._standing.get(key)
        if found is None:
            of = standing(record, mailed_on, self.register, self.calendar, scanned_on)
            if len(self._standing) >= MOST_STANDINGS:
                self._standing.clear()  # threads may race here: each has its own answer
            found = self._standing[key] = tuple(of)
        return found


@dataclass(slots=True, kw_only=True)
class Case:
    """One piece: the facts, what was read, what history says of each, what the picture shows.

    ``seen`` has the findings of the scan history for each payload in ``examined``.
    """

    facts: PieceFacts
    examined: Sequence[Examined]
    seen: Sequence[tuple[Finding, ...]]
    picture: tuple[Finding, ...] = ()
    grade: str = ""
    first_seen: str = ""


@dataclass(slots=True)
class _Heard:
    """What the payloads of one piece come to: findings, what they show, and which of them count."""

    findings: list[Finding]
    shown: Money | None = None
    counted: list[Indicium] = field(default_factory=list)
    redates: list[Indicium] = field(default_factory=list)


def judge(case: Case, court: Court) -> Verdict:
    """Return the verdict; a function of the case and the court and nothing else."""
    facts, register = case.facts, court.register
    heard = _hear(case, court)
    findings = heard.findings
    mailed_on = _mailing_date(heard, court.policy, facts.scanned_on)
    if facts.mail_class in register.excluded_classes:
        findings.append(Finding(Reason.CLASS_EXCLUDED, facts.mail_class))
        heard.counted.clear()
    if register.is_stale_on(facts.scanned_on):
        text = f"{court.name} ended on {register.expires}"
        findings.append(Finding(Reason.REGISTER_STALE, text))
    is_open = not heard.counted and code_of(findings) in UNDECIDED
    paid = None if is_open else _total(heard.counted)
    quote = _quote(heard, facts, court, paid or ZERO, mailed_on)
    due = quote.postage if isinstance(quote, Quote) else None
    findings += _of_money(paid, due, quote)
    findings += _of_claims(heard.counted, facts)
    code, (class_2011, class_2015) = code_of(findings), classes_of(paid, due)
    is_rehearsal = court.policy.mode == "rehearsal"
    accounts = _accounts(case.examined, is_rehearsal=is_rehearsal)
    remedies = remedies_for(
        is_undecided=code in UNDECIDED,
        is_owed=paid is not None and (not paid if due is None else paid < due),
        is_paid_in_part=bool(paid),
        has_account=bool(accounts) and accounts[0].is_chargeable,
        at_induction=facts.at_induction,
        is_express=facts.mail_class is MailClass.EXPRESS,
        at_origin=facts.at_origin,
        has_return_address=facts.has_return_address,
    )
    evidence = Evidence(
        payloads=tuple([one.payload for one in case.examined]),
        accounts=accounts,
        register=court.name,
        edition=quote.edition if isinstance(quote, Quote) else "",
        first_seen=case.first_seen,
        grade=case.grade,
    )
    return Verdict(
        code=code,
        class_2011=class_2011,
        class_2015=class_2015,
        reasons=tuple(sorted(findings, key=_gravity)) if findings else (),
        shown=heard.shown,
        paid=paid,
        due=due,
        remedies=remedies,
        evidence=evidence,
        is_rehearsal=is_rehearsal,
    )


def _hear(case: Case, court: Court) -> _Heard:
    """Return what the payloads come to; one that counts as nothing is only a finding."""
    heard = _Heard(list(case.picture))
    day = case.facts.scanned_on
    for one, seen in zip(case.examined, case.seen, strict=True):
        found = _authentic(one, court, day) + seen
        heard.findings += found
        indicium = one.indicium
        if indicium is None:
            continue
        heard.shown = heard.shown + indicium.postage if heard.shown else indicium.postage
        if one.is_genuine and code_of(found) not in COUNTS_NOTHING:
            is_redate = indicium.payload_type is PayloadType.REDATE
            (heard.redates if is_redate else heard.counted).append(indicium)
    return heard


def _accounts(examined: Sequence[Examined], *, is_rehearsal: bool) -> tuple[Account, ...]:
    """Return the accounts of the devices that the piece names, each once, the chargeable first."""
    charged = {Mode.PRODUCTION, Mode.REHEARSAL} if is_rehearsal else {Mode.PRODUCTION}
    named = [
        _account(one.record, one.indicium, one.is_genuine and one.record.mode in charged)
        for one in examined
        if one.record is not None
    ]
    if len(named) < 2:
        return tuple(named)
    found: dict[tuple[str, int], Account] = {}
    for account in sorted(named, key=lambda one: not one.is_chargeable):
        found.setdefault((account.vendor_model, account.serial), account)
    return tuple(found.values())


def _account(record: DeviceRecord, indicium: Indicium | None, is_chargeable: bool) -> Account:
    return Account(
        vendor_model=record.vendor_model,
        serial=record.serial,
        provider=record.provider,
        is_chargeable=is_chargeable,
        rate_category=indicium.rate_category if indicium else None,
        weight_tenths_oz=indicium.weight_tenths_oz if indicium else None,
    )


def _authentic(one: Examined, court: Court, scanned_on: date) -> tuple[Finding, ...]:
    if not one.is_genuine:
        return tuple([_unverified(one, finding, court, scanned_on) for finding in one.findings])
    assert one.record is not None
    assert one.indicium is not None
    return one.findings + court.standing(one.record, one.indicium.mailing_date, scanned_on)


def _unverified(one: Examined, finding: Finding, court: Court, scanned_on: date) -> Finding:
    """Return the finding, or why the indicium would not count even if it could be verified."""
    if finding.reason not in UNVERIFIED:
        return finding
    return decertified_anyway(one, court.calendar, scanned_on) or finding


def _mailing_date(heard: _Heard, policy: Policy, scanned_on: date) -> date:
    """Return the day whose prices hold, and add what is wrong with the dates of the piece.

    A redate imprint gives a piece of its own device a later date. Where no date can be the day of
    mailing, that of the scan is taken.
    """
    dated = heard.counted
    for redate in heard.redates:
        companions = [one for one in dated if _device(one) == _device(redate)]
        if not companions:
            heard.findings.append(Finding(Reason.REDATE_ALONE, f"dated {redate.mailing_date}"))
        else:
            heard.findings.append(Finding(Reason.REDATED, f"to {redate.mailing_date}"))
            dated = [one for one in dated if one not in companions] + [redate]
    days = [one.mailing_date for one in dated]
    known = [day for day in days if day is not None]
    late = [finding for day in known if (finding := off_window(day, policy, scanned_on))]
    heard.findings += late
    if len(known) < len(days):
        heard.findings.append(Finding(Reason.UNDATED))
    return min(known) if known and not late else scanned_on


def _total(counted: list[Indicium]) -> Money:
    if len(counted) == 1:
        return counted[0].postage
    return sum((one.postage for one in counted), ZERO)


def _gravity(finding: Finding) -> int:
    return finding.reason.code.number


def _device(indicium: Indicium) -> tuple[str, int]:
    return indicium.vendor_model, indicium.device_serial


def _quote(
    heard: _Heard, facts: PieceFacts, court: Court, paid: Money, day: date
) -> Quote | Unratable | None:
    """Return what the piece must cost; the manifest's category goes before the indicium's."""
    if facts.measured is None:
        return None
    category, zone = facts.claimed.rate_category, facts.zone
    if category is None and heard.counted:
        category = heard.counted[0].rate_category
    asked = asked_by(category, facts.mail_class)
    if asked is None:
        return Unratable(Why.NO_PRICE, f"{facts.mail_class} has no prices here")
    return required(facts.measured, paid, lambda piece: court.price(piece, asked, zone, day))


def _of_money(
    paid: Money | None, due: Money | None, quote: Quote | Unratable | None
) -> Iterator[Finding]:
    if due is None:
        why = quote.reason if isinstance(quote, Unratable) else "the piece was not measured"
        yield Finding(Reason.DUE_UNKNOWN, why)
    if paid is None:
        return
    if not paid:
        if due != ZERO:
            yield Finding(Reason.NOTHING_AFFIXED, "" if due is None else f"{due} is due")
    elif due is not None and paid != due:
        reason = Reason.LESS_THAN_DUE if paid < due else Reason.MORE_THAN_DUE
        yield Finding(reason, f"{paid} of {due}, {abs(paid - due)} {_word(reason)}")


def _word(reason: Reason) -> str:
    return "short" if reason is Reason.LESS_THAN_DUE else "over"


def _of_claims(counted: list[Indicium], facts: PieceFacts) -> Iterator[Finding]:
    """Yield where the mailer's own words and the scale do not agree."""
    if facts.measured is None:
        return
    weight = facts.measured.piece.weight_milliounces
    limit = facts.measured.weight_tolerance_milliounces
    told: set[int | None] = {None, 0}
    for tenths in (*[one.weight_tenths_oz for one in counted], facts.claimed.weight_tenths_oz):
        if tenths in told or tenths is None:
            continue
        told.add(tenths)
        # A claim is rounded up to the next tenth of an ounce.
        if not -limit <= tenths * 100 - weight < 100 + limit:
            text = f"weight {tenths / 10} oz claimed, {weight / 1000:.3f} oz measured"
            yield Finding(Reason.CLAIM_DIFFERS, text)
