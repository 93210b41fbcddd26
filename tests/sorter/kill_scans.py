"""A real process that answers scans, killed at random moments; every scan keeps one verdict.

`python -m tests.sorter.kill_scans --count 1000000 --kills 20` prints one JSON line. The process
writes each answer into a pipe, which is its sorter; it dies by SIGKILL and the next one starts at
the first scan without an answer, or a little before it. The stream is arithmetic: of each scan it
says which piece is in the picture, so what the answer must be follows without any store.
"""

import argparse
import json
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from random import Random

from sorter.duplicates import DuplicateStore
from sorter.imprints import accuses
from sorter.scans import Answer, Scan, Sighting
from tests.sorter.scanning import scan

ACKNOWLEDGED = struct.Struct("<IB")  # number of the scan, place of its answer in ANSWERS
ANSWERS = list(Answer)
DEVICES = 5_000
ASKED_AGAIN = 100  # answered scans before a kill that are asked again after it


class Kind(Enum):
    """How a picture came about."""

    PIECE = "a piece never seen"
    PASS = "a piece on another pass"
    PHOTOCOPY = "another piece with a picture of an indicium"
    FORGERY = "another piece with another indicium of the same count"


OF_HUNDRED = [Kind.PIECE] * 70 + [Kind.PASS] * 22 + [Kind.PHOTOCOPY] * 7 + [Kind.FORGERY]


@dataclass(frozen=True)
class Picture:
    """What is really in picture `number`: the piece, and whose count and content it shows."""

    number: int
    imprint: int
    piece: int
    content: int

    @property
    def truth(self) -> Answer:
        """Return what the picture is, once the picture of the imprint itself was answered."""
        if self.content != self.imprint:
            return Answer.CLONE
        if self.piece != self.imprint:
            return Answer.DUPLICATE
        return Answer.FIRST if self.number == self.imprint else Answer.RESCAN

    @property
    def scan(self) -> Scan:
        """Return the picture as a scan."""
        return scan(
            serial=self.imprint % DEVICES,
            count=self.imprint // DEVICES + 1,
            digest=self.content.to_bytes(8, "little"),
            scanned_us=self.number * 90_000,
            lane=self.number % 4,
            pass_number=1 + (self.number != self.imprint),
            piece_id=f"{self.piece}",
            image_id=f"{self.number}",
        )


def picture(number: int) -> Picture:
    """Return one picture of the stream; it shows nothing that no earlier one brought in."""
    rng = Random(number)
    kind = rng.choice(OF_HUNDRED) if number else Kind.PIECE
    if kind is Kind.PIECE:
        return Picture(number, number, number, number)
    shown = picture(rng.randrange(number))
    piece = shown.piece if kind is Kind.PASS else number
    content = number if kind is Kind.FORGERY else shown.content
    return Picture(number, shown.imprint, piece, content)


class AnswersFirst:
    """A store that is broken on purpose: it answers, rightly, one call before it writes."""

    def __init__(self, store: DuplicateStore) -> None:
        self._store = store
        self._unwritten: list[Scan] = []

    def check_many(self, scans: list[Scan]) -> list[Sighting]:
        """Return what the scans are, and write those of the call before."""
        self._store.check_many(self._unwritten)
        self._unwritten = scans
        return [Sighting(picture(int(one.image_id)).truth, one) for one in scans]

    def close(self) -> None:
        """Write the rest."""
        self.check_many([])
        self._store.close()


def answer_until_killed(folder: Path, start: int, count: int, is_broken: bool) -> None:
    """Answer the stream from `start` on; each answer goes out when its row is durable."""
    whole = DuplicateStore.at(folder / "scans.db")
    store = AnswersFirst(whole) if is_broken else whole
    rng = Random(start)
    while start < count:
        size = rng.choice([1, 1, 20, 500])
        numbers = range(start, min(start + size, count))
        answers = [one.answer for one in store.check_many([picture(n).scan for n in numbers])]
        places = zip(numbers, map(ANSWERS.index, answers), strict=True)
        sys.stdout.buffer.write(b"".join(ACKNOWLEDGED.pack(*place) for place in places))
        sys.stdout.buffer.flush()
        start = numbers.stop
    store.close()


