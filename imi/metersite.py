"""One meter of a simulated world: its disk, scale, print head, key, line, and who works with it.

The meter, its link and its journal are the real ones, and so is the weighing. What is due to go
wrong waits in `due` for its occasion; everything random comes from the site's own seed.
"""

import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import count
from random import Random
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from imi import loadcell
from imi.fakeprovider import FakeProvider
from imi.printhead import Head
from imi.simdisk import ATOMS, PowerCut, SimDisk
from pipeline.contact import Contact, Met
from pipeline.enrolment import commission
from pipeline.errors import PsdFault
from pipeline.imprint import Evidence, ImprintRequest
from pipeline.psd import Psd
from pipeline.psdclock import Instant
from pipeline.record import RecordType, device_id
from pipeline.scale import Unsettled, Weight, settle, straddles_step
from pipeline.setup import Setup
from pipeline.state import Open, Outcome
from postage.mailpiece import Mailpiece
from postage.money import Money
from postage.rates import Quote, RateBook

REFILL: Final = Money(20_000)
DEPOSIT: Final = Money(5_000_000)
MINUTE_US: Final = 60_000_000
FARTHEST_MILLIOUNCES: Final = 120
"""A weight may be this far from the truth: twice the widest error band that `settle` lets pass."""
_MODEL: Final = "TST0"
_ZONE: Final = ZoneInfo("America/Los_Angeles")
_WINDOW: Final = 2
_TOO_HEAVY_OZ: Final = 2 * loadcell.CAPACITY_OZ


class WorldBroken(AssertionError):
    """A meter, the provider and the paper disagree; the message says seed, day, step and meter."""


