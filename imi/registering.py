"""`imi sorter register`: the device register, made, shown, checked."""

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
from sorter.errors import RegisterError, SorterError
from sorter.register import Provider, Register
from sorter.registerfiles import described, read_authority, write_authority, write_register
from sorter.signing import AUTHORITY, signer_of
from sorter.trust import authority, load_register

register = typer.Typer(help="The device register: made, shown, checked.", no_args_is_help=True)
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
    with named():
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
    with named():
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
    with named():
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


@contextmanager
def named() -> Iterator[None]:
    """Turn what a command may meet into one line and exit code 2."""
    try:
        yield
    except (SorterError, MachineError, PostageError, ImiError, OSError, ValueError) as error:
        raise refuse(str(error)) from error
