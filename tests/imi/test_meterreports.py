"""`imi meter report`: of a meter that was run, without opening it."""

import csv
import hashlib
import io
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imi.cli import app as whole
from imi.meterreports import ABOUT, app
from pipeline.disk import RealDisk
from pipeline.reportrows import Kind

ROOT = Path(__file__).parent.parent.parent
MORNING = str(ROOT / "samples" / "jobs" / "morning.toml")
PIECES = 6


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run")
    result = CliRunner().invoke(
        whole, ["run", MORNING, "--out", str(out), "--pieces", str(PIECES), "--json"]
    )
    assert result.exit_code == 0, result.output
    return out / "meter"


def report(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


def test_every_kind_has_its_command() -> None:
    assert set(ABOUT) == set(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_a_report_changes_no_byte_of_the_meter(meter: Path, kind: Kind) -> None:
    before = fingerprint(meter)
    result = report(kind, str(meter.parent))
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["balanced"]
    assert fingerprint(meter) == before


def test_the_tape_has_the_run(meter: Path) -> None:
    found = json.loads(report("tape", str(meter.parent)).stdout)
    assert [row["piece"] for row in found["rows"]] == [*range(1, PIECES + 1)]
    assert sum(row["amount_mills"] for row in found["rows"]) == found["totals"]["ascending_mills"]
    assert found["specimen"] is True


def test_reports_name_the_departments_of_the_office(meter: Path) -> None:
    rows = json.loads(report("tape", str(meter.parent)).stdout)["rows"]
    assert {row["department"] for row in rows} == {"1 Accounts receivable"}
    charged = json.loads(report("registers", str(meter.parent)).stdout)["departments"]
    assert [each["name"] for each in charged] == ["Accounts receivable"]
    assert charged[0]["pieces"] == PIECES
    rows = json.loads(report("audit", str(meter.parent)).stdout)["rows"]
    granted = "department 2 Marketing may charge $150.00 from now on"
    assert granted in {row["what"] for row in rows}


def test_names_that_were_tampered_with_are_left_out(meter: Path, tmp_path: Path) -> None:
    shutil.copytree(meter, tmp_path / "meter")
    book = tmp_path / "meter" / "accounts" / "accounts"
    book.write_bytes(book.read_bytes().replace(b"Accounts receivable", b"Accounts rewritten!"))
    result = report("tape", str(tmp_path))
    assert result.exit_code == 0
    assert "whose seal is not this device's" in result.stderr
    rows = json.loads(result.stdout)["rows"]
    assert {row["department"] for row in rows} == {"1"}


def test_the_format_is_that_of_the_file(meter: Path, tmp_path: Path) -> None:
    for name, start in (("a.json", b"{"), ("a.csv", b"row,device"), ("a.pdf", b"%PDF-")):
        out = tmp_path / name
        if name.endswith("pdf"):
            pytest.importorskip("reportlab")
        assert report("funds", str(meter.parent), "--out", str(out)).exit_code == 0
        assert out.read_bytes().startswith(start)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".csv", ".json", ".pdf"]


def test_csv_goes_to_the_terminal_too(meter: Path) -> None:
    result = report("registers", str(meter.parent), "--format", "csv")
    rows = list(csv.reader(io.StringIO(result.stdout)))
    assert rows[1][2] == "Ascending (used)"


def test_a_period_is_taken(meter: Path) -> None:
    for day, pieces in (("2026-07-13", PIECES), ("2026-07-14", 0)):
        result = report("tape", str(meter.parent), "--from", day, "--to", day)
        assert len(json.loads(result.stdout)["rows"]) == pieces


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--out", "report.txt"], "report.txt is neither .json, .csv nor .pdf"),
        (["--format", "pdf"], "a PDF needs a file"),
        (["--from", "2026-07-14", "--to", "2026-07-13"], "ends before it begins"),
        (["--out", "no/such/folder/a.csv"], "No such file or directory"),
    ],
)
def test_bad_usage_is_named(meter: Path, arguments: list[str], said: str) -> None:
    result = report("tape", str(meter.parent), *arguments)
    assert result.exit_code == 2
    assert said in result.output


def test_a_folder_without_a_meter_is_named(tmp_path: Path) -> None:
    result = report("tape", str(tmp_path))
    assert result.exit_code == 2
    assert "holds no meter" in result.output


def test_a_meter_in_use_is_left_alone(meter: Path) -> None:
    disk = RealDisk(meter / "journal")
    disk.lock()
    try:
        result = report("tape", str(meter.parent))
    finally:
        disk.close()
    assert result.exit_code == 2
    assert result.output.startswith("imi: ")


def test_a_report_that_fails_leaves_no_file(meter: Path, tmp_path: Path) -> None:
    """A journal with a byte changed in both copies proves nothing; nothing is written of it."""
    broken = tmp_path / "meter"
    shutil.copytree(meter, broken)
    for path in broken.glob("journal/?/*"):
        data = bytearray(path.read_bytes())
        data[3 * 512 + 100] ^= 1
        path.write_bytes(data)
    out = tmp_path / "a.csv"
    result = report("tape", str(tmp_path), "--out", str(out))
    assert result.exit_code == 2
    assert not list(tmp_path.glob("a.csv*"))
