"""`imi meter claims`: what a supervisor does with spoiled imprints, at the command line.

domain.md 9a, 17, the claim: dates, once only, machine evidence.
"""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imi.cli import app
from imi.metering import meter as meter_app
from postage.indicium import unpack
from tests.service.shelf import pages_of

PIN, BENS = "271828", "314159"
WHO = ("--licensee", "Example Mailers, Inc.", "--address", "1 Main Street")
JOB = """
name = "spoiled"
date = {day}
[[department]]
id = 7
name = "Mail room"
[[batch]]
name = "letters"
count = 4
department = 7
size = "number10"
ounces = [0.3, 0.9]
faults = [{{ piece = 2, fault = "ink_out" }}, {{ piece = 3, fault = "head_jam" }}]
"""


def spoiled(out: Path, day: str) -> Path:
    """Return the folder of a run: piece 2 is a misprint, at piece 3 the head fired nothing."""
    job = out.with_suffix(".toml")
    job.write_text(JOB.format(day=day))
    done = CliRunner().invoke(app, ["run", str(job), "--out", str(out), "--pictures", "0"])
    assert done.exit_code == 0, done.output
    enrolled = imi("users", "enrol", out, "1", "Ada", at=f"{day}T18:00", user=None)
    assert enrolled.exit_code == 0, enrolled.output
    return out


def imi(
    group: str, command: str, out: Path, *more: str, at: str, user: int | None = 1, pin: str = PIN
) -> Result:
    who = () if user is None else ("--user", str(user))
    arguments = [group, command, str(out), *more, *who, "--at", at]
    return CliRunner().invoke(meter_app, arguments, env={"IMI_PIN": pin, "IMI_NEW_PIN": pin})


def registers(out: Path) -> list[dict[str, object]]:
    report = CliRunner().invoke(meter_app, ["report", "registers", str(out)])
    assert report.exit_code == 0, report.output
    rows: list[dict[str, object]] = json.loads(report.stdout)["rows"]
    return rows


def test_a_claim_is_accepted_on_the_60th_day_and_refused_on_the_61st(tmp_path: Path) -> None:
    """Claim of 2026-08-01: dated 2026-06-02 accepted, dated 2026-06-01 refused."""
    noon = "2026-08-01T16:00"
    inside, outside = (spoiled(tmp_path / day, day) for day in ("2026-06-02", "2026-06-01"))
    late = imi("claims", "file", outside, *WHO, at=noon)
    assert late.exit_code == 1
    assert "dated 2026-06-01, claimed on 2026-08-01: 61 days, at most 60" in late.stderr
    still = json.loads(imi("claims", "list", outside, "--json", at=noon).stdout)
    assert (len(still["open"]), still["filed"]) == (2, []), "what is refused stays open"
    filed = imi("claims", "file", inside, *WHO, "--json", at=noon)
    assert filed.exit_code == 0, filed.stderr
    told = json.loads(filed.stdout)
    assert (told["standing"], told["face"], told["day"]) == ("filed", "$1.48", "2026-08-01")
    # 10 % of a face value to $350.00 (domain.md 3.3)
    assert (told["charge"], told["refund"]) == ("$0.148", "$1.332")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return spoiled(tmp_path_factory.mktemp("claims") / "run", "2026-07-13")


NEXT = "2026-07-14T16:00"


def test_the_list_has_each_piece_with_its_evidence(made: Path) -> None:
    found = json.loads(imi("claims", "list", made, "--json", at=NEXT).stdout)
    misprint, unprinted = found["open"]
    assert (misprint["reason"], unprinted["reason"]) == ("MISPRINT", "UNPRINTED")
    assert misprint["ruling"] == unprinted["ruling"] == "accepted"
    fired, wanted = misprint["columns"]
    assert 0 < fired < wanted
    assert unprinted["columns"] == [0, wanted]
    indicium = unpack(bytes.fromhex(misprint["payload"]), profile="imi-std/p1")
    assert (indicium.piece_count, indicium.postage.mills) == (2, misprint["postage_mills"])
    assert "MISPRINT" in imi("claims", "list", made, at=NEXT).stdout


