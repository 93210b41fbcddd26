"""Seeded crash points of every operation, judged against what was acknowledged and printed; R1.

`python -m tests.reliability.crash_points --count 20000` prints the counts. A life is a device at
work for 36 disk operations, by a seed; a crash point is one of them, before which the power goes.
What was not synced is lost, reordered or torn, the device is opened again, one time in two with
more cuts during recovery, and its registers, requests, locks, budgets, tries, records and open
pieces are compared with an account kept outside. Points 36 n to 36 n + 35 belong to life n.

A variant breaks the write order on purpose. A harness that finds nothing in them proves nothing.
"""

import argparse
import contextlib
import copy
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from random import Random
from typing import NamedTuple
from unittest.mock import patch

from imi.simdisk import ATOMS, PowerCut, SimDisk
from pipeline.authority import Reason
from pipeline.errors import PsdFault
from pipeline.imprint import Evidence
from pipeline.lifecycle import State
from pipeline.psd import Psd
from pipeline.record import RecordType
from pipeline.setup import Setup
from pipeline.state import Lock, Open, Outcome, Stage, Try
from postage.indicium import unpack
from postage.money import Money
from tests.pipeline.device import NOON_US, TODAY, TellClock, check, letter, new_device, setup
from tests.reliability import broken
from tests.reliability.findings import Findings
from tests.reliability.remembering import remembering

PRINT_FIRST = "print first"
VARIANTS = (*broken.VARIANTS, PRINT_FIRST)
SEGMENT_RECORDS = 16  # small, so that every fifth crash or so meets a rotation
LONGEST = 36  # disk operations of a life: some six records, or a rotation and two
USER, DEPARTMENT = 5, 3


class Books(NamedTuple):
    """What the device must say of itself, by an account of our own."""

    ascending: int = 0
    descending: int = 0
    total: int = 0
    count: int = 0
    tests: int = 0
    redates: int = 0
    pending: tuple[int, int] | None = None  # refill request and amount
    refills: frozenset[tuple[int, int]] = frozenset()
    voided: frozenset[int] = frozenset()
    locks: int = 0
    left: int | None = None  # of the department's budget
    failures: int = 0  # of the user's PIN
    acknowledged: int = 0
    rates: int = 0
    stage: int = Stage.REGISTERED
    zeroised: bool = False


def books_of(psd: Psd) -> Books:
    """Return what the device says of itself."""
    state = psd._journal.state
    registers = psd.registers
    pending = state.pending_refill
    department = state.departments.get(DEPARTMENT)
    return Books(
        registers.ascending.mills,
        registers.descending.mills,
        registers.control_total.mills,
        registers.piece_count,
        state.tests,
        state.redates,
        pending and (pending.request_id, pending.mills),
        frozenset(state.refills.items()),
        frozenset(state.voided),
        state.locks,
        None if department is None else department.left,
        psd.tries_of(USER).failures,
        state.acknowledged,
        state.rate_version,
        state.stage,
        state.zeroised,
    )


@dataclass
class Account:
    """What the world outside knows: acknowledged effects and paper."""

    books: Books
    doubt: list[Books] = field(default_factory=list)  # should the operation under way count
    under_way: str = ""
    paper: dict[int, bytes] = field(default_factory=dict)  # payload by piece count, as printed
    redated: dict[int, int] = field(default_factory=dict)  # piece's record by redate's record
    untold: set[int] = field(default_factory=set)  # piece counts released without a good outcome
    has_keys: bool = True
    first: int = 1  # sequence at the start
    wrong: list[str] = field(default_factory=list)

    def fork(self) -> "Account":
        """Return the account as it is now."""
        twin = copy.copy(self)
        twin.paper, twin.untold = dict(self.paper), set(self.untold)
        twin.redated, twin.wrong = dict(self.redated), [*self.wrong]
        return twin

    def print(self, payload: bytes) -> None:
        """Put a piece on paper."""
        count = unpack(payload, profile="imi-std/p1").piece_count
        assert count is not None
        if count in self.paper:
            self.wrong.append(f"duplicate: piece {count} printed twice")
        self.paper[count] = payload

    @contextlib.contextmanager
    def doing(self, name: str, *steps: Books) -> Iterator[None]:
        """Hold these books in doubt while it lasts; the last of them stand after it."""
        self.under_way, self.doubt = name, [*steps]
        yield
        self.books = steps[-1] if steps else self.books
        self.under_way, self.doubt = "", []


