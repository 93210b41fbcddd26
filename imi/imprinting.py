"""`imi meter redate`, `test` and `refill`: what a person at the meter asks it for."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from imi.clocks import day_in
from imi.frontoffice import (
    At,
    Desk,
    Folder,
    FrontOffice,
    Json,
    Pin,
    UserNumber,
    allowed,
    asked_pin,
    front_office,
    session_for,
)
from pipeline.authority import Limits, Refused
from pipeline.imprint import Evidence, Refilled
from pipeline.refill import Declined
from pipeline.roles import Action
from postage.money import Money
from postage.shapes import Shape

if TYPE_CHECKING:
    from pipeline.roles import Session

Who = Annotated[
    int | None,
    typer.Option("--user", help="Who asks, where users are enrolled; the PIN is asked for."),
]


def refill(
    folder: Folder,
    amount: Annotated[str, typer.Argument(help="In dollars, such as 100 or 250.00.")],
    deposit: Annotated[
        bool, typer.Option(help="Give the provider that money first; the stand-in asks no bank.")
    ] = False,
    user: Who = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Ask the provider for postage.

    A request without an answer stays under way for its amount; `imi meter contact` asks again.
    Example: imi meter refill out 100 --deposit. Exit code 0 done, 1 not, 2 bad usage.
    """
    with front_office(folder, at) as desk:
        money, limits = Money.parse(amount), Limits()
        _let_in(desk, user, Action.REFILL)
        psd, provider = desk.meter.psd, desk.provider
        if deposit and limits.min_refill <= money <= limits.max_refill:
            provider.deposit(psd.device_id, money)
        answer = desk.contact.refill(money)
        facts: dict[str, object] = {"outcome": type(answer).__name__}
        if isinstance(answer, Declined):
            why = answer.reason.name.replace("_", " ").lower()
            facts["reason"] = f"the provider declined: {why}"
        elif not isinstance(answer, Refilled):
            facts["reason"] = str(answer)
        tell(facts | holdings(desk), as_json=as_json)
    raise typer.Exit(0 if isinstance(answer, Refilled) else 1)


def redate(
    folder: Folder,
    sequence: Annotated[int, typer.Argument(help="The debit's journal record.")],
    day: Annotated[str, typer.Argument(help="The other date, YYYY-MM-DD.")],
    user: UserNumber,
    pin: Pin,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Give a piece another date: one zero-value indicium, once for each piece; a supervisor's act.

    Example: imi meter redate out 12 2026-07-14 --user 1. Exit code 0 done, 1 refused, 2 bad usage.
    """
    with front_office(folder, at) as desk:
        answer = desk.login(user, pin).redate(sequence, day_in(day))
        facts: dict[str, object] = {"outcome": type(answer).__name__}
        if isinstance(answer, Evidence):
            facts |= {"date": day, "for record": sequence, "payload": answer.payload.hex()}
        else:
            facts["reason"] = str(answer)
        tell(facts, as_json=as_json)
    raise typer.Exit(0 if isinstance(answer, Evidence) else 1)


def void_imprint(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="PNG file to write: the dots, one pixel each.")],
    dpi: Annotated[int, typer.Option(min=200, max=1200, help="Dots per inch of the head.")] = 600,
    user: Who = None,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Print a VOID test imprint of $00.00 to a picture; it is logged, and no register moves.

    Example: imi meter test out --out test.png. Exit code 0 done, 1 refused, 2 bad usage.
    """
    from imicore.writers import png
    from pipeline.composer import Composer

    with front_office(folder, at) as desk:
        _let_in(desk, user, Action.TEST)
        answer = desk.meter.psd.test_imprint()
        facts: dict[str, object] = {"outcome": type(answer).__name__}
        if isinstance(answer, Refused):
            facts["reason"] = str(answer)
        else:
            device = desk.meter.record
            composer = Composer(
                dots_per_inch=dpi,
                ink_gain_dots=0,
                fim=False,
                licensing_zip=device.licensing_zip,
                mode=device.mode,
            )
            _, raster = composer.compose(answer.payload, profile=device.profile, shape=Shape.LETTER)
            out.write_bytes(png(raster))
            facts |= {"picture": str(out), "payload": answer.payload.hex()}
        tell(facts | holdings(desk), as_json=as_json)
    raise typer.Exit(0 if isinstance(answer, Evidence) else 1)


def holdings(desk: Desk) -> dict[str, object]:
    """Return the meter's state and registers, and what the provider holds for it."""
    psd = desk.meter.psd
    registers = psd.registers
    return {
        "state": psd.state.value,
        "ascending": str(registers.ascending),
        "descending": str(registers.descending),
        "control total": str(registers.control_total),
        "funds with the provider": str(desk.provider.funds(psd.device_id)),
    }


def tell(facts: dict[str, object], *, as_json: bool) -> None:
    """Print facts by name, as JSON or as a table."""
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    table = Table(show_header=False)
    for name, value in facts.items():
        said = ("no", "yes")[value] if isinstance(value, bool) else str(value)
        table.add_row(name, escape(said))
    Console().print(table)


def _let_in(desk: FrontOffice, user: int | None, action: Action) -> "Session":
    """Return the session of a user, or of a machine that knows none; a refusal ends with exit 1."""
    office = desk.office
    session = session_for(office, None if user is None else (user, asked_pin()))
    allowed(office.sessions.denial(session, action))
    return session
