"""Write order, recovery table, rotation, tampering and single-bit rot of the journal."""

import errno
from collections.abc import Callable, Iterator
from random import Random

import google_crc32c
import pytest

from imi.simdisk import ATOMS, PowerCut, SimDisk
from pipeline.checkpoint import run_records
from pipeline.errors import DeviceExists, FaultCause, NoDevice, PsdFault
from pipeline.faultnote import NOTE
from pipeline.imprint import Evidence, Refilled
from pipeline.journal import Journal
from pipeline.lifecycle import State
from pipeline.psd import Psd
from pipeline.record import (
    RECORD_BYTES,
    SLOT_BYTES,
    SLOTS,
    HeadSlot,
    RecordType,
    Seal,
    device_id,
    invert,
    unpack_record,
)
from pipeline.recovery import HEAD, Recovery, mend, recover
from pipeline.state import Open, Outcome
from postage.money import Money
from tests.pipeline.device import (
    JOURNAL_KEY,
    SEAL,
    TellClock,
    check,
    imprinted,
    letter,
    new_device,
    setup,
)

A, B = "a/0000000000000001", "b/0000000000000001"


class TracingDisk(SimDisk):
    """Notes what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.trace: list[tuple[str, str, int]] = []

    def pwrite(self, name: str, data: bytes, offset: int) -> None:
        self.trace.append(("write", name, offset))
        super().pwrite(name, data, offset)

    def sync(self, name: str) -> None:
        self.trace.append(("sync", name, 0))
        super().sync(name)

    def pread_direct(self, name: str, size: int, offset: int) -> bytes:
        self.trace.append(("read", name, offset))
        return super().pread_direct(name, size, offset)


def used(disk: SimDisk, pieces: int = 1, **changes: object) -> Psd:
    """Return a device with BOOT, twice LIFE, REFILL_BEGIN, REFILL_APPLY and so many DEBITs."""
    psd = new_device(disk, **setup(**changes))
    assert isinstance(psd.refill(Money(500_000), 1), Refilled)
    for _ in range(pieces):
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    return psd


def opened(disk: SimDisk) -> Psd:
    return Psd.open(disk, **setup())


def fault_of(disk: SimDisk) -> FaultCause:
    disk = disk.fork()  # the process that made it is gone, and its lock with it
    image = disk.image()
    with pytest.raises(PsdFault) as caught:
        opened(disk)
    left = disk.image()
    assert {**left, NOTE: image[NOTE]} == image, "a faulted journal is left as it is, to look at"
    assert caught.value.cause.name in left[NOTE].decode("latin-1")
    return caught.value.cause


def sealed_at(disk: SimDisk, sequence: int) -> bytes:
    return disk.pread(A, RECORD_BYTES, (sequence - 1) * RECORD_BYTES)


def put(disk: SimDisk, sequence: int, sealed: bytes, sides: str = "ab") -> None:
    offset = (sequence - 1) * RECORD_BYTES
    if "a" in sides:
        disk.poke(A, offset, sealed)
    if "b" in sides:
        disk.poke(B, offset, invert(sealed))


def put_head(disk: SimDisk, slot: HeadSlot) -> None:
    disk.poke(HEAD, slot.sequence % SLOTS * SLOT_BYTES, SEAL.slot(slot))


def test_one_imprint_is_three_writes_and_three_syncs_in_order() -> None:
    """reliability.md 4.2, steps 2 to 8."""
    disk = TracingDisk()
    psd = used(disk, 0, pair_check_every=6)
    disk.trace.clear()
    evidence = imprinted(psd)
    assert evidence.sequence == 6
    assert disk.trace == [
        ("write", A, 2560),
        ("write", B, 2560),
        ("sync", A, 0),
        ("sync", B, 0),
        ("write", HEAD, 6 % SLOTS * SLOT_BYTES),
        ("sync", HEAD, 0),
        ("read", A, 2560),
        ("read", B, 2560),
    ]


def test_copy_b_is_copy_a_inverted() -> None:
    disk = SimDisk()
    used(disk, 2)
    a, b = disk.pread(A, 7 * RECORD_BYTES, 0), disk.pread(B, 7 * RECORD_BYTES, 0)
    assert a == bytes(byte ^ 0xFF for byte in b)
    assert [unpack_record(a[at : at + 512]).sequence for at in range(0, 3584, 512)] == [
        *range(1, 8)
    ]


def test_a_read_back_that_differs_is_a_fault() -> None:
    disk = SimDisk()
    psd = used(disk, 0)

    class Liar(SimDisk):
        def pread_direct(self, name: str, size: int, offset: int) -> bytes:
            return bytes(size)

    disk.__class__ = Liar
    with pytest.raises(PsdFault) as caught:
        psd.imprint(letter())
    assert caught.value.cause is FaultCause.PAIR_MISMATCH
    assert psd.state is State.FAULT


# Recovery, reliability.md 4.3, a test for each row.


def test_row_1_clean() -> None:
    disk = SimDisk()
    psd = used(disk, 2)
    psd.close()
    found = recover(disk, SEAL, check)
    assert (found.repairs, found.head, found.withheld, found.copies_repaired) == ([], [], False, 0)
    assert found.state.open == {}


@pytest.mark.parametrize("sides", ["a", "b", "ab"])
def test_row_2_a_record_after_head_is_kept_and_never_released(sides: str) -> None:
    disk = SimDisk()
    psd = used(disk, 1)
    disk = stopped_before_head(psd, disk)
    put(disk, 7, bytes(RECORD_BYTES), "".join({"a", "b"} - {*sides}))
    psd = opened(disk)
    (piece,) = psd.open_pieces
    assert (piece.why, piece.sequence, piece.amount) == (Open.OPEN_UNRELEASED, 7, Money(780))
    assert psd.registers.ascending == Money(1_560)
    assert disk.pread(A, 512, 3072) == invert(disk.pread(B, 512, 3072))
    assert not psd.needs_service


def stopped_before_head(psd: Psd, disk: SimDisk) -> SimDisk:
    """Return the disk of a device that lost power after both copies of an imprint were synced."""
    disk.operations, disk.cut_at = 0, 4
    with pytest.raises(PowerCut):
        psd.imprint(letter())
    return disk.durable_only()


def test_row_3_a_debit_under_head_without_outcome_is_unknown() -> None:
    disk = SimDisk()
    psd = used(disk, 1)
    imprinted(psd)
    assert [piece.why for piece in opened(disk.fork()).open_pieces] == [Open.OPEN_UNKNOWN]


@pytest.mark.parametrize("name", [A, B])
@pytest.mark.parametrize("sequence", [1, 3, 5])
def test_row_4_one_bad_copy_is_repaired_and_counted(name: str, sequence: int) -> None:
    disk = SimDisk()
    used(disk, 2).close()
    image = disk.image()
    disk.poke(name, (sequence - 1) * RECORD_BYTES + 100, b"rot!")
    found = recover(disk, SEAL, check)
    assert found.copies_repaired == 1
    mend(disk, found)
    assert disk.image() == image


@pytest.mark.parametrize(("bad", "needs_service"), [(3, False), (4, True)])
def test_row_4_more_than_three_repairs_a_day_need_service(bad: int, needs_service: bool) -> None:
    disk = SimDisk()
    used(disk, 3).close()
    for sequence in range(1, bad + 1):
        put(disk, sequence, bytes(RECORD_BYTES), "a")
    psd = opened(disk)
    assert psd.needs_service is needs_service
    psd.close()
    assert opened(disk).needs_service is needs_service  # counted by the day, not by the boot


@pytest.mark.parametrize("sequence", [1, 4, 6])
@pytest.mark.parametrize("damage", [bytes(RECORD_BYTES), b"rot" * 100])
def test_row_5_both_copies_bad_under_head_is_a_fault(sequence: int, damage: bytes) -> None:
    disk = SimDisk()
    used(disk, 3)
    offset = (sequence - 1) * RECORD_BYTES
    disk.poke(A, offset, damage)
    disk.poke(B, offset, damage)
    assert fault_of(disk) is FaultCause.BOTH_COPIES_BAD


def test_row_6_a_torn_tail_is_zeroed() -> None:
    disk = SimDisk()
    used(disk, 2).close()
    image = disk.image()
    for name in (A, B):
        disk.poke(name, 8 * RECORD_BYTES, b"torn" * 4)
    psd = opened(disk.fork())
    assert psd.open_pieces == []
    found = recover(disk, SEAL, check)
    mend(disk, found)
    assert disk.image() == image
    assert found.copies_repaired == 0


def test_row_7_two_sealed_copies_that_differ_are_a_fault() -> None:
    disk = SimDisk()
    used(disk, 2)
    other = unpack_record(sealed_at(disk, 6))._replace(amount=1)
    put(disk, 6, SEAL.record(other), "b")
    assert fault_of(disk) is FaultCause.COPIES_DIFFER


def test_row_8_a_broken_chain_is_a_fault() -> None:
    disk = SimDisk()
    used(disk, 2)
    other = unpack_record(sealed_at(disk, 6))._replace(previous=bytes(32))
    put(disk, 6, SEAL.record(other))
    assert fault_of(disk) is FaultCause.CHAIN_BROKEN


RULES = {  # reliability.md 4.8; each breaks one rule in a record that is sealed and chained
    "I1 control total": {"control_total": 500_001},
    "I3 ascending": {"ascending": 781, "descending": 498_439},
    "I3 amount": {"amount": 779},
    "I4 count": {"piece_count": 3},
    "I5 control total moves": {"descending": 499_221, "control_total": 500_001},
    "I8 boot": {"boot": 0},
    "I8 time": {"psd_us": 1},
    "I9 window": {"flags": 0},
    "test flag": {"flags": 1 << 9},
    "outcome without piece": {"flags": 0b001_001},
    "unknown outcome": {"flags": 0b111},
    "format": {"type": 99},
}


@pytest.mark.parametrize("rule", RULES)
def test_row_8_a_broken_rule_is_a_fault(rule: str) -> None:
    disk = SimDisk()
    used(disk, 2)
    other = unpack_record(sealed_at(disk, 7))._replace(**RULES[rule])
    put(disk, 7, SEAL.record(other))
    assert fault_of(disk) is FaultCause.RULE_BROKEN


REFILL_RULES = {
    "applied without its request": {"reference": 2},
    "another amount": {"amount": 499_000, "descending": 499_000, "control_total": 499_000},
    "two outstanding": {"type": RecordType.REFILL_BEGIN, "descending": 0, "control_total": 0},
    "voided without its request": {
        "type": RecordType.REFILL_VOID,
        "reference": 2,
        "descending": 0,
        "control_total": 0,
    },
}


@pytest.mark.parametrize("rule", REFILL_RULES)
def test_row_8_refills_follow_their_requests(rule: str) -> None:
    disk = SimDisk()
    used(disk, 0)
    other = unpack_record(sealed_at(disk, 5))._replace(**REFILL_RULES[rule])
    put(disk, 5, SEAL.record(other))
    assert fault_of(disk) is FaultCause.RULE_BROKEN


def test_row_8_budgets_are_kept() -> None:
    """I7: a charge that its department had not left."""
    disk = SimDisk()
    psd = used(disk, 0)
    psd.set_budget(3, Money(779))
    imprinted(psd)
    other = unpack_record(sealed_at(disk, 7))._replace(department=3)
    put(disk, 7, SEAL.record(other))
    assert fault_of(disk) is FaultCause.RULE_BROKEN


def test_row_9_no_readable_head_is_a_fault() -> None:
    disk = SimDisk()
    used(disk, 2)
    disk.poke(HEAD, 0, bytes(SLOTS * SLOT_BYTES))
    assert fault_of(disk) is FaultCause.HEAD_UNREADABLE


def test_row_10_mixed_directories_are_a_fault() -> None:
    """Copy B of another device: its records are sealed, but not ours; one file is enough."""
    disk, other = SimDisk(), SimDisk()
    used(disk, 2).close()
    used(other, 2, serial=8).close()
    for name in (A, B):
        mixed = disk.fork()
        mixed.poke(name, 0, other.pread(name, 64 * RECORD_BYTES, 0))
        assert fault_of(mixed) is FaultCause.MIXED_DIRECTORIES
    mixed = disk.fork()
    mixed.poke(HEAD, 0, other.pread(HEAD, SLOTS * SLOT_BYTES, 0))
    assert fault_of(mixed) is FaultCause.FORGED  # its seal covers the device, its bytes do not


def test_another_key_is_refused() -> None:
    disk = SimDisk()
    used(disk, 2).close()
    with pytest.raises(PsdFault) as caught:
        recover(disk, Seal(bytes(32), device_id("TST0", 7)), check)
    assert caught.value.cause is FaultCause.FORGED


# Attackers with the file, without the key.


def test_an_edit_with_its_checksum_made_right_is_forged() -> None:
    disk = SimDisk()
    used(disk, 2)
    body = bytearray(sealed_at(disk, 7))
    body[56:64] = (499_999).to_bytes(8, "little")  # a better descending register
    body[508:] = google_crc32c.value(bytes(body[:508])).to_bytes(4, "little")
    for sides in ("a", "b", "ab"):
        tampered = disk.fork()
        put(tampered, 7, bytes(body), sides)
        assert fault_of(tampered) is FaultCause.FORGED


def test_a_removed_record_is_a_fault() -> None:
    """The records after it moved up by one in both copies."""
    disk = SimDisk()
    used(disk, 4)
    for name in (A, B):
        rest = disk.pread(name, 3 * RECORD_BYTES, 5 * RECORD_BYTES)
        disk.poke(name, 4 * RECORD_BYTES, rest)
    assert fault_of(disk) is FaultCause.MISPLACED


@pytest.mark.parametrize("records", [1, 2, 5])
def test_truncation_is_found_by_head(records: int) -> None:
    disk = SimDisk()
    used(disk, 4)
    for sequence in range(10 - records, 10):
        put(disk, sequence, bytes(RECORD_BYTES))
    assert fault_of(disk) is FaultCause.BOTH_COPIES_BAD


def test_files_cut_short_in_both_copies_are_a_fault() -> None:
    disk = SimDisk()
    used(disk, 4)
    for name in (A, B):
        disk.truncate(name, 6 * RECORD_BYTES)
    assert fault_of(disk) in (FaultCause.SEGMENT_MISSING, FaultCause.BOTH_COPIES_BAD)


def test_a_file_cut_short_in_one_copy_is_made_whole() -> None:
    disk = SimDisk()
    used(disk, 4).close()
    image = disk.image()
    disk.truncate(B, 6 * RECORD_BYTES - 7)
    mend(disk, recover(disk, SEAL, check))
    assert disk.image() == image


def test_an_old_head_is_a_fault() -> None:
    """HEAD of two imprints ago: the journal has gone further than a crash can explain."""
    disk = SimDisk()
    psd = used(disk, 2)
    old = disk.pread(HEAD, SLOTS * SLOT_BYTES, 0)
    for _ in range(2):
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    disk.poke(HEAD, 0, old)
    assert fault_of(disk) is FaultCause.BEYOND_HEAD


def test_an_old_head_at_the_end_of_a_segment_is_a_fault() -> None:
    """The record after it ends the segment, but the next segment holds records already."""
    disk = SimDisk()
    used(disk, 20, segment_records=16)
    for sequence in range(12, 16):
        record = unpack_record(sealed_at(disk, sequence))
        put_head(disk, HeadSlot(sequence, record.boot, record.ascending))
    assert fault_of(disk) is FaultCause.BEYOND_HEAD


def test_truncation_with_a_damaged_head_slot_is_a_fault() -> None:
    """The last record gone from both copies and its HEAD slot unreadable: no crash does that."""
    disk = SimDisk()
    used(disk, 4)
    put(disk, 9, bytes(RECORD_BYTES))
    disk.poke(HEAD, 9 % SLOTS * SLOT_BYTES + 9, b"\xaa\x55")
    assert fault_of(disk) is FaultCause.HEAD_DISAGREES


def test_a_damaged_head_slot_proves_no_release() -> None:
    """The record stands and HEAD's slot for it is unreadable: it may have been released."""
    disk = SimDisk()
    psd = used(disk, 3)
    imprinted(psd)
    disk = disk.fork()
    disk.poke(HEAD, 9 % SLOTS * SLOT_BYTES + 9, b"\xaa\x55")
    (piece,) = opened(disk).open_pieces
    assert piece.why is Open.OPEN_UNKNOWN


