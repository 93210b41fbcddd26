"""The device's own files through each crash: key ceremony, zeroise, update install; R2.

`python -m tests.reliability.ceremony` prints a table: operation, calls, images, wrong. A process
does one operation on a meter's folder with `recorder.c` loaded; behind each of its system calls
every subset is kept of the names that no directory sync covers (where those are at most eight, as
they are; a broken variant may have more, and pairs are taken), with every tear of 16-byte atoms of
what was not synced, as `tears` takes them. Each directory that this gives is handed to the program
as it starts the next day. A ceremony that was cut short must end with one key, one public key and a
meter that works, without anyone's help; keys that were called destroyed must stay so; and files
that are not those that were sealed must never pass for them.
"""

import argparse
import contextlib
import itertools
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from imi import meter
from imicore import keystore
from imicore.errors import ImiError
from imicore.keys import PEPPER, SoftwareKeyStore
from imicore.signature import Check, Verifier
from pipeline.enrolment import commission
from pipeline.errors import MachineError
from pipeline.imprint import Evidence
from pipeline.job import Meter
from pipeline.lifecycle import State
from pipeline.psd import Psd
from postage.money import Money
from tests.pipeline.device import NOON_US, TODAY, TellClock, letter, provider_check, provider_sign
from tests.reliability import recorded
from tests.reliability.findings import SHOWN, Findings
from tests.reliability.recorded import PAPER, File, Image, Medium
from tests.reliability.tears import ATOM, SECTOR, Piece, families

SETTINGS = Meter(serial=7, licensing_zip="94043", timezone="America/Los_Angeles")
PROGRAM = "tests.reliability.ceremony"
METER, FILES = "meter", "files"
SOUND = "sound"
VARIANTS = (SOUND, "no folder's sync", "drafts are keys", "pepper spared", "files unchecked")
MOST_NAMES = 8  # unsynced at once, of which every subset is taken
Tell = Callable[[object], None]


@dataclass(frozen=True)
class Operation:
    """`before` makes the folder, `act` is cut and tells what it came to.

    `judge` says what is wrong with a folder, given what was told by then.
    """

    name: str
    before: Callable[[Path], object]
    act: Callable[[Path, Tell], object]
    judge: Callable[[Path, list[object]], str | None]


def opened(folder: Path, day: int = 0) -> meter.SoftwareMeter:
    """Return the meter of a folder, so many days later, by a program of the files in it."""
    clock = TellClock(NOON_US + day * 86_400_000_000)
    with (
        patch.object(meter, "own_folders", lambda: {FILES: folder / FILES}),
        patch.object(meter, "SEGMENT_RECORDS", 16),
        patch.object(meter, "_is_providers", lambda _key, _verifier, *told: provider_check(*told)),
    ):
        return meter.open_meter(folder / METER, SETTINGS, clock)


def files_of(folder: Path, words: str = "as delivered") -> None:
    """Make the program's files, which the manifest seals."""
    (folder / FILES).mkdir(exist_ok=True)
    for name in ("edition.csv", "meter.py"):
        (folder / FILES / name).write_text(words, encoding="utf-8")


def met(psd: Psd) -> None:
    """Do what a contact does to the device: the time, and its records acknowledged."""
    psd.anchor_time(psd._clock().psd_us, 0, psd.last_sequence)
    psd.acknowledge(psd.last_sequence)


def in_service(psd: Psd) -> None:
    """Take what steps are left until the device prints."""
    met(psd)
    commission(psd, provider_sign, b"certificate", b"agreement")
    psd.acknowledge(psd.last_sequence)  # a strict boot prints nothing before
    psd.refill(Money(50_000), 1)


# The operations.


def make(folder: Path, tell: Tell) -> None:
    made = opened(folder)
    tell(["made", made.record.public_key.hex()])
    in_service(made.psd)
    tell(["in service", made.record.public_key.hex()])
    made.psd.close()


def made(folder: Path) -> None:
    files_of(folder)
    make(folder, lambda told: None)


def destroy(folder: Path, tell: Tell) -> None:
    one = opened(folder)
    one.psd.zeroise()
    tell(["zeroised"])
    one.psd.close()


def updated(folder: Path) -> None:
    """Make a meter whose program's files are already the new ones."""
    made(folder)
    files_of(folder, "the rates of the new edition")


def install(folder: Path, tell: Tell) -> None:
    with patch.object(meter, "own_folders", lambda: {FILES: folder / FILES}):
        meter.reseal(folder / METER)
    tell(["installed"])


