"""`imi rate`: what a piece costs and why; editions side by side; price files into editions."""

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from imi.cli import Json, refuse
from imi.quotes import show, told
from imi.ratepage import write_page
from postage.errors import PostageError
from postage.mailpiece import Mailpiece
from postage.rate_published import edition_files, read_published
from postage.rates import (
    MailClass,
    Packaging,
    PriceList,
    PriceType,
    Quote,
    RateBook,
    Service,
    Sort,
    Unratable,
)
from postage.zones import ZoneChart, read_chart
from postage.zones import read_published as read_zone_page

rate = typer.Typer(help="What a piece costs, and why.", no_args_is_help=True)
# The flags of a mailpiece as words: is_rigid is rigid, address_parallel_to_short_side is as it is.
FLAGS = {
    field.name.removeprefix("is_").removeprefix("has_").replace("_", "-"): field.name
    for field in fields(Mailpiece)
    if field.type is bool
}
# Four are true of an ordinary piece, and said of one that is not.
NOT_FLAGS = {
    f"not-{name}": FLAGS.pop(name)
    for name in ("rectangular", "flexible", "uniform", "single-sheet")
}


class Type(StrEnum):
    """Price types as typer takes them."""

    METERED = "metered"
    STAMPED = "stamped"
    RETAIL = "retail"
    COMMERCIAL = "commercial"


Editions = Annotated[
    Path | None,
    typer.Option(help="Folder of editions, taken as it is, unsigned; ours when absent."),
]


@rate.command(
    epilog="Example: imi rate piece 9.5 4.125 0.02 2 --date 2026-07-13 --flag rigid; "
    "imi rate piece 12 9 4 5lb --class priority --price-type retail --zone 8 --date 2025-10-05. "
    "Exit code 0: it has a price; 1: it has none; 2: bad usage."
)
def piece(
    length: Annotated[str, typer.Argument(help="In inches, along the address.")],
    height: Annotated[str, typer.Argument(help="In inches.")],
    thickness: Annotated[str, typer.Argument(help="In inches.")],
    weight: Annotated[str, typer.Argument(help="In ounces, or pounds as in 5lb.")],
    day: Annotated[
        str | None, typer.Option("--date", help="Mailing date; today if absent.")
    ] = None,
    mail_class: Annotated[MailClass, typer.Option("--class")] = MailClass.FIRST_CLASS,
    price_type: Annotated[
        Type | None, typer.Option(help="metered if absent; retail where a class has no metered.")
    ] = None,
    flag: Annotated[
        list[str] | None,
        typer.Option(help=f"May be given again: {', '.join([*FLAGS, *NOT_FLAGS])}."),
    ] = None,
    sort: Annotated[Sort | None, typer.Option(help="Of a commercial mailing.")] = None,
    packaging: Annotated[Packaging | None, typer.Option(help="Priority flat rate.")] = None,
    zone: Annotated[int | None, typer.Option(min=1, max=9, help="Of a parcel.")] = None,
    origin: Annotated[str | None, typer.Option("--from", help="Origin ZIP code.")] = None,
    destination: Annotated[str | None, typer.Option("--to", help="Destination ZIP code.")] = None,
    zones: Annotated[
        Path | None,
        typer.Option(help="Zone chart of the origin: ours or the zone chart page's JSON."),
    ] = None,
    service: Annotated[list[Service] | None, typer.Option(help="May be given again.")] = None,
    editions: Editions = None,
    as_json: Json = False,
) -> None:
    """Say what a piece costs on its mailing date, step by step, or why it has no price."""
    try:
        book = _book(editions)
        answer = book.quote(
            _mailpiece(length, height, thickness, weight, flag or []),
            _date(day),
            price_type=_price_type(price_type, mail_class),
            mail_class=mail_class,
            sort=sort,
            packaging=packaging,
            zone=zone,
            zones=None if zones is None else _chart(zones, origin),
            destination=destination,
            services=service or [],
        )
    except (PostageError, OSError) as error:
        raise refuse(str(error)) from error
    said = told(answer)
    if as_json:
        typer.echo(json.dumps(said))
    elif isinstance(answer, Unratable):
        typer.echo(f"no price ({answer.why.value}): {answer.reason}")
    else:
        show(answer, said)
    raise typer.Exit(0 if isinstance(answer, Quote) else 1)


@rate.command(
    epilog="Example: imi rate compare 2025-07-13 2026-07-12 --out rates.html. "
    "Exit code 0 done, 2 bad usage."
)
def compare(
    before: Annotated[str, typer.Argument(help="An edition, as `imi rate editions` names it.")],
    after: Annotated[str, typer.Argument(help="Another.")],
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("rates.html"),
    editions: Editions = None,
    as_json: Json = False,
) -> None:
    """Draw price against weight for two editions, on one page with the table of changes."""
    try:
        held = {edition.name: edition for edition in _book(editions).editions}
        for name in (before, after):
            if name not in held:
                raise refuse(f"no edition is called {name}; there are {', '.join(held)}")
        drawn = write_page(out, held[before], held[after])
    except (PostageError, OSError) as error:
        raise refuse(str(error)) from error
    found = {"page": str(out), "before": before, "after": after, "drawn": drawn}
    typer.echo(json.dumps(found) if as_json else f"{out}: {drawn} price ladders")