@pytest.mark.parametrize("pieces", [0, 1, 4, 14])
@pytest.mark.parametrize("age", [1, 2])
@pytest.mark.parametrize("damage", [b"rot!", bytes(SLOT_BYTES)])
def test_an_older_head_slot_is_made_whole_from_its_record(
    pieces: int, age: int, damage: bytes
) -> None:
    """Also where the record lies in the segment before, or the slot is creation's own."""
    disk = SimDisk()
    psd = used(disk, pieces, segment_records=16)
    last = psd._journal.state.sequence
    psd._journal.close()
    image = disk.image()
    disk.poke(HEAD, (last - age) % SLOTS * SLOT_BYTES, damage)
    found = recover(disk, SEAL, check)
    assert len(found.head) == 1
    mend(disk, found)
    assert disk.image() == image


def test_a_head_slot_of_another_format_is_a_fault() -> None:
    """Its seal holds, so this device's own key made it: a writer that is not ours."""
    disk = SimDisk()
    used(disk, 4)
    body = b"PSDX" + disk.pread(HEAD, 24, 9 % SLOTS * SLOT_BYTES + 4)
    disk.poke(HEAD, 9 % SLOTS * SLOT_BYTES, SEAL._close(body, SEAL.device.to_bytes(8, "little")))
    assert fault_of(disk) is FaultCause.RULE_BROKEN


