"""Reports as JSON, CSV and PDF, a row at a time."""

import csv
import json
from collections.abc import Callable, Iterator
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import BinaryIO, TextIO

from pipeline.csvtext import harmless
from pipeline.reportrows import Cell
from pipeline.reports import Report
from postage.money import MILLS_PER_DOLLAR, Money
from service.sheets import Column, Heading

SPECIMEN = "SPECIMEN"


def write_json(report: Report, out: TextIO) -> None:
    """Write one object: what the report is, `rows`, then charges of `departments` and `totals`.

    Amounts are whole mills under names that end in `_mills`; dates and times are ISO 8601.
    """
    head = {
        "report": str(report.kind),
        "title": report.title,
        "device": str(report.device),
        "specimen": report.device.is_specimen,
        "binding": report.device.binding,
        "period": str(report.period),
        "zone": str(report.zone),
        "records": [report.records.start, report.records.stop - 1] if report.records else [],
    }
    out.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "rows": [')
    names = [column.name for column in report.columns]
    before = "\n"
    for row in report.rows():
        out.write(before + json.dumps(_object(names, row), ensure_ascii=False))
        before = ",\n"
    closing = report.closing()
    totals = _object([_key(name) for name, _ in closing], [value for _, value in closing])
    tail = {
        "departments": [
            {
                "number": each.number,
                "name": report.names.departments.get(each.number, ""),
                "pieces": each.pieces,
                "postage_mills": each.postage.mills,
            }
            for each in report.charges()
        ],
        "totals": totals,
        "balanced": report.balance.is_balanced,
        "differences": report.balance.faults,
    }
    out.write("\n], " + json.dumps(tail, ensure_ascii=False)[1:] + "\n")


def write_csv(report: Report, out: TextIO) -> None:
    """Write a table as RFC 4180 has it: `entry` rows, then rows with a name and a value.

    Those are `department` with the postage charged to each, and `total`.

    Every row names the device, and that it is a specimen. Amounts are dollars with three decimals.
    No cell begins with what a spreadsheet takes for a formula: such text gets an apostrophe.
    """
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["row", "device", *(column.name for column in report.columns)])
    device = str(report.device) + (f" {SPECIMEN}" if report.device.is_specimen else "")
    for row in report.rows():
        writer.writerow(["entry", device, *map(_csv_cell, row)])
    padding = [""] * (len(report.columns) - 2)
    for each in report.charges():
        writer.writerow(
            ["department", device, harmless(each.name), _csv_cell(each.postage), *padding]
        )
    for name, value in report.closing():
        writer.writerow(["total", device, name, _csv_cell(value), *padding])


def write_pdf(report: Report, open_volume: Callable[[int], BinaryIO], made: datetime) -> list[int]:
    """Write volumes of at most 1,000 pages and return the pages of each; `made` is on every page.

    A software device's report is marked SPECIMEN on every page.
    """
    from service.pdf import write_table

    device = report.device
    period = f"Period: {report.period}; times of {report.zone}"
    heading = Heading(
        report.title,
        (
            f"Device {device}, {device.binding}",
            f"{period}. Made {made.isoformat(' ', 'seconds')}",
        ),
        footer=f"{device}, records {report.records.start} to {report.records.stop - 1}"
        if report.records
        else f"{device}, no record",
        stamp=SPECIMEN if device.is_specimen else "",
    )
    columns = [Column(at.title, at.share, at.right) for at in report.columns]

    def closing() -> list[tuple[str, str]]:
        charges = [
            (f"Charged to {each.name}", f"{shown(each.postage)}, pieces: {each.pieces:,}")
            for each in report.charges()
        ]
        return [(name.capitalize(), shown(value)) for name, value in report.closing()] + charges

    def rows() -> Iterator[list[str]]:
        return (list(map(shown, row)) for row in report.rows())

    return write_table(
        open_volume, heading, columns, rows(), closing=closing, fallback=fallback_font()
    )


def shown(cell: Cell) -> str:
    """Return a cell as people read it.

    >>> shown(Money(1_234_780)), shown(1234567), shown(None)
    ('$1,234.78', '1,234,567', '')
    """
    match cell:
        case None:
            return ""
        case int():
            return f"{cell:,}"
        case Money():
            dollars, _, decimals = str(abs(cell)).lstrip("$").partition(".")
            return f"{'-' if cell.mills < 0 else ''}${int(dollars):,}.{decimals}"
        case datetime():
            return str(cell.replace(tzinfo=None))
        case _:
            return str(cell)


def fallback_font() -> Path:
    """Return the font for names that Windows-1252 cannot write."""
    return Path(str(resources.files("imicore") / "fonts" / "DejaVuSans.ttf"))


def _csv_cell(cell: Cell) -> str:
    match cell:
        case None:
            return ""
        case Money():
            sign, mills = "-" if cell.mills < 0 else "", abs(cell.mills)
            text = f"{sign}{mills // MILLS_PER_DOLLAR}.{mills % MILLS_PER_DOLLAR:03d}"
        case date():
            text = cell.isoformat()
        case _:
            text = str(cell)
    return harmless(text)


def _object(names: list[str], cells: tuple[Cell, ...] | list[Cell]) -> dict[str, str | int | None]:
    found: dict[str, str | int | None] = {}
    for name, cell in zip(names, cells, strict=True):
        match cell:
            case Money():
                found[f"{name}_mills"] = cell.mills
            case date():
                found[name] = cell.isoformat()
            case _:
                found[name] = cell
    return found


def _key(name: str) -> str:
    return name.replace(" ", "_")