@cache
def warmed(records: int) -> SimDisk:
    """Return a sound device's disk that ends near a record number, all of it durable."""
    disk = SimDisk()
    psd = new_device(disk, **device(TellClock(NOON_US - 3_600_000_000)))
    psd.refill(Money(10_000_000), 1)
    while psd._journal.state.sequence < records:
        evidence = psd.imprint(letter())
        assert isinstance(evidence, Evidence)
        psd.confirm(evidence.sequence, Outcome.CONFIRMED)
    # For odd ones the next segment is not made ahead: some lives must make it in a rotation.
    ahead = patch.object(psd._journal, "prepare") if records % 2 else contextlib.nullcontext()
    with ahead:
        psd.close()
    return disk


def device(clock: TellClock, window: int = 1) -> Setup:
    """Return the setup of the device under test."""
    return setup(clock=clock, window=window, segment_records=SEGMENT_RECORDS, pair_check_every=5)


@dataclass
class Life:
    """A device at work, with what its world knows."""

    psd: Psd
    rng: Random
    account: Account
    variant: str

    def imprint(self) -> None:
        account, books = self.account, self.account.books
        amount = self.rng.randint(1, 5_000)
        left = None if books.left is None else books.left - amount
        after = books._replace(
            ascending=books.ascending + amount,
            descending=books.descending - amount,
            count=books.count + 1,
            left=left,
        )
        with self._printing_first() if self.variant == PRINT_FIRST else contextlib.nullcontext():
            account.under_way, account.doubt = "imprint", [after]
            evidence = self.psd.imprint(letter(amount, department=DEPARTMENT))
        account.under_way, account.doubt = "", []
        if not isinstance(evidence, Evidence):
            self._make_way(evidence.reason)
            return
        account.books = after
        account.untold.add(evidence.registers.piece_count)
        if self.variant != PRINT_FIRST:
            account.print(evidence.payload)
        if self.rng.random() < 0.7:
            self.tell(evidence.sequence)

    def _make_way(self, reason: Reason) -> None:
        """Do what lets the next imprint through; some of the outcomes are bad ones."""
        if reason is Reason.WINDOW_FULL:
            self.tell(self.psd._journal.state.flight[0])
        elif reason is Reason.SUSPENDED:
            self.lock()
        elif reason is Reason.BUDGET_EXCEEDED:
            self.budget()
        else:
            assert reason in (Reason.WITHDRAWN, Reason.TAMPERED), reason
            raise PowerCut  # nothing is left to do: the life ends here

    def tell(self, sequence: int) -> None:
        psd = self.psd
        if sequence in psd._told:
            return
        outcome = self.rng.choice((Outcome.PRINTED, Outcome.CONFIRMED, Outcome.MISPRINT))
        if outcome is not Outcome.MISPRINT:
            self.account.untold.discard(psd._journal.record(sequence).piece_count)
        psd.confirm(sequence, outcome)

    def refill(self) -> None:
        books = self.account.books
        if books.pending is None:
            request, amount = self.rng.getrandbits(63), self.rng.randint(1_000, 50_000)
            begun = books._replace(pending=(request, amount))
            with self.account.doing("refill begin", begun):
                assert self.psd.begin_refill(Money(amount), request) is None
            return
        request, amount = books.pending
        if self.rng.random() < 0.3:
            after = books._replace(pending=None, voided=books.voided | {request})
            with self.account.doing("refill void", after):
                assert self.psd.void_refill(request) is None
            return
        after = books._replace(
            descending=books.descending + amount,
            total=books.total + amount,
            pending=None,
            refills=books.refills | {(request, amount)},
        )
        with self.account.doing("refill apply", after):
            self.psd.apply_refill(Money(amount), request)

    def test_imprint(self) -> None:
        after = self.account.books._replace(tests=self.account.books.tests + 1)
        with self.account.doing("test imprint", after):
            assert isinstance(self.psd.test_imprint(), Evidence)

    def redate(self) -> None:
        state = self.psd._journal.state
        account = self.account
        debits = [
            record.sequence
            for record in self.psd.records(max(1, state.sequence - 6))
            if record.type == RecordType.DEBIT
            and record.amount
            and record.sequence not in state.redated
        ]
        if debits:
            after = account.books._replace(redates=account.books.redates + 1)
            with account.doing("redate", after):
                evidence = self.psd.redate(debits[-1], TODAY.replace(day=TODAY.day + 1))
            assert isinstance(evidence, Evidence), evidence
            account.redated[evidence.sequence] = debits[-1]

    def budget(self) -> None:
        amount = self.rng.randint(1_000, 60_000)
        with self.account.doing("budget", self.account.books._replace(left=amount)):
            assert self.psd.set_budget(DEPARTMENT, Money(amount)) is None

    def lock(self) -> None:
        books = self.account.books
        after = books._replace(locks=books.locks ^ Lock.SUSPENDED)
        with self.account.doing("unlock" if books.locks else "lock", after):
            act = self.psd.unlock if books.locks else self.psd.lock
            assert act(Lock.SUSPENDED) is None

    def pin(self) -> None:
        books = self.account.books
        tried = books._replace(failures=books.failures + 1)
        with self.account.doing("PIN attempt", tried):
            assert self.psd.note_try(USER, Try.ATTEMPT) is None
        if self.rng.random() < 0.5:
            with self.account.doing("PIN success", tried._replace(failures=0)):
                assert self.psd.note_try(USER, Try.SUCCESS) is None

    def contact(self) -> None:
        with self.account.doing("time anchor", self.account.books):
            now = self.psd._journal.state.floor_us
            assert self.psd.anchor_time(now + 1_000_000, 1_000, self.rng.getrandbits(60)) is None
        last = self.psd.last_sequence
        with self.account.doing("acknowledge", self.account.books._replace(acknowledged=last)):
            assert self.psd.acknowledge(last) is None

    def rates(self) -> None:
        after = self.account.books._replace(rates=self.account.books.rates + 1)
        with self.account.doing("rates", after):
            assert self.psd.adopt_rates(after.rates, bytes(32)) is None

    def idle(self) -> None:
        with self.account.doing("idle", self.account.books):
            self.psd.idle()

    def withdraw(self) -> None:
        books = self.account.books
        if books.pending is None:
            after = books._replace(descending=0, total=books.ascending, stage=Stage.WITHDRAWN)
            with self.account.doing("withdraw", after):
                self.psd.withdraw()

    def zeroise(self) -> None:
        with self.account.doing("zeroise", self.account.books._replace(zeroised=True)):
            self.psd.zeroise()

    @contextlib.contextmanager
    def _printing_first(self) -> Iterator[None]:
        """Let the payload out when it is signed, before its debit is durable."""

        def leak(payload: bytes, signature: bytes) -> bool:
            if not payload.startswith(b"PSDJ checkpoint"):
                self.account.print(payload + signature)
            return check(payload, signature)

        with patch.object(self.psd._journal, "_check", leak):
            yield


