"""Rot on the medium: every single bit, the same record in both copies, random damage; R6.

`python -m tests.reliability.bit_rot --random 100000` prints the counts. Each image is recovered to
the very state and bytes that stood there before, or refused with FAULT; a device that comes up with
another state has accepted damage, and one with an older state has rolled back in silence.
"""

import argparse
import json
import time
from functools import cache
from random import Random

from imi.simdisk import SimDisk
from pipeline.errors import PsdFault
from pipeline.faultnote import NOTE
from pipeline.record import RECORD_BYTES
from pipeline.recovery import HEAD, mend, recover
from pipeline.segments import Segment
from pipeline.state import DeviceState, Lock, Outcome
from postage.money import Money
from tests.pipeline.device import SEAL, check, imprinted, letter, new_device
from tests.reliability.findings import Findings
from tests.reliability.operations import SEGMENT_RECORDS, earlier
from tests.reliability.remembering import remembering

SECTOR = 512
STORES = ("young", "rotated")
DAMAGES = ("bits", "zero sector", "swapped sectors", "misdirected write", "wild write")


@cache
def store(name: str) -> tuple[SimDisk, DeviceState, dict[str, bytes]]:
    """Return a device's disk, its state and its bytes: within one segment, or past a rotation."""
    disk = SimDisk()
    psd = new_device(disk, **earlier())
    psd.refill(Money(500_000), 1)
    psd.set_budget(3, Money(100_000))
    while psd.last_sequence < (9 if name == "young" else SEGMENT_RECORDS + 5):
        evidence = imprinted(psd, letter(780, department=3))
        psd.confirm(evidence.sequence, Outcome.CONFIRMED)
    psd.lock(Lock.SUSPENDED)
    psd.close()
    return disk, recover(disk.fork(), SEAL, check).state, disk.image()


def judge(image: SimDisk, name: str, found: Findings) -> None:
    """Count an image as recovered, refused, or wrong."""
    _, truth, sound = store(name)
    try:
        recovery = recover(image, SEAL, check)
    except PsdFault as fault:
        found.counts["refused"] += 1
        found.counts[f"refused, {fault.cause.name}"] += 1
        return
    if recovery.state != truth:
        kind = "rolled back" if recovery.state.sequence < truth.sequence else "wrong accept"
        found.blame(f"{kind}: record {recovery.state.sequence} of {truth.sequence}")
        return
    found.counts["recovered"] += 1
    found.counts["recovered, a release called none"] += recovery.withheld
    mend(image, recovery)
    for each in (HEAD, *recovery.files):
        if image.pread(each, 1 << 20, 0) != sound[each]:
            found.blame(f"recovered to other bytes of {each!r}")


def every_bit(name: str, part: int = 0, parts: int = 1) -> Findings:
    """Flip each bit of each file, one at a time; of `parts` this one."""
    found = Findings()
    disk, _, sound = store(name)
    files = {each: data for each, data in sound.items() if each != NOTE}  # which proves nothing
    bits = [(each, bit) for each, data in files.items() for bit in range(8 * len(data))]
    with remembering():
        for each, bit in bits[part::parts]:
            disk.flip(each, bit)
            found.counts["single bits"] += 1
            _read_through(disk, name, each, bit, found)
            judge(disk, name, found)  # in place: what it mends, it mends to the sound bytes
            disk.poke(each, bit // 8, sound[each][bit // 8 : bit // 8 + 1])
    assert disk.image() == sound
    return found


def _read_through(disk: SimDisk, store_name: str, name: str, bit: int, found: Findings) -> None:
    """Read the record that a bit belongs to, as reports do: the other copy has it."""
    if name == HEAD:
        return
    base = int(name.partition("/")[2])
    sequence = base + bit // 8 // RECORD_BYTES
    known, truth, _ = store(store_name)
    if sequence > truth.sequence:
        return
    before = Segment(known, SEAL, base, only=sequence)
    if Segment(disk, SEAL, base, only=sequence).record(sequence) != before.record(sequence):
        found.blame(f"record {sequence} reads otherwise")
    found.counts["records read from the other copy"] += 1


def both_copies(name: str, seed: int, count: int) -> Findings:
    """Flip one bit of a record in A and one of the same record in B: always FAULT."""
    found = Findings()
    disk, truth, _ = store(name)
    base = recover(disk.fork(), SEAL, check).base
    rng = Random(seed)
    with remembering():
        for _ in range(count):
            image = disk.fork()
            sequence = rng.randint(base, truth.sequence)
            for side in "ab":
                bit = (sequence - base) * 8 * RECORD_BYTES + rng.randrange(8 * RECORD_BYTES)
                image.flip(f"{side}/{base:016d}", bit)
            found.counts["both copies"] += 1
            try:
                recover(image, SEAL, check)
                found.blame(f"record {sequence}, hit in both copies, was accepted")
            except PsdFault:
                found.counts["both copies refused"] += 1
    return found


def random_damage(seed: int, count: int) -> Findings:
    """Damage in all ways at once, one to three places an image."""
    found = Findings()
    rng = Random(seed)
    with remembering():
        for _ in range(count):
            name = rng.choice(STORES)
            disk, _, sound = store(name)
            image = disk.fork()
            for _ in range(rng.choice((1, 1, 1, 2, 3))):
                damage = rng.choice(DAMAGES)
                _damage(image, damage, rng)
                found.counts[damage] += 1
            if image.image() == sound:
                continue
            found.counts["random images"] += 1
            judge(image, name, found)
    return found


def _damage(image: SimDisk, damage: str, rng: Random) -> None:
    names = [name for name in image.list() if name != NOTE]
    weights = [3] * len(names)
    weights[names.index(HEAD)] = 1  # a lost HEAD is FAULT whatever else; let others show
    name, other = rng.choices(names, weights, k=2)
    size = image.size(name)
    if damage == "bits":
        for _ in range(rng.choice((2, 3, 8, 60))):
            image.flip(name, rng.randrange(8 * size))
        return
    at = rng.randrange(0, size, SECTOR)
    there = rng.randrange(0, image.size(other), SECTOR)
    sector = image.pread(name, SECTOR, at)
    if damage == "zero sector":
        image.poke(name, at, bytes(len(sector)))
    elif damage == "swapped sectors":
        elsewhere = image.pread(other, SECTOR, there)
        _place(image, name, at, elsewhere)
        _place(image, other, there, sector)
    elif damage == "misdirected write":
        _place(image, other, there, sector)
    else:
        _place(image, other, there, rng.randbytes(SECTOR))


def _place(image: SimDisk, name: str, at: int, sector: bytes) -> None:
    """Write no more than fits: a sector beyond the end of HEAD is no part of HEAD."""
    image.poke(name, at, sector[: image.size(name) - at])


def main() -> None:
    parser = argparse.ArgumentParser(description="rot the medium of a meter")
    parser.add_argument("--random", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    started = time.process_time()
    found = Findings()
    for name in STORES:
        found.add(every_bit(name))
        found.add(both_copies(name, told.seed, told.pairs))
    found.add(random_damage(told.seed, told.random))
    print(json.dumps({**found.counts, "wrong": found.shown}, indent=1))
    print(f"{time.process_time() - started:.1f} s of CPU")


if __name__ == "__main__":
    main()
