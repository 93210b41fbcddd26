"""What each byte of an indicium is: one table per profile, offsets are sums of widths.

``pack``, ``unpack``, ``describe`` and every error message read these tables. No public text gives
the layout of an Intelligent Mail Indicium (the IMI performance criteria are handed out on
request), so the ``imi-*/p1`` profiles are ours, on the offsets of the one public sample; each
field says how sure its reading is: V verified, S secondary, I inferred, A our assumption.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import accumulate


class Kind(Enum):
    """How a field's bytes are read; numbers are little-endian, as in every US indicium."""

    UINT = "unsigned integer"
    MONEY = "mills"
    DATE = "date as the decimal number YYYYMMDD, 0 = undated"
    ASCII = "ASCII"
    OPAQUE = "bytes as they are"
    ZEROS = "zeros"


@dataclass(frozen=True)
class Field:
    """One field; ``limit`` is the largest number where that is below the width's own.

    ``optional`` fields are written as 0 when not given.
    """

    name: str
    width: int
    kind: Kind
    meaning: str
    confidence: str
    limit: int | None = None
    optional: bool = False

    @cached_property
    def greatest(self) -> int:
        """Return the largest number that the field holds."""
        return 256**self.width - 1 if self.limit is None else self.limit


@dataclass(frozen=True)
class Profile:
    """One layout: the fields under the signature, then the signature, then perhaps a tail.

    ``signature_lengths`` are the lengths that occur; ``tail_limit`` is the most bytes that may
    follow. ``vendors`` are the vendor and model ids by which a payload is known to be of this
    profile when no device record names it; None takes any.
    """

    name: str
    version: int
    fields: tuple[Field, ...]
    signature_lengths: tuple[int, ...]
    vendors: frozenset[str] | None
    source: str
    is_writable: bool = False
    refused_vendors: frozenset[str] = frozenset()
    tail_limit: int = 0
    is_signature_cut: bool = False

    @cached_property
    def placed(self) -> tuple[tuple[int, int, Field], ...]:
        """Return each field with its offset and the offset after it."""
        ends = list(accumulate(field.width for field in self.fields))
        return tuple(zip([0, *ends], ends, self.fields, strict=False))

    @cached_property
    def signed_length(self) -> int:
        """Return the bytes before the signature, all of which it covers."""
        return sum(field.width for field in self.fields)

    @cached_property
    def whole_lengths(self) -> Mapping[int | None, Sequence[int]]:
        """Return the lengths of a whole payload, ascending, by that of its signature.

        None stands for any signature of the profile. Where a signature may be cut or a tail may
        follow, the signature's length settles nothing.
        """
        fewest, most = min(self.signature_lengths), max(self.signature_lengths)
        if self.is_signature_cut or self.tail_limit:
            start = self.signed_length + (0 if self.is_signature_cut else fewest)
            lengths = range(start, self.signed_length + most + self.tail_limit + 1)
            return dict.fromkeys((None, *self.signature_lengths), lengths)
        every = tuple(sorted(self.signed_length + one for one in self.signature_lengths))
        return {None: every, **{one: (self.signed_length + one,) for one in self.signature_lengths}}

    @cached_property
    def payload_lengths(self) -> tuple[int, int]:
        """Return the fewest and the most bytes of a whole payload."""
        lengths = self.whole_lengths[None]
        return lengths[0], lengths[-1]

    @cached_property
    def settable(self) -> frozenset[str]:
        """Return the names of the fields that a writer gives: not the version, not zeros."""
        return frozenset(
            at.name for at in self.fields if at.kind is not Kind.ZEROS and at.name != "version"
        )

    @cached_property
    def implied(self) -> Mapping[str, int | None]:
        """Return the values that a writer need not give: the version, zeros, optional fields."""
        zeros = {at.name: None for at in self.fields if at.kind is Kind.ZEROS}
        optional = {at.name: 0 for at in self.fields if at.optional}
        return {**zeros, **optional, "version": self.version}

    @cached_property
    def spans(self) -> Mapping[str, tuple[int, int]]:
        """Return the offsets between which each field stands."""
        return {at.name: (start, end) for start, end, at in self.placed}

    def span(self, name: str) -> tuple[int, int]:
        """Return the offsets between which a field stands."""
        return self.spans[name]

    @cached_property
    def vendor_span(self) -> tuple[int, int]:
        """Return the offsets between which the vendor and model id stands."""
        return self.span("vendor_model")


