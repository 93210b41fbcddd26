"""`imi meter`: one software meter and its provider, in the folder of a run."""

from dataclasses import asdict
from typing import Annotated

import typer

from imi.claiming import claims
from imi.cli import Json, refuse
from imi.clocks import clock_at
from imi.departments import departments
from imi.frontoffice import At, Desk, Folder, named_errors, open_desk
from imi.glance import contact_facts, glance
from imi.imprinting import holdings, redate, refill, tell, void_imprint
from imi.meter import (
    prepare,
    reseal,
    seal_of,
    settings_of,
)
from imi.meterreports import app as reports
from imi.users import users
from imicore.fips import ask
from pipeline.contact import Met
from pipeline.errors import MachineError, PsdFault
from postage.messages import Command, Order
from postage.money import Money

meter = typer.Typer(help="A software meter and its provider.", no_args_is_help=True)
meter.add_typer(reports)
meter.add_typer(departments, name="departments")
meter.add_typer(users, name="users")
meter.add_typer(claims, name="claims")


@meter.command("status")
def show(folder: Folder, at: At = None, as_json: Json = False) -> None:
    """Say what the meter holds and what it would do; writes nothing.

    Example: imi meter status out. Exit code 0: it prints; 1: it does not; 2: no meter there.
    """
    with named_errors():
        now_us = clock_at(at)().psd_us
        settings = settings_of(folder / "meter")
        guard, _, setup = prepare(folder / "meter", settings, clock_at(at))
        journal, seal = folder / "meter" / "journal", seal_of(folder / "meter")
        device = f"{setup['vendor_model']} {setup['serial']}"
        try:
            seen = glance(journal, seal, setup["check"], setup["zone"], now_us)
        except PsdFault as fault:
            tell({"device": device, "state": "FAULT", "why": str(fault)}, as_json=as_json)
            raise typer.Exit(1) from fault
    folded, state = seen.folded, seen.state
    contact, pending = contact_facts(seen), folded.pending_refill
    tell(
        {
            "device": device,
            "state": state.value,
            "self-tests": "no keys" if guard is None else guard.report.cause or "passed",
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
            "refused lately": contact["incidents"] if as_json else "\n".join(contact["incidents"]),
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
    with open_desk(folder, at) as desk:
        met = desk.contact.meet()
        tell(_outcome(desk, met), as_json=as_json)
    raise typer.Exit(0 if isinstance(met, Met) and met.refused is None else 1)


meter.command()(refill)
meter.command()(redate)
meter.command("test")(void_imprint)


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
    with open_desk(folder, at) as desk:
        known = {each.name: each for each in Command if each is not Command.NOTHING}
        if command.upper() not in known:
            raise ValueError(f"{command!r} is no order; {', '.join(known)} are")
        desk.provider.order(desk.meter.psd.device_id, known[command.upper()])
        met = desk.contact.meet()
        tell(_outcome(desk, met), as_json=as_json)
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
    with named_errors():
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
        tell(told, as_json=as_json)
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
    with open_desk(folder, at) as desk:
        desk.meter.psd.zeroise()
        tell(_outcome(desk, None), as_json=as_json)


def _outcome(desk: Desk, answer: object) -> dict[str, object]:
    """Return what a contact came to, and the registers after it."""
    told: dict[str, object] = {"outcome": type(answer).__name__ if answer else "done"}
    if isinstance(answer, Met):
        told["records with the provider"] = answer.acknowledged
        told["orders"] = ", ".join(_name(order) for order in answer.orders) or "none"
        if answer.refused is not None:
            told["refused"] = str(answer.refused)
    elif answer is not None:
        told["reason"] = str(answer)
    return told | holdings(desk)


def _name(order: object) -> str:
    return order.command.name if isinstance(order, Order) else type(order).__name__
