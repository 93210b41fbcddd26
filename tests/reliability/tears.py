"""Every crash point of every durable operation, with every tear: reliability.md R2 and Appendix B.

`python -m tests.reliability.tears` prints a table: operation, crash points, images, wrong.

A crash point stands before each disk operation and after the last. At each, every subset is kept of
the creations and renames that no directory sync covers, and every subset of the 16-byte atoms of
pending writes that change anything, where those are at most `ALL_SUBSETS` (a HEAD slot has 4). A
record has some 20 in each copy: 2^40 pairs of subsets. Of such sets a family is taken: each prefix,
suffix, single atom and all but one of one copy, beside nothing, the whole, either half and all but
the first atom of the other. The reader looks at a record through its checksum and so tells three
classes apart, nothing, a part and the whole; that no part passes for a record is counted over all
subsets (`passing_tears`), by the rank of the atoms' syndromes.
"""

import argparse
import copy
import hashlib
import itertools
import json
import time
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar
from unittest.mock import patch

import google_crc32c

from imi.simdisk import SimDisk
from pipeline.errors import NoDevice, PsdFault
from pipeline.fold import fold
from pipeline.imprint import Evidence
from pipeline.journal import Journal
from pipeline.lifecycle import State
from pipeline.psd import Psd
from pipeline.record import RECORD_BYTES, Quality, Record, invert, unpack_record
from pipeline.recovery import Recovery, mend, recover
from pipeline.rules import violation
from pipeline.state import DeviceState
from tests.pipeline.device import NOON_US, SEAL, TellClock, check, letter
from tests.reliability.broken import SOUND, VARIANTS, broken
from tests.reliability.findings import Findings
from tests.reliability.operations import KEYS, OPERATIONS, Operation, device
from tests.reliability.remembering import remembering

ATOM = 16
SECTOR = 512
ALL_SUBSETS = 8

T = TypeVar("T")

Piece = tuple[str, int, bytes]  # name, offset, data: what reached the disk


@dataclass(frozen=True)
class Point:
    """The disk before one operation, and what the world knew by then."""

    disk: SimDisk
    acknowledged: int  # sequence of the last record that was told durable
    released: tuple[int, ...]  # records whose imprint is out
    has_keys: bool


def points(operation: Operation, variant: str = SOUND) -> list[Point]:
    """Return the crash points of an operation; the last stands after it."""
    disk = operation.before()
    KEYS.exist = True
    done = recover(disk.fork(), SEAL, check).state.sequence if disk.list() else 0
    released: list[int] = []
    found: list[Point] = []
    append = Journal.append

    def noting(journal: Journal, *told: object, **more: object) -> Record:
        nonlocal done
        record = append(journal, *told, **more)  # type: ignore[arg-type]
        done = record.sequence
        return record

    def release(evidence: Evidence) -> Evidence:
        released.append(evidence.sequence)
        return evidence

    def watch() -> None:
        twin = disk.fork()
        twin.__class__ = SimDisk
        found.append(Point(twin, done, tuple(released), KEYS.exist))

    with patch.object(Journal, "append", noting), broken(disk, variant):
        disk.watch = watch
        operation.act(disk, release)
    watch()
    return found


def states(disk: SimDisk) -> dict[int, DeviceState]:
    """Return the state after each record, folded from copy A's bytes from the first record on."""
    state = DeviceState()
    found = {0: copy.deepcopy(state)}
    for name in [name for name in disk.list() if name.startswith("a/")]:
        data = disk.pread(name, disk.size(name), 0)
        for at in range(0, len(data), RECORD_BYTES):
            sealed = data[at : at + RECORD_BYTES]
            if SEAL.quality(sealed) is Quality.SEALED:
                record = unpack_record(sealed)
                assert violation(state, record) is None, violation(state, record)
                fold(state, record, hashlib.sha256(sealed).digest())
                found[record.sequence] = copy.deepcopy(state)
    return found


