"""Imprints as the PSD sees them: what is asked, what is handed out, what stays open."""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from pipeline.state import Open
from postage.money import Money
from postage.registers import Registers


@dataclass(frozen=True, slots=True, kw_only=True)
class ImprintRequest:
    """What one indicium is to say, beyond what the device knows of itself.

    Fields that the device's profile has no place for are not printed; `department`, `operator` and
    `keyed` never are, the journal keeps them. Prepaid reply mail has no mailing date. `keyed` says
    that a person typed the amount: no rate stands behind it (domain trap 22).
    """

    postage: Money
    mailing_date: date | None
    rate_category: int
    department: int = 0
    operator: int = 0
    keyed: bool = False
    rate_version: int = 0
    weight_tenths_oz: int = 0
    piece_class: int = 0
    destination_zip: int = 0
    extra_services: int = 0
    mailer_id: int = 0
    tracking_serial: int = 0


class ReleaseToken(NamedTuple):
    """Shown once to the print head, which takes only the number after its last, in this boot."""

    boot: int
    number: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """An imprint that is paid for and durable: the only thing that may be printed.

    `payload` is what the symbol carries, signed bytes and signature. `registers` are those after
    the debit; `sequence` is the debit's journal record, for `Psd.confirm`.
    """

    request: ImprintRequest | None  # None: a VOID test imprint, or a redate
    sequence: int
    token: ReleaseToken
    payload: bytes
    registers: Registers
    accounting_day: date


@dataclass(frozen=True, slots=True)
class Refilled:
    """A refill that is in the registers; a repeat of its request gives the same."""

    request_id: int
    amount: Money
    registers: Registers


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A device that left service: `refund` was in the descending register."""

    refund: Money
    registers: Registers


class Head(NamedTuple):
    """The newest record and the SHA-256 of its sealed bytes: what an upload is compared with."""

    sequence: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class OpenPiece:
    """A piece that was debited and is not settled, with the refund claim drafted for it."""

    why: Open
    sequence: int
    device: str
    piece_count: int
    amount: Money
    department: int
    mailing_date: date | None
    accounting_day: date
    payload: bytes

    @property
    def claim(self) -> str:
        """Return the draft of a refund claim, in words.

        The fact that decides its standing comes last: what the device can prove of the release.
        """
        printed = self.mailing_date.isoformat() if self.mailing_date else "no date"
        return (
            f"Refund claim: device {self.device}, piece {self.piece_count}, {self.amount}, "
            f"dated {printed}, accounted on {self.accounting_day.isoformat()}, department "
            f"{self.department}, journal record {self.sequence}, payload {self.payload.hex()}. "
            f"{_STANDING[self.why]}"
        )


_STANDING = {
    Open.OPEN_UNRELEASED: "Debited and never released: the device's HEAD proves it.",
    Open.OPEN_UNKNOWN: "Released, outcome unknown: hold until scans stay silent or the piece "
    "is handed in.",
    Open.MISPRINT: "Printed in part: the piece is kept for inspection.",
    Open.UNPRINTED: "Released, and the head's counter proves that no column fired.",
}
