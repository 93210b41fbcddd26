"""Our reader beside zxing-cpp and libdmtx on the degraded-mail suite: `python -m bench.degraded`.

Every frame is made once and shown to all readers in turn, in one process, in thread CPU time.
"""

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bench import corner_bound, readers
from bench.degraded_report import Report, Result
from imi.mailpictures import CLASSES, LEVELS, BadPicture, Sample, degraded
from imi.mailpictures.suite import CLEAN, LETTERS

MOST_JOBS = 64
PUBLISHED_DPI = 200
CROP_MODULES = 4  # of rim round the true box of the symbol


@dataclass(frozen=True)
class Task:
    """One cell of the suite, or some seeds of it, for one process."""

    name: str
    level: float
    seeds: tuple[int, ...]
    readers: tuple[str, ...]
    dpi: int = PUBLISHED_DPI
    cropped: bool = False


def measure(task: Task) -> list[Result]:
    """Return what each reader made of each frame of the cell.

    >>> [r.read for r in measure(Task("clean", 0, (1,), ("zxing",)))]
    [True]
    """
    contenders = _ready(task.readers, task.dpi)
    found = []
    for seed in task.seeds:
        made = degraded(task.name, task.level, seed, task.dpi)
        frame = crop(made) if task.cropped else made.picture.frame
        for reader, read in contenders.items():
            subject = made if reader == readers.BOUND else frame
            payload, cpu_ms = readers.timed(read, subject)
            false_read = payload is not None and payload != made.payload
            found.append(
                Result(
                    task.name, task.level, seed, reader, payload == made.payload, false_read, cpu_ms
                )
            )
    return found


def crop(made: Sample) -> readers.Grey:
    """Return the symbol cut out with a rim, about 190x190 px at 200 dpi.

    >>> crop(degraded("clean", 0, 1)).shape
    (189, 189)
    """
    corners, side = made.picture.corners, made.modules[0]
    rim = CROP_MODULES * float(np.linalg.norm(corners[1] - corners[0])) / side
    x0, y0 = np.maximum(0, np.floor(corners.min(0) - rim)).astype(int)
    x1, y1 = np.ceil(corners.max(0) + rim).astype(int)
    return np.ascontiguousarray(made.picture.frame[y0:y1, x0:x1])


@cache
def _ready(names: tuple[str, ...], dpi: int) -> dict[str, Callable[[Any], bytes | None]]:
    """Return the readers, each having read one frame: no first call is measured."""
    contenders: dict[str, Callable[[Any], bytes | None]] = {}
    for name, read in readers.make(n for n in names if n != readers.BOUND).items():
        read(degraded(CLEAN, 0, 0, dpi).picture.frame)
        contenders[name] = read
    if readers.BOUND in names:
        contenders[readers.BOUND] = corner_bound.read
    return contenders


def tasks(
    seeds: Sequence[int],
    names: Sequence[str],
    levels: Sequence[float],
    contenders: Sequence[str],
    dpi: int = PUBLISHED_DPI,
    *,
    cropped: bool = False,
) -> list[Task]:
    """Return one task a cell and LETTERS seeds; clean mail has the one level 0.

    All cells of some letters come before the next letters, so that no letter is drawn twice.

    >>> len(tasks([0], ["clean", "blur"], [1, 3], ["ours"]))
    3
    """
    return [
        Task(name, level, tuple(seeds[first : first + LETTERS]), tuple(contenders), dpi, cropped)
        for first in range(0, len(seeds), LETTERS)
        for name in names
        for level in ((0,) if name == CLEAN else levels)
    ]


def run(
    todo: Sequence[Task], *, jobs: int = 1, progress: Callable[[int, int, str], None] | None = None
) -> list[Result]:
    """Return the results of all tasks, in order, from `jobs` processes."""
    found: list[Result] = []
    for done, (task, results) in enumerate(zip(todo, _each(todo, jobs), strict=True), 1):
        found += results
        if progress is not None:
            progress(done, len(todo), f"{task.name} {task.level:g}")
    return found


