"""All harnesses at once: `python -m tests.reliability` prints a table and writes one JSON file.

`--scale ci` takes a tenth of the figures of `full`, `nightly` 25 times as many crash points. The
parts are cut into jobs of some seconds, which go to a process for each core; the figures do not
depend on how many those are. The time of a part is CPU time, its children's included: walls say
more about the machine's other work.
"""

import argparse
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from tests.pipeline import network_schedules, upload_cuts
from tests.reliability import (
    bit_rot,
    ceremony,
    clock_attacks,
    crash_points,
    determinism,
    interrupts,
    kill_points,
    recorded,
    recovery_time,
    rollback,
    syscall_faults,
    tears,
    world,
)
from tests.reliability.findings import Findings
from tests.reliability.operations import OPERATIONS
from tests.reliability.remembering import remembering

SCALES = {"ci": 0.1, "full": 1.0, "nightly": 25.0}
CHUNK = 4_500
Job = Callable[[], Findings]


@dataclass(frozen=True)
class Part:
    """One goal of reliability.md 2.1 or 2.2. `shown` are the counts that the table has room for."""

    name: str
    title: str
    jobs: Callable[[float], list[Job]]
    shown: tuple[str, ...]


def chunks(run: Callable[..., Findings], count: int, size: int = CHUNK) -> list[Job]:
    """Cut a run over points first to first + count into jobs."""
    return [partial(run, first, min(size, count - first)) for first in range(0, count, size)]


def rot(scale: float) -> list[Job]:
    """Every single bit, of which one in sixteen in CI; more random images at the larger scales."""
    parts = 16
    wanted = parts if scale >= 1 else 1
    jobs: list[Job] = [
        partial(bit_rot.every_bit, name, part, parts)
        for name in bit_rot.STORES
        for part in range(wanted)
    ]
    jobs += [partial(bit_rot.both_copies, name, 1, round(4_000 * scale)) for name in bit_rot.STORES]
    count = max(1, round(8 * scale))
    return jobs + [partial(bit_rot.random_damage, seed, 2_500) for seed in range(count)]


def torn(scale: float) -> list[Job]:
    """Every tear of every operation; of the files of the device one crash point in eight in CI."""
    jobs: list[Job] = [partial(tears.examine, operation.name) for operation in OPERATIONS]
    parts = 8
    return jobs + [
        partial(ceremony.examine, operation.name, part, parts)
        for operation in ceremony.OPERATIONS
        for part in range(parts if scale >= 1 else 1)
    ]


def faults(scale: float) -> list[Job]:
    """One kind of fault at each of the first durable calls; all kinds at each, nightly."""
    kinds = len(syscall_faults.KINDS) if scale > 1 else 1
    return chunks(partial(syscall_faults.run, kinds=kinds), round(300 * min(1, scale)), 50)


def schedules(first: int, count: int) -> Findings:
    """Return the counts of so many refill schedules over a network that fails."""
    with remembering():
        return counted(partial(network_schedules.run, count, first))


def counted(run: Callable[[], Counter[str]]) -> Findings:
    """Return the counts of a run that stops, with its seed, at the first thing that is wrong."""
    found = Findings()
    try:
        found.counts.update(run())
    except Exception as error:
        notes = ", ".join(getattr(error, "__notes__", []))
        found.blame(f"{notes}: {type(error).__name__}: {error}")
    return found


