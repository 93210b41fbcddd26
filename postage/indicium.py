"""Indicia as bytes: written, read and described from one field table per profile.

``pack`` gives the bytes to be signed; the caller appends the signature. ``unpack`` takes a whole
payload apart and proves nothing about its signature. Layouts are in ``postage.layouts``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from postage.errors import Fault, IndiciumFormatError
from postage.fields import Imprint, PayloadType, Value, payload_type, write_fields
from postage.forms import FORMS, claim_of, form_of, recognise
from postage.money import Money

__all__ = [
    "Fault",
    "Imprint",
    "Indicium",
    "IndiciumFormatError",
    "PayloadType",
    "Refusal",
    "Value",
    "claimed_device",
    "describe",
    "pack",
    "try_unpack",
    "unpack",
]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A payload that is no indicium: why, in kind and in words."""

    kind: Fault
    message: str


class Indicium(NamedTuple):
    """The fields of one payload, not yet verified: those that verdicts ask for, read once.

    A tuple, because a frozen dataclass of so many fields takes longer to make than to read.

    ``signed`` are the bytes under ``signature``; ``tail`` is what a legacy payload carries behind
    it. ``signature`` is shorter than its algorithm's only in a cut dump of an IBI.

    ``payload_type`` says whether this is postage, a redate or a test imprint. ``vendor_model`` is
    the provider and model id; IBI Lite has a number, given in digits. ``piece_count`` is the number
    of this imprint among those of its type, ``weight_tenths_oz`` in tenths of an ounce. What a
    profile does not carry is None, and so is the ``mailing_date`` of undated reply mail.
    """

    profile: str
    signed: bytes
    signature: bytes
    tail: bytes
    payload_type: PayloadType
    vendor_model: str
    device_serial: int
    postage: Money
    ascending: Money | None
    descending: Money | None
    mailing_date: date | None
    piece_count: int | None
    rate_category: int | None
    weight_tenths_oz: int | None

    @property
    def values(self) -> Mapping[str, Value]:
        """Return every field of the profile by name, read again from the signed bytes."""
        reader = FORMS[self.profile].reader
        return MappingProxyType(dict(zip(reader.names, reader.read(self.signed), strict=True)))


def pack(profile: str, values: Mapping[str, Value] | None = None, /, **fields: Value) -> bytes:
    """Return the bytes of an indicium that its signature will cover: 27, 45 or 61.

    Values come as a mapping, as keywords or both; the version and reserved bytes are the
    profile's. Money fields take Money, dates take ``datetime.date`` or None (undated).

    Raises:
        IndiciumFormatError: with the kind; the message names the field, the value and the limit.

    >>> from datetime import date
    >>> signed = pack("imi-min/p1", vendor_model="TST0", device_serial=7, ascending=Money(780),
    ...     postage=Money(780), mailing_date=date(2026, 7, 12), piece_count=1, rate_category=111)
    >>> unpack(signed + bytes(64)).postage
    Money(mills=780)
    """
    layout = form_of(profile).layout
    if not layout.is_writable:
        raise IndiciumFormatError(Fault.READ_ONLY_PROFILE, f"profile {profile} is read-only")
    return write_fields(layout, {**(values or {}), **fields})


def unpack(
    payload: bytes, *, profile: str | None = None, signature_length: int | None = None
) -> Indicium:
    """Return the indicium in a whole payload: fields, signed bytes and signature.

    The device record names profile and signature length. Without a profile the version byte and
    the vendor id decide: ours is ``TST0``, the USPS sample ``0000``; any other IMI vendor is
    AMBIGUOUS, because no public text says what its bytes mean.

    Raises:
        IndiciumFormatError: with the kind; nothing else is raised for any bytes.

    >>> unpack(bytes.fromhex("ff4713270011f50fce96010000009aca2921e3f1")).device_serial
    13504501
    """
    if type(payload) is not bytes or not payload:
        payload = _as_bytes(payload)
    form = recognise(payload) if profile is None else form_of(profile)
    form.check(payload, signature_length)
    row = form.reader.read(payload)
    row.append(None)
    vendor, serial, postage, ascending, descending, day, count, category, weight = form.pick(row)
    end, cut = form.signed_length, form.signature_end
    return Indicium(
        form.name,
        payload[:end],
        payload[end:cut],
        payload[cut:],
        payload_type(form.name, category, postage),
        str(vendor),
        serial,
        postage,
        ascending,
        descending,
        day,
        count,
        category,
        weight,
    )


def try_unpack(
    payload: bytes, *, profile: str | None = None, signature_length: int | None = None
) -> Indicium | Refusal:
    """Return the indicium, or why the payload is none.

    >>> try_unpack(b"").kind
    <Fault.EMPTY: 'no bytes'>
    """
    try:
        return unpack(payload, profile=profile, signature_length=signature_length)
    except IndiciumFormatError as error:
        return Refusal(error.kind, str(error))


def claimed_device(payload: bytes) -> tuple[str, int]:
    """Return the vendor and model id and the serial that a payload claims, to find its record by.

    Every layout of a version has them in the same place, so no profile is needed yet.

    Raises:
        IndiciumFormatError: EMPTY, UNKNOWN_VERSION, TRUNCATED, or a vendor that is BAD_ASCII.

    >>> claimed_device(bytes.fromhex("ff4713270011f50fce96010000009aca2921e3f1"))
    ('17', 13504501)
    """
    if type(payload) is not bytes or not payload:
        payload = _as_bytes(payload)
    vendor, serial = claim_of(payload).read(payload)
    return str(vendor), serial


def describe(profile: str) -> str:
    """Return the field table of a profile as Markdown: offset, bytes, name, kind, meaning.

    >>> print(describe("ibi-lite").splitlines()[0])
    | Offset | Bytes | Field | Kind | Meaning | Confidence |
    """
    layout = form_of(profile).layout
    rows = [
        ["Offset", "Bytes", "Field", "Kind", "Meaning", "Confidence"],
        ["---"] * 6,
        *(
            [str(offset), str(at.width), at.name, at.kind.value, at.meaning, at.confidence]
            for offset, _, at in layout.placed
        ),
    ]
    lengths = " or ".join(map(str, layout.signature_lengths))
    rows.append([str(layout.signed_length), lengths, "signature", "", "over all before", ""])
    if layout.tail_limit:
        rows.append(["", f"0 to {layout.tail_limit}", "tail", "", "data of the provider", "I"])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _as_bytes(payload: bytes) -> bytes:
    # bytes(7) would be seven zeros, and a str is a decoder's mistake (domain trap 2).
    payload = payload if isinstance(payload, bytes) else bytes(memoryview(payload))
    if not payload:
        raise IndiciumFormatError(Fault.EMPTY, "the payload has no bytes")
    return payload
