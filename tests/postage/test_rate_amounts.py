"""Amounts that ship: each table is what was typed in from its source, mill for mill."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from postage.money import Money
from postage.rate_editions import RateEdition
from postage.rate_kinds import ANNUAL_MAILING_FEE, PRICED, PriceList, Service
from postage.rate_tables import Ladder, Price, ounces_text, zoned
from postage.rates import RateBook

BOOK = RateBook.load()

# Totals in mills of what was typed in from the public tables: the plain one, and one in which each
# row counts as often as its number says, so that two changes do not cancel. By edition and item.
ZONE_TOTALS = {
    "2025-10-05-ground-advantage-retail": (
        [2593950, 2769900, 3046050, 3785750, 4815350, 5730650, 6627850, 7592550, 7592550],
        [123571550, 132429800, 146254750, 184616750, 236909550, 281965650, 324838200, 370272050,
         370272050],
    ),
    "2025-10-05-priority-retail": (
        [2881700, 3085850, 3395950, 4232700, 5933350, 7100600, 8274650, 9652000, 19109950],
        [127513200, 137035100, 151351600, 191378000, 269320850, 315966350, 362659950, 424559750,
         841086600],
    ),
    "2025-10-05-express-retail": (
        [9111450, 10589950, 15015700, 17437050, 20117600, 20877100, 21809800, 22705150, 30222900],
        [417539750, 489459400, 705044050, 812928350, 928898800, 962644000, 1003461550, 1046551050,
         1395024250],
    ),
    "2026-07-12-ground-advantage-commercial": (
        [2206390, 2396300, 2691610, 3255300, 4359670, 5338280, 6281100, 7257690, 7257690],
        [100803010, 110061420, 124232940, 151968360, 206550260, 253781350, 300064420, 347569120,
         347569120],
    ),
}  # fmt: skip
TOTALS = {
    # domain.md 4.3, single amounts
    ("2025-07-13-first-class-commercial", "automation_letter_5_digit"): [593],
    ("2025-07-13-first-class-commercial", "automation_letter_aadc"): [641],
    ("2025-07-13-first-class-commercial", "automation_letter_mixed_aadc"): [672],
    ("2025-07-13-first-class-commercial", "automation_flat_best_tier"): [
        *[1230, 1505, 1775, 2045, 2325]
    ],
    ("2025-07-13-marketing-commercial", "marketing_letter_5_digit"): [372],
    ("2025-07-13-marketing-commercial", "marketing_letter_aadc"): [407],
    ("2025-07-13-marketing-commercial", "marketing_letter_mixed_aadc"): [433],
    ("2025-07-13-marketing-commercial", "marketing_flat"): [986],
    ("2025-07-13-extra-services", "certified"): [5300],
    ("2025-07-13-extra-services", "return_receipt_mail"): [4400],
    ("2026-07-12-first-class-commercial", "automation_letter_5_digit"): [621],
    ("2026-07-12-marketing-commercial", "marketing_letter_5_digit"): [395],
    ("2026-07-12-marketing-commercial", "marketing_letter_5_digit_dscf"): [374],
    ("2026-07-12-marketing-commercial", "marketing_letter_machinable_mixed_aadc"): [473],
    ("2026-07-12-marketing-retail", "eddm_flat"): [260],
    ("2026-07-12-extra-services", "certified"): [5550],
    ("2026-07-12-extra-services", "return_receipt_mail"): [4650],
    ("2026-07-12-extra-services", "return_receipt_electronic"): [2910],
    ("2026-07-12-extra-services", "permit_or_annual_mailing_fee"): [390000],
    # domain.md 4.4
    ("2026-07-12-priority-commercial", "padded_flat_rate_envelope"): [11990],
    ("2026-07-12-priority-commercial", "medium_flat_rate_box"): [21170],
    ("2026-07-12-priority-commercial", "large_flat_rate_box"): [31000],
    ("2026-10-04-ground-advantage-commercial", "ground_advantage_commercial_zone_5"): [
        *[8240, 12120, 17810]
    ],
}


def total(ladder: Iterable[Price]) -> tuple[int, int]:
    amounts = [price.amount.mills for price in ladder]
    return sum(amounts), sum(row * mills for row, mills in enumerate(amounts, start=1))


def totals() -> dict[tuple[str, str], tuple[int, int]]:
    """Return what every ladder outside test_rates.py must add up to."""
    expected = {
        key: (sum(mills), sum(row * mill for row, mill in enumerate(mills, start=1)))
        for key, mills in TOTALS.items()
    }
    for edition, (plain, weighted) in ZONE_TOTALS.items():
        item = edition[11:].replace("-", "_")
        for zone, pair in enumerate(zip(plain, weighted, strict=True), start=1):
            expected[edition, zoned(item, zone)] = pair
    return expected


def others() -> Iterator[tuple[RateEdition, str, Ladder]]:
    """Yield every ladder that test_rates.py does not quote price by price."""
    for edition in BOOK.editions:
        if edition.price_list is not PriceList.FIRST_CLASS_RETAIL:
            for item, ladder in edition.prices.items():
                yield edition, item, ladder


def test_every_table_adds_up_to_what_was_typed_in() -> None:
    assert {(at.name, item): total(ladder) for at, item, ladder in others()} == totals()


def test_one_mill_more_or_less_in_any_amount_is_noticed() -> None:
    """Of the single pieces, test_rates.py shows the same price by price."""
    expected, changed = totals(), 0
    for edition, item, ladder in others():
        for row, price in enumerate(ladder):
            for mills in (1, -1):
                other = list(ladder)
                other[row] = replace(price, amount=price.amount + Money(mills))
                assert total(other) != expected[edition.name, item]
                changed += 1
    assert changed == 2 * (9 * (74 + 70 + 71 + 71) + 8 + 4 + 2 + 1 + 3 + 1 + 4 + 3 + 3)


def test_ladders_have_no_gap_and_never_fall() -> None:
    """Of each table but the peak table of 2026-10-04, of which three cells are public."""
    for edition in BOOK.editions:
        for ladder in edition.prices.values():
            for lighter, heavier in pairwise(ladder):
                assert lighter.amount <= heavier.amount
                is_whole = edition.name != "2026-10-04-ground-advantage-commercial"
                assert lighter.up_to_milliounces == heavier.over_milliounces or not is_whole
            assert ladder[0].over_milliounces == 0


def test_a_farther_zone_never_costs_less() -> None:
    whole = [edition for edition in BOOK.editions if edition.name in ZONE_TOTALS]
    assert len(whole) == 4
    for edition in whole:
        item = edition.price_list.replace("-", "_")
        ladders = [edition.prices[zoned(item, zone)] for zone in range(1, 10)]
        for row in zip(*ladders, strict=True):
            assert list(row) == sorted(row, key=lambda price: price.amount)


def test_every_price_says_its_source_and_a_known_confidence() -> None:
    for edition in BOOK.editions:
        assert edition.source
        assert all(edition.missing.values())
        for ladder in edition.prices.values():
            for price in ladder:
                assert price.source
                assert price.confidence in {"V", "V*", "V**", "S", "S*"}


def test_no_item_is_without_a_category_that_charges_it() -> None:
    """A misspelt item would be a price that nobody can ask for."""
    charged = {(priced.price_list, item) for priced in PRICED.values() for item in priced.items}
    charged |= {(PriceList.EXTRA_SERVICES, service.value) for service in Service}
    charged |= {(PriceList.EXTRA_SERVICES, ANNUAL_MAILING_FEE)}
    for edition, item, _ in others():
        assert (edition.price_list, item.partition("_zone_")[0]) in charged
    for edition in BOOK.editions:
        for item in edition.missing:
            assert (edition.price_list, item) in charged | {
                (PriceList.FIRST_CLASS_RETAIL, "nonmachinable")
            }


# Where the companion's names are not ours (fcm_ is cut off).
NAMES = {
    "auto_letter_5digit": "automation_letter_5_digit",
    "auto_letter_aadc": "automation_letter_aadc",
    "auto_letter_mixed_aadc": "automation_letter_mixed_aadc",
    "auto_flat_best_tier": "automation_flat_best_tier",
    "mktg_auto_letter_5digit": "marketing_letter_5_digit",
    "mktg_auto_letter_5digit_origin": "marketing_letter_5_digit",
    "mktg_auto_letter_5digit_dscf": "marketing_letter_5_digit_dscf",
    "mktg_auto_letter_aadc": "marketing_letter_aadc",
    "mktg_auto_letter_mixed_aadc": "marketing_letter_mixed_aadc",
    "mktg_machinable_mixed": "marketing_letter_machinable_mixed_aadc",
    "mktg_flat": "marketing_flat",
    "eddm_retail": "eddm_flat",
}


def test_shipped_amounts_are_those_of_the_companion_table(reference: Path) -> None:
    """fcm_and_fees.csv, the machine-readable companion of domain.md 4.2 and 4.3, item by item."""
    theirs = set()
    with (reference / "data" / "fcm_and_fees.csv").open(encoding="utf-8", newline="") as source:
        for row in csv.DictReader(source):
            if row["confidence"] in {"R", "I"}:
                continue
            name, _, weight = row["item"].removeprefix("fcm_").rpartition("_")
            if not weight.endswith("oz"):
                name, weight = row["item"].removeprefix("fcm_"), ""
            price = Money.parse(row["price_usd"])
            theirs.add(
                (
                    *(row["effective_date"], NAMES.get(name, name)),
                    *(weight.removesuffix("oz"), price, row["confidence"]),
                )
            )
    ours = {
        (
            *(str(edition.effective), item),
            *(ounces_text(price.up_to_milliounces) if has_weight else "", price.amount),
            price.confidence,
        )
        for edition in BOOK.editions
        for item, ladder in edition.prices.items()
        if "_zone_" not in item and "_flat_rate_" not in item
        for has_weight in [item.startswith(("letter_", "flat")) or item in WEIGHED]
        for price in ladder
    }
    assert ours == theirs


WEIGHED = {"automation_flat_best_tier", "marketing_flat"}


@pytest.mark.parametrize(
    ("file", "edition"),
    [
        ("ga_retail_2025-10-05.csv", "2025-10-05-ground-advantage-retail"),
        ("pm_retail_2025-10-05.csv", "2025-10-05-priority-retail"),
        ("pme_retail_2025-10-05.csv", "2025-10-05-express-retail"),
        ("ga_commercial_2026-07-12.csv", "2026-07-12-ground-advantage-commercial"),
    ],
)
def test_shipped_zone_tables_are_those_of_the_companion(
    reference: Path, file: str, edition: str
) -> None:
    (ours,) = (at for at in BOOK.editions if at.name == edition)
    item = ours.price_list.replace("-", "_")
    with (reference / "data" / file).open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    for zone in range(1, 10):
        ladder = ours.prices[zoned(item, zone)]
        assert [price.amount.mills for price in ladder] == [
            int(row[f"zone{zone}_cents"]) * 10 for row in rows
        ]
        assert [price.up_to_milliounces for price in ladder] == [
            round(float(row["max_weight"]) * (1000 if row["unit"] == "oz" else 16_000))
            for row in rows
        ]
