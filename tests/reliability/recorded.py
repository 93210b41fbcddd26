"""Power cuts of an unmodified meter process: its system calls, recorded and replayed; R3.

`python -m tests.reliability.recorded --images 5000` prints the counts. A meter runs on the real
disk with `recorder.c` loaded before the C library. For each prefix of its log legal directories are
built: what was synced stays, of the rest nothing, everything, a prefix or any subset, torn at 512
bytes; names change in any order until their directory is synced. The device is opened on each, with
the same code that wrote them. The paper, a file that the process writes what it hands out into, is
what left the machine: it is never cut, and the store must account for it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

from pipeline.disk import RealDisk
from pipeline.enrolment import commission
from pipeline.errors import NoDevice, PsdFault
from pipeline.imprint import Evidence
from pipeline.psd import Psd
from pipeline.record import Record, RecordType
from pipeline.setup import Setup
from pipeline.state import Lock, Open, Outcome, Try
from postage.money import Money
from tests.pipeline.device import NOON_US, TODAY, TellClock, letter, provider_sign, setup
from tests.reliability.findings import Findings
from tests.reliability.remembering import remembering

ROOT = Path(__file__).parents[2]
SECTOR = 512
PAPER = "paper"
FOLDERS = ("first", "second")
SEGMENT_RECORDS = 16
MEMORY = Path("/dev/shm")
VARIANTS = ("sound", "no sync", "no names' sync")
Image = dict[str, bytes | None]
"""A directory's names and their bytes; None stands for a directory."""


# The process that is recorded.


def device(clock: TellClock) -> Setup:
    """Return the setup of the recorded device."""
    return setup(clock=clock, window=2, segment_records=SEGMENT_RECORDS, pair_check_every=0)


class UnsyncedDisk(RealDisk):
    """Forgets to sync files."""

    def sync(self, name: str) -> None:
        """Do nothing."""


class NamelessDisk(RealDisk):
    """Forgets to sync directories."""

    def sync_dir(self) -> None:
        """Do nothing."""


DISKS = {"sound": RealDisk, "no sync": UnsyncedDisk, "no names' sync": NamelessDisk}


def use_a_meter(
    folder: Path, variant: str, pieces: int = 59, opened: list[Psd] | None = None
) -> None:
    """Take a meter through its services, telling the paper what each came to.

    `opened` is given each device as soon as it is open: a caller may ask it after a fault.
    """
    opened = [] if opened is None else opened
    rng = Random(7)
    paper = os.open(folder / PAPER, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)

    def tell(psd: Psd, payload: bytes = b"") -> None:
        state = psd._journal.state
        told = [state.sequence, state.ascending, state.descending, state.piece_count]
        os.write(paper, json.dumps([*told, payload.hex()]).encode() + b"\n")

    clock = TellClock()
    disk = DISKS[variant](*(folder / name for name in FOLDERS))
    psd = Psd.create(disk, **device(clock))
    opened.append(psd)
    commission(psd, provider_sign, b"certificate", b"agreement 1")
    tell(psd)
    psd.refill(Money(500_000), 1)
    tell(psd)
    for piece in range(1, pieces + 1):
        evidence = psd.imprint(letter(rng.randint(1, 2_000), department=3))
        assert isinstance(evidence, Evidence), evidence
        tell(psd, evidence.payload)
        psd.confirm(evidence.sequence, rng.choice((Outcome.CONFIRMED, Outcome.MISPRINT)))
        if piece % 5 == 0:
            _serve(psd, piece, evidence)
            tell(psd)
        if piece % 20 == 0:
            psd.close()
            psd = Psd.open(DISKS[variant](*(folder / name for name in FOLDERS)), **device(clock))
            opened.append(psd)
    psd.close()
    psd = Psd.open(DISKS[variant](*(folder / name for name in FOLDERS)), **device(clock))
    tell(psd)
    psd.close()