def test_a_head_slot_in_anothers_place_is_a_fault() -> None:
    disk = SimDisk()
    used(disk, 4)
    disk.poke(HEAD, 0, disk.pread(HEAD, SLOT_BYTES, 9 % SLOTS * SLOT_BYTES))
    assert fault_of(disk) is FaultCause.MISPLACED


@pytest.mark.parametrize("slot", [HeadSlot(9, 2, 3_120), HeadSlot(9, 1, 3_121)])
def test_head_and_record_must_agree(slot: HeadSlot) -> None:
    disk = SimDisk()
    used(disk, 4)
    put_head(disk, slot)
    assert fault_of(disk) is FaultCause.HEAD_DISAGREES


def test_a_missing_head_is_a_fault_and_a_missing_segment_too() -> None:
    disk = SimDisk()
    used(disk, 4)
    headless = disk.fork()
    headless.remove(HEAD)
    assert fault_of(headless) is FaultCause.HEAD_MISSING
    with pytest.raises(DeviceExists):
        new_device(headless, **setup())
    for name in (A, B):
        gone = disk.fork()
        gone.remove(name)
        assert fault_of(gone) is FaultCause.SEGMENT_MISSING


def test_an_older_copy_b_is_made_new_from_a() -> None:
    disk = SimDisk()
    psd = used(disk, 1)
    old = disk.pread(B, 64 * RECORD_BYTES, 0)
    psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    psd.close()
    image = disk.image()
    disk.poke(B, 0, old)
    found = recover(disk, SEAL, check)
    mend(disk, found)
    assert (disk.image(), found.copies_repaired) == (image, 2)


