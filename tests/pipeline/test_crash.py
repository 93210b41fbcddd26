"""Power cuts: every torn image of two imprints, and kill -9 of a real process."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import google_crc32c
import pytest

from imi.simdisk import PowerCut, SimDisk
from pipeline.errors import PsdFault
from pipeline.fold import fold
from pipeline.psd import Psd
from pipeline.record import RECORD_BYTES, SLOT_BYTES, Quality, invert
from pipeline.recovery import HEAD, mend, recover
from pipeline.rules import violation
from pipeline.state import DeviceState, Open, Outcome
from postage.money import Money
from tests.pipeline.device import SEAL, TellClock, check, imprinted, new_device, setup
from tests.reliability import crash_points

ROOT = Path(__file__).parents[2]
ATOM = 16
A, B = "a/0000000000000001", "b/0000000000000001"


# Exhaustive images of two imprints, reliability.md Appendix B.


def stages() -> Iterator[tuple[int, SimDisk, list[int]]]:
    """Yield the disk before each operation of two imprints, with the counts printed by then."""
    for operation in range(13):
        disk = SimDisk()
        psd = new_device(disk, **setup(clock=TellClock(), segment_records=16, pair_check_every=0))
        psd.refill(Money(500_000), 1)
        printed: list[int] = []
        disk.operations, disk.cut_at = 0, operation
        try:
            for _ in range(2):
                evidence = imprinted(psd)
                printed.append(evidence.registers.piece_count)
                psd.confirm(evidence.sequence, Outcome.CONFIRMED)
        except PowerCut:
            assert operation < 12
        yield operation, disk, printed


def atoms_of(data: bytes) -> list[tuple[int, bytes]]:
    return [(at, data[at : at + ATOM]) for at in range(0, len(data), ATOM)]


def torn(size: int) -> list[frozenset[int]]:
    """Return sets of atoms that reached the disk: all of them for a slot, a family for a record.

    For 32 atoms: each prefix, suffix, single atom and all but one. The reader tells three classes
    apart (nothing, part, whole), and `test_no_torn_record_passes` shows that every subset falls
    into the class that it should.
    """
    everything = frozenset(range(size))
    if size <= 4:
        return [frozenset(n for n in everything if mask >> n & 1) for mask in range(1 << size)]
    family = {frozenset(range(n)) for n in range(size + 1)}
    family |= {frozenset(range(n, size)) for n in range(size + 1)}
    family |= {frozenset({n}) for n in everything}
    family |= {everything - {n} for n in everything}
    return sorted(family, key=sorted)


def images(disk: SimDisk) -> Iterator[SimDisk]:
    """Yield what a power cut may leave of the pending writes."""
    pending = list(disk.pending())
    base = disk.durable_only()
    if not pending:
        yield base
        return
    families = [torn(len(data) // ATOM) for _, _, data in pending]
    few = [family if len(family) == 16 else few_of(family) for family in families]
    chosen = {(kept,) for kept in families[0]} if len(pending) == 1 else set()
    if len(pending) == 2:  # every tear of one copy beside each class of the other
        chosen |= {(one, other) for one in families[0] for other in few[1]}
        chosen |= {(one, other) for one in few[0] for other in families[1]}
    for kept in sorted(chosen, key=repr):
        image = base.fork()
        for (name, offset, data), part in zip(pending, kept, strict=True):
            for number, (at, atom) in enumerate(atoms_of(data)):
                if number in part:
                    image.poke(name, offset + at, atom)
        yield image


def few_of(family: list[frozenset[int]]) -> list[frozenset[int]]:
    size = len(max(family, key=len))
    wanted = [range(0), range(size), range(size // 2), range(size // 2, size), range(1, size)]
    return [frozenset(each) for each in wanted]


def test_every_crash_image_of_two_imprints_is_recovered() -> None:
    """Appendix B: no print beyond the count, AR + DR constant, count n or n + 1, no false FAULT."""
    seen = opened = 0
    for operation, disk, printed in stages():
        complete = operation // 6
        for image in images(disk):
            found = recover(image, SEAL, check)
            state = found.state
            assert state.ascending + state.descending == state.control_total == 500_000
            assert state.piece_count in (complete, min(complete + 1, 2))
            assert state.piece_count >= len(printed)
            assert state.ascending == 780 * state.piece_count
            assert not (found.withheld and state.piece_count <= len(printed))
            assert len(state.flight) <= 1
            mend(image, found)
            assert recover(image, SEAL, check).state == state
            seen += 1
            opened += found.withheld
    assert (seen, opened) == (2_963, 964)


def test_no_torn_record_passes() -> None:
    """All 2^20 tears of each of two debits at 16 bytes: none has a right checksum.

    CRC-32C is linear: a tear passes only where the changes of its missing atoms cancel in the
    syndrome. The syndromes of single atoms are independent over GF(2), so no subset cancels.
    """
    (_, disk, _), *_ = [stage for stage in stages() if stage[0] == 12]
    for sequence in (6, 7):
        sealed = disk.pread(A, RECORD_BYTES, (sequence - 1) * RECORD_BYTES)
        assert SEAL.quality(sealed) is Quality.SEALED
        assert syndrome(sealed) == 0
        # Copy B tears the same way: it stands inverted on a ground that is inverted too.
        assert disk.pread(B, RECORD_BYTES, 10 * RECORD_BYTES) == invert(bytes(RECORD_BYTES))
        changing = [at for at, atom in atoms_of(sealed) if any(atom)]
        syndromes = [syndrome(sealed[:at] + bytes(ATOM) + sealed[at + ATOM :]) for at in changing]
        assert len(changing) == 20
        assert rank(syndromes) == len(changing)


def syndrome(sealed: bytes) -> int:
    return google_crc32c.value(sealed[:508]) ^ int.from_bytes(sealed[508:], "little")


def rank(vectors: list[int]) -> int:
    basis: list[int] = []
    for vector in vectors:
        left = vector
        for row in basis:
            left = min(left, left ^ row)
        if left:
            basis.append(left)
    return len(basis)


def test_a_cut_during_recovery_keeps_the_proof_of_no_release() -> None:
    """HEAD marks a withheld record, so that a second crash does not turn proof into doubt."""
    _, disk, _ = list(stages())[4]  # both copies durable, HEAD not written
    disk = disk.durable_only()
    for cut in range(20):
        image = disk.fork()
        image.cut_at = cut
        try:
            Psd.open(image, **setup())
        except PowerCut:
            image = image.durable_only()
        image.cut_at = None
        (piece,) = Psd.open(image.fork(), **setup()).open_pieces
        assert piece.why is Open.OPEN_UNRELEASED, cut
        if cut > image.operations:
            return
    pytest.fail("opening never finished")


@pytest.mark.slow
def test_killed_processes_lose_and_repeat_nothing() -> None:
    """reliability.md R4, on a real disk; more: python -m tests.reliability.kill_points."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.reliability.kill_points", "--count", "100", "--seed", "7"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    tally = json.loads(done.stdout)
    assert tally["kills"] == 100
    assert tally["printed"] > 50
    assert tally["debits"] >= tally["printed"]


def test_a_fault_is_told_apart_from_a_crash() -> None:
    """A device whose HEAD was lost in a crash image is no crash image: it is refused."""
    _, disk, _ = list(stages())[-1]
    disk = disk.durable_only()
    disk.poke(HEAD, 0, bytes(4 * SLOT_BYTES))
    with pytest.raises(PsdFault, match="HEAD_UNREADABLE"):
        recover(disk, SEAL, check)


def test_recovered_state_is_the_fold_from_nothing() -> None:
    """Recovery that starts at a checkpoint equals the fold of every record from the first."""
    disk = crash_points.warmed(40)
    found = recover(disk.fork(), SEAL, check)
    assert found.base > 1
    assert found.state == folded(disk)


def folded(disk: SimDisk) -> DeviceState:
    from pipeline.record import unpack_record

    state = DeviceState()
    for name in [name for name in disk.list() if name.startswith("a/")]:
        data = disk.pread(name, disk.size(name), 0)
        for at in range(0, len(data), RECORD_BYTES):
            sealed = data[at : at + RECORD_BYTES]
            if SEAL.quality(sealed) is Quality.SEALED:
                record = unpack_record(sealed)
                assert violation(state, record) is None
                fold(state, record, hashlib.sha256(sealed).digest())
    return state
