"""The folder of a run: whose it is, when it may be emptied, and where a run goes on."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from imi.backoffice import BackOffice
from imi.meter import SoftwareMeter, commission_at
from pipeline.contact import Contact, Met
from pipeline.disk import RealDisk
from pipeline.errors import MachineError
from pipeline.imprint import OpenPiece, Refilled
from pipeline.job import Job
from pipeline.link import Breach, Incident
from pipeline.piecelog import PieceLog, PieceRow
from pipeline.record import RecordType
from pipeline.state import Open
from postage.money import ZERO, Money

MARKER = "imi-run"  # holds the job's name; only a folder that has it is ever emptied


def prepare(out: Path, job: Job, *, fresh: bool) -> None:
    """Make the folder this job's, or raise MachineError and leave it as it was."""
    marker = out / MARKER
    is_ours = marker.is_file()
    if out.exists() and not out.is_dir():
        raise MachineError(f"{out} is not a folder")
    if not is_ours and out.is_dir() and any(out.iterdir()):
        raise MachineError(
            f"{out} is not empty and was not made by `imi run` (no file {MARKER}); "
            "give another --out"
        )
    if is_ours and fresh:
        _empty(out)
    elif is_ours and (name := marker.read_text(encoding="utf-8").strip()) != job.name:
        raise MachineError(
            f"{out} holds the run of {name!r}, not of {job.name!r}; give --fresh or another --out"
        )
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    marker.write_text(f"{job.name}\n", encoding="utf-8")


def next_piece(meter: SoftwareMeter, log: PieceLog) -> tuple[int, list[OpenPiece]]:
    """Return the number to feed next, and the open pieces.

    The list is written after each piece, the journal before each print. So a debit that the list
    does not know is that of the piece on the belt when the last run ended, and it is not fed again.

    Raises:
        MachineError: the list is gone, so nobody knows which pieces were diverted unpaid.
    """
    _settle(meter, log)
    known, number = log.last_sequence(), log.last_number()
    why = {piece.sequence: piece for piece in meter.psd.open_pieces}
    for record in meter.psd.records(known + 1):
        if record.type != RecordType.DEBIT or not record.amount:
            continue
        if not number:
            raise MachineError(
                "the meter's journal has debits and the list of pieces is empty: the run cannot "
                "go on; give --fresh or another --out"
            )
        number += 1
        piece = why.get(record.sequence)
        log.add(
            PieceRow(
                number=number,
                outcome="settled" if piece is None else "open",
                detail="" if piece is None else piece.why.name,
                department=record.department,
                postage_mills=record.amount,
                sequence=record.sequence,
                payload=(record.payload + record.signature).hex(),
            )
        )
    log.flush()
    return number + 1, list(why.values())


def _settle(meter: SoftwareMeter, log: PieceLog) -> None:
    """Tell the meter what became of pieces whose outcome the list has and the journal lost.

    The journal takes an outcome with the record after it; a meter that stopped had none.
    """
    unknown = [each.sequence for each in meter.psd.open_pieces if each.why is Open.OPEN_UNKNOWN]
    for sequence, outcome in log.outcomes(unknown).items():
        meter.psd.confirm(sequence, outcome)


def take_into_service(meter: SoftwareMeter, contact: Contact) -> None:
    """Commission a new meter, and let any meet its provider.

    Raises:
        MachineError: the meter refuses, or its provider is not reached.
    """
    commission_at(meter, contact)
    met = contact.meet()
    if isinstance(met, Incident) and met.breach is Breach.TIME_WRONG:
        used = datetime.fromtimestamp(meter.psd.now_us // 1_000_000, UTC)
        raise MachineError(
            f"the meter was in use at {used:%Y-%m-%d %H:%M:%S}Z, after the time of this job; give "
            "--fresh, another --out, or a later date in the job"
        )
    if not isinstance(met, Met):
        raise MachineError(f"the provider was not reached: {met}")


def fund(meter: SoftwareMeter, contact: Contact, office: BackOffice, job: Job) -> None:
    """Load the job's postage into a meter that never had any.

    A refill under way was settled by the contact before.

    Raises:
        MachineError: the meter or its provider refuses.
    """
    psd, amount = meter.psd, Money.parse(str(job.meter.refill))
    if psd.registers.control_total > ZERO or not amount:
        return
    if office.funds(psd.device_id) < amount:
        office.deposit(psd.device_id, amount)
    answer = contact.refill(amount)
    if not isinstance(answer, Refilled):
        raise MachineError(f"the refill of {amount} did not come about: {answer}")


def _empty(out: Path) -> None:
    """Remove what a run makes, by name, unless another process is at it."""
    journal = out / "meter" / "journal"
    if journal.is_dir():
        disk = RealDisk(journal)
        disk.lock()
        disk.close()
    for folder in ("meter", "provider", "claims"):
        shutil.rmtree(out / folder, ignore_errors=True)
    for pattern in (
        "pictures/piece-*.png",
        "pictures/facts.jsonl",
        "pieces.sqlite*",
        "report.html",
        "summary.json",
    ):
        for path in out.glob(pattern):
            path.unlink()
    (out / MARKER).unlink()
    remains = [path.name for path in out.iterdir() if path.name != "pictures"]
    if remains:
        raise MachineError(f"{out} also holds {', '.join(sorted(remains))}; give another --out")
