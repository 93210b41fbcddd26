"""Synthetic journals for reports: sound records without a disk, made as they are asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from pipeline.record import Record, RecordType, device_id
from pipeline.state import DAY_SHIFT
from postage.indicium import pack
from postage.money import Money
from tests.pipeline.device import NOON_US

DEVICE = device_id("TST0", 7)
POSTAGE = 780
REFILL = 10**12
DAY_PIECES = 5_000
SECOND_US = 1_000_000


@dataclass(frozen=True)
class ManyImprints:
    """A boot, a refill, then debits of $0.78, 5,000 a day: record n is computed from n alone."""

    imprints: int
    vendor: str = "TST0"

    @property
    def last_sequence(self) -> int:
        return self.imprints + 2

    def records(self, first: int = 1, last: int | None = None) -> Iterator[Record]:
        payload = pack(
            "imi-min/p1",
            {
                "vendor_model": "TST0",
                "device_serial": 7,
                "ascending": Money(POSTAGE),
                "postage": Money(POSTAGE),
                "mailing_date": date(2026, 7, 13),
                "piece_count": 1,
                "rate_category": 1,
            },
        )
        device = device_id(self.vendor, 7)
        for sequence in range(first, (self.last_sequence if last is None else last) + 1):
            yield self._record(sequence, device, payload)

    def _record(self, sequence: int, device: int, payload: bytes) -> Record:
        pieces = max(0, sequence - 2)
        total = REFILL if sequence > 1 else 0
        used = pieces * POSTAGE
        day = pieces // DAY_PIECES
        now = NOON_US + day * 86_400 * SECOND_US + pieces % DAY_PIECES * SECOND_US
        kind, amount = RecordType.DEBIT, POSTAGE
        if sequence <= 2:
            kind, amount = [(RecordType.BOOT, 0), (RecordType.REFILL_APPLY, REFILL)][sequence - 1]
        return Record(
            type=kind,
            sequence=sequence,
            device=device,
            boot=1,
            psd_us=now,
            boottime_us=0,
            ascending=used,
            descending=total - used,
            control_total=total,
            piece_count=pieces,
            amount=amount,
            department=sequence % 3 if pieces else 0,
            operator=0,
            rate_version=0,
            flags=(20_647 + day) << DAY_SHIFT if pieces else 0,
            reference=1 if sequence == 2 else 0,
            previous=bytes(32),
            payload=payload if pieces else b"imi-min/p1 94043",
            signature=b"",
        )
