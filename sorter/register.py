"""The device register: one signed file that says which devices' indicia count, and why others not.

A file is lines of JSON: a header, one line for each device (``DeviceRecord.as_mapping``), and a
last line with the authority's signature over every byte before it. One file, so that it is replaced
in one step. Nothing of it is believed before the signature was checked.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Self

from postage.devices import DeviceRecord, Product
from postage.errors import DeviceRecordError
from postage.layouts import PROFILES
from postage.mailclass import MailClass
from sorter.errors import RegisterError

FORMAT: Final = "imi-device-register/1"
MAX_BYTES: Final = 1 << 30
EXCLUDED: Final = frozenset({MailClass.PERIODICALS, MailClass.BOUND_PRINTED_MATTER})
"""Classes that no indicium pays for (DMM 604.4, effective 2015-09-13)."""

COUNTED: Final = frozenset(
    name
    for name, layout in PROFILES.items()
    if any(at.name in ("piece_count", "ascending") for at in layout.fields)
)
"""Profiles with something that tells one imprint of a device from the next."""

Verify = Callable[[bytes, bytes, str], bool]
"""(message, raw signature, key id) -> whether the key's owner signed the message."""
Sign = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Provider:
    """A company that the Postal Service authorised, and for which products."""

    name: str
    products: frozenset[Product]


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One edition of the device register; ``number`` grows with each, ``expires`` is its last day.

    Raises:
        RegisterError: a device stands twice or has a profile without piece count and register, or
            a provider or a date contradicts itself.
    """

    issuer: str
    number: int
    issued: date
    expires: date
    providers: Mapping[str, Provider]
    devices: tuple[DeviceRecord, ...]
    excluded_classes: frozenset[MailClass] = EXCLUDED
    _found: Mapping[tuple[str, int], DeviceRecord] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.expires < self.issued:
            raise RegisterError(f"register {self.name} expires before it was issued")
        found: dict[tuple[str, int], DeviceRecord] = {}
        for record in self.devices:
            key = (record.vendor_model, record.serial)
            if key in found:
                raise RegisterError(f"register {self.name} lists device {record.key_id} twice")
            if record.public_key and record.profile not in COUNTED:
                raise RegisterError(
                    f"register {self.name}: nothing in {record.profile} tells the imprints of "
                    f"device {record.key_id} apart, so none can be trusted"
                )
            found[key] = record
        object.__setattr__(self, "_found", found)
        object.__setattr__(self, "providers", MappingProxyType(dict(self.providers)))

    def __reduce__(self) -> tuple[object, ...]:
        # A mapping proxy does not go to another process.
        return _again, (
            *(self.issuer, self.number, self.issued, self.expires, dict(self.providers)),
            *(self.devices, self.excluded_classes),
        )

    @property
    def name(self) -> str:
        """Return issuer and number, as evidence and messages name it."""
        return f"{self.issuer} {self.number}"

    def find(self, vendor_model: str, serial: int) -> DeviceRecord | None:
        """Return what the register says of a device, None if nothing."""
        return self._found.get((vendor_model, serial))

    def is_stale_on(self, day: date) -> bool:
        """Return whether the register's last day lies before this one."""
        return self.expires < day

    def is_authorised(self, record: DeviceRecord) -> bool:
        """Return whether the device's provider may offer its kind of product.

        A register that lists no providers leaves the question open and answers True.
        """
        if not self.providers:
            return True
        provider = self.providers.get(record.provider)
        return provider is not None and record.product in provider.products

    def to_bytes(self, sign: Sign, key_id: str) -> bytes:
        """Return the file of this register, signed."""
        header = {
            "format": FORMAT,
            "issuer": self.issuer,
            "number": self.number,
            "issued": self.issued.isoformat(),
            "expires": self.expires.isoformat(),
            "providers": {
                id_: {"name": one.name, "products": sorted(one.products)}
                for id_, one in sorted(self.providers.items())
            },
            "excluded_classes": sorted(self.excluded_classes),
            "devices": len(self.devices),
        }
        body = _lines([header, *(record.as_mapping() for record in self.devices)])
        return body + _seal(key_id, sign(body))

    @classmethod
    def from_bytes(cls, raw: bytes, verify: Verify) -> Self:
        """Return the register in a file's bytes, once its signature was found to be good.

        Raises:
            RegisterError: for any bytes that are not a register with a good signature: too large,
                unsigned, forged, cut, of another format, or with a record that must not exist.
        """
        if len(raw) > MAX_BYTES:
            raise RegisterError(f"the register has {len(raw)} bytes; the limit is {MAX_BYTES}")
        body, _, last = raw.removesuffix(b"\n").rpartition(b"\n")
        body += b"\n"
        seal = _object(last, "the last line", {"key_id", "signature"})
        try:
            signature = bytes.fromhex(_text(seal, "signature"))
        except ValueError as error:
            raise RegisterError(f"the register's signature: {error}") from None
        # The seal is not under the signature; one form of it, so that a register has one file.
        if raw != body + _seal(_text(seal, "key_id"), signature):
            raise RegisterError("the last line of the register is not in its one form")
        if not verify(body, signature, _text(seal, "key_id")):
            raise RegisterError(
                f"the register's signature is not that of key {_text(seal, 'key_id')!r}"
            )
        return cls._read(body.split(b"\n")[:-1])

    @classmethod
    def _read(cls, lines: list[bytes]) -> Self:
        header = _object(lines[0], "the header", _HEADER)
        if header["format"] != FORMAT:
            raise RegisterError(f"the register's format is {header['format']!r}, not {FORMAT}")
        if header["devices"] != len(lines) - 1:
            raise RegisterError(
                f"the register says {header['devices']} devices and has {len(lines) - 1}"
            )
        number = header["number"]
        if type(number) is not int or number < 0:
            raise RegisterError(f"the register's number is {number!r}")
        return cls(
            issuer=_text(header, "issuer"),
            number=number,
            issued=_day(header, "issued"),
            expires=_day(header, "expires"),
            providers=_providers(header["providers"]),
            devices=tuple(_device(line, at) for at, line in enumerate(lines[1:], start=2)),
            excluded_classes=_classes(header["excluded_classes"]),
        )


