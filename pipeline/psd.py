"""The postal security device: debits, signs, and releases nothing that is not durable.

One imprint: authorise, pack the payload with the registers as they will be, sign, check the own
signature, write the debit with payload and signature into both copies and HEAD, and only then hand
out the Evidence. A crash anywhere leaves a piece either undebited or listed as open; nothing that
was debited is ever offered for printing again.
"""

from datetime import date, timedelta
from typing import Final

from pipeline.authority import Reason, Refused, authorise, authorise_date
from pipeline.imprint import Evidence, ImprintRequest, OpenPiece, ReleaseToken
from pipeline.lifecycle import Service
from pipeline.psdclock import Instant
from pipeline.record import Record, RecordType
from pipeline.services import Services
from pipeline.state import (
    DAY_SHIFT,
    FLAG_KEYED,
    FLAG_REDATE,
    FLAG_TEST,
    Open,
    Outcome,
    outcome_flags,
)
from postage.indicium import unpack
from postage.money import Money
from postage.registers import Registers

_EPOCH: Final = date(1970, 1, 1)


class Psd(Services):
    """One device, open for its one user; get it from `create` or `open`. Not for several threads.

    >>> import hashlib, tempfile, zoneinfo
    >>> from pipeline.disk import RealDisk
    >>> from pipeline.psdclock import TimePolicy
    >>> from pipeline.enrolment import commission
    >>> def sign(message: bytes) -> bytes:
    ...     return hashlib.sha512(b"a stand-in for the key" + message).digest()
    >>> def provider(message: bytes) -> bytes:
    ...     return hashlib.sha512(b"a stand-in for the provider's key" + message).digest()
    >>> folder = tempfile.TemporaryDirectory()
    >>> psd = Psd.create(
    ...     RealDisk(folder.name), vendor_model="TST0", serial=7, profile="imi-std/p1",
    ...     licensing_zip="94043", zone=zoneinfo.ZoneInfo("America/Los_Angeles"),
    ...     journal_key=bytes(32), sign=sign, check=lambda m, s: s == sign(m),
    ...     clock=lambda: Instant(1_783_969_200_000_000, 0), time=TimePolicy(trusts_rtc=True),
    ...     segment_records=64, check_provider=lambda m, s: s == provider(m),
    ... )
    >>> psd.state
    <State.MANUFACTURED: 'MANUFACTURED'>
    >>> commission(psd, provider, b"a certificate", b"an agreement")
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

    @property
    def open_pieces(self) -> list[OpenPiece]:
        """Return every piece of earlier boots without an outcome, and every spoiled one."""
        return [
            self._open_piece(sequence, why)
            for sequence, why in sorted(self._journal.state.open.items())
        ]

    def imprint(self, request: ImprintRequest) -> Evidence | Refused:
        """Return evidence of postage that is paid for and durable, or why there is none.

        A refusal leaves the registers as they were. Evidence comes once; a piece that was debited
        and not printed becomes a refund claim, never a second print.

        Raises:
            PsdFault: a write failed, or the own signature did not verify; nothing was released
                and the device stays in FAULT.
            IndiciumFormatError: a field of the request does not fit the indicium; nothing changed.
        """
        now = self._now()
        refused = self._refused(Service.IMPRINT, now)
        if refused is not None:
            return refused
        assert now is not None, "without a time the device is locked"
        today = self._day(now)
        state = self._journal.state
        waiting = sum(sequence not in self._told for sequence in state.flight)
        refused = self._decertified(today) or authorise(
            state, self._limits, request, today, waiting
        )
        if refused is not None:
            return refused
        after = self.registers.debit(request.postage)
        payload = self._payloads.postage(request, after)
        flags = FLAG_KEYED if request.keyed else 0
        return self._debit(now, after, payload, flags, request=request)

    def test_imprint(self) -> Evidence | Refused:
        """Return a zero-value VOID imprint: logged, counted apart, no register moves.

        Its payload says TEST in the rate category, so that no verifier takes it for postage.
        """
        now = self._now()
        refused = self._refused(Service.TEST, now)
        if refused is not None:
            return refused
        assert now is not None, "without a time the device is locked"
        registers = self.registers
        number = self._journal.state.tests + 1
        payload = self._payloads.test(number, self._day(now), registers)
        return self._debit(now, registers, payload, FLAG_TEST)

    def redate(self, sequence: int, mailing_date: date) -> Evidence | Refused:
        """Return a zero-value imprint that gives the piece of a debit record another date, once.

        Later than the printed one, as far ahead as any date may be; no register moves (domain 1.8).
        """
        now = self._now()
        refused = self._refused(Service.IMPRINT, now)
        if refused is not None:
            return refused
        assert now is not None, "without a time the device is locked"
        today = self._day(now)
        refused = self._decertified(today) or self._refuse_redate(sequence, mailing_date, today)
        refused = refused or authorise_date(mailing_date, today, self._limits.max_advance_days)
        if refused is not None:
            return refused
        registers = self.registers
        number = self._journal.state.redates + 1
        payload = self._payloads.redate(number, mailing_date, registers)
        return self._debit(now, registers, payload, FLAG_REDATE, reference=sequence)

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
                RecordType.CONFIRM, self._instant(), reference=sequence, flags=outcome
            )
        else:
            raise ValueError(f"record {sequence} is neither in flight nor open")

    def idle(self) -> None:
        """Do what waits for a pause of the line: outcomes, incidents, the next segment, the key.

        The key's test waits for a pause with no piece in flight, as its failure is a FAULT.

        Raises:
            PsdFault: as `imprint`.
            TokenError: the token that holds the key is not there; the next idle tests it.
        """
        self._settle()
        state = self._journal.state
        if self._test_key is None or self._journal.fault or state.zeroised or state.flight:
            return
        report = self._test_key(self._clock().boottime_us)
        if report is not None and not report.passed:
            self.fail(report.cause)

    def close(self) -> None:
        """Write what is waiting and give back the folder."""
        try:
            if self._journal.fault is None:
                self._settle()
                self._incidents.write_all()
        finally:
            self._journal.close()

    def _settle(self) -> None:
        if self._journal.state.zeroised:
            return
        if self._told:
            flags = outcome_flags(self._journal.state.flight, self._told)
            self._journal.append(RecordType.CONFIRM, self._instant(), flags=flags)
            self._told.clear()
        self._incidents.write_due()
        self._journal.prepare()

    def _refuse_redate(self, sequence: int, mailing_date: date, today: date) -> Refused | None:
        state = self._journal.state
        if sequence in state.redated:
            return Refused(Reason.NO_REDATE, f"record {sequence} was redated before")
        record = self._journal.record(sequence) if 0 < sequence <= state.sequence else None
        if record is None or record.type != RecordType.DEBIT or not record.amount:
            return Refused(Reason.NO_REDATE, f"record {sequence} is no postage")
        printed = self._printed_date(record)
        if printed is None or mailing_date <= printed:
            detail = f"{mailing_date} is not after {printed or 'no date'}, which is printed"
            return Refused(Reason.NO_REDATE, detail)
        age = (today - _accounting_day(record)).days
        if age > self._limits.max_redate_days:
            detail = f"the piece is {age} days old; {self._limits.max_redate_days} is the limit"
            return Refused(Reason.NO_REDATE, detail)
        return None

    def _debit(
        self,
        now: Instant,
        after: Registers,
        payload: bytes,
        kind_flags: int,
        *,
        request: ImprintRequest | None = None,
        reference: int = 0,
    ) -> Evidence:
        """Sign, check, make durable; the Evidence exists only when all of it is done."""
        signature = self._journal.sign(payload)
        today = self._day(now)
        state = self._journal.state
        flags = outcome_flags(state.flight, self._told) | (today - _EPOCH).days << DAY_SHIFT
        record = self._journal.append(
            RecordType.DEBIT,
            now,
            amount=request.postage.mills if request else 0,
            department=request.department if request else 0,
            operator=request.operator if request else 0,
            rate_version=request.rate_version if request else 0,
            flags=flags | kind_flags,
            reference=reference,
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

    def _open_piece(self, sequence: int, why: Open) -> OpenPiece:
        record = self._journal.record(sequence)
        return OpenPiece(
            why=why,
            sequence=sequence,
            device=self._name,
            piece_count=record.piece_count,
            amount=Money(record.amount),
            department=record.department,
            mailing_date=self._printed_date(record),
            accounting_day=_accounting_day(record),
            payload=record.payload + record.signature,
        )

    def _printed_date(self, record: Record) -> date | None:
        return unpack(record.payload + record.signature, profile=self._profile).mailing_date


def _accounting_day(record: Record) -> date:
    return _EPOCH + timedelta(days=record.flags >> DAY_SHIFT)
