"""What the Postal Service's register of devices says of one postal security device."""

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Self, TypeVar

from postage.errors import DeviceRecordError
from postage.layouts import OUR_VENDOR, PROFILES, SAMPLE_VENDOR, SIGNATURE_BYTES

SOFTWARE_VENDOR = OUR_VENDOR
NEVER_PRODUCTION = frozenset({SOFTWARE_VENDOR, SAMPLE_VENDOR})
"""Ids that no production register may list: ours and that of the USPS sample (domain trap 24)."""
NO_KEY = "none"
_VENDOR_MODEL = re.compile(r"[0-9A-Z]{4}|[0-9]{1,3}")
_ZIP = re.compile(r"(\d{5})?", re.ASCII)
UNCOMPRESSED = 4  # SEC 1 v2.0 2.3.3: the leading byte of a point given as x || y


class Mode(StrEnum):
    """What a device's indicia are worth: postage, practice, or nothing at all."""

    PRODUCTION = "production"
    REHEARSAL = "rehearsal"
    SPECIMEN = "specimen"


class DeviceStatus(StrEnum):
    """Where a device stands in the register; only ACTIVE ones pay for mail."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LOST = "lost"
    STOLEN = "stolen"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"


class Product(StrEnum):
    """The product categories of DMM 604.4.1.2 (2015)."""

    METER = "meter"
    PC_POSTAGE = "pc-postage"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRecord:
    """One device: who it is, which key and layout its indicia have, where it is licensed.

    The algorithm and the profile come from here, never from a payload (domain trap 5).
    ``public_key`` is the SEC 1 point, uncompressed (0x04 || x || y): 65 or 97 bytes. A device whose
    profile we only read, an IBI meter, is listed with ``algorithm`` "none" and no key: its model
    and status count, and nothing of it verifies. ``valid_from`` and ``valid_to`` are the first and
    last mailing dates (None: open). A status other than active holds for indicia dated
    ``status_since`` or later (None: for all).

    Raises:
        DeviceRecordError: a field is not what it must be, or a software device or the USPS
            sample's vendor is listed as production.

    >>> DeviceRecord(vendor_model="TST0", serial=7, profile="imi-std/p1",
    ...     algorithm="ecdsa-p256-sha256", public_key=bytes([4, *range(64)]), mode=Mode.PRODUCTION)
    Traceback (most recent call last):
    postage.errors.DeviceRecordError: device TST0 7: a TST0 device is never production
    """

    vendor_model: str
    serial: int
    profile: str
    algorithm: str
    public_key: bytes
    mode: Mode
    status: DeviceStatus = DeviceStatus.ACTIVE
    model: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    licensing_zip: str = ""
    provider: str = ""
    product: Product = Product.METER
    status_since: date | None = None

    def __post_init__(self) -> None:
        # A register is read from text: "specimen" becomes Mode.SPECIMEN or is refused here.
        object.__setattr__(self, "mode", _member(Mode, self.mode))
        object.__setattr__(self, "status", _member(DeviceStatus, self.status))
        object.__setattr__(self, "product", _member(Product, self.product))
        for broken in self._broken_promises():
            raise DeviceRecordError(f"device {self.vendor_model} {self.serial}: {broken}")

    @classmethod
    def from_mapping(cls, entry: Mapping[str, object]) -> Self:
        """Return the record that a register's text entry says: key in hex, dates as in TOML or ISO.

        Raises:
            DeviceRecordError: a name is unknown or missing, a value is of another type, or the
                record breaks a promise.

        >>> entry = {"vendor_model": "TST0", "serial": 7, "profile": "imi-std/p1",
        ...     "algorithm": "ecdsa-p256-sha256", "public_key": "04" + "11" * 64,
        ...     "mode": "rehearsal", "valid_from": "2026-07-12"}
        >>> DeviceRecord.from_mapping(entry).valid_from
        datetime.date(2026, 7, 12)
        """
        if unknown := entry.keys() - _READERS.keys():
            raise DeviceRecordError(f"a device record has no {', '.join(sorted(unknown))}")
        if missing := _NEEDED - entry.keys():
            raise DeviceRecordError(f"a device record needs {', '.join(sorted(missing))}")
        values = {name: _READERS[name](name, value) for name, value in entry.items()}
        return cls(**values)  # type: ignore[arg-type]  # each was checked by name above

    def as_mapping(self) -> dict[str, str | int]:
        """Return the record as a register's text entry; ``from_mapping`` reads it.

        Open ends of validity are left out, as TOML and JSON files want it.
        """
        entry: dict[str, str | int] = {}
        for at in fields(self):
            match getattr(self, at.name):
                case bytes() as key:
                    entry[at.name] = key.hex()
                case date() as day:
                    entry[at.name] = day.isoformat()
                case int() | str() as value:
                    entry[at.name] = value if isinstance(value, int) else str(value)
        return entry

    @property
    def key_id(self) -> str:
        """Return the name of the device's key, which is `device_key_id`."""
        return device_key_id(self.vendor_model, self.serial)

    @property
    def signature_length(self) -> int:
        """Return the bytes of one raw signature: 64 or 96, 0 where no key is listed."""
        return SIGNATURE_BYTES.get(self.algorithm, 0)

    def is_valid_on(self, day: date) -> bool:
        """Return whether a mailing date lies within the record's validity, both ends included."""
        starts = self.valid_from is None or self.valid_from <= day
        return starts and (self.valid_to is None or day <= self.valid_to)

    def is_active_on(self, day: date) -> bool:
        """Return whether the status lets indicia of this date pay for mail."""
        began = self.status_since is None or self.status_since <= day
        return self.status is DeviceStatus.ACTIVE or not began

    def _broken_promises(self) -> Iterator[str]:
        # IBI Lite has a number of one byte in place of the four characters.
        if not _VENDOR_MODEL.fullmatch(self.vendor_model):
            yield f"vendor and model is four of A-Z 0-9, not {self.vendor_model!r}"
        if not 0 <= self.serial < 2**32:
            yield f"serial {self.serial} is outside 0 to {2**32 - 1}"
        if self.profile not in PROFILES:
            yield f"profile {self.profile!r} is not one of {', '.join(PROFILES)}"
        key, width = self.public_key, SIGNATURE_BYTES.get(self.algorithm, 0)
        if self.algorithm == NO_KEY:
            if key or (self.profile in PROFILES and PROFILES[self.profile].is_writable):
                yield "a device without a key has none, and a profile that we only read"
        elif not width:
            known = ", ".join([*SIGNATURE_BYTES, NO_KEY])
            yield f"algorithm {self.algorithm!r} is not one of {known}"
        elif len(key) != 1 + width or key[0] != UNCOMPRESSED:
            yield f"public key is not 0x04 and {width} bytes, as {self.algorithm} needs"
        if self.mode is Mode.PRODUCTION and self.vendor_model in NEVER_PRODUCTION:
            yield f"a {self.vendor_model} device is never production"
        if not _ZIP.fullmatch(self.licensing_zip):
            yield f"licensing ZIP is 5 digits or empty, not {self.licensing_zip!r}"
        if self.valid_from and self.valid_to and self.valid_to < self.valid_from:
            yield f"valid to {self.valid_to} lies before valid from {self.valid_from}"


