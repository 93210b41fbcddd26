"""Refund rules: which indicia, until when, at what charge (domain 3.3).

Everything is decided from what is handed in, and every outcome is a value with its reason and its
amounts. That an indicium is settled only once is `postage.settlements`; a claim is examined against
the row that it keeps.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum, StrEnum

from postage.decertification import Calendar, Decertified, Rule
from postage.money import ZERO, Money
from postage.settlements import IndiciumKey, Kind, Settlement, Status


class Source(StrEnum):
    """By what the indicium was made; each has its own way to a refund."""

    METER = "meter"
    PC_POSTAGE = "pc postage"
    API_DATA_ONLY = "api data only"


class Proof(StrEnum):
    """What shows that the postage was not used."""

    PIECE = "the whole piece, complete and legible"
    PART = "a piece that is not complete or not legible"
    SPOILED = "a partial print, kept and examined, and the device's record of it"
    UNRELEASED = "the device proves that it never released the imprint"
    UNPRINTED = "the print head proves that no column fired"
    NOTHING = "no proof: the imprint may be on paper"


class Reason(Enum):
    """Why postage is not refunded, in order of precedence."""

    SETTLED = "the indicium was settled before"
    SCANNED = "the indicium was scanned in the mail"
    NON_REFUNDABLE = "indicia bought as data are not refundable"
    NOT_LICENSEE = "only the licensee is refunded"
    WRONG_PLACE = "PC Postage is refunded by its provider, never at a counter"
    DECERTIFIED = "the system is decertified"
    NO_VALUE = "the indicium has no postage value"
    UNDATED = "an indicium without a date has no period to claim in"
    TOO_LATE = "the period to claim has ended"
    NOT_WHOLE = "the indicium is not complete and legible"
    CHARGE_TAKES_ALL = "the charge is not below the face value"
    BELOW_MINIMUM = "the balance is below the least check"


_PERCENT_UP_TO = Money(350_000)
_AN_HOUR = Money(35_000)
_LEAST_CHECK = Money(25_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPolicy:
    """The figures of domain 3.3, with their sources; amounts in mills where they are Money.

    Charge: 10 % of a total to $350.00, above it $35 an hour for the actual time, at least $35 (DMM
    604.9.3.4 as quoted by a provider). Periods: 60 days for dated meter indicia (the same), 30 for
    PC Postage (recalled), 180 after a system was withdrawn (39 CFR 501.17). Least check: $25.00
    (Postal Bulletin 22245). `silence_days` is ours: an indicium that was not scanned so long after
    its date is not in the mail.
    """

    meter_days: int = 60
    pc_days: int = 30
    withdrawn_days: int = 180
    charge_percent: int = 10
    charge_percent_up_to: Money = _PERCENT_UP_TO
    charge_an_hour: Money = _AN_HOUR
    charge_least: Money = _AN_HOUR
    least_check: Money = _LEAST_CHECK
    silence_days: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One indicium of a claim and what is known of it.

    `printed` is the date on the piece, None on prepaid reply mail; `scanned` the day on which it
    was seen in the mail; `settlement` the row that is kept for it, if any.
    """

    key: IndiciumKey
    postage: Money
    printed: date | None
    proof: Proof
    source: Source = Source.METER
    model: str = ""
    family: str = "imi"
    scanned: date | None = None
    settlement: Settlement | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one customer asks for at once; `minutes` is the actual time that handling it took."""

    number: str
    filed: date
    items: tuple[Item, ...]
    by_licensee: bool = True
    at_counter: bool = False
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """An item that counts towards the refund."""

    face: Money


@dataclass(frozen=True, slots=True)
class Denied:
    """An item, claim or balance that is not paid."""

    reason: Reason
    detail: str
    face: Money

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Held:
    """An item without proof: decided when it was not scanned by `until`, or the piece comes in."""

    until: date
    face: Money


Outcome = Accepted | Denied | Held


@dataclass(frozen=True, slots=True)
class Examined:
    """A claim item by item, and its money: `face` of what was accepted, less `charge`, is `paid`.

    `denied` says why a claim with accepted items pays nothing.
    """

    outcomes: Mapping[IndiciumKey, Outcome]
    face: Money
    charge: Money
    paid: Money
    denied: Denied | None = None


def examine(policy: RefundPolicy, calendar: Calendar, claim: Claim, today: date) -> Examined:
    """Return what a claim comes to on a day: each item accepted, denied or held, and the money.

    The period runs to the day of filing, the wait for scans to `today`. An indicium that stands
    twice in one claim counts once.

    >>> from postage.decertification import read_calendar
    >>> item = Item(key=IndiciumKey("TST0", 7, 1), postage=Money(350_000),
    ...     printed=date(2026, 6, 2), proof=Proof.PIECE)
    >>> claim = Claim(number="A", filed=date(2026, 8, 1), items=(item,))
    >>> found = examine(RefundPolicy(), read_calendar(), claim, date(2026, 8, 1))
    >>> print(found.charge, found.paid)
    $35.00 $315.00
    """
    outcomes: dict[IndiciumKey, Outcome] = {}
    for item in claim.items:
        if item.key not in outcomes:
            outcomes[item.key] = _outcome(policy, calendar, claim, item, today)
    face = _total(out.face for out in outcomes.values() if isinstance(out, Accepted))
    if not face:
        return Examined(outcomes, ZERO, ZERO, ZERO)
    charge = charge_of(policy, face, claim.minutes)
    if charge >= face:
        detail = f"a charge of {charge} on {face}"
        denied = Denied(Reason.CHARGE_TAKES_ALL, detail, face)
        return Examined(outcomes, face, charge, ZERO, denied)
    return Examined(outcomes, face, charge, face - charge)


def charge_of(policy: RefundPolicy, face: Money, minutes: int) -> Money:
    """Return the charge on a total face value; what is finer than a mill stays the customer's.

    Raises:
        ValueError: negative minutes or face.

    >>> policy = RefundPolicy()
    >>> print(charge_of(policy, Money(350_000), 600), charge_of(policy, Money(350_010), 150))
    $35.00 $87.50
    """
    if minutes < 0 or face < ZERO:
        raise ValueError(f"a charge on {face} for {minutes} minutes")
    if face <= policy.charge_percent_up_to:
        return Money(face.mills * policy.charge_percent // 100)
    return max(policy.charge_least, Money(policy.charge_an_hour.mills * minutes // 60))


def _outcome(
    policy: RefundPolicy, calendar: Calendar, claim: Claim, item: Item, today: date
) -> Outcome:
    denied = (
        _settled(claim, item)
        or _not_refundable(claim, item)
        or _ended(policy, calendar, claim, item)
        or _unproven(item)
    )
    if denied is not None:
        return Denied(*denied, item.postage)
    if item.proof is Proof.NOTHING:
        assert item.printed is not None  # _ended denied it
        until = item.printed + timedelta(days=policy.silence_days)
        if today <= until:
            return Held(until, item.postage)
    return Accepted(item.postage)


_Why = tuple[Reason, str] | None


def _settled(claim: Claim, item: Item) -> _Why:
    row = item.settlement
    if row is None or row.status is Status.WITHDRAWN:
        return None
    is_this = row.kind is Kind.REFUND and row.claim == claim.number
    if is_this and row.status in (Status.DRAFT, Status.FILED):
        return None
    return Reason.SETTLED, str(row)


def _not_refundable(claim: Claim, item: Item) -> _Why:
    if item.scanned is not None:
        return Reason.SCANNED, f"{item.key} on {item.scanned}"
    if item.source is Source.API_DATA_ONLY:
        return Reason.NON_REFUNDABLE, str(item.key)
    if not claim.by_licensee:
        return Reason.NOT_LICENSEE, f"claim {claim.number}"
    if item.source is Source.PC_POSTAGE and claim.at_counter:
        return Reason.WRONG_PLACE, str(item.key)
    if item.postage <= ZERO:
        return Reason.NO_VALUE, f"{item.key} shows {item.postage}"
    return None


def _ended(policy: RefundPolicy, calendar: Calendar, claim: Claim, item: Item) -> _Why:
    standing = calendar.decision(item.model, item.family, Rule.REFUND, claim.filed)
    if isinstance(standing, Decertified):
        return Reason.DECERTIFIED, str(standing)
    if item.printed is None:
        return Reason.UNDATED, str(item.key)
    days = policy.pc_days if item.source is Source.PC_POSTAGE else policy.meter_days
    passed = (claim.filed - item.printed).days
    if passed > days:
        detail = f"dated {item.printed}, claimed on {claim.filed}: {passed} days, at most {days}"
        return Reason.TOO_LATE, detail
    return None


def _unproven(item: Item) -> _Why:
    if item.proof is Proof.PART:
        return Reason.NOT_WHOLE, str(item.key)
    return None


def _total(amounts: Iterable[Money]) -> Money:
    return sum(amounts, ZERO)
