"""How a meter stands, read off its journal: nothing is opened, written or told to anybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from pipeline.authority import Limits
from pipeline.disk import RealDisk
from pipeline.lifecycle import State, state_of
from pipeline.link import Incident
from pipeline.record import Seal
from pipeline.recovery import recover
from pipeline.state import DeviceState
from postage.contactrule import ContactStatus, read_rules, status
from postage.envelope import Check

RULE = "us-imi"


@dataclass(frozen=True, slots=True)
class Glance:
    """What the journal adds up to, and what the meter would do at a moment."""

    folded: DeviceState
    state: State
    contact: ContactStatus


def glance(journal: Path, seal: Seal, check: Check, zone: tzinfo, now_us: int) -> Glance:
    """Return how the meter with this journal stands at `now_us`, microseconds of UTC.

    Raises:
        NoDevice, PsdFault, OSError: as `pipeline.recovery.recover`.
    """
    disk = RealDisk(journal)
    try:
        folded = recover(disk, seal, check).state
    finally:
        disk.close()
    rule = read_rules()[RULE]
    due = status(rule, folded.last_contact_us, folded.unsent_us or None, now_us, zone)
    low_mills = Limits().low_descending.mills
    state = state_of(folded, is_broken=False, is_silent=due.locked, low_mills=low_mills)
    return Glance(folded, state, due)


def contact_facts(seen: Glance, incidents: Sequence[Incident] = ()) -> dict[str, Any]:
    """Return the contact with the provider as plain data, times in UTC.

    >>> from imi.glance import Glance
    >>> due = ContactStatus(72 * 3_600_000_000, locked=False, warning_h=48)
    >>> contact_facts(Glance(DeviceState(), State.READY, due))["due"]
    '1970-01-04 00:00:00Z'
    """
    due = seen.contact
    return {
        "last": when(seen.folded.last_contact_us),
        "due": "never" if due.due_us is None else when(due.due_us),
        "warning": f"{due.warning_h} h without contact" if due.warning_h else "none",
        "locked": due.locked,
        "incidents": [str(each) for each in incidents],
    }


def when(us: int) -> str:
    """Return a moment in microseconds as people read it, to the second.

    >>> when(0), when(1_783_969_200_000_000)
    ('never', '2026-07-13 19:00:00Z')
    """
    return (
        datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        if us
        else ("never")
    )
