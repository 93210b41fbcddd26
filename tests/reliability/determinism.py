"""The same seed gives the same bytes: SHA-256 of every store after every life; R10.

`python -m tests.reliability.determinism --seeds 50` prints one digest a seed. `compare` runs it
twice, with another PYTHONHASHSEED each: nothing may depend on a set's order or the time of day.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

from imi.meterworld import MeterWorld
from tests.reliability import crash_points
from tests.reliability.broken import SOUND
from tests.reliability.findings import Findings

ROOT = Path(__file__).parents[2]


def digest(seed: int) -> str:
    """Return the SHA-256 over the names and bytes of the stores at every crash point of a life."""
    told = hashlib.sha256()
    points, _, _ = crash_points.life(seed, SOUND)
    for disk, account in points:
        for name, data in disk.image().items():
            told.update(f"{name} {len(data)} ".encode() + data)
        told.update(repr((account.books, account.doubt, sorted(account.paper.items()))).encode())
    wrong = crash_points.crash_point(crash_points.LONGEST * seed + seed % crash_points.LONGEST)
    world = MeterWorld(seed)
    world.run(days=2)
    told.update(repr((wrong, sorted(world.met.items()), world.digest)).encode())
    return told.hexdigest()


def compare(seeds: int) -> Findings:
    """Return whether two runs under two hash seeds print the same digests."""
    found = Findings()
    runs = [
        subprocess.run(
            [sys.executable, "-m", "tests.reliability.determinism", "--seeds", str(seeds)],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for hash_seed in ("0", "1")
    ]
    for seed, (one, other) in enumerate(zip(*runs, strict=True)):
        found.counts["seeds"] += 1
        if one != other:
            found.blame(f"seed {seed}: {one} under PYTHONHASHSEED 0, {other} under 1")
    if len(set(runs[0])) != seeds:
        found.blame("two seeds give the same stores")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="print a digest of the stores for each seed")
    parser.add_argument("--seeds", type=int, default=50)
    told = parser.parse_args()
    print(*(digest(seed) for seed in range(told.seeds)), sep="\n")


if __name__ == "__main__":
    main()
