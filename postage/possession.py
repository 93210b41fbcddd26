"""Who may have and use a meter, for which mail, and when it goes back (DMM 604.4.2).

The facts of one device at one customer come in as dates; what they mean on a day comes out as a
value with its clause. Whether a discrepancy leads to a denial is the Postal Service's decision
("may be denied"): a denial is a fact here, not a conclusion.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from pathlib import Path
from typing import Final

from postage.errors import PolicyError
from postage.policyfile import read_records

POLICIES: Final = Path(__file__).with_name("possession.toml")


class Ground(Enum):
    """Why a device may not be used, in order of precedence; the value is the clause."""

    NO_AGREEMENT = "604.4.2.1: no customer agreement"
    SURRENDERED = "604.4.2.2: the device was surrendered"
    DENIED = "604.4.2.4: use was denied"
    MALFUNCTION = "604.4.2.2b: surrender upon malfunction"
    TERMINATED = "604.4.2.2a: surrender upon termination of the lease or rental agreement"
    NOTICE = "604.4.2.2c: surrender upon a 30-day notice by the USPS in writing"
    ABROAD = "604.4.2.3: no approval for use outside the customs territory"
    EXAMINATION = "604.4.2.1d: not made available for examination"


@dataclass(frozen=True, slots=True, kw_only=True)
class PossessionPolicy:
    """One edition of the rules.

    `excluded_classes` may not be metered; `customs_territory` are the ISO 3166 codes inside which
    no approval is needed.
    """

    name: str
    effective: date
    notice_days: int
    excluded_classes: tuple[str, ...]
    customs_territory: tuple[str, ...]
    source: str
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """The manager of Payment Technology's approval, given to the provider, for one country."""

    country: str
    given: date
    ends: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Possession:
    """What is known of one device at one customer; None: it has not happened.

    `lease_ends` is the last day of the lease; `notice` the date of the written notice;
    `surrender_asked` the day on which provider or agent asked for the device after a denial;
    `examination_due` the last day to make it available, cleared when it was.
    """

    agreement: date | None = None
    lease_ends: date | None = None
    malfunction: date | None = None
    notice: date | None = None
    denied: date | None = None
    surrender_asked: date | None = None
    surrendered: date | None = None
    examination_due: date | None = None
    country: str = "US"
    approval: Approval | None = None


@dataclass(frozen=True, slots=True)
class MayUse:
    """The customer may use the device; `until` is the last day known now, None for no end."""

    until: date | None


@dataclass(frozen=True, slots=True)
class MayNotUse:
    """The customer may not use the device since a day; `surrender` asks for it back as well."""

    ground: Ground
    since: date
    surrender: bool

    def __str__(self) -> str:
        back = "; the device goes back to the provider" if self.surrender else ""
        return f"{self.ground.value}, since {self.since}{back}"


def standing(policy: PossessionPolicy, facts: Possession, day: date) -> MayUse | MayNotUse:
    """Return whether the customer may use the device on a day, and if not, whether it goes back.

    A lease and a notice let it be used through their last day, a malfunction and a denial not from
    their own day on. The day of the notice is not counted.

    >>> [policy] = read_policies()
    >>> facts = Possession(agreement=date(2026, 1, 2), notice=date(2026, 7, 1))
    >>> standing(policy, facts, date(2026, 7, 31))
    MayUse(until=datetime.date(2026, 7, 31))
    >>> print(standing(policy, facts, date(2026, 8, 1)))
    604.4.2.2c: surrender upon a 30-day notice by the USPS in writing, since 2026-08-01; the \
device goes back to the provider
    """
    if facts.agreement is None or day < facts.agreement:
        return MayNotUse(Ground.NO_AGREEMENT, day, surrender=facts.surrendered is None)
    stops = list(_stops(policy, facts, day))
    for stop in stops:
        if stop.since <= day:
            return stop
    ahead = min((stop.since for stop in stops), default=None)
    return MayUse(None if ahead is None else ahead - timedelta(days=1))


def takes_class(policy: PossessionPolicy, mail_class: str) -> bool:
    """Return whether a class of mail may be paid by a meter: all but the excluded ones (4.1.5).

    >>> [policy] = read_policies()
    >>> takes_class(policy, "First-Class Mail"), takes_class(policy, "bound printed matter")
    (True, False)
    """
    wanted = " ".join(mail_class.split()).casefold()
    return wanted not in {name.casefold() for name in policy.excluded_classes}


def read_policies(path: Path = POLICIES) -> list[PossessionPolicy]:
    """Return the editions in a file, the oldest first.

    Raises:
        PolicyError: the file cannot be read, or an edition in it is not sound.
    """
    policies = sorted(
        read_records(path, "policy", PossessionPolicy), key=lambda policy: policy.effective
    )
    for policy in policies:
        if policy.notice_days < 0:
            raise PolicyError(f"{path.name}: a notice of {policy.notice_days} days")
    return policies


def _stops(policy: PossessionPolicy, facts: Possession, today: date) -> Iterator[MayNotUse]:
    """Yield every end of use that the facts name, past and to come, in order of precedence."""
    day = timedelta(days=1)
    if facts.surrendered:
        yield MayNotUse(Ground.SURRENDERED, facts.surrendered, surrender=False)
    if facts.denied:
        yield MayNotUse(Ground.DENIED, facts.denied, surrender=facts.surrender_asked is not None)
    if facts.malfunction:
        yield MayNotUse(Ground.MALFUNCTION, facts.malfunction, surrender=True)
    if facts.lease_ends:
        yield MayNotUse(Ground.TERMINATED, facts.lease_ends + day, surrender=True)
    if facts.notice:
        since = facts.notice + (policy.notice_days + 1) * day
        yield MayNotUse(Ground.NOTICE, since, surrender=True)
    if facts.country not in policy.customs_territory:
        yield from _abroad(facts, today)
    if facts.examination_due:
        yield MayNotUse(Ground.EXAMINATION, facts.examination_due + day, surrender=False)


def _abroad(facts: Possession, today: date) -> Iterator[MayNotUse]:
    approval = facts.approval
    if approval is None or approval.country != facts.country or today < approval.given:
        yield MayNotUse(Ground.ABROAD, facts.agreement or today, surrender=True)
    elif approval.ends:
        since = approval.ends + timedelta(days=1)
        yield MayNotUse(Ground.ABROAD, since, surrender=True)
