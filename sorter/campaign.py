"""The verifier over an archive: every scan of many shards judged once, copies across sites found.

Three rounds of tasks, each of which leaves one file under ``out`` and can be done again with the
same result: every shard is examined and its genuine indicia dealt out by device; every portion is
searched for copies, first come first served by the time of the scan; every shard is judged. What a
killed run left is taken up where it was. The answer depends on neither the number of workers nor
their order, nor on which of them died.
"""

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import cache, partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from imicore.signature import Verifier as Signatures
from postage.decertification import read_calendar
from postage.rates import RateBook
from postage.verdictrows import verdict_as_row
from postage.verdicts import Finding, Reason
from service.wholefile import write_whole
from sorter.archive import ArchivedScan, read_shard
from sorter.authenticity import Examined, Examiner
from sorter.errors import FleetError
from sorter.fleet import Executor
from sorter.history import findings_of, scan_of
from sorter.imprints import judged, key_of, order_of
from sorter.judge import Case, Court, judge
from sorter.policy import Policy, TrustMode
from sorter.pricing import remembering
from sorter.register import Register
from sorter.scans import Answer, Scan, Series, Sighting
from sorter.trust import authority, load_register

CACHED_KEYS: Final = 65_536
EXAMINED, COPIES, VERDICTS = "examined", "copies", "verdicts"
PLAN: Final = "plan.json"
_SCAN: Final = tuple(at.name for at in fields(Scan))
_values_of: Final = attrgetter(*_SCAN)


@dataclass(frozen=True, slots=True)
class Plan:
    """One campaign: what is read, where the results go, whom it believes.

    ``authority`` has the names of the keys that may sign the register, each with its SEC 1 point in
    hexadecimal. ``portions`` is into how many parts the devices are dealt.
    """

    shards: tuple[str, ...]
    out: str
    register: str
    authority: tuple[tuple[str, str], ...]
    mode: TrustMode = "production"
    portions: int = 16

    def believed(self) -> Register:
        """Return the register, its signature checked. RegisterError if it is not sound."""
        keys = {key_id: bytes.fromhex(key) for key_id, key in self.authority}
        return load_register(Path(self.register), authority(keys))

    def file(self, folder: str, at: int) -> Path:
        """Return where the result of one task goes."""
        name = f"{at:05d}" if folder == COPIES else Path(self.shards[at]).stem
        return Path(self.out) / folder / f"{name}.jsonl"


@dataclass(frozen=True, slots=True)
class Progress:
    """One task that was done: its round, its file, and the pieces in it."""

    stage: str
    name: str
    pieces: int


def run(plan: Plan, executor: Executor) -> Iterator[Progress]:
    """Judge every scan of the plan's shards; yield each task as it is done.

    Afterwards ``out/verdicts`` has a file for each shard, with a line for each of its lines.

    Raises:
        FleetError: the folder holds another campaign, two shards have one name, or workers keep
            dying.
        RegisterError: the register is not what its authority signed.
    """
    if len({Path(shard).stem for shard in plan.shards}) < len(plan.shards):
        raise FleetError("two shards have the same name")
    plan.believed()  # refused before the first worker starts
    for folder in (EXAMINED, COPIES, VERDICTS):
        (Path(plan.out) / folder).mkdir(parents=True, exist_ok=True)
    _claim(plan)
    for folder, task in ((EXAMINED, _examine), (COPIES, _search), (VERDICTS, _pronounce)):
        yield from executor.map(partial(task, plan), _undone(plan, folder))


def tasks(plan: Plan) -> dict[str, tuple[int, int]]:
    """Return how many tasks of each round are done, and of how many."""
    return {
        folder: (count - len(_undone(plan, folder)), count)
        for folder, count in _rounds(plan).items()
    }


def digest_of(plan: Plan) -> str:
    """Return SHA-256 over all verdicts, shard by shard: equal for equal answers."""
    total = hashlib.sha256()
    for at in range(len(plan.shards)):
        total.update(plan.file(VERDICTS, at).read_bytes())
    return total.hexdigest()


def _rounds(plan: Plan) -> dict[str, int]:
    return {EXAMINED: len(plan.shards), COPIES: plan.portions, VERDICTS: len(plan.shards)}


def _undone(plan: Plan, folder: str) -> list[int]:
    return [at for at in range(_rounds(plan)[folder]) if not plan.file(folder, at).exists()]


def _examine(plan: Plan, at: int) -> Progress:
    """First round, one shard: keep what is genuine, and deal it out by device."""
    bench = _bench(plan)
    scans = list(read_shard(Path(plan.shards[at])))
    genuine: list[int] = []
    dealt: list[list[Any]] = [[] for _ in range(plan.portions)]
    for place, group in enumerate(bench.examined(scans)):
        for turn, one in enumerate(group):
            genuine.append(int(one.is_genuine))
            if one.is_genuine:
                scan = scan_of(one, scans[place].facts)
                device = f"{scan.vendor_model} {scan.serial}".encode()
                dealt[zlib.crc32(device) % plan.portions].append([at, place, turn, _packed(scan)])
    _write(plan.file(EXAMINED, at), [genuine, *dealt])
    return Progress(EXAMINED, plan.shards[at], len(scans))


