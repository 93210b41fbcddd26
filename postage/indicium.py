"""Indicia as bytes: written, read and described from one field table per profile.

``pack`` gives the bytes to be signed; the caller appends the signature. ``unpack`` takes a whole
payload apart and proves nothing about its signature. Layouts are in ``postage.layouts``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from postage.errors import Fault, IndiciumFormatError
from postage.fields import (
    Imprint,
    PayloadType,
    Value,
    payload_type,
    read_field,
    read_fields,
    write_fields,
)
from postage.layouts import BY_VERSION, PROFILES, Profile
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


@dataclass(frozen=True, slots=True)
class Indicium:
    """The fields of one payload, not yet verified.

    ``values`` holds every field by name; ``signed`` are the bytes under ``signature``; ``tail``
    is what a legacy payload carries behind it. ``signature`` is shorter than its algorithm's
    only in a cut dump of an IBI.
    """

    profile: str
    signed: bytes
    signature: bytes
    tail: bytes
    values: Mapping[str, Value] = field(compare=False, repr=False)

    @property
    def payload_type(self) -> PayloadType:
        """Return whether this is postage, a redate or a test imprint."""
        return payload_type(self.values)

    @property
    def vendor_model(self) -> str:
        """Return provider and model id; IBI Lite has a number, given in digits."""
        return str(self.values["vendor_model"])

    @property
    def device_serial(self) -> int:
        """Return the serial number of the PSD."""
        serial = self._int("device_serial")
        assert serial is not None, "every profile has a device_serial"
        return serial

    @property
    def postage(self) -> Money:
        """Return the postage shown."""
        value = self.values["postage"]
        assert isinstance(value, Money)
        return value

    @property
    def ascending(self) -> Money | None:
        """Return the ascending register, None where the profile has none."""
        return self._money("ascending")

    @property
    def descending(self) -> Money | None:
        """Return the descending register, None where the profile has none."""
        return self._money("descending")

    @property
    def mailing_date(self) -> date | None:
        """Return the date of mailing, None on undated reply mail or where there is no field."""
        value = self.values.get("mailing_date")
        return value if isinstance(value, date) else None

    @property
    def piece_count(self) -> int | None:
        """Return the number of this imprint among those of its type, None where not carried."""
        return self._int("piece_count")

    @property
    def rate_category(self) -> int | None:
        """Return the numeric rate category, None where the profile has none."""
        return self._int("rate_category")

    @property
    def weight_tenths_oz(self) -> int | None:
        """Return the weight in tenths of an ounce, None where not carried."""
        return self._int("weight_tenths_oz")

    def __reduce__(self) -> tuple[object, ...]:
        # A mapping proxy does not go to another process; its values follow from the bytes.
        return _read, (self.profile, self.signed, self.signature, self.tail)

    def _int(self, name: str) -> int | None:
        value = self.values.get(name)
        return value if isinstance(value, int) else None

    def _money(self, name: str) -> Money | None:
        value = self.values.get(name)
        return value if isinstance(value, Money) else None


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
    layout = _profile(profile)
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
    payload = _as_bytes(payload)
    layout = _recognise(payload) if profile is None else _profile(profile)
    _check_origin(layout, payload)
    _check_length(layout, len(payload), signature_length)
    signed, rest = payload[: layout.signed_length], payload[layout.signed_length :]
    # Only profiles without a tail have more than one length of signature; the longest is last.
    cut = layout.signature_lengths[-1]
    return _read(layout.name, signed, rest[:cut], rest[cut:])


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
    payload = _as_bytes(payload)
    layout = _candidates(payload)[0]
    if len(payload) < layout.payload_lengths[0]:
        raise _truncated(payload)
    vendor = read_field(layout, payload, "vendor_model")
    serial = read_field(layout, payload, "device_serial")
    assert isinstance(serial, int)
    return str(vendor), serial


def describe(profile: str) -> str:
    """Return the field table of a profile as Markdown: offset, bytes, name, kind, meaning.

    >>> print(describe("ibi-lite").splitlines()[0])
    | Offset | Bytes | Field | Kind | Meaning | Confidence |
    """
    layout = _profile(profile)
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


def _read(profile: str, signed: bytes, signature: bytes, tail: bytes) -> Indicium:
    values = MappingProxyType(read_fields(PROFILES[profile], signed))
    return Indicium(profile, signed, signature, tail, values)


def _profile(name: str) -> Profile:
    try:
        return PROFILES[name]
    except KeyError:
        raise IndiciumFormatError(
            Fault.UNKNOWN_PROFILE, f"profile {name!r} is not one of {', '.join(PROFILES)}"
        ) from None


def _as_bytes(payload: bytes) -> bytes:
    # bytes(7) would be seven zeros, and a str is a decoder's mistake (domain trap 2).
    payload = payload if isinstance(payload, bytes) else bytes(memoryview(payload))
    if not payload:
        raise IndiciumFormatError(Fault.EMPTY, "the payload has no bytes")
    return payload


def _candidates(payload: bytes) -> tuple[Profile, ...]:
    try:
        return BY_VERSION[payload[0]]
    except KeyError:
        raise IndiciumFormatError(
            Fault.UNKNOWN_VERSION, f"version byte 0x{payload[0]:02x} is no known indicium"
        ) from None


def _recognise(payload: bytes) -> Profile:
    candidates = _candidates(payload)
    start, end = candidates[0].vendor_span
    if len(payload) < end:
        raise _truncated(payload)
    vendor = payload[start:end].decode("latin-1")
    fitting = [at for at in candidates if at.vendors is None or vendor in at.vendors]
    if len(fitting) != 1:
        names = ", ".join(layout.name for layout in candidates)
        raise IndiciumFormatError(
            Fault.AMBIGUOUS,
            f"vendor {vendor!r} does not tell whether a payload of version 0x{payload[0]:02x} is "
            f"{names}; name the profile of its device record",
        )
    return fitting[0]


def _truncated(payload: bytes) -> IndiciumFormatError:
    fewest = min(layout.payload_lengths[0] for layout in BY_VERSION[payload[0]])
    return IndiciumFormatError(
        Fault.TRUNCATED,
        f"{len(payload)} bytes; version 0x{payload[0]:02x} has at least {fewest}",
    )


def _check_origin(layout: Profile, payload: bytes) -> None:
    if payload[0] != layout.version:
        raise IndiciumFormatError(
            Fault.VERSION_MISMATCH,
            f"version byte 0x{payload[0]:02x}; {layout.name} has 0x{layout.version:02x}",
        )
    start, end = layout.vendor_span
    vendor = payload[start:end].decode("latin-1")
    if vendor in layout.refused_vendors:
        raise IndiciumFormatError(
            Fault.FOREIGN_VENDOR, f"vendor {vendor!r} never writes {layout.name}"
        )


def _check_length(layout: Profile, length: int, signature_length: int | None) -> None:
    if signature_length is not None and signature_length not in layout.signature_lengths:
        raise IndiciumFormatError(
            Fault.WRONG_LENGTH,
            f"a signature of {signature_length} bytes; {layout.name} has "
            f"{' or '.join(map(str, layout.signature_lengths))}",
        )
    fewest, most = layout.payload_lengths
    if signature_length is not None and not layout.is_signature_cut:
        fewest = most = layout.signed_length + signature_length
    if length < fewest:
        raise IndiciumFormatError(
            Fault.TRUNCATED, f"{length} bytes; {layout.name} has at least {fewest}"
        )
    if length > most:
        raise IndiciumFormatError(Fault.PADDED, f"{length} bytes; {layout.name} has at most {most}")
    if not layout.tail_limit and length - layout.signed_length not in layout.signature_lengths:
        whole = (layout.signed_length + signature for signature in layout.signature_lengths)
        raise IndiciumFormatError(
            Fault.WRONG_LENGTH,
            f"{length} bytes; {layout.name} has {' or '.join(map(str, whole))}",
        )