ACTIONS: tuple[tuple[Callable[[Life], None], int], ...] = (
    (Life.imprint, 60),
    (Life.refill, 10),
    (Life.idle, 8),
    (Life.test_imprint, 4),
    (Life.redate, 3),
    (Life.budget, 3),
    (Life.lock, 3),
    (Life.pin, 3),
    (Life.contact, 3),
    (Life.rates, 1),
    (Life.withdraw, 1),
    (Life.zeroise, 1),
)


def work(life: Life) -> None:
    """Use the device until the power goes."""
    acts, weights = zip(*ACTIONS, strict=True)
    needs = {
        *(Life.imprint, Life.test_imprint, Life.redate),
        *(Life.refill, Life.rates, Life.budget),
    }
    while True:
        [act] = life.rng.choices(acts, weights)
        if life.account.books.zeroised:
            raise PowerCut  # the device is done for
        if act in needs and life.psd.state not in (State.READY, State.LOW):
            act = Life.imprint  # which sees to what keeps the device
        act(life)


@lru_cache(2)
def life(seed: int, variant: str) -> tuple[list[tuple[SimDisk, Account]], int, str]:
    """Return the crash points of a life, its window, and how a broken device tripped itself."""
    rng = Random(seed)
    window = rng.randint(1, 3)
    account = Account(Books())
    disk = warmed(rng.randint(8, 8 + 2 * SEGMENT_RECORDS)).fork()
    points: list[tuple[SimDisk, Account]] = []

    def watch() -> None:
        twin = disk.fork()
        twin.__class__ = SimDisk
        points.append((twin, account.fork()))

    def destroy() -> None:
        account.has_keys = False

    fault = ""
    with broken.broken(disk, variant), contextlib.suppress(PowerCut):
        try:
            psd = Psd.open(disk, **device(TellClock(), window) | {"zeroise": destroy})
            account.books, account.first = books_of(psd), psd.last_sequence
            disk.operations, disk.cut_at, disk.watch = 0, LONGEST - 1, watch
            work(Life(psd, rng, account, variant))
        except PsdFault as tripped:
            fault = f"fault: {tripped}"
    if disk.operations < LONGEST - 1:  # the device's life ended before the power did
        watch()
    return points, window, fault


