"""Seeded crash points on the imprint path, judged against what was acknowledged and printed.

`python -m tests.reliability.crash_points --count 20000` prints the counts. One crash point: a
device works until the disk's power goes at a chosen operation; what was not synced is lost,
reordered or torn; the device is opened again, one time in three with more cuts during recovery;
then its registers, records and open pieces are compared with an account kept outside.

A variant breaks the write order on purpose. A harness that finds nothing in them proves nothing.
"""

import argparse
import contextlib
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random
from unittest.mock import patch

from imi.simdisk import ATOMS, PowerCut, SimDisk
from pipeline.errors import PsdFault
from pipeline.imprint import Evidence, Refilled
from pipeline.journal import Journal
from pipeline.psd import Psd
from pipeline.record import SLOT_BYTES, SLOTS, HeadSlot, Record, RecordType, invert
from pipeline.recovery import HEAD
from pipeline.setup import Setup
from pipeline.state import Open, Outcome
from postage.indicium import unpack
from postage.money import Money
from tests.pipeline.device import NOON_US, TellClock, check, letter, new_device, setup

VARIANTS = ("sound", "print first", "no sync", "no HEAD", "HEAD first", "no copies' sync")
SEGMENT_RECORDS = 16  # small, so that every fifth crash or so meets a rotation
LONGEST = 24  # operations before the cut: some four imprints, or a rotation and one
Registers = tuple[int, int, int, int]  # AR, DR, CT in mills and the piece count


@dataclass
class Account:
    """What the world outside knows: acknowledged registers and paper."""

    registers: Registers
    doubt: Registers | None = None  # the registers, should the operation under way count
    paper: dict[int, bytes] = field(default_factory=dict)  # payload by piece count, as printed
    untold: set[int] = field(default_factory=set)  # piece counts released without an outcome
    first: int = 1  # sequence at the start
    wrong: list[str] = field(default_factory=list)

    def print(self, payload: bytes) -> None:
        count = unpack(payload, profile="imi-std/p1").piece_count
        assert count is not None
        if count in self.paper:
            self.wrong.append(f"duplicate: piece {count} printed twice")
        self.paper[count] = payload


class UnsyncedDisk(SimDisk):
    """Says that everything is durable and makes nothing so."""

    def sync(self, name: str) -> None:
        self._operate(name, is_sync=True)


class HeadlessDisk(SimDisk):
    """Never writes HEAD."""

    def pwrite(self, name: str, data: bytes, offset: int) -> None:
        if name != HEAD:
            super().pwrite(name, data, offset)


def write_head_first(self: Journal, record: Record, sealed: bytes) -> None:
    slot = self._seal.slot(HeadSlot(record.sequence, record.boot, record.ascending))
    self._disk.pwrite(HEAD, slot, record.sequence % SLOTS * SLOT_BYTES)
    self._disk.sync(HEAD)
    write_copies(self, record, sealed)


def write_without_copies_sync(self: Journal, record: Record, sealed: bytes) -> None:
    offset = (record.sequence - self._base) * len(sealed)
    self._disk.pwrite(self._a, sealed, offset)
    self._disk.pwrite(self._b, invert(sealed), offset)
    slot = self._seal.slot(HeadSlot(record.sequence, record.boot, record.ascending))
    self._disk.pwrite(HEAD, slot, record.sequence % SLOTS * SLOT_BYTES)
    self._disk.sync(HEAD)


def write_copies(self: Journal, record: Record, sealed: bytes) -> None:
    offset = (record.sequence - self._base) * len(sealed)
    self._disk.pwrite(self._a, sealed, offset)
    self._disk.pwrite(self._b, invert(sealed), offset)
    self._disk.sync(self._a)
    self._disk.sync(self._b)


BROKEN_WRITES = {"HEAD first": write_head_first, "no copies' sync": write_without_copies_sync}
BROKEN_DISKS = {"no sync": UnsyncedDisk, "no HEAD": HeadlessDisk}


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
    psd.close()
    return disk


def device(clock: TellClock, window: int = 1) -> Setup:
    return setup(clock=clock, window=window, segment_records=SEGMENT_RECORDS, pair_check_every=5)


def crash_point(seed: int, variant: str = "sound", tally: Counter[str] | None = None) -> list[str]:
    """Return what one seed's crash broke, in words; nothing for a sound device."""
    rng = Random(seed)
    tally = Counter() if tally is None else tally
    setting = device(TellClock(), window=rng.randint(1, 3))
    disk = warmed(rng.randint(4, 4 + 2 * SEGMENT_RECORDS)).fork()
    disk.__class__ = BROKEN_DISKS.get(variant, SimDisk)
    write = BROKEN_WRITES.get(variant, Journal._write)
    account = Account((0, 0, 0, 0))
    with patch.object(Journal, "_write", write):
        try:
            psd = Psd.open(disk, **setting)
            account.registers = registers_of(psd)
            account.first = psd._journal.state.sequence
            disk.operations, disk.cut_at = 0, rng.randrange(LONGEST)
            work(psd, rng, account, variant)
        except PowerCut:
            pass
        except PsdFault as fault:  # a broken variant may trip over itself
            return [f"fault: {fault}"]
    tally["crashes"] += 1
    return account.wrong + judge(disk, rng, setting, account, tally)


