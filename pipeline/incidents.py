"""Incidents: bad input that was refused, kept as journal records that nobody can flood.

Whoever sends a hundred thousand forged messages gets two records: the first of a kind is written at
once, the rest of its hour are counted and written as one. So a boot writes at most one record a
kind and hour, and one more a kind when it closes; whoever starts the device anew for each attack
pays with a BOOT record that stands there too. Counts that wait die with a power cut.
"""

import errno
from typing import Final, NamedTuple

from pipeline.errors import FaultCause, PsdFault
from pipeline.state import MAX_INCIDENT_BYTES, IncidentKind

INTERVAL_US: Final = 3_600_000_000
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_CAUSES: Final = {
    FaultCause.PAIR_MISMATCH: IncidentKind.DISK_FAILED,
    FaultCause.MIXED_DIRECTORIES: IncidentKind.CLONED_FOLDER,
    FaultCause.SIGNATURE_WRONG: IncidentKind.KEY_FAILED,
    FaultCause.NO_SIGNATURE: IncidentKind.KEY_FAILED,
}


class Waiting(NamedTuple):
    """So many incidents of a kind without a record; the text is the newest's."""

    kind: IncidentKind
    times: int
    text: bytes


class Incidents:
    """What waits for its record, and when each kind last had one; lives as long as a boot.

    Times are CLOCK_BOOTTIME in microseconds: it runs where the PSD's time is unknown.

    >>> incidents = Incidents()
    >>> for _ in range(3):
    ...     incidents.add(IncidentKind.FORGED, "TimeQuery: not the provider's")
    >>> incidents.due(0)
    [Waiting(kind=<IncidentKind.FORGED: 16>, times=3, text=b"TimeQuery: not the provider's")]
    >>> incidents.written(IncidentKind.FORGED, 0)
    >>> incidents.add(IncidentKind.FORGED, "again")
    >>> incidents.due(INTERVAL_US - 1), len(incidents.due(INTERVAL_US)), len(incidents.waiting)
    ([], 1, 1)
    """

    def __init__(self) -> None:
        self._counts: dict[IncidentKind, Waiting] = {}
        self._written_us: dict[IncidentKind, int] = {}

    @property
    def waiting(self) -> list[Waiting]:
        """Return everything without a record, by kind in the order of first arrival."""
        return [*self._counts.values()]

    def add(self, kind: IncidentKind, text: str) -> None:
        """Count one more of a kind."""
        before = self._counts.get(kind)
        times = before.times if before else 0
        self._counts[kind] = Waiting(kind, times + 1, canonical(text))

    def due(self, boottime_us: int) -> list[Waiting]:
        """Return what may be written now; a clock that ran back makes nothing due."""
        return [each for each in self.waiting if self._is_due(each.kind, boottime_us)]

    def written(self, kind: IncidentKind, boottime_us: int) -> None:
        """Note that what waited of a kind has its record."""
        del self._counts[kind]
        self._written_us[kind] = boottime_us

    def _is_due(self, kind: IncidentKind, boottime_us: int) -> bool:
        last_us = self._written_us.get(kind)
        return last_us is None or boottime_us - last_us >= INTERVAL_US


def canonical(text: str) -> bytes:
    r"""Return a text as an incident's record holds it: printable ASCII, cut at its limit.

    Bad input is quoted in it; in a report it must be nothing but text.

    >>> canonical("=1+1\x1b[2J\tcafé")
    b'=1+1?[2J?caf?'
    """
    shown = (each if each.isascii() and each.isprintable() else "?" for each in text)
    return "".join(shown)[:MAX_INCIDENT_BYTES].encode("ascii")


def kind_of_fault(fault: PsdFault) -> IncidentKind:
    """Return what kind of incident a fault of the journal is.

    >>> kind_of_fault(PsdFault(FaultCause.CHAIN_BROKEN, "record 7 names another predecessor"))
    <IncidentKind.DAMAGED_FILE: 6>
    """
    if fault.cause is FaultCause.IO_ERROR:
        told = fault.__cause__
        is_full = isinstance(told, OSError) and told.errno in _FULL
        return IncidentKind.DISK_FULL if is_full else IncidentKind.DISK_FAILED
    return _CAUSES.get(fault.cause, IncidentKind.DAMAGED_FILE)