PARTS = (  # what waits for one long job or for the disk comes first
    Part(
        "R8",
        "old copies restored",
        lambda scale: [partial(rollback.run, 0, max(20, round(20 * scale)))],
        ("copies restored", "detected", "no contact since the copy"),
    ),
    Part(
        "R9",
        "time to recover",
        lambda scale: [partial(recovery_time.run, 1_000_000 if scale >= 1 else 50_000)],
        ("records",),
    ),
    Part(
        "P6",
        "an upload cut at random bytes",
        lambda scale: [
            partial(
                counted,
                partial(
                    upload_cuts.run,
                    round(1_000_000 * min(1, scale)),
                    max(100, round(1_000 * min(1, scale))),
                ),
            )
        ],
        ("records", "cut questions", "cut answers"),
    ),
    Part(
        "R11",
        "days with a trial balance",
        lambda scale: chunks(world.run, round(100 * scale), 20),
        ("worlds", "days balanced", "imprints", "restarts"),
    ),
    Part(
        "R1",
        "seeded crash points",
        lambda scale: chunks(crash_points.run, round(200_000 * scale)),
        ("crashes", "cuts during recovery", "debits or refills kept"),
    ),
    Part(
        "R2",
        "every tear of every operation",
        torn,
        ("points", "images", "tears that pass for a record"),
    ),
    Part(
        "R3",
        "power cuts of a recorded process",
        lambda scale: [
            partial(recorded.run, seed, 1_250) for seed in range(max(1, int(4 * scale)))
        ],
        ("images", "calls recorded"),
    ),
    Part(
        "R4",
        "kill -9 of a real process",
        lambda scale: [
            partial(kill_points.findings, 250, seed) for seed in range(max(1, round(4 * scale)))
        ],
        ("kills", "printed", "open, never released"),
    ),
    Part(
        "R5",
        "system calls that fail",
        faults,
        ("faults met", *(f"{kind} met" for kind in syscall_faults.KINDS)),
    ),
    Part(
        "R5b",
        "exceptions at every line",
        lambda scale: [
            partial(interrupts.examine, operation.name, 1 if scale >= 1 else 10)
            for operation in OPERATIONS
        ],
        ("interruptions",),
    ),
    Part(
        "R6",
        "rot on the medium",
        rot,
        ("single bits", "random images", "recovered", "refused"),
    ),
    Part(
        "R10",
        "same seed, same bytes",
        lambda scale: [partial(determinism.compare, round(50 * max(1, scale)))],
        ("seeds",),
    ),
    Part(
        "P1",
        "refills over a bad network",
        lambda scale: chunks(schedules, round(10_000 * scale), 1_000),
        ("schedules", "meter crashes", "provider crashes", "refilled"),
    ),
    Part(
        "P4",
        "attacks on the clock",
        lambda scale: chunks(clock_attacks.run, round(10_000 * scale), 1_000),
        (
            "schedules",
            "imprints judged by true time",
            "imprints in the last second",
            "refused behind the limit",
        ),
    ),
)


def measured(job: Job) -> tuple[Findings, float]:
    """Return what a job found, and its seconds of CPU with its children's."""
    before = _cpu_seconds()
    found = job()
    return found, _cpu_seconds() - before


def _cpu_seconds() -> float:
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def run(parts: list[Part], scale: float, jobs: int) -> dict[str, dict[str, object]]:
    """Return the figures of each part, printed as they come."""
    report: dict[str, dict[str, object]] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        waiting: dict[str, list[Future[tuple[Findings, float]]]] = {
            part.name: [pool.submit(measured, job) for job in part.jobs(scale)] for part in parts
        }
        for part in parts:
            total, seconds = Findings(), 0.0
            for future in waiting[part.name]:
                found, cpu = future.result()
                total.add(found)
                seconds += cpu
            report[part.name] = {
                "title": part.title,
                "counts": dict(sorted(total.counts.items())),
                "figures": total.figures,
                "wrong": total.wrong,
                "shown": total.shown,
                "skipped": total.skipped,
                "cpu_seconds": round(seconds, 1),
            }
            _print(part, total, seconds)
    return report


def _print(part: Part, total: Findings, seconds: float) -> None:
    told = [f"{total.counts[name]:,} {name}" for name in part.shown]
    told += [f"{name} {figure:.3g}" for name, figure in total.figures.items()]
    words = f"skipped: {total.skipped}" if total.skipped else "; ".join(told)
    print(f"{part.name:4} {part.title:30} {total.wrong:6,} {seconds:7.1f}  {words}", flush=True)
    for wrong in total.shown:
        print(f"       {wrong}")


def main() -> None:
    parser = argparse.ArgumentParser(description="break the meter in every way that we know")
    parser.add_argument("--scale", choices=SCALES, default="full")
    parser.add_argument("--only", default="", help="parts, with commas between: R1,R6")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("out/reliability.json"))
    told = parser.parse_args()
    wanted = told.only.split(",") if told.only else [part.name for part in PARTS]
    if unknown := {*wanted} - {part.name for part in PARTS}:
        parser.error(f"no part is called {', '.join(sorted(unknown))}")
    started = time.monotonic()
    print(f"{'part':35}  wrong   CPU s  figures")
    report = run([part for part in PARTS if part.name in wanted], SCALES[told.scale], told.jobs)
    wall = round(time.monotonic() - started, 1)
    cpu = sum(float(str(part["cpu_seconds"])) for part in report.values())
    told.out.parent.mkdir(parents=True, exist_ok=True)
    whole = {"scale": told.scale, "wall_seconds": wall, "cpu_seconds": round(cpu, 1)}
    told.out.write_text(json.dumps({**whole, "parts": report}, indent=1) + "\n", encoding="utf-8")
    print(f"{wall:.0f} s on {told.jobs} processes, {cpu:.0f} s of CPU; {told.out}")
    sys.exit(any(part["wrong"] for part in report.values()))
