"""A test office: a real journal on a simulated disk, cheap argon2, salts by a counter."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from zoneinfo import ZoneInfo

from imi.simdisk import SimDisk
from pipeline.authority import Refused
from pipeline.imprint import Evidence
from pipeline.office import Office, Surroundings
from pipeline.pins import Pins
from pipeline.psd import Psd
from pipeline.record import RecordType
from pipeline.roles import Role, Session
from pipeline.state import Tries, Try
from pipeline.storage import DiskStorage
from pipeline.supervision import Supervision
from postage.money import Money
from tests.pipeline.device import NOON_US, TellClock, setup

ZONE = ZoneInfo("America/Los_Angeles")
PEPPER = bytes(range(32))
PIN, OTHER_PIN, WRONG = "271828", "314159", "602214"
CHEAP = Pins(PEPPER, memory_kib=8, passes=1)


class TriedPsd(Psd):
    """The PSD with tries folded from its records."""

    def note_try(self, user: int, kind: Try) -> Refused | None:
        if (refused := self._broken()) is not None:
            return refused
        self._journal.append(RecordType.TRY, self._clock(), operator=user, reference=kind)
        return None

    def tries_of(self, user: int) -> Tries:
        tries = Tries(0, 0)
        for record in self.records():
            if record.type == RecordType.TRY and record.operator == user:
                is_try = record.reference == Try.ATTEMPT
                tries = Tries(tries.failures + 1, record.psd_us) if is_try else Tries(0, 0)
        return tries

    def redate(self, sequence: int, mailing_date: date) -> Evidence | Refused:
        raise NotImplementedError


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
        make = TriedPsd.create if self.is_new else TriedPsd.open
        self.psd = make(self.journal, **setup(clock=self.clock, segment_records=64))
        self.is_new = False
        around = Surroundings(
            DiskStorage(self.files), self.pins, lambda: self.clock().psd_us, ZONE, counting()
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