def images(disk: SimDisk) -> Iterator[SimDisk]:
    """Yield what a power cut may leave."""
    changes = range(disk.unsynced_names)
    for kept in subsets(changes):
        named = disk.named(kept)
        for emptied in subsets(named.emptied()):
            base = named.durable_only()
            for name in emptied:
                base.truncate(name, 0)
            writes = [_changing(base, *write) for write in named.pending()]
            for pieces in families([write for write in writes if write]):
                image = base.fork()
                for piece in pieces:
                    image.poke(*piece)
                yield image


def _changing(base: SimDisk, name: str, offset: int, data: bytes) -> list[Piece]:
    """Return the atoms of a write that differ from what the medium holds."""
    atom = ATOM if len(data) <= SECTOR else SECTOR  # the fill of a new file: all sectors alike
    pieces = [(name, offset + at, data[at : at + atom]) for at in range(0, len(data), atom)]
    return [each for each in pieces if base.pread(name, len(each[2]), each[1]) != each[2]]


def families(writes: list[list[Piece]]) -> Iterator[tuple[Piece, ...]]:
    """Yield the sets of atoms that reach the disk; each once."""
    if sum(len(write) for write in writes) <= ALL_SUBSETS:
        yield from subsets([piece for write in writes for piece in write])
        return
    seen: set[tuple[tuple[str, int], ...]] = set()
    for full in range(len(writes)):
        choices = [_family(each) if n == full else _few(each) for n, each in enumerate(writes)]
        for chosen in itertools.product(*choices):
            pieces = tuple(piece for part in chosen for piece in part)
            key = tuple((name, at) for name, at, _ in pieces)
            if key not in seen:
                seen.add(key)
                yield pieces


def subsets(things: Sequence[T]) -> Iterator[tuple[T, ...]]:
    for size in range(len(things) + 1):
        yield from itertools.combinations(things, size)


def _family(write: list[Piece]) -> list[tuple[Piece, ...]]:
    size = len(write)
    ranges = [(0, n) for n in range(size + 1)] + [(n, size) for n in range(1, size)]
    family = [tuple(write[first:last]) for first, last in ranges]
    family += [(piece,) for piece in write[1:-1]]
    return family + [(*write[:n], *write[n + 1 :]) for n in range(1, size - 1)]


def _few(write: list[Piece]) -> list[tuple[Piece, ...]]:
    half = len(write) // 2
    return [(), tuple(write), tuple(write[:half]), tuple(write[half:]), tuple(write[1:])]


def passing_tears(disk: SimDisk) -> int:
    """Return how many parts of pending records, of all subsets of atoms, have a right checksum.

    CRC-32C is linear: a part passes where the syndromes of its missing atoms cancel, and over GF(2)
    2^(atoms - rank) subsets do; one of them is the empty one, which is the whole record.
    """
    passing = 0
    for name, offset, data in disk.pending():
        if len(data) != RECORD_BYTES or not name.startswith(("a/", "b/")):
            continue
        whole = data
        ground = disk.pread_direct(name, RECORD_BYTES, offset).ljust(RECORD_BYTES, b"\0")
        if name.startswith("b/"):
            whole, ground = invert(data), invert(ground)
        if _syndrome(whole):
            continue  # recovery blanks what a tear left: no record is written here
        torn = [
            whole[:at] + ground[at : at + ATOM] + whole[at + ATOM :]
            for at in range(0, RECORD_BYTES, ATOM)
            if whole[at : at + ATOM] != ground[at : at + ATOM]
        ]
        passing += 2 ** (len(torn) - _rank([_syndrome(each) for each in torn])) - 1
    return passing


def _syndrome(sealed: bytes) -> int:
    return google_crc32c.value(sealed[:-4]) ^ int.from_bytes(sealed[-4:], "little")


def _rank(vectors: list[int]) -> int:
    basis: list[int] = []
    for vector in vectors:
        left = vector
        for row in basis:
            left = min(left, left ^ row)
        if left:
            basis.append(left)
    return len(basis)


