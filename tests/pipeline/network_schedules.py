"""Seeded schedules of a real meter and a real provider over a network that does its worst.

`python -m tests.pipeline.network_schedules --count 10000` prints the counts (P1 of reliability.md).
One schedule: refills, voids, imprints and contacts while messages are lost, repeated, overtaken and
kept back for days, the line is cut, the meter's power goes at any disk operation and the provider
dies before or after its commit. After each step an account kept outside is compared with both
sides; then the network heals, and both must agree within three contacts.

A variant breaks the protocol on purpose. A harness that finds nothing in them proves nothing.
"""

import argparse
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from unittest.mock import patch

from imi.fakeprovider import Account, FakeProvider
from imi.simdisk import ATOMS, PowerCut
from pipeline import contact, refill
from pipeline.imprint import Evidence, Refilled
from pipeline.link import Incident, Link, Unreachable
from pipeline.psd import Psd
from pipeline.psdclock import TimePolicy
from pipeline.record import digest
from pipeline.refill import Declined, Voided
from pipeline.state import DAY_US, Outcome
from postage.messages import Message, RefillCredit, RefillTombstone, RefillVoidRequest
from postage.money import Money
from tests.pipeline.device import letter
from tests.pipeline.meeting import FUNDS, Meeting

VARIANTS = ("sound", "no answers kept", "local cancel", "fresh id", "any credit", "tombstone lost")
STEPS = 20
HEALED_WITHIN = 3  # contacts


@dataclass
class Network:
    """A line with loss and repetition as shares, and what it keeps back for later."""

    meeting: Meeting
    rng: Random
    loss: float
    repetition: float
    reordering: float
    provider_crashes: float
    tally: Counter[str]
    cut: bool = False
    questions: list[bytes] = field(default_factory=list)  # may still arrive
    answers: list[bytes] = field(default_factory=list)

    def exchange(self, question: bytes, deliver: Callable[[bytes], bytes]) -> bytes:
        """Return an answer, perhaps to another question; TimeoutError where none comes."""
        del deliver
        rng = self.rng
        self.tally["questions"] += 1
        if self.cut or rng.random() < self.loss:
            self.tally["questions lost"] += 1
            if rng.random() < self.reordering:
                self.questions.append(question)
            raise TimeoutError("no answer")
        while self.questions and rng.random() < self.reordering:
            self._late(self.questions.pop(rng.randrange(len(self.questions))))
        answer = self._deliver(question)
        while rng.random() < self.repetition:
            self.tally["questions repeated"] += 1
            self.answers.append(self._deliver(question))
        if rng.random() < self.loss:
            self.tally["answers lost"] += 1
            self.answers.append(answer)
            raise TimeoutError("no answer")
        if self.answers and rng.random() < self.reordering:
            self.tally["answers overtaken"] += 1
            self.answers.append(answer)
            return self.answers.pop(rng.randrange(len(self.answers)))
        return answer

    def heal(self) -> None:
        """Let what was kept back arrive, in any order, and lose nothing from now on."""
        self.rng.shuffle(self.questions)
        for question in self.questions:
            self._late(question)
        self.questions.clear()
        self.answers.clear()
        self.cut = False
        self.loss = self.repetition = self.reordering = self.provider_crashes = 0.0

    def _late(self, question: bytes) -> None:
        self.tally["questions late"] += 1
        with contextlib.suppress(TimeoutError):
            self.answers.append(self._deliver(question))

    def _deliver(self, question: bytes) -> bytes:
        meeting = self.meeting
        if self.rng.random() >= self.provider_crashes:
            return meeting.provider.handle(question)
        self.tally["provider crashes"] += 1
        durable = meeting.provider.fork()
        if self.rng.random() < 0.5:  # after the commit; before it, the copy knows nothing of it
            durable.handle(question)
        meeting.provider = durable
        raise TimeoutError("no answer")


