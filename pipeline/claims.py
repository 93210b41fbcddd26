"""Refund claims for pieces that were paid and not used, with what the device can prove of each.

The journal lists a debited piece as open until its outcome is known or a claim is filed for it.
`draft` makes a claim form of the open pieces, `file` files it once: the form is kept durably first,
then each piece leaves the open list with a CLAIMED record. A crash in between is finished by
filing the same form again; a piece that was claimed is never in another form.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from hashlib import sha256
from types import MappingProxyType
from typing import Final, Protocol

from pipeline.devices import HeadReport
from pipeline.imprint import OpenPiece
from pipeline.journalview import device_name
from pipeline.record import Record
from pipeline.state import Open, Outcome
from postage.devices import device_key_id
from postage.money import ZERO, Money
from postage.refunds import Claim, Item, Proof
from postage.settlements import IndiciumKey

SIGNED_AS: Final = b"IMIM claim form "
"""What a signed form begins with: the device signs nothing that could be an indicium."""
_NUMBER_DIGITS: Final = 12


class Device(Protocol):
    """What a claim needs of the PSD."""

    @property
    def open_pieces(self) -> list[OpenPiece]:
        """Return the pieces that are debited and not settled."""

    def records(self, first: int = 1, last: int | None = None) -> Iterator[Record]:
        """Yield journal records."""

    def confirm(self, sequence: int, outcome: Outcome) -> None:
        """Write an outcome."""


class Kept(Protocol):
    """Where filed forms are kept; `keep` returns when the bytes are durable."""

    def holds(self, number: str) -> bool:
        """Return whether a form of this number is kept."""

    def keep(self, number: str, form: bytes) -> None:
        """Keep a form under its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """Who claims: the licensee, as in the customer agreement."""

    name: str
    address: tuple[str, ...]
    agreement: str
    licensing_zip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One piece and its evidence.

    `record_digest` is the SHA-256 of the sealed debit record, as the record after it carries it:
    the provider has both. `payload` is what the symbol would say, with its signature.
    """

    key: IndiciumKey
    why: Open
    sequence: int
    record_digest: bytes
    postage: Money
    printed: date | None
    accounted: date
    department: int
    payload: bytes = field(repr=False)
    head: HeadReport | None = None

    @property
    def proof(self) -> Proof:
        """Return what the device can prove of the piece."""
        return _PROOFS[self.why]

    def as_mapping(self) -> dict[str, object]:
        """Return the line as a file has it; `columns` are those fired and those wanted."""
        head = self.head
        return {
            "piece": self.key.piece_count,
            "record": self.sequence,
            "record_sha256": self.record_digest.hex(),
            "reason": self.why.name,
            "postage_mills": self.postage.mills,
            "printed": self.printed.isoformat() if self.printed else None,
            "accounted": self.accounted.isoformat(),
            "department": self.department,
            "payload": self.payload.hex(),
            "columns": [head.columns_fired, head.columns_wanted] if head else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimForm:
    """What Form 3533 asks for, as data: who, which device, which pieces, why, how much."""

    number: str
    day: date
    customer: Customer
    vendor_model: str
    serial: int
    lines: tuple[Line, ...]

    @property
    def face(self) -> Money:
        """Return the postage claimed."""
        return sum((line.postage for line in self.lines), ZERO)

    def as_mapping(self) -> dict[str, object]:
        """Return the form as a file has it."""
        customer = self.customer
        return {
            "claim": self.number,
            "day": self.day.isoformat(),
            "customer": customer.name,
            "address": list(customer.address),
            "agreement": customer.agreement,
            "licensing_zip": customer.licensing_zip,
            "vendor_model": self.vendor_model,
            "serial": self.serial,
            "pieces": len(self.lines),
            "face_mills": self.face.mills,
            "lines": [line.as_mapping() for line in self.lines],
        }

    def signed_bytes(self) -> bytes:
        """Return the bytes that the device signs: `SIGNED_AS`, then the form's one text."""
        return SIGNED_AS + self._text()

    def kept_bytes(self, signature: bytes) -> bytes:
        """Return the form and its signature as one JSON object on a line."""
        return b'{"form":' + self._text() + b',"signature":"' + signature.hex().encode() + b'"}\n'

    def _text(self) -> bytes:
        text = json.dumps(self.as_mapping(), sort_keys=True, separators=(",", ":"))
        return text.encode("ascii")

    def as_claim(self) -> Claim:
        """Return the claim as refund rules examine it, nothing scanned and nothing settled yet."""
        items = (
            Item(key=line.key, postage=line.postage, printed=line.printed, proof=line.proof)
            for line in self.lines
        )
        return Claim(number=self.number, filed=self.day, items=tuple(items))


