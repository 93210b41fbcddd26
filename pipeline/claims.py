"""Refund claims for pieces that were paid and not used, with what the device can prove of each.

The journal lists a debited piece as open until its outcome is known or a claim is filed for it.
`draft` makes a claim form of the open pieces, `file` files it once: the form is kept durably first,
then each piece leaves the open list with a CLAIMED record. A crash in between is finished by
filing the same form again; a piece that was claimed is never in another form.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from hashlib import sha256
from types import MappingProxyType
from typing import Final, Protocol

from pipeline.claimform import ClaimForm, Customer, Line
from pipeline.devices import HeadReport
from pipeline.imprint import OpenPiece
from pipeline.journalview import device_name
from pipeline.record import Record
from pipeline.state import Open, Outcome
from postage.decertification import Calendar
from postage.devices import device_key_id
from postage.refunds import Accepted, Denied, Examined, Held, Reason, RefundPolicy, examine
from postage.settlements import IndiciumKey

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

    def claimed(self) -> Mapping[int, str]:
        """Return by debit record the number of the kept form that has it."""

    def keep(self, number: str, form: bytes) -> None:
        """Keep a form under its number."""


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


@dataclass(frozen=True, slots=True)
class Chosen:
    """What can be claimed on a day: the form, None where nothing can, and what stays out and why.

    `examined` is what the refund rules make of the form.
    """

    form: ClaimForm | None
    examined: Examined | None
    left_out: tuple[tuple[Line, Accepted | Denied | Held], ...]


def choose(
    device: Device,
    customer: Customer,
    day: date,
    policy: RefundPolicy,
    calendar: Calendar,
    kept: Kept,
    *,
    heads: Mapping[int, HeadReport] = MappingProxyType({}),
    only: Sequence[int] = (),
) -> Chosen:
    """Return a form of the open pieces that the refund rules accept on a day, and no claim has.

    A piece that may be on paper is held by the rules: it is claimed only where `only` names it,
    for it may still be found and mailed. What the rules deny is in no form.

    Raises:
        ValueError: as `draft`.
    """
    whole = draft(device, customer, day, heads=heads, only=only or None)
    if whole is None:
        return Chosen(None, None, ())
    outcomes = dict(examine(policy, calendar, whole.as_claim(), day).outcomes)
    claimed = kept.claimed()
    for line in whole.lines:
        if (number := claimed.get(line.sequence)) is not None:
            outcomes[line.key] = Denied(Reason.SETTLED, f"claim {number}", line.postage)
    wanted = (Accepted, Held) if only else Accepted
    taken = [line.sequence for line in whole.lines if isinstance(outcomes[line.key], wanted)]
    left = tuple((line, outcomes[line.key]) for line in whole.lines if line.sequence not in taken)
    if not taken:
        return Chosen(None, None, left)
    form = draft(device, customer, day, heads=heads, only=taken)
    assert form is not None
    return Chosen(form, examine(policy, calendar, form.as_claim(), day), left)


def file(device: Device, form: ClaimForm, kept: Kept, sign: Callable[[bytes], bytes]) -> Filing:
    """Return what filing the form did; filed once, whatever crashes and however often it is asked.

    The form is kept with the device's signature (`Psd.sign_message`) before the first piece is
    marked CLAIMED, so a marked piece always has its form.

    Raises:
        PsdFault: the device could not write; file again after it was opened anew.
    """
    claimed = kept.claimed()
    still_open = {
        piece.sequence
        for piece in device.open_pieces
        if claimed.get(piece.sequence, form.number) == form.number
    }
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
