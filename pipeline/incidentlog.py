"""A device's incidents on their way into its journal, and into the note beside it."""

from collections.abc import Callable

from pipeline.faultnote import FaultNote
from pipeline.incidents import Incidents, Waiting
from pipeline.journal import Journal
from pipeline.psdclock import Instant
from pipeline.record import RecordType
from pipeline.state import IncidentKind


class IncidentLog:
    """The incidents of one boot. Every method may raise PsdFault, as every record may.

    `instant`: PSD time, which stands still at its floor where it is unknown, and CLOCK_BOOTTIME.
    """

    def __init__(self, journal: Journal, note: FaultNote, instant: Callable[[], Instant]) -> None:
        self._journal, self._note, self._instant = journal, note, instant
        self._incidents = Incidents()
        self.leave = note.leave
        journal.on_fault = note.leave_fault

    def recall(self) -> None:
        """Note what ended an earlier start, and what recovery had to repair in this one."""
        if (noted := self._note.read()) is not None:
            self.note(*noted)
        if copies := self._journal.copies_repaired:
            self.note(IncidentKind.DAMAGED_FILE, f"{copies} record copies repaired")
        if not self._incidents.waiting:
            try:
                self._note.wipe()
            except OSError as error:
                raise self._journal.stopped("wiping the note of a fault", error) from error

    def note(self, kind: IncidentKind, text: str) -> None:
        """Count an incident, and write it where its kind is due."""
        self._incidents.add(kind, text)
        self.write_due()

    def write_due(self) -> None:
        """Write what has waited long enough."""
        now = self._instant()
        self._write(self._incidents.due(now.boottime_us), now)

    def write_all(self) -> None:
        """Write what waits, however short: the device is about to be closed."""
        self._write(self._incidents.waiting, self._instant())

    def _write(self, incidents: list[Waiting], now: Instant) -> None:
        journal = self._journal
        for kind, times, text in incidents:
            if journal.fault is not None or journal.state.zeroised or not journal.has_room:
                return
            journal.append(RecordType.INCIDENT, now, amount=times, reference=kind, payload=text)
            self._incidents.written(kind, now.boottime_us)
