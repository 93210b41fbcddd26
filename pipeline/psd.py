"""The postal security device: debits, signs, and releases nothing that is not durable.

One imprint: authorise, pack the payload with the registers as they will be, sign, check the own
signature, write the debit with payload and signature into both copies and HEAD, and only then hand
out the Evidence. A crash anywhere leaves a piece either undebited or listed as open; nothing that
was debited is ever offered for printing again.
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Final, Self, Unpack

from pipeline.authority import Limits, Reason, Refused, authorise, authorise_refill, locked
from pipeline.disk import Disk
from pipeline.errors import BindingMismatch
from pipeline.imprint import Evidence, ImprintRequest, OpenPiece, Refilled, ReleaseToken
from pipeline.journal import SEGMENT_RECORDS, Instant, Journal
from pipeline.payloads import Payloads
from pipeline.record import Record, RecordType, Seal, device_id
from pipeline.setup import Setup, demand_sound
from pipeline.state import (
    DAY_SHIFT,
    FLAG_TEST,
    FLAG_UNRELEASED,
    WINDOW_SHIFT,
    Lock,
    Open,
    Outcome,
    outcome_flags,
)
from postage.indicium import unpack
from postage.money import Money
from postage.registers import Registers

SERVICE_REPAIRS: Final = 3
_EPOCH = date(1970, 1, 1)


class State(Enum):
    """What the device will do now, the most restrictive first."""

    FAULT = "FAULT"
    SUSPENDED = "SUSPENDED"
    LOCKED_COMM = "LOCKED_COMM"
    EMPTY = "EMPTY"
    LOW = "LOW"
    READY = "READY"


class Psd:
    """One device, open for its one user; get it from `create` or `open`.

    Nothing here reads a clock, a disk or a random number but through the parameters. Not for
    several threads.

    >>> import hashlib, tempfile, zoneinfo
    >>> from pipeline.disk import RealDisk
    >>> def sign(message: bytes) -> bytes:
    ...     return hashlib.sha512(b"a stand-in for the key" + message).digest()
    >>> folder = tempfile.TemporaryDirectory()
    >>> psd = Psd.create(
    ...     RealDisk(folder.name), vendor_model="TST0", serial=7, profile="imi-std/p1",
    ...     licensing_zip="94043", zone=zoneinfo.ZoneInfo("America/Los_Angeles"),
    ...     journal_key=bytes(32), sign=sign, check=lambda m, s: s == sign(m),
    ...     clock=lambda: Instant(1_783_969_200_000_000, 0), segment_records=64,
    ... )
    >>> psd.refill(Money(500_000), request_id=1).registers.descending
    Money(mills=500000)
    >>> request = ImprintRequest(
    ...     postage=Money(780), mailing_date=date(2026, 7, 13), rate_category=1
    ... )
    >>> evidence = psd.imprint(request)
    >>> len(evidence.payload), evidence.token, psd.registers.descending
    (109, ReleaseToken(boot=1, number=1), Money(mills=499220))
    >>> print(psd.imprint(request))
    earlier pieces wait for their outcome: 1 pieces in flight; the window is 1
    >>> psd.confirm(evidence.sequence, Outcome.CONFIRMED)
    >>> psd.close()
    >>> folder.cleanup()
    """

    def __init__(self, disk: Disk, setup: Setup) -> None:
        demand_sound(setup)
        licensing_zip = setup["licensing_zip"]
        self._clock = setup["clock"]
        self._zone, self._profile = setup["zone"], setup["profile"]
        self._limits = setup.get("limits", Limits())
        self._device = f"{setup['vendor_model']} {setup['serial']}"
        self._payloads = Payloads(
            self._profile,
            vendor_model=setup["vendor_model"],
            device_serial=setup["serial"],
            origin_zip=int(licensing_zip),
            firmware_id=setup.get("firmware_id", 0),
        )
        self._told: dict[int, Outcome] = {}
        self._released = 0
        self._journal = Journal.open(
            disk,
            Seal(setup["journal_key"], device_id(setup["vendor_model"], setup["serial"])),
            setup["sign"],
            setup["check"],
            segment_records=setup.get("segment_records", SEGMENT_RECORDS),
            pair_check_every=setup.get("pair_check_every", 256),
        )
        try:
            self._boot(f"{self._profile} {licensing_zip}".encode("ascii"), setup.get("window", 1))
        except Exception:
            self._journal.close()
            raise

    @classmethod
    def create(cls, disk: Disk, **setup: Unpack[Setup]) -> Self:
        """Return a new device with registers of zero.

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

    @property
    def state(self) -> State:
        """Return what the device will do now."""
        state = self._journal.state
        if self._journal.fault is not None:
            return State.FAULT
        if state.locks & Lock.SUSPENDED:
            return State.SUSPENDED
        if state.locks & Lock.COMM:
            return State.LOCKED_COMM
        if state.descending == 0:
            return State.EMPTY
        return State.LOW if state.descending < self._limits.low_descending.mills else State.READY

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
    def last_sequence(self) -> int:
        """Return the number of the last journal record."""
        return self._journal.state.sequence

    @property
    def open_pieces(self) -> list[OpenPiece]:
        """Return every piece of earlier boots without an outcome, and every spoiled one."""
        return [
            self._open_piece(sequence, why)
            for sequence, why in sorted(self._journal.state.open.items())
        ]

    @property
    def needs_service(self) -> bool:
        """Whether more than three record copies had to be repaired today: the disk is failing."""
        return self._journal.state.repairs > SERVICE_REPAIRS

    def records(self, first: int = 1, last: int | None = None) -> Iterator[Record]:
        """Yield the journal's records from sequence `first` to `last`, the newest unless told."""
        newest = self._journal.state.sequence
        return self._journal.records(first, newest if last is None else last)

    def imprint(self, request: ImprintRequest) -> Evidence | Refused:
        """Return evidence of postage that is paid for and durable, or why there is none.

        A refusal leaves the registers as they were. Evidence comes once; a piece that was debited
        and not printed becomes a refund claim, never a second print.

        Raises:
            PsdFault: a write failed, or the own signature did not verify; nothing was released
                and the device stays in FAULT.
            IndiciumFormatError: a field of the request does not fit the indicium; nothing changed.
        """
        now = self._clock()
        today = self._day(now)
        state = self._journal.state
        waiting = len(state.flight) - len(self._told)
        refused = (
            self._broken()
            or self._behind(now)
            or authorise(state, self._limits, request, today, waiting)
        )
        if refused is not None:
            return refused
        after = self.registers.debit(request.postage)
        return self._debit(now, today, after, self._payloads.postage(request, after), request)

    def test_imprint(self) -> Evidence | Refused:
        """Return a zero-value VOID imprint: logged, counted apart, no register moves.

        Its payload says TEST in the rate category, so that no verifier takes it for postage.
        """
        now = self._clock()
        refused = self._broken() or self._behind(now) or locked(self._journal.state)
        if refused is not None:
            return refused
        today = self._day(now)
        registers = self.registers
        payload = self._payloads.test(self._journal.state.tests + 1, today, registers)
        return self._debit(now, today, registers, payload, None)

    def confirm(self, sequence: int, outcome: Outcome) -> None:
        """Take the outcome of a released piece, or of an open one from an earlier boot.

        A piece of this boot: the next record carries it, or `idle` writes it; a crash before
        leaves the piece open, which is harmless. An open one: a record of its own.

        Raises:
            ValueError: the record is no piece in flight or open, or has its outcome already.
            PsdFault: as `imprint`.
        """
        state = self._journal.state
        if sequence in state.flight and sequence not in self._told:
            if outcome is Outcome.CLAIMED:
                raise ValueError(f"piece of record {sequence} is in flight; nothing to claim yet")
            self._told[sequence] = outcome
        elif sequence in state.open:
            self._journal.append(
                RecordType.CONFIRM, self._clock(), reference=sequence, flags=outcome
            )
        else:
            raise ValueError(f"record {sequence} is neither in flight nor open")

    def refill(self, amount: Money, request_id: int) -> Refilled | Refused:
        """Return the registers with the amount added, once for each request id.

        Begin and apply in one: the provider's answer is taken as given. A repeat of an id with its
        amount moves nothing and answers with the registers as they are by then.
        """
        applied = self._journal.state.refills.get(request_id)
        if applied == amount.mills:
            return Refilled(request_id, amount, self.registers)
        refused = self.begin_refill(amount, request_id)
        return refused if refused is not None else self.apply_refill(amount, request_id)

    def begin_refill(self, amount: Money, request_id: int) -> Refused | None:
        """Make a request durable before anyone is asked for money; a repeat changes nothing."""
        state = self._journal.state
        refused = self._broken() or authorise_refill(state, self._limits, amount, request_id)
        if refused is None and state.pending_refill is None:
            self._append(RecordType.REFILL_BEGIN, amount, request_id)
        return refused

    def apply_refill(self, amount: Money, request_id: int) -> Refilled | Refused:
        """Add the outstanding request's amount to the registers."""
        state = self._journal.state
        refused = self._broken() or authorise_refill(state, self._limits, amount, request_id)
        if refused is not None:
            return refused
        if state.pending_refill is None:
            raise ValueError(f"refill request {request_id} was never begun")
        self._append(RecordType.REFILL_APPLY, amount, request_id)
        return Refilled(request_id, amount, self.registers)

    def set_budget(self, department: int, amount: Money) -> None:
        """Let a department charge this much from now on, whatever it charged before."""
        self._journal.append(
            RecordType.BUDGET, self._clock(), department=department, amount=amount.mills
        )

    def lock(self, lock: Lock) -> None:
        """Hold the device; the lock survives restarts."""
        self._journal.append(RecordType.LOCK, self._clock(), reference=lock)

    def unlock(self, lock: Lock) -> None:
        """Lift one lock; another stays."""
        self._journal.append(RecordType.UNLOCK, self._clock(), reference=lock)

    def idle(self) -> None:
        """Write outcomes that no record carried yet, and get the next segment ready."""
        if self._told:
            flags = outcome_flags(self._journal.state.flight, self._told)
            self._journal.append(RecordType.CONFIRM, self._clock(), flags=flags)
            self._told.clear()
        self._journal.prepare()

    def close(self) -> None:
        """Write what is waiting and give back the folder."""
        try:
            if self._journal.fault is None:
                self.idle()
        finally:
            self._journal.close()

    def _boot(self, binding: bytes, window: int) -> None:
        journal = self._journal
        bound = journal.state.binding
        if bound not in (b"", binding):
            raise BindingMismatch(f"bound to {bound.decode()!r}, not {binding.decode()!r}")
        journal.append(
            RecordType.BOOT,
            self._clock(),
            amount=journal.copies_repaired,
            flags=window << WINDOW_SHIFT | (FLAG_UNRELEASED if journal.withheld else 0),
            payload=binding,
        )

    def _broken(self) -> Refused | None:
        fault = self._journal.fault
        return None if fault is None else Refused(Reason.FAULT, str(fault))

    def _behind(self, now: Instant) -> Refused | None:
        floor = self._journal.state.floor_us
        if now.psd_us >= floor:
            return None
        return Refused(Reason.CLOCK_BEHIND, f"{now.psd_us} us is before {floor} us")

    def _append(self, kind: RecordType, amount: Money, request_id: int) -> None:
        self._journal.append(kind, self._clock(), amount=amount.mills, reference=request_id)

    def _debit(
        self,
        now: Instant,
        today: date,
        after: Registers,
        payload: bytes,
        request: ImprintRequest | None,
    ) -> Evidence:
        """Sign, check, make durable; the Evidence exists only when all of it is done."""
        signature = self._journal.sign(payload)
        state = self._journal.state
        flags = outcome_flags(state.flight, self._told) | (today - _EPOCH).days << DAY_SHIFT
        record = self._journal.append(
            RecordType.DEBIT,
            now,
            amount=request.postage.mills if request else 0,
            department=request.department if request else 0,
            operator=request.operator if request else 0,
            rate_version=request.rate_version if request else 0,
            flags=flags if request else flags | FLAG_TEST,
            payload=payload,
            signature=signature,
        )
        self._told.clear()
        assert record.ascending == after.ascending.mills
        assert record.descending == after.descending.mills
        self._released += 1
        return Evidence(
            request,
            record.sequence,
            ReleaseToken(record.boot, self._released),
            payload + signature,
            after,
            today,
        )

    def _day(self, now: Instant) -> date:
        return datetime.fromtimestamp(now.psd_us // 1_000_000, self._zone).date()

    def _open_piece(self, sequence: int, why: Open) -> OpenPiece:
        record = self._journal.record(sequence)
        payload = record.payload + record.signature
        return OpenPiece(
            why=why,
            sequence=sequence,
            device=self._device,
            piece_count=record.piece_count,
            amount=Money(record.amount),
            department=record.department,
            mailing_date=unpack(payload, profile=self._profile).mailing_date,
            accounting_day=_EPOCH + timedelta(days=record.flags >> DAY_SHIFT),
            payload=payload,
        )
