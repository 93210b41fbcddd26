"""The `imi` command. Subcommands import what they need when they run, so that help is instant."""

import json
import sys
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import typer
from typer.core import TyperGroup

from postage.mailclass import MailClass

app = typer.Typer(
    name="imi",
    help="Meter, print, read and verify Intelligent Mail indicia (specimens only).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
samples = typer.Typer(help="Make sample mail pictures.", no_args_is_help=True)
app.add_typer(samples, name="samples")


class LazyGroup(TyperGroup):
    """Commands that are imported when one of them is wanted; `home` is their module and app."""

    home: ClassVar[tuple[str, str]]

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of its commands."""
        return self._group().list_commands(ctx)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return one of its commands."""
        return self._group().get_command(ctx, cmd_name)

    def _group(self) -> TyperGroup:
        module, name = self.home
        group = typer.main.get_command(getattr(import_module(module), name))
        assert isinstance(group, TyperGroup)
        return group


class MeterGroup(LazyGroup):
    """The commands of `imi meter`."""

    home = ("imi.metering", "meter")


class RateGroup(LazyGroup):
    """The commands of `imi rate`; sizes and a weight alone mean `imi rate piece`."""

    home = ("imi.rating", "rate")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Return what is left of the arguments, with `piece` before a size."""
        is_size = bool(args) and args[0][:1].isdigit()
        return super().parse_args(ctx, ["piece", *args] if is_size else args)


class SorterGroup(LazyGroup):
    """The commands of `imi sorter`."""

    home = ("imi.sorting", "sorter")


app.add_typer(
    typer.Typer(cls=MeterGroup, help="A software meter and its provider.", no_args_is_help=True),
    name="meter",
)
app.add_typer(
    typer.Typer(cls=RateGroup, help="What a piece costs, and why.", no_args_is_help=True),
    name="rate",
)
app.add_typer(
    typer.Typer(
        cls=SorterGroup,
        help="Device registers, and what providers were told.",
        no_args_is_help=True,
    ),
    name="sorter",
)

Shape = Literal["square", "rectangle", "dmre", "any"]
Encodation = Literal["auto", "ascii", "c40", "text", "x12", "edifact", "base256"]


class Symbology(StrEnum):
    """What `imi read` looks for; typer takes no list of a Literal."""

    DATAMATRIX = "datamatrix"
    IMB = "imb"
    PDF417 = "pdf417"


Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def refuse(message: str) -> typer.Exit:
    """Print why a command cannot do what was asked, and return the exit for bad usage."""
    typer.echo(f"imi: {message}", err=True)
    return typer.Exit(2)


@app.command(
    epilog="Example: imi run samples/jobs/morning.toml --out out --fresh. "
    "Exit code 0: done; 1: the line stopped, or the audit found a fault; "
    "2: the job or folder cannot be used."
)
def run(
    job: Annotated[Path, typer.Argument(help="A job file (TOML).")],
    out: Annotated[Path, typer.Option(help="Folder for meter, pictures and report.")] = Path("out"),
    fresh: Annotated[
        bool, typer.Option(help="Begin again: remove what an earlier run of imi left in --out.")
    ] = False,
    pieces: Annotated[int | None, typer.Option(min=1, help="Stop after so many pieces.")] = None,
    pictures: Annotated[int, typer.Option(min=0, help="Keep about so many pictures.")] = 24,
    user: Annotated[
        int | None,
        typer.Option(help="Who is at the line, where users are enrolled; the PIN is asked for."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a job of mailpieces through the whole line on simulated devices.

    A run that was killed or that stopped goes on where it was: give the same command without
    --fresh. Pieces that were paid but never confirmed are listed as open.
    """
    from imi.frontoffice import asked_pin
    from imi.running import run_job

    who = None if user is None else (user, asked_pin())
    raise typer.Exit(
        run_job(job, out, fresh=fresh, limit=pieces, pictures=pictures, as_json=as_json, who=who)
    )


@app.command(epilog="Example: imi encode 'hello' --out hello.png. Exit code 0 done, 2 bad usage.")
def encode(
    text: Annotated[str, typer.Argument(help="The payload: text, or hex with --hex.")],
    out: Annotated[Path, typer.Option(help="PNG file to write.")] = Path("symbol.png"),
    as_hex: Annotated[bool, typer.Option("--hex", help="TEXT is hexadecimal.")] = False,
    shape: Annotated[Shape, typer.Option(help="Which sizes may be taken.")] = "square",
    encodation: Annotated[Encodation, typer.Option(help="auto is the shortest.")] = "auto",
    dots_per_module: Annotated[int, typer.Option(min=1, max=100)] = 8,
    as_json: Json = False,
) -> None:
    """Write one Data Matrix symbol as a picture."""
    import numpy as np

    from imicore.datamatrix import encode as encode_symbol
    from imicore.errors import ImiError
    from imicore.raster import Raster
    from imicore.writers import png

    try:
        payload = bytes.fromhex(text) if as_hex else text.encode()
        symbol = encode_symbol(payload, shape=shape, encodation=encodation)
        dots = np.pad(symbol.modules, 2).repeat(dots_per_module, 0).repeat(dots_per_module, 1)
        out.write_bytes(png(Raster(np.packbits(dots, axis=1), dots.shape[1], 600, {})))
    except (ImiError, ValueError) as error:
        raise refuse(str(error)) from error
    except OSError as error:
        raise refuse(f"cannot write {out}: {error.strerror}") from error
    found = {
        "file": str(out),
        "rows": symbol.rows,
        "columns": symbol.columns,
        "bytes": len(payload),
    }
    typer.echo(
        json.dumps(found)
        if as_json
        else f"{out}: {symbol.rows}x{symbol.columns} modules, {len(payload)} bytes"
    )


@app.command(epilog="Example: imi read envelope.png. Exit code 0: all read; 1: one was not.")
def read(
    images: Annotated[list[Path], typer.Argument(help="Picture files (PNG, TIFF, JPEG, ...).")],
    symbology: Annotated[
        list[Symbology] | None,
        typer.Option(help="What to look for, given once for each; datamatrix alone when absent."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read symbols off pictures, and say what an indicium among them says.

    At most one of each symbology a picture. The digits of an Intelligent Mail barcode (imb) are
    shown as they are, tracking then routing; other payloads in hex. PDF417 takes zxing-cpp: the
    extra imi[pdf417].
    """
    from imicore import frames
    from imicore.errors import ImiError
    from imicore.reader import Reader
    from postage.indicium import Refusal, try_unpack

    wanted = list(dict.fromkeys(symbology or [Symbology.DATAMATRIX]))
    try:
        readers = [Reader(symbologies=[name]) for name in wanted]
    except ImiError as error:
        raise refuse(str(error)) from error
    unread = 0
    for path in images:
        try:
            frame = frames.load(path)
            readings = [reading for reader in readers for reading in reader.read(frame)]
        except (ImiError, OSError) as error:
            raise refuse(f"{path}: {error}") from error
        unread += not readings
        for reading in readings:
            found = {
                "file": str(path),
                "symbology": reading.symbology,
                "payload": reading.payload.hex(),
                "size": list(reading.size),
                "corners": reading.corners.tolist(),
                "errors_corrected": reading.errors_corrected,
            }
            if reading.symbology == "imb":
                digits = reading.payload.decode("ascii")
                found |= {"tracking": digits[:20], "routing": digits[20:]}
                line = f"imb {digits[:20]} {digits[20:]}".rstrip()
            else:
                indicium = try_unpack(reading.payload)
                said = str(indicium.kind if isinstance(indicium, Refusal) else indicium.profile)
                found["indicium"] = said
                line = f"{said} {reading.payload.hex()}"
            typer.echo(json.dumps(found) if as_json else f"{path}: {line}")
        if not readings:
            typer.echo(
                json.dumps({"file": str(path), "payload": None})
                if as_json
                else f"{path}: no symbol"
            )
    raise typer.Exit(1 if unread else 0)


@app.command(
    epilog="Example: imi verify mail/*.png --register register.jsonl --authority "
    "authority/authority.json --mode rehearsal --size 9.5x4.125x0.02 --weight 1 --out evidence. "
    "Exit code 0: every piece is VALID; 1: one is not; 2: bad usage."
)
def verify(
    pieces: Annotated[
        list[str], typer.Argument(help="Pictures, or payloads in hex or base64; one a piece.")
    ],
    register: Annotated[Path, typer.Option(help="The device register.")],
    authority: Annotated[
        Path, typer.Option(envvar="IMI_AUTHORITY", help="Public keys of whoever may sign it.")
    ],
    mode: Annotated[
        Literal["production", "rehearsal"],
        typer.Option(help="rehearsal trusts rehearsal devices too, and says so."),
    ] = "production",
    size: Annotated[str, typer.Option(help="Measured: LENGTHxHEIGHTxTHICKNESS, inches.")] = "",
    weight: Annotated[str, typer.Option(help="Measured: ounces.")] = "",
    flag: Annotated[
        list[str] | None, typer.Option(help="Such as rigid; may be given again.")
    ] = None,
    mail_class: Annotated[MailClass, typer.Option("--class")] = MailClass.FIRST_CLASS,
    zone: Annotated[int | None, typer.Option(min=1, max=9, help="Of a parcel.")] = None,
    destination: Annotated[str, typer.Option("--zip", help="Where it goes.")] = "",
    day: Annotated[str | None, typer.Option("--date", help="Of the scan; today if absent.")] = None,
    dpi: Annotated[
        float, typer.Option(min=0, help="Pixels per inch: grades print and placement too.")
    ] = 0,
    history: Annotated[
        str | None,
        typer.Option(
            help="Scans of earlier calls too: a SQLite file or postgresql://user@host/name. "
            "Of this call alone if absent."
        ),
    ] = None,
    outbox: Annotated[
        Path | None, typer.Option(help="Keep discrepancies there; see `imi sorter report`.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for pictures of evidence.")] = None,
    as_json: Json = False,
) -> None:
    """Say whether each piece is paid, and if not, by how much and why.

    Without --size and --weight what is due stays open. The same picture given twice is one piece,
    the same payload given twice are two.
    """
    from imi.verifying import VerifyOptions, verify_all
    from imicore.errors import ImiError
    from postage.errors import PostageError
    from sorter.errors import SorterError

    options = VerifyOptions(
        register=register,
        authority=authority,
        mode=mode,
        weight=weight,
        size=size,
        flags=tuple(flag or ()),
        mail_class=mail_class,
        zone=zone,
        destination=destination,
        day=day,
        dpi=dpi,
        history=history,
        outbox=outbox,
        out=out,
    )
    try:
        code = verify_all(pieces, options, as_json=as_json)
    except (SorterError, PostageError, ImiError, OSError, ValueError) as error:
        raise refuse(str(error)) from error
    raise typer.Exit(code)


@app.command(
    epilog="Example: imi grade scan.png --dpi 600 --report grade.png. Exit code 0: every symbol "
    "reaches the grade and breaks no rule; 1: one does not, or none was read; 2: bad usage."
)
def grade(
    images: Annotated[list[Path], typer.Argument(help="Picture files (PNG, TIFF, JPEG, ...).")],
    dpi: Annotated[float, typer.Option(help="Pixels per inch of the pictures.")],
    aperture_um: Annotated[
        float | None, typer.Option(help="Diameter of the aperture; 80 % of a module when absent.")
    ] = None,
    light_nm: Annotated[int, typer.Option(help="Wavelength of the light.")] = 660,
    srgb: Annotated[
        bool, typer.Option("--srgb", help="The greys follow the sRGB curve, as scanners write.")
    ] = False,
    least: Annotated[float, typer.Option(min=0, max=4, help="The grade asked for.")] = 2.0,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Symbols in a picture.")] = 1,
    piece: Annotated[
        str | None,
        typer.Option(help="Edges of the mailpiece: x,y,width,height in pixels, or 'frame'."),
    ] = None,
    indicium: Annotated[
        str | None, typer.Option(help="Box round all of the indicium: x,y,width,height.")
    ] = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", help="Write one row per symbol.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page per symbol (.png, .pdf or .svg).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Grade the print of Data Matrix symbols by ISO/IEC 15415, and their place on the piece."""
    from imi.grading import GradeOptions, grade_pictures, refusal_of
    from imicore.errors import ImiError

    options = GradeOptions(
        dots_per_inch=dpi,
        aperture_um=aperture_um,
        light_nm=light_nm,
        srgb=srgb,
        least=least,
        limit=limit,
        piece=piece,
        indicium=indicium,
    )
    try:
        code = grade_pictures(images, options, as_json=as_json, csv_file=csv_file, report=report)
    except (ImiError, OSError, ValueError) as error:
        raise refuse(refusal_of(error)) from error
    raise typer.Exit(code)


@samples.command(
    "doctored",
    epilog="Example: imi samples doctored out --out doctored && imi sorter lane out/pictures "
    "doctored --register doctored/register --authority doctored/authority.json --mode rehearsal "
    "--pixels-per-inch 200. Exit code 0 done, 2 bad usage.",
)
def samples_doctored(
    run: Annotated[Path, typer.Argument(help="A folder of `imi run` with pictures.")],
    out: Annotated[Path, typer.Option(help="Where to write; made if absent.")] = Path("doctored"),
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same paper.")] = 1,
    as_json: Json = False,
) -> None:
    """Write pieces with something wrong, of a run's day, each with the verdict it must have."""
    from rich.console import Console
    from rich.table import Table

    from imi.doctored import make_doctored
    from pipeline.errors import MachineError

    try:
        cases = make_doctored(run, out, seed=seed)
    except (MachineError, OSError) as error:
        raise refuse(str(error)) from error
    if as_json:
        rows = [{"name": one.name, "code": one.code.value, "what": one.what} for one in cases]
        typer.echo(json.dumps({"folder": str(out), "pieces": rows}, indent=1))
        return
    table = Table("piece", "verdict in a rehearsal", "what is wrong", title=str(out))
    for one in cases:
        table.add_row(one.name, one.code.value, one.what)
    Console().print(table)


@samples.command(
    "make",
    epilog="Example: imi samples make mail/ --count 100 --seed 7; "
    "imi samples make hard/ --degraded nozzle,blur --level 3. Exit code 0 done, 2 bad usage.",
)
def samples_make(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if absent.")],
    count: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How many pictures; of each cell if degraded.")
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same.")] = 1,
    degraded: Annotated[
        str | None,
        typer.Option(help="Classes of the degraded-mail suite, separated by commas, or all."),
    ] = None,
    level: Annotated[
        list[float] | None,
        typer.Option(help="With --degraded: severity 1 to 5; may be given again; all if absent."),
    ] = None,
    dpi: Annotated[int, typer.Option(help="With --degraded: of the camera.")] = 200,
    as_json: Json = False,
) -> None:
    """Write realistic mail pictures, each with the payload that it must decode to."""
    from rich.progress import Progress

    from imi.mailpictures import CLASSES, LEVELS, BadPicture, make_degraded, make_samples

    if degraded is None and level:
        raise refuse("--level goes with --degraded")
    try:
        with Progress(disable=as_json or not sys.stderr.isatty()) as progress:
            task = progress.add_task("drawing", total=None)

            def drawn(done: int, total: int) -> None:
                progress.update(task, completed=done, total=total)

            if degraded is None:
                manifest = make_samples(folder, count, seed, drawn)
            else:
                names = CLASSES if degraded == "all" else degraded.split(",")
                seeds = range(seed, seed + count)
                manifest = make_degraded(folder, names, level or LEVELS, seeds, dpi, drawn)
    except BadPicture as error:
        raise refuse(str(error)) from error
    except OSError as error:
        raise refuse(f"cannot write to {folder}: {error.strerror}") from error
    made = len(manifest.read_text(encoding="utf-8").splitlines())
    found = {"folder": str(folder), "pictures": made, "manifest": str(manifest)}
    typer.echo(json.dumps(found) if as_json else f"{made} pictures and {manifest}")


@app.command(
    epilog="Example: imi bench signature codec --out out-bench; imi bench reader --pictures mail/. "
    "Exit code 0: all goals met; 1: a goal missed; 2: bad usage."
)
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Which; all when absent.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for JSON and plots.")] = Path("out-bench"),
    seeds: Annotated[
        str | None,
        typer.Option(help="For reader: letters of the degraded-mail suite, such as 0-11 [0-5]."),
    ] = None,
    pictures: Annotated[
        list[Path] | None,
        typer.Option(help="For reader: a folder of pictures with texts; may be given again."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="For reader: processes.")] = 2,
    as_json: Json = False,
) -> None:
    """Measure beside the peers, both sides in one process on the same input.

    `reader` reads the degraded-mail suite too, or with --pictures the folders: with a MANIFEST.json
    or manifest.jsonl, or NAME.txt (text) or NAME.hex beside each picture.
    """
    from imi.benching import run_benches

    raise typer.Exit(
        run_benches(
            names or [], out, as_json=as_json, seeds=seeds, folders=pictures or [], jobs=jobs
        )
    )


def main() -> None:
    """Run the command."""
    app()