@dataclass
class Schedule:
    """One seed's run."""

    seed: int
    tally: Counter[str]

    def __post_init__(self) -> None:
        self.rng = rng = Random(self.seed)
        self.power_cuts = rng.choice((0.0, 0.2, 0.5))
        policy = TimePolicy(trusts_rtc=rng.random() < 0.5)
        self.meeting = Meeting(policy=policy)
        self.network = Network(
            self.meeting,
            rng,
            loss=rng.uniform(0, 0.6),
            repetition=rng.uniform(0, 0.3),
            reordering=rng.uniform(0, 0.5),
            provider_crashes=rng.choice((0.0, 0.05, 0.2)),
            tally=self.tally,
        )
        self.meeting.tamper = self.network.exchange

    def run(self) -> None:
        """Do the steps, then heal; AssertionError where the account does not hold."""
        steps = (self.refill, self.refill, self.void, self.imprint, self.imprint, self.meet)
        for _ in range(STEPS):
            self.network.cut = self.rng.random() < 0.1
            if self.network.cut:
                self.tally["partitions"] += 1
                longest_us = self.rng.choice((DAY_US, 3 * DAY_US, 30 * DAY_US))
                self.meeting.clock.psd_us += self.rng.randrange(longest_us)
            self.with_power_cuts(self.rng.choice((*steps, self.meet)))
            self.audit()
        self.network.heal()
        for contacts in range(1, HEALED_WITHIN + 1):
            self.meet()
            self.audit()
            if self.agreed():
                self.tally[f"agreed after {contacts}"] += 1
                return
        raise AssertionError(f"no agreement after {HEALED_WITHIN} contacts")

    def with_power_cuts(self, step: Callable[[], None]) -> None:
        """Do a step; where the power goes in it, start the meter again from what is left."""
        disk = self.meeting.disk
        if self.rng.random() < self.power_cuts:
            disk.cut_at = disk.operations + self.rng.randrange(25)
        try:
            step()
            disk.cut_at = None
        except PowerCut:
            self.tally["meter crashes"] += 1
            self.meeting.restart(disk.after_cut(self.rng, self.rng.choice(ATOMS)))

    def refill(self) -> None:
        amount = Money(self.rng.choice((1_000, 20_000, 300_000, 20_000_000)))
        self.note(self.meeting.contact.refill(amount))

    def void(self) -> None:
        if self.meeting.psd.pending_refill is not None:
            self.note(self.meeting.contact.void_refill())

    def imprint(self) -> None:
        psd = self.meeting.psd
        for _ in range(self.rng.randint(1, 4)):
            today = psd._day(psd._instant())
            evidence = psd.imprint(letter(self.rng.randint(1, 900), today))
            if not isinstance(evidence, Evidence):
                self.tally[f"imprint refused: {evidence.reason.name}"] += 1
                break
            self.tally["imprints"] += 1
            psd.confirm(evidence.sequence, Outcome.PRINTED)

    def meet(self) -> None:
        met = self.meeting.contact.meet()
        self.note(met)
        self.note(getattr(met, "refill", None))

    def note(self, result: object) -> None:
        match result:
            case Incident(breach=breach):
                self.tally[f"refused: {breach.name}"] += 1
            case Unreachable() | Refilled() | Declined() | Voided():
                self.tally[type(result).__name__.lower()] += 1

    def audit(self) -> None:
        """Compare both sides, from outside, with what must be true at every moment."""
        meeting = self.meeting
        account, state = meeting.account, meeting.psd._journal.state
        shadow, pending = account.shadow, state.pending_refill
        credited = {
            request: answer.amount.mills
            for request, (_, answer) in account.settled.items()
            if isinstance(answer, RefillCredit)
        }
        arriving = {pending.request_id: pending.mills} if pending else {}
        assert state.refills.items() <= credited.items(), "applied and never paid"
        assert credited.items() <= (state.refills | arriving).items(), "paid and not to be had"
        assert sum(state.refills.values()) == state.control_total, "applied twice"
        assert sum(credited.values()) == shadow.posted == FUNDS.mills - account.funds, "paid twice"
        [at_mark] = meeting.psd.sealed_records(shadow.mark, shadow.mark) if shadow.mark else [b""]
        assert not shadow.mark or digest(at_mark) == shadow.digest, "another history uploaded"
        assert account.lock is None, f"an honest device is locked: {account.lock}"

    def agreed(self) -> bool:
        """Return whether the provider's mirror is the device, and nothing is on its way."""
        state, shadow = self.meeting.psd._journal.state, self.meeting.account.shadow
        mirror = shadow.state
        return (
            state.pending_refill is None
            and not shadow.in_transit
            and state.acknowledged == shadow.mark == state.sequence - 1
            and (mirror.ascending, mirror.descending, mirror.control_total, mirror.piece_count)
            == (state.ascending, state.descending, state.control_total, state.piece_count)
        )


