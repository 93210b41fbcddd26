"""System calls that fail, are cut short or hang, put into the unmodified meter by strace; R5.

`python -m tests.reliability.syscall_faults --count 300` prints the counts. The n-th call
that makes something durable (write, sync, rename, of the meter's folders) is made to fail: EIO,
ENOSPC, EINTR, a write that says it wrote 100 bytes, a call that takes seconds. After an error the
operation must end in PsdFault, another piece must be refused, nothing durable may be attempted any
more, and the next start must come up with everything that was told. EINTR is no failure: Python
tries again (PEP 475). A slow disk only makes the meter late.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipeline.authority import Refused
from pipeline.errors import PsdFault
from pipeline.psd import Psd
from tests.pipeline.device import letter
from tests.reliability import recorded
from tests.reliability.findings import Findings

ROOT = Path(__file__).parents[2]
CALLS = "pwrite64,fdatasync,fsync,rename"
SLOW_S = 5.0
KINDS = {
    "EIO": "error=EIO",
    "ENOSPC": "error=ENOSPC",
    "EINTR": "error=EINTR",
    "short": "retval=100",
    "slow": f"delay_enter={int(SLOW_S * 1e6)}",
}
FAULT_EXIT = 3
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


def inject(kind: str, when: int, pieces: int | None = None) -> tuple[bool, str | None]:
    """Return whether the fault was met, and what was wrong, None where nothing was.

    The meter works until it has printed so many pieces, enough to meet the fault unless told.
    """
    pieces = when // CALLS_OF_A_PIECE + 2 if pieces is None else pieces
    calls = "pwrite64" if kind == "short" else CALLS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "meter"
        folders = [folder / each for each in recorded.FOLDERS]
        for each in folders:
            each.mkdir(parents=True)
        log = Path(name) / "log"
        command = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", str(log), "-e", f"trace={calls}"]
        command += ["-e", f"inject={calls}:{KINDS[kind]}:when={when}"]
        command += [sys.executable, "-m", "tests.reliability.syscall_faults", "--use", str(folder)]
        command += ["--pieces", str(pieces)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        hits = [number for number, line in enumerate(lines) if "(INJECTED)" in line]
        if kind == "slow":
            hits = [when - 1] if len(lines) >= when else []
        if not hits:
            return False, None if done.returncode == 0 else f"no fault, and {done.stderr[-300:]}"
        return True, _judge(kind, folder, lines[hits[0] + 1 :], done)


def _judge(
    kind: str, folder: Path, after: list[str], done: subprocess.CompletedProcess[str]
) -> str | None:
    expected = 0 if kind in ("EINTR", "slow") else FAULT_EXIT
    if done.returncode != expected:
        said = f"{done.stdout[-200:]}{done.stderr[-400:]}"
        return f"exit {done.returncode}, expected {expected}: {said}"
    if expected == FAULT_EXIT and after:
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
    told = parser.parse_args()
    if told.use:
        sys.exit(be_a_meter(told.use, told.pieces))
    started = time.monotonic()
    found = run(told.first, told.count, told.kinds)
    wall = round(time.monotonic() - started, 1)
    print(json.dumps({**found.counts, "seconds": wall, "wrong": found.shown}, indent=1))


if __name__ == "__main__":
    main()
