"""`imi meter`: one software meter and its provider, in the folder of a run."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from imi.backoffice import BackOffice
from imi.claiming import claims
from imi.cli import Json, refuse
from imi.clocks import clock_at
from imi.departments import departments
from imi.frontoffice import Pin, UserNumber, front_office
from imi.glance import contact_facts, glance
from imi.meter import SoftwareMeter, open_meter, prepare, reseal, seal_of, settings_of
from imi.meterreports import app as reports
from imi.users import users
from imicore.errors import ImiError
from imicore.fips import ask
from pipeline.authority import Refused
from pipeline.contact import Contact, Met
from pipeline.errors import MachineError
from pipeline.imprint import Evidence, Refilled
from postage.errors import PostageError
from postage.messages import Command, Order
from postage.money import Money

meter = typer.Typer(help="A software meter and its provider.", no_args_is_help=True)
meter.add_typer(reports)
meter.add_typer(departments, name="departments")
meter.add_typer(users, name="users")
meter.add_typer(claims, name="claims")
Folder = Annotated[Path, typer.Argument(help="The folder of `imi run --out`.")]
At = Annotated[
    str | None,
    typer.Option(help="Let it be this time (ISO 8601, UTC unless it says more); now when absent."),
]


@dataclass(frozen=True, slots=True)
class Desk:
    """An open meter, its line to the provider, and the provider."""

    meter: SoftwareMeter
    contact: Contact
    office: BackOffice


@meter.command("status")
def show(folder: Folder, at: At = None, as_json: Json = False) -> None:
    """Say what the meter holds and what it would do; writes nothing.

    Example: imi meter status out. Exit code 0: it prints; 1: it does not; 2: no meter there.
    """
    with _named():
        now_us = clock_at(at)().psd_us
        settings = settings_of(folder / "meter")
        _, _, setup = prepare(folder / "meter", settings, clock_at(at))
        journal, seal = folder / "meter" / "journal", seal_of(folder / "meter")
        seen = glance(journal, seal, setup["check"], setup["zone"], now_us)
    folded, state = seen.folded, seen.state
    contact, pending = contact_facts(seen), folded.pending_refill
    _tell(
        {
            "device": f"{setup['vendor_model']} {setup['serial']}",
            "state": state.value,
            "ascending": str(Money(folded.ascending)),
            "descending": str(Money(folded.descending)),
            "control total": str(Money(folded.control_total)),
            "pieces": folded.piece_count,
            "tests, redates": f"{folded.tests}, {folded.redates}",
            "open pieces": len(folded.open),
            "records": folded.sequence,
            "records with the provider": folded.acknowledged,
            "last contact": contact["last"],
            "contact due": contact["due"],
            "contact warning": contact["warning"],
            "locked for want of contact": contact["locked"],
            "refill under way": "none" if pending is None else str(Money(pending.mills)),
        },
        as_json=as_json,
    )
    raise typer.Exit(0 if state.value in ("READY", "LOW") else 1)


@meter.command()
def contact(folder: Folder, at: At = None, as_json: Json = False) -> None:
    """Meet the provider: time, refill under way, upload, acknowledgement, orders.

    Example: imi meter contact out. Exit code 0 done, 1 it ended early, 2 no meter there.
    """
    with _desk(folder, at) as desk:
        met = desk.contact.meet()
        _tell(_outcome(desk, met), as_json=as_json)
    raise typer.Exit(0 if isinstance(met, Met) and met.refused is None else 1)


@meter.command()
def refill(
    folder: Folder,
    amount: Annotated[str, typer.Argument(help="In dollars, such as 100 or 250.00.")],
    deposit: Annotated[
        bool, typer.Option(help="Give the provider that money first; the stand-in asks no bank.")
    ] = False,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Ask the provider for postage.

    A request without an answer stays under way for its amount; `imi meter contact` asks again.
    Example: imi meter refill out 100 --deposit. Exit code 0 done, 1 not, 2 bad usage.
    """
    with _desk(folder, at) as desk:
        money = Money.parse(amount)
        desk.contact.meet()
        if deposit:
            desk.office.deposit(desk.meter.psd.device_id, money)
        answer = desk.contact.refill(money)
        _tell(_outcome(desk, answer), as_json=as_json)
    raise typer.Exit(0 if isinstance(answer, Refilled) else 1)


@meter.command()
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
    with front_office(folder, at) as opened:
        answer = opened.login(user, pin).redate(sequence, date.fromisoformat(day))
        told: dict[str, object] = {"outcome": type(answer).__name__}
        if isinstance(answer, Evidence):
            told |= {"date": day, "for record": sequence, "payload": answer.payload.hex()}
        else:
            told["reason"] = str(answer)
        _tell(told, as_json=as_json)
    raise typer.Exit(0 if isinstance(answer, Evidence) else 1)


