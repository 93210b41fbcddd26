"""A small mail stream: devices with fixed keys, a register of them, indicia, facts, a verifier."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from imicore.eckeys import PrivateKey
from imicore.signature import Signer
from postage.devices import DeviceRecord, Mode
from postage.facts import Measured, PieceFacts
from postage.indicium import pack
from postage.mailpiece import Mailpiece
from postage.money import Money
from postage.rates import RateBook
from sorter.policy import Policy
from sorter.register import Register
from sorter.trust import Trust
from sorter.verifier import Verifier
from tests.oracles.scan_history import ListedScans

TODAY = date(2026, 7, 13)
NOON_US = int(datetime(2026, 7, 13, 19, tzinfo=UTC).timestamp()) * 1_000_000
BOOK = RateBook.load()
LETTER = Mailpiece.inches("9.5", "4.125", "0.02", ounces="1")


@dataclass(frozen=True)
class Device:
    """A meter of a real provider's kind: vendor TPB1 is nobody's."""

    serial: int = 7
    vendor: str = "TPB1"

    @property
    def signer(self) -> Signer:
        """Return the signer of a key that follows from the serial."""
        return Signer(PrivateKey.from_scalar(1_000_003 + self.serial))

    def record(self, **changes: Any) -> DeviceRecord:
        """Return what a register says of the device: an active production meter."""
        fields: dict[str, Any] = {
            "vendor_model": self.vendor,
            "serial": self.serial,
            "profile": "imi-std/p1",
            "algorithm": "ecdsa-p256-sha256",
            "public_key": self.signer.public_key,
            "mode": Mode.PRODUCTION,
            "model": "Inline One",
            "provider": "PB",
        }
        return DeviceRecord(**fields | changes)

    def indicium(
        self, count: int = 1, mills: int = 780, *, signer: Signer | None = None, **changes: Any
    ) -> bytes:
        """Return a signed indicium: a letter of 1 oz at 780 mills, dated today."""
        fields: dict[str, Any] = {
            "vendor_model": self.vendor,
            "device_serial": self.serial,
            "ascending": Money(780 * count),
            "postage": Money(mills),
            "mailing_date": TODAY,
            "piece_count": count,
            "rate_category": 111,
            "weight_tenths_oz": 10,
            "mailer_id": 901_061_457,
        }
        signed = pack("imi-std/p1", fields | changes)
        return signed + (signer or self.signer).sign(signed)


METER = Device()


def register(*records: DeviceRecord, **changes: Any) -> Register:
    """Return a register of these devices, by default of METER alone."""
    fields: dict[str, Any] = {
        "issuer": "USPS test",
        "number": 1,
        "issued": date(2026, 7, 1),
        "expires": date(2026, 12, 31),
        "providers": {},
        "devices": records or (METER.record(),),
    }
    return Register(**fields | changes)


def facts(piece: Mailpiece | None = LETTER, **changes: Any) -> PieceFacts:
    """Return the facts of one scan today; every call is another physical piece unless named."""
    facts.pieces += 1  # type: ignore[attr-defined]
    number = facts.pieces  # type: ignore[attr-defined]
    plain = PieceFacts(
        scanned_us=NOON_US + number,
        scanned_on=TODAY,
        site="SFO",
        lane=1,
        piece_id=f"piece {number}",
        image_id=f"image {number}",
        measured=None if piece is None else Measured(piece=piece),
    )
    return replace(plain, **changes)


facts.pieces = 0  # type: ignore[attr-defined]


def verifier(*records: DeviceRecord, policy: Policy | None = None, **changes: Any) -> Verifier:
    """Return a verifier with an empty history."""
    trust = Trust(register(*records, **changes))
    return Verifier(trust, ListedScans(), BOOK, policy)
