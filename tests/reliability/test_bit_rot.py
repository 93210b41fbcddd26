"""Rot is mended to the byte or refused; reliability.md R6."""

import pytest

from pipeline.record import RECORD_BYTES, SLOTS, HeadSlot
from pipeline.segments import read_record
from tests.pipeline.device import SEAL
from tests.reliability import bit_rot
from tests.reliability.findings import Findings


@pytest.mark.parametrize("name", bit_rot.STORES)
def test_single_bits_are_mended_or_refused(name: str) -> None:
    """One in 60 here; every one: python -m tests.reliability.bit_rot."""
    found = bit_rot.every_bit(name, part=17, parts=60)
    assert found.shown == []
    assert found.counts["single bits"] > 4_000
    assert found.counts["recovered"] + found.counts["refused"] == found.counts["single bits"]
    assert found.counts["records read from the other copy"] > 1_000


@pytest.mark.parametrize("name", bit_rot.STORES)
def test_the_same_record_hit_in_both_copies_is_a_fault(name: str) -> None:
    found = bit_rot.both_copies(name, seed=3, count=200)
    assert found.counts["both copies refused"] == found.counts["both copies"] == 200


def test_random_damage_is_never_accepted() -> None:
    found = bit_rot.random_damage(seed=5, count=600)
    assert found.shown == []
    assert min(found.counts["recovered"], found.counts["refused"]) > 100
    assert {*bit_rot.DAMAGES} <= found.counts.keys()


def test_a_rollback_would_be_found() -> None:
    """The harness has teeth: a record gone from all three files at once is called a rollback."""
    disk, truth, _ = bit_rot.store("young")
    old, last = disk.fork(), truth.sequence
    for side, blank in (("a", b"\0"), ("b", b"\xff")):
        old.poke(f"{side}/0000000000000001", (last - 1) * RECORD_BYTES, blank * RECORD_BYTES)
    record = read_record(disk, SEAL, last - SLOTS)
    slot = SEAL.slot(HeadSlot(record.sequence, record.boot, record.ascending))
    old.poke("head", last % SLOTS * len(slot), slot)
    found = Findings()
    bit_rot.judge(old, "young", found)
    assert found.shown == [f"rolled back: record {last - 1} of {last}"]
