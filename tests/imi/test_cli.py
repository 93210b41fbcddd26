"""The command: exit codes, JSON, clear refusals, and a start that imports nothing heavy."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imi.cli import app
from pipeline.disk import RealDisk

ROOT = Path(__file__).parent.parent.parent
MORNING = str(ROOT / "samples" / "jobs" / "morning.toml")


def imi(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_help_imports_no_heavy_module() -> None:
    """`imi --help` answers at once: numpy, cv2, matplotlib and the natives load on first use."""
    code = "import sys, imi.cli; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout
    for heavy in ("numpy", "cv2", "matplotlib", "cryptography", "imicore", "pydantic"):
        assert f"'{heavy}'" not in loaded


def test_run_leaves_pictures_report_and_a_balanced_summary(tmp_path: Path) -> None:
    result = imi("run", MORNING, "--out", str(tmp_path), "--pieces", "6", "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["pieces"]["printed_and_reread"] == 6
    assert summary["pieces"]["mismatches"] == 0
    assert summary["meter"]["balanced"]
    assert summary["journal"]["signatures_valid"] == 6
    contact = summary["contact"]
    assert (contact["warning"], contact["locked"], contact["incidents"]) == ("none", False, [])
    assert contact["last"].startswith("2026-07-13 ")
    assert contact["due"].startswith("2026-07-16 ")
    spent = {row["name"]: row["postage"] for row in summary["departments"]}
    assert f"${spent['Accounts receivable']}" == summary["postage"]["spent"]
    assert spent["Marketing"] == "0.00"
    page = (tmp_path / "report.html").read_text()
    for picture in (tmp_path / "pictures").glob("*.png"):
        assert f"pictures/{picture.name}" in page
    assert "<svg" in page
    assert contact["due"] in page
    assert "Membership" in page


def test_run_goes_on_where_it_was(tmp_path: Path) -> None:
    for expected in (1, 4):
        result = imi("run", MORNING, "--out", str(tmp_path), "--pieces", "3", "--json")
        assert json.loads(result.stdout)["pieces"]["first"] == expected
    assert json.loads(result.stdout)["meter"]["piece_count"] == 6


def test_a_killed_run_restarts_and_no_debit_is_lost_or_doubled(tmp_path: Path) -> None:
    """kill -9 in the middle: the next run lists what is open and feeds each piece at most once."""
    command = [sys.executable, "-m", "imi", "run", MORNING, "--out", str(tmp_path)]
    for turn in range(3):
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        before = len(list(tmp_path.glob("pictures/*")))
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("pictures/*"))) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.poll() is None
        time.sleep(0.013 * turn)  # another place within a piece each time
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    result = imi("run", MORNING, "--out", str(tmp_path), "--pieces", "2", "--json")
    summary = json.loads(result.stdout)
    assert summary["journal"]["faults"] == []
    assert summary["meter"]["balanced"]
    # Every debit is one piece of the list: fed once, and either inspected or open.
    last = summary["pieces"]["first"] + summary["pieces"]["fed"] - 1
    assert 30 < summary["journal"]["debits"] == last < 532
    assert len(summary["open_pieces"]) <= 3


def test_ctrl_c_stops_between_two_pieces(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "imi", "run", MORNING, "--out", str(tmp_path), "--json"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("pictures/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    summary = json.loads(output)
    assert process.returncode == 1
    assert summary["stopped"].startswith("interrupted")
    assert summary["open_pieces"] == []
    assert 0 < summary["pieces"]["printed_and_reread"] == summary["journal"]["debits"] < 532


def test_a_journal_that_was_tampered_with_is_refused_by_name(tmp_path: Path) -> None:
    assert imi("run", MORNING, "--out", str(tmp_path), "--pieces", "2").exit_code == 0
    for side in ("a", "b"):
        (segment,) = (tmp_path / "meter" / "journal" / side).iterdir()
        data = bytearray(segment.read_bytes())
        data[512 + 48] ^= 1  # the ascending register of the second record
        segment.write_bytes(data)
    result = imi("run", MORNING, "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "imi:" in result.output
    assert "record 2" in result.output


@pytest.mark.parametrize("fresh", [[], ["--fresh"]])
def test_a_folder_that_is_not_ours_is_never_used(tmp_path: Path, fresh: list[str]) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "me.jpg").write_text("data")
    result = imi("run", MORNING, "--out", str(tmp_path), *fresh)
    assert result.exit_code == 2
    assert "was not made by" in result.output
    assert (tmp_path / "pictures" / "me.jpg").read_text() == "data"


def test_fresh_leaves_nothing_of_the_run_before(tmp_path: Path) -> None:
    for more in ((), ("--fresh",)):
        run = ("run", MORNING, "--out", str(tmp_path), "--pieces", "2", "--pictures", "2", *more)
        assert imi(*run).exit_code == 0
    facts = (tmp_path / "pictures" / "facts.jsonl").read_text().splitlines()
    assert len(facts) == len([*tmp_path.glob("pictures/*.png")]) == 2


def test_fresh_never_empties_a_folder_that_another_run_is_at(tmp_path: Path) -> None:
    assert imi("run", MORNING, "--out", str(tmp_path), "--pieces", "1").exit_code == 0
    other = RealDisk(tmp_path / "meter" / "journal")
    other.lock()
    result = imi("run", MORNING, "--out", str(tmp_path), "--fresh")
    other.close()
    assert result.exit_code == 2
    assert "held by another process" in result.output
    assert (tmp_path / "pieces.sqlite").exists()


def test_a_piece_is_never_paid_twice_when_its_picture_cannot_be_kept(tmp_path: Path) -> None:
    """The debit is durable and the list has no row: the next run takes the piece as fed."""
    assert imi("run", MORNING, "--out", str(tmp_path), "--pieces", "2").exit_code == 0
    blocked = tmp_path / "pictures" / "piece-000004.png"
    blocked.mkdir()
    assert imi("run", MORNING, "--out", str(tmp_path), "--pieces", "4").exit_code == 1
    blocked.rmdir()
    result = imi("run", MORNING, "--out", str(tmp_path), "--pieces", "2", "--json")
    summary = json.loads(result.stdout)
    assert summary["pieces"]["first"] == 5
    assert summary["journal"]["debits"] == 6


def test_a_run_without_its_list_of_pieces_does_not_go_on(tmp_path: Path) -> None:
    assert imi("run", MORNING, "--out", str(tmp_path), "--pieces", "2").exit_code == 0
    for path in tmp_path.glob("pieces.sqlite*"):
        path.unlink()
    result = imi("run", MORNING, "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "the list of pieces is empty" in result.output


def test_another_job_does_not_go_on_in_the_folder(tmp_path: Path) -> None:
    assert imi("run", MORNING, "--out", str(tmp_path), "--pieces", "1").exit_code == 0
    result = imi("run", MORNING.replace("morning", "bad-mail"), "--out", str(tmp_path))
    assert result.exit_code == 2
    assert "holds the run of" in " ".join(result.output.split())  # lines wrap


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "no-such.toml"], "cannot read the job file no-such.toml"),
        (["encode", "zz", "--hex"], "non-hexadecimal"),
        (["encode", "a", "--shape", "round"], "shape"),
        (["encode", "x" * 4000], "4000"),
        (["read", "no-such.png"], "no-such.png"),
        (["bench", "nothing"], "no bench 'nothing'"),
        (["bench", "codec", "--seeds", "0"], "--seeds and --pictures are for the bench 'reader'"),
        (["bench", "reader", "--pictures", "no-such"], "no-such is no folder"),
        (["bench", "reader", "--seeds", "x"], "'x' is no list of numbers"),
    ],
)
def test_bad_usage_is_exit_code_2_and_names_the_thing(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    extra = ["--out", str(tmp_path / "x")] if arguments[0] != "read" else []
    result = imi(*arguments, *extra)
    assert result.exit_code == 2
    assert said in result.output


def test_samples_decode_to_their_manifest(tmp_path: Path) -> None:
    result = imi("samples", "make", str(tmp_path), "--count", "3", "--seed", "11", "--json")
    assert result.exit_code == 0, result.output
    manifest = Path(json.loads(result.stdout)["manifest"])
    for line in manifest.read_text().splitlines():
        entry = json.loads(line)
        read = imi("read", str(tmp_path / entry["file"]), "--json")
        assert json.loads(read.stdout)["payload"] == entry["payload"]


def test_degraded_samples_have_their_class_and_level(tmp_path: Path) -> None:
    options = ("--degraded", "clean,nozzle", "--level", "2", "--count", "1", "--seed", "4")
    result = imi("samples", "make", str(tmp_path), *options, "--json")
    assert json.loads(result.stdout)["pictures"] == 2
    lines = (tmp_path / "manifest.jsonl").read_text().splitlines()
    clean, nozzle = map(json.loads, lines)
    assert (clean["file"], clean["defects"]) == ("clean-0-0004.png", [])
    assert [(d["name"], d["level"]) for d in nozzle["defects"]] == [("nozzle", 2)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--degraded", "rust"], "no class 'rust'"),
        (["--degraded", "blur", "--level", "6"], "level is 6"),
        (["--level", "1"], "--level goes with --degraded"),
    ],
)
def test_samples_that_cannot_be_made_are_refused(
    options: list[str], said: str, tmp_path: Path
) -> None:
    result = imi("samples", "make", str(tmp_path / "none"), *options)
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "none").exists()


def test_encode_then_read(tmp_path: Path) -> None:
    picture = tmp_path / "symbol.png"
    assert imi("encode", "00ff7f", "--hex", "--out", str(picture)).exit_code == 0
    result = imi("read", str(picture), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["payload"] == "00ff7f"


def test_read_bars_beside_a_symbol(tmp_path: Path) -> None:
    """`--symbology` once for each; the barcode's digits come apart, in hex too."""
    import numpy as np

    from bench.bar_rows import RowStyle, draw_row
    from imicore import imb
    from imicore.raster import Raster
    from imicore.writers import png

    bars = imb.encode("01234567094987654321", "01234")
    frame, _ = draw_row(bars, RowStyle(noise=0, text=False), np.random.default_rng(1))
    picture = tmp_path / "bars.png"
    dots = frame < 128
    picture.write_bytes(png(Raster(np.packbits(dots, axis=1), dots.shape[1], 200, {})))
    read = imi("read", str(picture), "--symbology", "imb", "--symbology", "datamatrix", "--json")
    assert read.exit_code == 0, read.output
    found = json.loads(read.stdout)
    assert found["symbology"] == "imb"
    assert bytes.fromhex(found["payload"]) == b"0123456709498765432101234"
    assert (found["tracking"], found["routing"]) == ("01234567094987654321", "01234")
    assert (
        "imb 01234567094987654321 01234" in imi("read", str(picture), "--symbology", "imb").output
    )
    assert imi("read", str(picture)).exit_code == 1
    assert imi("read", str(picture), "--symbology", "qr").exit_code == 2