# What comes up.


def judge_made(folder: Path, told: list[object]) -> str | None:
    """Return what is wrong with a meter whose ceremony was cut: it must come to its end now."""
    known = [each[1] for each in told if isinstance(each, list)]
    keys = []
    for day in (1, 2):
        one = opened(folder, day)
        try:
            if one.guard is None or not one.guard.report.passed:
                return f"self-test: {one.guard and one.guard.report.cause}"
            if day == 1 and len(known) == 2 and one.psd.state is State.MANUFACTURED:
                return "lost: it was in service"
            in_service(one.psd)
            keys.append(one.record.public_key.hex())
            if (wrong := _does_not_print(one)) is not None:
                return wrong
        finally:
            one.psd.close()
    return None if {*keys, *known} == {keys[0]} else f"another key: {keys} after {known}"


def judge_destroyed(folder: Path, told: list[object]) -> str | None:
    """Return what is wrong: a key that came back, a half, a register that is gone."""
    for day in (1, 2):
        one = opened(folder, day)
        try:
            folded = one.psd._journal.state
            if (folded.control_total, folded.descending) != (50_000, 50_000):
                return f"registers: {one.psd.registers}"
            if not folded.zeroised:
                if told:
                    return "lost: it was zeroised"
                return _does_not_print(one)
            left = [path.name for path in (folder / METER / "keys").iterdir()]
            if left or one.psd.state is not State.TAMPERED:
                return f"{one.psd.state} with {left}"
            store, _ = meter.key_store(folder / METER, SETTINGS)
            if not store.zeroised:
                return "the store has a pepper"
        finally:
            one.psd.close()
    return None


def judge_installed(folder: Path, told: list[object]) -> str | None:
    """Return what is wrong: files that pass and are not sealed, an update that cannot be repeated.

    Whoever is told nothing does the update again, before the meter is started.
    """
    if not told:
        install(folder, lambda each: None)
    files = folder / FILES / "edition.csv"
    data = files.read_bytes()
    one = opened(folder, 1)
    try:
        if one.guard is None or not one.guard.report.passed:
            return f"self-test: {one.guard and one.guard.report.cause}"
        in_service(one.psd)
        if (wrong := _does_not_print(one)) is not None:
            return wrong
    finally:
        one.psd.close()
    files.write_bytes(data[:-1])
    two = opened(folder, 2)
    try:
        if two.psd.state is not State.FAULT:
            return "a changed file passes"
    finally:
        two.psd.close()
    return None


def _does_not_print(one: meter.SoftwareMeter) -> str | None:
    met(one.psd)
    evidence = one.psd.imprint(letter(mailing_date=TODAY.replace(day=TODAY.day + 9)))
    if not isinstance(evidence, Evidence):
        return f"refused: {evidence}"
    payload, signature = evidence.payload[:-64], evidence.payload[-64:]
    if Verifier().verify(payload, signature, one.record.public_key) is not Check.VALID:
        return "its signature is not its public key's"
    return None


OPERATIONS = (
    Operation("key ceremony", files_of, make, judge_made),
    Operation("zeroise, keys and files", made, destroy, judge_destroyed),
    Operation("update install", updated, install, judge_installed),
)


# Ways to do it wrong.


@contextlib.contextmanager
def broken(variant: str) -> Iterator[None]:
    """Let the program work as a variant says."""
    overwrite = keystore.Folder.overwrite

    def spare(folder: keystore.Folder, name: str, data: bytes) -> None:
        if name != PEPPER:
            overwrite(folder, name, data)

    def anything(store: SoftwareKeyStore, key_id: str, *, is_new: bool) -> None:
        if is_new and not store._storage.names():
            store.create(key_id)
        store.open(key_id)

    patches = {
        SOUND: [],
        "no folder's sync": [patch.object(keystore, "_sync", lambda folder: None)],
        "drafts are keys": [patch.object(meter, "_open_or_create", anything)],
        "pepper spared": [patch.object(keystore.Folder, "overwrite", spare)],
        "files unchecked": [patch.object(meter, "demand_files", lambda *told: None)],
    }[variant]
    with contextlib.ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield


# The images.


