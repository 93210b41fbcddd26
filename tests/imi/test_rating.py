"""`imi rate`: a price step by step, editions side by side, price files into editions."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from imi.cli import app
from postage.rates import RateBook
from postage.zones import write_chart
from tests.postage.test_rate_published import PARCELS, STACKED
from tests.postage.zone_charts import chart, published

LETTER = ("9.5", "4.125", "0.02")
GROUND = ("--class", "ground-advantage", "--price-type", "commercial")


def imi(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["rate", *arguments])


def told(*arguments: str, code: int = 0) -> dict[str, object]:
    result = imi(*arguments, "--json")
    assert result.exit_code == code, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_a_price_is_explained_step_by_step() -> None:
    """domain.md 9a.14: 2.0 oz dated 2026-07-13, nonmachinable, is due 1560."""
    result = imi(*LETTER, "2", "--date", "2026-07-13", "--flag", "rigid")
    assert result.exit_code == 0
    for words in (
        "length 9.5 in is more than 6 in (card)",
        "too rigid to bend round an 11-inch drum",
        "category 112 LETTER_METERED_NONMACHINABLE",
        "letter_metered up to 2 oz",
        "$1.07",
        "nonmachinable up to 3.5 oz",
        "Notice 123 p.6",
        "$1.56",
    ):
        assert words in result.output
    found = told(*LETTER, "2", "--date", "2026-07-13", "--flag", "rigid")
    assert found["postage_mills"] == 1560
    assert found["edition"] == "2026-07-12"
    assert told("piece", *LETTER, "2", "--date", "2026-07-13")["postage_mills"] == 1070


@pytest.mark.parametrize(
    ("arguments", "mills"),
    [
        ((*LETTER, "1", "--price-type", "stamped"), 820),
        ((*LETTER, "1", "--price-type", "commercial", "--sort", "5-digit"), 621),
        ((*LETTER, "1", "--service", "certified"), 780 + 5550),
        (("12", "9", "4", "16.001", *GROUND, "--zone", "5"), 9950),
        (("12", "9", "4", "70lb", *GROUND, "--zone", "9"), 191_310),
        (("14", "14", "14", "16", *GROUND, "--zone", "4"), 18_410),
        (
            (*("12", "9", "4", "40lb", "--class", "priority", "--price-type", "commercial"),
             *("--packaging", "medium-flat-rate-box")),
            21_170,
        ),
    ],
)  # fmt: skip
def test_every_option_reaches_the_rate_book(arguments: tuple[str, ...], mills: int) -> None:
    assert told(*arguments, "--date", "2026-07-13")["postage_mills"] == mills


def test_flags_are_said_as_words() -> None:
    """A letter that is not rectangular is neither letter nor flat: a parcel without First-Class."""
    found = told(*LETTER, "1", "--date", "2026-07-13", "--flag", "not-rectangular", code=1)
    assert found["why"] == "NOT_FIRST_CLASS"
    portrait = told(
        *LETTER, "1", "--date", "2026-07-13", "--flag", "address-parallel-to-short-side"
    )
    assert portrait["postage_mills"] == 1690  # 9.5 in high by the address: a flat


def test_a_zone_comes_from_a_chart_of_either_form(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "240.csv", tmp_path / "240.json"
    ours.write_bytes(write_chart(chart()))
    theirs.write_bytes(published())
    asked = ("12", "9", "4", "15.999", *GROUND, "--date", "2026-10-04", "--to", "60601")
    for path in (ours, theirs):
        found = told(*asked, "--zones", str(path), "--from", "24011")
        assert (found["zone"], found["postage_mills"]) == (5, 8240)
    assert imi(*asked, "--zones", str(ours), "--from", "10001").exit_code == 2
    assert "give --from" in imi(*asked, "--zones", str(theirs)).output


def test_what_has_no_price_says_why_and_exits_with_one() -> None:
    result = imi("12", "9", "0.25", "2", "--date", "2026-07-13")
    assert result.exit_code == 1
    assert "the steps above 1 oz are in no public text that was read" in result.output
    found = told("12", "9", "4", "16", *GROUND, "--date", "2026-07-13", code=1)
    assert found == {
        "postage_mills": None,
        "why": "NO_ZONE",
        "reason": "the price needs a zone, or a chart and a destination",
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((*LETTER, "heavy"), "weight 'heavy' is not a number"),
        ((*LETTER, "1", "--date", "2026-02-30"), "'2026-02-30' is no date"),
        ((*LETTER, "1", "--flag", "red"), "no flag is called red; there are polybagged"),
        ((*LETTER, "1", "--price-type", "retail"), "first-class has the price types metered"),
        ((*LETTER, "1", "--zones", "/nowhere.csv"), "No such file"),
        ((*LETTER, "1", "--editions", "/nowhere"), "/nowhere holds no rate edition"),
        (("compare", "2025-07-13", "2025-07-14"), "no edition is called 2025-07-14; there are"),
        (("import", "/nowhere.csv", "/tmp"), "No such file"),
    ],
)
def test_bad_usage_exits_with_two(arguments: tuple[str, ...], message: str) -> None:
    result = imi(*arguments)
    assert result.exit_code == 2, result.output
    assert message in result.output


def test_a_page_draws_two_editions(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    found = told("compare", "2025-07-13", "2026-07-12", "--out", str(page))
    assert found["drawn"] == 10
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 1
    for words in ("+$0.04", "+5.4%", "$5.04", "not known", "the steps above 1 oz"):
        assert words in text


@pytest.mark.parametrize(
    ("before", "after", "drawn"),
    [
        ("2008-05-12", "2022-07-10", 3 + 2),  # items that only one of them has
        ("2022-07-10", "2026-10-04-ground-advantage-commercial", 2 + 1),  # a ladder with holes
        ("2025-10-05-priority-retail", "2026-10-04-ground-advantage-commercial", 9 + 1),
        ("2025-07-13-extra-services", "2026-07-12-priority-commercial", 2 + 3),  # no weight
        ("2026-07-12-marketing-retail", "2026-07-12-marketing-retail", 1 + 1),
    ],
)
def test_any_two_editions_make_a_page(tmp_path: Path, before: str, after: str, drawn: int) -> None:
    page = tmp_path / "page.html"
    assert told("compare", before, after, "--out", str(page))["drawn"] == drawn
    assert page.read_text(encoding="utf-8").count("<svg") == 1


def test_editions_are_listed() -> None:
    rows = json.loads(imi("editions", "--json").stdout)
    assert [row["edition"] for row in rows] == [at.name for at in RateBook.load().editions]
    (peak,) = (row for row in rows if row["edition"] == "2025-10-05-priority-retail")
    assert (peak["until"], peak["priority"], peak["amounts"]) == ("2026-01-18", 1, 630)
    assert "2025-10-05-priority-retail" in imi("editions").output


def test_a_price_file_becomes_an_edition_that_rates(tmp_path: Path) -> None:
    for name, text in [("fcm.csv", STACKED), ("ga.csv", PARCELS)]:
        (tmp_path / name).write_text(text, encoding="utf-8")
    folder = tmp_path / "editions"
    first = told("import", str(tmp_path / "fcm.csv"), str(folder), "--effective", "2027-07-11")
    assert first == {
        "edition": str(folder / "2027-07-11"),
        "amounts": 12,
        "unread": ["line 22: Every Door Direct Mail"],
    }
    told("import", str(tmp_path / "ga.csv"), str(folder), "--version", "2", "--priority", "1")
    assert (folder / "2026-07-12-ground-advantage-commercial-v2").is_dir()
    found = told(*LETTER, "2", "--date", "2027-07-11", "--editions", str(folder))
    assert (found["postage_mills"], found["edition"]) == (1030, "2027-07-11")
    again = imi("import", str(tmp_path / "fcm.csv"), str(folder), "--effective", "2027-07-11")
    assert again.exit_code == 2
    assert "File exists" in again.output
    undated = tmp_path / "undated.csv"
    undated.write_text(STACKED.replace("7/13/2025", ""), encoding="utf-8")
    assert "does not say its date" in imi("import", str(undated), str(folder)).output
