"""Claim forms as files: kept durably once filed, and printed as a form like PS Form 3533."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pipeline.claimform import ClaimForm, FormUnreadable, Line
from pipeline.reportfiles import SPECIMEN, fallback_font, shown
from postage.decertification import Calendar
from postage.devices import NEVER_PRODUCTION, device_key_id
from postage.refunds import Accepted, Denied, Held, RefundPolicy, examine
from service.sheets import Column, Heading
from service.wholefile import write_whole

_NUMBER = re.compile(r"[0-9A-Z]{4}-\d{8}-\d{1,20}-[0-9a-f]{12}")


class ClaimFolder:
    """Keeps each filed form as `NUMBER.json` in a folder, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, number: str) -> bool:
        """Return whether a form of this number is kept."""
        return self._path(number).exists()

    def numbers(self) -> list[str]:
        """Return the numbers of the kept forms, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.json"))

    def read(self, number: str) -> bytes:
        """Return a kept form's bytes.

        Raises:
            FileNotFoundError: no form of this number is kept.
            ValueError: it is no claim number.
        """
        return self._path(number).read_bytes()

    def claimed(self) -> dict[int, str]:
        """Return by debit record the number of the kept form that has it.

        Raises:
            FormUnreadable: a kept form was damaged.
        """
        found: dict[int, str] = {}
        for number in self.numbers():
            try:
                lines = json.loads(self.read(number))["form"]["lines"]
                found |= {line["record"]: number for line in lines}
            except (ValueError, KeyError, TypeError) as error:
                raise FormUnreadable(f"claim {number}: {error!r}") from error
        return found

    def keep(self, number: str, form: bytes) -> None:
        """Keep a form; on return it is on the disk under its number.

        Raises:
            OSError: it could not be written; no form of this number is kept.
        """
        path = self._path(number)
        self._folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, form)

    def _path(self, number: str) -> Path:
        if not _NUMBER.fullmatch(number):
            raise ValueError(f"{number!r} is no claim number")
        return self._folder / f"{number}.json"


def write_claim_pdf(
    form: ClaimForm,
    open_volume: Callable[[int], BinaryIO],
    policy: RefundPolicy,
    calendar: Calendar,
    *,
    is_draft: bool = False,
) -> list[int]:
    """Write the form for people and return the pages of each volume; a draft says that it is one.

    It says what the refund rules make of each piece on the form's day, which binds nobody, and
    ends with all evidence in full.
    """
    from service.pdf import write_table

    found = examine(policy, calendar, form.as_claim(), form.day)
    customer = form.customer
    device = device_key_id(form.vendor_model, form.serial)
    columns = [
        Column("Piece", 1, right=True),
        Column("Record", 1, right=True),
        Column("Printed date", 1.5),
        Column("Postage", 1.3, right=True),
        Column("Department", 1.4, right=True),
        Column("Reason for the claim", 4),
        Column("By the refund rules", 4),
    ]
    rows = (
        [
            str(line.key.piece_count),
            str(line.sequence),
            shown(line.printed),
            shown(line.postage),
            str(line.department or ""),
            line.proof.value,
            ruling(found.outcomes[line.key]),
        ]
        for line in form.lines
    )
    facts = [
        ("Claim", form.number),
        ("Date of the claim", shown(form.day)),
        ("Licensee", customer.name),
        ("Address", ", ".join(customer.address)),
        ("Customer agreement", customer.agreement),
        ("Licensing ZIP Code", customer.licensing_zip),
        ("Device", device),
        ("Printed dates", _dates(form)),
        ("Number of pieces", str(len(form.lines))),
        ("Postage claimed", shown(form.face)),
    ]
    closing = [
        ("Accepted by the refund rules", shown(found.face)),
        ("Charge", f"{shown(found.charge)}, without time for handling"),
        ("To be refunded", shown(found.paid)),
        ("Signature of the licensee", "_" * 40 + "   Date " + "_" * 16),
    ]
    return write_table(
        open_volume,
        Heading(
            "Application for refund of postage" + (" (draft, not filed)" if is_draft else ""),
            (f"Device {device}, claim {form.number}", "Unused dated meter indicia; DMM 604.9.3"),
            footer=form.number,
            stamp=SPECIMEN if form.vendor_model in NEVER_PRODUCTION else "",
        ),
        columns,
        rows,
        facts=facts,
        closing=lambda: closing,
        notes=["Evidence, piece by piece:", *map(_evidence, form.lines)],
        fallback=fallback_font(),
    )


def _dates(form: ClaimForm) -> str:
    dates = sorted(line.printed for line in form.lines if line.printed)
    if not dates:
        return "none"
    return shown(dates[0]) if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"


def ruling(outcome: Accepted | Denied | Held) -> str:
    """Return in words what the refund rules make of a piece."""
    match outcome:
        case Accepted():
            return "accepted"
        case Held(until):
            return f"held until {until}: to be accepted if no scan of it is seen"
        case Denied():
            return f"denied: {outcome}"


def _evidence(line: Line) -> str:
    head = line.head
    columns = (
        f" The head fired {head.columns_fired} of {head.columns_wanted} columns." if head else ""
    )
    return (
        f"Piece {line.key.piece_count}: {line.proof.value}. Accounted on {line.accounted}, journal "
        f"record {line.sequence} of SHA-256 {line.record_digest.hex()}, state "
        f"{line.why.name}.{columns} Payload and signature: {line.payload.hex()}"
    )