_HEADER = {
    *("format", "issuer", "number", "issued", "expires", "providers", "excluded_classes"),
    "devices",
}


def _again(*values: Any) -> Register:
    names = ("issuer", "number", "issued", "expires", "providers", "devices", "excluded_classes")
    return Register(**dict(zip(names, values, strict=True)))


def _lines(objects: Iterable[Mapping[str, object]]) -> bytes:
    return b"".join(
        json.dumps(one, sort_keys=True, separators=(",", ":")).encode() + b"\n" for one in objects
    )


def _seal(key_id: str, signature: bytes) -> bytes:
    return _lines([{"key_id": key_id, "signature": signature.hex()}])


def _object(line: bytes, what: str, names: set[str]) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise RegisterError(f"{what} of the register is no JSON: {error}") from None
    if not isinstance(found, dict) or found.keys() != names:
        raise RegisterError(f"{what} of the register does not say {', '.join(sorted(names))}")
    return found


def _text(of: Mapping[str, Any], name: str) -> str:
    value = of[name]
    if not isinstance(value, str) or len(value) > 200:
        raise RegisterError(f"{name} of the register is no text of at most 200 characters")
    return value


def _day(of: Mapping[str, Any], name: str) -> date:
    try:
        return date.fromisoformat(_text(of, name))
    except ValueError as error:
        raise RegisterError(f"{name} of the register: {error}") from None


def _providers(value: Any) -> dict[str, Provider]:
    try:
        return {
            id_: Provider(_text(one, "name"), frozenset(map(Product, one["products"])))
            for id_, one in value.items()
        }
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise RegisterError(f"providers of the register: {error}") from None


def _classes(value: Any) -> frozenset[MailClass]:
    try:
        return frozenset(map(MailClass, value))
    except (TypeError, ValueError) as error:
        raise RegisterError(f"excluded_classes of the register: {error}") from None


def _device(line: bytes, number: int) -> DeviceRecord:
    try:
        entry = json.loads(line)
        if not isinstance(entry, dict):
            raise RegisterError(f"line {number} of the register is no object")
        return DeviceRecord.from_mapping(entry)
    except (DeviceRecordError, RecursionError) as error:
        raise RegisterError(f"line {number} of the register: {error}") from None
    except ValueError as error:
        raise RegisterError(f"line {number} of the register is no JSON: {error}") from None
