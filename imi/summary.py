"""What a run says of itself: one plain mapping behind the table, the page and `--json`."""

from collections.abc import Iterator, Mapping
from statistics import median, quantiles
from typing import Any

from rich.markup import escape
from rich.table import Table

from imi.audit import Audit
from imi.glance import Glance, contact_facts
from pipeline.accounts_csv import dollars
from pipeline.days import Span
from pipeline.imprint import OpenPiece
from pipeline.job import Job
from pipeline.office import Office
from pipeline.tally import Tally
from pipeline.usage import Axis, Usage
from pipeline.usage_report import plain
from postage.money import Money

SIMULATED = ("feed", "world")  # stages that are the simulated world, not the line


def summarise(
    job: Job,
    tally: Tally,
    audit: Audit,
    *,
    first: int,
    state: str,
    seen: Glance | None,
    departments: list[dict[str, Any]],
    open_pieces: list[OpenPiece],
    wall_s: float,
    stopped: str,
) -> dict[str, Any]:
    """Return a run as plain data.

    `seen` is the meter as its journal shows it after the run, None where that cannot be read;
    `departments` as `department_rows` gives them.
    """
    registers = audit.registers
    names = {number: f"{number} {name}" for number, name in job.names.items()}
    stages = {name: _times(times) for name, times in tally.stage_us.items()}
    own = {name: times["mean"] for name, times in stages.items() if name not in SIMULATED}
    return {
        "job": job.name,
        "pieces": {
            "first": first,
            "fed": tally.fed,
            "printed_and_reread": tally.inspected,
            "graphics_without_postage": tally.decorated,
            "mismatches": tally.mismatches,
            "diverted": dict(tally.diverted),
            "by_shape": dict(tally.shapes),
        },
        "postage": {
            "spent": str(tally.postage),
            "by_department": {
                names[number]: str(Money(mills))
                for number, mills in sorted(tally.by_department.items())
            },
        },
        "meter": {
            "device": f"TST0 {job.meter.serial}",
            "state": state,
            "ascending": str(registers.ascending),
            "descending": str(registers.descending),
            "control_total": str(registers.control_total),
            "piece_count": registers.piece_count,
            # As stored, not as summed: the sums would balance by construction.
            "balanced": audit.stored[0] + audit.stored[1] == audit.stored[2],
        },
        "contact": {} if seen is None else contact_facts(seen),
        "departments": departments,
        "journal": {
            "records": audit.records,
            "debits": audit.debits,
            "signatures_valid": audit.signatures_valid,
            "faults": audit.faults,
        },
        "open_pieces": [piece.claim for piece in open_pieces],
        "stages_us": stages,
        "line": {
            # Of the line's own CPU time; the simulated world does not count.
            "pieces_per_s_on_one_core": round(1e6 / sum(own.values()), 1) if own else 0.0,
            "bound_by": max(own, key=lambda name: own[name], default=""),
        },
        "wall_s": round(wall_s, 2),
        "stopped": stopped,
    }


def department_rows(office: Office) -> list[dict[str, Any]]:
    """Return what each department spent in the meter's whole life, and how its budget stands.

    Folded from the journal, the sums proved against the ascending register. Amounts are dollars as
    text; `budget` says its period, `left` and `percent` are of the running one.
    """
    usage = Usage(first=1)
    usage.read(office.meter)
    lines = plain(usage.lines([Axis.DEPARTMENT], Span.YEAR), office.book)
    spent = {line["department"]: line for line in lines}
    standings = {each.account.number: each for each in office.standings()}
    rows = []
    for number in sorted(spent.keys() | office.book.accounts.keys()):
        line, standing = spent.get(number, {}), standings.get(number)
        account = office.book.accounts.get(number)
        rows.append(
            {
                "number": number,
                "name": office.book.name(number),
                "pieces": line.get("pieces", 0),
                "postage": line.get("postage", "0.00"),
                "misprints": line.get("misprints", 0),
                "budget": str(account.budget) if account and account.budget else "",
                "left": dollars(standing.left) if standing else "",
                "percent": standing.percent if standing else None,
                "warning": standing.warning if standing else 0,
                "active": account is not None and account.is_active,
            }
        )
    return rows


def summary_table(summary: Mapping[str, Any]) -> Table:
    """Return the summary for a terminal."""
    table = Table(title=str(summary["job"]), show_header=False)
    apart = ("job", "stages_us", "departments")
    rest = {name: value for name, value in summary.items() if name not in apart}
    for name, value in _flat(rest):
        table.add_row(name, escape(value))
    for row in summary["departments"]:
        table.add_row(f"department {row['number']}", escape(_department(row)))
    for name, times in summary["stages_us"].items():
        said = f"{times['median']:,.0f} us median, {times['p99']:,.0f} us p99"
        table.add_row(f"{name}{' (simulated)' if name in SIMULATED else ''}", said)
    return table


def _department(row: Mapping[str, Any]) -> str:
    counted = "1 piece" if row["pieces"] == 1 else f"{row['pieces']} pieces"
    said = f"{row['name']}: ${row['postage']} for {counted}"
    if row["misprints"]:
        said += f", {row['misprints']} spoiled"
    if row["budget"]:
        said += f", ${row['left']} of {row['budget']} left"
    if row["warning"]:
        said += f", {row['warning']} % reached"
    return said if row["active"] else f"{said}, not active"


def _times(times: list[float]) -> dict[str, float]:
    p99 = quantiles(times, n=100)[98] if len(times) > 1 else times[0]
    figures = {"median": median(times), "p99": p99, "mean": sum(times) / len(times)}
    return {name: round(value, 1) for name, value in figures.items()}


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name} ")
        elif isinstance(value, list):
            yield from ((f"{prefix}{name}".replace("_", " "), str(item)) for item in value)
        elif isinstance(value, bool):
            yield f"{prefix}{name}".replace("_", " "), "yes" if value else "no"
        elif value != "":
            yield f"{prefix}{name}".replace("_", " "), str(value)
