"""Zones: how far a parcel travels, off the Postal Service's chart of its origin, never by distance.

A chart belongs to one origin ZIP3 and one date: a digit for every destination ZIP3 (0: unused) and
ranges of 5-digit ZIP codes that differ. Two forms are read: `read_chart` takes the compact one,
`read_published` the JSON that the Postal Service's zone chart page serves.
"""

import csv
import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from postage.errors import ZoneChartError

PREFIXES = 1000
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_ZIP = re.compile(r"(\d{5})(-?\d{4})?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class ZoneException:
    """A range of 5-digit ZIP codes, both ends in it, whose zone is not that of their ZIP3."""

    first: int
    last: int
    zone: int


@dataclass(frozen=True, slots=True)
class ZoneChart:
    """The zones of one origin from a date on.

    ``origin`` is three digits, ``zones`` one digit for each destination ZIP3 from 000 on, 0 where
    the prefix is not in use; ``exceptions`` are sorted and do not overlap.

    Raises:
        ZoneChartError: another shape than that; the message names the amount and the limit.

    >>> chart = ZoneChart("240", date(2026, 10, 1), "0" * 100 + "5" * 900, ())
    >>> chart.zone("10001"), chart.zone("00501")
    (5, None)
    """

    origin: str
    effective: date
    zones: str
    exceptions: tuple[ZoneException, ...]
    source: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d{3}", self.origin, re.ASCII):
            raise ZoneChartError(f"origin {self.origin!r} is not three digits")
        if not re.fullmatch(r"\d*", self.zones, re.ASCII) or len(self.zones) != PREFIXES:
            raise ZoneChartError(
                f"{len(self.zones)} characters of zones; a chart has {PREFIXES} digits"
            )
        end = -1
        for one in self.exceptions:
            if not (end < one.first <= one.last <= 99_999 and 1 <= one.zone <= 9):
                raise ZoneChartError(
                    f"exception {one.first:05d} to {one.last:05d}, zone {one.zone}: "
                    "not in order, or no range and zone"
                )
            end = one.last

    def zone(self, destination: str) -> int | None:
        """Return the zone (1 to 9) of a ZIP code of 5 or 9 digits, None where there is none."""
        match = _ZIP.fullmatch(destination)
        if match is None:
            return None
        place = int(match[1])
        before = bisect_right(self.exceptions, place, key=lambda one: one.first)
        if before and place <= self.exceptions[before - 1].last:
            return self.exceptions[before - 1].zone
        return int(self.zones[place // 100]) or None


def read_chart(raw: bytes) -> ZoneChart:
    r"""Return the chart in a compact file: rows ``origin``, ``effective``, ``source``, ``zones``.

    ``zones`` has 1000 digits from 000 on, or 999 from 001 on; each row
    ``exception,FIRST,LAST,ZONE`` is a range of 5-digit ZIP codes.

    Raises:
        ZoneChartError: not such a file; the message names the line.

    >>> text = f"origin,240\neffective,2026-10-01\nzones,{'4' * 999}\nexception,09000,09999,7\n"
    >>> read_chart(text.encode()).zone("09012")
    7
    """
    said: dict[str, str] = {}
    exceptions = []
    for number, row in _rows(raw):
        match row:
            case ["exception", first, last, zone]:
                exceptions.append(_exception(f"line {number}", first, last, zone))
            case [("origin" | "effective" | "source" | "zones") as key, value] if key not in said:
                said[key] = value
            case _:
                raise ZoneChartError(f"line {number}: {','.join(row)[:60]!r} is no row of a chart")
    if missing := {"origin", "effective", "zones"} - set(said):
        raise ZoneChartError(f"the chart does not say {', '.join(sorted(missing))}")
    try:
        effective = date.fromisoformat(said["effective"])
    except ValueError as error:
        raise ZoneChartError(f"effective: {error}") from error
    zones = said["zones"].rjust(PREFIXES, "0") if len(said["zones"]) == 999 else said["zones"]
    return ZoneChart(
        said["origin"], effective, zones, tuple(sorted(exceptions)), said.get("source", "")
    )


def write_chart(chart: ZoneChart) -> bytes:
    """Return the compact file of a chart; what this writes, `read_chart` reads."""
    source = '"' + chart.source.replace('"', '""') + '"'
    lines = [f"origin,{chart.origin}", f"effective,{chart.effective}", f"source,{source}"]
    lines.append(f"zones,{chart.zones}")
    lines += [f"exception,{one.first:05d},{one.last:05d},{one.zone}" for one in chart.exceptions]
    return ("\n".join(lines) + "\n").encode()


def read_published(raw: bytes, origin: str) -> ZoneChart:
    """Return the chart of an origin off the JSON of the Postal Service's zone chart page.

    Its ``Column0`` to ``Column3`` hold ranges of ZIP3 (``005---089``) with a zone that may carry
    the marks * (local) and + (has exceptions); ``Zip5Digit`` holds the exceptions.

    Raises:
        ZoneChartError: not such JSON, or the page's own error.

    >>> page = {"EffectiveDate": "October 1, 2026", "Zip5Digit": [],
    ...     "Column0": [{"ZipCodes": "100---119", "Zone": "4*"}]}
    >>> read_published(json.dumps(page).encode(), "240").zone("10001")
    4
    """
    try:
        page = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ZoneChartError(f"no JSON: {error}") from error
    if not isinstance(page, Mapping):
        raise ZoneChartError("the JSON is no object")
    for name in ("ZIPCodeError", "ShippingDateError", "PageError"):
        if page.get(name):
            raise ZoneChartError(f"the page says {name}: {str(page[name])[:80]}")
    zones = ["0"] * PREFIXES
    for where, first, last, zone in _cells(page, ("Column0", "Column1", "Column2", "Column3")):
        if zone > 9 or first > last:
            raise ZoneChartError(f"{where}: no range and zone")
        zones[first : last + 1] = [str(zone)] * (last + 1 - first)
    exceptions = tuple(
        sorted(
            ZoneException(first, last, zone)
            for _, first, last, zone in _cells(page, ("Zip5Digit",), digits=5)
        )
    )
    return ZoneChart(
        origin,
        _published_date(page.get("EffectiveDate")),
        "".join(zones),
        exceptions,
        "postcalc.usps.com zone chart",
    )


def _rows(raw: bytes) -> Iterator[tuple[int, list[str]]]:
    try:
        yield from enumerate(csv.reader(raw.decode("utf-8").splitlines()), start=1)
    except (ValueError, csv.Error) as error:
        raise ZoneChartError(f"no CSV: {error}") from error


def _exception(where: str, first: str, last: str, zone: str) -> ZoneException:
    ends = [re.fullmatch(r"\d{5}", end, re.ASCII) for end in (first, last)]
    if not all(ends) or not re.fullmatch(r"[1-9]", zone, re.ASCII):
        raise ZoneChartError(f"{where}: {first},{last},{zone} is no range of ZIP codes and a zone")
    return ZoneException(int(first), int(last), int(zone))


def _cells(
    page: Mapping[str, Any], names: tuple[str, ...], *, digits: int = 3
) -> Iterator[tuple[str, int, int, int]]:
    pattern = re.compile(rf"(\d{{{digits}}})(?:---(\d{{{digits}}}))?", re.ASCII)
    for name in names:
        cells = page.get(name) or []
        if not isinstance(cells, list):
            raise ZoneChartError(f"{name} is no list")
        for number, cell in enumerate(cells):
            where = f"{name}, cell {number}"
            if not isinstance(cell, Mapping):
                raise ZoneChartError(f"{where} is no object")
            codes, zone = str(cell.get("ZipCodes")), str(cell.get("Zone"))
            if digits == 3 and re.fullmatch(r"\d{3}00", codes, re.ASCII):
                codes = codes[:3]  # the page writes Hawaii's 967 as 96700
            ends, mark = pattern.fullmatch(codes), re.fullmatch(r"([1-9])[*+]*", zone, re.ASCII)
            if ends is None or mark is None:
                raise ZoneChartError(f"{where}: {codes!r:.40} in zone {zone!r:.20} is no range")
            yield where, int(ends[1]), int(ends[2] or ends[1]), int(mark[1])


def _published_date(text: object) -> date:
    match = re.fullmatch(r"(\w+) (\d{1,2}), (\d{4})", str(text), re.ASCII)
    try:
        if match is not None:
            return date(int(match[3]), _MONTHS.index(match[1]) + 1, int(match[2]))
    except ValueError:
        pass
    raise ZoneChartError(f"EffectiveDate {text!r:.40} is not like 'October 1, 2026'")
