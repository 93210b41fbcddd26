"""An auditor's reading of a meter's journal: every record, every signature, the sums."""

from dataclasses import dataclass, field

from imi.meter import SoftwareMeter
from imicore.signature import Check, Verifier
from pipeline.record import RecordType, Seal, device_id
from pipeline.segments import read_record
from pipeline.state import FLAG_TEST
from postage.indicium import unpack
from postage.money import ZERO, Money
from postage.registers import Registers


@dataclass(slots=True)
class Audit:
    """What the journal adds up to, read from the disk and from nothing else."""

    registers: Registers  # the sums of debits and refills, not what the last record claims
    stored: tuple[int, int, int] = (0, 0, 0)  # AR, DR, CT in mills as the last record has them
    records: int = 0
    debits: int = 0
    signatures_valid: int = 0
    faults: list[str] = field(default_factory=list)


def audit_journal(meter: SoftwareMeter) -> Audit:
    """Return the audit of a meter that is closed.

    Sums the debits and refills itself instead of believing the registers in the records, and
    checks every signature under the device's public key.
    """
    last = meter.psd.last_sequence
    seal = Seal(
        meter.setup["journal_key"], device_id(meter.record.vendor_model, meter.record.serial)
    )
    ascending, control_total, count = ZERO, ZERO, 0
    audit = Audit(meter.psd.registers)
    messages, signatures = [], []
    for sequence in range(1, last + 1):
        record = read_record(meter.disk, seal, sequence)
        audit.records += 1
        audit.stored = (record.ascending, record.descending, record.control_total)
        if record.type == RecordType.REFILL_APPLY:
            control_total += Money(record.amount)
        if record.type != RecordType.DEBIT:
            continue
        messages.append(record.payload)
        signatures.append(record.signature)
        if record.flags & FLAG_TEST:
            continue
        audit.debits += 1
        count += 1
        ascending += Money(record.amount)
        indicium = unpack(record.payload + record.signature, profile=meter.record.profile)
        said = (indicium.postage, indicium.ascending, indicium.piece_count)
        if said != (Money(record.amount), ascending, count):
            audit.faults.append(f"record {sequence} says {said}, the sums are {ascending}, {count}")
    keys = [meter.record.public_key] * len(messages)
    checks = Verifier().verify_batch(messages, signatures, keys)
    audit.signatures_valid = sum(check is Check.VALID for check in checks)
    if audit.signatures_valid != len(messages):
        audit.faults.append(f"{len(messages) - audit.signatures_valid} signatures do not verify")
    audit.registers = Registers(
        ascending=ascending,
        descending=control_total - ascending,
        control_total=control_total,
        piece_count=count,
    )
    if audit.registers != meter.psd.registers:
        audit.faults.append(f"sums {audit.registers}, device {meter.psd.registers}")
    return audit