def _each(todo: Sequence[Task], jobs: int) -> Iterator[list[Result]]:
    if jobs == 1:
        threads = cv2.getNumThreads()
        cv2.setNumThreads(1)  # another thread's time would not be in ours
        try:
            yield from map(measure, todo)
        finally:
            cv2.setNumThreads(threads)
        return
    # Spawned, not forked: OpenCV's and the reader's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, cv2.setNumThreads, (1,)) as pool:
        yield from pool.map(measure, todo)


def numbers(text: str) -> list[int]:
    """Return the whole numbers of a list such as "0-2,7".

    >>> numbers("0-2,7")
    [0, 1, 2, 7]
    """
    found: list[int] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-")
            found += range(int(first), int(last or first) + 1)
    except ValueError:
        found = []
    if not found:
        raise ValueError(f"{text!r} is no list of numbers such as 0-2,7")
    return found


def severities(text: str) -> list[float]:
    """Return the levels of a list such as "1-5" or "2,3.5"; raises ValueError beyond 1 to 5.

    >>> severities("1-3"), severities("2,3.5")
    ([1, 2, 3], [2.0, 3.5])
    """
    try:
        found: list[float] = [float(part) for part in text.split(",")]
    except ValueError:
        found = list(numbers(text))
    if not all(LEVELS[0] <= level <= LEVELS[-1] for level in found):
        raise ValueError(f"levels are {text}; there are {LEVELS[0]} to {LEVELS[-1]}")
    return found


def show_progress(done: int, total: int, what: str) -> None:
    """Write one line to a terminal's stderr, over the line before."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        sys.stderr.write(f"\r{done}/{total}: {what}\033[K{end}")
        sys.stderr.flush()


def main(arguments: Iterable[str] | None = None) -> int:
    """Run the command; exit code 1 when something asked for is missed, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="python -m bench.degraded", description=__doc__)
    parser.add_argument("--seeds", default="0-5", help="such as 0-5 or 3,9-11 (default 0-5)")
    parser.add_argument("--classes", help="of the suite, separated by commas; all when absent")
    parser.add_argument("--levels", default="1-5", help="such as 1,3.5 (default 1-5)")
    parser.add_argument(
        "--readers",
        default=",".join(readers.MAKERS),
        help=f"default: {','.join(readers.MAKERS)}; bound: what the true corners give",
    )
    parser.add_argument("--dpi", type=int, default=200, help="of the camera (default 200)")
    parser.add_argument("--crop", action="store_true", help="show the symbol with 4 modules' rim")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--out", type=Path, help="folder for plots and results.jsonl")
    options = parser.parse_args(None if arguments is None else list(arguments))
    try:
        todo = _planned(options)
        found = run(todo, jobs=options.jobs, progress=show_progress)
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
    except (ValueError, BadPicture, readers.UnknownReader, OSError) as error:
        sys.stderr.write(f"bench.degraded: {error}\n")
        return 2
    comparable = options.dpi == PUBLISHED_DPI and not options.crop
    report = Report.of(found, comparable=comparable)
    print(json.dumps(report.as_json(), indent=1) if options.json else report.text())
    if options.out is not None:
        for path in write(report, options.out):
            sys.stderr.write(f"written: {path}\n")
    return 0 if report.met else 1


def write(report: Report, folder: Path) -> list[Path]:
    """Return the files written: every single result as JSON lines, and the plots."""
    from bench.reader_plots import write as write_plots

    path = folder / "results.jsonl"
    lines = (json.dumps(result._asdict()) + "\n" for result in report.results)
    path.write_text("".join(lines), encoding="utf-8")
    return [path, *write_plots(report, folder)]


def _planned(options: argparse.Namespace) -> list[Task]:
    """Return the tasks that the options ask for; whatever cannot be had raises here."""
    names = options.classes.split(",") if options.classes else [CLEAN, *CLASSES]
    levels, seeds = severities(options.levels), numbers(options.seeds)
    if not 1 <= options.jobs <= MOST_JOBS:
        raise ValueError(f"--jobs is {options.jobs}; the range is 1 to {MOST_JOBS}")
    contenders = options.readers.split(",")
    readers.make(name for name in contenders if name != readers.BOUND)
    for name in names:
        degraded(name, 0 if name == CLEAN else levels[0], seeds[0], options.dpi)
    return tasks(seeds, names, levels, contenders, options.dpi, cropped=options.crop)


if __name__ == "__main__":
    sys.exit(main())
