"""A refund claim's form: who claims for which pieces, with the evidence, and its bytes.

What Form 3533 asks for, as data. The device signs a form once, when it is filed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from pipeline.devices import HeadReport
from pipeline.errors import MachineError
from pipeline.state import Open
from postage.money import ZERO, Money
from postage.refunds import Claim, Item, Proof
from postage.settlements import IndiciumKey

SIGNED_AS: Final = b"IMIM claim form "
"""What a signed form begins with: the device signs nothing that could be an indicium."""


class FormUnreadable(MachineError, ValueError):
    """Bytes that are no claim form, or not signed by this device."""


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


def kept_form(data: bytes, check: Callable[[bytes, bytes], bool]) -> ClaimForm:
    """Return the form in bytes that `ClaimForm.kept_bytes` made, its signature checked.

    Raises:
        FormUnreadable: the bytes are no form, or `check(message, signature)` does not hold.
    """
    try:
        kept = json.loads(data)
        form, signature = _form(kept["form"]), bytes.fromhex(kept["signature"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FormUnreadable(f"no claim form: {error!r}") from error
    if form.kept_bytes(signature) != data:
        raise FormUnreadable(f"claim {form.number}: not as this program writes it")
    if not check(form.signed_bytes(), signature):
        raise FormUnreadable(f"claim {form.number}: the signature is not this device's")
    return form


def _form(plain: dict[str, Any]) -> ClaimForm:
    return ClaimForm(
        number=plain["claim"],
        day=date.fromisoformat(plain["day"]),
        customer=Customer(
            name=plain["customer"],
            address=tuple(plain["address"]),
            agreement=plain["agreement"],
            licensing_zip=plain["licensing_zip"],
        ),
        vendor_model=plain["vendor_model"],
        serial=plain["serial"],
        lines=tuple(_line(plain, each) for each in plain["lines"]),
    )


def _line(form: dict[str, Any], plain: dict[str, Any]) -> Line:
    printed, columns = plain["printed"], plain["columns"]
    return Line(
        key=IndiciumKey(form["vendor_model"], form["serial"], plain["piece"]),
        why=Open[plain["reason"]],
        sequence=plain["record"],
        record_digest=bytes.fromhex(plain["record_sha256"]),
        postage=Money(plain["postage_mills"]),
        printed=date.fromisoformat(printed) if printed else None,
        accounted=date.fromisoformat(plain["accounted"]),
        department=plain["department"],
        payload=bytes.fromhex(plain["payload"]),
        head=HeadReport(*columns) if columns else None,
    )


_PROOFS: Final = MappingProxyType(
    {
        Open.OPEN_UNRELEASED: Proof.UNRELEASED,
        Open.OPEN_UNKNOWN: Proof.NOTHING,
        Open.MISPRINT: Proof.SPOILED,
        Open.UNPRINTED: Proof.UNPRINTED,
    }
)
