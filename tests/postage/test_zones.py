"""Zones come off a chart, a digit for each ZIP3 and exceptions by 5 digits (domain.md 4.4)."""

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.errors import ZoneChartError
from postage.zones import ZoneChart, ZoneException, read_chart, read_published, write_chart
from tests.postage.zone_charts import EXCEPTIONS, chart, made_up_zones, published

CHART = chart()


@pytest.mark.parametrize(
    ("destination", "zone"),
    [
        ("09000", 4), ("09999", 4), ("96200", 4), ("96699", 4), ("96900", 8), ("96938", 8),
        ("96939", 8),  # past the exception: its ZIP3's own
        ("10000", 1), ("08999", 1), ("99999", 8), ("24011-1234", 2), ("240111234", 2),
        ("00400", None), ("24011-12", None), ("2401", None), ("24O11", None), ("", None),
        ("٢٤٠١١", None),
    ],
)  # fmt: skip
def test_a_destination_has_the_zone_of_its_exception_or_prefix(
    destination: str, zone: int | None
) -> None:
    assert CHART.zone(destination) == zone


def test_every_zip_code_has_the_zone_of_a_plain_search() -> None:
    zones = made_up_zones()
    for place in range(0, 100_000, 7):
        plain = next(
            (one.zone for one in EXCEPTIONS if one.first <= place <= one.last),
            int(zones[place // 100]) or None,
        )
        assert CHART.zone(f"{place:05d}") == plain


def test_what_is_written_is_read() -> None:
    assert read_chart(write_chart(CHART)) == CHART


def test_a_chart_of_999_digits_begins_at_001() -> None:
    """domain.md 4.4: about 1000 digits."""
    text = f"origin,240\neffective,2026-10-01\nzones,{made_up_zones()[1:]}\n"
    assert read_chart(text.encode()).zones == made_up_zones()


def test_the_published_page_is_the_same_chart() -> None:
    found = read_published(published(), "240")
    assert (found.zones, found.exceptions, found.effective) == (
        *(CHART.zones, CHART.exceptions, CHART.effective),
    )


def test_the_page_writes_hawaii_as_five_digits() -> None:
    page = {"EffectiveDate": "October 1, 2026", "Column3": [{"ZipCodes": "96700", "Zone": "8"}]}
    assert read_published(json.dumps(page).encode(), "240").zone("96720") == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("origin,24\neffective,2026-10-01\nzones,", "origin '24' is not three digits"),
        ("origin,240\neffective,2026-10-01\nzones,123", "3 characters of zones; a chart has 1000"),
        ("origin,240\neffective,2026-10-32\nzones,", "effective: "),
        ("origin,240\nzones,1", "does not say effective"),
        ("origin,240\norigin,241", "line 2: 'origin,241' is no row"),
        ("miles,240", "line 1: 'miles,240' is no row"),
        ("exception,1,2,3", "line 1: 1,2,3 is no range"),
        ("exception,09000,09999,0", "line 1: 09000,09999,0 is no range"),
    ],
)
def test_a_bad_chart_is_refused_by_line(text: str, message: str) -> None:
    with pytest.raises(ZoneChartError, match=message):
        read_chart(text.encode())


@pytest.mark.parametrize(
    "exceptions",
    [
        (ZoneException(2, 1, 4),),
        (ZoneException(1, 5, 4), ZoneException(5, 6, 4)),
        (ZoneException(1, 100_000, 4),),
        (ZoneException(1, 5, 10),),
    ],
)
def test_exceptions_are_ranges_in_order(exceptions: tuple[ZoneException, ...]) -> None:
    with pytest.raises(ZoneChartError, match="not in order, or no range and zone"):
        ZoneChart("240", date(2026, 10, 1), "1" * 1000, exceptions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"PageError": "no such prefix"}, "the page says PageError: no such prefix"),
        ({"EffectiveDate": "Octember 1, 2026"}, "is not like 'October 1, 2026'"),
        ({"EffectiveDate": None}, "EffectiveDate None is not like"),
        ({"Column0": 5}, "Column0 is no list"),
        ({"Column1": [5]}, "Column1, cell 0 is no object"),
        ({"Column1": [{"ZipCodes": "10", "Zone": "5"}]}, "Column1, cell 0: '10' in zone '5'"),
        ({"Column1": [{"ZipCodes": "100", "Zone": "X"}]}, "Column1, cell 0: '100' in zone 'X'"),
        ({"Column1": [{"ZipCodes": "102---101", "Zone": "5"}]}, "Column1, cell 0: no range"),
        ({"Zip5Digit": [{"ZipCodes": "100", "Zone": "5"}]}, "Zip5Digit, cell 0: '100' in zone"),
    ],
)
def test_a_bad_page_is_refused(change: dict[str, Any], message: str) -> None:
    page = json.loads(published()) | change
    with pytest.raises(ZoneChartError, match=message):
        read_published(json.dumps(page).encode(), "240")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_chart_or_an_error(raw: bytes) -> None:
    for text in (raw, b"origin,240\neffective,2026-10-01\n" + raw, b'{"Column0":' + raw + b"}"):
        for read in (read_chart, lambda raw: read_published(raw, "240")):
            try:
                found = read(text)
            except ZoneChartError:
                continue
            assert len(found.zones) == 1000
