"""Which profile the bytes of a payload have, and what every payload of that profile must be.

Looked up in the field tables once: a sorter asks it of every piece.
"""

from operator import itemgetter
from typing import Final

from postage.errors import Fault, IndiciumFormatError
from postage.fields import FieldReader
from postage.layouts import BY_VERSION, PROFILES, Kind, Profile

PICKED: Final = {
    "vendor_model": (Kind.ASCII, Kind.UINT),
    "device_serial": (Kind.UINT,),
    "postage": (Kind.MONEY,),
    "ascending": (Kind.MONEY,),
    "descending": (Kind.MONEY,),
    "mailing_date": (Kind.DATE,),
    "piece_count": (Kind.UINT,),
    "rate_category": (Kind.UINT,),  # not the text of an IBI
    "weight_tenths_oz": (Kind.UINT,),
}
"""The fields that every verdict asks for, where they are of these kinds."""


class Form:
    """What reads a payload of one profile, and what the payload must be for that.

    ``pick`` takes the values of ``PICKED`` from a row of ``reader`` that got a None at its end:
    the None stands for a field that the profile has not.
    """

    def __init__(self, layout: Profile) -> None:
        self.layout, self.name = layout, layout.name
        self.signed_length = layout.signed_length
        # Only profiles without a tail have more than one length of signature; the longest is last.
        self.signature_end = layout.signed_length + layout.signature_lengths[-1]
        self.reader = FieldReader(layout)
        kinds = {at.name: at.kind for at in layout.fields}
        self.pick = itemgetter(
            *(
                self.reader.names.index(name) if kinds.get(name) in allowed else -1
                for name, allowed in PICKED.items()
            )
        )
        self._version = layout.version
        self._vendor = slice(*layout.vendor_span)
        self._refused = {vendor.encode("ascii") for vendor in layout.refused_vendors}
        self._lengths = layout.whole_lengths

    def check(self, payload: bytes, signature_length: int | None) -> None:
        """Raise IndiciumFormatError unless version, vendor and length are the profile's."""
        if payload[0] != self._version:
            raise IndiciumFormatError(
                Fault.VERSION_MISMATCH,
                f"version byte 0x{payload[0]:02x}; {self.name} has 0x{self._version:02x}",
            )
        if payload[self._vendor] in self._refused:
            vendor = payload[self._vendor].decode("ascii")
            raise IndiciumFormatError(
                Fault.FOREIGN_VENDOR, f"vendor {vendor!r} never writes {self.name}"
            )
        lengths = self._lengths.get(signature_length)
        if lengths is None or len(payload) not in lengths:
            raise _wrong_length(self.layout, len(payload), signature_length)


FORMS: Final = {name: Form(layout) for name, layout in PROFILES.items()}
# Vendor and serial stand in the same place in every layout of a version.
_CLAIMS: Final = {
    version: (
        layouts[0].payload_lengths[0],
        FieldReader(layouts[0], "vendor_model", "device_serial"),
    )
    for version, layouts in BY_VERSION.items()
}


def form_of(profile: str) -> Form:
    """Return the form of the profile of this name, or raise UNKNOWN_PROFILE."""
    try:
        return FORMS[profile]
    except KeyError:
        raise IndiciumFormatError(
            Fault.UNKNOWN_PROFILE, f"profile {profile!r} is not one of {', '.join(PROFILES)}"
        ) from None


def claim_of(payload: bytes) -> FieldReader:
    """Return what reads vendor and serial of a payload, whichever profile of its version it has.

    Raises IndiciumFormatError where no profile has the version, or all need more bytes.
    """
    shortest, reader = _CLAIMS.get(payload[0], (0, None))
    if reader is None:
        raise _unknown_version(payload)
    if len(payload) < shortest:
        raise _truncated(payload)
    return reader


def recognise(payload: bytes) -> Form:
    """Return the form of a payload by its version byte and its vendor id.

    Raises IndiciumFormatError where these do not settle it.
    """
    candidates = BY_VERSION.get(payload[0])
    if candidates is None:
        raise _unknown_version(payload)
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
    return FORMS[fitting[0].name]


def _unknown_version(payload: bytes) -> IndiciumFormatError:
    return IndiciumFormatError(
        Fault.UNKNOWN_VERSION, f"version byte 0x{payload[0]:02x} is no known indicium"
    )


def _truncated(payload: bytes) -> IndiciumFormatError:
    fewest = min(layout.payload_lengths[0] for layout in BY_VERSION[payload[0]])
    return IndiciumFormatError(
        Fault.TRUNCATED,
        f"{len(payload)} bytes; version 0x{payload[0]:02x} has at least {fewest}",
    )


def _wrong_length(
    layout: Profile, length: int, signature_length: int | None
) -> IndiciumFormatError:
    lengths = layout.whole_lengths.get(signature_length)
    if lengths is None:
        return IndiciumFormatError(
            Fault.WRONG_LENGTH,
            f"a signature of {signature_length} bytes; {layout.name} has "
            f"{' or '.join(map(str, layout.signature_lengths))}",
        )
    if length < lengths[0]:
        return IndiciumFormatError(
            Fault.TRUNCATED, f"{length} bytes; {layout.name} has at least {lengths[0]}"
        )
    if length > lengths[-1]:
        return IndiciumFormatError(
            Fault.PADDED, f"{length} bytes; {layout.name} has at most {lengths[-1]}"
        )
    return IndiciumFormatError(
        Fault.WRONG_LENGTH, f"{length} bytes; {layout.name} has {' or '.join(map(str, lengths))}"
    )
