"""A test device: fixed identity, a clock that is told, a signature that any test can recompute."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Unpack
from zoneinfo import ZoneInfo

from imi.simdisk import SimDisk
from pipeline.authority import Refused
from pipeline.disk import Disk
from pipeline.enrolment import commission
from pipeline.imprint import Evidence, ImprintRequest, Refilled
from pipeline.psd import Psd
from pipeline.psdclock import Instant, TimePolicy
from pipeline.record import Seal, device_id
from pipeline.setup import Setup
from postage.envelope import seal
from postage.messages import InitialiseMeter, RegisterMeter
from postage.money import Money

JOURNAL_KEY = bytes(range(32))
CERTIFICATE = hashlib.sha256(b"certificate").digest()
TODAY = date(2026, 7, 13)
NOON_US = int(datetime(2026, 7, 13, 19, tzinfo=UTC).timestamp()) * 1_000_000
BOOT_US = NOON_US - 7 * 86_400_000_000
SEAL = Seal(JOURNAL_KEY, device_id("TST0", 7))


def sign(message: bytes) -> bytes:
    """Stand in for ECDSA: 64 bytes, deterministic; a test needs no key."""
    return hashlib.sha512(b"device key" + message).digest()


def check(message: bytes, signature: bytes) -> bool:
    return sign(message) == signature


def provider_sign(message: bytes) -> bytes:
    """Stand in for the provider's ECDSA."""
    return hashlib.sha512(b"provider key" + message).digest()


def provider_check(message: bytes, signature: bytes) -> bool:
    return provider_sign(message) == signature


@dataclass
class TellClock:
    """Gives the time it was told, a millisecond later with each reading."""

    psd_us: int = NOON_US
    step_us: int = 1_000

    def __call__(self) -> Instant:
        self.psd_us += self.step_us
        return Instant(self.psd_us, self.psd_us - BOOT_US)


_CLOCK = TellClock()  # one for all: time goes on when a device is opened again


def setup(**changes: object) -> Setup:
    """Return the test device's setup; 64 records a segment unless told."""
    settings: Setup = {
        "vendor_model": "TST0",
        "serial": 7,
        "profile": "imi-std/p1",
        "licensing_zip": "94043",
        "zone": ZoneInfo("America/Los_Angeles"),
        "journal_key": JOURNAL_KEY,
        "sign": sign,
        "check": check,
        "check_provider": provider_check,
        "clock": _CLOCK,
        "time": TimePolicy(trusts_rtc=True),
        "segment_records": 64,
        "pair_check_every": 1,
    }
    return settings | changes  # type: ignore[return-value]


def new_device(disk: Disk, **settings: Unpack[Setup]) -> Psd:
    """Return a device that went through factory and registration."""
    psd = Psd.create(disk, **settings)
    commission(psd, provider_sign, b"certificate", b"agreement 1")
    return psd


def filled(**changes: object) -> Psd:
    """Return a registered device with $500.00, five records and a clock of its own."""
    psd = new_device(SimDisk(), **setup(**({"clock": TellClock()} | changes)))
    assert isinstance(psd.refill(Money(500_000), 1), Refilled)
    return psd


def initialise(psd: Psd, certificate: bytes = CERTIFICATE) -> Refused | None:
    """Order a device out of the factory."""
    order = InitialiseMeter(device=psd.device_id, nonce=0, order=0, certificate=certificate)
    return psd.take_into_use(seal(order, provider_sign))


def register(psd: Psd, agreement: bytes = b"agreement") -> Refused | None:
    """Order a device into a customer's hands."""
    order = RegisterMeter(device=psd.device_id, nonce=0, order=0, agreement=agreement)
    return psd.take_into_use(seal(order, provider_sign))


def letter(
    mills: int = 780, mailing_date: date = TODAY, department: int = 0, **more: int
) -> ImprintRequest:
    return ImprintRequest(
        postage=Money(mills),
        mailing_date=mailing_date,
        rate_category=1,
        department=department,
        **more,
    )


def imprinted(psd: Psd, request: ImprintRequest | None = None) -> Evidence:
    """Return the evidence of an imprint that must not be refused."""
    evidence = psd.imprint(request or letter())
    assert isinstance(evidence, Evidence), evidence
    return evidence
