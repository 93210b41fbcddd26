"""First-Class postage by mailing date: every price, every boundary, and what is not known."""

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.errors import BadPriceType
from postage.fields import Imprint
from postage.mailpiece import Mailpiece
from postage.money import Money
from postage.rate_kinds import PriceList
from postage.rate_tables import Ladder
from postage.rates import Category, Quote, RateBook, Unratable, Why
from postage.shapes import Shape

BOOK = RateBook.load()
LETTER = ("9", "4", "0.02")
CARD = ("6", "4.25", "0.016")
FLAT = ("12", "9", "0.25")

# domain.md 4.2 in mills: first ounce, additional ounce (None: no step above the first is public).
# A date that a table leaves out is recalled, inferred or not public there.
METERED = {
    date(2017, 1, 22): (460, 210),
    date(2018, 1, 21): (470, 210),
    date(2019, 1, 27): (500, 150),
    date(2021, 1, 24): (510, 200),
    date(2022, 7, 10): (570, None),
    date(2023, 7, 9): (630, 240),
    date(2024, 1, 21): (640, 240),
    date(2024, 7, 14): (690, 280),
    date(2025, 7, 13): (740, 290),
    date(2026, 7, 12): (780, 290),
}
STAMPED = {
    date(2008, 5, 12): (420, 170),
    date(2017, 1, 22): (490, 210),
    date(2018, 1, 21): (500, 210),
    date(2019, 1, 27): (550, 150),
    date(2021, 1, 24): (550, 200),
    date(2022, 7, 10): (600, None),
    date(2024, 7, 14): (730, 280),
    date(2025, 7, 13): (780, 290),
    date(2026, 7, 12): (820, 290),
}
CARDS = {
    date(2008, 5, 12): 270,
    date(2017, 1, 22): 340,
    date(2018, 1, 21): 350,
    date(2021, 1, 24): 360,
    date(2024, 1, 21): 530,
    date(2024, 7, 14): 560,
    date(2025, 7, 13): 610,
    date(2026, 7, 12): 650,
}
NONMACHINABLE = {
    date(2019, 1, 27): 150,
    date(2021, 1, 24): 200,
    date(2023, 7, 9): 400,
    date(2024, 1, 21): 400,
    date(2025, 7, 13): 490,
    date(2026, 7, 12): 490,
}
FLATS = {
    date(2008, 5, 12): [830, 1000, 1170, 1340, 1510, 1680, 1850, 2020, 2190, 2360, 2530],
    date(2017, 1, 22): [980],
    date(2018, 1, 21): [1000],
    date(2019, 1, 27): [1000],
    date(2021, 1, 24): [1000],
    date(2025, 7, 13): [
        *[1630, 1900, 2170, 2440, 2720, 3000, 3280, 3560, 3840, 4140, 4440, 4740, 5040]
    ],
    date(2026, 7, 12): [1690],
}
DATES = sorted({*METERED, *STAMPED})
LETTER_STEPS = [("0.001", "1"), ("1.001", "2"), ("2.001", "3"), ("3.001", "3.5")]


def piece(sides: tuple[str, str, str], ounces: Any, **flags: bool) -> Mailpiece:
    return Mailpiece.inches(*sides, ounces=ounces, **flags)


def mills(book: RateBook, asked: Mailpiece, day: date, price_type: Any = "metered") -> int | None:
    quote = book.quote(asked, day, price_type=price_type)
    return quote.postage.mills if isinstance(quote, Quote) else None


def expected(
    days: Iterable[date] = DATES,
) -> Iterator[tuple[Mailpiece, date, str, int | None]]:
    """Every price of domain.md 4.2 in mills: lightest and heaviest piece that pays it."""
    for day in days:
        for price_type, table in [("metered", METERED), ("stamped", STAMPED)]:
            for steps, weights in enumerate(LETTER_STEPS):
                first, more_ounces = table.get(day, (None, None))
                known = first is not None and (steps == 0 or more_ounces is not None)
                due = first + steps * (more_ounces or 0) if known and first else None
                more = NONMACHINABLE.get(day)
                rigid = None if due is None or more is None else due + more
                for ounces in weights:
                    yield piece(LETTER, ounces), day, price_type, due
                    yield piece(LETTER, ounces, is_rigid=True), day, price_type, rigid
            for ounces in ["0.001", "3.5"]:
                yield piece(CARD, ounces), day, price_type, CARDS.get(day)
            for ounces_up_to in range(1, 14):
                ladder = FLATS.get(day, [])
                due = ladder[ounces_up_to - 1] if ounces_up_to <= len(ladder) else None
                for ounces in [f"{ounces_up_to - 1}.001", str(ounces_up_to)]:
                    yield piece(FLAT, ounces), day, price_type, due
                    if ounces_up_to > 4:
                        yield piece(LETTER, ounces, is_rigid=True), day, price_type, due


def disagreements(book: RateBook, days: Iterable[date] = DATES) -> Iterator[str]:
    for asked, day, price_type, due in expected(days):
        if (found := mills(book, asked, day, price_type)) != due:
            yield f"{day} {price_type} {asked}: {found}, not {due}"