# Rot, exhaustively.


def flips(disk: SimDisk, names: list[str], records: int) -> Iterator[SimDisk]:
    for name in names:
        size = SLOTS * SLOT_BYTES if name == HEAD else records * RECORD_BYTES
        for bit in range(size * 8):
            disk.flip(name, bit)
            yield disk
            disk.flip(name, bit)


@pytest.mark.slow
def test_every_single_bit_flip_is_recovered_or_a_fault() -> None:
    """reliability.md R6: 0 silent rollbacks. Four records, one place after them, and HEAD.

    2 copies x 5 x 512 x 8 + 256 x 8 = 43,008 flips. In A and B all are recovered with the state
    they had; in HEAD a flip in the slot that is next to be written is a fault, for the newest
    record may have been there.
    """
    disk = SimDisk()
    used(disk, 1, segment_records=16)
    disk = disk.durable_only()
    expected = recover(disk, SEAL, check).state
    counts = {"recovered": 0, "fault": 0}
    for flipped in flips(disk, [A, B], 5):
        assert recover(flipped, SEAL, check).state == expected
        counts["recovered"] += 1
    assert counts["recovered"] == 2 * 5 * 512 * 8
    for flipped in flips(disk, [HEAD], 0):
        found = recovery_or_cause(flipped)
        if isinstance(found, Recovery):
            assert found.state == expected
            assert not found.withheld  # never a proof of no release
            counts["recovered"] += 1
        else:
            assert found is FaultCause.HEAD_DISAGREES
            counts["fault"] += 1
    assert counts == {"recovered": 40_960 + 3 * 512, "fault": 512}