def work(psd: Psd, rng: Random, account: Account, variant: str) -> None:
    """Use the device until the power goes, accounting for each acknowledged effect."""
    state = psd._journal.state
    while True:
        ascending, descending, total, count = account.registers
        action = rng.random()
        if action < 0.75:
            amount = rng.randint(1, 5_000)
            account.doubt = (ascending + amount, descending - amount, total, count + 1)
            with printing_first(psd, account) if variant == "print first" else nothing():
                evidence = psd.imprint(letter(amount))
            if not isinstance(evidence, Evidence):  # the window is full: tell the oldest
                account.doubt = None
                tell(psd, rng, account, state.flight[0])
                continue
            account.registers, account.doubt = account.doubt, None
            account.untold.add(evidence.registers.piece_count)
            if variant != "print first":
                account.print(evidence.payload)
            if rng.random() < 0.7:
                tell(psd, rng, account, evidence.sequence)
        elif action < 0.85:
            amount = rng.randint(1_000, 50_000)
            account.doubt = (ascending, descending + amount, total + amount, count)
            assert isinstance(psd.refill(Money(amount), rng.getrandbits(63)), Refilled)
            account.registers, account.doubt = account.doubt, None
        elif action < 0.95:
            psd.idle()
        else:
            assert isinstance(psd.test_imprint(), Evidence)


def tell(psd: Psd, rng: Random, account: Account, sequence: int) -> None:
    if sequence in psd._told:
        return
    account.untold.discard(psd._journal.record(sequence).piece_count)
    psd.confirm(sequence, rng.choice([Outcome.PRINTED, Outcome.CONFIRMED]))


@contextlib.contextmanager
def printing_first(psd: Psd, account: Account) -> Iterator[None]:
    """Let the payload out when it is signed, before its debit is durable."""

    def leak(payload: bytes, signature: bytes) -> bool:
        account.print(payload + signature)
        return check(payload, signature)

    with patch.object(psd._journal, "_check", leak):
        yield


nothing = contextlib.nullcontext


def judge(
    disk: SimDisk, rng: Random, setting: Setup, account: Account, tally: Counter[str]
) -> list[str]:
    """Return what is wrong with the device that comes up after the crash."""
    cuts = rng.choice((0, 0, 1, 2))
    while True:
        is_kill = rng.random() < 0.2  # the process dies, the page cache lives on
        disk = disk.fork() if is_kill else disk.after_cut(rng, rng.choice(ATOMS))
        disk.__class__ = SimDisk
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
    found = registers_of(psd)
    if found not in (account.registers, account.doubt):
        wrong.append(f"lost: {found} after {account.registers}, in doubt {account.doubt}")
    tally["debits or refills kept"] += found == account.doubt
    pieces = {piece.piece_count: piece for piece in psd.open_pieces}
    unreleased = {count for count, each in pieces.items() if each.why is Open.OPEN_UNRELEASED}
    tally["open, never released"] += len(unreleased)
    tally["open, unknown"] += len(pieces) - len(unreleased)
    wrong += [
        f"printed, called unreleased: piece {count}" for count in unreleased & {*account.paper}
    ]
    if missing := account.untold - pieces.keys():
        wrong.append(f"released and not open: pieces {missing}")
    if len(pieces) > window:
        wrong.append(f"window: {len(pieces)} pieces open of {window}")
    debits = debits_of(psd, account.first)
    wrong += [
        f"imprint without debit: piece {count}"
        for count, payload in account.paper.items()
        if debits.get(count) != payload
    ]
    evidence = psd.imprint(letter(1))
    assert isinstance(evidence, Evidence), evidence
    again = Account(found, paper=account.paper)
    again.print(evidence.payload)
    return wrong + again.wrong


def registers_of(psd: Psd) -> Registers:
    state = psd._journal.state
    return state.ascending, state.descending, state.control_total, state.piece_count


def debits_of(psd: Psd, first: int) -> dict[int, bytes]:
    """Return payloads of the debits among records from `first` on, by piece count."""
    last = psd._journal.state.sequence
    records = (psd._journal.record(sequence) for sequence in range(first, last + 1))
    return {
        record.piece_count: record.payload + record.signature
        for record in records
        if record.type == RecordType.DEBIT and record.amount
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="crash the meter at seeded points")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--variant", choices=VARIANTS, default="sound")
    told = parser.parse_args()
    tally: Counter[str] = Counter()
    shown = 0
    started = time.monotonic()
    for seed in range(told.first, told.first + told.count):
        for wrong in crash_point(seed, told.variant, tally):
            tally[f"WRONG {wrong.split(':')[0]}"] += 1
            if (shown := shown + 1) <= 5:
                print(f"seed {seed}: {wrong}")
    print(json.dumps({**tally, "seconds": round(time.monotonic() - started, 1)}, indent=1))


if __name__ == "__main__":
    main()
