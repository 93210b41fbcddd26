"""A signal handler's exception anywhere costs no record; R5."""

import pytest

from pipeline.errors import FaultCause, PsdFault
from pipeline.journal import Journal
from tests.reliability import interrupts


@pytest.mark.parametrize("name", ["imprint", "PIN attempt", "zeroise", "rotation, long run"])
def test_an_exception_at_any_line_costs_no_record(name: str) -> None:
    """All operations, every line: python -m tests.reliability.interrupts."""
    found = interrupts.examine(name, stride=3)
    assert found.shown == []
    assert found.counts["interruptions"] >= 50


def test_a_journal_that_forgets_an_interruption_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Going on as if nothing was, the device writes over the record that it did not note."""

    def forget(journal: Journal, fault: PsdFault | None) -> None:
        is_forgotten = fault is not None and fault.cause is FaultCause.INTERRUPTED
        vars(journal)["noted"] = None if is_forgotten else fault

    noted = property(lambda journal: vars(journal)["noted"], forget)
    monkeypatch.setattr(Journal, "fault", noted, raising=False)
    found = interrupts.examine("PIN attempt")
    assert any("is another" in wrong for wrong in found.shown)