def test_every_price_is_that_of_the_public_tables() -> None:
    assert list(disagreements(BOOK)) == []
    assert sum(due is not None for *_, due in expected()) > 250


def amounts() -> list[tuple[str, str, int]]:
    """Every First-Class amount that ships, as edition, item and row of its ladder."""
    return [
        (edition.name, item, row)
        for edition in BOOK.editions
        if edition.price_list is PriceList.FIRST_CLASS_RETAIL
        for item, ladder in edition.prices.items()
        for row in range(len(ladder))
    ]


@pytest.mark.parametrize(("edition", "item", "row"), amounts())
@pytest.mark.parametrize("mills", [1, -1])
def test_one_mill_more_or_less_anywhere_is_noticed(
    edition: str, item: str, row: int, mills: int
) -> None:
    """The table above would fail: no amount in an edition is without a test."""
    old = BOOK.in_force(date.fromisoformat(edition))
    assert old is not None
    book = edited(edition, item, row, amount=old.prices[item][row].amount + Money(mills))
    assert any(disagreements(book, [date.fromisoformat(edition)]))


@pytest.mark.parametrize(("edition", "item", "row"), amounts())
@pytest.mark.parametrize(("end", "inward"), [("over_milliounces", 1), ("up_to_milliounces", -1)])
def test_a_step_moved_by_a_thousandth_of_an_ounce_is_noticed(
    edition: str, item: str, row: int, end: str, inward: int
) -> None:
    old = BOOK.in_force(date.fromisoformat(edition))
    assert old is not None
    book = edited(edition, item, row, **{end: getattr(old.prices[item][row], end) + inward})
    assert any(disagreements(book, [date.fromisoformat(edition)]))


def edited(edition: str, item: str, row: int, **change: Any) -> RateBook:
    """Return the book with one price of one edition changed."""
    (old,) = (at for at in BOOK.editions if at.name == edition)
    ladder = list(old.prices[item])
    ladder[row] = replace(ladder[row], **change)
    new = replace(old, prices={**old.prices, item: Ladder(ladder)})
    return RateBook(tuple(new if at is old else at for at in BOOK.editions))


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
    first, last = date(2008, 5, 12), date(2027, 6, 30)
    for offset in range((last - first).days + 1):
        day = first + timedelta(days=offset)
        edition = BOOK.in_force(day)
        assert edition is not None
        assert edition.effective == max(at for at in DATES if at <= day)


@pytest.mark.parametrize(
    ("asked", "day", "price_type", "why", "words"),
    [
        (piece(LETTER, 1), date(2008, 5, 11), "metered", Why.NO_EDITION, "2008-05-12"),
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
def test_a_price_we_are_not_sure_of_is_not_charged(confidence: str) -> None:
    book = edited("2026-07-12", "letter_metered", 0, confidence=confidence)
    answer = book.quote(piece(LETTER, 1), date(2026, 7, 12))
    assert isinstance(answer, Unratable)
    assert "is not sure of its letter_metered price at 1 oz" in answer.reason


def test_a_book_goes_to_other_processes_and_cannot_be_changed() -> None:
    assert pickle.loads(pickle.dumps(BOOK)) == BOOK
    with pytest.raises(TypeError):
        BOOK.editions[0].prices["flat"] = ()  # type: ignore[index]


def test_another_price_type_is_a_mistake() -> None:
    with pytest.raises(BadPriceType, match="metered, stamped, commercial, not 'permit'"):
        BOOK.quote(piece(LETTER, 1), date(2026, 7, 12), price_type="permit")  # type: ignore[arg-type]


WEIGHTS = st.integers(1, 13_000)


@given(WEIGHTS, WEIGHTS, st.sampled_from(DATES), st.sampled_from([LETTER, CARD, FLAT]))
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
        "AUTOMATION_LETTER_5_DIGIT": 141,
        "AUTOMATION_LETTER_AADC": 142,
        "AUTOMATION_LETTER_MIXED_AADC": 143,
        "AUTOMATION_FLAT_BEST_TIER": 151,
        "MARKETING_LETTER_5_DIGIT": 201,
        "MARKETING_LETTER_AADC": 202,
        "MARKETING_LETTER_MIXED_AADC": 203,
        "MARKETING_LETTER_5_DIGIT_DSCF": 204,
        "MARKETING_LETTER_MACHINABLE_MIXED_AADC": 205,
        "MARKETING_FLAT": 211,
        "EDDM_RETAIL": 221,
        "GROUND_ADVANTAGE_RETAIL": 301,
        "GROUND_ADVANTAGE_COMMERCIAL": 302,
        "PRIORITY_RETAIL": 311,
        "PRIORITY_COMMERCIAL": 312,
        "PRIORITY_PADDED_ENVELOPE": 321,
        "PRIORITY_MEDIUM_BOX": 322,
        "PRIORITY_LARGE_BOX": 323,
        "EXPRESS_RETAIL": 331,
        "EXPRESS_COMMERCIAL": 332,
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