@rate.command("editions", epilog="Example: imi rate editions. Exit code 0 done, 2 bad usage.")
def list_editions(editions: Editions = None, as_json: Json = False) -> None:
    """List the editions: list, dates, priority over others, amounts, source."""
    try:
        book = _book(editions)
    except (PostageError, OSError) as error:
        raise refuse(str(error)) from error
    rows = [
        {
            "edition": edition.name,
            "price_list": edition.price_list.value,
            "effective": str(edition.effective),
            "until": None if edition.until is None else str(edition.until),
            "priority": edition.priority,
            "version": edition.version,
            "amounts": sum(map(len, edition.prices.values())),
            "missing": dict(edition.missing),
            "source": edition.source,
        }
        for edition in book.editions
    ]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    table = Table("edition", "until", "priority", "amounts", "not known of", "source")
    for edition, row in zip(book.editions, rows, strict=True):
        table.add_row(
            *(edition.name, str(edition.until or ""), str(edition.priority), str(row["amounts"])),
            *(", ".join(edition.missing), edition.source),
        )
    Console().print(table)


@rate.command(
    "import",
    epilog="Example: imi rate import m-fcm-eddm-retail.csv editions/ --effective 2027-07-11. "
    "Exit code 0 done, 2 no such price file.",
)
def import_file(
    file: Annotated[Path, typer.Argument(help="A price file of the Postal Service (CSV).")],
    folder: Annotated[Path, typer.Argument(help="Folder of editions; the new one goes into it.")],
    effective: Annotated[
        str | None, typer.Option(help="First day in force; the file's own date if absent.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="First day no longer in force.")] = None,
    priority: Annotated[int, typer.Option(help="1 for a temporary window over the base.")] = 0,
    version: Annotated[int, typer.Option(min=1, help="2 corrects a published edition.")] = 1,
    as_json: Json = False,
) -> None:
    """Make an edition of a published price file; an edition that is there is never overwritten.

    The rule for dimensional weight is not in such a file: it is that of our last edition by zone.
    """
    try:
        found = read_published(file.read_bytes(), f"usps.com, {file.name}")
        start = _date(effective) if effective else found.printed
        if start is None:
            raise refuse(f"{file} does not say its date; give --effective")
        rules = [edition.dimensional for edition in RateBook.load().editions]
        files = edition_files(
            found,
            effective=start,
            source=f"usps.com, {file.name}, printed {found.printed}",
            until=_date(until) if until else None,
            priority=priority,
            version=version,
            dimensional=_last(rules) if "_zone_" in found.prices[-1].item else None,
        )
        suffix = "" if found.price_list is PriceList.FIRST_CLASS_RETAIL else f"-{found.price_list}"
        name = f"{start}{suffix}" + (f"-v{version}" if version > 1 else "")
        edition = folder / name
        edition.mkdir(parents=True)
        for part, content in files.items():
            (edition / part).write_bytes(content)
    except (PostageError, OSError) as error:
        raise refuse(f"{file}: {error}") from error
    said = {"edition": str(edition), "amounts": len(found.prices), "unread": list(found.unread)}
    lines = [
        f"{edition}: {len(found.prices)} amounts",
        *(f"not read: {row}" for row in found.unread),
    ]
    typer.echo(json.dumps(said) if as_json else "\n".join(lines))


def _book(editions: Path | None) -> RateBook:
    return RateBook.load() if editions is None else RateBook.load(editions, allow_unsigned=True)


def _mailpiece(
    length: str, height: str, thickness: str, weight: str, words: Iterable[str]
) -> Mailpiece:
    flags = {}
    for word in words:
        if word not in FLAGS and word not in NOT_FLAGS:
            raise refuse(f"no flag is called {word}; there are {', '.join([*FLAGS, *NOT_FLAGS])}")
        flags[FLAGS.get(word) or NOT_FLAGS[word]] = word in FLAGS
    number = weight.removesuffix("lb").strip()
    one = Mailpiece.inches(length, height, thickness, ounces=number, **flags)
    if number == weight.strip():
        return one
    pounds = one.weight_milliounces * 16
    return Mailpiece.inches(length, height, thickness, ounces=f"{pounds / 1000:.3f}", **flags)


def _date(text: str | None) -> date:
    if text is None:
        return date.today()  # noqa: DTZ011 - the mailing date is the local one, at its origin
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise refuse(f"{text!r} is no date: {error}") from error


def _price_type(chosen: Type | None, mail_class: MailClass) -> PriceType:
    if chosen is not None:
        return chosen.value
    return "metered" if mail_class is MailClass.FIRST_CLASS else "retail"


def _chart(path: Path, origin: str | None) -> ZoneChart:
    raw = path.read_bytes()
    if raw.lstrip().startswith(b"{"):
        if origin is None:
            raise refuse(f"{path} does not say its origin; give --from")
        return read_zone_page(raw, origin[:3])
    chart = read_chart(raw)
    if origin is not None and origin[:3] != chart.origin:
        raise refuse(f"{path} is the chart of {chart.origin}, not of {origin[:3]}")
    return chart


def _last(rules: list[Any]) -> Any:
    return [rule for rule in rules if rule is not None][-1]
