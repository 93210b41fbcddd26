"""First-Class postage by mailing date: every price, every boundary, and what is not known."""

import csv
import hashlib
import pickle
import shutil
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postage.errors import BadPriceType, RateEditionError
from postage.fields import Imprint
from postage.mailpiece import Mailpiece
from postage.money import Money
from postage.rate_editions import EDITIONS, read_edition
from postage.rates import Category, Quote, RateBook, Unratable, Why
from postage.shapes import Shape

BOOK = RateBook.load()
LETTER = ("9", "4", "0.02")
CARD = ("6", "4.25", "0.016")
FLAT = ("12", "9", "0.25")

# domain.md 4.2 in mills: first ounce, additional ounce. None: recalled, inferred or not public.
METERED = {
    date(2023, 7, 9): (630, 240),
    date(2024, 1, 21): (640, 240),
    date(2024, 7, 14): (690, 280),
    date(2025, 7, 13): (740, 290),
    date(2026, 7, 12): (780, 290),
}
STAMPED = {
    date(2024, 7, 14): (730, 280),
    date(2025, 7, 13): (780, 290),
    date(2026, 7, 12): (820, 290),
}
CARDS = {
    date(2024, 1, 21): 530,
    date(2024, 7, 14): 560,
    date(2025, 7, 13): 610,
    date(2026, 7, 12): 650,
}
NONMACHINABLE = {
    date(2023, 7, 9): 400,
    date(2024, 1, 21): 400,
    date(2025, 7, 13): 490,
    date(2026, 7, 12): 490,
}
LADDER_2025 = [1630, 1900, 2170, 2440, 2720, 3000, 3280, 3560, 3840, 4140, 4440, 4740, 5040]
LETTER_STEPS = [("0.001", "1"), ("1.001", "2"), ("2.001", "3"), ("3.001", "3.5")]
FLATS = {date(2025, 7, 13): LADDER_2025, date(2026, 7, 12): [1690]}


def piece(sides: tuple[str, str, str], ounces: Any, **flags: bool) -> Mailpiece:
    return Mailpiece.inches(*sides, ounces=ounces, **flags)


def mills(book: RateBook, asked: Mailpiece, day: date, price_type: Any = "metered") -> int | None:
    quote = book.quote(asked, day, price_type=price_type)
    return quote.postage.mills if isinstance(quote, Quote) else None


def expected(
    days: Iterable[date] = tuple(METERED),
) -> Iterator[tuple[Mailpiece, date, str, int | None]]:
    """Every price of domain.md 4.2 in mills: lightest and heaviest piece that pays it."""
    for day in days:
        for price_type, table in [("metered", METERED), ("stamped", STAMPED)]:
            for steps, weights in enumerate(LETTER_STEPS):
                first = table.get(day)
                due = None if first is None else first[0] + steps * first[1]
                more = NONMACHINABLE.get(day)
                rigid = None if due is None or more is None else due + more
                for ounces in weights:
                    yield piece(LETTER, ounces), day, price_type, due
                    yield piece(LETTER, ounces, is_rigid=True), day, price_type, rigid
            for ounces in ["0.001", "3.5"]:
                yield piece(CARD, ounces), day, price_type, CARDS.get(day)
            for ounces_up_to in range(1, 14):
                known = FLATS.get(day, [])
                due = known[ounces_up_to - 1] if ounces_up_to <= len(known) else None
                for ounces in [f"{ounces_up_to - 1}.001", str(ounces_up_to)]:
                    yield piece(FLAT, ounces), day, price_type, due
                    if ounces_up_to > 4:
                        yield piece(LETTER, ounces, is_rigid=True), day, price_type, due


def disagreements(book: RateBook, days: Iterable[date] = tuple(METERED)) -> Iterator[str]:
    for asked, day, price_type, due in expected(days):
        if (found := mills(book, asked, day, price_type)) != due:
            yield f"{day} {price_type} {asked}: {found}, not {due}"


