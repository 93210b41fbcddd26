"""Archives of scans made by seed, and runs over them: `python -m tests.sorter.archiving --help`.

Of a hundred scans about one is a photocopy, one a forgery, three are second passes and one is
rubbish; the scans of several sites lie in shards in no order of time.
"""

import argparse
import json
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from imicore.eckeys import PrivateKey
from imicore.signature import Signer
from sorter.archive import ArchivedScan, write_shard
from sorter.campaign import VERDICTS, Plan, digest_of, run
from sorter.fleet import Executor, Pool, Ray, Serial
from tests.sorter.mail import Device, facts, register

AUTHORITY = Signer(PrivateKey.from_scalar(77))
SITES = ("SFO", "JFK", "ORD")


def make(folder: Path, count: int, seed: int, devices: int = 40, shard: int = 10_000) -> Plan:
    """Write an archive of so many scans and a register of its devices; return the plan."""
    folder.mkdir(parents=True, exist_ok=True)
    fleet = [Device(serial) for serial in range(1, devices + 1)]
    listed = register(*(device.record() for device in fleet))
    (folder / "register").write_bytes(listed.to_bytes(AUTHORITY.sign, "authority"))
    scans = _scans(random.Random(seed), fleet, count)
    shards = []
    for at in range(-(-count // shard)):
        path = folder / f"scans-{at:05d}.jsonl"
        write_shard(path, (next(scans) for _ in range(min(shard, count - at * shard))))
        shards.append(str(path))
    return Plan(
        shards=tuple(shards),
        out=str(folder / "out"),
        register=str(folder / "register"),
        authority=(("authority", AUTHORITY.public_key.hex()),),
    )


def _scans(dice: random.Random, fleet: list[Device], count: int) -> Iterator[ArchivedScan]:
    counts: Counter[int] = Counter()
    past: list[ArchivedScan] = []
    signers = {device.serial: device.signer for device in fleet}
    for number in range(count):
        seen = facts(
            piece_id=f"piece {number}",
            image_id=f"image {number}",
            scanned_us=1_783_969_200_000_000 + dice.randrange(86_400_000_000),
            site=dice.choice(SITES),
            lane=dice.randrange(4),
        )
        turn = dice.random()
        if past and turn < 0.04:  # a photocopy, or the same piece on its second pass
            old = dice.choice(past)
            piece_id = old.facts.piece_id if turn > 0.01 else seen.piece_id
            again = replace(seen, piece_id=piece_id, pass_number=2)
            yield ArchivedScan(old.payloads, again)
        elif turn < 0.05:
            yield ArchivedScan((dice.randbytes(109),), seen)
        else:
            device = dice.choice(fleet)
            counts[device.serial] += 1
            payload = device.indicium(counts[device.serial], signer=signers[device.serial])
            if turn < 0.06:
                payload = payload[:-1] + bytes([payload[-1] ^ 1])
            scan = ArchivedScan((payload,), seen)
            if len(past) < 5_000:
                past.append(scan)
            yield scan


def carried_out(plan: Plan, executor: Executor, *, kill: bool = False) -> dict[str, Any]:
    """Run a campaign; with `kill`, SIGKILL one worker when half of the shards are examined."""
    started, killed = time.monotonic(), False
    for done, _ in enumerate(run(plan, executor), start=1):
        if kill and not killed and done >= len(plan.shards) // 2:
            killed = _kill_one()
    executor.close()
    seconds = time.monotonic() - started
    rows = [
        json.loads(line)
        for at in range(len(plan.shards))
        for line in plan.file(VERDICTS, at).read_text(encoding="ascii").splitlines()
    ]
    return {
        "verdicts": len(rows),
        "digest": digest_of(plan),
        "codes": dict(sorted(Counter(row["code"] for row in rows).items())),
        "seconds": round(seconds, 1),
        "per_second": round(len(rows) / seconds),
        "killed": killed,
    }


def _kill_one() -> bool:
    """Kill one worker of ours: a child of this process, or a worker of the local Ray."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            stat = (path / "stat").read_text().rpartition(")")[2].split()
            line = (path / "cmdline").read_bytes()
        except OSError:
            continue
        is_child = int(stat[1]) == os.getpid() and b"spawn_main" in line
        if is_child or line.startswith(b"ray::_done"):
            os.kill(int(path.name), signal.SIGKILL)
            return True
    return False


def main() -> None:
    parser = argparse.ArgumentParser(description="judge a made archive by several executors")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", default="serial,pool1,pool2,pool4", help="and rayN")
    parser.add_argument("--kill", action="store_true", help="SIGKILL one worker of each run")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        plan = make(Path(name), told.count, told.seed)
        print(f"archive of {told.count:,} scans in {len(plan.shards)} shards", flush=True)
        digests = set()
        for way in told.runs.split(","):
            executor: Executor = (
                Serial() if way == "serial"
                else Ray(int(way[3:])) if way.startswith("ray")
                else Pool(int(way[4:]))
            )  # fmt: skip
            out = replace(plan, out=f"{name}/{way}")
            found = carried_out(out, executor, kill=told.kill and way != "serial")
            digests.add(found["digest"])
            print(way, json.dumps(found), flush=True)
        print("identical" if len(digests) == 1 else "DIFFERENT")


if __name__ == "__main__":
    main()
