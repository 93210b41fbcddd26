"""The Postal Service's price files: two known forms, and one exception for all other bytes."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.errors import RateEditionError
from postage.mailpiece import Mailpiece
from postage.rate_editions import Dimensional, read_edition
from postage.rate_published import Published, edition_files, read_published
from postage.rates import MailClass, PriceList, Quote, RateBook

# Section and row names as public readers of m-fcm-eddm-retail.csv look for them (domain.md 4.4),
# amounts of 2025-07-13.
STACKED = """\
First-Class Mail and EDDM - Retail,,,,Final,7/13/2025
,,,,,
First-Class Mail,,,,,
LETTERS,,,,,
Weight Not Over (ounces),,,,,
1,0.78,,,,
2,1.07,,,,
3,1.36,,,,
3.5,1.65,,,,
LETTERS - Metered,,,,,
1,0.74,,,,
2,1.03,,,,
3,1.32,,,,
3.5,1.61,,,,
Postcard,0.61,,,,
FLATS,,,,,
Weight Not Over (ounces),,,,,
1,1.63,,,,
2,1.90,,,,
Single-Piece Additional Ounce,,,,,0.29
Nonmachinable Surcharge,,,,,0.49
Every Door Direct Mail,0.247,,,,
"""
# The same with letters and flats side by side, as another reader's sample has them.
BESIDE = """\
First-Class Mail and EDDM - Retail,,,,Final,,7/13/2025
LETTERS,,FLATS,,,
Weight Not Over (ounces),,Weight Not Over (ounces),,,
1,0.78,1,1.63
2,1.07,2,1.90
3,1.36,3,2.17
3.5,1.65,4,2.44
LETTERS - Metered,,FLATS
1,0.74,,
"""
PARCELS = """\
USPS Ground Advantage - Commercial,,Final,,7/12/2026
Weight Not Over (ounces),Zones
,Zone 1,Zone 2,Zone 3
4,6.93,6.94,7.30
15.999,6.93,6.95,7.30
Weight Not Over (pounds)
1,7.61,7.68,8.00
2,7.99,8.08,8.26
Oversized,110.00,120.00,130.00
"""
RULE = Dimensional(1728, 166, "nearest", "S", "an example")


def read(text: str) -> Published:
    return read_published(text.encode(), "an example")


def amounts(text: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for price in read(text).prices:
        found.setdefault(price.item, []).append(price.amount.mills)
    return found


def test_sections_below_one_another() -> None:
    found = read(STACKED)
    assert found.price_list is PriceList.FIRST_CLASS_RETAIL
    assert found.printed == date(2025, 7, 13)
    assert amounts(STACKED) == {
        "letter_stamped": [780, 1070, 1360, 1650],
        "letter_metered": [740, 1030, 1320, 1610],
        "card": [610],
        "flat": [1630, 1900],
        "nonmachinable": [490],
    }
    assert found.unread == ("line 22: Every Door Direct Mail",)
    assert {price.confidence for price in found.prices} == {"V"}


def test_sections_side_by_side() -> None:
    assert amounts(BESIDE) == {
        "letter_stamped": [780, 1070, 1360, 1650],
        "flat": [1630, 1900, 2170, 2440],
        "letter_metered": [740],
    }


def test_a_label_does_not_take_a_price_of_the_section_beside_it() -> None:
    text = BESIDE.replace("3.5,1.65,4,2.44", "Postcard,0.61,4,2.44")
    assert amounts(text)["card"] == [610]
    assert amounts(text)["flat"][-1] == 2440


def test_parcels_by_zone() -> None:
    found = read(PARCELS)
    assert found.price_list is PriceList.GROUND_ADVANTAGE_COMMERCIAL
    assert amounts(PARCELS)["ground_advantage_commercial_zone_2"] == [6940, 6950, 7680, 8080]
    weights = [price.up_to_milliounces for price in found.prices[:4]]
    assert weights == [4_000, 15_999, 16_000, 32_000]
    assert found.unread == ("line 9: Oversized",)


def test_zones_may_be_bare_digits() -> None:
    assert amounts(PARCELS.replace("Zone ", "")) == amounts(PARCELS)


def test_priority_boxes_stand_above_the_zones() -> None:
    text = """\