def test_a_draft_files_nothing(made: Path, tmp_path: Path) -> None:
    outs = ("--out", str(tmp_path / "d.json"), "--out", str(tmp_path / "d.pdf"))
    drafted = imi("claims", "draft", made, *WHO, *outs, at=NEXT)
    assert drafted.exit_code == 0, drafted.stderr
    assert "draft, not filed" in drafted.stdout
    assert json.loads((tmp_path / "d.json").read_text())["signature"] is None
    title = "Application for refund of postage (draft, not filed)"
    [page] = pages_of((tmp_path / "d.pdf").read_bytes(), title)
    assert "Example Mailers, Inc." in page
    found = json.loads(imi("claims", "list", made, "--json", at=NEXT).stdout)
    assert (len(found["open"]), found["filed"]) == (2, [])


def test_a_claim_is_filed_once_for_each_indicium(made: Path, tmp_path: Path) -> None:
    """And the file again, from what was kept; the registers do not move."""
    before = registers(made)
    (first, second) = json.loads(imi("claims", "list", made, "--json", at=NEXT).stdout)["open"]
    one = ("--record", str(first["record"]))
    out = ("--out", str(tmp_path / "c.json"))
    filed = imi("claims", "file", made, *WHO, *one, *out, "--json", at=NEXT)
    number = json.loads(filed.stdout)["claim"]
    again = imi("claims", "file", made, *WHO, *one, at=NEXT)
    assert again.exit_code == 1
    assert f"record {first['record']} is in claim {number} already" in again.stderr
    rest = json.loads(imi("claims", "file", made, *WHO, "--json", at=NEXT).stdout)
    assert [each["record"] for each in rest["claimed"]] == [second["record"]]
    none = imi("claims", "file", made, *WHO, at=NEXT)
    assert (none.exit_code, none.stdout) == (1, "")
    assert "nothing can be claimed today" in none.stderr
    shown = imi("claims", "show", made, number, "--out", str(tmp_path / "again.json"), at=NEXT)
    assert "the device's record of it" in shown.stdout
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "c.json").read_bytes()
    found = json.loads(imi("claims", "list", made, "--json", at=NEXT).stdout)
    assert found["open"] == []
    assert {each["claim"] for each in found["filed"]} == {number, rest["claim"]}
    assert registers(made) == before
    trail = json.loads(imi("users", "trail", made, "--json", at=NEXT).stdout)
    ordered = [(each["subject"], each["detail"]) for each in trail if each["act"] == "claim refund"]
    assert ordered == [(first["record"], number), (second["record"], rest["claim"])]


def test_a_kept_form_that_was_edited_is_no_evidence(made: Path) -> None:
    [path, *_] = sorted((made / "claims").iterdir())
    true = path.read_bytes()
    path.write_bytes(true.replace(b"Example Mailers", b"Another Mailer!"))
    try:
        shown = imi("claims", "show", made, path.stem, at=NEXT)
    finally:
        path.write_bytes(true)
    assert shown.exit_code == 2
    assert "the signature is not this device's" in shown.stderr


def test_refusals_name_the_thing(made: Path) -> None:
    for arguments, code, said in (
        (("file", *WHO, "--record", "999"), 2, "record 999 is not open"),
        (("file", *WHO, "--out", "claim.txt"), 2, "claim.txt is neither .json nor .pdf"),
        (("show", "TST0-00000001-1-000000000000"), 2, "no claim 'TST0-00000001-1-0000"),
        (("show", "../../etc/passwd"), 2, "no claim '../../etc/passwd'"),
    ):
        command, *more = arguments
        refused = imi("claims", command, made, *more, at=NEXT)
        assert (refused.exit_code, said in refused.stderr) == (code, True), refused.output
    wrong = imi("claims", "file", made, *WHO, at=NEXT, pin=BENS)
    assert (wrong.exit_code, "wrong PIN" in wrong.stderr) == (1, True)


def test_an_operator_files_no_claim(made: Path) -> None:
    assert imi("users", "put", made, "20", "Ben", "operator", at=NEXT).exit_code == 0
    reset = CliRunner().invoke(
        meter_app,
        ["users", "reset-pin", str(made), "20", "--user", "1", "--at", NEXT],
        env={"IMI_PIN": PIN, "IMI_NEW_PIN": BENS},
    )
    assert reset.exit_code == 0, reset.output
    for command in (("list",), ("file", *WHO)):
        refused = imi("claims", *command[:1], made, *command[1:], at=NEXT, user=20, pin=BENS)
        assert refused.exit_code == 1
        assert "the role does not allow it: user 20 is operator" in refused.stderr
