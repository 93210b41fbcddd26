"""Seeded crash points break nothing in the sound device, and show every broken one; R1, R10."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import crash_points

ROOT = Path(__file__).parents[2]
OPERATIONS = {
    "imprint", "refill begin", "refill apply", "refill void", "test imprint", "redate", "budget",
    "lock", "unlock", "PIN attempt", "PIN success", "time anchor", "acknowledge", "rates", "idle",
    "withdraw", "zeroise",
}  # fmt: skip


def test_crash_points_of_every_operation_break_nothing() -> None:
    """reliability.md R1: lost 0, duplicated 0, printed without debit 0, false FAULT 0.

    More of them: python -m tests.reliability.crash_points --count 200000.
    """
    found = crash_points.run(0, 3_000)
    assert found.shown == []
    assert found.counts["crashes"] == 3_000
    # Each of the ways that a crash can end was met often, in each operation.
    ends = ("cuts during recovery", "debits or refills kept", "open, never released")
    assert min(found.counts[end] for end in (*ends, "open, unknown")) > 500, found.counts
    assert min(found.counts[f"cut in {operation}"] for operation in OPERATIONS) > 10


@pytest.mark.parametrize(
    ("variant", "finding"),
    [
        ("print first", "imprint without debit"),
        ("print first", "duplicate"),
        ("print first", "printed, called unreleased"),
        ("no sync", "lost"),
        ("no sync", "fault"),
        ("no HEAD", "fault"),
        ("HEAD first", "fault"),
        ("no copies' sync", "fault"),
        ("no HEAD's sync", "fault"),
        ("no names' sync", "fault"),
    ],
)
def test_a_broken_order_is_found(variant: str, finding: str) -> None:
    """The harness has teeth: each way to break the order shows within 4,000 points."""
    for point in range(4_000):
        if any(wrong.startswith(finding) for wrong in crash_points.crash_point(point, variant)):
            return
    pytest.fail(f"{variant!r} showed no {finding!r}")


def test_the_same_seed_crashes_the_same_way() -> None:
    """reliability.md R10: nothing depends on the order of a set or on the time of day."""
    runs = {
        subprocess.run(
            [sys.executable, "-m", "tests.reliability.determinism", "--seeds", "4"],
            cwd=ROOT,
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1")
    }
    [digests] = runs
    assert len(set(digests.split())) == 4
    assert all(len(digest) == len(hashlib.sha256().hexdigest()) for digest in digests.split())
