"""`imi bench`: every comparison of `bench/`, as a table, JSON and a plot."""

import importlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Protocol

from rich.console import Console
from rich.table import Table

from bench.compare import Comparison
from service.plots import bars

BENCH = Path(__file__).parent.parent / "bench"
READER = "reader"


class Report(Protocol):
    """What a bench finds beyond times: a text for people, data, and whether all goals are met."""

    @property
    def met(self) -> bool:
        """Whether every goal is reached."""

    def text(self) -> str:
        """Return it for people."""

    def as_json(self) -> dict[str, object]:
        """Return it as plain data."""


def run_benches(
    names: list[str],
    out: Path,
    *,
    as_json: bool,
    seeds: str | None = None,
    folders: Sequence[Path] = (),
    jobs: int = 1,
) -> int:
    """Run the named benches, all when none is named; exit code 1 when a goal is missed.

    `seeds`, `folders` and `jobs` are for the reader's bench: which letters of the degraded-mail
    suite, which folders of pictures with texts, how many processes.
    """
    known = sorted(path.stem.removeprefix("bench_") for path in BENCH.glob("bench_*.py"))
    console = Console(stderr=True)
    for name in names:
        if name not in known:
            console.print(f"imi: no bench {name!r}; there are {', '.join(known)}")
            return 2
    if names and READER not in names and (seeds or folders):
        console.print(f"imi: --seeds and --pictures are for the bench {READER!r}")
        return 2
    found: list[Comparison] = []
    reports: list[Report] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in names or known:
            module = importlib.import_module(f"bench.bench_{name}")
            if name == READER:  # first, so that a bad option is refused before minutes pass
                for report in _reports(module, out, seeds, folders, jobs):
                    reports.append(report)
                    if not as_json:
                        print(report.text(), flush=True)
            with console.status(f"measuring {name}"):
                found += module.comparisons()
    except OSError as error:
        console.print(f"imi: cannot write to {out}: {error.strerror}", markup=False)
        return 2
    except ModuleNotFoundError as error:
        console.print(f"imi: {error.name} is not installed; `make bench` installs the peers")
        return 2
    except ValueError as error:
        console.print(f"imi: {error}", markup=False)
        return 2
    entries = [c.as_json() for c in found] + [report.as_json() for report in reports]
    text = json.dumps(entries, indent=1)
    (out / "bench.json").write_text(text + "\n")
    ratios = {
        f"{comparison.name} | {peer}": ratio
        for comparison in found
        for peer, ratio in comparison.ratios.items()
    }
    plot = bars(ratios, unit="times faster than the peer", title="Ours beside", form="{:.2f}")
    (out / "bench.svg").write_text(plot)
    if as_json:
        print(text)
    else:
        Console().print(_table(found))
        console.print(f"written to {out}: bench.json, bench.svg, plots of reports", markup=False)
    met = [c.met for c in found] + [report.met for report in reports]
    return 0 if all(met) else 1


def _reports(
    module: ModuleType, out: Path, seeds: str | None, folders: Sequence[Path], jobs: int
) -> Iterator[Report]:
    reports: Iterator[Report] = module.reports(out, seeds=seeds, folders=folders, jobs=jobs)
    return reports


def _table(found: list[Comparison]) -> Table:
    table = Table(title="thread CPU time per unit, medians of interleaved rounds, one core")
    for column in ("what", "ours us", "peer", "peer us", "ratio", "goal"):
        table.add_column(column, justify="left" if column in ("what", "peer") else "right")
    for comparison in found:
        for peer, peer_us in comparison.peers_us.items():
            goal, ratio = comparison.goals.get(peer), comparison.ratios[peer]
            verdict = "" if goal is None else f"{goal:g} {'met' if ratio >= goal else 'MISSED'}"
            table.add_row(
                comparison.name,
                f"{comparison.median_us:.2f}",
                peer,
                f"{peer_us:.2f}",
                f"{ratio:.2f}",
                verdict,
            )
    return table