SAMPLE_VENDOR = "0000"
OUR_VENDOR = "TST0"
"""Vendor and model id of every software device of ours; never postage (domain 8)."""
MAX_ZIP5 = 99_999
MAX_ZIP11 = 99_999_999_999
MAX_MAILER_ID = 999_999_999

_U, _M, _D, _T, _O, _Z = Kind.UINT, Kind.MONEY, Kind.DATE, Kind.ASCII, Kind.OPAQUE, Kind.ZEROS

_VERSION = Field("version", 1, _U, "generation (high nibble) and construct (low nibble)", "I")
_VENDOR = Field("vendor_model", 4, _T, "provider and model id", "I")
_SERIAL = Field("device_serial", 4, _U, "serial number of the PSD", "I")
_ASCENDING = Field("ascending", 5, _M, "ascending register after this piece", "A")
_POSTAGE = Field("postage", 3, _M, "postage of this piece", "V")
_DATE = Field("mailing_date", 4, _D, "date of mailing; none on prepaid reply mail", "V")
_CATEGORY = Field(
    "rate_category", 2, _U, "what the postage pays for, or a redate or test imprint", "A"
)
_PIECES = Field("piece_count", 4, _U, "number of this imprint among those of its kind, from 1", "A")

_MIN = (_VERSION, _VENDOR, _SERIAL, _ASCENDING, _POSTAGE, _DATE, _PIECES, _CATEGORY)
_STD = (
    *(_VERSION, _VENDOR, _SERIAL, _ASCENDING, _POSTAGE, _DATE),
    Field("weight_tenths_oz", 2, _U, "weight in tenths of an ounce, rounded up", "I"),
    _CATEGORY,
    Field("piece_class", 2, _U, "piece class or fee code", "A", optional=True),
    Field(
        *("destination_zip", 5, _U, "delivery point: ZIP, +4 and DP as 11 digits; 0 = none", "A"),
        limit=MAX_ZIP11,
        optional=True,
    ),
    Field("extra_services", 3, _U, "one bit for each extra service", "A", optional=True),
    _PIECES,
    Field("mailer_id", 4, _U, "Mailer ID", "I", limit=MAX_MAILER_ID, optional=True),
    Field("reserved", 2, _Z, "reserved", "I"),
)
_MAX = (
    *_STD,
    Field("descending", 5, _M, "descending register after this piece", "A"),
    Field("origin_zip", 4, _U, "ZIP of mailing", "A", limit=MAX_ZIP5),
    Field("firmware_id", 3, _U, "software or firmware of the device", "A"),
    Field("tracking_serial", 4, _U, "serial part of the tracking number", "A", optional=True),
)
_SAMPLE = (
    *(_VERSION, _VENDOR, _SERIAL),
    Field("opaque5", 5, _O, "a counter that only grows, perhaps a clock; not a register", "I"),
    *(_POSTAGE, _DATE),
    Field("weight_tenths_oz", 2, _U, "weight in tenths of an ounce", "I"),
    Field("code_a", 2, _U, "service or rate category; meaning unknown", "I"),
    Field("code_b", 2, _U, "second code; meaning unknown", "I"),
    Field("unused", 12, _Z, "unused in the sample", "I"),
    Field("mailer_id", 4, _U, "Mailer ID", "I", limit=MAX_MAILER_ID),
    Field("reserved", 2, _Z, "reserved", "I"),
)
_IBI_HEAD = (
    Field("version", 1, _U, "indicia version", "V"),
    Field("algorithm_id", 1, _U, "signature scheme", "S"),
    Field("certificate_serial", 4, _U, "serial number of the certificate", "V"),
    Field("vendor_model", 4, _T, "maker and model of the PSD", "V"),
    Field("device_serial", 4, _U, "serial number of the PSD", "V"),
    Field("ascending", 5, _M, "ascending register", "V"),
    Field("postage", 3, _M, "postage of this piece", "V"),
    Field("mailing_date", 4, _D, "date of mailing", "V"),
    Field("licensing_zip", 4, _U, "licensing or origin ZIP", "V", limit=MAX_ZIP5),
    Field("destination", 5, _U, "destination ZIP, with +4 and DP where known", "V"),
    Field("software_id", 6, _U, "software of the provider", "V"),
    Field("descending", 4, _M, "descending register", "V"),
)
_LITE = (
    Field("version", 1, _U, "indicia version", "V"),
    Field("piece_count", 4, _U, "piece counter", "V"),
    Field("vendor_model", 1, _U, "vendor and model as a number", "V"),
    Field("device_serial", 3, _U, "serial number of the PSD", "V"),
    Field("postage", 3, _M, "postage of this piece", "V"),
    Field("service", 2, _U, "Intelligent Mail service", "V"),
)

