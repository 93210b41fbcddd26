"""The decertification calendar: until when a model's indicia may be printed, scanned, refunded.

Each rule has its own date for each model, and every date is stored as it was published, never
computed (domain 3.3, trap 15). A model without a record of its own has that of its family.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from postage.errors import PolicyError
from postage.layouts import PROFILES
from postage.policyfile import read_records

CALENDAR: Final = Path(__file__).with_name("decertification.toml")
ANY: Final = "*"


class Rule(StrEnum):
    """What a date ends: four clocks that do not run together."""

    PRINT = "print"
    SCAN = "scan"
    REFUND = "refund"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Allowed:
    """The rule still lets it; `last` is the last such day, None where no end was published."""

    last: date | None
    source: str


@dataclass(frozen=True, slots=True)
class Decertified:
    """The rule no longer lets it; `since` is the first such day."""

    rule: Rule
    since: date
    source: str

    def __str__(self) -> str:
        return f"decertified for {self.rule} since {self.since}: {self.source}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record: the last day of each rule, None where no end was published."""

    name: str
    family: str
    models: tuple[str, ...]
    source: str
    confidence: str
    print: date | None = None
    scan: date | None = None
    refund: date | None = None
    service: date | None = None


class Calendar:
    """The records of one calendar, found by family and model.

    Raises:
        PolicyError: a model stands twice, or a family has no record for its other models.

    >>> calendar = read_calendar()
    >>> calendar.decision("DM Infinity", "ibi", Rule.PRINT, date(2026, 6, 30)).last
    datetime.date(2026, 6, 30)
    >>> calendar.decision("DM Infinity", "ibi", Rule.PRINT, date(2026, 7, 1)).since
    datetime.date(2026, 7, 1)
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        found: dict[tuple[str, str], Entry] = {}
        for entry in entries:
            for model in entry.models:
                key = (entry.family, _plain(model))
                if key in found:
                    raise PolicyError(
                        f"decertification: {found[key].name!r} and {entry.name!r} are both for "
                        f"{entry.family} of {model}"
                    )
                found[key] = entry
        for family in {family for family, _ in found}:
            if (family, ANY) not in found:
                raise PolicyError(f"decertification: {family} has no record for every other model")
        self._entries = MappingProxyType(found)
        self._by_model: dict[tuple[str, str], Entry] = {}

    def decision(self, model: str, family: str, rule: Rule, day: date) -> Allowed | Decertified:
        """Return whether the rule lets indicia of the family, by a device of the model, that day.

        `day` is the day of the act: of printing, of the scan, of the refund claim. Models are told
        apart without regard to case; one that has no record has its family's.

        Raises:
            PolicyError: the calendar has no record of the family.
        """
        entry = self._entry(model, family)
        last: date | None = getattr(entry, rule)
        if last is None or day <= last:
            return Allowed(last, entry.source)
        return Decertified(rule, last + timedelta(days=1), entry.source)

    def _entry(self, model: str, family: str) -> Entry:
        """Return the record of a model; asked for each piece, so each answer is kept."""
        entry = self._by_model.get((model, family))
        if entry is None:
            entry = self._entries.get((family, _plain(model))) or self._entries.get((family, ANY))
            if entry is None:
                raise PolicyError(f"decertification: no record of indicium family {family!r}")
            self._by_model[model, family] = entry
        return entry


def read_calendar(path: Path = CALENDAR) -> Calendar:
    """Return the calendar in a file.

    Raises:
        PolicyError: the file cannot be read, or a record in it is not sound.
    """
    return Calendar(read_records(path, "record", Entry))


def family_of(profile: str) -> str:
    """Return the indicium family of a profile: imi or ibi.

    Raises:
        PolicyError: no profile has this name.

    >>> family_of("imi-std/p1"), family_of("ibi-full/v05")
    ('imi', 'ibi')
    """
    if profile not in PROFILES:
        raise PolicyError(f"no profile is named {profile!r}")
    return profile.partition("-")[0]


def _plain(model: str) -> str:
    return " ".join(model.split()).casefold()
