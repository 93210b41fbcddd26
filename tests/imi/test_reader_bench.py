"""The reader's bench: what it measures, what it concludes, which folders it takes."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench import degraded, pictures, published
from bench.degraded_report import Report, Result
from imi.mailpictures import CLASSES, LEVELS, make_degraded

pytest.importorskip("zxingcpp", reason="the peer that the suite is calibrated by")


def result(
    name: str,
    level: int,
    reader: str,
    *,
    read: bool = True,
    cpu_ms: float = 1.0,
    false: bool = False,
) -> Result:
    return Result(name, level, 0, reader, read, false, cpu_ms)


def whole_suite(reader: str, cpu_ms: float, rates: dict[str, tuple[int, ...]]) -> list[Result]:
    """A frame a cell for each of 100 letters, read as often as the rates say."""
    found = [result("clean", 0, reader, cpu_ms=cpu_ms)._replace(seed=n) for n in range(100)]
    for name in CLASSES:
        for level in LEVELS:
            one = result(name, level, reader, cpu_ms=cpu_ms)
            reads = rates[name][level - 1]
            found += [one._replace(seed=n, read=n < reads) for n in range(100)]
    return found


PUBLISHED = {name: row.zxing for name, row in published.ROWS.items()}
PERFECT = dict.fromkeys(CLASSES, (100,) * 5)


def test_the_published_rows_add_up_to_the_published_total() -> None:
    """peers.md 3: zxing-cpp reads 64.5 % of 24 classes at five levels and clean mail."""
    assert set(published.ROWS) == set(CLASSES)
    total = sum(sum(row.zxing) for row in published.ROWS.values()) + 100
    assert total / 121 == pytest.approx(published.ZXING_OVERALL, abs=0.15)


def test_a_suite_read_as_published_is_calibrated_and_its_goals_are_scaled() -> None:
    """On a machine twice as slow as the published one, goals in ms are doubled."""
    found = [*whole_suite("ours", 9.0, PERFECT), *whole_suite("zxing", 15.0, PUBLISHED)]
    report = Report.of(found)
    assert report.scale == pytest.approx(2.0)
    assert report.summaries["zxing"].overall == pytest.approx(64.39, abs=0.01)
    assert [v.met for v in report.calibration] == [True] * 25
    assert [v.asked for v in report.verdicts[:4]] == [
        "read >= 89 %",
        "mean <= 10.00 ms",
        "max <= 60.0 ms",
        ">= 85 % read within 10.00 ms",
    ]
    assert report.met
    assert report.below_zxing == []


def test_every_verdict_can_fail() -> None:
    """A reader that is slow, reads nothing of blur and lies once fails every line."""
    rates = {**PERFECT, **dict.fromkeys(("blur", "noise", "skew", "smear"), (0,) * 5)}
    lies = result("dots", 1, "ours", read=False, false=True, cpu_ms=99.0)
    found = [*whole_suite("ours", 8.0, rates), lies, *whole_suite("zxing", 7.5, PERFECT)]
    report = Report.of(found)
    assert [v.met for v in report.verdicts] == [False] * 6
    assert [v.met for v in report.calibration].count(False) > 10
    assert ("blur", 1) in report.below_zxing
    assert "FAIL  no false read: 1" in report.text()
    assert "0<" in report.text()
    assert not report.met


def test_a_part_of_the_suite_is_not_judged_as_the_whole() -> None:
    report = Report.of([result("blur", 1, "ours"), result("blur", 1, "zxing")])
    assert report.scale is None
    assert [v.asked for v in report.verdicts] == ["no false read", "no cell below zxing-cpp"]
    assert "overall goals are not judged" in report.text()


def test_few_letters_do_not_judge_the_suite() -> None:
    """At two frames a cell a class is off by 13 points at one sigma; nothing is claimed."""
    everything = [*whole_suite("ours", 1.0, PERFECT), *whole_suite("zxing", 7.5, PUBLISHED)]
    few = Report.of([r for r in everything if r.seed < 5])
    assert few.calibration == []
    assert "not judged by fewer than 6 letters" in few.text()


def test_the_runner_reads_two_classes_with_two_readers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """peers.md 3: skew is read by zxing-cpp at every level, a cut finder at none."""
    arguments = ["--seeds", "0-1", "--classes", "skew,finder", "--levels", "1,4", "--json"]
    degraded.main([*arguments, "--readers", "ours,zxing", "--out", str(tmp_path)])
    found = json.loads(capsys.readouterr().out)
    assert found["seeds"] == [0, 1]
    assert found["read_rates"]["zxing"] == {
        "skew": {"1": 100, "4": 100},
        "finder": {"1": 0, "4": 0},
    }
    assert found["read_rates"]["ours"]["skew"] == {"1": 100, "4": 100}
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert len(lines) == 2 * 2 * 2 * 2
    for name in ("read-rates", "read-times"):
        assert (tmp_path / f"{name}.svg").read_text().count("<svg") == 1
        plot = cv2.imread(str(tmp_path / f"{name}.png"))
        assert plot is not None
        assert len(np.unique(plot.reshape(-1, 3), axis=0)) > 20


def test_the_bound_knows_the_corners_and_reads_what_no_finder_leads_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """peers.md 3: with known corners all of finder 5 is read, by zxing-cpp none."""
    arguments = ["--seeds", "0-2", "--classes", "finder", "--levels", "5", "--json"]
    degraded.main([*arguments, "--readers", "zxing,bound"])
    found = json.loads(capsys.readouterr().out)
    assert found["read_rates"] == {
        "zxing": {"finder": {"5": 0}},
        "bound": {"finder": {"5": 100}},
    }


def test_crops_are_read_but_not_compared_with_what_is_published_of_frames(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """peers.md 3: with the box known to 4 modules zxing-cpp reads contrast at every level."""
    arguments = ["--seeds", "0-5", "--classes", "contrast", "--levels", "1-5", "--crop"]
    degraded.main([*arguments, "--readers", "zxing"])
    text = capsys.readouterr().out
    assert "published" not in text.split("zxing  ")[0]
    assert "calibration" not in text
    row = next(line for line in text.splitlines() if line.startswith("contrast"))
    assert row.split()[1:4] == ["100"] * 3


def test_two_processes_find_what_one_finds() -> None:
    todo = degraded.tasks([0, 1], ["clean", "occlusion"], [3], ["zxing"], 200)
    alone, together = degraded.run(todo), degraded.run(todo, jobs=2)
    assert [r._replace(cpu_ms=0) for r in alone] == [r._replace(cpu_ms=0) for r in together]
    assert [r.cpu_ms > 0 for r in together] == [True] * 4


def test_zxing_reads_the_suite_about_as_published() -> None:
    """One cell of each kind: cells that peers.md 3 gives as 100 or 0 % on twelve frames."""
    for name, level, known in (
        ("clean", 0, 100), ("dot_loss", 1, 100), ("dot_gain", 4, 0), ("blur", 5, 0),
        ("contrast", 3, 100), ("lowres", 2, 100), ("wrinkle", 4, 0), ("jitter", 1, 100),
        ("quiet", 5, 0), ("speckle", 5, 0), ("nozzle", 3, 0), ("dots", 1, 100),
    ):  # fmt: skip
        if name in published.ROWS:
            assert published.ROWS[name].zxing[level - 1] == known
        task = degraded.Task(name, level, (0, 1, 2), ("zxing",))
        assert [r.read for r in degraded.measure(task)] == [known == 100] * 3, name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--classes", "rust"], "no class 'rust'; there are clean, blur"),
        (["--levels", "0-3"], "levels are 0-3; there are 1 to 5"),
        (["--levels", "5.5"], "levels are 5.5; there are 1 to 5"),
        (["--seeds", "two"], "'two' is no list of numbers such as 0-2,7"),
        (["--readers", "eye"], "no reader 'eye'; there are ours, zxing, libdmtx"),
        (["--jobs", "0"], "--jobs is 0; the range is 1 to 64"),
        (["--dpi", "50"], "camera resolution is 50 pixels per inch; the range is 100 to 400"),
    ],
)
def test_bad_usage_of_the_runner_is_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert degraded.main(arguments) == 2
    assert said in capsys.readouterr().err


def symbol(text: bytes) -> "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]":
    import zxingcpp

    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    return np.asarray(code.to_image(scale=5, add_quiet_zones=True))


def test_a_folder_of_pictures_with_texts_is_read_at_four_turns(tmp_path: Path) -> None:
    """One with a text, one with bytes in hex, one whose text is wrong, one without text."""
    for name, payload in (("text", b"caf\xe9"), ("hex", bytes(range(9))), ("wrong", b"is")):
        assert cv2.imwrite(str(tmp_path / f"{name}.png"), symbol(payload))
    assert cv2.imwrite(str(tmp_path / "nothing.png"), symbol(b"no text"))
    (tmp_path / "text.txt").write_text("café\n", encoding="utf-8")
    (tmp_path / "hex.hex").write_text("000102030405060708\n", encoding="ascii")
    (tmp_path / "wrong.txt").write_text("was", encoding="utf-8")
    found = pictures.collect(tmp_path)
    assert [picture.path.stem for picture in found] == ["hex", "text", "wrong"]
    report = pictures.run(found, ["ours", "zxing"])
    for reader in ("ours", "zxing"):
        reads = [report.reads(tmp_path.name, reader, turn) for turn in pictures.TURNS]
        assert reads == [2, 2, 2, 2], reader
    assert [v.met for v in report.verdicts] == [True, False]
    assert "no false read: 4" in report.text()


def test_a_folder_of_generated_mail_is_read_by_its_manifest(tmp_path: Path) -> None:
    make_degraded(tmp_path, ["clean", "gradient"], [2], [1])
    found = pictures.collect(tmp_path)
    assert [picture.path.name for picture in found] == ["clean-0-0001.png", "gradient-2-0001.png"]
    report = pictures.run(found, ["zxing"])
    assert [report.reads(tmp_path.name, "zxing", turn) for turn in pictures.TURNS] == [2] * 4


def test_a_collection_has_sets_texts_bytes_and_negatives(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert cv2.imwrite(str(tmp_path / "a" / "1.png"), symbol(b"one"))
    assert cv2.imwrite(str(tmp_path / "a" / "2.png"), symbol(b"\x02\xff"))
    assert cv2.imwrite(str(tmp_path / "blank.png"), np.full((80, 80), 255, np.uint8))
    (tmp_path / "junk.png").write_bytes(b"no picture")
    entries = [
        {"file": "a/1.png", "set": "a", "text": "one", "bytes_hex": None},
        {"file": "a/2.png", "set": "a", "text": None, "bytes_hex": "02ff"},
        {"file": "blank.png", "set": "none", "text": None, "negative": True},
        {"file": "junk.png", "set": "none", "text": "?"},
    ]
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"images": entries}))
    report = pictures.run(pictures.collect(tmp_path), ["ours", "zxing"])
    assert report.sets == ["a", "none"]
    assert report.reads("a", "ours", 90) == 2
    assert report.met
    assert "not opened" in report.text()
    sets = report.as_json()["sets"]
    assert isinstance(sets, dict)
    assert sets["none"]["zxing"]["with_text"] == 0


def test_the_reference_pictures_are_a_collection(reference: Path) -> None:
    """72 pictures in five sets, 19 of them without a symbol."""
    found = pictures.collect(reference / "samples")
    assert len(found) == 72
    assert sum(not picture.texts for picture in found) == 19


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "has no MANIFEST.json, no manifest.jsonl and no picture with a .txt or .hex"),
        ({"MANIFEST.json": "[]"}, "MANIFEST.json is no list of pictures with texts"),
        ({"MANIFEST.json": '{"images": [{"file": "a.png"}]}'}, "KeyError('text')"),
        ({"manifest.jsonl": '{"file": "a.png"}'}, "manifest.jsonl, line 1: KeyError('payload')"),
        ({"manifest.jsonl": ""}, "manifest.jsonl names no picture"),
        ({"manifest.jsonl": '{"file": "a.png", "payload": "00"}'}, "a.png is missing"),
        ({"a.png": "", "a.hex": "zz"}, "a.hex is not hexadecimal"),
    ],
)
def test_a_folder_that_says_no_texts_is_refused(
    files: dict[str, str], said: str, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(pictures.BadFolder) as caught:
        pictures.collect(tmp_path)
    assert said in str(caught.value)