Priority Mail - Commercial,,Final,,7/12/2026
Padded Flat Rate Envelopes,11.99
Medium Flat Rate Boxes,21.17
Legal Flat Rate Envelopes,12.25
Weight Not Over (Lbs),Zones
,Zone 1
1,8.00
"""
    assert amounts(text) == {
        "padded_flat_rate_envelope": [11990],
        "medium_flat_rate_box": [21170],
        "priority_commercial_zone_1": [8000],
    }
    assert read(text).unread == ("line 4: Legal Flat Rate Envelopes",)


def test_what_is_read_becomes_an_edition_that_rates(tmp_path: Path) -> None:
    for text, effective, rule in [
        (STACKED, date(2027, 7, 11), None),
        (PARCELS, date(2027, 7, 11), RULE),
    ]:
        found = read(text)
        suffix = "" if rule is None else f"-{found.price_list}"
        folder = tmp_path / f"{effective}{suffix}"
        folder.mkdir()
        files = edition_files(found, effective=effective, source='USPS "file"', dimensional=rule)
        for name, content in files.items():
            (folder / name).write_bytes(content)
        edition = read_edition(folder, allow_unsigned=True)
        assert [price for ladder in edition.prices.values() for price in ladder] == list(
            found.prices
        )
        assert (edition.source, edition.dimensional) == ('USPS "file"', rule)
    book = RateBook.load(tmp_path, allow_unsigned=True)
    quote = book.quote(
        Mailpiece.inches(9, 6, 3, ounces=16),
        date(2027, 7, 11),
        mail_class=MailClass.GROUND_ADVANTAGE,
        price_type="commercial",
        zone=2,
    )
    assert isinstance(quote, Quote)
    assert quote.postage.mills == 7680


def test_parcel_prices_need_a_dimensional_rule() -> None:
    with pytest.raises(RateEditionError, match="needs the rule for dimensional weight"):
        edition_files(read(PARCELS), effective=date(2027, 1, 1), source="x")


@pytest.mark.parametrize(
    ("text", "old", "new", "message"),
    [
        (STACKED, "2,1.07", "2,", "line 7: letter_stamped up to 2 oz costs ''"),
        (STACKED, "2,1.07", "2,1.O7", "line 7: letter_stamped up to 2 oz costs '1.O7'"),
        (STACKED, "2,1.07", "1,1.07", "line 7: letter_stamped has 1 oz after 1 oz"),
        (STACKED, "2,1.07", "2,0.77", "line 7: letter_stamped falls from .0.78 to .0.77"),
        (STACKED, "2,1.03", "2,1.04", "letter_metered up to 2 oz is .0.30 more .* ounce is .0.29"),
        (STACKED, "Postcard,0.61", "Postcard,", "line 15: card up to 3.5 oz costs ''"),
        (STACKED, "7/13/2025", "13/13/2025", "line 1: 13/13/2025: month"),
        (STACKED, "LETTERS,", "NOTES,", "no prices of letter_stamped"),
        (STACKED, "and EDDM - Retail", "- Commercial - Flats", "line 1: no price file"),
        (PARCELS, "Commercial", "Commercial Cubic", "line 1: no price file"),
        (PARCELS, "Zone 3", "Zone 2", "line 3: a zone stands twice"),
        (PARCELS, "(pounds)", "", "line 6: a weight in neither ounces nor pounds"),
        (PARCELS, "2,7.99,8.08,8.26", "2,7.99,8.08", "zone_3 up to 32 oz costs ''"),
        (PARCELS, "2,7.99", "2,7.60", "line 8: .*zone_1 falls from"),
        (PARCELS, "15.999,", "3.9,", "line 5: .* has 3.9 oz after 4 oz"),
    ],
)  # fmt: skip
def test_a_file_that_contradicts_itself_is_refused_by_line(
    text: str, old: str, new: str, message: str
) -> None:
    assert old in text
    with pytest.raises(RateEditionError, match=message):
        read(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the price file is empty"),
        (b"\n,,\n", "the price file is empty"),
        (b"\xff\xfe", "no CSV in UTF-8"),
        (b"x" * 1_000_001, "has 1000001 bytes; the limit is 1000000"),
        (b"First-Class Mail - Retail\n", "no prices of letter_stamped"),
        (b"Priority Mail - Retail\n", "no prices of priority_retail"),
        (b"First-Class Mail International - Retail\n", "line 1: no price file"),
    ],
)
def test_what_is_no_price_file_is_refused(raw: bytes, message: str) -> None:
    with pytest.raises(RateEditionError, match=message):
        read_published(raw, "an example")


def test_a_source_is_one_line() -> None:
    with pytest.raises(RateEditionError, match="no single line"):
        read_published(STACKED.encode(), "two\nlines")


CELLS = st.sampled_from(
    ["", "1", "2", "3.5", "70", "0.78", "1.07", "$9.99", "LETTERS", "LETTERS - Metered", "FLATS",
     "Postcard", "Zone 1", "Zone 2", "Weight Not Over (ounces)", "Weight Not Over (lbs)", '"',
     "Single-Piece Additional Ounce", "Nonmachinable Surcharge", "9" * 400, "1e9", "\x00", "٣"]
)  # fmt: skip
TITLES = st.sampled_from(["First-Class Mail - Retail", "Priority Mail - Commercial", "x"])


@given(TITLES, st.lists(st.lists(CELLS, max_size=5), max_size=12), st.binary(max_size=8))
def test_any_rows_are_prices_or_a_rate_edition_error(
    title: str, rows: list[list[str]], tail: bytes
) -> None:
    text = "\n".join([title, *(",".join(row) for row in rows)])
    try:
        found = read_published(text.encode() + tail, "fuzz")
    except RateEditionError:
        return
    assert found.prices


@given(st.sampled_from([STACKED, BESIDE, PARCELS]), st.data())
def test_any_damage_is_prices_or_a_rate_edition_error(text: str, data: st.DataObject) -> None:
    raw = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        found = read_published(bytes(raw), "fuzz")
    except RateEditionError:
        return
    assert found.prices
