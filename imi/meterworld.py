"""A world around one meter, by a seed: clock, disk, line, provider, head, key, and their faults.

Everything follows from the seed, so a failure is replayed by naming it. The meter, its link and its
journal are the real ones; the provider is `imi.fakeprovider`. At the end of every simulated day the
books are closed: what the device, the provider and the paper say must agree to the mill.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

from imi.fakeprovider import Account, FakeProvider
from imi.simdisk import ATOMS, PowerCut, SimDisk
from pipeline.contact import Contact, Met
from pipeline.errors import PsdFault
from pipeline.imprint import Evidence, ImprintRequest
from pipeline.psd import Psd
from pipeline.psdclock import Instant
from pipeline.record import RecordType, device_id
from pipeline.services import commission
from pipeline.setup import Setup
from pipeline.state import Open, Outcome
from postage.money import Money

FAULTS: Final = (
    "power cut",
    "process killed",
    "lost question",
    "lost answer",
    "question twice",
    "stale answer",
    "partition",
    "jam",
    "misprint",
    "no sensor",
    "head resend",
    "signature fails",
    "disk error",
    "clock set",
)
DEPOSIT: Final = Money(5_000_000)
REFILL: Final = Money(20_000)
WINDOW: Final = 2
_MODEL, _SERIAL = "TST0", 7
_START_US = int(datetime(2026, 7, 13, 15, tzinfo=UTC).timestamp()) * 1_000_000
_MINUTE_US = 60_000_000


class WorldBroken(AssertionError):
    """The meter, the provider and the paper disagree; the message says seed, day and step."""


@dataclass
class _Head:
    """A print head: takes the token after its last, once, in this boot."""

    paper: dict[int, bytes] = field(default_factory=dict)  # payload by journal record
    boot: int = 0
    last: int = 0

    def fire(self, evidence: Evidence) -> bool:
        """Return whether the head printed; it refuses a token that it has seen."""
        boot, number = evidence.token
        if boot == self.boot and number <= self.last:
            return False
        self.boot, self.last = boot, number
        self.paper[evidence.sequence] = evidence.payload
        return True


class MeterWorld:
    """One meter's life; `run` days of it, then look at `met` and `digest`.

    >>> world = MeterWorld(1)
    >>> world.run(days=2)
    >>> world.psd.registers.control_total.mills % REFILL.mills
    0
    """

    def __init__(self, seed: int) -> None:
        self.seed, self.met = seed, Counter[str]()
        self._rng = Random(seed)
        self._now_us, self._booted_us, self._rtc_us = _START_US, _START_US, 0
        self._device = device_id(_MODEL, _SERIAL)
        self._disk = SimDisk()
        self._head = _Head()
        self._waiting: list[int] = []  # released in this boot, no outcome told yet
        self._day = self._step = self._nonce = 0
        self._due: set[str] = set()  # faults that wait for their occasion
        self._answers: list[bytes] = []
        self.provider = FakeProvider(
            lambda message: hashlib.sha512(b"provider key" + message).digest(),
            lambda device, message, signature: signature == _signature(message),
            lambda: self._now_us,
        )
        self.provider.enroll(self._device, DEPOSIT)
        self.psd = Psd.create(self._disk, **self._setup())
        commission(self.psd, b"certificate", b"agreement")
        self._link()

    def run(self, days: int) -> None:
        """Live so many days, each ending with a trial balance.

        Raises:
            WorldBroken: something that may never be, was.
        """
        for _ in range(days):
            self._day += 1
            faults = self._rng.choices(FAULTS, k=self._rng.randint(0, 6))
            steps = self._rng.randint(20, 40)
            when = {self._rng.randrange(steps): fault for fault in faults}
            for step in range(steps):
                self._step = step
                self._now_us += self._rng.randint(1, 40) * _MINUTE_US
                if step in when:
                    self._due.add(when[step])
                self._guarded(self._act)
            self._now_us += 4 * 60 * _MINUTE_US
            self._due.discard("partition")
            self._guarded(self._meet)
            self._balance()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the store, the paper and the provider's records."""
        told = hashlib.sha256(repr(sorted(self._disk.image().items())).encode())
        told.update(repr(sorted(self._head.paper.items())).encode())
        told.update(b"".join(self._account.shadow.records))
        return told.hexdigest()

    def _act(self) -> None:
        self._trip()
        choice = self._rng.random()
        if choice < 0.8:
            self._print()
        elif choice < 0.9:
            self.psd.idle()
        else:
            self._meet()

    def _trip(self) -> None:
        """Let the faults that need no occasion happen."""
        if self._take("power cut"):
            self._disk.cut_at = self._disk.operations + self._rng.randint(0, 20)
        if self._take("process killed"):
            self._restart(self._disk.fork())
        if self._take("disk error"):
            self._disk.fail_at = self._disk.operations + self._rng.randint(0, 5)
        if self._take("clock set"):
            self._rtc_us = self._rng.randint(-400, 400) * 24 * 60 * _MINUTE_US

    def _print(self) -> None:
        today = datetime.fromtimestamp(self._now_us / 1e6, self._zone).date()
        postage = Money(self._rng.choice((740, 780, 1_070, 1_440)))
        request = ImprintRequest(postage=postage, mailing_date=today, rate_category=1)
        evidence = self.psd.imprint(request)
        if not isinstance(evidence, Evidence):
            self.met[f"refused, {evidence.reason.name}"] += 1
            self._see_to_it()
            return
        self.met["imprints"] += 1
        self._waiting.append(evidence.sequence)
        if evidence.sequence in self._head.paper:
            raise self._broken(f"record {evidence.sequence} is released twice")
        if self._take("jam"):
            self._tell(evidence.sequence, Outcome.UNPRINTED)
            return
        if not self._head.fire(evidence):
            raise self._broken(f"the head refused {evidence.token}")
        if self._take("head resend") and self._head.fire(evidence):
            raise self._broken(f"the head took {evidence.token} twice")
        if self._take("misprint"):
            self._tell(evidence.sequence, Outcome.MISPRINT)
        elif not self._take("no sensor"):
            self._tell(evidence.sequence, Outcome.CONFIRMED)

    def _see_to_it(self) -> None:
        """Do what a refused operator does: answer for pieces, meet the provider, buy postage."""
        if self._waiting:
            self._tell(self._waiting[0], Outcome.PRINTED)
        self._meet()
        if self.psd.registers.descending < Money(5_000):
            pending = self.psd.pending_refill
            amount = REFILL if pending is None else Money(pending.mills)
            result = self._contact.refill(amount)
            self.met[f"refill, {type(result).__name__}"] += 1

    def _meet(self) -> None:
        result = self._contact.meet()
        self.met[f"contact, {type(result).__name__}"] += 1
        if isinstance(result, Met):
            mirror, registers = self._account.shadow.state, self.psd.registers
            if mirror.ascending != registers.ascending.mills:
                raise self._broken(f"mirror {mirror.ascending} mills, device {registers}")

    def _tell(self, sequence: int, outcome: Outcome) -> None:
        self._waiting.remove(sequence)
        self.psd.confirm(sequence, outcome)

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except PowerCut:
            self._restart(self._disk.after_cut(self._rng, self._rng.choice(ATOMS)))
        except PsdFault as fault:
            self.met[f"fault, {fault.cause.name}"] += 1
            self._restart(self._disk.after_cut(self._rng, self._rng.choice(ATOMS)))

    def _restart(self, disk: SimDisk) -> None:
        self.met["restarts"] += 1
        self._disk, self._booted_us = disk, self._now_us
        self._waiting.clear()
        try:
            self.psd = Psd.open(disk, **self._setup())
        except PsdFault as fault:
            raise self._broken(f"a crash was taken for damage: {fault}") from fault
        self._link()

    def _balance(self) -> None:
        """Close the day's books: device, provider and paper agree (R11, I1 to I16)."""
        debits = {
            record.sequence: record
            for record in self.psd.records()
            if record.type == RecordType.DEBIT and record.amount
        }
        registers, account = self.psd.registers, self._account
        charged = sum(record.amount for record in debits.values())
        moving = sum(account.shadow.in_transit.values())
        posted = account.shadow.posted
        never = {p.sequence for p in self.psd.open_pieces if p.why is Open.OPEN_UNRELEASED}
        checks = {
            "AR is the sum of debits": registers.ascending.mills == charged,
            "count is the number of debits": registers.piece_count == len(debits),
            "deposit = funds + posted": account.funds + posted == DEPOSIT.mills,
            "CT is what was posted": registers.control_total.mills in (posted, posted - moving),
            "paper is debited": all(
                debits[sequence].payload + debits[sequence].signature == payload
                for sequence, payload in self._head.paper.items()
            ),
            "paper was released": never.isdisjoint(self._head.paper),
            "no incident": not self.provider.incidents,
        }
        if failed := [name for name, holds in checks.items() if not holds]:
            raise self._broken("; ".join(failed))
        self.met["days balanced"] += 1

    def _exchange(self, question: bytes) -> bytes:
        if "partition" in self._due:  # until the evening
            self.met["met: partition"] += 1
            raise TimeoutError("no carrier")
        if self._take("lost question"):
            raise TimeoutError("no answer")
        answer = self.provider.handle(question)
        if self._take("question twice"):
            answer = self.provider.handle(question)
        if self._take("lost answer"):
            raise TimeoutError("no answer")
        self._answers.append(answer)
        if len(self._answers) > 1 and self._take("stale answer"):
            return self._rng.choice(self._answers[:-1])
        return answer

    def _take(self, fault: str) -> bool:
        """Return whether a fault is due, and make it the past."""
        if fault not in self._due:
            return False
        self._due.remove(fault)
        self.met[f"met: {fault}"] += 1
        return True

    def _link(self) -> None:
        self._contact = Contact(
            self.psd,
            self._exchange,
            lambda message, told: told == hashlib.sha512(b"provider key" + message).digest(),
            nonces=self._next_nonce,
            boottime_us=lambda: self._now_us - self._booted_us,
        )

    def _next_nonce(self) -> int:
        self._nonce += 1
        return self._nonce

    def _sign(self, message: bytes) -> bytes:
        if self._take("signature fails"):
            return bytes(64)
        return _signature(message)

    def _setup(self) -> Setup:
        return {
            "vendor_model": _MODEL,
            "serial": _SERIAL,
            "profile": "imi-std/p1",
            "licensing_zip": "94043",
            "zone": self._zone,
            "journal_key": bytes(range(32)),
            "sign": self._sign,
            "check": lambda message, signature: signature == _signature(message),
            "clock": lambda: Instant(self._now_us + self._rtc_us, self._now_us - self._booted_us),
            "window": WINDOW,
            "segment_records": 32,
            "pair_check_every": 7,
        }

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo("America/Los_Angeles")

    @property
    def _account(self) -> Account:
        return self.provider.accounts[self._device]

    def _broken(self, words: str) -> WorldBroken:
        return WorldBroken(f"seed {self.seed}, day {self._day}, step {self._step}: {words}")


def _signature(message: bytes) -> bytes:
    """Stand in for ECDSA: 64 bytes, deterministic."""
    return hashlib.sha512(b"device key" + message).digest()
