"""A real process on a real disk, killed at random moments while it prints.

`python -m tests.reliability.kill_points --count 1000` prints the counts. The process writes each
released imprint into a pipe, which is its paper; it dies by SIGKILL; what it printed is compared
with what its journal proves. Its own program, because it forks and a test runner has threads.
"""

import argparse
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from pipeline.disk import RealDisk
from pipeline.imprint import Evidence
from pipeline.psd import Psd
from pipeline.psdclock import Instant
from pipeline.record import RecordType
from pipeline.recovery import recover
from pipeline.segments import read_record
from pipeline.setup import Setup
from pipeline.state import Open, Outcome
from postage.money import Money
from tests.pipeline.device import SEAL, check, letter, new_device, setup
from tests.reliability.findings import Findings

PAPER = struct.Struct("<QQ109s")  # piece count, journal record, payload


def real_clock() -> Instant:
    return Instant(time.time_ns() // 1000, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)


def device() -> Setup:
    return setup(clock=real_clock, window=3, zone=ZoneInfo("UTC"), pair_check_every=16)


def disk_of(folder: Path) -> RealDisk:
    return RealDisk(folder / "first", folder / "second")


def print_until_killed(folder: Path, pipe: int, seed: int) -> None:
    rng = Random(seed)
    psd = Psd.open(disk_of(folder), **device())
    waiting: list[int] = []
    while True:
        evidence = psd.imprint(letter(rng.randint(1, 999), datetime.now(UTC).date()))
        assert isinstance(evidence, Evidence), evidence
        paper = PAPER.pack(evidence.registers.piece_count, evidence.sequence, evidence.payload)
        assert os.write(pipe, paper) == PAPER.size
        waiting.append(evidence.sequence)
        while len(waiting) > rng.randint(0, 2):
            psd.confirm(waiting.pop(0), Outcome.PRINTED)
        if rng.random() < 0.2:
            psd.idle()


def kill_once(folder: Path, rng: Random) -> list[tuple[int, int, bytes]]:
    """Return what a process printed before it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            print_until_killed(folder, writing, rng.getrandbits(32))
        finally:
            os._exit(1)
    os.close(writing)
    printed = b""
    wanted = rng.randint(0, 4)
    # Some die while they recover, most a random moment after so many imprints.
    deadline = time.monotonic() + (rng.uniform(0, 0.02) if wanted == 0 else 20)
    while len(printed) < wanted * PAPER.size and time.monotonic() < deadline:
        if select.select([reading], [], [], max(0, deadline - time.monotonic()))[0]:
            if not (part := os.read(reading, PAPER.size)):
                break
            printed += part
    time.sleep(rng.uniform(0, 0.01))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the device stopped by itself"
    while part := os.read(reading, 1 << 16):
        printed += part
    os.close(reading)
    assert len(printed) % PAPER.size == 0
    return list(PAPER.iter_unpack(printed))


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """Kill so many processes; AssertionError where journal and paper differ."""
    rng = Random(seed)
    psd = new_device(disk_of(folder), **device())
    psd.refill(Money(90_000_000), 1)
    psd.close()
    tally: Counter[str] = Counter()
    paper: dict[int, tuple[int, bytes]] = {}
    for _ in range(count):
        for piece, sequence, payload in kill_once(folder, rng):
            assert piece not in paper, f"piece {piece} printed twice"
            paper[piece] = sequence, payload
            tally["printed"] += 1
        disk = disk_of(folder)
        state = recover(disk, SEAL, check).state
        assert state.control_total == 90_000_000
        assert not paper or state.piece_count >= max(paper), "an imprint without debit"
        disk.close()
        tally["kills"] += 1
    settle(folder, paper, tally)
    return tally


def settle(folder: Path, paper: dict[int, tuple[int, bytes]], tally: Counter[str]) -> None:
    psd = Psd.open(disk_of(folder), **device())
    disk = disk_of(folder)
    charged = 0
    debits = {}
    for sequence in range(1, psd._journal.state.sequence + 1):
        record = read_record(disk, SEAL, sequence)
        if record.type == RecordType.DEBIT:
            charged += record.amount
            debits[record.piece_count] = sequence, record.payload + record.signature
    assert charged == psd.registers.ascending.mills, "lost mills"
    for piece, printed in paper.items():
        assert debits.get(piece) == printed, f"piece {piece} is printed and not debited"
    never = {p.piece_count for p in psd.open_pieces if p.why is Open.OPEN_UNRELEASED}
    assert never.isdisjoint(paper), "printed pieces are called unreleased"
    tally["debits"] = len(debits)
    tally["open, never released"] = len(never)
    tally["open, unknown"] = len(psd.open_pieces) - len(never)
    unaccounted = debits.keys() - paper.keys() - {p.piece_count for p in psd.open_pieces}
    assert not unaccounted, f"pieces {unaccounted} are debited, not printed and not open"
    psd.close()
    disk.close()


def findings(count: int, seed: int) -> Findings:
    """Return the counts of so many kills in a process of their own: forks want no threads."""
    command = [sys.executable, "-m", "tests.reliability.kill_points"]
    done = subprocess.run(
        [*command, "--count", str(count), "--seed", str(seed)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = Findings()
    if done.returncode:
        found.blame(f"seed {seed}: {done.stderr.strip().splitlines()[-1]}")
        return found
    tally = json.loads(done.stdout)
    tally.pop("seconds")
    found.counts.update(tally)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="kill the meter while it prints")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        tally = run(Path(folder), told.count, told.seed)
    print(json.dumps({**tally, "seconds": round(time.monotonic() - started, 1)}))


if __name__ == "__main__":
    main()