def images(medium: Medium) -> Iterator[Image]:
    """Yield what a power cut may leave: every subset of names, every family of torn writes."""
    changes = range(len(medium.changes))
    most = len(changes) if len(changes) <= MOST_NAMES else 2  # a broken variant's
    sizes = range(most + 1)
    for kept in (kept for size in sizes for kept in itertools.combinations(changes, size)):
        named = medium.named(kept)
        writes = [atoms for name, each in named.items() if each for atoms in _atoms(name, each)]
        for pieces in families(writes):
            image = {name: each and bytes(each.durable) for name, each in named.items()}
            for name, offset, data in pieces:
                before = image[name]
                assert before is not None
                room = before.ljust(offset + len(data), b"\0")
                image[name] = room[:offset] + data + room[offset + len(data) :]
            yield image


def _atoms(name: str, each: File) -> Iterator[list[Piece]]:
    for write in each.pending:
        if write.op == "t":
            assert not each.durable, f"{name} is cut, and was not empty"
            continue
        atom = ATOM if len(write.data) <= SECTOR else SECTOR
        yield [
            (name, write.offset + at, write.data[at : at + atom])
            for at in range(0, len(write.data), atom)
        ]


def image_of(folder: Path) -> Image:
    """Return a folder as it stands."""
    paths = sorted(folder.rglob("*"))
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in paths
    }


def examine(name: str, part: int = 0, parts: int = 1, variant: str = SOUND) -> Findings:
    """Return the counts of one operation, of every crash point or of one in so many.

    It ends early where ten images were wrong.
    """
    operation = next(each for each in OPERATIONS if each.name == name)
    found, seen = Findings(), set[object]()
    if shutil.which(os.environ.get("CC", "cc")) is None:
        found.skipped = "no C compiler for the recorder"
        return found
    place = str(recorded.MEMORY) if recorded.MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as temporary:
        folder = Path(temporary) / "recorded"
        folder.mkdir()
        operation.before(folder)
        medium = Medium(image_of(folder))
        calls = recorded.calls_of(folder, PROGRAM, "--use", str(folder), name, variant)
        told: list[object] = []
        for number, call in enumerate([None, *calls]):
            if call is not None and call.file == PAPER:
                told += [json.loads(call.data)] if call.op == "w" else []
            elif call is not None:
                medium.do(call)
            if number % parts != part:
                continue
            found.counts["points"] += 1
            for image in images(medium):
                if found.wrong == SHOWN:
                    return found
                found.counts["images"] += 1
                key = (len(told), *image.items())
                if key in seen:
                    continue
                seen.add(key)
                left = Path(temporary) / "left"
                left.mkdir()
                recorded.build(left, image)
                with broken(variant):
                    wrong = _wrong(operation, left, told)
                shutil.rmtree(left)
                if wrong is not None:
                    after = f"{call.op} {call.file}" if call else "the start"
                    found.blame(f"{name}, call {number}, {after}: {wrong}")
    found.counts["distinct images"] += len(seen)
    return found


def _wrong(operation: Operation, folder: Path, told: list[object]) -> str | None:
    try:
        return operation.judge(folder, told)
    except (MachineError, ImiError, OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


def be_the_program(folder: Path, name: str) -> None:
    """Do an operation, telling the paper what it came to."""
    operation = next(each for each in OPERATIONS if each.name == name)
    paper = os.open(folder / PAPER, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
    operation.act(folder, lambda told: _write(paper, told))


def _write(paper: int, told: object) -> None:
    os.write(paper, json.dumps(told).encode() + b"\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="cut the power while a meter's files are made")
    parser.add_argument("--only", default="", help="part of an operation's name")
    parser.add_argument("--variant", choices=VARIANTS, default=SOUND)
    parser.add_argument("--use", nargs=3, metavar=("FOLDER", "NAME", "VARIANT"), help="be it")
    told = parser.parse_args()
    if told.use:
        with broken(told.use[2]):
            be_the_program(Path(told.use[0]), told.use[1])
        return
    started = time.process_time()
    total = Findings()
    print(f"{'operation':26} points   images  distinct  wrong")
    for operation in OPERATIONS:
        if told.only in operation.name:
            found = examine(operation.name, variant=told.variant)
            counts = [found.counts[each] for each in ("points", "images", "distinct images")]
            print(f"{operation.name:26}", *(f"{each:8,}" for each in counts), f"{found.wrong:6,}")
            for words in found.shown:
                print("   ", words)
            total.add(found)
    print(json.dumps({**total.counts, "cpu_seconds": round(time.process_time() - started, 1)}))


if __name__ == "__main__":
    main()
