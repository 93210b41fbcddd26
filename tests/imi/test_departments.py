"""`imi meter departments` and `imi meter users`: a supervisor's morning at the command line."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from imi.cli import app as imi_app
from imi.departments import departments
from imi.users import users

ROOT = Path(__file__).parent.parent.parent
JOB = str(ROOT / "samples" / "jobs" / "morning.toml")
PIN, BENS = "271828", "314159"
app = typer.Typer()
app.add_typer(departments, name="departments")
app.add_typer(users, name="users")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of twelve pieces, with supervisor 1 and operator 20."""
    out = tmp_path_factory.mktemp("office")
    run = ("run", JOB, "--out", str(out), "--pieces", "12", "--pictures", "0")
    assert CliRunner().invoke(imi_app, run).exit_code == 0
    assert meter(out, "users", "enrol", "1", "Ada", user=None, new_pin=PIN).exit_code == 0
    assert meter(out, "users", "put", "20", "Ben", "operator").exit_code == 0
    assert meter(out, "users", "reset-pin", "20", new_pin=BENS).exit_code == 0
    return out


def meter(
    out: Path,
    group: str,
    command: str,
    *more: str,
    user: int | None = 1,
    pin: str = PIN,
    new_pin: str = "",
) -> Result:
    who = () if user is None else ("--user", str(user))
    arguments = [group, command, str(out), *more, *who, "--at", "2026-07-14T12:00"]
    environment = {"IMI_PIN": pin} | ({"IMI_NEW_PIN": new_pin} if new_pin else {})
    return CliRunner().invoke(app, arguments, env=environment)


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, imi.departments, imi.users; print(sorted(m for m in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    for heavy in ("numpy", "cryptography", "argon2", "matplotlib", "sqlalchemy", "pydantic"):
        assert f"'{heavy}'" not in loaded


def test_a_list_goes_in_by_preview_and_comes_out_again(made: Path, tmp_path: Path) -> None:
    file, back = tmp_path / "in.csv", tmp_path / "back.csv"
    head = b"number,name,budget,period,active\n"
    file.write_bytes(head + b"11,=Mail room,80.005,month,yes\n12,B,,,no\n2,Sales,9,year,yes\n")
    shown = meter(made, "departments", "import", str(file))
    assert "add    department 11 =Mail room, $80.005 a month" in shown.stdout
    assert "change department 2 Marketing, $150.00 -> department 2 Sales, $9.00 a year" in (
        shown.stdout
    )
    assert "nothing was changed" in shown.stdout
    before = json.loads(meter(made, "departments", "list", "--json").stdout)
    assert [each["number"] for each in before] == [1, 2, 3, 4], "those of the job"
    assert meter(made, "departments", "import", str(file), "--apply").exit_code == 0
    assert meter(made, "departments", "export", str(back)).exit_code == 0
    assert b"11,'=Mail room,80.005,month,yes\r\n12,B,,,no" in back.read_bytes()
    again = meter(made, "departments", "import", str(back), "--apply")
    assert "0 added, 0 changed, 6 as they are" in again.stdout
    *_, mail, closed = json.loads(meter(made, "departments", "list", "--json").stdout)
    assert (mail["budget"], closed["active"]) == ("$80.005 a month", False)
    changed = meter(made, "departments", "set", "11", "--budget", "none", "--name", "Mail")
    assert changed.stdout == "department 11 Mail, no budget\n"


def test_bad_rows_are_named_and_nothing_is_taken(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.csv"
    file.write_bytes(b"number,name,budget,period,active\n5,x,1.2345,month,yes\n6,y,,,maybe\n")
    refused = meter(made, "departments", "import", str(file), "--apply")
    assert refused.exit_code == 2
    assert "line 2, budget: '1.2345'; dollars with at most 3 decimals" in refused.stderr
    assert "line 3, active: 'maybe'; yes or no" in refused.stderr


def test_usage_as_table_json_csv_and_plot_has_the_sums_of_the_run(
    made: Path, tmp_path: Path
) -> None:
    spent = json.loads((made / "summary.json").read_text())["postage"]["spent"]
    files = ("--csv", str(tmp_path / "u.csv"), "--plot", str(tmp_path / "u.svg"))
    shown = meter(made, "departments", "usage", "--by", "period", "--by", "department", *files)
    assert shown.exit_code == 0, shown.stderr
    assert spent.lstrip("$") in shown.stdout
    report = json.loads(meter(made, "departments", "usage", "--json").stdout)
    assert "$" + report["total"]["postage"] == spent
    assert report["total"]["postage"] == report["ascending"]["rise"]
    rows = csv.DictReader(io.StringIO((tmp_path / "u.csv").read_text("utf-8-sig")))
    assert {row["period"] for row in rows} == {"2026-07"}
    assert (tmp_path / "u.svg").read_text().startswith("<svg")
    none = meter(made, "departments", "usage", "--first", "2030-01-01", "--json")
    assert json.loads(none.stdout)["lines"] == []


def test_an_operator_may_change_nothing_and_wrong_pins_are_counted(made: Path) -> None:
    refused = meter(made, "departments", "set", "1", "--name", "Mine", user=20, pin=BENS)
    assert refused.exit_code == 1
    assert "the role does not allow it: user 20 is operator" in refused.stderr
    said = [meter(made, "users", "list", user=20, pin="602214").stderr for _ in range(6)]
    assert "user 20, 4 tries left" in said[0]
    assert "too many wrong PINs; wait: user 20 after 5 tries" in said[4]
    assert "too many wrong PINs; wait" in meter(made, "users", "list", user=20, pin=BENS).stderr
    assert meter(made, "users", "unlock", "20").exit_code == 0
    listed = json.loads(meter(made, "users", "list", "--json").stdout)
    assert [(each["number"], each["tries"], each["has_pin"]) for each in listed] == [
        (1, 0, True),
        (20, 0, True),
    ]
    trail = json.loads(meter(made, "users", "trail", "--json").stdout)
    assert (trail[-1]["act"], trail[-1]["subject"], trail[-1]["actor"]) == ("unlock user", 20, 1)
    assert "unlock" in meter(made, "users", "trail").stdout


def test_refusals_name_the_thing(made: Path, tmp_path: Path) -> None:
    for arguments, said in (
        (("users", "reset-pin", "20"), "the PIN is one digit repeated"),
        (("users", "put", "21", "x", "operator", "--department", "99"), "department 99 is not"),
        (("departments", "set", "9"), "department 9 is not known; give --name"),
        (("departments", "set", "9", "--name", "N", "--budget", "1.23456"), "is not an amount"),
        (("departments", "import", str(tmp_path / "no.csv")), "No such file"),
        (
            ("departments", "usage", "--first", "yesterday"),
            "'yesterday' is no day such as 2026-07-14",
        ),
    ):
        refused = meter(made, *arguments, new_pin="0000")
        assert refused.exit_code == 2, refused.output
        assert said in refused.stderr
    second = meter(made, "users", "enrol", "2", "Mallory", user=None, new_pin=PIN)
    assert second.exit_code == 2
    assert "the provider alone enrols" in second.stderr
    assert "holds no meter" in meter(tmp_path, "users", "list").stderr


def test_every_act_answers_in_json_too(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    acts = (
        (("departments", "set", "31", "--name", "Thirty-one", "--budget", "5"), "told", True),
        (("departments", "export", str(file)), "file", str(file)),
        (("departments", "import", str(file)), "changed", []),
        (("users", "put", "31", "Eve", "auditor"), "role", "auditor"),
        (("users", "reset-pin", "31"), "new_pin", True),
        (("users", "unlock", "31"), "tries", 0),
    )
    for arguments, name, value in acts:
        answer = meter(made, *arguments, "--json", new_pin=BENS)
        assert answer.exit_code == 0, answer.output
        assert json.loads(answer.stdout)[name] == value


@pytest.mark.parametrize("group", [departments, users])
def test_every_command_s_help_has_an_example_and_its_exit_codes(group: typer.Typer) -> None:
    for command in group.registered_commands:
        assert command.epilog is not None
        assert "Example: imi meter " in command.epilog, command.name
        assert "Exit code 0" in command.epilog, command.name