def test_every_price_is_that_of_the_public_tables() -> None:
    assert list(disagreements(BOOK)) == []
    assert sum(due is not None for *_, due in expected()) > 100


def amounts() -> list[tuple[str, int]]:
    """Every amount that ships, as edition and line of its table."""
    return [
        (table.parent.name, line)
        for table in sorted(EDITIONS.glob("*/*.csv"))
        for line in range(1, len(table.read_text(encoding="utf-8").splitlines()))
    ]


@pytest.mark.parametrize(("edition", "line"), amounts())
@pytest.mark.parametrize("change", [1, -1])
def test_one_mill_more_or_less_anywhere_is_noticed(
    edition: str, line: int, change: int, tmp_path: Path
) -> None:
    """The table above would fail: no amount in an edition is without a test."""
    book = edited(tmp_path, edition, line, {"amount": change})
    assert any(disagreements(book, [date.fromisoformat(edition)]))


@pytest.mark.parametrize(("edition", "line"), amounts())
@pytest.mark.parametrize("column", ["over_ounces", "up_to_ounces"])
def test_a_step_moved_by_a_thousandth_of_an_ounce_is_noticed(
    edition: str, line: int, column: str, tmp_path: Path
) -> None:
    text = (EDITIONS / edition / "first-class.csv").read_text(encoding="utf-8")
    table = list(csv.reader(text.splitlines()))
    old = table[line][table[0].index(column)]
    inward = Decimal(old) + Decimal("0.001" if column == "over_ounces" else "-0.001")
    book = edited(tmp_path, edition, line, {column: str(inward)})
    assert any(disagreements(book, [date.fromisoformat(edition)]))


def edited(tmp_path: Path, edition: str, line: int, change: dict[str, Any]) -> RateBook:
    """Return the book with one line changed and the manifest made true again."""
    folder = tmp_path / edition
    shutil.copytree(EDITIONS / edition, folder)
    table = folder / "first-class.csv"
    rows = list(csv.reader(table.read_text(encoding="utf-8").splitlines()))
    for column, value in change.items():
        at = rows[0].index(column)
        if isinstance(value, int):
            amount = Money.parse(rows[line][at]).mills + value
            rows[line][at] = f"{amount // 1000}.{amount % 1000:03d}"
        else:
            rows[line][at] = value
    with table.open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator="\n").writerows(rows)
    make_true(folder)
    others = [at for at in BOOK.editions if at.name != edition]
    return RateBook(tuple(sorted([*others, read_edition(folder)], key=lambda at: at.effective)))


