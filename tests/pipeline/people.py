"""A test office: a real journal on a simulated disk, cheap argon2, salts by a counter."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from zoneinfo import ZoneInfo

from imi.simdisk import SimDisk
from pipeline.lifecycle import Role
from pipeline.office import Office, Surroundings
from pipeline.pins import Pins
from pipeline.psd import Psd
from pipeline.roles import Session
from pipeline.storage import DiskStorage
from pipeline.supervision import Supervision
from postage.money import Money
from tests.pipeline.device import NOON_US, TellClock, new_device, setup

ZONE = ZoneInfo("America/Los_Angeles")
PEPPER = bytes(range(32))
PIN, OTHER_PIN, WRONG = "271828", "314159", "602214"
CHEAP = Pins(PEPPER, memory_kib=8, passes=1)


def counting() -> Callable[[int], bytes]:
    salts: Iterator[int] = count(1)
    return lambda size: next(salts).to_bytes(size, "big")


@dataclass
class Premises:
    """One device's journal, files and clock; `open` is a start of the program."""

    journal: SimDisk = field(default_factory=SimDisk)
    files: SimDisk = field(default_factory=SimDisk)
    clock: TellClock = field(default_factory=lambda: TellClock(NOON_US))
    pins: Pins = CHEAP
    is_new: bool = True

    def open(self) -> Office:
        make = new_device if self.is_new else Psd.open
        self.psd = make(self.journal, **setup(clock=self.clock, segment_records=64))
        self.is_new = False
        around = Surroundings(
            DiskStorage(self.files),
            self.pins,
            lambda: self.clock().boottime_us,
            ZONE,
            counting(),
        )
        return Office.open(self.psd, around)

    def restart(self) -> Office:
        self.psd.close()
        return self.open()


def logged_in(office: Office, user: int = 1, pin: str = PIN) -> Session:
    session = office.login(user, pin)
    assert isinstance(session, Session), session
    return session


def supervised(premises: Premises) -> Supervision:
    """Return the acts of supervisor 1 on new premises with $500.00."""
    office = premises.open()
    premises.psd.refill(Money(500_000), 1)
    office.enrol(1, "Ada", PIN)
    return Supervision(office, logged_in(office))


def provider(office: Office) -> Session:
    return office.sessions.open(0, Role.PROVIDER)