def recovery_or_cause(disk: SimDisk) -> Recovery | FaultCause:
    try:
        return recover(disk, SEAL, check)
    except PsdFault as fault:
        return fault.cause


def test_flips_of_the_last_record_in_both_copies_are_faults() -> None:
    """reliability.md 0.2: two copies alone took one such double flip for a torn tail."""
    disk = SimDisk()
    used(disk, 1)
    disk = disk.durable_only()
    rng = Random(2026)
    for _ in range(3_000):
        bits = [3 * 4096 + rng.randrange(4096) for _ in (A, B)]
        for name, bit in zip((A, B), bits, strict=True):
            disk.flip(name, bit)
        with pytest.raises(PsdFault, match="BOTH_COPIES_BAD"):
            recover(disk, SEAL, check)
        for name, bit in zip((A, B), bits, strict=True):
            disk.flip(name, bit)


def test_random_damage_is_never_accepted_as_something_else() -> None:
    """reliability.md R6: multi-bit, zeroed sector, swapped and misdirected sectors."""
    disk = SimDisk()
    used(disk, 6)
    disk = disk.durable_only()
    expected = recover(disk, SEAL, check).state
    recovered = 0
    for seed in range(3_000):
        rng = Random(seed)
        damaged = disk.fork()
        for _ in range(rng.randint(1, 4)):
            damage(damaged, rng)
        found = recovery_or_cause(damaged)
        if isinstance(found, Recovery):
            recovered += 1
            assert found.state == expected, seed
    assert 500 < recovered < 2_500  # both outcomes are met


def damage(disk: SimDisk, rng: Random) -> None:
    name, other = rng.choices([A, B, HEAD], [4, 4, 1], k=2)
    sector = 64 if HEAD in (name, other) else 512
    at, to = (rng.randrange(4 if sector == 64 else 10) * sector for _ in range(2))
    here, there = disk.pread(name, sector, at), disk.pread(other, sector, to)
    match rng.randrange(4):
        case 0:
            for _ in range(rng.randint(1, 8)):
                disk.flip(name, at * 8 + rng.randrange(sector * 8))
        case 1:
            disk.poke(name, at, bytes(sector))
        case 2:
            disk.poke(name, at, there)
            disk.poke(other, to, here)
        case 3:
            disk.poke(other, to, here)


# Rotation.


def test_a_full_segment_ends_with_a_signed_checkpoint() -> None:
    disk = SimDisk()
    psd = used(disk, 40, segment_records=16)
    psd.set_budget(3, Money(10_000))
    imprinted(psd, letter(department=3))
    state = psd._journal.state
    names = [name for name in disk.list() if name.startswith("a/")]
    assert names == [f"a/{base:016d}" for base in (1, 17, 33, 49)]
    for name in names[:-1]:
        last = unpack_record(disk.pread(name, RECORD_BYTES, 15 * RECORD_BYTES))
        assert last.type == RecordType.CHECKPOINT
        assert len(last.signature) == 64
    found = recover(disk.fork(), SEAL, check)
    assert found.base == 49
    assert found.state == state


def test_what_a_checkpoint_must_carry_survives_many_rotations() -> None:
    """Refills for ever, budgets, spoiled and open pieces of long ago, locks."""
    disk = SimDisk()
    psd = used(disk, 0, segment_records=16, window=2)
    for request in range(100, 140):
        psd.refill(Money(1_000), request)
    psd.set_budget(5, Money(5_000))
    misprint, unknown = imprinted(psd, letter(department=5)), imprinted(psd)
    psd.confirm(misprint.sequence, Outcome.MISPRINT)
    psd.idle()
    disk = disk.fork()
    psd = Psd.open(disk, **setup(segment_records=16))
    assert isinstance(psd.test_imprint(), Evidence)
    for _ in range(60):
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    psd.close()
    psd = Psd.open(disk, **setup(segment_records=16))
    assert [(p.why, p.payload) for p in psd.open_pieces] == [
        (Open.MISPRINT, misprint.payload),
        (Open.OPEN_UNKNOWN, unknown.payload),
    ]
    assert not isinstance(psd.refill(Money(2_000), 100), Refilled)
    assert isinstance(psd.refill(Money(1_000), 139), Refilled)
    state = psd._journal.state
    assert state.control_total == 540_000
    assert (state.departments[5].charged, state.departments[5].left) == (780, 4_220)
    assert (state.tests, len(state.refills)) == (1, 41)


def test_every_place_of_a_segment_keeps_the_proof_of_no_release() -> None:
    """A BOOT has its place even where the segment is about to end."""
    for pieces in range(1, 30):
        disk = SimDisk()
        psd = used(disk, pieces, segment_records=16)
        twin = SimDisk()
        imprinted(used(twin, pieces, segment_records=16))
        disk.cut_at = twin.operations - 2  # HEAD is not written
        with pytest.raises(PowerCut):
            psd.imprint(letter())
        (piece,) = Psd.open(disk.durable_only(), **setup(segment_records=16)).open_pieces
        assert (piece.why, piece.piece_count) == (Open.OPEN_UNRELEASED, pieces + 1)


