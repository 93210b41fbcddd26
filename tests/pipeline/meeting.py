"""A meter and a provider that can meet: both real, over a line that a test can touch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from imi.fakeprovider import Account, FakeProvider
from imi.simdisk import SimDisk
from pipeline.contact import Contact
from pipeline.psd import Psd
from pipeline.psdclock import TimePolicy
from pipeline.record import device_id
from postage.money import Money
from tests.pipeline.device import (
    NOON_US,
    TellClock,
    check,
    new_device,
    provider_check,
    provider_sign,
    setup,
)

DEVICE = device_id("TST0", 7)
FUNDS = Money(10_000_000)


def device_check(device: int, message: bytes, signature: bytes) -> bool:
    return device == DEVICE and check(message, signature)


@dataclass
class Meeting:
    """One registered meter, its provider, and the line between them.

    `tamper` stands in the middle: it is given (question, deliver) and returns the answer.
    """

    disk: SimDisk = field(default_factory=SimDisk)
    clock: TellClock = field(default_factory=TellClock)
    funds: Money = FUNDS
    commissioned: bool = True
    policy: TimePolicy = field(default_factory=lambda: TimePolicy(trusts_rtc=True))
    tamper: Callable[[bytes, Callable[[bytes], bytes]], bytes] | None = None

    def __post_init__(self) -> None:
        self.provider = FakeProvider(provider_sign, device_check, lambda: self.clock.psd_us)
        self.provider.enroll(DEVICE, self.funds)
        make = new_device if self.commissioned else Psd.create
        self.psd = make(self.disk, **self.setup)
        self.nonces = count(NOON_US)
        self.contact = self.new_contact()

    @property
    def setup(self) -> Any:
        return setup(clock=self.clock, time=self.policy)

    @property
    def account(self) -> Account:
        return self.provider.accounts[DEVICE]

    def new_contact(self) -> Contact:
        return Contact(
            self.psd,
            self._exchange,
            provider_check,
            nonces=self.nonces.__next__,
            boottime_us=lambda: self.clock().boottime_us,
        )

    def reopen(self, disk: SimDisk | None = None) -> None:
        """Start the meter again, from another disk if told."""
        self.psd.close()
        self.restart(disk or self.disk)

    def restart(self, disk: SimDisk) -> None:
        """Start the meter from a disk after the one that ran is dead."""
        self.disk = disk
        self.psd = Psd.open(self.disk, **self.setup)
        self.contact = self.new_contact()

    def _exchange(self, question: bytes) -> bytes:
        if self.tamper is None:
            return self.provider.handle(question)
        return self.tamper(question, self.provider.handle)