def crash_point(
    seed: int, variant: str = broken.SOUND, tally: Counter[str] | None = None
) -> list[str]:
    """Return what one crash point broke, in words; nothing for a sound device."""
    tally = Counter() if tally is None else tally
    points, window, fault = life(seed // LONGEST, variant)
    number = seed % LONGEST
    if fault and number >= len(points):
        return [fault]  # a broken device that found itself out had no later moment
    disk, account = points[number % len(points)]
    account = account.fork()
    tally["crashes"] += 1
    tally[f"cut in {account.under_way or 'nothing'}"] += 1
    setting = device(TellClock(NOON_US + 60_000_000), window)
    return account.wrong + judge(disk, Random(seed), setting, account, tally)


def judge(
    disk: SimDisk, rng: Random, setting: Setup, account: Account, tally: Counter[str]
) -> list[str]:
    """Return what is wrong with the device that comes up after the crash."""
    cuts = rng.choice((0, 0, 1, 2))

    def destroy() -> None:
        account.has_keys = False

    setting |= {"zeroise": destroy}
    while True:
        is_kill = rng.random() < 0.2  # the process dies, the page cache lives on
        disk = disk.fork() if is_kill else disk.after_cut(rng, rng.choice(ATOMS))
        if cuts:
            disk.cut_at = rng.randrange(8)
        try:
            psd = Psd.open(disk, **setting)
            break
        except PowerCut:
            cuts -= 1
            tally["cuts during recovery"] += 1
        except PsdFault as fault:
            return [f"fault: {fault}"]
    disk.cut_at = None
    try:
        return compare(psd, setting["window"], account, tally)
    except PsdFault as fault:
        return [f"fault: {fault}"]


def compare(psd: Psd, window: int, account: Account, tally: Counter[str]) -> list[str]:
    """Return where a device that came up differs from the account."""
    wrong = []
    found = books_of(psd)
    if found not in (account.books, *account.doubt):
        wrong.append(f"lost: {found} after {account.books}, in doubt {account.doubt}")
    if found.zeroised == account.has_keys:
        wrong.append(f"keys: {account.has_keys}, with the latch {found.zeroised}")
    tally["debits or refills kept"] += found in account.doubt
    pieces = {piece.piece_count: piece for piece in psd.open_pieces}
    unreleased = {count for count, each in pieces.items() if each.why is Open.OPEN_UNRELEASED}
    unknown = {count for count, each in pieces.items() if each.why is Open.OPEN_UNKNOWN}
    tally["open, never released"] += len(unreleased)
    tally["open, unknown"] += len(unknown)
    wrong += [
        f"printed, called unreleased: piece {count}" for count in unreleased & {*account.paper}
    ]
    if not found.zeroised and (missing := account.untold - pieces.keys()):
        wrong.append(f"released and not open: pieces {missing}")
    if len(unreleased | unknown) > window:
        wrong.append(f"window: {len(unreleased | unknown)} pieces open of {window}")
    wrong += compare_claims(psd, account)
    evidence = psd.imprint(letter(1))
    if isinstance(evidence, Evidence):
        again = Account(found, paper=account.paper)
        again.print(evidence.payload)
        return wrong + again.wrong
    if psd.state in (State.READY, State.LOW):
        wrong.append(f"refused: {evidence}")
    return wrong


def compare_claims(psd: Psd, account: Account) -> list[str]:
    """Return where paper, debits and the drafted claims differ."""
    debits: dict[int, bytes] = {}
    for record in psd.records(account.first):
        if record.type == RecordType.DEBIT and record.amount:
            debits[record.piece_count] = record.payload + record.signature
    wrong = [
        f"imprint without debit: piece {count}"
        for count, payload in account.paper.items()
        if debits.get(count) != payload
    ]
    for piece in psd.open_pieces:
        claimed = (piece.piece_count, piece.amount, piece.department)
        told = f"piece {piece.piece_count}, {piece.amount}"
        if piece.payload != debits.get(piece.piece_count) or told not in piece.claim:
            wrong.append(f"claim of another piece: {claimed}")
    return wrong


def run(first: int, count: int, variant: str = broken.SOUND) -> Findings:
    """Return the counts of so many crash points, and what they broke."""
    found = Findings()
    with remembering():
        for seed in range(first, first + count):
            for wrong in crash_point(seed, variant, found.counts):
                found.blame(f"point {seed}: {wrong}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="crash the meter at seeded points")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="first point")
    parser.add_argument("--variant", choices=VARIANTS, default=broken.SOUND)
    told = parser.parse_args()
    started = time.process_time()
    found = run(told.first, told.count, told.variant)
    seconds = round(time.process_time() - started, 1)
    print(json.dumps({**found.counts, "cpu_seconds": seconds, "wrong": found.shown}, indent=1))


if __name__ == "__main__":
    main()
