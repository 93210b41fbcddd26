"""A failing disk stops the meter within the same operation; R5."""

import shutil

import pytest

from tests.reliability import syscall_faults

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def test_faults_stop_the_meter_in_the_same_operation() -> None:
    """More: python -m tests.reliability.syscall_faults --count 300."""
    found = syscall_faults.run(first=27, count=14)
    assert found.shown == []
    assert found.counts["faults met"] == 14
    assert min(found.counts[f"{kind} met"] for kind in syscall_faults.KINDS) == 2


@pytest.mark.parametrize("when", [1, 2, 3])
def test_a_disk_that_cannot_be_locked_is_a_fault(when: int) -> None:
    """The first three files that are opened: both locks, and the folder that is listed."""
    assert syscall_faults.inject("EIO in open", when) == (True, None)


@pytest.mark.parametrize("when", range(30, 38))
def test_a_short_write_is_never_taken_for_a_whole_one(when: int) -> None:
    """Records and HEAD slots, of which nothing, a byte, 100 or all but one are written."""
    assert syscall_faults.inject("short", when) == (True, None)


def test_a_short_write_that_goes_on_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Expected to be harmless, it is found to stop the meter: it was met."""
    monkeypatch.setitem(syscall_faults.MAY_END, "short", (0,))
    met, wrong = syscall_faults.inject("short", 30)
    assert met
    assert wrong is not None
    assert wrong.startswith("exit 3, expected (0,): IO_ERROR record")


def test_a_fault_behind_the_last_call_is_never_met() -> None:
    assert syscall_faults.inject("EIO", 60_000, pieces=1) == (False, None)


def test_a_meter_that_goes_on_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """EINTR is not an error to the meter; expected to stop, it is found to go on."""
    monkeypatch.setitem(syscall_faults.KINDS, "EIO", syscall_faults.KINDS["EINTR"])
    met, wrong = syscall_faults.inject("EIO", 40)
    assert met
    assert wrong is not None
    assert wrong.startswith("exit 0, expected (3,)")