def test_every_operation_of_a_rotation_may_be_cut() -> None:
    """With a checkpoint of five records, at each operation, torn in twelve ways."""
    sound = SimDisk()
    psd = used(sound, 0, segment_records=64)
    for request in range(100, 122):
        psd.refill(Money(1_000), request)
    psd.set_budget(9, Money(50_000))
    while psd._journal._end - psd.last_sequence - 4 > run_records(psd._journal.state):
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    psd.close()
    count = psd.registers.piece_count
    for operation in range(1_000):
        disk = sound.fork()
        psd = Psd.open(disk, **setup())
        before = psd._journal.state.sequence
        disk.operations, disk.cut_at = 0, operation
        try:
            imprinted(psd)
        except PowerCut:
            pass
        else:
            assert len(disk.list()) == 6  # two segments of two copies, HEAD and the fault's note
            assert operation == 5 + 6 * (psd._journal.state.sequence - before)
            return
        for seed in range(12):
            crashed = disk.after_cut(Random(seed), ATOMS[seed % 4])
            again = Psd.open(crashed, **setup())
            state = again._journal.state
            assert state.piece_count in (count, count + 1)
            assert len(state.refills) == 23
            assert len(again.open_pieces) == state.piece_count - count
            imprinted(again, letter(department=9))
    pytest.fail("an imprint never finished")


def test_the_whole_journal_can_be_read() -> None:
    disk = SimDisk()
    psd = used(disk, 40, segment_records=16)
    records = list(psd.records())
    assert [record.sequence for record in records] == [*range(1, psd._journal.state.sequence + 1)]
    assert sum(record.type == RecordType.DEBIT for record in records) == 40
    assert [record.sequence for record in psd.records(15, 18)] == [15, 16, 17, 18]
    assert list(psd.records(10_000)) == []


def tampered_checkpoint(disk: SimDisk, **change: object) -> None:
    for side in "ab":
        name, at = f"{side}/{1:016d}", 15 * RECORD_BYTES
        data = disk.pread(name, RECORD_BYTES, at)
        record = unpack_record(data if side == "a" else invert(data))._replace(**change)
        sealed = SEAL.record(record)
        disk.poke(name, at, sealed if side == "a" else invert(sealed))


@pytest.mark.parametrize(
    "change",
    [
        {"signature": bytes(64)},
        {"reference": 1 << 32 | 3},
        {"type": RecordType.LOCK},
        {"payload": b"no state"},
    ],
)
def test_a_checkpoint_that_does_not_verify_is_a_fault(change: dict[str, object]) -> None:
    """Sealed with the journal key but not signed by the device."""
    disk = SimDisk()
    used(disk, 20, segment_records=16)
    tampered_checkpoint(disk, **change)
    assert fault_of(disk) is FaultCause.CHECKPOINT_BROKEN


def test_a_broken_chain_inside_a_checkpoint_is_a_fault() -> None:
    disk = SimDisk()
    psd = used(disk, 0, segment_records=64)
    for request in range(100, 140):
        psd.refill(Money(1_000), request)
    _, total = divmod(unpack_record(sealed_at(disk, 64)).reference, 1 << 32)
    assert total > 3
    for sequence in range(65 - total, 65):
        tampered = disk.fork()
        other = unpack_record(sealed_at(disk, sequence))._replace(previous=bytes(32))
        put(tampered, sequence, SEAL.record(other))
        assert fault_of(tampered) is FaultCause.CHAIN_BROKEN


def test_a_bad_copy_of_a_checkpoint_is_repaired_once() -> None:
    disk = SimDisk()
    used(disk, 20, segment_records=16).close()
    image = disk.image()
    disk.poke(A, 15 * RECORD_BYTES + 9, b"rot")
    found = recover(disk, SEAL, check)
    assert found.copies_repaired == len(found.repairs) == 1
    mend(disk, found)
    assert disk.image() == image


@pytest.mark.parametrize("gone", ["a", "b"])
def test_the_next_segment_gone_behind_a_whole_checkpoint_is_a_fault(gone: str) -> None:
    """It is made before the checkpoint is written: no crash leaves one without the other."""
    disk, twin = SimDisk(), SimDisk()
    imprinted(used(twin, 8, segment_records=16))
    psd = used(disk, 8, segment_records=16)
    assert psd._journal._end - psd._journal.state.sequence - 1 == 3  # the next record rotates
    disk.cut_at = twin.operations - 6 - 2  # before the last CHECKPOINT's HEAD
    with pytest.raises(PowerCut):
        psd.imprint(letter())
    crashed = disk.durable_only()
    assert Psd.open(crashed.fork(), **setup()).registers.piece_count == 8
    crashed.remove(f"{gone}/{17:016d}")
    assert fault_of(crashed) is FaultCause.SEGMENT_MISSING