DATES = ("valid_from", "valid_to", "status_since")


def device_key_id(vendor_model: str, serial: int) -> str:
    """Return the one name of a device in records, files and key stores.

    Vendor and model, then the serial in eight digits or more.

    >>> device_key_id("TST0", 1042)
    'TST0-00001042'
    """
    return f"{vendor_model}-{serial:08d}"


def device_number(vendor_model: str, serial: int) -> int:
    r"""Return the 64-bit number of a device in messages: its id's characters, then the serial.

    The number of IBI Lite, which has fewer than four characters, is filled with zero bytes.

    >>> device_number("TST0", 7).to_bytes(8, "little")
    b'TST0\x07\x00\x00\x00'
    """
    name = vendor_model.encode("ascii").ljust(4, b"\0")
    assert len(name) == 4, f"a vendor and model id of {len(name)} characters"
    return int.from_bytes(name + serial.to_bytes(4, "little"), "little")


def device_name(number: int) -> str:
    """Return the name of the device that has this number in messages, "" for 0, which is nobody.

    >>> device_name(device_number("TST0", 1042)), device_name(0)
    ('TST0-00001042', '')
    """
    raw = number.to_bytes(8, "little")
    vendor_model = raw[:4].rstrip(b"\0").decode("ascii", "backslashreplace")
    return device_key_id(vendor_model, int.from_bytes(raw[4:], "little")) if number else ""


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return sys.intern(str(value))  # a million records name a dozen models
    raise _not_of_type(name, value)


def _number(name: str, value: object) -> int:
    if type(value) is int:  # True is an int to Python
        return value
    raise _not_of_type(name, value)


def _key(name: str, value: object) -> bytes:
    try:
        return bytes.fromhex(_text(name, value))
    except ValueError as error:
        raise DeviceRecordError(f"{name} of a device record: {error}") from None


def _day(name: str, value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(_text(name, value))
    except ValueError as error:
        raise DeviceRecordError(f"{name} of a device record: {error}") from None


def _not_of_type(name: str, value: object) -> DeviceRecordError:
    return DeviceRecordError(f"{name} of a device record is not {type(value).__name__}")


_OTHERS: dict[str, Callable[[str, object], object]] = {
    "serial": _number,
    "public_key": _key,
    **dict.fromkeys(DATES, _day),
}
_READERS = {at.name: _OTHERS.get(at.name, _text) for at in fields(DeviceRecord)}
"""What reads each field of a text entry. Made once: a register has a million of them."""
_NEEDED = {at.name for at in fields(DeviceRecord) if at.default is MISSING}


_E = TypeVar("_E", bound=StrEnum)


def _member(kind: type[_E], value: str) -> _E:
    try:
        return kind(value)
    except ValueError:
        raise DeviceRecordError(f"{value!r} is not one of {', '.join(kind)}") from None
