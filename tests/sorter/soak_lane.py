"""A lane at the pace of a sorter: each piece its exact code, durable, on time; or flat out.

`python -m tests.sorter.soak_lane --rate 40000 --seconds 600` offers payloads with real signatures
at 40,000 pieces an hour; `--frames` pictures of 1900x825 pixels. A time is taken from when a piece
was due at the camera to its durable verdict, so a lane that falls behind cannot hide it; what the
disk alone needs for 4 KB stands beside it. 1 in 100 is bad, 3 in 100 come by again, 1 in 100 is a
photocopy. `--flat-out --threads 2` keeps the lane full on so many cores and says where their time
goes. The exit code is 1 where a code was not as
expected or a piece was lost, and with `--on-time` where one was late.
"""

import argparse
import gc
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from postage.verdicts import Code
from sorter.authenticity import Examiner
from sorter.duplicates import DuplicateStore
from sorter.judged import Judged
from sorter.lane import DEADLINE_S, Lane, Piece
from sorter.sight import Eye
from sorter.trust import Trust
from sorter.verifier import Given, Verifier
from tests.sorter import soak_mail
from tests.sorter.disk_probe import probed
from tests.sorter.mail import BOOK

PACED_GAP = 20  # pieces between an original and its photocopy: seconds
FLAT_OUT_GAP = 2_200  # more than the lane has room for


class Clockwork:
    """Adds up processor and real time of calls, over all threads."""

    def __init__(self) -> None:
        self.cpu_s: defaultdict[str, float] = defaultdict(float)
        self.real_s: defaultdict[str, float] = defaultdict(float)
        self._lock = threading.Lock()

    def timed(self, owner: object, name: str, stage: str) -> None:
        """Time every call of a method of one object from now on."""
        call = getattr(owner, name)

        def timing(*args: Any, **named: Any) -> Any:
            cpu, real = time.thread_time(), time.perf_counter()
            try:
                return call(*args, **named)
            finally:
                cpu, real = time.thread_time() - cpu, time.perf_counter() - real
                with self._lock:
                    self.cpu_s[stage] += cpu
                    self.real_s[stage] += real

        setattr(owner, name, timing)


class Outcome:
    """What came back: the time of each answer, and what was found in the end."""

    def __init__(self, pieces: Sequence[soak_mail.Piece]) -> None:
        self.times_ms: list[float] = []
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.unreadable = self.judged = 0
        self._pieces = pieces
        self._lock = threading.Lock()

    def answered(self, due: float, _: object) -> None:
        """Keep the time from when a piece was due until now."""
        self.times_ms.append(1000 * (time.monotonic() - due))

    def heard(self, one: Judged) -> None:
        """Hold what was found, of a late piece too, against what it had to be."""
        piece, found = self._pieces[one.number - 1], one.found
        assert found is not None
        with self._lock:
            self.judged += 1
            self.answers[one.verdict.code] += 1
            if found.code is piece.expected:
                return
            self.unreadable += piece.is_damaged and found.code is Code.UNREADABLE
            if found.code not in piece.allowed:
                self.wrong.append(f"{piece.name}, {piece.expected} expected: {found}")


def run(pieces: Sequence[Piece], lane: Lane, pace_s: float, outcome: Outcome) -> float:
    """Offer pieces at a pace, 0 for flat out; return the seconds until all were judged."""
    progress = _progress("pieces", len(pieces))
    started = time.monotonic()
    for number, (given, scan) in enumerate(pieces):
        due = time.monotonic()
        if pace_s:  # even a sleep of nothing takes 60 us and gives the processor away
            now, due = due, started + number * pace_s
            time.sleep(max(0.0, due - now))
        answer = lane.offer(given, scan, deadline=due + DEADLINE_S if pace_s else float("inf"))
        assert answer is not None
        answer.add_done_callback(partial(outcome.answered, due))
        progress(number)
    assert lane.drain()
    return time.monotonic() - started