def test_the_next_segment_gone_behind_a_released_checkpoint_is_a_fault() -> None:
    """HEAD names the checkpoint's last record, and there is no place for the next."""
    disk, twin = SimDisk(), SimDisk()
    imprinted(used(twin, 8, segment_records=16))
    psd = used(disk, 8, segment_records=16)
    disk.cut_at = twin.operations - 6  # the checkpoint is done, the imprint not begun
    with pytest.raises(PowerCut):
        psd.imprint(letter())
    crashed = disk.durable_only()
    assert Psd.open(crashed.fork(), **setup()).last_sequence == 17  # its BOOT
    for side in "ab":
        crashed.remove(f"{side}/{17:016d}")
    assert fault_of(crashed) is FaultCause.SEGMENT_MISSING


def test_a_sealed_segment_gone_is_a_fault() -> None:
    disk = SimDisk()
    used(disk, 20, segment_records=16)
    for name in (A, B):
        disk = disk.fork()
        disk.remove(name)
        assert fault_of(disk) is FaultCause.SEGMENT_MISSING


def test_the_segment_in_use_gone_is_a_fault() -> None:
    disk = SimDisk()
    used(disk, 20, segment_records=16)
    for side in "ab":
        disk.remove(f"{side}/{17:016d}")
    assert fault_of(disk) in (FaultCause.SEGMENT_MISSING, FaultCause.BOTH_COPIES_BAD)


def test_a_piece_whose_segment_is_gone_is_a_fault_when_it_is_read() -> None:
    """Recovery reads the last two segments; what lies before them is missed where it is needed."""
    disk = SimDisk()
    psd = used(disk, 0, segment_records=16)
    psd.confirm(imprinted(psd).sequence, Outcome.MISPRINT)
    for _ in range(30):
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    psd.close()
    for side in "ab":
        disk.remove(f"{side}/{1:016d}")
    psd = opened(disk)
    with pytest.raises(PsdFault, match="record 6") as caught:
        _ = psd.open_pieces
    assert caught.value.cause is FaultCause.SEGMENT_MISSING


def test_the_next_segment_is_made_ahead_of_need() -> None:
    disk = TracingDisk()
    psd = used(disk, 6, segment_records=16)
    psd.idle()
    assert f"a/{17:016d}" in disk.list()
    disk.trace.clear()
    while psd._journal._base == 1:
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    assert not any(
        offset == 0 and name[0] in "ab" for what, name, offset in disk.trace[:-8] if what == "write"
    )
    psd.close()
    assert opened(disk).registers == psd.registers


def test_a_failing_disk_ahead_of_need_is_a_fault() -> None:
    disk = SimDisk()
    psd = used(disk, 6, segment_records=16)
    disk.fail_at = disk.operations + 6 + 1  # the confirmation's six, the file, its sync
    with pytest.raises(PsdFault, match="new segment 17"):
        psd.idle()
    assert psd.state is State.FAULT


def test_a_full_disk_ahead_of_need_is_no_fault() -> None:
    disk = SimDisk()
    psd = used(disk, 6, segment_records=16)
    psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    psd.idle()  # the confirmation, so that the next operation is the segment's creation
    psd._journal._prepared = None
    disk.fail_at, disk.fail_errno = disk.operations, errno.ENOSPC
    psd.idle()
    disk.fail_at = None
    imprinted(psd)


# Failing disks.


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_any_failing_operation_stops_the_device_and_prints_nothing(error: int) -> None:
    """The counter loop: operation 1, 2, 3 ... fails until nothing is left to fail."""
    for operation in range(1_000):
        disk = SimDisk()
        psd = used(disk, 8, segment_records=16)
        paper: list[Evidence] = []
        disk.operations, disk.fail_at, disk.fail_errno = 0, operation, error
        before = psd._journal.state.sequence
        fault = work_until_fault(psd, paper)
        if fault is None:
            # Six to a record, and five to make a segment: two files, written and synced, names.
            assert operation == 6 * (psd._journal.state.sequence - before) + 5
            return
        assert fault.cause is FaultCause.IO_ERROR
        assert psd.state is State.FAULT
        operations = disk.operations
        refused = psd.imprint(letter())
        assert not isinstance(refused, Evidence)
        with pytest.raises(PsdFault):
            psd.idle() if psd._told else psd.set_budget(1, Money(1))
        assert disk.operations == operations, "nothing is retried"
        check_restart(disk, paper, operation)
    pytest.fail("the work never finished")


def work_until_fault(psd: Psd, paper: list[Evidence]) -> PsdFault | None:
    try:
        for _ in range(8):  # through a rotation
            paper.append(imprinted(psd))
            psd.confirm(paper[-1].sequence, Outcome.CONFIRMED)
    except PsdFault as fault:
        return fault
    return None


def check_restart(disk: SimDisk, paper: list[Evidence], seed: int) -> None:
    disk.fail_at = None
    psd = Psd.open(disk.after_cut(Random(seed), ATOMS[seed % 4]), **setup(segment_records=16))
    state = psd._journal.state
    assert state.piece_count - 8 in (len(paper), len(paper) + 1)
    assert state.ascending == 780 * state.piece_count
    for evidence in paper:
        record = psd._journal.record(evidence.sequence)
        assert record.payload + record.signature == evidence.payload