def judge(
    point: Point, image: SimDisk, known: dict[int, DeviceState], used: set[Hashable]
) -> str | None:
    """Return what is wrong with the device that an image gives, None where nothing is.

    `used` remembers devices that went on well: what recovery made the same goes on the same.
    """
    try:
        found = recover(image, SEAL, check)
        state = found.state
        wrong = _mismatch(point, found, known)
        if wrong is not None:
            return wrong
        mend(image, found)
        mended = (state.sequence, found.withheld, *image.image().items())
        if mended in used:
            return None
        again = recover(image, SEAL, check)
        if again.state != state or again.repairs or again.head or again.withheld != found.withheld:
            return "recovery twice differs from once"
        wrong = _use(image, state)
        if wrong is None:
            used.add(mended)
    except NoDevice:
        wrong = "lost: no device" if point.acknowledged else None
    except PsdFault as fault:
        wrong = f"fault: {fault}"
    return wrong


def _mismatch(point: Point, found: Recovery, known: dict[int, DeviceState]) -> str | None:
    """Return where the recovered state differs from what was acknowledged and released."""
    state = found.state
    if state.sequence not in (point.acknowledged, point.acknowledged + 1):
        return f"lost: record {state.sequence} after {point.acknowledged}"
    if state != known[state.sequence]:
        return f"another state after record {state.sequence}"
    if found.withheld and state.sequence in point.released:
        return f"printed, called unreleased: record {state.sequence}"
    if not point.has_keys and not state.zeroised:
        return "keys are gone and the latch is not set"
    return None


def _use(image: SimDisk, before: DeviceState) -> str | None:
    """Open the device and imprint once: the count goes on where it stopped."""
    KEYS.exist = True
    psd = Psd.open(image, **device(clock=TellClock(NOON_US + 3_600_000_000)))
    if before.zeroised and (KEYS.exist or psd.state is not State.TAMPERED):
        return f"zeroised, and {psd.state} with keys: {KEYS.exist}"
    evidence = psd.imprint(letter())
    if isinstance(evidence, Evidence):
        registers = evidence.registers
        count, ascending = registers.piece_count, registers.ascending.mills
        if (count, ascending) != (before.piece_count + 1, before.ascending + 780):
            return f"the next piece is {count} at AR {ascending}"
    elif psd.state in (State.READY, State.LOW):
        return f"refused: {evidence}"
    if (pieces := len(psd._journal.state.open) - len(before.open)) > before.window:
        return f"window: {pieces} more pieces are open"
    return None


def examine(name: str, variant: str = SOUND, most: int | None = None) -> Findings:
    """Return the counts of one operation; `most` images for each point at most."""
    operation = next(each for each in OPERATIONS if each.name == name)
    found = Findings()
    with remembering():
        try:
            stops = points(operation, variant)
        except PsdFault as fault:  # a broken variant trips over itself
            found.blame(f"fault: {fault}")
            return found
        known = states(stops[-1].disk)
        used: set[Hashable] = set()
        for number, point in enumerate(stops):
            found.counts["points"] += 1
            found.counts["tears that pass for a record"] += passing_tears(point.disk)
            for image in itertools.islice(images(point.disk), most):
                found.counts["images"] += 1
                wrong = judge(point, image, known, used)
                if wrong is not None:
                    found.blame(f"{name}, point {number}: {wrong}")
    found.counts[f"images, {name}"] = found.counts["images"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="tear every durable operation in every way")
    parser.add_argument("--variant", choices=VARIANTS, default=SOUND)
    parser.add_argument("--only", default="", help="part of an operation's name")
    told = parser.parse_args()
    started = time.process_time()
    total = Findings()
    print(f"{'operation':26} points   images  wrong")
    for operation in OPERATIONS:
        if told.only in operation.name:
            found = examine(operation.name, told.variant)
            points, count = found.counts["points"], found.counts["images"]
            print(f"{operation.name:26} {points:6} {count:8,} {found.wrong:6,}", flush=True)
            for words in found.shown[:3]:
                print("   ", words)
            total.add(found)
    print(json.dumps({**total.counts, "cpu_seconds": round(time.process_time() - started, 1)}))


if __name__ == "__main__":
    main()
