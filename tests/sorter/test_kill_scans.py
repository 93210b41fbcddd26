"""kill -9 while scans are answered; `python -m tests.sorter.kill_scans` does it in full size."""

from pathlib import Path

import pytest

from sorter.scans import Answer
from tests.sorter.kill_scans import Sorter, picture, run


def test_every_scan_keeps_one_verdict_over_five_deaths(tmp_path: Path) -> None:
    """0 false accusations, 0 copies missed, one row for each scan (reliability.md D1, D2)."""
    tally = run(tmp_path, count=6_000, kills=5, seed=3)
    assert tally["kills"] == 5
    assert tally["false accusations"] == tally["copies missed"] == 0
    assert sum(tally[kind] for kind in ("FIRST", "RESCAN", "DUPLICATE", "CLONE")) == 6_000
    assert tally["DUPLICATE"] > 300
    assert tally["CLONE"] > 30


def test_a_store_that_answers_before_it_writes_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"scan \d+ (was|is) "):
        run(tmp_path, count=6_000, kills=5, seed=3, is_broken=True)


def test_the_check_finds_a_wrong_verdict() -> None:
    """A check that cannot fail is no check."""
    number = next(n for n in range(100) if picture(n).truth is Answer.RESCAN)
    sorter = Sorter()
    for earlier in range(number):
        sorter.take(earlier, picture(earlier).truth)
    with pytest.raises(AssertionError, match=f"scan {number} is RESCAN, said was DUPLICATE"):
        sorter.take(number, Answer.DUPLICATE)
    sorter = Sorter()
    sorter.take(0, Answer.FIRST)
    with pytest.raises(AssertionError, match="scan 0 was FIRST and is DUPLICATE"):
        sorter.take(0, Answer.DUPLICATE)
    with pytest.raises(AssertionError, match="scan 1 got no answer"):
        sorter.take(2, Answer.FIRST)
