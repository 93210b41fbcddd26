"""Sixty-five quotes worked out by hand: pieces, dates, and the sums that they must come to.

Amounts are mills, typed from domain.md 4.2 to 4.4 and not read from any edition. A sum names its
parts in the order of the quote's steps: first ounce or row, further ounces, surcharge, service.
"""

from datetime import date
from typing import Any

import pytest

from postage.mailpiece import Mailpiece
from postage.rates import MailClass, Packaging, Quote, RateBook, Service, Sort

BOOK = RateBook.load()
GROUND, PRIORITY, EXPRESS = MailClass.GROUND_ADVANTAGE, MailClass.PRIORITY, MailClass.EXPRESS

JUL_2008, JAN_2017, MAR_2018 = date(2008, 7, 1), date(2017, 1, 22), date(2018, 3, 1)
FEB_2019, MAY_2021, AUG_2022 = date(2019, 2, 1), date(2021, 5, 1), date(2022, 8, 1)
JUL_2023, FEB_2024, SAMPLE = date(2023, 7, 9), date(2024, 2, 1), date(2024, 7, 11)
AUG_2024, AUG_2025, PEAK_2025 = date(2024, 8, 1), date(2025, 8, 1), date(2025, 10, 5)
JUL_2026, LATER_2026, PEAK_2026 = date(2026, 7, 12), date(2026, 9, 1), date(2026, 10, 4)


def letter(ounces: Any, **flags: bool) -> Mailpiece:
    return Mailpiece.inches("9.5", "4.125", "0.02", ounces=ounces, **flags)


def card(ounces: Any = "0.2") -> Mailpiece:
    return Mailpiece.inches(6, "4.25", "0.016", ounces=ounces)


def flat(ounces: Any) -> Mailpiece:
    return Mailpiece.inches(12, 9, "0.25", ounces=ounces)


def box(ounces: Any, sides: tuple[int, int, int] = (12, 9, 4)) -> Mailpiece:
    return Mailpiece.inches(*sides, ounces=ounces)


def stamped() -> dict[str, Any]:
    return {"price_type": "stamped"}


def automated(sort: Sort | None, mail_class: MailClass = MailClass.FIRST_CLASS) -> dict[str, Any]:
    return {"price_type": "commercial", "mail_class": mail_class, "sort": sort}


def shipped(mail_class: MailClass, price_type: str, zone: int) -> dict[str, Any]:
    return {"mail_class": mail_class, "price_type": price_type, "zone": zone}


def flat_rate(packaging: Packaging) -> dict[str, Any]:
    return {"mail_class": PRIORITY, "price_type": "commercial", "packaging": packaging}


