"""Archived scans: each one verdict, whatever dies, whoever works, in whatever order."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from postage.verdictrows import verdict_as_row
from sorter.archive import MAX_LINE, ArchivedScan, read_shard, write_shard
from sorter.campaign import COPIES, VERDICTS, Plan, digest_of, run
from sorter.errors import FleetError, RegisterError
from sorter.fleet import Pool, Serial
from sorter.imprints import order_of
from sorter.trust import Trust
from sorter.verifier import Verifier
from tests.oracles.scan_history import ListedScans
from tests.sorter.archiving import carried_out, make
from tests.sorter.mail import BOOK, METER, Device, facts


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return make(tmp_path, 600, seed=5, devices=3, shard=100)


def rows(plan: Plan) -> list[dict[str, object]]:
    return [
        json.loads(line)
        for at in range(len(plan.shards))
        for line in plan.file(VERDICTS, at).read_text().splitlines()
    ]


def test_the_same_verdicts_by_one_worker_by_many_and_with_one_killed(plan: Plan) -> None:
    alone = carried_out(plan, Serial())
    assert alone["verdicts"] == 600
    assert {"VALID", "DUPLICATE", "COUNTERFEIT", "UNREADABLE"} <= alone["codes"].keys()
    many = carried_out(replace(plan, out=plan.out + "2"), Pool(2), kill=True)
    assert many["killed"]
    assert many["digest"] == alone["digest"]


def test_a_campaign_is_the_verifier_in_the_order_of_the_scans(plan: Plan) -> None:
    list(run(plan, Serial()))
    told = {row.pop("image_id"): row for row in rows(plan)}
    scans = [scan for shard in plan.shards for scan in read_shard(Path(shard))]
    scans.sort(key=lambda scan: scan.facts.scanned_us)
    assert len({scan.facts.scanned_us for scan in scans}) == len(scans)
    sorter = Verifier(Trust(plan.believed()), ListedScans(), BOOK)
    for scan in scans:
        verdict = sorter.verify(scan.payloads, scan.facts)
        assert verdict_as_row(verdict) == told[scan.facts.image_id]


def test_a_killed_run_is_taken_up_where_it_was(plan: Plan) -> None:
    for done, _ in enumerate(run(plan, Serial()), start=1):
        if done == 8:
            break  # six shards examined, two portions searched
    left = list(run(plan, Serial()))
    assert len(left) == plan.portions - 2 + 6
    assert list(run(plan, Serial())) == []
    whole = digest_of(plan)
    plan.file(VERDICTS, 3).unlink()
    plan.file(COPIES, 1).unlink()
    list(run(plan, Serial()))
    assert digest_of(plan) == whole


def test_a_line_that_nobody_can_read_has_its_verdict(plan: Plan) -> None:
    shard = Path(plan.shards[0])
    good = ArchivedScan((Device(1).indicium(),), facts())
    write_shard(shard, [good])
    broken = ["{", "[]", '{"payloads":["zz"]}', '{"payloads":["00"]}', "", "[" * 100_000]
    broken += ['{"payloads":[],"scanned_us":1,"lane":"x"}', '{"payloads":[],"scanned_us":1e400}']
    broken += [json.dumps({"payloads": ["00" * MAX_LINE]})]
    with shard.open("a") as file:
        file.write("\n".join(broken) + "\n")
    only = replace(plan, shards=(str(shard),))
    list(run(only, Serial()))
    assert [row["code"] for row in rows(only)] == ["VALID"] + ["NOT_VERIFIABLE"] * len(broken)


def test_another_campaign_in_the_folder_is_refused(plan: Plan) -> None:
    list(run(plan, Serial()))
    with pytest.raises(FleetError, match="another campaign"):
        list(run(replace(plan, portions=4), Serial()))
    with pytest.raises(FleetError, match="same name"):
        list(run(replace(plan, shards=plan.shards * 2), Serial()))


def test_a_register_of_another_authority_stops_before_the_first_task(plan: Plan) -> None:
    other = replace(plan, authority=(("authority", METER.signer.public_key.hex()),))
    with pytest.raises(RegisterError):
        list(run(other, Serial()))
    assert not Path(plan.out).exists()


def test_scans_of_one_moment_have_a_total_order() -> None:
    """Two sites may name one microsecond; the first of them must not depend on the reader."""
    from sorter.authenticity import Examiner
    from sorter.history import scan_of
    from tests.sorter.mail import register

    [one] = Examiner().examine([METER.indicium()], register(), "production")
    scans = [scan_of(one, facts(scanned_us=5, site=site)) for site in ("SFO", "JFK")]
    assert min(scans, key=order_of) == min(scans[::-1], key=order_of)


def _die(folder: str) -> None:
    marks = Path(folder)
    (marks / f"{os.getpid()}").touch()
    os.kill(os.getpid(), 9)


def test_a_task_that_kills_every_worker_ends_the_run(tmp_path: Path) -> None:
    pool = Pool(1)
    with pytest.raises(FleetError, match="workers died"):
        list(pool.map(_die, [str(tmp_path)]))
    pool.close()
    assert len(list(tmp_path.iterdir())) > 1


KILLED_JOB = """
import os
from sorter.fleet import Pool
if __name__ == "__main__":
    print(*Pool(2).map(eval, ["6 * 7"]), flush=True)
    os.kill(os.getpid(), 9)
"""


def test_the_workers_of_a_killed_run_end_too(tmp_path: Path) -> None:
    job = tmp_path / "job.py"
    job.write_text(KILLED_JOB)
    root = Path(__file__).parents[2]
    # They hold its output open, so this waits until the last of them has ended.
    done = subprocess.run(
        [sys.executable, str(job)],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (-9, "42\n"), done.stderr


RAY_JOB = """
import sys
from pathlib import Path
from dataclasses import replace
from sorter.fleet import Ray, Serial
from tests.sorter.archiving import carried_out, make
if __name__ == "__main__":
    plan = make(Path(sys.argv[1]), 600, seed=5, devices=3, shard=100)
    alone = carried_out(plan, Serial())
    many = carried_out(replace(plan, out=plan.out + "2"), Ray(2), kill=True)
    assert many["digest"] == alone["digest"], (alone, many)
    print("killed", many["killed"])
"""


@pytest.mark.slow
def test_the_same_verdicts_on_ray_with_a_worker_killed(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (extra: fleet)")
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("Ray listens beyond loopback without a network namespace (unshare, root)")
    job = tmp_path / "job.py"
    job.write_text(RAY_JOB)
    command = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    command += [sys.executable, str(job), str(tmp_path / "archive")]
    root = Path(__file__).parents[2]
    done = subprocess.run(
        command,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "killed True" in done.stdout
