"""The durable operations of the device by name, each with the state that it starts from.

The exhaustive tears (`tears`) go through all of them. A new service of the device is one line here.
"""

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from imi.simdisk import PowerCut, SimDisk
from pipeline.checkpoint import run_records
from pipeline.imprint import Evidence
from pipeline.psd import Psd
from pipeline.record import RECORD_BYTES, SLOT_BYTES, SLOTS
from pipeline.recovery import HEAD, recover
from pipeline.setup import Setup
from pipeline.state import Lock, Outcome
from postage.money import Money
from tests.pipeline.device import NOON_US, SEAL, TellClock, check, imprinted, letter, new_device, setup

SEGMENT_RECORDS = 16
RELEASE = Callable[[Evidence], Evidence]
"""Called with each Evidence that the device hands out; gives it back."""


def device(**changes: object) -> Setup:
    """Return the setup of one boot; every boot of these harnesses starts at the same noon."""
    chosen = {"window": 2, "segment_records": SEGMENT_RECORDS, "pair_check_every": 5}
    return setup(**{"clock": TellClock(), **chosen, **changes})


def earlier(**changes: object) -> Setup:
    """Return the setup of a boot an hour before."""
    return device(clock=TellClock(NOON_US - 3_600_000_000), **changes)


@dataclass(frozen=True)
class Operation:
    """`before` makes the disk, `act` does what is cut; it gets the disk, for opening is one too."""

    name: str
    before: Callable[[], SimDisk]
    act: Callable[[SimDisk, RELEASE], object]


def worked(records: int, more: Callable[[Psd], object] = lambda psd: None) -> SimDisk:
    """Return the disk of a device that has written so many records, and then did `more`."""
    disk = SimDisk()
    psd = new_device(disk, **earlier())
    psd.refill(Money(500_000), 1)
    while psd.last_sequence < records:
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    more(psd)
    psd._journal.close()  # as a power cut leaves it: nothing is written on the way out
    return disk


def on(psd_act: Callable[[Psd, RELEASE], object]) -> Callable[[SimDisk, RELEASE], object]:
    """Return an act that opens the device and then does one thing with it."""
    return lambda disk, release: psd_act(Psd.open(disk, **device()), release)


def of(records: int, more: Callable[[Psd], object] = lambda psd: None) -> Callable[[], SimDisk]:
    return lambda: worked(records, more)


def _imprint(psd: Psd, release: RELEASE) -> Evidence:
    return release(imprinted(psd, letter(781, department=3)))


def _settled(outcome: Outcome) -> Callable[[Psd, RELEASE], object]:
    def act(psd: Psd, release: RELEASE) -> None:
        psd.confirm(_imprint(psd, release).sequence, outcome)
        _imprint(psd, release)

    return act


def _idle(psd: Psd, release: RELEASE) -> None:
    psd.confirm(_imprint(psd, release).sequence, Outcome.PRINTED)
    psd.idle()


def _test(psd: Psd, release: RELEASE) -> None:
    evidence = psd.test_imprint()
    assert isinstance(evidence, Evidence)


def _claim(psd: Psd, release: RELEASE) -> None:
    psd.confirm(psd.open_pieces[0].sequence, Outcome.CLAIMED)


def _many_departments(psd: Psd) -> None:
    for number in range(1, 20):
        psd.set_budget(number, Money(10_000))


def torn_tail() -> SimDisk:
    """Return a disk with half of the next record in both copies."""
    disk = worked(7)
    at = 7 * RECORD_BYTES
    disk.poke("a/0000000000000001", at, b"PSDJ" + bytes(range(200)))
    disk.poke("b/0000000000000001", at + 256, bytes(range(200)))
    return disk


def never_released() -> SimDisk:
    """Return a disk whose last record is in both copies and not in HEAD."""
    disk = worked(8, imprinted)
    last = 9 % SLOTS * SLOT_BYTES
    return _without_slot(disk, last)


