"""The report page of a run: balance, pictures, times, postage by department."""

from pathlib import Path
from typing import Any

from pipeline.job import Job
from pipeline.tally import Tally
from service.pages import render
from service.plots import bars, spread, steps

TEMPLATE = Path(__file__).parent / "templates" / "report.html.j2"
MOST_DIVERTS = 200  # on the page; `pieces.sqlite` has them all
STAGES = ("weigh", "rate", "pay", "draw", "inspect")  # the line's own; "world" is the simulation


def write_report(
    out: Path, job: Job, summary: dict[str, Any], tally: Tally, pictures: list[tuple[str, str]]
) -> Path:
    """Write `report.html` into the run's folder and return its path."""
    times = {name: tally.stage_us[name] for name in STAGES if tally.stage_us.get(name)}
    plots = []
    if times:
        plots.append(spread(times, unit="us of CPU", title="Time of each stage"))
    if len(tally.exits_s) > 1:
        minutes, per_hour = _throughput(tally.exits_s)
        plots.append(
            steps(
                minutes,
                per_hour,
                labels=("seconds since the first piece", "pieces an hour"),
                title="Throughput of the simulated line",
            )
        )
    if tally.by_department:
        names = job.names
        dollars = {
            f"{number} {names[number]}": mills / 1000
            for number, mills in tally.by_department.items()
        }
        plots.append(bars(dollars, unit="dollars", title="Postage by department", form="${:,.2f}"))
    page = render(
        TEMPLATE,
        {
            "job": job,
            "summary": summary,
            "diverts": tally.diverts[:MOST_DIVERTS],
            "plots": plots,
            "pictures": pictures,
        },
    )
    path = out / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _throughput(exits_s: list[float], window: int = 20) -> tuple[list[float], list[float]]:
    """Return times and pieces an hour over a sliding window of pieces."""
    window = min(window, max(1, len(exits_s) // 4))
    return (
        exits_s[window:],
        [
            3600 * window / max(1e-9, late - early)
            for early, late in zip(exits_s, exits_s[window:], strict=False)
        ],
    )
