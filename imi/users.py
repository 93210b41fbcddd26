"""`imi meter users`: who may do what, PINs, and the audit trail."""

import json
from typing import Annotated, Any, Literal

import typer

from imi.frontoffice import (
    At,
    Folder,
    Json,
    NewPin,
    Pin,
    UserNumber,
    allowed,
    done,
    front_office,
)

users = typer.Typer(
    help="Users: roles, PINs, the audit trail.", no_args_is_help=True, rich_markup_mode=None
)

Number = Annotated[int, typer.Argument(help="User number.")]
RoleName = Literal["supervisor", "operator", "auditor"]


@users.command(
    "enrol",
    epilog="Example: imi meter users enrol out 1 Ada. "
    "Exit code 0 done, 2 a supervisor was enrolled before.",
)
def enrol(
    folder: Folder,
    number: Number,
    name: str,
    new_pin: NewPin,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Make the first supervisor of a meter that never had one, or where the provider ordered it."""
    with front_office(folder, at) as open_now:
        office = open_now.office
        office.enrol(number, name, new_pin, office.provider)
    facts: dict[str, object] = {"user": number, "name": name, "role": "supervisor"}
    done(f"user {number} {name} is supervisor", facts, as_json=as_json)


@users.command(
    "list",
    epilog="Example: imi meter users list out --user 1. "
    "Exit code 0 done, 1 not let in, 2 bad usage.",
)
def list_users(
    folder: Folder,
    user: UserNumber,
    pin: Pin,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Show every user, the role, and how the count of tries stands."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline.pins import barrier
    from pipeline.roles import Action

    with front_office(folder, at) as open_now:
        desk = open_now.login(user, pin)
        allowed(desk.office.sessions.denial(desk.session, Action.READ_TRAIL))
        psd = open_now.meter.psd
        rows: list[dict[str, Any]] = []
        for number, each in sorted(desk.office.book.users.items()):
            tries = psd.tries_of(number)
            held = barrier(number, tries, psd.now_us)
            rows.append(
                {
                    "number": number,
                    "name": each.name,
                    "role": each.role.value,
                    "departments": sorted(each.departments),
                    "active": each.is_active,
                    "has_pin": each.stored_pin is not None,
                    "tries": tries.failures,
                    "held": str(held) if held else "",
                }
            )
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("number", "name", "role", "departments", "active", "PIN", "tries", "held")
    for row in rows:
        charged = ", ".join(map(str, row["departments"])) or "any"
        marks = ("yes" if row["active"] else "no", "yes" if row["has_pin"] else "none")
        cells = (row["number"], row["name"], row["role"], charged, *marks, row["tries"])
        table.add_row(*(escape(str(cell)) for cell in (*cells, row["held"])))
    Console().print(table)


@users.command(
    "put",
    epilog="Example: imi meter users put out 20 Ben operator --department 7 --user 1. "
    "Exit code 0 done, 1 not let in or not allowed, 2 bad usage.",
)
def put_user(
    folder: Folder,
    number: Number,
    name: str,
    role: RoleName,
    user: UserNumber,
    pin: Pin,
    at: At = None,
    department: Annotated[
        list[int] | None, typer.Option(help="May charge it; again for more; any when absent.")
    ] = None,
    active: Annotated[bool, typer.Option(help="Whether the user is let in.")] = True,
    as_json: Json = False,
) -> None:
    """Add a user or change one; a new user has no PIN until `reset-pin` gives one."""
    from pipeline.accounts import User
    from pipeline.lifecycle import Role

    with front_office(folder, at) as open_now:
        who = User(number, name, Role(role), frozenset(department or ()), active)
        allowed(open_now.login(user, pin).put_user(who))
    facts: dict[str, object] = {"user": number, "name": name, "role": role, "active": active}
    said = f"user {number} {name} is {role}{'' if active else ', not active'}"
    done(said, facts, as_json=as_json)


@users.command(
    "reset-pin",
    epilog="Example: imi meter users reset-pin out 20 --user 1. "
    "Exit code 0 done, 1 not let in or not allowed, 2 bad usage.",
)
def reset_pin(
    folder: Folder,
    number: Number,
    user: UserNumber,
    pin: Pin,
    new_pin: NewPin,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Give another user a PIN and a new count of tries."""
    with front_office(folder, at) as open_now:
        allowed(open_now.login(user, pin).reset_pin(number, new_pin))
    done(f"user {number} has a new PIN", {"user": number, "new_pin": True}, as_json=as_json)


@users.command(
    "change-pin",
    epilog="Example: imi meter users change-pin out --user 20. "
    "Exit code 0 done, 1 not let in, 2 bad usage.",
)
def change_pin(
    folder: Folder,
    user: UserNumber,
    pin: Pin,
    new_pin: NewPin,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Change the own PIN."""
    with front_office(folder, at) as open_now:
        allowed(open_now.login(user, pin).change_own_pin(pin, new_pin))
    done(f"user {user} has a new PIN", {"user": user, "new_pin": True}, as_json=as_json)


@users.command(
    "unlock",
    epilog="Example: imi meter users unlock out 20 --user 1. "
    "Exit code 0 done, 1 not let in or not allowed, 2 bad usage.",
)
def unlock(
    folder: Folder,
    number: Number,
    user: UserNumber,
    pin: Pin,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Start another user's count of tries anew."""
    with front_office(folder, at) as open_now:
        allowed(open_now.login(user, pin).unlock_user(number))
    done(f"user {number} may try again", {"user": number, "tries": 0}, as_json=as_json)


@users.command(
    "trail",
    epilog="Example: imi meter users trail out --user 1. "
    "Exit code 0 done, 1 not let in, 2 bad usage.",
)
def show_trail(
    folder: Folder,
    user: UserNumber,
    pin: Pin,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Show the audit trail: who ordered what, after which journal record."""
    from dataclasses import asdict
    from datetime import datetime

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from pipeline.accounts import MAX_BUDGET
    from pipeline.trail import GRANT
    from postage.money import Money

    with front_office(folder, at) as open_now:
        entries = allowed(open_now.login(user, pin).trail())
        zone = open_now.meter.setup["zone"]
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in entries], ensure_ascii=False))
        return
    table = Table("number", "PSD time", "after", "who", "what", title="Audit trail")
    for each in entries:
        moment = datetime.fromtimestamp(each.psd_us // 1_000_000, zone)
        who = f"{each.actor} {each.role}" if each.actor else each.role
        money = Money(each.mills)
        limit = "without limit" if money >= MAX_BUDGET else str(money)
        amount = limit if each.mills or each.act == GRANT else ""
        what = " ".join(filter(None, (f"{each.act}: {each.subject}", each.detail, amount)))
        cells = (each.number, f"{moment:%Y-%m-%d %H:%M:%S}", each.after, who, what)
        table.add_row(*(escape(str(cell)) for cell in cells))
    Console().print(table)
