"""The durable operations of the device by name, each with the state that it starts from.

The exhaustive tears (`tears`) go through all of them. A new service of the device is one line here.
"""

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from imi.fakeprovider import FakeProvider
from imi.simdisk import PowerCut, SimDisk
from pipeline.authority import Refused
from pipeline.checkpoint import run_records
from pipeline.contact import Contact, Met
from pipeline.imprint import Evidence
from pipeline.psd import Psd
from pipeline.record import RECORD_BYTES, SLOT_BYTES, SLOTS, RecordType
from pipeline.recovery import HEAD, recover
from pipeline.setup import Setup
from pipeline.state import Lock, Outcome, Try
from postage.messages import RateNotice
from postage.money import Money
from tests.pipeline.device import (
    NOON_US,
    SEAL,
    TODAY,
    TellClock,
    check,
    imprinted,
    initialise,
    letter,
    new_device,
    register,
    setup,
)
from tests.pipeline.meeting import DEVICE, device_check, provider_check, provider_sign

SEGMENT_RECORDS = 16
RATES = 20260712  # an edition's number in RATE records
RELEASE = Callable[[Evidence], Evidence]
"""Called with each Evidence that the device hands out; gives it back."""


@dataclass
class Keys:
    """The keys of the device under test."""

    exist: bool = True

    def destroy(self) -> None:
        self.exist = False


KEYS = Keys()


def device(**changes: object) -> Setup:
    """Return the setup of one boot; every boot of these harnesses starts at the same noon."""
    chosen = {"window": 2, "segment_records": SEGMENT_RECORDS, "pair_check_every": 5}
    return setup(**{"clock": TellClock(), "zeroise": KEYS.destroy, **chosen, **changes})


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


def _redate(psd: Psd, release: RELEASE) -> None:
    debits = [each for each in psd.records() if each.type == RecordType.DEBIT and each.amount]
    evidence = psd.redate(debits[-1].sequence, TODAY + timedelta(days=1))
    assert isinstance(evidence, Evidence), evidence
    release(evidence)


def done(act: Callable[[Psd], object]) -> Callable[[SimDisk, RELEASE], object]:
    """Return an act of one service that must not be refused."""

    def checked(psd: Psd, release: RELEASE) -> None:
        refused = act(psd)
        assert not isinstance(refused, Refused), refused

    return on(checked)


def manufactured(step: Callable[[Psd], object] = lambda psd: None) -> Callable[[], SimDisk]:
    """Return what makes the disk of a device that no customer has yet."""

    def make() -> SimDisk:
        disk = SimDisk()
        psd = Psd.create(disk, **earlier())
        step(psd)
        psd._journal.close()
        return disk

    return make


def _overdue(psd: Psd, release: RELEASE) -> None:
    """Ask for an imprint 73 hours after the last contact: the lock is made durable."""
    clock = psd._clock
    assert isinstance(clock, TellClock)
    release(imprinted(psd))  # with nothing unsent no contact is due
    clock.psd_us += 73 * 3_600_000_000
    refused = psd.imprint(letter())
    assert isinstance(refused, Refused), refused


def hears_of_rates(psd: Psd) -> None:
    """Meet a provider that has a notice of a rate edition; the device notes it."""
    provider = FakeProvider(provider_sign, device_check, lambda: psd.now_us)
    provider.enroll(DEVICE)
    provider.accounts[DEVICE].shadow.post(1, 500_000)
    provider.announce(
        RateNotice(
            device=0, nonce=0, order=0, edition="2026-07-12", sha256=bytes(32), effective=TODAY
        )
    )
    contact = Contact(
        psd,
        provider.handle,
        provider_check,
        nonces=itertools.count(1).__next__,
        boottime_us=lambda: psd._clock().boottime_us,
        take_rates=lambda notice: psd.adopt_rates(RATES, notice.sha256),
    )
    met = contact.meet()
    assert isinstance(met, Met), met
    assert met.refused is None, met


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
    Operation("initialise", manufactured(), done(initialise)),
    Operation(
        "register",
        manufactured(initialise),
        done(register),
    ),
    Operation("redate", of(8), on(_redate)),
    Operation(
        "refill void",
        of(8, lambda psd: psd.begin_refill(Money(90_000), 2)),
        done(lambda psd: psd.void_refill(2)),
    ),
    Operation("time anchor", of(8), done(lambda psd: psd.anchor_time(NOON_US + 60_000_000, 9, 7))),
    Operation("acknowledge all", of(8), done(lambda psd: psd.acknowledge(psd.last_sequence))),
    Operation("acknowledge a part", of(8), done(lambda psd: psd.acknowledge(4))),
    Operation("lock by contact rule", of(8), on(_overdue)),
    Operation("PIN attempt", of(8), done(lambda psd: psd.note_try(5, Try.ATTEMPT))),
    Operation(
        "PIN success",
        of(8, lambda psd: psd.note_try(5, Try.ATTEMPT)),
        done(lambda psd: psd.note_try(5, Try.SUCCESS)),
    ),
    Operation("rates adopted", of(8), done(lambda psd: psd.adopt_rates(3, bytes(32)))),
    Operation("rate notice in a contact", of(6), done(hears_of_rates)),
    Operation("withdraw", of(8), done(lambda psd: psd.withdraw())),
    Operation("self-test failed", of(8), done(lambda psd: psd.fail("known-answer test"))),
    Operation("zeroise", of(8), on(lambda psd, release: psd.zeroise())),
    Operation("next segment made", of(10), on(lambda psd, release: psd.idle())),
    Operation("rotation", lambda: full(2), on(_settled(Outcome.CONFIRMED))),
    Operation("rotation at boot", full_for_boot, on(_imprint)),
    Operation("rotation, long run", lambda: full(1, _many_departments), on(_imprint)),
    Operation("rotation, run cut short", cut_run, on(_imprint)),
)