def soak(folder: Path, told: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one run."""
    count = told.pieces or round(told.rate * told.seconds / 3600)
    pace_s = 0.0 if told.flat_out else 3600 / told.rate
    meters, listed = soak_mail.devices(told.devices)
    made: list[tuple[Given, Code, bool]]
    if told.frames:
        signed = soak_mail.payloads(min(count, told.pictures), meters, told.seed)
        made = soak_mail.pictures(signed, told.seed, _progress("pictures", len(signed)))
    else:
        signed = soak_mail.payloads(count, meters, told.seed)
        made = [(payload, code, False) for payload, code in signed]
    gap = FLAT_OUT_GAP if told.flat_out else PACED_GAP
    pieces = list(soak_mail.stream(count, made, gap, told.seed))
    cores = os.sched_getaffinity(0)
    if told.flat_out:
        os.sched_setaffinity(0, sorted(cores)[: told.threads])
    history = DuplicateStore.at(folder / "scans.db")
    examiner, eye, clockwork = Examiner(), Eye(), Clockwork()
    verifier = Verifier(Trust(listed), history, BOOK, examiner=examiner, eye=eye)
    for owner, name, stage in (
        (eye, "look", "read the frame"), (examiner, "examine", "parse and check signatures"),
        (history, "check_many", "look up and record the scan"), (verifier, "verify_many", "all"),
    ):  # fmt: skip
        clockwork.timed(owner, name, stage)
    outcome = Outcome(pieces)
    offers = [(one.given, soak_mail.scan_of(one, at)) for at, one in enumerate(pieces)]
    gc.collect()
    gc.freeze()  # pieces by the thousand that we made are not the lane's to walk over
    cpu_s = time.process_time()
    with (
        nullcontext([]) if told.flat_out else probed(folder / "probe") as disk_ms,
        Lane(verifier, threads=told.threads, deadline_s=None, heard=outcome.heard) as lane,
    ):
        seconds = run(offers, lane, pace_s, outcome)
        failed = lane.figures().failed
    cpu_s = time.process_time() - cpu_s
    gc.unfreeze()
    history.close()
    os.sched_setaffinity(0, cores)
    return {
        "pieces": count,
        "answered": len(outcome.times_ms),
        "judged": outcome.judged,
        "seconds": round(seconds, 1),
        "pieces_a_second": round(count / seconds, 1),
        "pieces_an_hour": round(3600 * count / seconds),
        "codes": dict(sorted(outcome.answers.items())),
        "wrong": outcome.wrong[:10],
        "wrong_count": len(outcome.wrong),
        "failed": failed,
        "late": outcome.answers[Code.LATE],
        "damaged_unreadable": outcome.unreadable,
        "ms": _quantiles(outcome.times_ms),
        "bare_disk_ms": _quantiles(disk_ms),
        "cpu_us_a_piece": _stages(clockwork, cpu_s, count),
        "load": [round(load, 1) for load in os.getloadavg()],
    }


QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


def _stages(clockwork: Clockwork, cpu_s: float, count: int) -> dict[str, int]:
    """Return processor microseconds of a piece by stage, and what it waited for the history."""
    named = {stage: spent for stage, spent in clockwork.cpu_s.items() if stage != "all"}
    judging = clockwork.cpu_s["all"] - sum(named.values())
    stages = {
        **named,
        "price and judge": judging,
        "queue, offer, answer": cpu_s - clockwork.cpu_s["all"],
    }
    recording = "look up and record the scan"
    waited = clockwork.real_s[recording] - clockwork.cpu_s[recording]
    stages["(waiting for the disk and the other thread)"] = waited
    return {stage: round(1e6 * spent / count) for stage, spent in stages.items()}


def _quantiles(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    at = {name: min(len(ordered) - 1, int(part * len(ordered))) for name, part in QUANTILES.items()}
    return {name: round(ordered[place], 2) for name, place in at.items() if ordered}


def _progress(what: str, total: int) -> Callable[[int], None]:
    shown = [time.monotonic()]

    def progress(done: int) -> None:
        if time.monotonic() - shown[0] > 5:
            shown[0] = time.monotonic()
            print(f"{what}: {done} of {total}", file=sys.stderr)

    return progress


def table(figures: dict[str, Any]) -> str:
    """Return the figures for people."""
    lines = [f"{name:44} {value}" for name, value in figures.items() if not isinstance(value, dict)]
    for name in ("codes", "ms", "bare_disk_ms", "cpu_us_a_piece"):
        lines += [f"{name}", *(f"    {key:40} {value:>10}" for key, value in figures[name].items())]
    return "\n".join(lines)


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sorter.soak_lane")
    parser.add_argument("--rate", type=float, default=40_000, help="pieces an hour")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--pieces", type=int, default=0, help="so many, instead of --seconds")
    parser.add_argument("--frames", action="store_true", help="pictures in the place of payloads")
    parser.add_argument("--pictures", type=int, default=200, help="different ones, 1.6 MB each")
    parser.add_argument("--flat-out", action="store_true", help="as fast as it goes")
    parser.add_argument("--threads", type=int, default=2, help="and cores, with --flat-out")
    parser.add_argument("--devices", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured; a new one there")
    parser.add_argument("--on-time", action="store_true", help="fail if a piece was late")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def is_good(figures: dict[str, Any]) -> bool:
    """Return whether every piece had its code; lateness is judged at a pace alone."""
    is_whole = figures["answered"] == figures["judged"] == figures["pieces"]
    return is_whole and not figures["wrong_count"] and not figures["failed"]


def main() -> None:
    told = parsed()
    with tempfile.TemporaryDirectory(dir=told.folder) as name:
        figures = soak(Path(name), told)
    print(json.dumps(figures, indent=1) if told.json else table(figures))
    sys.exit(not is_good(figures) or (told.on_time and figures["late"] > 0))


if __name__ == "__main__":
    main()
