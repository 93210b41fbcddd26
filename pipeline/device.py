"""The core of the postal security device: one journal, its state, its time, its boot.

Nothing here reads a clock, a disk or a random number but through the parameters. What can be asked
of the device stands in `pipeline.services`, what it prints in `pipeline.psd`.
"""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from functools import cache
from typing import Final, Self, Unpack

from pipeline.authority import Limits, Reason, Refused, permit
from pipeline.disk import Disk
from pipeline.errors import BindingMismatch, FaultCause, PsdFault
from pipeline.faultnote import FaultNote
from pipeline.imprint import Head
from pipeline.incidentlog import IncidentLog
from pipeline.journal import SEGMENT_RECORDS, Journal
from pipeline.lifecycle import Service, State, state_of
from pipeline.payloads import Payloads
from pipeline.psdclock import Instant, TimePolicy, beginning, psd_time
from pipeline.record import Record, RecordType, Seal, device_id
from pipeline.setup import Setup, demand_sound
from pipeline.state import (
    FLAG_TIME_ASSUMED,
    FLAG_TIME_KNOWN,
    FLAG_UNRELEASED,
    WINDOW_SHIFT,
    IncidentKind,
    Lock,
    Outcome,
)
from postage.contactrule import ContactRule, ContactStatus, read_rules, status
from postage.decertification import Calendar, Decertified, Rule, family_of, read_calendar
from postage.money import Money
from postage.registers import Registers

DEFAULT_RULE: Final = "us-imi"
SERVICE_REPAIRS: Final = 3


