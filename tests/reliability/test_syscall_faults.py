"""A failing disk stops the meter within the same operation; R5."""

import shutil

import pytest

from tests.reliability import syscall_faults

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def test_faults_stop_the_meter_in_the_same_operation() -> None:
    """More: python -m tests.reliability.syscall_faults --count 300."""
    found = syscall_faults.run(first=30, count=9)
    assert found.shown == []
    assert found.counts["faults met"] == 9


def test_a_fault_behind_the_last_call_is_never_met() -> None:
    assert syscall_faults.inject("EIO", 60_000, pieces=1) == (False, None)


def test_a_meter_that_goes_on_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """EINTR is not an error to the meter; expected to stop, it is found to go on."""
    monkeypatch.setitem(syscall_faults.KINDS, "EIO", syscall_faults.KINDS["EINTR"])
    met, wrong = syscall_faults.inject("EIO", 40)
    assert met
    assert wrong is not None
    assert wrong.startswith("exit 0, expected 3")
