"""System calls that fail, are interrupted, cut short or hang, in a meter process of its own; R5.

`python -m tests.reliability.syscall_faults --count 300` prints the counts. The n-th call
that makes something durable (write, sync, rename, of the meter's folders) is made to fail: EIO,
ENOSPC, EINTR, a call that takes seconds; or the n-th open of one of its files. strace does that to
the unmodified process. A short write is true to its word: that many bytes are in the file, none,
one or all but one, and the process is told so; that is done inside it, as strace cannot. After an
error the operation must end in PsdFault, another piece must be refused, nothing durable may be
attempted any more, and the next start must come up with everything that was told: the short write
is not continued, as what made it short is unknown, and half a record is never taken for one. EINTR
is no failure: Python tries again (PEP 475), but for a folder that is listed, where it stops the
meter too. A slow disk only makes the meter late.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pipeline.authority import Refused
from pipeline.errors import PsdFault
from pipeline.psd import Psd
from tests.pipeline.device import letter
from tests.reliability import recorded
from tests.reliability.findings import Findings

ROOT = Path(__file__).parents[2]
CALLS = "pwrite64,fdatasync,fsync,rename"
SLOW_S = 5.0
KINDS = {  # what strace is told; nothing where it cannot help
    "EIO": "error=EIO",
    "ENOSPC": "error=ENOSPC",
    "EINTR": "error=EINTR",
    "short": "",
    "slow": f"delay_enter={int(SLOW_S * 1e6)}",
    "EIO in open": "error=EIO",
    "EINTR in open": "error=EINTR",
}
FAULT_EXIT = 3
MAY_END = dict.fromkeys(KINDS, (FAULT_EXIT,)) | {
    "EINTR": (0,),
    "ENOSPC": (0, FAULT_EXIT),
    "slow": (0,),
    "EINTR in open": (0, FAULT_EXIT),
}
KEPT_BYTES = (0, 1, 100, 511)  # of a short write, less than all of it
AFTER = "durable calls after the short write:"
NOTE_BYTES = b"PSDJ\1\0\x13" + bytes(9)  # an INCIDENT record without a number
NOTE_WRITE = r'"PSDJ\1\0\23\0\0\0\0\0\0\0\0\0'  # the same as strace writes it
AT_ONCE = 4  # a slow disk leaves the processor to others
CALLS_OF_A_PIECE = 6  # three writes and three syncs


def be_a_meter(folder: Path, pieces: int) -> int:
    """Use a meter until its services or its disk end, in this process; return the exit status.

    After a fault it is asked for another piece and then closed, as a program would.
    """
    opened: list[Psd] = []
    try:
        recorded.use_a_meter(folder, "sound", pieces, opened)
    except PsdFault as fault:
        print(fault.cause.name, fault.detail)
        if opened and opened[-1]._journal.fault is not None:
            assert isinstance(opened[-1].imprint(letter()), Refused)
            opened[-1].close()
        return FAULT_EXIT
    return 0


@contextlib.contextmanager
def cut_short(when: int) -> Iterator[None]:
    """Let the write of that number put a part of its bytes into the file and say so; 0 for none."""
    real, writes, later = os.pwrite, 0, list[str]()

    def pwrite(fd: int, data: bytes, offset: int) -> int:
        nonlocal writes
        writes += 1
        if writes != when:
            return real(fd, data, offset)
        for name in ("pwrite", "fdatasync", "fsync", "rename"):
            stack.enter_context(patch.object(os, name, counted(name, getattr(os, name))))
        kept = min(KEPT_BYTES[when % len(KEPT_BYTES)], len(data) - 1)
        return real(fd, data[:kept], offset)

    def counted(name: str, call: Callable[..., object]) -> Callable[..., object]:
        def counting(*told: Any) -> object:
            is_note = name == "pwrite" and told[1].startswith(NOTE_BYTES)
            later.append(NOTE_WRITE if is_note else f"{name}()")
            return call(*told)

        return counting

    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.object(os, "pwrite", pwrite))
        yield
    if when and writes >= when:
        print(AFTER, *later)


def files(folder: Path) -> list[Path]:
    """Return the files and folders that the meter opens."""
    bases = range(1, 400, recorded.SEGMENT_RECORDS)
    segments = [f"{side}/{base:016d}" for side in "ab" for base in bases]
    names = (".", "lock", "head", "head.new", "a", "b", *segments)
    return [folder / root / name for root in recorded.FOLDERS for name in names]


def inject(kind: str, when: int, pieces: int | None = None) -> tuple[bool, str | None]:
    """Return whether the fault was met, and what was wrong, None where nothing was.

    The meter works until it has printed so many pieces, enough to meet the fault unless told.
    """
    pieces = when // CALLS_OF_A_PIECE + 2 if pieces is None else pieces
    with tempfile.TemporaryDirectory() as name:
        folder, log = Path(name) / "meter", Path(name) / "log"
        for each in recorded.FOLDERS:
            (folder / each).mkdir(parents=True)
        command = [sys.executable, "-m", "tests.reliability.syscall_faults", "--use", str(folder)]
        command += ["--pieces", str(pieces)]
        if kind == "short":
            command += ["--short", str(when)]
        else:
            command = [*_strace(kind, when, folder, log), *command]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        after = _calls_after(kind, when, log, done.stdout)
        if after is None:
            return False, None if done.returncode == 0 else f"no fault, and {done.stderr[-300:]}"
        return True, _judge(kind, folder, after, done)


def _strace(kind: str, when: int, folder: Path, log: Path) -> list[str]:
    calls = "openat" if kind.endswith("open") else CALLS
    command = ["strace", "-f", "-y", "--seccomp-bpf", "-qq", "-o", str(log)]
    command += ["-e", f"trace={calls}"]
    if kind.endswith("open"):
        command += [word for path in files(folder) for word in ("-P", str(path))]
    return [*command, "-e", f"inject={calls}:{KINDS[kind]}:when={when}"]


def _calls_after(kind: str, when: int, log: Path, said: str) -> list[str] | None:
    """Return the durable calls behind the fault, None where it was not met."""
    if kind == "short":
        told = [line for line in said.splitlines() if line.startswith(AFTER)]
        return told[0].removeprefix(AFTER).split() if told else None
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if kind == "slow":
        return lines[when:] if len(lines) >= when else None
    hits = [number for number, line in enumerate(lines) if "(INJECTED)" in line]
    if (
        kind == "ENOSPC"
    ):  # strace counts by thread, so a fault that was survived may not be the last
        fatal = [number for number in hits if not _is_being_made(lines, number)]
        hits = fatal or [len(lines) - 1 for _ in hits[:1]]
    after = lines[hits[0] + 1 :] if hits else None
    if after is not None and kind.endswith("open"):
        after = [line for line in after if not re.search(r'/lock(>|")', line)]
    return after


def _is_being_made(lines: Sequence[str], number: int) -> bool:
    """Return whether a call is about a segment that holds no record yet: made ahead of need.

    A full disk may refuse that; the meter goes on until it has to rotate.
    """
    path = re.search(r"<([^>]+)>", lines[number])
    if path is None or path[1].endswith("/head"):
        return False
    return not any(path[0] in line and ", 512, " in line for line in lines[:number])


def _is_note(after: list[str]) -> bool:
    """Return whether at most its note follows a fault: a write of its own file, and its sync."""
    first = after[0] if after else NOTE_WRITE
    return len(after) <= 2 and NOTE_WRITE in first and all("sync(" in each for each in after[1:])


def _judge(
    kind: str, folder: Path, after: list[str], done: subprocess.CompletedProcess[str]
) -> str | None:
    expected = MAY_END[kind]
    if done.returncode not in expected:
        said = f"{done.stdout[-200:]}{done.stderr[-400:]}"
        return f"exit {done.returncode}, expected {expected}: {said}"
    if kind == "ENOSPC" and done.returncode == 0 and after:
        return f"went on for {len(after)} durable calls on a full disk: {after[0]}"
    if done.returncode == FAULT_EXIT and not _is_note(after):
        return f"{len(after)} durable calls after the failed one: {after[0]}"
    paper = folder / recorded.PAPER
    told = [json.loads(line) for line in paper.read_text().splitlines()] if paper.exists() else []
    return recorded.judge(folder, told)


def run(first: int, count: int, kinds: int = 1) -> Findings:
    """Return the counts of faults at the calls behind the `first`; of the kinds so many at each."""
    found = Findings()
    if shutil.which("strace") is None:
        found.skipped = "strace is not installed"
        return found
    names = list(KINDS)
    tries = [
        (names[(when + turn) % len(names)], when)
        for when in range(first + 1, first + count + 1)
        for turn in range(kinds)
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = pool.map(lambda each: inject(*each), tries)
        for (kind, when), (hit, wrong) in zip(tries, results, strict=True):
            found.counts["faults met"] += hit
            found.counts[f"{kind} met"] += hit
            found.counts["runs without the fault"] += not hit
            if wrong is not None:
                found.blame(f"{kind} at call {when}: {wrong}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="let the meter's system calls fail")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--kinds", type=int, default=1, choices=range(1, len(KINDS) + 1))
    parser.add_argument("--use", type=Path, metavar="FOLDER", help="be the process")
    parser.add_argument("--pieces", type=int, default=59)
    parser.add_argument(
        "--short", type=int, default=0, metavar="N", help="cut its N-th write short"
    )
    told = parser.parse_args()
    if told.use:
        with cut_short(told.short):
            status = be_a_meter(told.use, told.pieces)
        sys.exit(status)
    started = time.monotonic()
    found = run(told.first, told.count, told.kinds)
    wall = round(time.monotonic() - started, 1)
    print(json.dumps({**found.counts, "seconds": wall, "wrong": found.shown}, indent=1))


if __name__ == "__main__":
    main()
