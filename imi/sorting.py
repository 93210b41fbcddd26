"""`imi sorter`: the Postal Service's side: device registers, and what was told to providers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from imi.cli import Json, refuse
from imi.meter import PUBLIC_KEY, settings_of
from imicore.errors import ImiError
from pipeline.errors import MachineError
from postage.devices import SOFTWARE_VENDOR, DeviceRecord, Mode, Product
from postage.errors import PostageError
from service.sql import embedded
from sorter.errors import OutboxError, RegisterError, SorterError
from sorter.outbox import Outbox
from sorter.policy import MODES, Policy
from sorter.register import Provider, Register
from sorter.registerfiles import described, read_authority, write_authority, write_register
from sorter.report import Account, Report, account_report
from sorter.signing import AUTHORITY, signer_of
from sorter.trust import authority, load_register

sorter = typer.Typer(help="Device registers, and what providers were told.", no_args_is_help=True)
register = typer.Typer(help="The device register: made, shown, checked.", no_args_is_help=True)
sorter.add_typer(register, name="register")
AuthorityFile = Annotated[
    Path,
    typer.Option(
        "--authority", envvar="IMI_AUTHORITY", help="Public keys of whoever may sign registers."
    ),
]
RegisterFile = Annotated[Path, typer.Argument(help="A register, as `make` wrote it.")]
Day = Annotated[str | None, typer.Option("--date", help="Let it be this day; today if absent.")]
STAND_IN = "stand-in"  # the provider of `imi run`


@register.command(
    epilog="Example: imi sorter register make out --out register.jsonl --keys authority. "
    "Exit code 0 done, 2 bad usage."
)
def make(
    folders: Annotated[list[Path], typer.Argument(help="Folders of `imi run --out`.")],
    out: Annotated[Path, typer.Option(help="The register; one that is there is replaced.")],
    keys: Annotated[Path, typer.Option(help="Folder of the authority's key; made if absent.")],
    issuer: Annotated[str, typer.Option(help="Who answers for it.")] = "rehearsal authority",
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it holds.")] = 30,
    day: Day = None,
    as_json: Json = False,
) -> None:
    """Make a signed register of software meters. They are listed as rehearsal devices, no other.

    The public key goes to authority.json in the folder of the key. A register that is there must be
    by the same authority; the new one has the next number.
    """
    with _named():
        today = _date(day)
        devices = tuple(_device(folder) for folder in folders)
        signer = signer_of(keys, AUTHORITY)
        public = keys / "authority.json"
        write_authority(public, {AUTHORITY: signer.public_key})
        number = 1
        if out.exists():
            verify = authority({AUTHORITY: signer.public_key})
            number = load_register(out, verify).number + 1
        made = Register(
            issuer=issuer,
            number=number,
            issued=today,
            expires=today + timedelta(days=days),
            providers={STAND_IN: Provider("stand-in of imi run", frozenset({Product.METER}))},
            devices=devices,
        )
        write_register(out, made, signer.sign, AUTHORITY)
    told = {"file": str(out), "authority": str(public), **described(made, today)}
    _tell(told, as_json=as_json)


@register.command(
    epilog="Example: imi sorter register show register.jsonl --authority authority/authority.json. "
    "Exit code 0 done, 2 not a register of that authority."
)
def show(
    path: RegisterFile,
    keys: AuthorityFile,
    limit: Annotated[int, typer.Option(min=0, help="Devices to list at most.")] = 20,
    day: Day = None,
    as_json: Json = False,
) -> None:
    """Show what a register says, and its devices."""
    with _named():
        found = load_register(path, authority(read_authority(keys)))
        told = described(found, _date(day))
        listed = [_told_device(one) for one in found.devices[:limit]]
    if as_json:
        typer.echo(json.dumps({**told, "listed": listed}, indent=1))
        return
    _tell(told, as_json=False)
    if listed:
        table = Table(*listed[0])
        for one in listed:
            table.add_row(*one.values())
        Console().print(table)


@register.command(
    epilog="Example: imi sorter register check register.jsonl --authority "
    "authority/authority.json. Exit code 0: good; 1: refused, or past its date; 2: bad usage."
)
def check(path: RegisterFile, keys: AuthorityFile, day: Day = None, as_json: Json = False) -> None:
    """Check a register against an authority's keys, and say whether a verifier would load it."""
    with _named():
        today, verify = _date(day), authority(read_authority(keys))
        if not path.is_file():
            raise RegisterError(f"{path} is no file")
        try:
            found = load_register(path, verify)
        except RegisterError as error:
            told: dict[str, Any] = {"file": str(path), "good": False, "why": str(error)}
        else:
            stale = found.is_stale_on(today)
            why = f"its last day was {found.expires}" if stale else ""
            told = {"file": str(path), "good": not stale, "why": why, **described(found, today)}
    _tell(told, as_json=as_json)
    raise typer.Exit(0 if told["good"] else 1)


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
        Path, typer.Option(help="The scan history, SQLite; made on first use.")
    ] = Path("scans.db"),
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

    with _named():
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
    with _named():
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
    history: Annotated[
        str, typer.Argument(help="Scans: a lane's SQLite file, or postgresql://user@host/name.")
    ],
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
    from imi.stoplist import tell_stop_list

    with _named():
        listed = None
        if register_file is not None:
            if keys is None:
                raise RegisterError("--register needs --authority")
            listed = load_register(register_file, authority(read_authority(keys)))
        code = tell_stop_list(history, listed, as_json=as_json)
    raise typer.Exit(code)


def _device(folder: Path) -> DeviceRecord:
    """Return the record of a run's meter. A software device is never more than a rehearsal."""
    settings = settings_of(folder / "meter")
    return DeviceRecord(
        vendor_model=SOFTWARE_VENDOR,
        serial=settings.serial,
        profile=settings.profile,
        algorithm="ecdsa-p256-sha256",
        public_key=(folder / "meter" / PUBLIC_KEY).read_bytes(),
        mode=Mode.REHEARSAL,
        model="software",
        licensing_zip=settings.licensing_zip,
        provider=STAND_IN,
    )


def _told_device(record: DeviceRecord) -> dict[str, str]:
    return {
        "device": record.key_id,
        "mode": record.mode.value,
        "status": record.status.value,
        "provider": record.provider,
        "profile": record.profile,
        "key": record.public_key.hex()[2:14],
    }


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


def _tell(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts, indent=1))
        return
    table = Table(show_header=False)
    for name, value in facts.items():
        if value not in ({}, ""):
            table.add_row(name, json.dumps(value) if isinstance(value, dict) else str(value))
    Console().print(table)


def _date(text: str | None) -> date:
    return datetime.now(UTC).astimezone().date() if text is None else date.fromisoformat(text)


def _no_key(message: bytes) -> bytes:
    raise AssertionError(f"a report signs nothing, not {len(message)} bytes")


@contextmanager
def _named() -> Iterator[None]:
    """Turn what a command may meet into one line and exit code 2."""
    try:
        yield
    except (SorterError, MachineError, PostageError, ImiError, OSError, ValueError) as error:
        raise refuse(str(error)) from error