def _search(plan: Plan, portion: int) -> Progress:
    """Second round, one portion: what every scan is that is not the first of its imprint."""
    rows = []
    for at in range(len(plan.shards)):
        for shard, place, turn, packed in _line(plan.file(EXAMINED, at), portion + 1):
            rows.append((_unpacked(packed), shard, place, turn))
    rows.sort(key=lambda row: (key_of(row[0]), order_of(row[0]), row[1:]))
    copies: list[list[Any]] = [[] for _ in plan.shards]
    for _, same in groupby(rows, key=lambda row: key_of(row[0])):
        (first, *_), *others = same
        for scan, shard, place, turn in others:
            answer = judged(scan, first)
            copies[shard].append([place, turn, answer.name, _packed(first)])
    _write(plan.file(COPIES, portion), copies)
    return Progress(COPIES, str(portion), len(rows))


def _pronounce(plan: Plan, at: int) -> Progress:
    """Third round, one shard: a verdict for every line."""
    bench = _bench(plan)
    scans = list(read_shard(Path(plan.shards[at])))
    groups = bench.examined(scans, _line(plan.file(EXAMINED, at), 0))
    copies = {
        (place, turn): Sighting(Answer[answer], _unpacked(first))
        for portion in range(plan.portions)
        for place, turn, answer, first in _line(plan.file(COPIES, portion), at)
    }
    rows = []
    for place, (scan, group) in enumerate(zip(scans, groups, strict=True)):
        seen = [copies.get((place, turn)) for turn in range(len(group))]
        rows.append({"image_id": scan.facts.image_id, **bench.verdict(scan, group, seen)})
    _write(plan.file(VERDICTS, at), rows)
    return Progress(VERDICTS, plan.shards[at], len(scans))


class _Bench:
    """What a worker keeps between tasks: the court, and the keys it has parsed."""

    def __init__(self, plan: Plan) -> None:
        policy, price = Policy(mode=plan.mode), remembering(RateBook.load())
        self._court = Court(plan.believed(), policy, read_calendar(), price)
        self._examiner = Examiner(Signatures(cached_keys=CACHED_KEYS))

    def examined(
        self, scans: Iterable[ArchivedScan], genuine: Iterable[int] = ()
    ) -> list[list[Examined]]:
        """Return what each payload of each scan is."""
        flat = [payload for scan in scans for payload in scan.payloads]
        register, mode = self._court.register, self._court.policy.mode
        known = [bool(each) for each in genuine]
        found = iter(self._examiner.examine(flat, register, mode, genuine=known))
        return [[next(found) for _ in scan.payloads] for scan in scans]

    def verdict(
        self, scan: ArchivedScan, group: list[Examined], seen: list[Sighting | None]
    ) -> dict[str, Any]:
        """Return the verdict on one scan as a row."""
        picture = (Finding(Reason.BAD_FACTS, scan.wrong),) if scan.wrong else ()
        if not scan.payloads and not scan.wrong:
            picture = (Finding(Reason.NO_SYMBOL, "the archive has no payload of it"),)
        found, first_seen = findings_of(seen)
        case = Case(
            facts=scan.facts, examined=group, seen=found, picture=picture, first_seen=first_seen
        )
        return verdict_as_row(judge(case, self._court))


@cache
def _bench(plan: Plan) -> _Bench:
    return _Bench(plan)


def _packed(scan: Scan) -> list[Any]:
    values = list(_values_of(scan))
    values[_SCAN.index("digest")] = scan.digest.hex()
    return values


def _unpacked(values: list[Any]) -> Scan:
    named = dict(zip(_SCAN, values, strict=True))
    named["digest"] = bytes.fromhex(named["digest"])
    named["series"] = Series(named["series"])
    return Scan(**named)


def _claim(plan: Plan) -> None:
    """Make the folder this campaign's, or see that it already is."""
    said = {
        **asdict(plan),
        "register": hashlib.sha256(Path(plan.register).read_bytes()).hexdigest(),
    }
    said.pop("out")
    text = json.dumps(said, sort_keys=True, indent=1)
    path = Path(plan.out) / PLAN
    if path.exists() and path.read_text() != text:
        raise FleetError(f"{path.parent} holds another campaign: see {path}")
    write_whole(path, text.encode("ascii"))


def _write(path: Path, lines: Iterable[Any]) -> None:
    """Write a result whole or not at all, whoever is killed meanwhile."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    write_whole(path, text.encode("ascii"))


def _line(path: Path, number: int) -> list[Any]:
    """Return what one line has, counted from 0: a task's part of another's result."""
    with path.open(encoding="ascii") as file:
        for at, line in enumerate(file):
            if at == number:
                found: list[Any] = json.loads(line)
                return found
    raise FleetError(f"{path} has no line {number}")