@contextlib.contextmanager
def broken(variant: str) -> Iterator[None]:
    """Break the protocol as the variant says, in the product's own code."""
    settle, conclude = refill.settle, refill._conclude
    weigh, void = Link._weigh, FakeProvider._void

    def cancel(psd: Psd, link: Link) -> object:
        result = settle(psd, link)
        if isinstance(result, Unreachable):
            pending = psd.pending_refill
            assert pending is not None
            psd.void_refill(pending.request_id)
        return result

    def ask_anew(psd: Psd, link: Link) -> object:
        result = cancel(psd, link)
        if isinstance(result, Unreachable):
            psd.begin_refill(Money(20_000), psd.next_request, link.nonce())
        return result

    def believe(self: Link, question: Message, answer: Message) -> object:
        return weigh(self, question, replace(answer, nonce=question.nonce))

    def take(psd: Psd, link: Link, question: object, answer: object) -> object:
        if isinstance(answer, RefillCredit):
            state = psd._journal.state
            state.refills.pop(answer.request, None)
            state.pending_refill = None
            return psd.refill(answer.amount, answer.request)
        return conclude(psd, link, question, answer)  # type: ignore[arg-type]

    def forget(self: FakeProvider, account: Account, asked: RefillVoidRequest) -> Message:
        answer = void(self, account, asked)
        if isinstance(answer, RefillTombstone):
            account.settled.pop(asked.request)
        return answer

    patches = {
        "sound": [],
        "no answers kept": [patch.object(FakeProvider, "_known", lambda *_: None)],
        "local cancel": [patch.object(contact, "settle", cancel)],
        "fresh id": [patch.object(contact, "settle", ask_anew)],
        "any credit": [
            patch.object(Link, "_weigh", believe),
            patch.object(refill, "_conclude", take),
        ],
        "tombstone lost": [patch.object(FakeProvider, "_void", forget)],
    }[variant]
    with contextlib.ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield


def run(count: int, seed: int = 1, progress: bool = False) -> Counter[str]:
    """Return the counts of so many schedules; AssertionError with the seed where one fails."""
    tally: Counter[str] = Counter()
    began = time.monotonic()
    for number in range(count):
        try:
            Schedule(seed + number, tally).run()
        except Exception as error:
            error.add_note(f"network schedule of seed {seed + number}")
            raise
        tally["schedules"] += 1
        if progress and (number + 1) % 100 == 0:
            rate = (number + 1) / (time.monotonic() - began)
            print(f"\r{number + 1}/{count}, {rate:.0f}/s", end="", file=sys.stderr, flush=True)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description="meter and provider over a network that fails")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--variant", choices=VARIANTS, default="sound")
    told = parser.parse_args()
    began = time.monotonic()
    with broken(told.variant):
        tally = run(told.count, told.seed, progress=True)
    print(file=sys.stderr)
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({**dict(sorted(tally.items())), "seconds": seconds}, indent=1))


if __name__ == "__main__":
    main()