@pytest.mark.parametrize("operation", range(3))
def test_a_disk_that_fails_during_recovery_is_a_fault(operation: int) -> None:
    disk = SimDisk()
    used(disk, 2).close()
    disk.operations, disk.fail_at = 0, operation
    with pytest.raises(PsdFault) as caught:
        opened(disk)
    assert caught.value.cause is FaultCause.IO_ERROR
    disk.fail_at = None
    opened(disk).close()  # the lock was given back, and the disk is sound


def test_a_disk_that_fails_during_creation_is_a_fault_and_creation_may_be_repeated() -> None:
    for operation in range(1_000):
        disk = SimDisk()
        disk.fail_at = operation
        fault = creation_fault(disk)
        if fault is None:
            # Two files of records and HEAD, each made and synced; HEAD's slot, written and synced;
            # the names, HEAD's right name, and that name.
            assert operation == 3 * 2 + 2 + 3
            return
        assert fault.cause is FaultCause.IO_ERROR
        assert str(fault).startswith("IO_ERROR: creation: ")
        disk.fail_at = None
        if HEAD not in disk.list():  # else only the sync of its name failed
            new_device(disk, **setup()).close()
        assert opened(disk).registers.control_total == Money(0)
    pytest.fail("creation never finished")


def creation_fault(disk: SimDisk) -> PsdFault | None:
    try:
        Journal.create(disk, SEAL)
    except PsdFault as fault:
        return fault
    return None


class UnreadableDisk(SimDisk):
    """Fails every read."""

    def pread(self, name: str, size: int, offset: int) -> bytes:
        raise OSError(errno.EIO, "unreadable")


def test_a_record_that_cannot_be_read_is_a_fault() -> None:
    disk = SimDisk()
    psd = used(disk, 1)
    disk.__class__ = UnreadableDisk
    with pytest.raises(PsdFault, match="reading record 6") as caught:
        psd._journal.record(6)
    assert caught.value.cause is FaultCause.IO_ERROR
    with pytest.raises(PsdFault, match="reading records 1 to 6") as caught:
        list(psd._journal.records(1, 6))
    assert caught.value.cause is FaultCause.IO_ERROR
    assert psd._journal.fault is None  # what is written stands, and more can be


def test_a_broken_device_signs_nothing_and_gives_its_folder_back() -> None:
    disk = SimDisk()
    psd = used(disk, 1)
    disk.fail_at = disk.operations
    with pytest.raises(PsdFault) as caught:
        psd.imprint(letter())
    with pytest.raises(PsdFault) as again:
        psd.sign_message(b"IMIM and so on")
    assert again.value is caught.value
    operations = disk.operations
    psd.close()
    assert disk.operations == operations
    opened(disk).close()


def test_creation_cut_short_leaves_no_device_or_a_whole_one() -> None:
    for operation in range(1_000):
        for seed in range(8):
            disk = SimDisk()
            disk.cut_at = operation
            try:
                new_device(disk, **setup()).close()
            except PowerCut:
                disk = disk.after_cut(Random(seed), ATOMS[seed % 4])
            else:
                assert operation > 10
                return
            try:
                opened(disk).close()
            except NoDevice:
                new_device(disk, **setup()).close()
            assert opened(disk).registers.control_total == Money(0)


def test_recovery_twice_is_recovery_once() -> None:
    """Byte for byte, at each operation of an imprint and for several tears."""
    for operation in range(12):
        for seed in range(40):
            disk = SimDisk()
            psd = used(disk, 2)
            disk.operations, disk.cut_at = 0, operation
            with pytest.raises(PowerCut):
                work_until_fault(psd, [])
            disk = disk.after_cut(Random(seed), ATOMS[seed % 4])
            first = recover(disk, SEAL, check)
            mend(disk, first)
            image = disk.image()
            second = recover(disk, SEAL, check)
            assert (second.repairs, second.head) == ([], [])
            mend(disk, second)
            assert disk.image() == image
            assert (second.state, second.withheld) == (first.state, first.withheld)


def test_recovery_writes_nothing() -> None:
    disk = TracingDisk()
    used(disk, 2)
    put(disk, 3, bytes(RECORD_BYTES), "a")
    disk.trace.clear()
    recover(disk, SEAL, check)
    assert disk.trace == []


@pytest.mark.parametrize("act", [lambda psd: psd.imprint(letter()), lambda psd: psd.idle()])
def test_a_segment_has_a_least_length(act: Callable[[Psd], object]) -> None:
    with pytest.raises(ValueError, match="a segment of 15 records; 16 at least"):
        Journal.create(SimDisk(), SEAL, segment_records=15)
    psd = used(SimDisk(), 0, segment_records=16)
    act(psd)


def test_the_clock_never_runs_back_in_the_journal() -> None:
    """reliability.md 4.7: every record carries the floor."""
    disk, clock = SimDisk(), TellClock()
    psd = used(disk, 1, clock=clock)
    clock.psd_us -= 3_600_000_000
    psd.set_budget(1, Money(1))
    records = [unpack_record(sealed_at(disk, sequence)) for sequence in range(1, 8)]
    times = [record.psd_us for record in records]
    assert times == sorted(times)
    assert records[-1].boottime_us < records[-2].boottime_us  # as read, for the provider to judge
    assert JOURNAL_KEY not in b"".join(disk.image().values())