def make_true(folder: Path) -> None:
    manifest, table = folder / "manifest.toml", folder / "first-class.csv"
    old = manifest.read_text(encoding="utf-8").split('"first-class.csv" = "')[1][:64]
    new = hashlib.sha256(table.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


def test_the_price_of_the_usps_sample() -> None:
    """domain.md 9a.2: 1360 + 400 in July 2024, 1350 + 400 by the table of July 2023."""
    sample = piece(("6", "4", "0.25"), "3.5", is_rigid=True)
    quote = BOOK.quote(sample, date(2024, 7, 11))
    assert isinstance(quote, Quote)
    assert [step.amount for step in quote.steps] == [Money(1360), Money(400)]
    assert [step.text for step in quote.steps] == [
        "letter_metered up to 3.5 oz",
        "nonmachinable up to 3.5 oz",
    ]
    assert all(step.source and step.confidence for step in quote.steps)
    assert quote.postage == Money(1760)
    assert quote.edition == "2024-01-21"
    assert quote.category is Category.LETTER_METERED_NONMACHINABLE
    assert mills(BOOK, sample, date(2023, 7, 9)) == 1750


@pytest.mark.parametrize(
    ("ounces", "due"),
    [("0.001", 780), ("1.00", 780), ("1.001", 1070), ("1.01", 1070), ("2", 1070), ("2.001", 1360),
     ("3.00", 1360), ("3.001", 1650), ("3.01", 1650), ("3.50", 1650)],
)  # fmt: skip
def test_ounce_steps_of_2026(ounces: str, due: int) -> None:
    """domain.md 9a.3, and one thousandth of an ounce on either side."""
    assert mills(BOOK, piece(LETTER, ounces), date(2026, 7, 12)) == due


@pytest.mark.parametrize("sides", [LETTER, CARD])
def test_above_three_and_a_half_ounces_the_flat_price_applies(sides: tuple[str, str, str]) -> None:
    """domain.md 9a.3 and trap 16: 3.51 oz pays the flat price for 4 oz, without surcharge."""
    quote = BOOK.quote(piece(sides, "3.51", is_rigid=True), date(2025, 7, 13))
    assert isinstance(quote, Quote)
    assert quote.postage == Money(2440)
    assert quote.category is Category.LETTER_AT_FLAT_PRICE
    assert len(quote.steps) == 1
    assert mills(BOOK, piece(sides, "3.501"), date(2025, 7, 13)) == 2440
    assert mills(BOOK, piece(sides, "13"), date(2025, 7, 13)) == 5040


@pytest.mark.parametrize(
    ("sides", "shape", "due"),
    [
        (("6", "4.25", "0.016"), Shape.CARD, 650),
        (("6", "4.25", "0.017"), Shape.LETTER, 780),
        (("6.5", "4", "0.008"), Shape.LETTER, 780 + 490),
        (("6.0", "6.0", "0.02"), Shape.LETTER, 1270),
        (("6.5", "5.0", "0.02"), Shape.LETTER, 780),
        (("11.5", "6.125", "0.25"), Shape.LETTER, 780),
        (("11.51", "6.125", "0.25"), Shape.FLAT, 1690),
    ],
)
def test_shape_edges_in_money(sides: tuple[str, str, str], shape: Shape, due: int) -> None:
    """domain.md 9a.4, at 1 oz on 2026-07-12."""
    quote = BOOK.quote(piece(sides, 1), date(2026, 7, 12))
    assert isinstance(quote, Quote)
    assert (quote.shape, quote.postage.mills) == (shape, due)


def test_the_mailing_date_sets_the_price() -> None:
    """domain.md 9a.5: dated 07-11 it costs 740, advanced to 07-12 it costs 780."""
    assert mills(BOOK, piece(LETTER, 1), date(2026, 7, 11)) == 740
    assert mills(BOOK, piece(LETTER, 1), date(2026, 7, 12)) == 780


def test_a_shortpaid_letter_is_short_by_what_the_table_says() -> None:
    """domain.md 9a.14: 2.0 oz dated 2026-07-13 showing 780 is short 290; nonmachinable 780."""
    day = date(2026, 7, 13)
    due, rigid = (BOOK.quote(piece(LETTER, 2, is_rigid=stiff), day) for stiff in (False, True))
    assert isinstance(due, Quote)
    assert isinstance(rigid, Quote)
    assert due.postage - Money(780) == Money(290)
    assert rigid.postage - Money(780) == Money(780)


def test_an_edition_holds_until_the_next() -> None:
    """No gap: each day from the first edition on has the last edition before it."""
    first, last = BOOK.editions[0].effective, date(2027, 6, 30)
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        edition = BOOK.in_force(day)
        assert edition is not None
        assert edition.effective == max(at for at in METERED if at <= day)


@pytest.mark.parametrize(
    ("asked", "day", "price_type", "why", "words"),
    [
        (piece(LETTER, 1), date(2023, 7, 8), "metered", Why.NO_EDITION, "2023-07-09"),
        (piece(LETTER, 1), date(2024, 1, 21), "stamped", Why.NO_PRICE, "letter_stamped price at 1"),
        (
            *(piece(LETTER, 2, is_rigid=True), date(2024, 7, 14), "metered", Why.NO_PRICE),
            "nonmachinable price at 2 oz: the surcharge is only recalled",
        ),
        (
            *(piece(FLAT, "1.001"), date(2026, 7, 12), "metered", Why.NO_PRICE),
            "flat price at 1.001 oz: the steps above 1 oz",
        ),
        (piece(LETTER, 4), date(2026, 7, 12), "metered", Why.NO_PRICE, "flat price at 4 oz"),
        (piece(CARD, 1), date(2023, 7, 9), "metered", Why.NO_PRICE, "card price at 1 oz"),
        (
            *(piece(("15", "12", "0.76"), 1), date(2026, 7, 12), "metered", Why.NOT_FIRST_CLASS),
            "thickness 0.76 in is more than 0.75 in",
        ),
        (
            *(piece(FLAT, "13.001"), date(2025, 7, 13), "metered", Why.NOT_FIRST_CLASS),
            "weight 13.001 oz is more than 13 oz",
        ),
        (
            *(piece(("4", "3", "0.01"), 1), date(2026, 7, 12), "metered", Why.NONMAILABLE),
            "length 4 in is less than 5 in",
        ),
    ],
)
def test_what_cannot_be_rated_says_why(
    asked: Mailpiece, day: date, price_type: Any, why: Why, words: str
) -> None:
    answer = BOOK.quote(asked, day, price_type=price_type)
    assert isinstance(answer, Unratable)
    assert answer.why is why
    assert words in answer.reason


@pytest.mark.parametrize("confidence", ["R", "I", "GAP", ""])
def test_a_price_we_are_not_sure_of_is_not_charged(confidence: str, tmp_path: Path) -> None:
    book = edited(tmp_path, "2026-07-12", 5, {"confidence": confidence})
    answer = book.quote(piece(LETTER, 1), date(2026, 7, 12))
    assert isinstance(answer, Unratable)
    assert "is not sure of its letter_metered price at 1 oz" in answer.reason


def test_a_book_goes_to_other_processes_and_cannot_be_changed() -> None:
    assert pickle.loads(pickle.dumps(BOOK)) == BOOK
    with pytest.raises(TypeError):
        BOOK.editions[0].prices["flat"] = ()  # type: ignore[index]


def test_another_price_type_is_a_mistake() -> None:
    with pytest.raises(BadPriceType, match="'permit' is not metered or stamped"):
        BOOK.quote(piece(LETTER, 1), date(2026, 7, 12), price_type="permit")  # type: ignore[arg-type]


WEIGHTS = st.integers(1, 13_000)


@given(WEIGHTS, WEIGHTS, st.sampled_from(sorted(METERED)), st.sampled_from([LETTER, CARD, FLAT]))
def test_postage_never_falls_with_weight(
    one: int, two: int, day: date, sides: tuple[str, str, str]
) -> None:
    light, heavy = (
        mills(BOOK, Mailpiece(*(int(float(side) * 1000) for side in sides), ounces), day)
        for ounces in sorted([one, two])
    )
    if light is not None and heavy is not None:
        assert light <= heavy


def test_category_codes_never_change() -> None:
    """Printed indicia carry them; the two highest are redates and tests (fields.Imprint)."""
    assert {category.name: category.value for category in Category} == {
        "CARD": 101,
        "LETTER_METERED": 111,
        "LETTER_METERED_NONMACHINABLE": 112,
        "LETTER_STAMPED": 121,
        "LETTER_STAMPED_NONMACHINABLE": 122,
        "FLAT": 131,
        "LETTER_AT_FLAT_PRICE": 132,
    }
    assert max(Category) < Imprint.REDATE == 0xFFFE
    assert Imprint.TEST == 0xFFFF


@pytest.mark.parametrize(
    ("sides", "ounces", "price_type", "flags", "category"),
    [
        (CARD, 1, "metered", {}, Category.CARD),
        (LETTER, 1, "metered", {}, Category.LETTER_METERED),
        (LETTER, 1, "metered", {"is_rigid": True}, Category.LETTER_METERED_NONMACHINABLE),
        (LETTER, 1, "stamped", {}, Category.LETTER_STAMPED),
        (LETTER, 1, "stamped", {"is_rigid": True}, Category.LETTER_STAMPED_NONMACHINABLE),
        (FLAT, 1, "stamped", {}, Category.FLAT),
        (LETTER, 4, "metered", {}, Category.LETTER_AT_FLAT_PRICE),
    ],
)
def test_each_category_is_reached(
    sides: tuple[str, str, str],
    ounces: int,
    price_type: Any,
    flags: dict[str, bool],
    category: Category,
) -> None:
    quote = BOOK.quote(piece(sides, ounces, **flags), date(2025, 7, 13), price_type=price_type)
    assert isinstance(quote, Quote)
    assert (quote.category, quote.price_type) == (category, price_type)


def test_shipped_amounts_are_those_of_the_companion_table(reference: Path) -> None:
    """fcm_and_fees.csv, the machine-readable companion of domain.md 4.2, item by item."""
    names = {"fcm_card": "card", "fcm_nonmachinable": "nonmachinable"}
    theirs = set()
    with (reference / "data" / "fcm_and_fees.csv").open(encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            item, _, weight = row["item"].removeprefix("fcm_").rpartition("_")
            is_ours = row["effective_date"] >= "2023-07-09" and row["item"].startswith("fcm_")
            if not is_ours or row["confidence"] in {"R", "I"}:
                continue
            name = names.get(row["item"], item)
            up_to = "3.5" if row["item"] in names else weight.removesuffix("oz")
            price = Money.parse(row["price_usd"])
            theirs.add((row["effective_date"], name, up_to, price, row["confidence"]))
    ours = {
        (at.name, item, f"{price.up_to_milliounces / 1000:g}", price.amount, price.confidence)
        for at in BOOK.editions
        for item, ladder in at.prices.items()
        for price in ladder
    }
    assert ours == theirs


PUBLISHED = {
    "2023-07-09": "b3adc2bc628689077eda1177ad90327d059c917eb4c05f7427d5cdc5698d69bb",
    "2024-01-21": "8dd26fe9650fd9db719b4e70409aa7c038d84efb4f93a89d43275a602aabedfb",
    "2024-07-14": "b224ed1c7459e864d6af5c899dbe5fc903f9e76ef57e29277add818bf91b3999",
    "2025-07-13": "294fcf5e4657ade868af23a1549fe5c0c83660d5cbba64756331f2d023b58e3d",
    "2026-07-12": "c20d45203c41b5fad02ff9d8c19cdd1f6e7c7d611f1fe03af00c473d937ce35b",
}


def test_a_published_edition_never_changes() -> None:
    """style.md 3.7: a correction is a new edition. The manifest holds the hash of each table."""
    shipped = {
        manifest.parent.name: hashlib.sha256(manifest.read_bytes()).hexdigest()
        for manifest in EDITIONS.glob("*/manifest.toml")
    }
    assert shipped == PUBLISHED


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["manifest.toml", "first-class.csv"]),
    at=st.floats(0, 1),
    cut=st.integers(0, 30),
    pasted=st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"1e999999", b"-1", b",,", b"\n", b'"', b"[files]", b"\x00", b"9" * 5000]),
    ),
)
def test_any_damage_is_an_edition_or_a_rate_edition_error(
    tmp_path: Path, name: str, at: float, cut: int, pasted: bytes
) -> None:
    folder = tmp_path / "2026-07-12"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EDITIONS / folder.name, folder)
    raw = (folder / name).read_bytes()
    start = int(at * len(raw))
    (folder / name).write_bytes(raw[:start] + pasted + raw[start + cut :])
    if name == "first-class.csv":
        make_true(folder)
    try:
        found = read_edition(folder)
    except RateEditionError:
        return
    assert found.name == folder.name


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EDITIONS / "2026-07-12", tmp_path / "2026-07-12"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_tampered_table_does_not_load(edition: Path) -> None:
    change(edition / "first-class.csv", "0.780", "0.781")
    with pytest.raises(RateEditionError, match=r"SHA-256 is .*; manifest\.toml says"):
        RateBook.load(edition.parent)