SIGNATURE_BYTES = {"ecdsa-p256-sha256": 64, "ecdsa-p384-sha384": 96}
"""Raw r || s by algorithm, as device records name it: two integers as wide as the curve's order."""

_IBI_SIGNATURE = (40,)
# A dump of 86 bytes is all there is of one IBI: its signature is cut. 112 bytes fill the largest
# symbol that the patent text allows an IBI, so 23 may follow the signature (domain 1.3, 1.4).
_IBI_TAIL = 112 - 49 - 40


def _ours(name: str, version: int, fields: tuple[Field, ...]) -> Profile:
    return Profile(
        *(name, version, fields, tuple(SIGNATURE_BYTES.values()), frozenset({OUR_VENDOR})),
        source="ours, on the offsets of the USPS sample",
        is_writable=True,
        # Else the sample would pass for an indicium of ours: it has the version and the length.
        refused_vendors=frozenset({SAMPLE_VENDOR}),
    )


def _ibi(name: str, version: int, category: Field) -> Profile:
    return Profile(
        *(name, version, (*_IBI_HEAD, category), _IBI_SIGNATURE, None),
        source="read from a public dump",
        tail_limit=_IBI_TAIL,
        is_signature_cut=True,
    )


_ALL = (
    _ours("imi-min/p1", 0x71, _MIN),
    _ours("imi-std/p1", 0x72, _STD),
    _ours("imi-max/p1", 0x73, _MAX),
    Profile(
        *("imi-usps-sample", 0x72, _SAMPLE, (64,), frozenset({SAMPLE_VENDOR})),
        source="the sample of the USPS Labels API",
        refused_vendors=frozenset({OUR_VENDOR}),
    ),
    _ibi("ibi-full/v05", 0x05, Field("rate_category", 4, _T, "rate category", "V")),
    _ibi("ibi-full/v50", 0x50, Field("rate_category", 4, _O, "category or signature", "I")),
    Profile(
        *("ibi-lite", 0xFF, _LITE, (6,), None),
        source="read from a public dump; US 7,882,036 B1",
    ),
)
PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in _ALL}

BY_VERSION: Mapping[int, tuple[Profile, ...]] = {
    version: tuple(profile for profile in _ALL if profile.version == version)
    for version in {profile.version for profile in _ALL}
}

# A verifier finds the device record before it knows the profile, so all layouts of a version must
# have vendor and serial in the same place.
for _same in BY_VERSION.values():
    for _name in ("vendor_model", "device_serial"):
        assert len({profile.span(_name) for profile in _same}) == 1, _same
