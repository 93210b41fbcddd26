"""`imi sorter`: the Postal Service's side: registers, lanes, histories, what providers are told."""

import json
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from imi.cli import Json
from imi.registering import AuthorityFile, named, register
from service.sql import embedded
from sorter.errors import OutboxError, RegisterError, ScanLogError
from sorter.outbox import Outbox
from sorter.policy import MODES, Policy
from sorter.registerfiles import read_authority
from sorter.report import Account, Report, account_report
from sorter.trust import authority, load_register

sorter = typer.Typer(
    help="Device registers, lanes, what they have seen and what providers were told.",
    no_args_is_help=True,
)
sorter.add_typer(register, name="register")
HISTORY = "a SQLite file, or postgresql://user@host/name"


@sorter.command(
    epilog="Example: imi sorter lane out/pictures doctored --register doctored/register "
    "--authority doctored/authority.json --mode rehearsal --pixels-per-inch 200 --page 8700 "
    "--stay. Exit code 0: every piece is VALID; 1: some are not; 2: bad usage."
)
def lane(
    places: Annotated[
        list[Path],
        typer.Argument(help="Folders of pictures, TIFF streams, files of payloads (.jsonl)."),
    ],
    register_file: Annotated[Path, typer.Option("--register", help="The signed device register.")],
    keys: AuthorityFile,
    mode: Annotated[str, typer.Option(help=f"One of {', '.join(MODES)}.")] = "production",
    history: Annotated[
        str, typer.Option(help=f"The scan history: {HISTORY}; made on first use.")
    ] = "scans.db",
    outbox: Annotated[
        Path | None, typer.Option(help="Keep discrepancies there; see `imi sorter report`.")
    ] = None,
    site: Annotated[str, typer.Option(help="The site's name.")] = "",
    day: Annotated[
        str | None, typer.Option("--date", help="Date of scans that name none; today if absent.")
    ] = None,
    dpi: Annotated[
        float, typer.Option("--pixels-per-inch", help="Of the camera; 0: judge no print.")
    ] = 0.0,
    threads: Annotated[int, typer.Option(min=1, max=64)] = 2,
    deadline_ms: Annotated[
        float | None, typer.Option(help="A piece's time; as long as it takes if absent.")
    ] = None,
    page: Annotated[
        int | None, typer.Option(help="Show a live page on this port of 127.0.0.1; 0: a free one.")
    ] = None,
    stay: Annotated[bool, typer.Option(help="Keep the page until Ctrl-C.")] = False,
    as_json: Json = False,
) -> None:
    """Judge pieces as a sorter's lane does: read, verify, find copies, price, and say why.

    A folder may hold facts.jsonl with what was measured of each picture, as `imi run` leaves it.
    """
    from imi.laning import LaneOptions, run_lane

    with named():
        options = LaneOptions(
            register=register_file,
            authority=keys,
            mode=Policy(mode=mode).mode,  # type: ignore[arg-type]  # a wrong one is refused there
            history=history,
            outbox=outbox,
            site=site,
            day=None if day is None else date.fromisoformat(day),
            dpi=dpi,
            threads=threads,
            deadline_ms=deadline_ms,
            page=page,
            stay=stay,
        )
        code = run_lane(places, options, as_json=as_json)
    raise typer.Exit(code)


