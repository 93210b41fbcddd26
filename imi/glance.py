"""How a meter stands, read off its journal: nothing is opened, written or told to anybody."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any

from pipeline.authority import Limits
from pipeline.disk import Disk, RealDisk
from pipeline.lifecycle import State, state_of
from pipeline.record import RecordType, Seal
from pipeline.recordwords import words
from pipeline.recovery import recover
from pipeline.segments import read_record
from pipeline.state import DeviceState
from postage.contactrule import ContactStatus, read_rules, status
from postage.envelope import Check

RULE = "us-imi"
LOOK_BACK = 1000  # records
MOST_INCIDENTS = 10


@dataclass(frozen=True, slots=True)
class Glance:
    """What the journal adds up to, and what the meter would do at a moment.

    `incidents`: what was refused lately, in words, the newest first.
    """

    folded: DeviceState
    state: State
    contact: ContactStatus
    incidents: tuple[str, ...] = ()


def glance(journal: Path, seal: Seal, check: Check, zone: tzinfo, now_us: int) -> Glance:
    """Return how the meter with this journal stands at `now_us`, microseconds of UTC.

    Raises:
        NoDevice, PsdFault, OSError: as `pipeline.recovery.recover`.
    """
    disk = RealDisk(journal)
    try:
        folded = recover(disk, seal, check).state
        incidents = tuple(_incidents(disk, seal, folded.sequence))
    finally:
        disk.close()
    rule = read_rules()[RULE]
    due = status(rule, folded.last_contact_us, folded.unsent_us or None, now_us, zone)
    low_mills = Limits().low_descending.mills
    state = state_of(folded, is_broken=False, is_silent=due.locked, low_mills=low_mills)
    return Glance(folded, state, due, incidents)


def _incidents(disk: Disk, seal: Seal, newest: int) -> Iterator[str]:
    """Yield the incidents among the last records, at most ten."""
    found = 0
    for sequence in range(newest, max(0, newest - LOOK_BACK), -1):
        record = read_record(disk, seal, sequence)
        if record.type == RecordType.INCIDENT and (found := found + 1) <= MOST_INCIDENTS:
            yield f"{when(record.psd_us)} {words(record)}"


def contact_facts(seen: Glance) -> dict[str, Any]:
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
        "incidents": list(seen.incidents),
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
