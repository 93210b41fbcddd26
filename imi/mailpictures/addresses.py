"""Senders and addressees that do not exist, in towns that do not exist, and bar strings.

ZIP codes of the 000xx range are not assigned, so no picture shows a place where someone lives.
"""

from typing import Final

import numpy as np

GIVEN: Final = (
    "Odalys", "Bram", "Theda", "Ignacy", "Wrenna", "Leofric", "Maribeth", "Ansel", "Yolande",
    "Caspian", "Delphia", "Rufus", "Zelma", "Thaddeus", "Isaura", "Mortimer",
)  # fmt: skip
FAMILY: Final = (
    "Quernstone", "Vellacott", "Abernoth", "Tansyfield", "Okonjara", "Brindlemere", "Pasquini-Lund",
    "Harrowgale", "Nakagami", "Stipplewick", "Dovrefell", "Escamillo", "Thornapple", "Zbrozek",
)  # fmt: skip
FIRMS: Final = (
    "Harrow & Finch Insurance", "Lakebed Mutual Savings", "Copperline Dental Group",
    "Northfold Power & Light", "Tansy County Assessor", "Bellwether Title Company",
    "Quill & Anvil, Attorneys", "Fenwick Orchard Supply", "Meridian Hearing Clinic",
    "Saltmarsh Credit Union", "Opal Ridge Water District", "Brightwell Community College",
)  # fmt: skip
STREETS: Final = (
    "Larkspur", "Old Quarry", "Juniper Hollow", "Cannery", "Wexley", "Millrace", "Palomar Bend",
    "Saint Osric", "Foundry", "Gannet Point", "Threadneedle", "Copper Kettle", "Ninth", "Bayberry",
)  # fmt: skip
KINDS: Final = ("St", "Ave", "Rd", "Ln", "Blvd", "Ct", "Ter", "Way")
UNITS: Final = ("Apt", "Ste", "Unit", "Fl")
TOWNS: Final = (
    "Mapleford OH", "East Sorrel NE", "Port Lantern OR", "Grayling Falls MI", "Twin Cisterns TX",
    "New Avalard NY", "Cobble Hollow PA", "Santa Melosa CA", "Fort Dunmore KY", "Pinnock VT",
)  # fmt: skip
TEASERS: Final = (
    "IMPORTANT TAX INFORMATION ENCLOSED", "TIME-SENSITIVE MATERIAL", "PLEASE OPEN PROMPTLY",
    "YOUR STATEMENT IS ENCLOSED", "ADDRESS SERVICE REQUESTED", "RETURN SERVICE REQUESTED",
)  # fmt: skip
IMB_BARS: Final = 65
IMB_STATES: Final = "ADFT"


def sender(rng: np.random.Generator) -> tuple[str, ...]:
    """Return the lines of a return address, the firm's or person's name first.

    >>> len(sender(np.random.default_rng(3))) >= 3
    True
    """
    name = _pick(FIRMS, rng) if rng.random() < 0.8 else _person(rng)
    return (name, _street(rng), _town(rng))


def addressee(rng: np.random.Generator) -> tuple[str, ...]:
    """Return the lines of a delivery address, capitals without points in half of the cases.

    >>> len(addressee(np.random.default_rng(3))) >= 3
    True
    """
    lines = [_person(rng)]
    if rng.random() < 0.3:
        lines.append(_pick(FIRMS, rng))
    lines += [_street(rng), _town(rng)]
    if rng.random() < 0.5:  # as USPS Publication 28 asks
        lines = [line.upper().replace(",", "").replace(".", "") for line in lines]
    return tuple(lines)


def bars(rng: np.random.Generator) -> str:
    """Return 65 random bars of A, D, F, T: the look of an Intelligent Mail barcode, no content."""
    return "".join(IMB_STATES[i] for i in rng.integers(0, 4, IMB_BARS))


def _pick(words: tuple[str, ...], rng: np.random.Generator) -> str:
    return words[int(rng.integers(0, len(words)))]


def _person(rng: np.random.Generator) -> str:
    initial = "ABCDEFGHJKLMNPRSTW"[int(rng.integers(0, 18))]
    middle = f" {initial}." if rng.random() < 0.4 else ""
    return f"{_pick(GIVEN, rng)}{middle} {_pick(FAMILY, rng)}"


def _street(rng: np.random.Generator) -> str:
    if rng.random() < 0.15:
        return f"PO Box {int(rng.integers(10, 9800))}"
    street = f"{int(rng.integers(2, 9900))} {_pick(STREETS, rng)} {_pick(KINDS, rng)}"
    if rng.random() < 0.3:
        street += f" {_pick(UNITS, rng)} {int(rng.integers(1, 40))}"
    return street


def _town(rng: np.random.Generator) -> str:
    plus4 = f"-{int(rng.integers(1, 9999)):04}" if rng.random() < 0.7 else ""
    return f"{_pick(TOWNS, rng)}  {int(rng.integers(10, 99)):05}{plus4}"