class Site:
    """One meter and its surroundings, known to the provider from now on.

    clock: true time in microseconds. met: counts what happens. exchange: the way to the provider.
    where: says where in the run the world is, for what is broken.
    """

    def __init__(
        self,
        seed: tuple[int, int],
        provider: FakeProvider,
        clock: Callable[[], int],
        met: Counter[str],
        exchange: Callable[["Site", bytes], bytes],
        where: Callable[[], str],
    ) -> None:
        _, self.serial = seed
        self.device = device_id(_MODEL, self.serial)
        self.due: set[str] = set()  # faults that wait for their occasion
        self.answers: list[bytes] = []
        self.head = Head()
        self.disk = SimDisk()
        self.rng = Random(f"{seed}")
        self._traces = np.random.default_rng(seed)
        self._book = RateBook.load()
        self._provider, self._clock, self.met = provider, clock, met
        self._exchange, self._where = exchange, where
        self._booted_us, self._rtc_us = clock(), 0
        self._waiting: list[int] = []  # released in this boot, no outcome told yet
        self._nonces = count(1)
        provider.enroll(self.device, DEPOSIT)
        self.psd = Psd.create(self.disk, **self._setup())
        commission(self.psd, provider_signature, b"certificate", b"agreement")
        self._link()

    def act(self) -> None:
        """Do one thing of a working day, with the faults that need no occasion."""
        self._trip()
        choice = self.rng.random()
        if choice < 0.8:
            self._process()
        elif choice < 0.9:
            self.psd.idle()
        else:
            self.meet()

    def guarded(self, act: Callable[[], None]) -> None:
        """Do something; where the power goes or the disk fails, start again from what is left."""
        try:
            act()
        except PowerCut:
            self._restart(self.disk.after_cut(self.rng, self.rng.choice(ATOMS)))
        except PsdFault as fault:
            self.met[f"fault, {fault.cause.name}"] += 1
            self._restart(self.disk.after_cut(self.rng, self.rng.choice(ATOMS)))

    def take(self, fault: str) -> bool:
        """Return whether a fault is due, and make it the past."""
        if fault not in self.due:
            return False
        self.due.remove(fault)
        self.met[f"met: {fault}"] += 1
        return True

    def meet(self) -> None:
        """Meet the provider; afterwards its mirror is the device."""
        result = self._contact.meet()
        self.met[f"contact, {type(result).__name__}"] += 1
        if isinstance(result, Met):
            mirror = self._provider.accounts[self.device].shadow.state
            registers = self.psd.registers
            if mirror.ascending != registers.ascending.mills:
                raise self.broken(f"mirror {mirror.ascending} mills, device {registers}")

    def balance(self) -> None:
        """Close the day's books: device, provider and paper agree (R11, I1 to I16)."""
        debits = {
            record.sequence: record
            for record in self.psd.records()
            if record.type == RecordType.DEBIT and record.amount
        }
        registers, account = self.psd.registers, self._provider.accounts[self.device]
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
                for sequence, payload in self.head.paper.items()
            ),
            "paper was released": never.isdisjoint(self.head.paper),
        }
        if failed := [name for name, holds in checks.items() if not holds]:
            raise self.broken("; ".join(failed))
        self.met["days balanced"] += 1

    def broken(self, words: str) -> WorldBroken:
        """Return what to raise where something is that may never be."""
        return WorldBroken(f"{self._where()}, meter {self.serial}: {words}")

    def _trip(self) -> None:
        if self.take("power cut"):
            self.disk.cut_at = self.disk.operations + self.rng.randint(0, 20)
        if self.take("process killed"):
            self._restart(self.disk.fork())
        if self.take("disk error"):
            self.disk.fail_at = self.disk.operations + self.rng.randint(0, 5)
        if self.take("clock set"):
            self._rtc_us = self.rng.randint(-400, 400) * 24 * 60 * MINUTE_US

    def _process(self) -> None:
        """Weigh, rate and print one piece."""
        is_heavy, bounces = self.take("overload"), self.take("piece bounces")
        ounces = _TOO_HEAVY_OZ if is_heavy else self.rng.uniform(0.3, 3.4)
        weight = self._weigh(ounces, bounces=bounces)
        if isinstance(weight, Unsettled):
            self.met["diverted, scale unsettled"] += 1
            return
        off = weight.milliounces - round(1000 * ounces)
        if not is_heavy and abs(off) > FARTHEST_MILLIOUNCES:
            if not bounces:
                raise self.broken(f"{weight} of a piece of {ounces} oz")
            # At a turning point of a slow bounce 150 ms look level: nothing in the trace tells.
            self.met["bounced past the scale"] += 1
        today = datetime.fromtimestamp(self._clock() / 1e6, _ZONE).date()
        piece = Mailpiece(9_500, 4_125, 20, max(1, weight.milliounces))
        quote = self._book.quote(piece, today)
        if not isinstance(quote, Quote):
            self.met["diverted, no price"] += 1
            return
        if is_heavy:
            raise self.broken(f"{quote.postage} for what the scale cannot weigh")
        request = ImprintRequest(
            postage=quote.postage, mailing_date=today, rate_category=int(quote.category)
        )
        self._print(request)

    def _weigh(self, ounces: float, *, bounces: bool) -> Weight | Unsettled:
        """Weigh in motion, and again at rest where the price is in doubt, as the line does."""
        drift = self.rng.uniform(-0.5, 0.5) if self.take("scale drifts") else 0.0
        noise = self.rng.uniform(3, 15) if self.take("scale noisy") else 1.0
        weight: Weight | Unsettled = Unsettled(0, 0)
        for is_moving in (True, False):
            read = loadcell.trace(
                ounces,
                self._traces,
                moving=is_moving,
                bounces=bounces,
                noise=noise,
                drift_oz_s=drift,
            )
            weight = settle(read, loadcell.SAMPLES_PER_SECOND)
            if isinstance(weight, Weight) and not straddles_step(weight):
                break
            self.met["weighed again" if is_moving else "weighed at a step"] += 1
        return weight

    def _print(self, request: ImprintRequest) -> None:
        evidence = self.psd.imprint(request)
        if not isinstance(evidence, Evidence):
            self.met[f"refused, {evidence.reason.name}"] += 1
            self._see_to_it()
            return
        self.met["imprints"] += 1
        self._waiting.append(evidence.sequence)
        if evidence.sequence in self.head.paper:
            raise self.broken(f"record {evidence.sequence} is released twice")
        if self.take("jam"):
            self._tell(evidence.sequence, Outcome.UNPRINTED)
            return
        if not self.head.fire(evidence):
            raise self.broken(f"the head refused {evidence.token}")
        if self.take("head resend") and self.head.fire(evidence):
            raise self.broken(f"the head took {evidence.token} twice")
        if self.take("misprint"):
            self._tell(evidence.sequence, Outcome.MISPRINT)
        elif not self.take("no sensor"):
            self._tell(evidence.sequence, Outcome.CONFIRMED)

    def _see_to_it(self) -> None:
        """Do what a refused operator does: answer for pieces, meet the provider, buy postage."""
        if self._waiting:
            self._tell(self._waiting[0], Outcome.PRINTED)
        self.meet()
        if self.psd.registers.descending < Money(5_000):
            pending = self.psd.pending_refill
            amount = REFILL if pending is None else Money(pending.mills)
            result = self._contact.refill(amount)
            self.met[f"refill, {type(result).__name__}"] += 1

    def _tell(self, sequence: int, outcome: Outcome) -> None:
        self._waiting.remove(sequence)
        self.psd.confirm(sequence, outcome)

    def _restart(self, disk: SimDisk) -> None:
        self.met["restarts"] += 1
        self.disk, self._booted_us = disk, self._clock()
        self._waiting.clear()
        try:
            self.psd = Psd.open(disk, **self._setup())
        except PsdFault as fault:
            raise self.broken(f"a crash was taken for damage: {fault}") from fault
        self._link()

    def _link(self) -> None:
        self._contact = Contact(
            self.psd,
            lambda question: self._exchange(self, question),
            lambda message, told: told == provider_signature(message),
            nonces=self._nonces.__next__,
            boottime_us=lambda: self._clock() - self._booted_us,
        )

    def _sign(self, message: bytes) -> bytes:
        if self.take("signature fails"):
            return bytes(64)
        return device_signature(self.device, message)

    def _setup(self) -> Setup:
        return {
            "vendor_model": _MODEL,
            "serial": self.serial,
            "profile": "imi-std/p1",
            "licensing_zip": "94043",
            "zone": _ZONE,
            "journal_key": hashlib.sha256(b"journal %d" % self.serial).digest(),
            "sign": self._sign,
            "check": lambda message, told: told == device_signature(self.device, message),
            "check_provider": lambda message, told: told == provider_signature(message),
            "clock": lambda: Instant(self._clock() + self._rtc_us, self._clock() - self._booted_us),
            "window": _WINDOW,
            "segment_records": 32,
            "pair_check_every": 7,
        }


def device_signature(device: int, message: bytes) -> bytes:
    """Stand in for a device's ECDSA: 64 bytes, deterministic."""
    return hashlib.sha512(b"device key %d " % device + message).digest()


def provider_signature(message: bytes) -> bytes:
    """Stand in for the provider's."""
    return hashlib.sha512(b"provider key" + message).digest()
