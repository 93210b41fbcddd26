"""Recovery is quick and happens once; reliability.md R9, here on a short journal."""

from pathlib import Path

from tests.reliability import recovery_time


def test_a_segments_worth_of_records_comes_up_in_time() -> None:
    found = recovery_time.run(2_000)
    assert found.shown == []
    assert found.figures["longest, records"] > 16_000
    assert 0 < found.figures["from a checkpoint, CPU s"] < found.figures["longest, CPU s"]


def test_the_journal_that_is_timed_is_a_true_one(tmp_path: Path) -> None:
    recovery_time.fill(tmp_path, 500)
    disk = recovery_time.HastyDisk(tmp_path)
    state = recovery_time.recover(disk, recovery_time.SEAL, recovery_time.check).state
    assert state.sequence == 500
    assert state.piece_count == state.ascending - 780 + 1 > 400
    disk.close()
