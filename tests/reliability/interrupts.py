"""Exceptions out of signal handlers at every line of the device's own code; reliability.md R5.

`python -m tests.reliability.interrupts` prints the counts. Ctrl-C raises KeyboardInterrupt between
any two steps: after a record is durable and before the device knows, for one. Each operation by
name is interrupted at its first line, its second, and so on until it ends by itself. The program
then does what programs do: it catches the exception, asks for another piece, and closes the device.
Whatever it does, a record that stands whole on the disk must keep its bytes, each piece that was
let out its debit, and the device must come up again, after a power cut too.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from random import Random
from types import CodeType, FrameType
from typing import Any
from unittest.mock import patch

from imi.simdisk import ATOMS, SimDisk
from pipeline import journal, psd, services
from pipeline.errors import NoDevice, PsdFault
from pipeline.imprint import Evidence
from pipeline.psd import Psd
from pipeline.record import RECORD_BYTES, Quality, invert
from pipeline.recovery import HEAD
from tests.pipeline.device import NOON_US, SEAL, TellClock, letter
from tests.reliability.findings import Findings
from tests.reliability.operations import KEYS, OPERATIONS, Operation, device
from tests.reliability.remembering import remembering

WATCHED = tuple(module.__file__ for module in (journal, psd, services))


class Interrupted(BaseException):
    """What a signal handler raises, as KeyboardInterrupt is."""


@contextlib.contextmanager
def interrupted_at(line: int) -> Iterator[list[str]]:
    """Raise at the line of that number, counted as they are run; tells where that was."""
    left, where = line, list[str]()
    known: dict[CodeType, bool] = {}

    def of_frame(frame: FrameType, event: str, told: object) -> Any:
        code = frame.f_code
        if code not in known:
            known[code] = code.co_filename in WATCHED
        return of_line if known[code] else None

    def of_line(frame: FrameType, event: str, told: object) -> Any:
        nonlocal left
        if event != "line":
            return of_line
        left -= 1
        if left < 0:
            sys.settrace(None)
            where.append(f"{frame.f_code.co_qualname}, line {frame.f_lineno}")
            raise Interrupted
        return of_line

    before = sys.gettrace()
    sys.settrace(of_frame)
    try:
        yield where
    finally:
        sys.settrace(before)


def sealed_records(disk: SimDisk) -> dict[tuple[str, int], bytes]:
    """Return every whole record of both copies by file and offset, as a reader would have it."""
    found = {}
    for name in disk.list():
        if name.startswith(("a/", "b/")):
            data = disk.pread(name, disk.size(name), 0)
            for at in range(0, len(data), RECORD_BYTES):
                stored = data[at : at + RECORD_BYTES]
                record = invert(stored) if name.startswith("b/") else stored
                if SEAL.quality(record) is Quality.SEALED:
                    found[name, at] = record
    return found


def interrupt(operation: Operation, before: SimDisk, line: int) -> tuple[str, list[str]]:
    """Return where an operation was interrupted, "" where it ended first, and what was wrong."""
    disk, out, opened = before.fork(), list[Evidence](), list[Psd]()
    KEYS.exist = True
    open_psd = Psd.open

    def noting(disk: SimDisk, **told: Any) -> Psd:
        opened.append(open_psd(disk, **told))
        return opened[-1]

    def release(evidence: Evidence) -> Evidence:
        out.append(evidence)
        return evidence

    with (
        patch.object(Psd, "open", noting),
        contextlib.suppress(Interrupted, PsdFault),
        interrupted_at(line) as where,
    ):
        operation.act(disk, release)
    if not where:
        return "", []
    whole = sealed_records(disk)
    wrong = []
    try:
        for each in opened:
            answer = each.imprint(letter(1))
            out += [answer] if isinstance(answer, Evidence) else []
            each.close()
    except PsdFault:
        pass  # it stopped, which is one of the two ways
    except Exception as error:
        wrong.append(f"it went on and met {type(error).__name__}: {error}")
    after = sealed_records(disk)
    wrong += [
        f"record at {at} of {name} is another"
        for name, at in whole
        if after.get((name, at)) != whole[name, at]
    ]
    rng = Random(line)
    for left in (disk.fork(), disk.after_cut(rng, rng.choice(ATOMS))):
        wrong += weigh(left, out, has_records=bool(whole))
    return where[0], wrong


def weigh(disk: SimDisk, out: list[Evidence], *, has_records: bool) -> list[str]:
    """Return what is wrong with the device that comes up."""
    try:
        psd = Psd.open(disk, **device(clock=TellClock(NOON_US + 3_600_000_000)))
    except NoDevice:
        return ["lost: no device"] if out or HEAD in disk.list() else []
    except PsdFault as fault:
        return [f"fault: {fault}"]
    debits = {record.sequence: record for record in psd.records()}
    wrong = [
        f"imprint without debit: record {evidence.sequence}"
        for evidence in out
        if evidence.sequence not in debits
        or debits[evidence.sequence].payload + debits[evidence.sequence].signature
        != evidence.payload
    ]
    psd._journal.close()
    return wrong


def examine(name: str, stride: int = 1, offset: int = 0) -> Findings:
    """Return the counts of one operation, interrupted at each `stride`-th line."""
    operation = next(each for each in OPERATIONS if each.name == name)
    found, before = Findings(), operation.before()
    with remembering():
        line, where = offset, "somewhere"
        while where:
            where, wrong = interrupt(operation, before, line)
            found.counts["interruptions"] += bool(where)
            for words in wrong:
                found.blame(f"{name}, step {line}, {where}: {words}")
            line += stride
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="interrupt every durable operation at every line")
    parser.add_argument("--only", default="", help="part of an operation's name")
    parser.add_argument("--stride", type=int, default=1, help="take one line in so many")
    told = parser.parse_args()
    started = time.process_time()
    total = Findings()
    for operation in OPERATIONS:
        if told.only in operation.name:
            found = examine(operation.name, told.stride)
            print(
                f"{operation.name:26} {found.counts['interruptions']:6} {found.wrong:6}", flush=True
            )
            for words in found.shown[:3]:
                print("   ", words)
            total.add(found)
    print(json.dumps({**total.counts, "cpu_seconds": round(time.process_time() - started, 1)}))


if __name__ == "__main__":
    main()