@meter.command()
def order(
    folder: Folder,
    command: Annotated[str, typer.Argument(help="SUSPEND, RESUME, WITHDRAW, ...")],
    at: At = None,
    as_json: Json = False,
) -> None:
    """Let the provider give an order, and the meter fetch it.

    Example: imi meter order out SUSPEND. Exit code 0 done, 1 refused, 2 bad usage.
    """
    with _desk(folder, at) as desk:
        known = {each.name: each for each in Command}
        if command.upper() not in known:
            raise ValueError(f"{command!r} is no order; {', '.join(known)} are")
        desk.office.order(desk.meter.psd.device_id, known[command.upper()])
        met = desk.contact.meet()
        _tell(_outcome(desk, met), as_json=as_json)
    raise typer.Exit(0 if isinstance(met, Met) and met.refused is None else 1)


@meter.command()
def selftest(
    folder: Folder,
    fips: Annotated[
        bool, typer.Option("--fips", help="Ask OpenSSL for its FIPS provider, and say what came.")
    ] = False,
    reseal_files: Annotated[
        bool, typer.Option("--reseal", help="First take the program's files as they are.")
    ] = False,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Run the power-up tests: integrity of files, known answers, random source, key pair.

    Nothing here is a validated module. Example: imi meter selftest out --fips. Exit code 0: all
    passed; 1: one failed, or no FIPS provider came; 2: no meter there.
    """
    with _named():
        if reseal_files:
            reseal(folder / "meter")
        guard, _, _ = prepare(folder / "meter", settings_of(folder / "meter"), clock_at(at))
        if guard is None:
            raise MachineError("the keys were destroyed; there is nothing to test")
        told: dict[str, object] = {
            each.name: f"passed, {each.microseconds} us" if each.passed else each.detail
            for each in guard.report.results
        }
        is_good = guard.report.passed
        if fips:
            asked = ask()
            told |= {f"FIPS {name}": value for name, value in asdict(asked).items()}
            is_good = is_good and asked.active
        _tell(told, as_json=as_json)
    raise typer.Exit(0 if is_good else 1)


@meter.command()
def zeroise(
    folder: Folder,
    yes: Annotated[bool, typer.Option("--yes", help="It cannot be undone.")] = False,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Destroy the meter's keys for ever; its registers stay readable.

    Example: imi meter zeroise out --yes. Exit code 0 done, 2 bad usage.
    """
    if not yes:
        raise refuse("zeroise destroys the keys for ever; say --yes")
    with _desk(folder, at) as desk:
        desk.meter.psd.zeroise()
        _tell(_outcome(desk, None), as_json=as_json)


@contextmanager
def _desk(folder: Path, at: str | None) -> Iterator[Desk]:
    """Open meter and provider, and close the meter whatever happens."""
    with _named():
        clock = clock_at(at)
        opened = open_meter(folder / "meter", settings_of(folder / "meter"), clock)
        try:
            office = BackOffice(folder / "provider", lambda: clock().psd_us)
            link = opened.link(office, lambda: secrets.randbits(64))
            yield Desk(opened, link, office)
        finally:
            opened.psd.close()


@contextmanager
def _named() -> Iterator[None]:
    """Turn what a command may meet into one line and exit code 2."""
    try:
        yield
    except (MachineError, PostageError, ImiError, OSError, ValueError) as error:
        raise refuse(str(error)) from error


def _outcome(desk: Desk, answer: object) -> dict[str, object]:
    """Return what an answer came to, and the registers after it."""
    psd = desk.meter.psd
    registers = psd.registers
    told: dict[str, object] = {"outcome": type(answer).__name__ if answer else "done"}
    if isinstance(answer, Met):
        told["records with the provider"] = answer.acknowledged
        told["orders"] = ", ".join(_name(order) for order in answer.orders) or "none"
        if answer.refused is not None:
            told["refused"] = str(answer.refused)
    elif isinstance(answer, Refused) or (answer is not None and not isinstance(answer, Refilled)):
        told["reason"] = str(answer)
    return told | {
        "state": psd.state.value,
        "ascending": str(registers.ascending),
        "descending": str(registers.descending),
        "control total": str(registers.control_total),
        "funds with the provider": str(desk.office.funds(psd.device_id)),
    }


def _name(order: object) -> str:
    return order.command.name if isinstance(order, Order) else type(order).__name__


def _tell(facts: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    table = Table(show_header=False)
    for name, value in facts.items():
        table.add_row(name, escape(("no", "yes")[value] if value in (False, True) else str(value)))
    Console().print(table)
