"""`imi meter report`: reports of a meter in a local folder, which is read and not opened."""

import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TextIO, cast

import typer

from imi.outfiles import Parts

if TYPE_CHECKING:
    from pipeline.recordwords import Names
    from pipeline.reports import Report

app = typer.Typer(
    name="report",
    help="Write reports of a meter from its journal alone.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Format = Literal["json", "csv", "pdf"]
ABOUT: Final = {
    "registers": "Write the registers at the beginning and the end of a period.",
    "funds": "Write every refill, each day's postage and the balance after it.",
    "tape": "Write every imprint: count, amount, dates, department, operator, kind.",
    "audit": "Write every record of the journal in words.",
}
_DAY: Final = ["%Y-%m-%d"]


def _command(kind: str) -> Callable[..., None]:
    def write(
        folder: Annotated[Path, typer.Argument(help="The folder of `imi run --out`.")],
        out: Annotated[
            Path | None, typer.Option(help="File to write; the terminal when absent.")
        ] = None,
        as_format: Annotated[
            Format | None,
            typer.Option("--format", help="As the file's name says, or json, when absent."),
        ] = None,
        first: Annotated[
            datetime | None, typer.Option("--from", formats=_DAY, help="First day.")
        ] = None,
        last: Annotated[
            datetime | None, typer.Option("--to", formats=_DAY, help="Last day, included.")
        ] = None,
    ) -> None:
        raise typer.Exit(
            write_report(
                kind, folder / "meter", out, as_format, first and first.date(), last and last.date()
            )
        )

    return write


for _kind, _about in ABOUT.items():
    app.command(
        _kind,
        help=_about,
        epilog=f"Example: imi meter report {_kind} out --from 2026-07-01 --to 2026-07-31 "
        f"--out {_kind}.pdf. Exit code 0: written, and AR, DR and CT are what the sums say; "
        "1: they are not; 2: bad usage, or no such meter.",
    )(_command(_kind))


def write_report(
    kind: str,
    meter: Path,
    out: Path | None,
    as_format: Format | None,
    first: date | None,
    last: date | None,
) -> int:
    """Write one report and return the exit code.

    A file appears under its name when it is whole. A PDF of more than 1,000 pages goes on in
    NAME-2.pdf, NAME-3.pdf and so on.
    """
    from imi.meter import prepare, seal_of, settings_of
    from imicore.errors import ImiError
    from pipeline.disk import RealDisk
    from pipeline.errors import MachineError
    from pipeline.journalcopy import JournalCopy
    from pipeline.journalview import Period
    from pipeline.psdclock import Instant
    from pipeline.reportrows import Kind
    from pipeline.reports import report

    try:
        form = _format_of(out, as_format)
        _, _, setup = prepare(meter, settings_of(meter), lambda: Instant(0, 0))  # no time is asked
        seal = seal_of(meter)
        disk = RealDisk(meter / "journal")
        disk.lock()
        try:
            copy = JournalCopy(disk, seal, setup["check"])
            names = names_of(meter)
            made = report(copy, Kind(kind), setup["zone"], Period(first, last), names=names)
            _write(made, form, out)
        finally:
            disk.close()
    except (MachineError, ImiError, ValueError) as error:
        typer.echo(f"imi: {error}", err=True)
        return 2
    except OSError as error:
        typer.echo(f"imi: {error.filename or out or meter}: {error.strerror}", err=True)
        return 2
    if made.balance.is_balanced:
        return 0
    for fault in made.balance.faults:
        typer.echo(f"imi: {fault}", err=True)
    return 1


def names_of(meter: Path) -> "Names":
    """Return the names in the accounts file of a meter's folder; none, and why, where it is broken.

    The file is read and not opened: no order of its trail is compared with the journal.
    """
    from imi.meter import office_key
    from imicore.errors import ImiError
    from pipeline.accounts import BookFile
    from pipeline.disk import RealDisk
    from pipeline.errors import MachineError
    from pipeline.recordwords import NO_NAMES, Names
    from pipeline.storage import DiskStorage, SealedStorage

    if not (meter / "accounts").is_dir():
        return NO_NAMES
    files = RealDisk(meter / "accounts")
    try:
        book = BookFile(SealedStorage(DiskStorage(files), office_key(meter))).read()
    except (MachineError, ImiError) as error:
        typer.echo(f"imi: departments and operators have no names: {error}", err=True)
        return NO_NAMES
    finally:
        files.close()
    if book is None:
        return NO_NAMES
    departments = {number: each.name for number, each in book.accounts.items()}
    return Names(departments, {number: each.name for number, each in book.users.items()})


def _format_of(out: Path | None, as_format: Format | None) -> Format:
    suffix = out.suffix.lstrip(".").lower() if out else "json"
    form = as_format or suffix
    if form not in ("json", "csv", "pdf"):
        raise ValueError(f"{out} is neither .json, .csv nor .pdf; give --format")
    if form == "pdf" and out is None:
        raise ValueError("a PDF needs a file: give --out")
    return cast("Format", form)


def _write(made: "Report", form: Format, out: Path | None) -> None:
    from pipeline.reportfiles import write_csv, write_json, write_pdf

    write: Callable[[Report, TextIO], None] = write_json if form == "json" else write_csv
    if out is None:
        write(made, sys.stdout)
        return
    parts = Parts(out)
    try:
        if form == "pdf":
            write_pdf(made, parts.open, datetime.now(made.zone))
        else:
            with parts.open_text() as text:
                write(made, text)
        parts.finish()
    finally:
        parts.discard()
