"""A run's own pictures and one of each doctored kind, through the lane: every verdict as listed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from imi.cli import app
from imi.doctored import AUTHORITY, AUTHORITY_ID, EXPECTED, REGISTER
from imi.runpieces import FACTS, PICTURES
from imicore import frames
from imicore.reader import Frame
from postage.factrows import facts_from_row
from postage.facts import PieceFacts
from postage.rates import RateBook
from postage.verdicts import Code
from sorter.duplicates import DuplicateStore
from sorter.lane import Lane
from sorter.policy import Policy, TrustMode
from sorter.registerfiles import read_authority
from sorter.trust import Trust, authority, load_register
from sorter.verifier import Verifier

ROOT = Path(__file__).parents[2]
PIECES = 6


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("doctored")
    run, out = folder / "run", folder / "doctored"
    job = ROOT / "samples/jobs/morning.toml"
    for words in (
        ["run", job, "--out", run, "--pieces", PIECES, "--pictures", 10_000, "--json"],
        ["samples", "doctored", run, "--out", out, "--json"],
    ):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output
    return run / PICTURES, out


def pieces(folder: Path) -> Iterator[tuple[Frame, PieceFacts]]:
    for line in (folder / FACTS).read_text().splitlines():
        facts = facts_from_row(json.loads(line))
        yield frames.load(folder / facts.image_id), facts


def verdicts(folders: tuple[Path, Path], history: Path, mode: TrustMode) -> dict[str, Code]:
    keys = read_authority(folders[1] / AUTHORITY)
    assert keys.keys() == {AUTHORITY_ID}
    trust = Trust(load_register(folders[1] / REGISTER, authority(keys)))
    store = DuplicateStore.at(history)
    policy = Policy(mode=mode, pixels_per_inch=200)
    verifier = Verifier(trust, store, RateBook.load(), policy)
    with Lane(verifier, threads=1, deadline_s=None) as lane:
        stream = (piece for folder in folders for piece in pieces(folder))
        told = {one.facts.image_id: one.verdict.code for one in lane.run(stream)}
    store.close()
    return told


def test_every_verdict_is_as_listed(folders: tuple[Path, Path], tmp_path: Path) -> None:
    expected = dict.fromkeys((path.name for path in folders[0].glob("*.png")), Code.VALID)
    assert len(expected) == PIECES
    listed = [json.loads(line) for line in (folders[1] / EXPECTED).read_text().splitlines()]
    assert len(listed) >= 12
    expected |= {row["picture"]: Code(row["code"]) for row in listed}
    assert verdicts(folders, tmp_path / "scans.db", "rehearsal") == expected


def test_in_production_none_of_them_is_valid(folders: tuple[Path, Path], tmp_path: Path) -> None:
    """design.md 6: software devices never verify in production mode."""
    told = verdicts(folders, tmp_path / "scans.db", "production")
    assert Code.VALID not in told.values()
    assert told["piece-000001.png"] is Code.SPECIMEN


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["samples", "doctored", str(tmp_path)])
    assert done.exit_code == 2
    assert "no folder of `imi run`" in done.output


def test_the_lane_command_says_the_same(folders: tuple[Path, Path], tmp_path: Path) -> None:
    words = ["sorter", "lane", *folders, "--register", folders[1] / REGISTER]
    words += ["--authority", folders[1] / AUTHORITY, "--mode", "rehearsal"]
    words += ["--history", tmp_path / "scans.db", "--pixels-per-inch", 200, "--threads", 1]
    words += ["--outbox", tmp_path / "outbox.db", "--json"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    listed = [json.loads(line) for line in (folders[1] / EXPECTED).read_text().splitlines()]
    found = {piece["image_id"]: piece["code"] for piece in told["pieces"]}
    assert {row["picture"]: row["code"] for row in listed}.items() <= found.items()
    report = CliRunner().invoke(app, ["sorter", "report", str(tmp_path / "outbox.db"), "--json"])
    assert report.exit_code == 0, report.output
    assert json.loads(report.stdout)["reconciles"] is True


def test_the_lane_command_names_a_place_that_is_none(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    words = ["sorter", "lane", tmp_path / "no", "--register", folders[1] / REGISTER]
    words += ["--authority", folders[1] / AUTHORITY, "--history", tmp_path / "scans.db"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 2
    assert "is no folder of pictures" in done.output
