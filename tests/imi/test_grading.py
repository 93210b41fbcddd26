"""`imi grade` from the outside: exit codes, JSON, CSV, the page."""

import csv
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from imi.cli import app
from imicore import datamatrix
from imicore.frames import load, save
from tests.oracles.prints import Print, draw

ROOT = Path(__file__).parents[2]
PICTURE = str(ROOT / "samples" / "pictures" / "dot-gain.png")


def imi(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["grade", *arguments])


def picture(path: Path, how: Print) -> str:
    symbol = datamatrix.encode(b"a payload that is graded", size=(26, 26), encodation="base256")
    save(path, draw(np.asarray(symbol.modules), how)[0])
    return str(path)


def test_grades_are_json(tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png", Print(pitch_px=(6.0, 6.0)))
    result = imi(good, "--dpi", "360", "--json")
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)
    assert found["passes"]
    assert found["grade"] == "4.0/12/660/45"  # 16.7 mils: four fifths are 13.3
    contrast = found["parameters"]["symbol contrast"]
    assert contrast["value"] == pytest.approx(200 / 255, abs=0.001)
    assert (contrast["grade"], contrast["letter"]) == (4, "A")
    assert len(found["parameters"]) == 8
    assert bytes.fromhex(found["payload"]) == b"a payload that is graded"


def test_a_poor_print_is_exit_code_1_and_so_is_none(tmp_path: Path) -> None:
    pale = picture(tmp_path / "pale.png", Print(pitch_px=(6.0, 6.0), paper=160, ink=90))
    assert imi(pale, "--dpi", "360").exit_code == 1
    assert imi(pale, "--dpi", "360", "--least", "1").exit_code == 0
    blank = tmp_path / "blank.png"
    save(blank, np.full((90, 90), 200, np.uint8))
    result = imi(str(blank), "--dpi", "360")
    assert result.exit_code == 1
    assert "no symbol could be read" in result.output


def test_csv_has_a_row_for_every_symbol_and_every_failure(tmp_path: Path) -> None:
    good = picture(tmp_path / "good.png", Print(pitch_px=(6.0, 6.0)))
    blank = tmp_path / "blank.png"
    save(blank, np.full((90, 90), 200, np.uint8))
    table = tmp_path / "grades.csv"
    assert imi(good, str(blank), PICTURE, "--dpi", "200", "--csv", str(table)).exit_code == 1
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["passes"] for row in rows] == ["True", "False", "True"]
    assert float(rows[0]["symbol_contrast"]) == pytest.approx(200 / 255, abs=0.001)
    assert rows[0]["symbol_contrast_grade"] == "4"
    assert rows[1]["refusal"] == "no symbol could be read"
    assert rows[2]["size"] == "44x44"
    assert all(None not in row.values() for row in rows)


@pytest.mark.parametrize("ending", [".png", ".pdf", ".svg"])
def test_the_report_is_a_page(tmp_path: Path, ending: str) -> None:
    page = tmp_path / f"page{ending}"
    result = imi(PICTURE, "--dpi", "200", "--report", str(page))
    assert result.exit_code == 0, result.output
    data = page.read_bytes()
    if ending == ".png":
        assert struct.unpack_from(">II", data, 16) == (1650, 1275)  # a letter sheet at 150 dpi
        assert load(page).min() < 60
    assert data.startswith({".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}[ending])


def test_several_symbols_get_numbered_pages(tmp_path: Path) -> None:
    page = tmp_path / "page.png"
    assert imi(PICTURE, PICTURE, "--dpi", "200", "--report", str(page)).exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page-1.png", "page-2.png"]


def test_the_place_on_the_piece_is_judged(tmp_path: Path) -> None:
    """At 300 dpi: 1/4 in are 75 px from the right and top edges."""
    symbol = datamatrix.encode(b"place", size=(20, 20), encodation="base256")
    ink = np.kron(np.asarray(symbol.modules), np.ones((5, 5), bool))
    for off, code in ((75, 0), (70, 1)):
        piece = np.full((600, 900), 230, np.uint8)
        piece[75:175, 900 - off - 100 : 900 - off][ink] = 30
        path = tmp_path / f"piece-{off}.png"
        save(path, piece)
        result = imi(str(path), "--dpi", "300", "--piece", "frame", "--json")
        (found,) = json.loads(result.stdout)
        assert result.exit_code == code, found
        assert found["place"]["right_in"] == pytest.approx(off / 300, abs=0.002)
        assert ("right edge" in "".join(found["place"]["faults"])) == bool(code)


def test_colour_pictures_are_judged_in_red_and_green(tmp_path: Path) -> None:
    """Red ink: hardly a difference in red light (DMM 708.4.4 asks for 30 %)."""
    from PIL import Image

    symbol = datamatrix.encode(b"red", size=(20, 20), encodation="base256")
    planes = [
        draw(np.asarray(symbol.modules), Print(pitch_px=(6.0, 6.0), ink=ink))[0]
        for ink in (170, 30, 30)
    ]
    path = tmp_path / "red.png"
    Image.fromarray(np.dstack(planes)).save(path)
    result = imi(str(path), "--dpi", "360", "--least", "0", "--json")
    (found,) = json.loads(result.stdout)
    difference = found["print_reflectance_difference"]
    assert difference["red"] == pytest.approx(60 / 255, abs=0.01)
    assert difference["green"] == pytest.approx(200 / 255, abs=0.01)
    assert found["meets_reflectance_rule"] is False
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([PICTURE], "--dpi"),
        ([PICTURE, "--dpi", "1"], "pixels_per_inch is 1"),
        ([PICTURE, "--dpi", "nan"], "pixels_per_inch is nan"),
        (["no-such.png", "--dpi", "200"], "no-such.png"),
        ([PICTURE, "--dpi", "200", "--light-nm", "5"], "light_nm is 5"),
        ([PICTURE, "--dpi", "200", "--aperture-um", "-1"], "aperture_um is -1"),
        ([PICTURE, "--dpi", "200", "--piece", "1,2"], "--piece"),
        ([PICTURE, "--dpi", "200", "--piece", "0,0,10,10"], "not on it"),
        ([PICTURE, "--dpi", "200", "--report", "page.doc"], ".doc"),
        ([PICTURE, "--dpi", "200", "--csv", "no/such/folder/x.csv"], "no/such/folder"),
    ],
)
def test_bad_usage_is_exit_code_2_and_names_the_thing(arguments: list[str], said: str) -> None:
    result = imi(*arguments)
    assert result.exit_code == 2, result.output
    assert said in result.output
