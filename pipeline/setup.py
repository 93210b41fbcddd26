"""What a PSD is given from outside: identity, keys, time and policy."""

from collections.abc import Callable
from datetime import tzinfo
from typing import NotRequired, Protocol, TypedDict

from pipeline.authority import Limits
from pipeline.journal import Sign
from pipeline.psdclock import Instant, TimePolicy
from pipeline.recovery import Check
from pipeline.state import MAX_WINDOW
from postage.contactrule import ContactRule
from postage.decertification import Calendar
from postage.layouts import PROFILES


class KeyTest(Protocol):
    """How a test of the device's key went."""

    @property
    def passed(self) -> bool:
        """Whether the key signs and verifies as it should."""

    @property
    def cause(self) -> str:
        """Return why it does not, in words."""


class Setup(TypedDict):
    """What a device is given beside its disk.

    vendor_model, serial: identity, four ASCII characters and 32 bits.
    profile: the indicium profile that it prints.
    licensing_zip: five digits; with the profile it is bound into the journal.
    zone: time zone of the licensed location, which decides what day it is.
    journal_key: 32 bytes that seal the records.
    sign, check: the device's signing key and its own verification; 64 bytes, deterministic.
    check_provider: tells whether (message, signature) is the provider's; nobody takes a device
        without it into use.
    test_key: tests the key where CLOCK_BOOTTIME says that it is due, and returns None where it does
        not; asked when the device is idle (`GuardedKey.tick`).
    clock: the real-time clock and CLOCK_BOOTTIME, in microseconds.
    time: what a boot may believe of the real-time clock; nothing unless given.
    contact_rule: when the provider must have been reached; 72 hours unless given.
    zeroise: destroys the keys; called when the device is zeroised, and again by each boot after.
    model: the device's model, by which the decertification calendar is asked.
    calendar: until when models may print; the published one unless given.
    limits: caps and warnings.
    window: pieces that may be released without an outcome, 1 to 3; 1 unless given.
    firmware_id: what `imi-max` prints, 24 bits.
    segment_records, pair_check_every: see `Journal`.
    """

    vendor_model: str
    serial: int
    profile: str
    licensing_zip: str
    zone: tzinfo
    journal_key: bytes
    sign: Sign
    check: Check
    clock: Callable[[], Instant]
    check_provider: NotRequired[Check]
    test_key: NotRequired[Callable[[int], KeyTest | None]]
    time: NotRequired[TimePolicy]
    contact_rule: NotRequired[ContactRule]
    zeroise: NotRequired[Callable[[], None]]
    model: NotRequired[str]
    calendar: NotRequired[Calendar]
    limits: NotRequired[Limits]
    window: NotRequired[int]
    firmware_id: NotRequired[int]
    segment_records: NotRequired[int]
    pair_check_every: NotRequired[int]


def demand_sound(setup: Setup) -> None:
    """Refuse a setup that no device can have, before anything is written.

    Raises:
        ValueError: with the field, what it is and what it may be.

    >>> demand_sound({"licensing_zip": "9404", "profile": "imi-std/p1"})
    Traceback (most recent call last):
    ValueError: licensing ZIP '9404' is not five digits
    """
    licensing_zip, profile = setup["licensing_zip"], setup["profile"]
    if len(licensing_zip) != 5 or not (licensing_zip.isascii() and licensing_zip.isdecimal()):
        raise ValueError(f"licensing ZIP {licensing_zip!r} is not five digits")
    writable = [name for name, layout in PROFILES.items() if layout.is_writable]
    if profile not in writable:
        raise ValueError(f"profile {profile!r} cannot be printed; {', '.join(writable)} can")
    window = setup.get("window", 1)
    if not 1 <= window <= MAX_WINDOW:
        raise ValueError(f"a window of {window} pieces; 1 to {MAX_WINDOW}")
