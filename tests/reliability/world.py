"""A meter's days in a world that goes wrong; R11, and the replay of a failure by its seed.

`python -m tests.reliability.world --seed S` lives ten days and prints what was met, or what broke.
"""

import argparse
import json

from imi.meterworld import MeterWorld, WorldBroken
from tests.reliability.findings import Findings
from tests.reliability.remembering import remembering

DAYS = 10


def run(first: int, count: int, days: int = DAYS) -> Findings:
    """Return the counts of so many worlds of some days each."""
    found = Findings()
    with remembering():
        for seed in range(first, first + count):
            world = MeterWorld(seed)
            try:
                world.run(days)
            except WorldBroken as broken:
                found.blame(str(broken))
            found.counts.update(world.met)
            found.counts["worlds"] += 1
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="live a meter's days by a seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--days", type=int, default=DAYS)
    told = parser.parse_args()
    found = run(told.seed, told.count, told.days)
    print(json.dumps({**dict(sorted(found.counts.items())), "wrong": found.shown}, indent=1))


if __name__ == "__main__":
    main()