def _serve(psd: Psd, piece: int, evidence: Evidence) -> None:
    """Do one of the other services, in turn."""
    acts = (
        psd.idle,
        lambda: psd.begin_refill(Money(90_000), piece),
        lambda: psd.pending_refill and psd.void_refill(psd.pending_refill.request_id),
        lambda: psd.set_budget(3, Money(900_000)),
        lambda: psd.acknowledge(psd.last_sequence),
        lambda: psd.redate(evidence.sequence, TODAY.replace(day=TODAY.day + 2)),
        psd.test_imprint,
        lambda: psd.lock(Lock.SUSPENDED) or psd.unlock(Lock.SUSPENDED),
        lambda: psd.note_try(5, Try.ATTEMPT) or psd.note_try(5, Try.SUCCESS),
    )
    acts[piece // 5 % len(acts)]()


# The log, and the directories that it allows.


@dataclass(frozen=True)
class Call:
    """One thing that the process did to the folder."""

    op: str
    file: str
    other: str
    offset: int
    data: bytes


def read_log(path: Path) -> list[Call]:
    """Return the calls of a log.

    Raises:
        ValueError: the process did what cannot be replayed.
    """
    calls = []
    text = path.read_bytes()
    at = 0
    while at < len(text):
        end = text.index(b"\n", at)
        op, file, other, offset, length = text[at:end].decode().split(" ")
        at = end + 1 + int(length)
        if op == "x":
            raise ValueError(f"{other} of {file!r} cannot be replayed")
        calls.append(Call(op, file, other, int(offset), text[end + 1 : at]))
    return calls


@dataclass
class File:
    """The bytes that are on the disk for certain, and the writes that may be."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)


class Medium:
    """What is on the disk for certain, and what is not yet, after so many calls.

    `start`: what stood there durably, names to bytes, None for a directory.
    """

    def __init__(self, start: Image | None = None) -> None:
        start = dict.fromkeys(FOLDERS) if start is None else start
        self.names: dict[str, File | None] = {  # None: a directory
            name: None if data is None else File(bytearray(data)) for name, data in start.items()
        }
        self.files: dict[str, File | None] = dict(self.names)  # as the process sees them
        self.changes: list[tuple[str, dict[str, File | None], str]] = []  # folder, given, taken

    def do(self, call: Call) -> None:
        """Take in one call."""
        if call.op in "wt":
            each = self.files[call.file]
            assert each is not None
            each.pending.append(call)
        elif call.op == "s":
            each = self.files[call.file]
            assert each is not None
            for write in each.pending:
                put(each.durable, write)
            each.pending.clear()
        elif call.op == "d":
            for folder, given, taken in self.changes:
                if folder == call.file:
                    self.names.pop(taken, None)
                    self.names |= given
            self.changes = [change for change in self.changes if change[0] != call.file]
        else:
            self._rename(call)

    def _rename(self, call: Call) -> None:
        folder = str(Path(call.file).parent)
        if call.op in "cm":
            self.files[call.file] = File() if call.op == "c" else None
            self.changes.append((folder, {call.file: self.files[call.file]}, ""))
        elif call.op == "l":
            linked = self.files[call.other] = self.files[call.file]
            self.changes.append((str(Path(call.other).parent), {call.other: linked}, ""))
        elif call.op == "r":
            assert str(Path(call.other).parent) == folder, "a rename within a directory"
            moved = self.files[call.other] = self.files.pop(call.file)
            self.changes.append((folder, {call.other: moved}, call.file))
        else:
            assert call.op == "u"
            self.files.pop(call.file)
            self.changes.append((folder, {}, call.file))

    def image(self, rng: Random) -> Image:
        """Return one directory that a power cut may leave."""
        mode = rng.choice(("nothing", "everything", "prefix", "subset", "subset"))
        share = {"nothing": 0.0, "everything": 1.0}.get(mode, rng.choice((0.2, 0.5, 0.8)))
        kept = [number for number in range(len(self.changes)) if rng.random() < share]
        return {
            name: None if each is None else bytes(_torn(each, mode, share, rng))
            for name, each in self.named(kept).items()
        }

    def named(self, kept: Collection[int]) -> dict[str, File | None]:
        """Return the files and directories where of the unsynced changes of names these came."""
        names = dict(self.names)
        for number in kept:
            _, given, taken = self.changes[number]
            names.pop(taken, None)
            names |= given
        found: dict[str, File | None] = {}
        for name, each in sorted(names.items()):
            parent = str(Path(name).parent)
            if parent == "." or parent in found:  # else its directory is gone, and it with it
                found[name] = each
        return found


def _torn(each: File, mode: str, share: float, rng: Random) -> bytearray:
    data = bytearray(each.durable)
    kept = each.pending
    if mode == "prefix":
        kept = kept[: rng.randint(0, len(kept))]
    for write in kept:
        if mode == "prefix":
            put(data, write)
            continue
        for piece in _sectors(write):
            if rng.random() < share:
                put(data, piece)
    return data


def _sectors(write: Call) -> Iterator[Call]:
    if write.op == "t":
        yield write
        return
    at = 0
    while at < len(write.data):
        end = at + SECTOR - (write.offset + at) % SECTOR
        yield Call("w", write.file, "-", write.offset + at, write.data[at:end])
        at = end


def put(data: bytearray, write: Call) -> None:
    """Do a write or a truncation to a file's bytes."""
    if len(data) < write.offset:
        data.extend(bytes(write.offset - len(data)))
    if write.op == "t":
        del data[write.offset :]
    else:
        data[write.offset : write.offset + len(write.data)] = write.data


# What comes up.


def judge(folder: Path, paper: list[list[object]]) -> str | None:
    """Return what is wrong with the device that comes up, None where nothing is."""
    clock = TellClock(NOON_US + 600_000_000)
    try:
        psd = Psd.open(RealDisk(*(folder / name for name in FOLDERS)), **device(clock))
    except NoDevice:
        return f"lost: no device, and {len(paper)} lines of paper" if paper else None
    except PsdFault as fault:
        return f"fault: {fault}"
    try:
        return _compare(psd, paper)
    except PsdFault as fault:
        return f"fault: {fault}"
    finally:
        psd._journal.close()


def _compare(psd: Psd, paper: list[list[object]]) -> str | None:
    records = {record.sequence: record for record in psd.records()}
    charged = 0
    for sequence, record in records.items():
        charged += record.amount if record.type == RecordType.DEBIT else 0
        if record.ascending != charged:
            return f"AR {record.ascending} after debits of {charged} at record {sequence}"
    return _unaccounted(psd, records, paper)


def _unaccounted(psd: Psd, records: dict[int, Record], paper: list[list[object]]) -> str | None:
    """Return what the paper says and the store does not."""
    released = set()
    for sequence, *registers, payload in paper:
        record = records.get(int(str(sequence)))
        if record is None:
            return f"lost: record {sequence} was acknowledged"
        if [record.ascending, record.descending, record.piece_count] != registers:
            return f"another record {sequence} than was acknowledged"
        if payload:
            released.add(record.piece_count)
            if (record.payload + record.signature).hex() != payload:
                return f"imprint without debit: piece {record.piece_count}"
    for piece in psd.open_pieces:
        if piece.why is Open.OPEN_UNRELEASED and piece.piece_count in released:
            return f"printed, called unreleased: piece {piece.piece_count}"
    evidence = psd.imprint(letter(1))
    if isinstance(evidence, Evidence) and evidence.registers.piece_count in released:
        return f"duplicate: piece {evidence.registers.piece_count}"
    return None


@cache
def recorder() -> Path:
    """Return the compiled recorder; FileNotFoundError where no C compiler is."""
    source = ROOT / "tests" / "reliability" / "recorder.c"
    library = ROOT / "build" / "recorder" / "recorder.so"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        library.parent.mkdir(parents=True, exist_ok=True)
        made = library.with_suffix(f".{os.getpid()}")
        command = [os.environ.get("CC", "cc"), "-O1", "-shared", "-fPIC", "-o", str(made)]
        subprocess.run([*command, str(source), "-ldl", "-lpthread"], check=True)
        made.replace(library)
    return library


def record(folder: Path, variant: str) -> list[Call]:
    """Return the calls of a meter process that ran to its end in a folder."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    return calls_of(folder, "tests.reliability.recorded", "--use", str(folder), variant)


def calls_of(folder: Path, *program: str) -> list[Call]:
    """Return what a Python program, by module and arguments, did to the files of a folder."""
    log = folder.with_suffix(".log")
    subprocess.run(
        [sys.executable, "-m", *program],
        cwd=ROOT,
        env=os.environ
        | {
            "LD_PRELOAD": str(recorder()),
            "RECORD_FOLDER": str(folder.resolve()),
            "RECORD_LOG": str(log),
        },
        check=True,
    )
    return read_log(log)


def run(seed: int, count: int, variant: str = "sound") -> Findings:
    """Return the counts of so many images, spread evenly over the prefixes of one log."""
    found = Findings()
    if shutil.which(os.environ.get("CC", "cc")) is None:
        found.skipped = "no C compiler for the recorder"
        return found
    rng = Random(seed)
    with remembering(), tempfile.TemporaryDirectory() as real:
        calls = record(Path(real) / "meter", variant)
        place = str(MEMORY) if MEMORY.is_dir() else None
        cuts = sorted(rng.randrange(len(calls) + 1) for _ in range(count))
        medium, done = Medium(), 0
        paper: list[list[object]] = []
        with tempfile.TemporaryDirectory(dir=place) as images:
            for number, cut in enumerate(cuts):
                for call in calls[done:cut]:
                    if call.file == PAPER:
                        paper += [json.loads(call.data)] if call.op == "w" else []
                    else:
                        medium.do(call)
                done = cut
                folder = Path(images) / str(number)
                build(folder, medium.image(rng))
                wrong = judge(folder, paper)
                if wrong is not None:
                    found.blame(f"image {number} after call {cut}: {wrong}")
                shutil.rmtree(folder)
        found.counts["images"] += count
        found.counts["calls recorded"] = len(calls)
    return found


def build(folder: Path, image: Image) -> None:
    """Make a directory of an image."""
    for name, data in image.items():
        path = folder / name
        if data is None:
            path.mkdir(parents=True)
        else:
            path.write_bytes(data)


def main() -> None:
    parser = argparse.ArgumentParser(description="cut the power of a recorded meter process")
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--variant", choices=VARIANTS, default="sound")
    parser.add_argument("--use", nargs=2, metavar=("FOLDER", "VARIANT"), help="be the process")
    told = parser.parse_args()
    if told.use:
        use_a_meter(Path(told.use[0]), told.use[1])
        return
    started = time.process_time()
    found = run(told.seed, told.images, told.variant)
    seconds = round(time.process_time() - started, 1)
    print(json.dumps({**found.counts, "cpu_seconds": seconds, "wrong": found.shown}, indent=1))


if __name__ == "__main__":
    main()
