"""`imi bench`: every comparison of `bench/`, as a table, JSON and a plot."""

import importlib
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.compare import Comparison
from service.plots import bars

BENCH = Path(__file__).parent.parent / "bench"


def run_benches(names: list[str], out: Path, *, as_json: bool) -> int:
    """Run the named benches, all when none is named; exit code 1 when a goal is missed."""
    known = sorted(path.stem.removeprefix("bench_") for path in BENCH.glob("bench_*.py"))
    console = Console(stderr=True)
    for name in names:
        if name not in known:
            console.print(f"imi: no bench {name!r}; there are {', '.join(known)}")
            return 2
    found: list[Comparison] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in names or known:
            with console.status(f"measuring {name}"):
                found += importlib.import_module(f"bench.bench_{name}").comparisons()
    except OSError as error:
        console.print(f"imi: cannot write to {out}: {error.strerror}", markup=False)
        return 2
    except ModuleNotFoundError as error:
        console.print(f"imi: {error.name} is not installed; `make bench` installs the peers")
        return 2
    text = json.dumps([comparison.as_json() for comparison in found], indent=1)
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
        console.print(f"written: {out}/bench.json, {out}/bench.svg")
    return 0 if all(comparison.met for comparison in found) else 1


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