@sorter.command(
    epilog="Example: imi sorter archive scans/ --register register --authority authority.json "
    "--out judged. Exit code 0: every piece is VALID; 1: some are not; 2: bad usage."
)
def archive(
    places: Annotated[
        list[Path], typer.Argument(help="Shards of scans (.jsonl), or folders of them.")
    ],
    register_file: Annotated[Path, typer.Option("--register", help="The signed device register.")],
    keys: AuthorityFile,
    out: Annotated[Path, typer.Option(help="Folder of the results, of one archive only.")],
    mode: Annotated[str, typer.Option(help=f"One of {', '.join(MODES)}.")] = "production",
    workers: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Processes; one a core if absent.")
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(help="Work on this Ray cluster (its address), or `here` on one made for it."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge every scan of an archive once, whichever site took it, and find copies across sites.

    The results depend neither on the number of workers nor on which of them die. The same command
    goes on where one was stopped. A line has the scan's payloads in hex and its facts: docs/sorter.
    """
    from imi.archiving import ArchiveOptions, judge_archive

    with named():
        options = ArchiveOptions(
            register=register_file,
            authority=keys,
            mode=Policy(mode=mode).mode,  # type: ignore[arg-type]  # a wrong one is refused there
            out=out,
            workers=workers,
            ray=ray,
        )
        code = judge_archive(places, options, as_json=as_json)
    raise typer.Exit(code)


@sorter.command(
    epilog="Example: imi sorter report outbox.db --since 2026-07-01. "
    "Exit code 0: the totals reconcile; 1: they do not; 2: no outbox there."
)
def report(
    outbox: Annotated[Path, typer.Argument(help="An outbox, as `imi verify --outbox` keeps it.")],
    since: Annotated[str, typer.Option(help="First day of scanning.")] = date.min.isoformat(),
    until: Annotated[str, typer.Option(help="Last day of scanning.")] = date.max.isoformat(),
    as_json: Json = False,
) -> None:
    """Show the discrepancies that providers were or will be told of, account by account."""
    with named():
        if not outbox.is_file():
            raise OutboxError(f"{outbox} is no file")
        box = Outbox(embedded(outbox), _no_key)
        try:
            kept = box.kept(date.fromisoformat(since), date.fromisoformat(until))
            found = account_report(kept)
        finally:
            box.close()
    rows = [_told_account(one) for one in (*found.accounts, found.total)]
    if as_json:
        accounts, total = rows[:-1], rows[-1]
        told = {"accounts": accounts, "total": total, "reconciles": found.reconciles}
        typer.echo(json.dumps(told, indent=1))
    else:
        Console().print(_table(found))
        typer.echo("the totals reconcile" if found.reconciles else "THE TOTALS DO NOT RECONCILE")
    raise typer.Exit(0 if found.reconciles else 1)


@sorter.command(
    epilog="Example: imi sorter stoplist scans.db --register register.jsonl --authority "
    "authority/authority.json. Exit code 0: no device; 1: some; 2: bad usage."
)
def stoplist(
    history: Annotated[str, typer.Argument(help=f"The scans of lanes: {HISTORY}.")],
    register_file: Annotated[
        Path | None, typer.Option("--register", help="Say provider and status as this one does.")
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option("--authority", envvar="IMI_AUTHORITY", help="Whoever may sign registers."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the devices that signed a count twice: their key was copied.

    Each with its lowest such count and two scans that show it. No verdict follows from the list:
    a device is stopped by the next register, which says that it is suspended.
    """
    from imi.histories import tell_stop_list

    with named():
        listed = None
        if register_file is not None:
            if keys is None:
                raise RegisterError("--register needs --authority")
            listed = load_register(register_file, authority(read_authority(keys)))
        code = tell_stop_list(history, listed, as_json=as_json)
    raise typer.Exit(code)


@sorter.command(
    epilog="Example: imi sorter merge all.db sfo.db oak.db. Exit code 0: no piece would be told "
    "otherwise; 1: some would; 2: bad usage."
)
def merge(
    into: Annotated[str, typer.Argument(help=f"Takes the scans: {HISTORY}; made on first use.")],
    others: Annotated[
        list[str] | None, typer.Argument(help="Histories of other sites; they stay as they are.")
    ] = None,
    say_all: Annotated[
        bool, typer.Option("--all", help="Say those that earlier merges found too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Unite the scans of several sites; say which pieces would be told otherwise now.

    Such a piece is a copy of what another site had seen, or was wrongly held for one. Neither the
    order of the histories nor taking one again makes a difference.
    """
    from imi.histories import merge_histories

    with named():
        if not others and not say_all:
            raise ScanLogError("say whose scans to take, or --all")
        code = merge_histories(into, others or (), say_all=say_all, as_json=as_json)
    raise typer.Exit(code)


def _told_account(account: Account) -> dict[str, Any]:
    amounts = ("shown", "paid", "due", "short", "over", "asked")
    return {
        "provider": account.provider,
        "device": account.device,
        "pieces": account.pieces,
        "waiting": account.waiting,
        "rehearsal": account.rehearsal,
        **{f"{name}_mills": getattr(account, name).mills for name in amounts},
        "notices": account.notices,
        "codes": {code.value: count for code, count in sorted(account.codes.items())},
    }


def _table(found: Report) -> Table:
    """Return the accounts as people read them; `--json` says all of each."""
    table = Table("account", "pieces", "to send", "short", "over", "asked", "notices")
    for one in (*found.accounts, found.total):
        account = "\n".join(filter(None, (one.provider, one.device))) or "nobody's"
        table.add_row(
            "total" if one is found.total else account,
            *map(str, (one.pieces, one.waiting, one.short, one.over, one.asked, one.notices)),
        )
    table.rows[-1].style = "bold"
    codes = [f"{count} {code}" for code, count in sorted(found.total.codes.items())]
    codes += [f"{found.total.rehearsal} of all REHEARSAL"] if found.total.rehearsal else []
    table.caption = ", ".join(codes)
    return table


def _no_key(message: bytes) -> bytes:
    raise AssertionError(f"a report signs nothing, not {len(message)} bytes")
