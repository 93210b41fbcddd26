"""Zone charts for tests: the form is the published one, the zones are made up."""

import json
from datetime import date

from postage.zones import PREFIXES, ZoneChart, ZoneException

ORIGIN = "240"
EFFECTIVE = date(2026, 10, 1)
# domain.md 4.4 names these exceptions in the chart of origin 240; of the third only "parts".
EXCEPTIONS = (
    ZoneException(9_000, 9_999, 4),
    ZoneException(96_200, 96_699, 4),
    ZoneException(96_900, 96_938, 8),
)


def made_up_zones() -> str:
    """Return a zone for each ZIP3: rising with the first digit, 0 for 000 to 004 and 090 to 099."""
    unused = {*range(5), *range(90, 100)}
    return "".join(
        "0" if place in unused else str(1 + place * 8 // PREFIXES) for place in range(PREFIXES)
    )


def chart(effective: date = EFFECTIVE) -> ZoneChart:
    return ZoneChart(ORIGIN, effective, made_up_zones(), EXCEPTIONS, "made up")


def published() -> bytes:
    """Return the same chart as the zone chart page would serve it."""
    zones = made_up_zones()
    runs: list[list[int]] = []
    for place in range(PREFIXES):
        if zones[place] == "0":
            continue
        if runs and runs[-1][1] == place - 1 and zones[place] == zones[place - 1]:
            runs[-1][1] = place
        else:
            runs.append([place, place])
    cells = [
        {
            "ZipCodes": f"{first:03d}" if first == last else f"{first:03d}---{last:03d}",
            "Zone": zones[first] + ("*" if first <= 240 <= last else ""),
            "MailService": "",
        }
        for first, last in runs
    ]
    page = {
        "ZIPCodeError": "",
        "ShippingDateError": "",
        "PageError": "",
        "EffectiveDate": "October 1, 2026",
        **{f"Column{column}": cells[column::4] for column in range(4)},
        "Zip5Digit": [
            {"ZipCodes": f"{one.first:05d}---{one.last:05d}", "Zone": str(one.zone)}
            for one in EXCEPTIONS
        ],
    }
    return json.dumps(page).encode()