class Standing(Enum):
    """What became of filing."""

    FILED = "filed"
    FINISHED = "filed before, and finished now"
    REPEATED = "filed before; nothing to do"
    NOT_OPEN = "a piece is not open: it is settled, or in another claim"


@dataclass(frozen=True, slots=True)
class Filing:
    """What `file` did: `pieces` are the records it marked CLAIMED now, or that are not open."""

    standing: Standing
    number: str
    pieces: tuple[int, ...]


def draft(
    device: Device,
    customer: Customer,
    day: date,
    *,
    heads: Mapping[int, HeadReport] = MappingProxyType({}),
    only: Sequence[int] | None = None,
) -> ClaimForm | None:
    """Return a form for the open pieces, None where there are none; nothing is written.

    `heads` are the print head's own counters by debit record, `only` the records to claim for. The
    same pieces give the same number on any day.

    Raises:
        ValueError: the head counted columns for a piece that is open as UNPRINTED, or `only` names
            a record that is not open.
    """
    pieces = {piece.sequence: piece for piece in device.open_pieces}
    if unknown := sorted(set(only or ()) - pieces.keys()):
        raise ValueError(f"record {unknown[0]} is not open; {len(pieces)} are")
    wanted = sorted(pieces if only is None else set(only))
    lines = tuple(_line(device, pieces[sequence], heads.get(sequence)) for sequence in wanted)
    if not lines:
        return None
    vendor_model, serial, _ = lines[0].key
    named = sha256(b"".join(line.record_digest for line in lines)).hexdigest()
    return ClaimForm(
        number=f"{device_key_id(vendor_model, serial)}-{wanted[0]}-{named[:_NUMBER_DIGITS]}",
        day=day,
        customer=customer,
        vendor_model=vendor_model,
        serial=serial,
        lines=lines,
    )


def file(device: Device, form: ClaimForm, kept: Kept, sign: Callable[[bytes], bytes]) -> Filing:
    """Return what filing the form did; filed once, whatever crashes and however often it is asked.

    The form is kept with the device's signature (`Psd.sign_message`) before the first piece is
    marked CLAIMED, so a marked piece always has its form.

    Raises:
        PsdFault: the device could not write; file again after it was opened anew.
    """
    still_open = {piece.sequence for piece in device.open_pieces}
    left = tuple(line.sequence for line in form.lines if line.sequence in still_open)
    was_kept = kept.holds(form.number)
    if not was_kept:
        if len(left) < len(form.lines):
            gone = tuple(at.sequence for at in form.lines if at.sequence not in still_open)
            return Filing(Standing.NOT_OPEN, form.number, gone)
        kept.keep(form.number, form.kept_bytes(sign(form.signed_bytes())))
    for sequence in left:
        device.confirm(sequence, Outcome.CLAIMED)
    standing = Standing.FINISHED if left else Standing.REPEATED
    return Filing(standing if was_kept else Standing.FILED, form.number, left)


def _line(device: Device, piece: OpenPiece, head: HeadReport | None) -> Line:
    record, after = device.records(piece.sequence, piece.sequence + 1)
    if piece.why is Open.UNPRINTED and head is not None and head.columns_fired:
        raise ValueError(
            f"record {piece.sequence} is open as UNPRINTED and the head fired "
            f"{head.columns_fired} columns"
        )
    return Line(
        key=IndiciumKey(*device_name(record), record.piece_count),
        why=piece.why,
        sequence=piece.sequence,
        record_digest=after.previous,
        postage=piece.amount,
        printed=piece.mailing_date,
        accounted=piece.accounting_day,
        department=piece.department,
        payload=piece.payload,
        head=head,
    )


_PROOFS: Final = MappingProxyType(
    {
        Open.OPEN_UNRELEASED: Proof.UNRELEASED,
        Open.OPEN_UNKNOWN: Proof.NOTHING,
        Open.MISPRINT: Proof.SPOILED,
        Open.UNPRINTED: Proof.UNPRINTED,
    }
)
