"""Parcels: every boundary weight in every zone, room charged as weight, limits, windows, zones."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.errors import BadPriceType, BadZone
from postage.mailpiece import Mailpiece
from postage.money import Money
from postage.rate_editions import Dimensional, RateEdition
from postage.rate_kinds import PRICED, PriceType
from postage.rate_parcels import charged_weight
from postage.rate_tables import Ladder, Price, zoned
from postage.rates import Category, MailClass, Packaging, PriceList, Quote, RateBook, Unratable, Why
from tests.postage.zone_charts import chart

BOOK = RateBook.load()
DAY_2025, DAY_2026 = date(2025, 10, 5), date(2026, 7, 12)
RULE = Dimensional(1728, 166, "nearest", "S", "domain.md 4.4")
WHOLE = [  # the tables by zone of which every row is public
    (MailClass.GROUND_ADVANTAGE, "retail", DAY_2025),
    (MailClass.PRIORITY, "retail", DAY_2025),
    (MailClass.EXPRESS, "retail", DAY_2025),
    (MailClass.GROUND_ADVANTAGE, "commercial", DAY_2026),
]


def box(milliounces: int, sides: tuple[Any, Any, Any] = (12, 9, 4), **flags: bool) -> Mailpiece:
    thou = [int(float(side) * 1000) for side in sides]
    return Mailpiece(*thou, milliounces, **flags)


def ask(
    piece: Mailpiece,
    day: date = DAY_2026,
    mail_class: MailClass = MailClass.GROUND_ADVANTAGE,
    price_type: PriceType = "commercial",
    zone: int | None = 5,
    **asked: Any,
) -> Quote | Unratable:
    return BOOK.quote(piece, day, mail_class=mail_class, price_type=price_type, zone=zone, **asked)


def mills(answer: Quote | Unratable) -> int:
    assert isinstance(answer, Quote), answer
    return answer.postage.mills


def refusal(answer: Quote | Unratable) -> tuple[Why, str]:
    assert isinstance(answer, Unratable), answer
    return answer.why, answer.reason


@pytest.mark.parametrize(("mail_class", "price_type", "day"), WHOLE)
def test_every_boundary_weight_in_every_zone(
    mail_class: MailClass, price_type: PriceType, day: date
) -> None:
    """A row holds from a thousandth of an ounce above the row before, to its own weight."""
    edition = BOOK.in_force(day, PriceList(f"{mail_class}-{price_type}"))
    assert edition is not None
    item = edition.price_list.replace("-", "_")
    for zone in range(1, 10):
        ladder = edition.prices[zoned(item, zone)]
        assert ladder[-1].up_to_milliounces == 70 * 16_000
        for price in ladder:
            for weight in (price.over_milliounces + 1, price.up_to_milliounces):
                found = ask(box(weight), day, mail_class, price_type, zone)
                assert mills(found) == price.amount.mills
    why, reason = refusal(ask(box(70 * 16_000 + 1), day, mail_class, price_type))
    assert why is Why.NONMAILABLE
    assert "1120.001 oz is more than 70 lb" in reason


def test_the_pound_edge() -> None:
    """domain.md 9a.6."""
    assert [mills(ask(box(at))) for at in (15_999, 16_000, 16_001)] == [7690, 8740, 9950]
    assert mills(ask(box(1_120_000), zone=9)) == mills(ask(box(1_120_000), zone=8)) == 191_310
    five_pounds = (box(80_000), DAY_2025, MailClass.PRIORITY, "retail")
    assert [mills(ask(*five_pounds, zone=zone)) for zone in (8, 9)] == [34_250, 67_700]


@given(st.integers(1, 1_120_000), st.integers(1, 1_120_000), st.integers(1, 9))
def test_postage_never_falls_with_weight_or_zone(one: int, two: int, zone: int) -> None:
    light, heavy = sorted([one, two])
    for mail_class, price_type, day in WHOLE:
        asked: tuple[Any, ...] = (day, mail_class, price_type)
        assert mills(ask(box(light), *asked, zone)) <= mills(ask(box(heavy), *asked, zone))
        assert mills(ask(box(light), *asked, max(1, zone - 1))) <= mills(
            ask(box(light), *asked, zone)
        )


@pytest.mark.parametrize(
    ("sides", "pounds"),
    [
        ((12, 12, 12), None),  # 1728 cubic inches are not above a cubic foot
        (("12.499", 12, 12), None),  # nearest whole inch: 12
        (("12.5", 12, 12), 12),  # 13 x 12 x 12 = 1872; / 166 = 11.28
        ((14, 14, 14), 17),  # 2744 / 166 = 16.53
        ((22, 12, 13), 21),  # 3432 / 166 = 20.67
        ((15, "11.07", 12), 12),  # 1980 / 166 = 11.93
    ],
)
def test_room_is_charged_above_a_cubic_foot(
    sides: tuple[Any, Any, Any], pounds: int | None
) -> None:
    """domain.md 4.4: divisor 166 above 1 cubic foot; the heavier of weight and room is paid."""
    light = box(16_000, sides)
    weight, room = charged_weight(light, RULE)
    assert weight == (16_000 if pounds is None else pounds * 16_000)
    assert (room is None) == (pounds is None)
    as_heavy = box(16_000 if pounds is None else pounds * 16_000)
    assert mills(ask(light)) == mills(ask(as_heavy))
    heavy = box(1_000_000, sides)
    assert charged_weight(heavy, RULE) == (1_000_000, None)
    if pounds is not None:  # as heavy as its room: nothing is added
        assert charged_weight(box(pounds * 16_000, sides), RULE) == (pounds * 16_000, None)


def test_room_up_to_the_inch_and_not_rectangular() -> None:
    up = replace(RULE, inches="up", cubic_inches_per_pound=139)
    assert charged_weight(box(1, ("12.001", 12, 12)), up)[0] == 14 * 16_000  # 1872 / 139 = 13.47
    tube = charged_weight(box(1, (14, 14, 14), is_rectangular=False), RULE)
    assert tube[0] == 13 * 16_000  # 2744 x 0.785 = 2154; / 166 = 12.98
    assert tube[1] is not None
    assert "14 x 14 x 14 in x 0.785 (not rectangular) = 2154 cubic inches / 166" in tube[1]
    assert charged_weight(box(1, (13, 12, 12)), None) == (1, None)
    assert charged_weight(box(1, (60, 30, 30)), RULE)[0] == 70 * 16_000


def test_room_by_a_rule_that_nobody_is_sure_of_is_not_charged() -> None:
    unsure = tuple(
        replace(at, dimensional=replace(at.dimensional, confidence="R")) if at.dimensional else at
        for at in BOOK.editions
    )
    asked: dict[str, Any] = {"mail_class": MailClass.PRIORITY, "price_type": "retail", "zone": 1}
    large, small = box(16_000, (14, 14, 14)), box(16_000)
    why, reason = refusal(RateBook(unsure).quote(large, DAY_2025, **asked))
    assert why is Why.NO_PRICE
    assert "2025-10-05-priority-retail is not sure of its dimensional weight" in reason
    assert mills(RateBook(unsure).quote(small, DAY_2025, **asked)) == 10_450


def test_a_quote_says_what_room_it_charges() -> None:
    quote = ask(box(16_000, (14, 14, 14)))
    assert isinstance(quote, Quote)
    assert quote.charged_milliounces == 17 * 16_000
    assert quote.room == (
        "dimensional weight: 14 x 14 x 14 in = 2744 cubic inches / 166, up to 17 lb"
    )
    assert quote.steps[0].text == "ground_advantage_commercial_zone_5 up to 272 oz"


@pytest.mark.parametrize(
    ("sides", "mail_class", "price_type", "why", "words"),
    [
        # DMM 101: 108 in length and girth, Ground Advantage Retail 130 in (domain.md 4.1)
        ((20, 22, 22), "priority", "retail", Why.NO_PRICE, "cubic inches are more than 3456"),
        ((22, 22, 21), "priority", "retail", Why.NO_PRICE, "cubic inches"),  # 108 in: not beyond
        (("22.001", 22, 21), "priority", "retail", Why.BEYOND_CLASS, "108.001 in is more than 108"),
        (
            *((22, 22, "21.001"), "ground-advantage", "commercial", Why.BEYOND_CLASS),
            "length and girth 108.002 in is more than 108 in (ground advantage commercial)",
        ),
        (
            *((22, 22, "21.001"), "ground-advantage", "retail", Why.NO_PRICE),
            "108.002 in is more than 108 in: the oversized price is in no table",
        ),
        ((26, 26, 26), "ground-advantage", "retail", Why.NO_PRICE, "the oversized price"),
        ((26, 26, "26.001"), "ground-advantage", "retail", Why.NONMAILABLE, "more than 130 in"),
        ((22, 12, 13), "priority", "retail", None, ""),
        (("22.001", 4, 4), "priority", "retail", Why.NO_PRICE, "length 22.001 in is more than 22"),
        ((16, 16, "13.5"), "express", "retail", None, ""),  # 3456 cubic inches
        ((16, 16, "13.501"), "express", "retail", Why.NO_PRICE, "3456.3 cubic inches"),
    ],
)
def test_what_is_too_large_says_so(
    sides: tuple[Any, Any, Any], mail_class: str, price_type: Any, why: Why | None, words: str
) -> None:
    answer = ask(box(16_000, sides), DAY_2025, MailClass(mail_class), price_type)
    if mail_class == "ground-advantage" and price_type == "commercial":
        answer = ask(box(16_000, sides))
    if why is None:
        assert isinstance(answer, Quote), answer
    else:
        found, reason = refusal(answer)
        assert found is why, reason
        assert words in reason


def test_a_zone_comes_from_the_chart_of_the_origin() -> None:
    zones = chart(effective=DAY_2026)
    quote = ask(box(16_000), zone=None, zones=zones, destination="60601-1234")
    assert isinstance(quote, Quote)
    assert quote.zone == zones.zone("60601") == 5
    assert mills(quote) == 8740


@pytest.mark.parametrize(
    ("day", "zoned_chart", "destination", "words"),
    [
        (DAY_2026, None, "60601", "needs a zone, or a chart and a destination"),
        (DAY_2026, chart(DAY_2026), None, "needs a zone, or a chart and a destination"),
        (DAY_2026, chart(DAY_2026), "00300", "chart of 240 (2026-07-12) has no zone for '00300'"),
        (DAY_2026, chart(DAY_2026), "Chicago", "has no zone for 'Chicago'"),
        (DAY_2026, chart(), "60601", "effective 2026-10-01, after the mailing date 2026-07-12"),
    ],
)
def test_without_a_zone_there_is_no_price(
    day: date, zoned_chart: Any, destination: str | None, words: str
) -> None:
    """Never from distance: domain.md 4.4, trap 23."""
    answer = ask(box(16_000), day, zone=None, zones=zoned_chart, destination=destination)
    assert refusal(answer)[0] is Why.NO_ZONE
    assert words in refusal(answer)[1]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"zone": 0}, "zone 0 is not 1 to 9"),
        ({"zone": 10}, "zone 10 is not 1 to 9"),
        ({"zone": True}, "zone True is not 1 to 9"),
        ({"zone": 5, "zones": chart()}, "zone 5 is given, and a chart of 240 too"),
    ],
)
def test_a_zone_that_is_none_is_a_mistake(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(BadZone, match=message):
        ask(box(16_000), **asked)


def test_a_letter_needs_no_zone() -> None:
    letter = Mailpiece.inches(9, 4, "0.02", ounces=1)
    quote = BOOK.quote(letter, DAY_2026, zones=chart(), destination="nowhere")
    assert isinstance(quote, Quote)
    assert quote.zone is None


@pytest.mark.parametrize(
    ("mail_class", "price_type"),
    [("first-class", "retail"), ("priority", "metered"), ("marketing", "stamped")],
)
def test_a_class_has_its_own_price_types(mail_class: str, price_type: Any) -> None:
    with pytest.raises(
        BadPriceType, match=f"{mail_class} has the price types .*not '{price_type}'"
    ):
        ask(box(16_000), mail_class=MailClass(mail_class), price_type=price_type)


# Windows: what is in force on a day.


def test_a_peak_window_ends_and_nothing_is_guessed_after_it() -> None:
    """domain.md 4.4: prices of 2025-10-05 end again; no retail table is public after them."""
    last, ended = date(2026, 1, 17), date(2026, 1, 18)
    retail: tuple[Any, ...] = (MailClass.PRIORITY, "retail", 8)
    assert mills(ask(box(80_000), last, *retail)) == 34_250
    why, reason = refusal(ask(box(80_000), ended, *retail))
    assert why is Why.NO_EDITION
    assert reason == (
        "no priority-retail edition is in force on 2026-01-18: "
        "2025-10-05-priority-retail ended on 2026-01-17"
    )
    assert refusal(ask(box(80_000), date(2025, 10, 4), *retail))[1] == (
        "mailing date 2025-10-04 lies before the first priority-retail edition, "
        "2025-10-05-priority-retail"
    )
    assert refusal(ask(box(80_000), last, MailClass.EXPRESS, "commercial"))[1] == (
        "there is no express-commercial edition"
    )


def test_a_peak_table_hides_the_base_also_where_it_is_not_known() -> None:
    """domain.md 4.4: from 2026-10-04 new peak prices; only three cells of zone 5 are public."""
    before, peak = date(2026, 10, 3), date(2026, 10, 4)
    for weight, base, new in [
        (15_999, 7690, 8240),
        (48_000, 11_570, 12_120),
        (160_000, 16_760, 17_810),
    ]:
        assert mills(ask(box(weight), before)) == base
        assert mills(ask(box(weight), peak)) == new
    for weight, zone in [(16_000, 5), (15_999, 4)]:
        why, reason = refusal(ask(box(weight), peak, zone=zone))
        assert why is Why.NO_PRICE
        assert "of the peak prices only three are public, all in zone 5" in reason


def edition(effective: date, mill: int, **change: Any) -> RateEdition:
    price = Price("card", 0, 3_500, Money(mill), "V", "made up")
    return RateEdition(effective, "made up", {"card": Ladder([price])}, **change)


def test_temporary_holds_over_base_and_a_correction_over_its_first_version() -> None:
    day = timedelta(days=1)
    start, end = date(2030, 1, 1), date(2030, 3, 1)
    book = RateBook(
        (
            edition(start, 500),
            edition(start + 10 * day, 600, priority=1, until=end),
            edition(start + 20 * day, 550),  # a new base inside the window stays below it
            edition(start + 10 * day, 610, priority=1, until=end, version=2),
        )
    )
    card = Mailpiece.inches(6, 4, "0.01", ounces=1)
    for at, expected in [
        (start, 500),
        (start + 9 * day, 500),
        (start + 10 * day, 610),
        (start + 30 * day, 610),
        (end - day, 610),
        (end, 550),
    ]:
        assert mills(book.quote(card, at)) == expected
    quote = book.quote(card, end - day)
    assert isinstance(quote, Quote)
    assert quote.edition == "2030-01-11-v2"


# Sorted mail, boxes and services: what is not known is not guessed.

LETTER, FLAT = box(1_000, (9, 4, "0.02")), box(1_000, (12, 9, "0.25"))


@pytest.mark.parametrize(
    ("piece", "asked", "words"),
    [
        (LETTER, {"sort": "aadc"}, "no automation_letter_aadc price at 1 oz"),
        (LETTER, {}, "no first-class commercial price is known for a letter with no sort level"),
        (FLAT, {"sort": "aadc"}, "is known for a flat with sort level aadc"),
        (box(1_000, (6, 4, "0.01")), {"sort": "5-digit"}, "is known for a card with sort"),
        (box(3_501, (9, 4, "0.02")), {"sort": "5-digit"}, "no automation_letter_5_digit price at"),
        (
            *(box(1_000, (9, 4, "0.02"), is_rigid=True), {"sort": "5-digit"}),
            "a nonmachinable letter has no first-class automation price: too rigid",
        ),
        (FLAT, {"mail_class": MailClass.MARKETING}, "its price is in no public text"),
        (
            *(LETTER, {"mail_class": MailClass.MARKETING, "price_type": "retail"}),
            "no marketing retail price is known for a letter with no sort level",
        ),
        (
            *(FLAT, {"mail_class": MailClass.PRIORITY, "price_type": "retail"}),
            "no priority retail price is known for a large-flat-rate-box",
        ),
    ],
)
def test_what_has_no_public_price_says_so(
    piece: Mailpiece, asked: dict[str, Any], words: str
) -> None:
    boxed = asked.get("mail_class") is MailClass.PRIORITY
    asked = {"price_type": "commercial", **asked}
    if boxed:
        asked["packaging"] = Packaging.LARGE_BOX
    answer = BOOK.quote(piece, DAY_2026, **asked)
    assert refusal(answer)[0] is Why.NO_PRICE
    assert words in refusal(answer)[1]


@pytest.mark.parametrize("name", ["periodicals", "bound-printed-matter"])
def test_a_class_that_no_indicium_pays_for_has_no_price(name: str) -> None:
    """DMM 604.4: Periodicals and Bound Printed Matter."""
    answer = BOOK.quote(LETTER, DAY_2026, mail_class=MailClass(name), price_type="commercial")
    assert refusal(answer) == (Why.NO_PRICE, f"{name} has no prices here")


def test_a_service_without_a_price_leaves_the_piece_without_one() -> None:
    answer = BOOK.quote(LETTER, date(2024, 7, 14), services=["certified"])  # type: ignore[list-item]
    assert refusal(answer)[0] is Why.NO_EDITION
    answer = BOOK.quote(LETTER, date(2025, 7, 13), services=["return_receipt_electronic"])  # type: ignore[list-item]
    assert "its price is in no public text" in refusal(answer)[1]


def test_a_category_says_its_class() -> None:
    for category, priced in PRICED.items():
        assert priced.price_list.startswith(priced.mail_class), category
    assert PRICED[Category.EXPRESS_RETAIL].is_zoned
    assert not PRICED[Category.PRIORITY_LARGE_BOX].is_zoned
