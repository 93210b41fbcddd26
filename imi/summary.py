"""What a run says of itself: one plain mapping behind the table, the page and `--json`."""

from collections.abc import Iterator, Mapping
from statistics import median, quantiles
from typing import Any

from rich.table import Table

from imi.audit import Audit
from pipeline.imprint import OpenPiece
from pipeline.job import Job
from pipeline.tally import Tally
from postage.money import Money

SIMULATED = ("feed", "world")  # stages that are the simulated world, not the line


def summarise(
    job: Job,
    tally: Tally,
    audit: Audit,
    *,
    first: int,
    state: str,
    open_pieces: list[OpenPiece],
    wall_s: float,
    stopped: str,
) -> dict[str, Any]:
    """Return a run as plain data."""
    registers = audit.registers
    names = {department.id: department.name for department in job.department}
    stages = {name: _times(times) for name, times in tally.stage_us.items()}
    own = {name: times["mean"] for name, times in stages.items() if name not in SIMULATED}
    return {
        "job": job.name,
        "pieces": {
            "first": first,
            "fed": tally.fed,
            "printed_and_reread": tally.inspected,
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


def summary_table(summary: Mapping[str, Any]) -> Table:
    """Return the summary for a terminal."""
    table = Table(title=str(summary["job"]), show_header=False)
    rest = {name: value for name, value in summary.items() if name not in ("job", "stages_us")}
    for name, value in _flat(rest):
        table.add_row(name, value)
    for name, times in summary["stages_us"].items():
        said = f"{times['median']:,.0f} us median, {times['p99']:,.0f} us p99"
        table.add_row(f"{name}{' (simulated)' if name in SIMULATED else ''}", said)
    return table


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
        elif value != "":
            yield f"{prefix}{name}".replace("_", " "), str(value)