QUOTES: list[tuple[Mailpiece, date, dict[str, Any], list[int]]] = [
    # letters, stamped: 0.42 + 0.17 an ounce in 2008 (ysci.org), 0.49 + 0.21 (kttn.com), ...
    (letter(1), JUL_2008, stamped(), [420]),
    (letter("3.5"), JUL_2008, stamped(), [420 + 3 * 170]),
    (letter("1.5"), JAN_2017, stamped(), [490 + 210]),
    (letter(3), MAR_2018, stamped(), [500 + 2 * 210]),
    (letter("2.001"), FEB_2019, stamped(), [550 + 2 * 150]),
    (letter("3.2"), MAY_2021, stamped(), [550 + 3 * 200]),
    (letter(1), AUG_2022, stamped(), [600]),
    (letter(2), AUG_2024, stamped(), [730 + 280]),
    (letter(2), AUG_2025, stamped(), [780 + 290]),
    (letter("3.5"), JUL_2026, stamped(), [820 + 3 * 290]),
    (letter(1, is_rigid=True), MAY_2021, stamped(), [550, 200]),
    (letter(2, is_polybagged=True), JUL_2026, stamped(), [820 + 290, 490]),
    # letters, metered: no price in 2008, 0.46 in 2017, ..., 0.78 from 2026-07-12 (Notice 123 p. 6)
    (letter(1), JAN_2017, {}, [460]),
    (letter("3.4"), MAR_2018, {}, [470 + 3 * 210]),
    (letter(2), FEB_2019, {}, [500 + 150]),
    (letter(1, has_loose_items=True), FEB_2019, {}, [500, 150]),
    (letter("1.001"), MAY_2021, {}, [510 + 200]),
    (letter(1), AUG_2022, {}, [570]),
    (letter("3.5", is_rigid=True), JUL_2023, {}, [630 + 3 * 240, 400]),
    (letter(2), FEB_2024, {}, [640 + 240]),
    (letter("3.5", is_rigid=True), SAMPLE, {}, [640 + 3 * 240, 400]),
    (letter(3), AUG_2024, {}, [690 + 2 * 280]),
    (letter("2.2"), AUG_2025, {}, [740 + 2 * 290]),
    (letter(1, is_booklet=True), AUG_2025, {}, [740, 490]),
    (letter("1.00"), JUL_2026, {}, [780]),
    (letter("1.01"), JUL_2026, {}, [780 + 290]),
    (letter("3.00"), JUL_2026, {}, [780 + 2 * 290]),
    (letter("3.01"), JUL_2026, {}, [780 + 3 * 290]),
    (letter(1, is_self_mailer=True), JUL_2026, {}, [780, 490]),
    # cards
    (card(), JUL_2008, stamped(), [270]),
    (card(), MAR_2018, {}, [350]),
    (card(), FEB_2024, {}, [530]),
    (card("3.5"), AUG_2025, stamped(), [610]),
    (card(), LATER_2026, {}, [650]),
    # flats: + 0.27 to 4 oz, + 0.28 to 9 oz, + 0.30 above, from 2025-07-13 on (code step rule)
    (flat(1), JUL_2008, {}, [830]),
    (flat("10.5"), JUL_2008, {}, [830 + 10 * 170]),
    (flat(1), FEB_2019, {}, [1000]),
    (flat(4), AUG_2025, {}, [1630 + 3 * 270]),
    (flat(9), AUG_2025, {}, [1630 + 3 * 270 + 5 * 280]),
    (flat(13), AUG_2025, {}, [1630 + 3 * 270 + 5 * 280 + 4 * 300]),
    (letter("3.51"), AUG_2025, {}, [1630 + 3 * 270]),
    (flat("0.5"), JUL_2026, {}, [1690]),
    # sorted mail: mills matter (domain.md 4.3, trap 1)
    (letter(2), AUG_2025, automated(Sort.FIVE_DIGIT), [593]),
    (letter("3.5"), AUG_2025, automated(Sort.MIXED_AADC), [672]),
    (flat("4.1"), AUG_2025, automated(Sort.BEST_TIER), [2325]),
    (letter(1), JUL_2026, automated(Sort.FIVE_DIGIT), [621]),
    (letter(1), AUG_2025, automated(Sort.AADC, MailClass.MARKETING), [407]),
    (letter(1), JUL_2026, automated(Sort.FIVE_DIGIT_DSCF, MailClass.MARKETING), [374]),
    (letter(1), JUL_2026, automated(Sort.MACHINABLE_MIXED_AADC, MailClass.MARKETING), [473]),
    (flat(4), AUG_2025, automated(None, MailClass.MARKETING), [986]),
    (flat(3), JUL_2026, {"mail_class": MailClass.MARKETING, "price_type": "retail"}, [260]),
    # parcels: rows of the four tables, up to the next pound
    (box("15.999"), JUL_2026, shipped(GROUND, "commercial", 5), [7690]),
    (box("16.000"), JUL_2026, shipped(GROUND, "commercial", 5), [8740]),
    (box("16.001"), JUL_2026, shipped(GROUND, "commercial", 5), [9950]),
    (box(1120), JUL_2026, shipped(GROUND, "commercial", 9), [191_310]),
    (box("8.001"), PEAK_2025, shipped(GROUND, "retail", 1), [8550]),
    (box(80), PEAK_2025, shipped(PRIORITY, "retail", 8), [34_250]),
    (box(80), PEAK_2025, shipped(PRIORITY, "retail", 9), [67_700]),
    (box(8), PEAK_2025, shipped(EXPRESS, "retail", 8), [49_800]),
    # 12 x 12 x 12 in = 1728 cubic inches, no more than a cubic foot: the row of its 10 lb;
    # 14 x 14 x 14 in = 2744 cubic inches; / 166 = 16.53: the row of 17 lb
    (box(160, (12, 12, 12)), JUL_2026, shipped(GROUND, "commercial", 4), [14_440]),
    (box(160, (14, 14, 14)), JUL_2026, shipped(GROUND, "commercial", 4), [18_410]),
    (box(8), PEAK_2026, shipped(GROUND, "commercial", 5), [8240]),
    # boxes that know neither weight nor zone, and services on top
    (box(640), JUL_2026, flat_rate(Packaging.MEDIUM_BOX), [21_170]),
    (letter(1), JUL_2026, {"services": [Service.CERTIFIED]}, [780, 5550]),
    (
        *(letter(2), AUG_2025),
        *({"services": [Service.CERTIFIED, Service.RETURN_RECEIPT_MAIL]}, [740 + 290, 5300, 4400]),
    ),
]


@pytest.mark.parametrize(("piece", "day", "asked", "sums"), QUOTES)
def test_a_quote_adds_up_as_by_hand(
    piece: Mailpiece, day: date, asked: dict[str, Any], sums: list[int]
) -> None:
    quote = BOOK.quote(piece, day, **asked)
    assert isinstance(quote, Quote), quote
    assert [step.amount.mills for step in quote.steps] == sums
    assert quote.postage.mills == sum(sums)
    assert all(step.source and step.confidence for step in quote.steps)


def test_there_are_sixty_and_they_reach_every_edition() -> None:
    assert len(QUOTES) == 65
    answers = [BOOK.quote(piece, day, **asked) for piece, day, asked, _ in QUOTES]
    reached = {answer.edition for answer in answers if isinstance(answer, Quote)}
    services = {edition.name for edition in BOOK.editions if "services" in edition.name}
    assert reached == {edition.name for edition in BOOK.editions} - services


def test_an_express_piece_short_at_origin() -> None:
    """domain.md 9a.20: 8 oz in zone 8 on 2025-10-05 showing 32,500 is 17,300 short."""
    quote = BOOK.quote(box(8), PEAK_2025, mail_class=EXPRESS, price_type="retail", zone=8)
    assert isinstance(quote, Quote)
    assert (quote.postage.mills, quote.postage.mills - 32_500) == (49_800, 17_300)
    assert quote.edition == "2025-10-05-express-retail"


def test_a_specimen_has_a_price_like_any_other() -> None:
    """domain.md 9a.12: the test imprint shows 0; the piece under it is due what it is due."""
    quote = BOOK.quote(letter(1), JUL_2026)
    assert isinstance(quote, Quote)
    assert quote.postage.mills == 780
