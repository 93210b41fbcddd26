"""A world around some meters and one provider, by a seed, with what goes wrong in it.

Everything follows from the seed, so a failure is replayed by naming it. Each meter has its own
clock, disk, scale, print head, key and line (`imi.metersite`); the provider is `imi.fakeprovider`.
At the end of every simulated day the books are closed: what the devices, the provider and the paper
say must agree to the mill, and no two pieces may be the same.
"""

import hashlib
from collections import Counter
from datetime import UTC, datetime
from random import Random
from typing import Final

from imi.fakeprovider import FakeProvider
from imi.metersite import (
    MINUTE_US,
    REFILL,
    Site,
    WorldBroken,
    device_signature,
    provider_signature,
)
from pipeline.psd import Psd

__all__ = ["FAULTS", "REFILL", "MeterWorld", "WorldBroken"]

FAULTS: Final = (
    "power cut",
    "process killed",
    "lost question",
    "lost answer",
    "question twice",
    "stale answer",
    "another's answer",
    "partition",
    "jam",
    "misprint",
    "no sensor",
    "head resend",
    "signature fails",
    "disk error",
    "clock set",
    "scale drifts",
    "scale noisy",
    "piece bounces",
    "overload",
)
_FIRST_SERIAL: Final = 7
_START_US: Final = int(datetime(2026, 7, 13, 15, tzinfo=UTC).timestamp()) * 1_000_000


class MeterWorld:
    """Some meters' lives; `run` days of them, then look at `met` and `digest`.

    >>> world = MeterWorld(1, meters=2)
    >>> world.run(days=2)
    >>> [site.psd.registers.control_total.mills % REFILL.mills for site in world.sites]
    [0, 0]
    """

    def __init__(self, seed: int, meters: int = 2) -> None:
        self.seed, self.met = seed, Counter[str]()
        self._rng = Random(seed)
        self._now_us = _START_US
        self._day = self._step = 0
        self.provider = FakeProvider(
            provider_signature,
            lambda device, message, told: told == device_signature(device, message),
            lambda: self._now_us,
        )
        self.sites = [
            Site(
                (seed, serial),
                self.provider,
                lambda: self._now_us,
                self.met,
                self._exchange,
                lambda: f"seed {self.seed}, day {self._day}, step {self._step}",
            )
            for serial in range(_FIRST_SERIAL, _FIRST_SERIAL + meters)
        ]

    @property
    def psd(self) -> Psd:
        """Return the first meter."""
        return self.sites[0].psd

    def run(self, days: int) -> None:
        """Live so many days, each ending with a trial balance.

        Raises:
            WorldBroken: something that may never be, was.
        """
        for _ in range(days):
            self._day += 1
            faults = self._rng.choices(FAULTS, k=self._rng.randint(0, 8))
            steps = self._rng.randint(20, 40)
            when = {self._rng.randrange(steps): fault for fault in faults}
            for step in range(steps):
                self._step = step
                self._now_us += self._rng.randint(1, 40) * MINUTE_US
                site = self._rng.choice(self.sites)
                if step in when:
                    site.due.add(when[step])
                site.guarded(site.act)
            self._now_us += 4 * 60 * MINUTE_US
            for site in self.sites:
                site.due.discard("partition")
                site.guarded(site.meet)
                site.balance()
            self._compare()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of every meter's store and paper, and of the provider's records."""
        told = hashlib.sha256()
        for site in self.sites:
            told.update(repr(sorted(site.disk.image().items())).encode())
            told.update(repr(sorted(site.head.paper.items())).encode())
            told.update(b"".join(self.provider.accounts[site.device].shadow.records))
        return told.hexdigest()

    def _compare(self) -> None:
        """Demand that no two pieces of any meters are the same, and that nobody is suspected."""
        pieces = [payload for site in self.sites for payload in site.head.paper.values()]
        if len(set(pieces)) != len(pieces):
            raise self.sites[0].broken("a piece was printed twice")
        if self.provider.incidents:
            raise self.sites[0].broken(f"the provider suspects {self.provider.incidents[0]}")

    def _exchange(self, site: Site, question: bytes) -> bytes:
        """Return the provider's answer, or what the line makes of it."""
        if "partition" in site.due:  # until the evening
            self.met["met: partition"] += 1
            raise TimeoutError("no carrier")
        if site.take("lost question"):
            raise TimeoutError("no answer")
        answer = self.provider.handle(question)
        if site.take("question twice"):
            answer = self.provider.handle(question)
        if site.take("lost answer"):
            raise TimeoutError("no answer")
        site.answers.append(answer)
        if len(site.answers) > 1 and site.take("stale answer"):
            return self._rng.choice(site.answers[:-1])
        others = [other for other in self.sites if other is not site and other.answers]
        if others and site.take("another's answer"):
            return self._rng.choice(self._rng.choice(others).answers)
        return answer
