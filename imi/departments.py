"""`imi meter departments`: budgets, lists in and out, usage as tables, CSV, JSON and plots."""

import json
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imi.frontoffice import At, Folder, Json, Pin, UserNumber, allowed, done, front_office

departments = typer.Typer(
    help="Departments: budgets, lists, usage.", no_args_is_help=True, rich_markup_mode=None
)


class PeriodName(StrEnum):
    """When a budget counts from nothing again."""

    NONE = "none"
    MONTH = "month"
    YEAR = "year"


class SpanName(StrEnum):
    """How long a period of the usage table is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class AxisName(StrEnum):
    """What the usage table has a line for."""

    PERIOD = "period"
    DEPARTMENT = "department"
    OPERATOR = "operator"


@departments.command(
    "list",
    epilog="Example: imi meter departments list out --user 1 --plot budgets.svg. "
    "Exit code 0 done, 1 not let in, 2 bad usage.",
)
def list_departments(
    folder: Folder,
    user: UserNumber,
    pin: Pin,
    at: At = None,
    plot: Annotated[Path | None, typer.Option(help="SVG file of the budgets.")] = None,
    as_json: Json = False,
) -> None:
    """Show every department, its budget and what is left of it today."""
    from rich.console import Console
    from rich.table import Table

    from pipeline.roles import Action
    from pipeline.usage_report import budget_plot

    with front_office(folder, at) as open_now:
        desk = open_now.login(user, pin)
        allowed(desk.office.sessions.denial(desk.session, Action.READ_USAGE))
        standings = {each.account.number: each for each in desk.office.standings()}
        if plot is not None:
            plot.write_text(budget_plot([*standings.values()]), encoding="utf-8")
        rows = [
            {
                "number": each.number,
                "name": each.name,
                "budget": str(each.budget) if each.budget else "",
                "spent": str(stand.spent) if (stand := standings.get(each.number)) else "",
                "left": str(stand.left) if stand else "",
                "percent": stand.percent if stand else None,
                "warning": stand.warning if stand else 0,
                "active": each.is_active,
            }
            for _, each in sorted(desk.office.book.accounts.items())
        ]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("number", "name", "budget", "spent", "left", "", title="Departments")
    for row in rows:
        note = "not active" if not row["active"] else ""
        note = f"{row['warning']} % reached" if row["warning"] else note
        table.add_row(
            *(_plain(row[name]) for name in ("number", "name", "budget")),
            *(_plain(row[name]) for name in ("spent", "left")),
            note,
            style="red" if row["warning"] else None,
        )
    Console().print(table)


@departments.command(
    "set",
    epilog="Example: imi meter departments set out 7 --name 'Mail room' --budget 50 "
    "--period month --user 1. "
    "Exit code 0 done, 1 not let in or not allowed, 2 bad usage.",
)
def set_department(
    folder: Folder,
    number: Annotated[int, typer.Argument(help="Department number.")],
    user: UserNumber,
    pin: Pin,
    at: At = None,
    name: Annotated[str | None, typer.Option(help="Its name; a new one needs it.")] = None,
    budget: Annotated[str | None, typer.Option(help="Dollars, or none for no limit.")] = None,
    period: Annotated[PeriodName, typer.Option(help="Of the budget.")] = PeriodName.NONE,
    active: Annotated[bool | None, typer.Option(help="Whether it may be charged.")] = None,
    as_json: Json = False,
) -> None:
    """Add a department, or change its name, budget or activity."""
    from dataclasses import replace

    from pipeline.accounts import Account, BadAccount, Budget, Period
    from postage.money import Money

    with front_office(folder, at) as open_now:
        desk = open_now.login(user, pin)
        old = desk.office.book.accounts.get(number)
        if old is None and name is None:
            raise BadAccount(f"department {number} is not known; give --name to add it")
        account = old or Account(number, name or "")
        if name is not None:
            account = replace(account, name=name)
        if budget is not None:
            limit = None if budget == "none" else Budget(Money.parse(budget), Period(period.value))
            account = replace(account, budget=limit)
        if active is not None:
            account = replace(account, is_active=active)
        allowed(desk.put_account(account))
        waits = number in desk.office.book.unsettled
    facts: dict[str, object] = {
        "number": number,
        "name": account.name,
        "budget": str(account.budget) if account.budget else "",
        "active": account.is_active,
        "told": not waits,
    }
    done(str(account), facts, as_json=as_json)
    if waits:
        typer.echo("the device takes no budgets in its state; it is told when it does", err=True)


@departments.command(
    "import",
    epilog="Example: imi meter departments import out departments.csv --user 1 --apply. "
    "Exit code 0 done, 1 not let in or not allowed, 2 the file has bad rows.",
)
def import_departments(
    folder: Folder,
    file: Annotated[Path, typer.Argument(help="CSV: number,name,budget,period,active.")],
    user: UserNumber,
    pin: Pin,
    at: At = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else show what would be.")] = False,
    as_json: Json = False,
) -> None:
    """Show what a CSV file would change; with --apply change it, all rows or none."""
    from pipeline.csvtext import read_file

    with front_office(folder, at) as open_now:
        desk = open_now.login(user, pin)
        data = read_file(file)
        preview = allowed(desk.import_accounts(data) if apply else desk.preview_import(data))
    facts: dict[str, object] = {
        "added": [each.number for each in preview.added],
        "changed": [new.number for _, new in preview.changed],
        "applied": apply,
    }
    said = [*preview.lines(), *([] if apply else ["nothing was changed; --apply does it"])]
    done("\n".join(said), facts, as_json=as_json)


@departments.command(
    "export",
    epilog="Example: imi meter departments export out departments.csv --user 1. "
    "Exit code 0 done, 1 not let in, 2 bad usage.",
)
def export_departments(
    folder: Folder,
    file: Annotated[Path, typer.Argument(help="CSV file to write.")],
    user: UserNumber,
    pin: Pin,
    at: At = None,
    as_json: Json = False,
) -> None:
    """Write every department to a CSV file that `import` takes back."""
    from pipeline.accounts_csv import export_accounts
    from pipeline.roles import Action

    with front_office(folder, at) as open_now:
        desk = open_now.login(user, pin)
        allowed(desk.office.sessions.denial(desk.session, Action.READ_USAGE))
        file.write_bytes(export_accounts(desk.office.book))
        count = len(desk.office.book.accounts)
    facts: dict[str, object] = {"departments": count, "file": str(file)}
    done(f"{count} departments written to {file}", facts, as_json=as_json)


@departments.command(
    "usage",
    epilog="Example: imi meter departments usage out --user 1 --by period --by department "
    "--span month --csv usage.csv --plot usage.svg. Exit code 0 done, 1 not let in, 2 bad usage.",
)
def show_usage(
    folder: Folder,
    user: UserNumber,
    pin: Pin,
    at: At = None,
    by: Annotated[list[AxisName] | None, typer.Option(help="A line for each; again.")] = None,
    span: Annotated[SpanName, typer.Option(help="Of a period.")] = SpanName.MONTH,
    first: Annotated[str | None, typer.Option(help="First accounting day, 2026-07-01.")] = None,
    last: Annotated[str | None, typer.Option(help="Last accounting day.")] = None,
    csv: Annotated[Path | None, typer.Option(help="CSV file to write.")] = None,
    plot: Annotated[Path | None, typer.Option(help="SVG file to write.")] = None,
    as_json: Json = False,
) -> None:
    """Show what was spent, from the meter's journal; its sums are proved against the register."""
    from rich.console import Console
    from rich.table import Table

    from imi.clocks import day_in
    from pipeline.days import Span
    from pipeline.roles import Action
    from pipeline.usage import Axis, Line, Usage, total
    from pipeline.usage_report import COUNTS, plain, usage_csv, usage_json, usage_plot

    axes = [Axis(name.value) for name in by or [AxisName.DEPARTMENT]]
    with front_office(folder, at) as open_now:
        desk = open_now.login(user, pin)
        allowed(desk.office.sessions.denial(desk.session, Action.READ_USAGE))
        book, usage = desk.office.book, Usage(first=1)
        usage.read(open_now.meter.psd)
        days = {
            "first_day": day_in(first) if first else date.min,
            "last_day": day_in(last) if last else date.max,
        }
        lines = usage.lines(axes, Span(span.value), **days)
        if csv is not None:
            csv.write_bytes(usage_csv(lines, axes, book))
        if plot is not None:
            plot.write_text(usage_plot(usage, Span(span.value), book, **days), encoding="utf-8")
    if as_json:
        typer.echo(usage_json(usage, lines, book))
        return
    rows = plain(lines, book)
    (sums,) = plain([Line(None, None, None, total(lines))], book)
    idle = {name for name in COUNTS[2:] if not float(sums[name])}  # a terminal is narrow
    names = [name for name in (rows[0] if rows else COUNTS) if name not in idle]
    table = Table(title=f"Usage, records {usage.first} to {usage.last}")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right" if name in COUNTS else "left")
    for row in rows:
        table.add_row(*(_plain(row[name]) for name in names))
    table.add_section()
    table.add_row(*(_plain(sums.get(name, "")) for name in names), style="bold")
    Console().print(table)


def _plain(value: object) -> str:
    """Return a cell that rich takes as it is: a name may look like its markup."""
    from rich.markup import escape

    return escape(str(value))
