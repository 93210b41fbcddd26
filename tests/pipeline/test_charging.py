"""Who may charge what at the line: departments, budgets, users, and midnight."""

from datetime import date, time
from pathlib import Path

import pytest
import typer
from rich.console import Console

from imi.running import feed, report_in
from imi.runopening import Run, open_run
from pipeline.accounts import Account, Budget, Period, User
from pipeline.job import Job
from pipeline.lifecycle import Role
from pipeline.pieces import Reason
from pipeline.record import RecordType
from pipeline.supervision import Supervision
from postage.messages import Command
from postage.money import Money

PIN, BENS = "271828", "314159"
LETTER = Money(780)  # metered, 1 oz, 2026-07-12 (domain.md 9a, 3)


def job(*counts: tuple[int, int], **departments: dict[str, object]) -> Job:
    """Return a job of one-ounce letters: (department, count) for each batch."""
    return Job.model_validate(
        {
            "name": "charging",
            "date": "2026-07-13",
            "department": [
                {"id": number, "name": f"Department {number}", **departments.get(f"d{number}", {})}
                for number in (1, 2)
            ],
            "batch": [
                {
                    "name": f"batch {place}",
                    "count": count,
                    "department": department,
                    "size": "number10",
                    "ounces": [0.3, 0.9],
                }
                for place, (department, count) in enumerate(counts)
            ],
        }
    )


def opened(what: Job, out: Path, who: tuple[int, str] | None = None) -> Run:
    return open_run(what, out, fresh=False, limit=None, who=who)


def fed(run: Run) -> dict[str, int]:
    """Let every piece pass, close everything and return how many left for which reason."""
    feed(run, Console(quiet=True), pictures=0)
    run.log.close()
    run.accounts.close()
    run.meter.psd.close()
    return dict(run.tally.diverted)


def with_users(out: Path) -> None:
    """Enrol supervisor 1 and operator 20, who charges department 1 alone."""
    run = opened(job((1, 1)), out)
    run.shift.office.enrol(1, "Ada", PIN)
    session = run.shift.office.login(1, PIN)
    ada = Supervision(run.shift.office, session)  # type: ignore[arg-type]
    assert ada.put_user(User(20, "Ben", Role.OPERATOR, frozenset({1}))) is None
    assert ada.put_user(User(30, "Cy", Role.AUDITOR)) is None
    assert ada.reset_pin(20, BENS) is ada.reset_pin(30, BENS) is None
    fed(run)


def test_a_closed_department_is_charged_nothing_and_has_its_own_reason(tmp_path: Path) -> None:
    run = opened(job((1, 1), (2, 2), d2={"active": False}), tmp_path)
    assert fed(run) == {Reason.CHARGE_DENIED: 2}
    (_, said, detail), _ = run.tally.diverts
    assert (said, detail) == (
        "charge_denied",
        "the department takes no charges: department 2 is not active",
    )
    assert run.meter.psd.registers.ascending == LETTER


def test_a_budget_ends_in_the_debit_and_has_its_own_reason(tmp_path: Path) -> None:
    """Two letters of 780 are 1,560 of 2,000; the third does not fit, and charges nobody else."""
    run = opened(job((2, 4), (1, 1), d2={"budget": 2}), tmp_path)
    assert fed(run) == {Reason.OVER_BUDGET: 2}
    assert "the department's budget does not reach" in run.tally.diverts[0][2]
    assert run.meter.psd.registers.ascending.mills == 3 * LETTER.mills


def test_a_budget_is_one_however_often_the_run_goes_on(tmp_path: Path) -> None:
    what = job((2, 4), d2={"budget": 2})
    for left in ({}, {}, {Reason.OVER_BUDGET: 1}, {Reason.OVER_BUDGET: 1}):
        run = open_run(what, tmp_path, fresh=False, limit=1)
        assert fed(run) == left
    budgets = [each for each in run.meter.psd.records() if each.type == RecordType.BUDGET]
    assert [each.amount for each in budgets] == [2_000]


def test_a_machine_that_knows_users_asks_who_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_users(tmp_path)
    for who, said in (
        (None, "the machine knows its users"),
        ((20, PIN), "wrong PIN: user 20, 4 tries left"),
        ((21, PIN), "no such user: user 21"),
    ):
        with pytest.raises(typer.Exit) as refused:
            opened(job((1, 2)), tmp_path, who)
        assert refused.value.exit_code == 1
        assert said in capsys.readouterr().err


def test_an_operator_charges_their_departments_and_stands_in_the_record(tmp_path: Path) -> None:
    with_users(tmp_path)
    run = opened(job((1, 2), (2, 1)), tmp_path, (20, BENS))
    assert fed(run) == {Reason.CHARGE_DENIED: 1}
    assert "user 20 charges 1" in run.tally.diverts[0][2]
    debits = [each for each in run.meter.psd.records() if each.type == RecordType.DEBIT]
    assert [(each.department, each.operator) for each in debits] == [(1, 0), (1, 20)]


def test_an_auditor_prints_nothing(tmp_path: Path) -> None:
    with_users(tmp_path)
    run = opened(job((1, 2)), tmp_path, (30, BENS))
    assert fed(run) == {Reason.CHARGE_DENIED: 1}
    assert "user 30 is auditor" in run.tally.diverts[0][2]


def test_the_book_is_the_supervisors_once_there_is_one(tmp_path: Path) -> None:
    with_users(tmp_path)
    run = opened(job((1, 2), d1={"active": False, "name": "Mine"}), tmp_path, (20, BENS))
    assert fed(run) == {}
    assert run.shift.office.book.name(1) == "Department 1"


def test_a_new_month_gives_the_budget_anew_before_the_first_piece(tmp_path: Path) -> None:
    """Of $1.00 a month one letter of 780 fits; at midnight of the licensed place another does.

    Pieces pass at 23:59:20, 23:59:50 and 00:00:20, dated the day that begins.
    """
    what = job((1, 3)).model_copy(
        update={"date": date(2026, 7, 31), "start": time(23, 58, 50), "pieces_per_hour": 120}
    )
    run = opened(what, tmp_path)
    run.shift.office.put([Account(1, "One", Budget(Money(1_000), Period.MONTH))], 0, None, "test")
    run.job = what.model_copy(update={"date": date(2026, 8, 1)})
    assert fed(run) == {Reason.OVER_BUDGET: 1}
    assert run.tally.diverts[0][0] == 2
    budgets = [each for each in run.meter.psd.records() if each.type == RecordType.BUDGET]
    assert [each.amount for each in budgets] == [1_000, 1_000]


def test_a_budget_that_the_meter_could_not_take_is_told_after_the_contact(tmp_path: Path) -> None:
    """A meter in FAULT takes none; the provider's inspection lifts that at a contact."""
    run = opened(job((1, 1)), tmp_path)
    office, psd = run.shift.office, run.meter.psd
    psd.fail("a test of the test")
    office.put([Account(1, "One", Budget(Money(500)))], 0, None, "test")
    assert office.book.unsettled == {1}
    run.provider.order(psd.device_id, Command.INSPECTED)
    report_in(run)
    assert office.book.unsettled == frozenset()
    assert fed(run) == {Reason.OVER_BUDGET: 1}