def test_every_flipped_byte_of_a_table_is_noticed(edition: Path) -> None:
    table = edition / "first-class.csv"
    raw = table.read_bytes()
    for at in range(0, len(raw), 7):
        table.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(RateEditionError, match="SHA-256"):
            read_edition(edition)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("card,0,3.5,0.650", "card,0,3.5,0.65", "not a price with three decimals"),
        ("card,0,3.5,0.650", "card,0,3.5,0.000", "not a price with three decimals"),
        ("card,0,3.5,0.650", "card,0,3.5,-0.650", "not a price with three decimals"),
        ("card,0,3.5,0.650", "card,0,3.5,six", "is not an amount"),
        ("card,0,3.5,0.650", "card,3.5,3.5,0.650", "is no range of weights"),
        ("card,0,3.5,0.650", "card,0,light,0.650", "line 10"),
        ("card,0,3.5,0.650", "card,0,NaN,0.650", "line 10: 'NaN' is not a weight"),
        ("card,0,3.5,0.650", "card,0,1e999999,0.650", "line 10: '1e999999' is not a weight"),
        ("card,0,3.5,0.650", "card,0,3.5000,0.650", "line 10: '3.5000' is not a weight"),
        ("card,0,3.5,0.650", "card,0.650", "line 10"),
        ("letter_metered,1,2,1.070", "letter_metered,1,2,0.770", "falls from .0.78 to .0.77"),
        ("letter_metered,1,2,1.070", "letter_metered,0,2,1.070", "overlaps the row before"),
        ("item,over_ounces", "item,above", "the columns are not"),
    ],
)
def test_a_table_with_a_true_hash_must_still_make_sense(
    edition: Path, old: str, new: str, message: str
) -> None:
    change(edition / "first-class.csv", old, new)
    make_true(edition)
    with pytest.raises(RateEditionError, match=message):
        read_edition(edition)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("effective = 2026-07-12", "effective = 2026-07-13", "says it is effective 2026-07-13"),
        ("effective = 2026-07-12", 'effective = "2026-07-12"', "says it is effective"),
        ("effective = 2026-07-12", "", "does not say 'effective'"),
        ("[files]", "files = 'none'\n[more]", "are not tables"),
        ("[files]", "[tables]", "does not say 'files'"),
        ("[files]", "[files", "rate edition 2026-07-12"),
        ("first-class.csv", "second-class.csv", "is not in both"),
    ],
)
def test_a_manifest_must_make_sense(edition: Path, old: str, new: str, message: str) -> None:
    change(edition / "manifest.toml", old, new)
    with pytest.raises(RateEditionError, match=message):
        read_edition(edition)


def test_a_table_that_is_no_text_is_refused(edition: Path) -> None:
    (edition / "first-class.csv").write_bytes(b"item\xff")
    make_true(edition)
    with pytest.raises(RateEditionError, match=r"first-class\.csv: 'utf-8' codec"):
        read_edition(edition)
    (edition / "first-class.csv").unlink()
    (edition / "first-class.csv").mkdir()
    with pytest.raises(RateEditionError, match="Is a directory"):
        read_edition(edition)


def test_an_unlisted_table_is_refused(edition: Path) -> None:
    shutil.copy(edition / "first-class.csv", edition / "extra.csv")
    with pytest.raises(RateEditionError, match=r"extra\.csv is not in both"):
        read_edition(edition)


def test_a_book_has_editions_in_order(tmp_path: Path) -> None:
    with pytest.raises(RateEditionError, match="holds no rate edition"):
        RateBook.load(tmp_path)
    with pytest.raises(RateEditionError, match="oldest first"):
        RateBook(BOOK.editions[::-1])
    with pytest.raises(RateEditionError, match="oldest first"):
        RateBook((BOOK.editions[0], BOOK.editions[0]))
    with pytest.raises(RateEditionError, match="needs editions"):
        RateBook(())
