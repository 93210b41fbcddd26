"""An audit upload whose line is cut at random bytes, over and over, until every record is there.

`python -m tests.pipeline.upload_cuts --records 1000000 --cuts 1000` prints the counts (P6 of
reliability.md). The device is a tape of sealed records that follow the rule book, without the
journal's files, which would take three syncs a record to write; upload, link and provider are the
product's.
"""

import argparse
import hmac
import json
import sys
import time
from collections import Counter
from itertools import count
from random import Random
from typing import Any, cast

from imi.fakeprovider import FakeProvider
from pipeline.fold import fold
from pipeline.imprint import Head
from pipeline.link import Link, Unreachable
from pipeline.psd import Psd
from pipeline.record import RECORD_BYTES, Record, RecordType, digest
from pipeline.state import (
    FLAG_TIME_KNOWN,
    WINDOW_SHIFT,
    DeviceState,
    Outcome,
    Stage,
    outcome_flags,
)
from pipeline.upload import upload
from postage.envelope import open_envelope
from postage.messages import AuditUpload, Message
from postage.money import Money
from postage.registers import Registers
from tests.pipeline.device import NOON_US, SEAL
from tests.pipeline.device import sign as device_sign
from tests.pipeline.meeting import DEVICE, device_check, provider_check, provider_sign

PAID = 900_000_000_000


class Tape:
    """What `upload` asks of a device: sealed records, the newest of them, the registers."""

    device_id = DEVICE

    def __init__(self, records: int) -> None:
        self.state = DeviceState()
        self.sealed = bytearray()
        self.acknowledged = 0
        self._write(RecordType.BOOT, flags=1 << WINDOW_SHIFT | FLAG_TIME_KNOWN, payload=b"b")
        self._write(RecordType.LIFE, reference=Stage.INITIALIZED)
        self._write(RecordType.LIFE, reference=Stage.REGISTERED)
        self._write(RecordType.REFILL_BEGIN, amount=PAID, reference=1, payload=bytes(8))
        self._write(RecordType.REFILL_APPLY, amount=PAID, reference=1)
        while self.state.sequence < records:
            told = dict.fromkeys(self.state.flight, Outcome.PRINTED)
            flags = outcome_flags(self.state.flight, told)
            self._write(RecordType.DEBIT, amount=780, flags=flags)

    @property
    def head(self) -> Head:
        return Head(self.state.sequence, self.state.previous)

    @property
    def registers(self) -> Registers:
        return Registers(
            ascending=Money(self.state.ascending),
            descending=Money(self.state.descending),
            control_total=Money(self.state.control_total),
            piece_count=self.state.piece_count,
        )

    def sealed_records(self, first: int, last: int) -> Any:
        view = memoryview(self.sealed)
        return (
            bytes(view[(number - 1) * RECORD_BYTES : number * RECORD_BYTES])
            for number in range(first, last + 1)
        )

    def acknowledge(self, sequence: int) -> None:
        self.acknowledged = sequence
        self._write(RecordType.AUDIT_ACK, reference=sequence)

    def _write(self, kind: RecordType, *, amount: int = 0, **more: Any) -> None:
        state = self.state
        record = Record(
            kind,
            state.sequence + 1,
            DEVICE,
            state.boot + (kind is RecordType.BOOT),
            NOON_US + state.sequence,
            state.sequence,
            *state.after(kind, amount),
            amount,
            0,
            0,
            0,
            more.get("flags", 0),
            more.get("reference", 0),
            state.previous,
            more.get("payload", b""),
            b"",
        )
        sealed = SEAL.record(record)
        self.sealed += sealed
        fold(state, record, digest(sealed))


class CutLine:
    """A line that is cut at given bytes of all that goes up it, in the question or its answer."""

    def __init__(self, provider: FakeProvider, cuts: list[int], tally: Counter[str]) -> None:
        self.provider = provider
        self.cuts = sorted(cuts, reverse=True)
        self.tally = tally
        self.bytes = 0

    def exchange(self, question: bytes) -> bytes:
        arrives = min(len(question), self.cuts[-1] - self.bytes if self.cuts else len(question))
        is_cut = bool(self.cuts) and self.cuts[-1] <= self.bytes + len(question)
        if is_cut and self.cuts.pop() % 2:
            self.bytes += arrives
            self.provider.handle(question[:arrives])  # its answer has no line to go back on
            self.tally["cut questions"] += 1
            raise ConnectionResetError("cut")
        self.bytes += len(question)
        self._note(open_envelope(question, lambda message, signature: True))
        answer = self.provider.handle(question)
        if is_cut:
            self.tally["cut answers"] += 1
            raise ConnectionResetError("cut")
        return answer

    def _note(self, question: Message) -> None:
        if isinstance(question, AuditUpload) and question.records:
            mark = self.provider.accounts[DEVICE].shadow.mark
            assert question.first == mark + 1, f"resumed at {question.first} after {mark}"
            self.tally["records sent"] += len(question.records) // RECORD_BYTES


def run(records: int, cuts: int, seed: int = 1, progress: bool = False) -> Counter[str]:
    """Return the counts of one upload; AssertionError where a record is lost or stored twice."""
    rng = Random(seed)
    tape = Tape(records)
    newest = tape.head.sequence
    provider = FakeProvider(provider_sign, device_check, lambda: NOON_US)
    provider.enroll(DEVICE, Money(PAID))
    shadow = provider.accounts[DEVICE].shadow
    shadow.post(1, PAID)
    tally: Counter[str] = Counter(records=newest)
    line = CutLine(provider, [rng.randrange(newest * RECORD_BYTES) for _ in range(cuts)], tally)
    nonce = count(1).__next__
    link = Link(DEVICE, line.exchange, device_sign, provider_check, nonce, boottime_us=lambda: 0)
    psd = cast(Psd, tape)
    while isinstance(result := upload(psd, link), Unreachable):
        tally["contacts cut short"] += 1
        at = rng.randrange(shadow.mark) if shadow.mark else 0
        [mine] = tape.sealed_records(at + 1, at + 1)
        assert not shadow.mark or shadow.records[at] == mine
        if progress and tally["contacts cut short"] % 10 == 0:
            print(f"\r{shadow.mark}/{newest}", end="", file=sys.stderr, flush=True)
    assert result == newest == tape.acknowledged == shadow.mark, result
    assert hmac.compare_digest(b"".join(shadow.records), tape.sealed[: newest * RECORD_BYTES])
    assert shadow.state.ascending == tape.state.ascending
    assert not [each for each in provider.incidents if each.denial.name != "NOT_AUTHENTIC"]
    assert not link.incidents
    assert tally["contacts cut short"] == tally["cut questions"] + tally["cut answers"]
    again = tally["records sent"] - newest
    assert again == 0, f"{again} records sent again, though each upload that arrives is kept"
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description="an audit upload over a line that is cut")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--cuts", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    began = time.monotonic()
    tally = run(told.records, told.cuts, told.seed, progress=True)
    print(file=sys.stderr)
    print(json.dumps({**tally, "seconds": round(time.monotonic() - began, 1)}, indent=1))


if __name__ == "__main__":
    main()