def _without_slot(disk: SimDisk, at: int) -> SimDisk:
    before = worked(8)
    disk.poke(HEAD, at, before.pread(HEAD, SLOT_BYTES, at))
    return disk


def rotted_copy() -> SimDisk:
    """Return a disk with a flipped bit in a record of A, another of B, an old slot of HEAD."""
    disk = worked(9)
    disk.flip("a/0000000000000001", 3 * RECORD_BYTES * 8 + 77)
    disk.flip("b/0000000000000001", 5 * RECORD_BYTES * 8 + 1234)
    disk.flip(HEAD, (9 - 1) % SLOTS * SLOT_BYTES * 8 + 9)
    return disk


def full(left: int, more: Callable[[Psd], object] = lambda psd: None) -> SimDisk:
    """Return a disk on which so many records fit before a rotation."""

    def fill(psd: Psd) -> None:
        more(psd)
        journal = psd._journal
        while journal._end - journal.state.sequence - 2 - run_records(journal.state) != left:
            psd.set_budget(4, Money(1_000))

    return worked(6, fill)


def full_for_boot() -> SimDisk:
    """Return a disk on which not even a BOOT fits: one took the place that is kept for it."""
    disk = full(0)
    Psd.open(disk, **earlier())._journal.close()
    return disk


def cut_run() -> SimDisk:
    """Return a disk whose checkpoint run a power cut stopped in the middle."""
    before = full(0, _many_departments)
    for cut in itertools.count():
        disk = before.fork()
        psd = Psd.open(disk, **earlier())
        disk.cut_at = disk.operations + cut
        with contextlib.suppress(PowerCut):
            psd.lock(Lock.COMM)
        left = disk.durable_only()
        checkpoint = recover(left.fork(), SEAL, check).state.checkpoint
        if checkpoint is not None and checkpoint[0] == 2:
            return left
    raise AssertionError


OPERATIONS = (
    Operation("create", SimDisk, lambda disk, release: Psd.create(disk, **device())),
    Operation("open", of(6), on(lambda psd, release: None)),
    Operation("open, a torn tail", torn_tail, on(lambda psd, release: None)),
    Operation("open, never released", never_released, on(lambda psd, release: None)),
    Operation("open, bits rotted", rotted_copy, on(lambda psd, release: None)),
    Operation("open, piece in flight", of(6, imprinted), on(lambda psd, release: None)),
    Operation("imprint", of(6), on(_imprint)),
    Operation("imprint after confirmed", of(6), on(_settled(Outcome.CONFIRMED))),
    Operation("imprint after misprint", of(6), on(_settled(Outcome.MISPRINT))),
    Operation("test imprint", of(6), on(_test)),
    Operation("outcome when idle", of(6), on(_idle)),
    Operation("claim of open piece", of(6, imprinted), on(_claim)),
    Operation("refill begin", of(6), on(lambda psd, release: psd.begin_refill(Money(90_000), 2))),
    Operation(
        "refill apply",
        of(6, lambda psd: psd.begin_refill(Money(90_000), 2)),
        on(lambda psd, release: psd.apply_refill(Money(90_000), 2)),
    ),
    Operation("budget change", of(6), on(lambda psd, release: psd.set_budget(3, Money(20_000)))),
    Operation("lock", of(6), on(lambda psd, release: psd.lock(Lock.SUSPENDED))),
    Operation(
        "unlock",
        of(6, lambda psd: psd.lock(Lock.SUSPENDED)),
        on(lambda psd, release: psd.unlock(Lock.SUSPENDED)),
    ),
    Operation("next segment made", of(10), on(lambda psd, release: psd.idle())),
    Operation("rotation", lambda: full(2), on(_settled(Outcome.CONFIRMED))),
    Operation("rotation at boot", full_for_boot, on(_imprint)),
    Operation("rotation, long run", lambda: full(1, _many_departments), on(_imprint)),
    Operation("rotation, run cut short", cut_run, on(_imprint)),
)
