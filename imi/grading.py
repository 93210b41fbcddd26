"""`imi grade`: symbols off pictures, graded; a table, JSON, CSV and one-page reports."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from imicore import frames
from imicore.errors import BadArgument, ImiError
from imicore.grade import MIN_GRADE, PrintQuality, check_options, grade, srgb_reflectance
from imicore.imprint import ImprintPlace, measure_imprint
from imicore.reader import Reader, Reading

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, of red, green, blue

Frame = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class GradeOptions:
    """What the command was asked for."""

    dots_per_inch: float
    aperture_um: float | None = None
    light_nm: int = 660
    srgb: bool = False
    least: float = MIN_GRADE
    limit: int = 1
    piece: str | None = None
    indicium: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """One symbol of one picture, or none: then `refusal` says why."""

    file: str
    reading: Reading | None = None
    quality: PrintQuality | None = None
    place: ImprintPlace | None = None
    refusal: str | None = None

    def passes(self, least: float) -> bool:
        """Whether the symbol reaches the grade and breaks no rule."""
        if self.quality is None or self.quality.overall < least:
            return False
        if self.quality.meets_reflectance_rule is False:
            return False
        return self.place is None or not self.place.faults


def grade_pictures(
    images: Sequence[Path],
    options: GradeOptions,
    *,
    as_json: bool,
    csv_file: Path | None,
    report: Path | None,
) -> int:
    """Grade the symbols of all pictures; return exit code 0, or 1 when one was found wanting.

    Raises:
        ValueError: bad usage, with the reason.
        OSError: a file cannot be read or written.
        ImiError: a picture or an option cannot be used.
    """
    check_options(
        pixels_per_inch=options.dots_per_inch,
        aperture_um=options.aperture_um,
        light_nm=options.light_nm,
    )
    reader = Reader(limit=options.limit)
    every: list[Found] = []
    sheets: list[Path] = []
    for path in images:
        frame = frames.load(path, colour=True)
        graded = grade_picture(path, frame, reader, options)
        every += graded
        if report is None:
            continue
        from imi.gradesheet import write_sheet

        for found in graded:
            if found.quality is None:
                continue
            count = options.limit * len(images)
            page = report if count == 1 else numbered(report, len(sheets) + 1)
            write_sheet(page, frame, found.quality, title=path.name)
            sheets.append(page)
    if csv_file is not None:
        write_csv(csv_file, every, options.least)
    if as_json:
        print(json.dumps([as_dict(found, options.least) for found in every], indent=1))
    else:
        show(every, options.least, sheets)
    return 0 if all(found.passes(options.least) for found in every) else 1


def grade_picture(path: Path, frame: Frame, reader: Reader, options: GradeOptions) -> list[Found]:
    """Return each symbol of a picture with its quality; one entry without when none is read."""
    grey = frame if frame.ndim == 2 else (frame @ np.asarray(LUMA) + 0.5).astype(np.uint8)
    readings = reader.read(grey)
    if not readings:
        return [Found(str(path), refusal="no symbol could be read")]
    graded = []
    for reading in readings:
        try:
            quality = grade(
                frame,
                reading,
                pixels_per_inch=options.dots_per_inch,
                aperture_um=options.aperture_um,
                light_nm=options.light_nm,
                reflectance=srgb_reflectance() if options.srgb else None,
            )
        except BadArgument as error:
            graded.append(Found(str(path), reading, refusal=str(error)))
            continue
        place = None
        if options.piece is not None:
            height, width = grey.shape
            whole = (0.0, 0.0, float(width), float(height))
            place = measure_imprint(
                frame,
                quality,
                pixels_per_inch=options.dots_per_inch,
                piece=whole if options.piece == "frame" else box_of(options.piece, "--piece"),
                indicium=None
                if options.indicium is None
                else box_of(options.indicium, "--indicium"),
            )
        graded.append(Found(str(path), reading, quality, place))
    return graded


def box_of(text: str, name: str) -> tuple[float, float, float, float]:
    """Return x, y, width, height from "x,y,width,height"."""
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"{name} is {text!r}; it is x,y,width,height in pixels") from error
    return x, y, width, height


def numbered(path: Path, number: int) -> Path:
    """Return the name of one of several pages: report.png -> report-3.png."""
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def as_dict(found: Found, least: float) -> dict[str, Any]:
    """Return one entry as plain data."""
    out: dict[str, Any] = {"file": found.file, "passes": found.passes(least)}
    if found.refusal is not None:
        out["refusal"] = found.refusal
    if found.reading is not None:
        out["payload"] = found.reading.payload.hex()
    if found.quality is not None:
        out |= found.quality.as_dict()
    if found.place is not None:
        out["place"] = asdict(found.place)
    return out


COLUMNS = (
    "file",
    "passes",
    "grade",
    "overall",
    "refusal",
    "size",
    "module_across_um",
    "module_down_um",
    "module_px",
    "skew_deg",
    "print_growth_horizontal",
    "print_growth_vertical",
    "rmax",
    "rmin",
    "prd_red",
    "prd_green",
    "codeword_errors",
    "payload",
)


def write_csv(path: Path, every: Sequence[Found], least: float) -> None:
    """Write one row per symbol: value and grade of each parameter, and what else is measured."""
    names = next((f.quality.parameters for f in every if f.quality is not None), ())
    heads = [
        head
        for parameter in names
        for head in (parameter.name.replace(" ", "_"), parameter.name.replace(" ", "_") + "_grade")
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*COLUMNS, *heads], restval="", extrasaction="raise")
        writer.writeheader()
        writer.writerows(row_of(found, least) for found in every)


def row_of(found: Found, least: float) -> dict[str, object]:
    """Return one row of the CSV."""
    row: dict[str, object] = {
        "file": found.file,
        "passes": found.passes(least),
        "refusal": found.refusal or "",
        "payload": "" if found.reading is None else found.reading.payload.hex(),
    }
    quality = found.quality
    if quality is None:
        return row
    row |= {
        "grade": quality.text,
        "overall": quality.overall,
        "size": f"{quality.size[0]}x{quality.size[1]}",
        "module_across_um": round(quality.module_um[0], 1),
        "module_down_um": round(quality.module_um[1], 1),
        "module_px": round(quality.module_px, 2),
        "skew_deg": round(quality.skew_deg, 2),
        "print_growth_horizontal": round(quality.print_growth_horizontal, 4),
        "print_growth_vertical": round(quality.print_growth_vertical, 4),
        "rmax": round(quality.rmax, 4),
        "rmin": round(quality.rmin, 4),
        "codeword_errors": sum(quality.errors),
    }
    for name in ("red", "green"):
        if name in quality.colours:
            row[f"prd_{name}"] = round(quality.colours[name].difference, 4)
    for parameter in quality.parameters:
        head = parameter.name.replace(" ", "_")
        row |= {head: round(parameter.value, 4), head + "_grade": parameter.grade}
    return row


def show(every: Sequence[Found], least: float, sheets: Sequence[Path]) -> None:
    """Print a table for each symbol, or a line why there is none."""
    console = Console()
    for found in every:
        quality = found.quality
        if quality is None:
            console.print(f"{found.file}: {found.refusal}", markup=False, soft_wrap=True)
            continue
        verdict = "passes" if found.passes(least) else "does not pass"
        head = f"{found.file}: {quality.text} ({quality.letter}), {verdict}"
        console.print(head, markup=False, soft_wrap=True)
        table = Table()
        for head in ("parameter", "value", "grade"):
            table.add_column(head, justify="left" if head == "parameter" else "right")
        for parameter in quality.parameters:
            table.add_row(
                parameter.name, f"{parameter.value:.3f}", f"{parameter.grade} {parameter.letter}"
            )
        growth = (quality.print_growth_horizontal, quality.print_growth_vertical)
        table.add_row("print growth across, down", f"{growth[0]:+.2f} {growth[1]:+.2f}", "")
        for name, tone in quality.colours.items():
            table.add_row(f"print reflectance difference, {name}", f"{tone.difference:.3f}", "")
        console.print(table)
        for line in (*(found.place.faults if found.place else ()), *quality.notes):
            console.print(f"  {line}", markup=False, soft_wrap=True)
    for page in sheets:
        console.print(f"written: {page}", markup=False, soft_wrap=True)


def refusal_of(error: Exception) -> str:
    """Return an error of `grade_pictures` in the words of the command line."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    assert isinstance(error, (ImiError, ValueError, OSError))
    return str(error)
