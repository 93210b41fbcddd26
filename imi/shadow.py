"""A device as its provider knows it: the records it uploaded, what they add up to, what was posted.

The invariants of reliability.md 4.8 that only the provider can see: control totals differ by what
is in transit and nothing else (I11), the ascending register never falls (I12), uploaded debits are
the ascending register (I13), sequences have no gap and no repeat (I14).
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from pipeline.errors import RecordFormatError
from pipeline.fold import fold
from pipeline.record import RECORD_BYTES, Record, RecordType, digest, unpack_record
from pipeline.rules import violation
from pipeline.state import DeviceState
from postage.messages import Denial
from postage.money import Money
from postage.registers import Registers

Doubt: TypeAlias = tuple[Denial, str]


@dataclass(slots=True)
class Shadow:
    """One device's history. Amounts in mills.

    `claims` are the digests of records that the device has spoken of and not yet uploaded: once
    uploaded, they must be what it said, or there are two devices.
    """

    state: DeviceState = field(default_factory=DeviceState)  # as the device's own journal folds
    records: list[bytes] = field(default_factory=list)  # sealed, 1 to the high-water mark
    claims: dict[int, bytes] = field(default_factory=dict)
    newest: int = 0  # greatest sequence the device has spoken of
    posted: int = 0  # control total once all that was credited has arrived
    in_transit: dict[int, int] = field(default_factory=dict)  # by request
    credited: dict[int, int] = field(default_factory=dict)  # by request, for ever
    may_withdraw: bool = False
    _refund: int = 0

    @property
    def mark(self) -> int:
        """Return the high-water mark: every record up to this one is here."""
        return len(self.records)

    @property
    def digest(self) -> bytes:
        """Return the digest of the record at the mark, zeros where there is none."""
        return self.state.previous

    def post(self, request: int, mills: int) -> None:
        """Note a credit that is on its way to the device."""
        self.in_transit = {request: mills}  # whatever was before has arrived, or this were refused
        self.credited[request] = mills
        self.posted += mills

    def refunded(self) -> int:
        """Return what a withdrawal left over since the last call, for its customer's account."""
        mills, self._refund = self._refund, 0
        return mills

    def doubt(self, sequence: int, told: bytes, registers: Registers) -> Doubt | None:
        """Return what speaks against a device whose newest record and registers these are.

        A message may be old, delayed on its way: then its record is known, or lies between the
        mark and the newest that was heard of, and proves or disproves itself once it is uploaded.
        """
        known = self._known(sequence)
        if known == told and sequence <= self.mark:
            return None
        if registers.ascending.mills < self.state.ascending:
            uploaded = Money(self.state.ascending)
            detail = f"ascending {registers.ascending} at record {sequence}; {uploaded} uploaded"
            return Denial.REGISTERS_BEHIND, detail
        if known not in (None, told):
            return Denial.HISTORY_DIFFERS, f"record {sequence} is another than before"
        total = registers.control_total.mills
        if sequence >= self.newest and total not in self._totals(registers):
            posted, moving = Money(self.posted), Money(sum(self.in_transit.values()))
            detail = f"{registers.control_total} after {posted} posted, {moving} in transit"
            return Denial.CONTROL_TOTAL_WRONG, detail
        self.claims[sequence] = told
        self.newest = max(self.newest, sequence)
        return None

    def lags(self, sequence: int) -> Doubt | None:
        """Return that a device's newest record is older than one it spoke of and never uploaded.

        A message delayed on its way may say so, which is why nothing is locked; an old copy of the
        device says nothing else until it has as many records, which then are others.
        """
        if sequence < self.newest and self.mark < self.newest:
            return Denial.NOT_NEWEST, f"record {sequence} after {self.newest} was spoken of"
        return None

    def take(self, device: int, first: int, sealed: bytes) -> Doubt | None:
        """Keep the records that are new, in order; return why it ended before the last."""
        if sealed and not 1 <= first <= self.mark + 1:
            return Denial.GAP, f"record {first} after {self.mark}"
        for at in range(0, len(sealed), RECORD_BYTES):
            sequence, one = first + at // RECORD_BYTES, sealed[at : at + RECORD_BYTES]
            if sequence > self.mark:
                doubt = self._append(device, one)
                if doubt is not None:
                    return doubt
            elif self.records[sequence - 1] != one:
                return Denial.HISTORY_DIFFERS, f"record {sequence} is another than before"
        return None

    def _append(self, device: int, sealed: bytes) -> Doubt | None:
        sequence = self.mark + 1
        try:
            record = unpack_record(sealed)
        except RecordFormatError as error:
            return Denial.RULE_BROKEN, f"record {sequence}: {error}"
        if record.device != device:
            return Denial.RULE_BROKEN, f"record {sequence} is of device {record.device:#x}"
        if record.previous != self.digest:
            return Denial.HISTORY_DIFFERS, f"record {sequence} follows another than {self.mark}"
        said = self.claims.get(sequence)
        if said is not None and said != digest(sealed):
            return Denial.HISTORY_DIFFERS, f"record {sequence} is another than the device spoke of"
        broken = violation(self.state, record) or self._unpaid(record)
        if broken is not None:
            return Denial.RULE_BROKEN, f"record {sequence}: {broken}"
        fold(self.state, record, digest(sealed))
        self.records.append(sealed)
        self.claims.pop(sequence, None)
        if record.type == RecordType.REFILL_APPLY:
            self.in_transit.pop(record.reference, None)
        if record.type == RecordType.WITHDRAW:
            self._refund += record.amount
            self.posted -= record.amount
        return None

    def _unpaid(self, record: Record) -> str | None:
        """Return what is wrong with a record that moves money, None where it is ours to move."""
        if record.type == RecordType.WITHDRAW and not self.may_withdraw:
            return "a withdrawal that was not ordered"
        if record.type != RecordType.REFILL_APPLY:
            return None
        credited = self.credited.get(record.reference)
        if credited == record.amount:
            return None
        return f"{Money(record.amount)} applied for request {record.reference}, credited {credited}"

    def _known(self, sequence: int) -> bytes | None:
        if sequence == self.mark:
            return self.digest
        if 0 < sequence < self.mark:
            return digest(self.records[sequence - 1])
        return self.claims.get(sequence)

    def _totals(self, registers: Registers) -> set[int]:
        totals = {self.posted, self.posted - sum(self.in_transit.values())}
        if self.may_withdraw and not registers.descending:
            totals.add(registers.ascending.mills)
        return totals