class Device:
    """One device, open for its one user. Not for several threads."""

    def __init__(self, disk: Disk, setup: Setup) -> None:
        demand_sound(setup)
        licensing_zip = setup["licensing_zip"]
        self._clock, self._zone = setup["clock"], setup["zone"]
        self._profile = setup["profile"]
        self._limits = setup.get("limits", Limits())
        self._time_policy = setup.get("time", TimePolicy())
        self._rule = setup.get("contact_rule") or _default_rule()
        self._destroy_keys, self._test_key = setup.get("zeroise"), setup.get("test_key")
        self._check_provider = setup.get("check_provider", lambda *_: False)
        self._model = setup.get("model", "")
        self._calendar = setup.get("calendar") or _published_calendar()
        self._name = f"{setup['vendor_model']} {setup['serial']}"
        self._payloads = Payloads(
            self._profile,
            vendor_model=setup["vendor_model"],
            device_serial=setup["serial"],
            origin_zip=int(licensing_zip),
            firmware_id=setup.get("firmware_id", 0),
        )
        self._told: dict[int, Outcome] = {}
        self._released = 0
        self.device_id: Final = device_id(setup["vendor_model"], setup["serial"])
        self._journal = self._opened(disk, Seal(setup["journal_key"], self.device_id), setup)
        try:
            self._boot(f"{self._profile} {licensing_zip}".encode("ascii"), setup.get("window", 1))
        except BaseException:
            self._journal.close()
            raise

    @classmethod
    def create(cls, disk: Disk, **setup: Unpack[Setup]) -> Self:
        """Return a new device, MANUFACTURED, with registers of zero.

        Raises:
            ValueError: the setup is not sound; nothing was touched.
            DeviceExists: the folder holds a device; nothing was touched.
            PsdFault: the disk failed; creation may be tried again.
        """
        demand_sound(setup)
        device = device_id(setup["vendor_model"], setup["serial"])
        Journal.create(
            disk,
            Seal(setup["journal_key"], device),
            segment_records=setup.get("segment_records", SEGMENT_RECORDS),
        )
        return cls(disk, setup)

    @classmethod
    def open(cls, disk: Disk, **setup: Unpack[Setup]) -> Self:
        """Return the device as the disk proves it, after recovery and a BOOT record.

        Raises:
            NoDevice: the folder holds none.
            PsdInUse: another process or object has it.
            PsdFault: with its cause; the device needs the provider's inspection.
            BindingMismatch: profile or ZIP are not those of the journal.
        """
        return cls(disk, setup)

    def note_incident(self, kind: IncidentKind, text: str) -> None:
        """Make bad input that was refused a record; no register moves.

        The first of a kind is durable when this returns. More of it within the hour are counted,
        and become one record after it, or when the device is closed. They wait too where a record
        needs a new segment, for which the disk may have no room, and are lost to a device that has
        stopped or was zeroised: bad input is never what stops it.

        Raises:
            PsdFault: the disk failed under the record, as under any other.
        """
        self._incidents.note(kind, text)

    @property
    def state(self) -> State:
        """Return what the device will do now."""
        return self._state_at(self._now())

    @property
    def contact(self) -> ContactStatus:
        """Return when the provider must be reached, and whether it is late.

        With the time unknown, as of the greatest time recorded.
        """
        now = self._now()
        return self._contact_at(self._journal.state.floor_us if now is None else now.psd_us)

    @property
    def registers(self) -> Registers:
        """Return the registers; in FAULT those of the last record known to be durable."""
        state = self._journal.state
        return Registers(
            ascending=Money(state.ascending),
            descending=Money(state.descending),
            control_total=Money(state.control_total),
            piece_count=state.piece_count,
        )

    @property
    def head(self) -> Head:
        """Return the newest record's number and digest."""
        state = self._journal.state
        return Head(state.sequence, state.previous)

    @property
    def last_sequence(self) -> int:
        """Return the number of the last journal record."""
        return self._journal.state.sequence

    @property
    def now_us(self) -> int:
        """Return the PSD time in microseconds; where it is unknown the greatest ever recorded."""
        return self._instant().psd_us

    @property
    def needs_service(self) -> bool:
        """Whether more than three record copies had to be repaired today: the disk is failing."""
        return self._journal.state.repairs > SERVICE_REPAIRS

    def records(self, first: int = 1, last: int | None = None) -> Iterator[Record]:
        """Yield the journal's records from sequence `first` to `last`, the newest unless told."""
        newest = self._journal.state.sequence
        return self._journal.records(first, newest if last is None else last)

    def sealed_records(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the 512 bytes of each record from `first` to `last`, as an audit takes them."""
        return self._journal.sealed(first, last)

    def _opened(self, disk: Disk, seal: Seal, setup: Setup) -> Journal:
        """Return the journal after recovery; what it finds wrong leaves its note."""
        note = FaultNote(disk, seal)
        try:
            journal = Journal.open(
                disk,
                seal,
                setup["sign"],
                setup["check"],
                segment_records=setup.get("segment_records", SEGMENT_RECORDS),
                pair_check_every=setup.get("pair_check_every", 256),
            )
        except PsdFault as fault:
            with closing(disk):
                disk.lock()
                note.leave_fault(fault)
            raise
        try:
            note.make()
        except OSError as error:
            journal.close()
            raise PsdFault(FaultCause.IO_ERROR, f"the note of faults: {error}") from error
        self._incidents = IncidentLog(journal, note, self._instant)
        return journal

    def _boot(self, binding: bytes, window: int) -> None:
        journal = self._journal
        bound = journal.state.binding
        if bound not in (b"", binding):
            mismatch = BindingMismatch(f"bound to {bound.decode()!r}, not {binding.decode()!r}")
            self._incidents.leave(IncidentKind.CLONED_FOLDER, str(mismatch))
            raise mismatch
        if journal.state.zeroised:  # no record can be signed any more; the registers stay readable
            if self._destroy_keys is not None:
                self._destroy_keys()
            return
        reading = self._clock()
        psd_us, is_known, is_assumed = beginning(journal.state, reading, self._time_policy)
        journal.append(
            RecordType.BOOT,
            Instant(psd_us, reading.boottime_us),
            amount=journal.copies_repaired,
            flags=window << WINDOW_SHIFT
            | (FLAG_UNRELEASED if journal.withheld else 0)
            | (FLAG_TIME_KNOWN if is_known else 0)
            | (FLAG_TIME_ASSUMED if is_assumed else 0),
            payload=binding,
        )
        self._incidents.recall()
        if self._time_policy.trusts_rtc and not is_known:
            text = f"real-time clock {reading.psd_us} us, greatest time recorded {psd_us} us"
            self.note_incident(IncidentKind.CLOCK_WRONG, text)

    def _now(self) -> Instant | None:
        """Return the PSD time, None where it is not known."""
        return psd_time(self._journal.state, self._clock())

    def _instant(self) -> Instant:
        """Return the PSD time, or the floor: a record must stand somewhere in time."""
        reading = self._clock()
        floor = Instant(self._journal.state.floor_us, reading.boottime_us)
        return psd_time(self._journal.state, reading) or floor

    def _state_at(self, now: Instant | None) -> State:
        return state_of(
            self._journal.state,
            is_broken=self._journal.fault is not None,
            is_silent=now is None or self._contact_at(now.psd_us).locked,
            low_mills=self._limits.low_descending.mills,
        )

    def _contact_at(self, now_us: int) -> ContactStatus:
        state = self._journal.state
        unsent_us = state.unsent_us or None
        return status(self._rule, state.last_contact_us, unsent_us, now_us, self._zone)

    def _refused(self, service: Service, now: Instant | None) -> Refused | None:
        """Return why the device's state refuses a service, once that has its record."""
        refused = self._refusal(service, now)
        if refused is not None:
            is_clock = refused.reason is Reason.CLOCK_BEHIND
            kind = IncidentKind.CLOCK_WRONG if is_clock else IncidentKind.WRONG_STATE
            self.note_incident(kind, f"{service.name}: {refused}")
        return refused

    def _refusal(self, service: Service, now: Instant | None) -> Refused | None:
        state = self._state_at(now)
        refused = permit(state, service)
        if refused is None or state is State.TAMPERED:
            return refused
        if state is State.FAULT and self._journal.fault is not None:
            return Refused(Reason.FAULT, str(self._journal.fault))
        return self._silent(refused, now) if state is State.LOCKED_COMM else refused

    def _silent(self, refused: Refused, now: Instant | None) -> Refused:
        """Return what locks the device until a contact; a lock found by time is made durable."""
        folded = self._journal.state
        if now is None:
            if folded.anchor is None:
                return Refused(Reason.TIME_UNKNOWN, f"boot {folded.boot} needs a contact")
            return Refused(Reason.CLOCK_BEHIND, "CLOCK_BOOTTIME ran back within a boot")
        if folded.unmet:
            detail = f"boot {folded.boot} has the time, and no acknowledgement of its records"
            return Refused(Reason.LOCKED_COMM, detail)
        if not folded.locks & Lock.COMM:
            self._journal.append(RecordType.LOCK, now, reference=Lock.COMM)
        return refused

    def _decertified(self, today: date) -> Refused | None:
        """Return why the model prints nothing today, None where it may."""
        family = family_of(self._profile)
        decision = self._calendar.decision(self._model, family, Rule.PRINT, today)
        if isinstance(decision, Decertified):
            return Refused(Reason.DECERTIFIED, f"model {self._model or 'unnamed'}, {decision}")
        return None

    def _day(self, now: Instant) -> date:
        return datetime.fromtimestamp(now.psd_us // 1_000_000, self._zone).date()


@cache
def _published_calendar() -> Calendar:
    return read_calendar()


@cache
def _default_rule() -> ContactRule:
    return read_rules()[DEFAULT_RULE]