class Sorter:
    """What the sorter was told, and whether it could be true."""

    def __init__(self) -> None:
        self.told: list[Answer] = []
        self.tally: Counter[str] = Counter()
        self.cloned: set[int] = set()  # imprints of which another content was seen

    def take(self, number: int, answer: Answer) -> None:
        """Count an answer; AssertionError where it contradicts an earlier one or the truth."""
        assert number <= len(self.told), f"scan {len(self.told)} got no answer"
        shown = picture(number)
        truth = shown.truth
        if truth is Answer.CLONE:
            self.cloned.add(shown.imprint)
        if number < len(self.told):
            self.tally["asked again"] += 1
            before = self.told[number]
            same = answer is before if accuses(before) else answer is Answer.REPEAT
            assert same, f"scan {number} was {before.name} and is {answer.name}"
        else:
            self.told.append(answer)
            self.tally[truth.name] += 1
        # A row that was written when its process died is a picture that was asked for before.
        kept = answer is Answer.REPEAT and not accuses(truth)
        self.tally["rows kept, answers lost"] += kept and number == len(self.told) - 1
        self.tally["false accusations"] += accuses(answer) and not accuses(truth)
        self.tally["copies missed"] += accuses(truth) and not accuses(answer)
        assert answer is truth or kept, f"scan {number} is {truth.name}, said was {answer.name}"


def run(
    folder: Path, count: int, kills: int, seed: int, *, is_broken: bool = False
) -> Counter[str]:
    """Answer the whole stream with so many deaths; AssertionError where a verdict is wrong."""
    rng, sorter = Random(seed), Sorter()
    deaths = sorted(rng.randrange(count * 9 // 10) for _ in range(kills))
    for death in [*deaths, None]:
        start = max(0, len(sorter.told) - rng.randint(0, ASKED_AGAIN))
        command = [sys.executable, "-m", "tests.sorter.kill_scans", "--count", str(count)]
        command += ["--broken"] if is_broken else []
        command += ["--child", str(start), "--folder", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                listen(process, sorter, rng, death)
            finally:
                process.kill()
        killed = process.returncode == -signal.SIGKILL
        assert killed or (process.returncode == 0 and len(sorter.told) == count), "it stopped"
        sorter.tally["kills"] += killed
        print(f"\r{len(sorter.told):,} of {count:,}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    assert len(sorter.told) == count
    demand_one_row_each(folder, sorter)
    demand_stop_list(folder, sorter)
    sorter.tally["devices on the stop list"] = len({one % DEVICES for one in sorter.cloned})
    return sorter.tally


def listen(
    process: subprocess.Popen[bytes], sorter: Sorter, rng: Random, death: int | None
) -> None:
    """Take what a process answers until it ends; kill it a moment after its answer `death`."""
    assert process.stdout is not None
    rest = b""
    while part := process.stdout.read1(1 << 16):
        rest += part
        whole = len(rest) - len(rest) % ACKNOWLEDGED.size
        for number, place in ACKNOWLEDGED.iter_unpack(rest[:whole]):
            sorter.take(number, ANSWERS[place])
        rest = rest[whole:]
        if death is not None and len(sorter.told) > death:
            time.sleep(rng.uniform(0, 0.02))
            process.kill()
    process.wait()


def demand_stop_list(folder: Path, sorter: Sorter) -> None:
    """Every device with a cloned count is listed, with as many of them, and no other."""
    store = DuplicateStore.at(folder / "scans.db")
    listed = {one.first.serial: one.counts for one in store.stop_list()}
    store.close()
    assert listed == Counter(one % DEVICES for one in sorter.cloned), "another stop list"


def demand_one_row_each(folder: Path, sorter: Sorter) -> None:
    store = DuplicateStore.at(folder / "scans.db")
    rows = Counter(int(told.scan.image_id) for told in store.told())
    assert rows == Counter(range(len(sorter.told))), "a scan has no row, or two"
    for told in store.told():
        number = int(told.scan.image_id)
        assert told.answered is picture(number).truth
        assert told.scan == picture(number).scan
    store.close()


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--broken", action="store_true", help="answer before rows are written")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        answer_until_killed(options.folder, options.child, options.count, options.broken)
        return
    with tempfile.TemporaryDirectory() as folder:
        tally = run(
            Path(folder), options.count, options.kills, options.seed, is_broken=options.broken
        )
    print(json.dumps(dict(sorted(tally.items()))))


if __name__ == "__main__":
    main()
