"""The one record that each service writes, field by field (reliability.md 4.5)."""

from collections.abc import Callable
from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from imi.simdisk import SimDisk
from pipeline.psd import Psd
from pipeline.psdclock import HOUR_US
from pipeline.record import RecordType
from pipeline.state import (
    DAY_SHIFT,
    FLAG_KEYED,
    FLAG_REDATE,
    FLAG_TEST,
    Lock,
    Outcome,
    Stage,
    Try,
)
from postage.indicium import unpack
from postage.money import Money
from tests.pipeline.device import (
    NOON_US,
    TODAY,
    filled,
    imprinted,
    initialise,
    letter,
    register,
    setup,
    sign,
)

DAY = (TODAY - date(1970, 1, 1)).days << DAY_SHIFT
TOMORROW = date(2026, 7, 14)
SILENT = dict.fromkeys(
    ("amount", "department", "operator", "rate_version", "flags", "reference"), 0
) | {"payload": b"", "signature": b""}


def new() -> Psd:
    return Psd.create(SimDisk(), **setup())


def initialised() -> Psd:
    psd = new()
    assert initialise(psd) is None
    return psd


def asked() -> Psd:
    """Return a device with a refill under way."""
    psd = filled()
    assert psd.begin_refill(Money(1_000), 2, nonce=258) is None
    return psd


def held() -> Psd:
    psd = filled()
    assert psd.lock(Lock.SUSPENDED) is None
    return psd


def spoiled() -> Psd:
    """Return a device whose record 6 is a piece that was spoiled."""
    psd = filled()
    psd.confirm(imprinted(psd).sequence, Outcome.MISPRINT)
    psd.idle()
    return psd


WRITES: dict[str, tuple[Callable[[], Psd], Callable[[Psd], object], RecordType, dict[str, Any]]] = {
    "initialise": (
        new,
        initialise,
        RecordType.LIFE,
        {"reference": Stage.INITIALIZED, "payload": sha256(b"certificate").digest()},
    ),
    "register": (
        initialised,
        lambda psd: register(psd, b"a" * 200),
        RecordType.LIFE,
        {"reference": Stage.REGISTERED, "payload": b"a" * 200},
    ),
    "anchor_time": (
        filled,
        lambda psd: psd.anchor_time(NOON_US + HOUR_US, 1_000, 5),
        RecordType.TIME_ANCHOR,
        {"amount": 1_000, "reference": 5, "psd_us": NOON_US + HOUR_US},
    ),
    "acknowledge": (
        filled,
        lambda psd: psd.acknowledge(4),
        RecordType.AUDIT_ACK,
        {"reference": 4},
    ),
    "begin_refill": (
        filled,
        lambda psd: psd.begin_refill(Money(1_000), 2, nonce=258),
        RecordType.REFILL_BEGIN,
        {"amount": 1_000, "reference": 2, "payload": (258).to_bytes(8, "little")},
    ),
    "begin_refill without a nonce": (
        filled,
        lambda psd: psd.begin_refill(Money(1_000), 2),
        RecordType.REFILL_BEGIN,
        {"amount": 1_000, "reference": 2, "payload": bytes(8)},
    ),
    "apply_refill": (
        asked,
        lambda psd: psd.apply_refill(Money(1_000), 2),
        RecordType.REFILL_APPLY,
        {"amount": 1_000, "reference": 2},
    ),
    "void_refill": (
        asked,
        lambda psd: psd.void_refill(2),
        RecordType.REFILL_VOID,
        {"amount": 1_000, "reference": 2},
    ),
    "withdraw": (filled, lambda psd: psd.withdraw(), RecordType.WITHDRAW, {"amount": 500_000}),
    "lock": (
        filled,
        lambda psd: psd.lock(Lock.SUSPENDED),
        RecordType.LOCK,
        {"reference": Lock.SUSPENDED},
    ),
    "unlock": (
        held,
        lambda psd: psd.unlock(Lock.SUSPENDED),
        RecordType.UNLOCK,
        {"reference": Lock.SUSPENDED},
    ),
    "fail, with what no text should have": (
        filled,
        lambda psd: psd.fail("\ud800" + "x" * 300),
        RecordType.FAULT,
        {"payload": b"?" + b"x" * 199},
    ),
    "zeroise": (
        lambda: filled(zeroise=lambda: None),
        lambda psd: psd.zeroise(),
        RecordType.ZEROISE,
        {},
    ),
    "set_budget": (
        filled,
        lambda psd: psd.set_budget(3, Money(1_000)),
        RecordType.BUDGET,
        {"department": 3, "amount": 1_000},
    ),
    "adopt_rates": (
        filled,
        lambda psd: psd.adopt_rates(20_260_712, bytes(range(32))),
        RecordType.RATE,
        {"rate_version": 20_260_712, "payload": bytes(range(32))},
    ),
    "note_try": (
        filled,
        lambda psd: psd.note_try(4, Try.ATTEMPT),
        RecordType.TRY,
        {"operator": 4, "reference": Try.ATTEMPT},
    ),
    "confirm": (
        spoiled,
        lambda psd: psd.confirm(6, Outcome.CLAIMED),
        RecordType.CONFIRM,
        {"flags": Outcome.CLAIMED, "reference": 6},
    ),
}


def test_a_part_of_the_journal_can_be_read() -> None:
    psd = filled()
    assert [record.sequence for record in psd.records(2, 3)] == [2, 3]
    assert [record.sequence for record in psd.records(4)] == [4, 5]
    assert [record.sequence for record in psd.records()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("name", WRITES)
def test_a_service_writes_one_record_of_what_was_asked(name: str) -> None:
    make, service, kind, said = WRITES[name]
    psd = make()
    before, earliest_us = psd.last_sequence, psd.now_us
    answer = service(psd)
    assert answer is None or not hasattr(answer, "reason"), answer
    [record] = psd.records(before + 1)
    assert record.type == kind
    assert {field: getattr(record, field) for field in SILENT | said} == SILENT | said
    assert "psd_us" in said or earliest_us < record.psd_us <= psd.now_us


def test_an_acknowledgement_may_be_said_again() -> None:
    """Its answer may be lost, and the provider has no more than before."""
    psd = filled()
    assert [psd.acknowledge(4), psd.acknowledge(4), psd.acknowledge(6)] == [None] * 3


IMPRINTS: dict[str, tuple[Callable[[Psd], Any], dict[str, Any]]] = {
    "piece": (
        lambda psd: psd.imprint(letter(department=4, operator=9, rate_version=20_260_712)),
        {
            "amount": 780,
            "department": 4,
            "operator": 9,
            "rate_version": 20_260_712,
            "flags": DAY | Outcome.CONFIRMED,
        },
    ),
    "piece with its amount keyed in": (
        lambda psd: psd.imprint(letter(keyed=True)),
        {"amount": 780, "flags": DAY | FLAG_KEYED | Outcome.CONFIRMED},
    ),
    "test": (lambda psd: psd.test_imprint(), {"flags": DAY | FLAG_TEST | Outcome.CONFIRMED}),
    "redate": (
        lambda psd: psd.redate(6, TOMORROW),
        {"flags": DAY | FLAG_REDATE | Outcome.CONFIRMED, "reference": 6},
    ),
}


@pytest.mark.parametrize("name", IMPRINTS)
def test_an_imprint_writes_one_record_with_the_outcome_before_it(name: str) -> None:
    """The true day and the last piece's outcome ride in the flags, the exact imprint beside."""
    imprint, said = IMPRINTS[name]
    psd = filled()
    psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    evidence = imprint(psd)
    [record] = psd.records(7)
    payload = record.payload
    said = said | {"payload": payload, "signature": sign(payload)}
    assert record.type == RecordType.DEBIT
    assert {field: getattr(record, field) for field in SILENT} == SILENT | said
    assert evidence.payload == payload + sign(payload)
    assert (evidence.sequence, evidence.token.number) == (7, 2)
    assert evidence.registers == psd.registers
    assert evidence.accounting_day == TODAY
    assert (evidence.request is None) == (not record.amount)


def test_worthless_imprints_count_by_themselves_and_say_their_date() -> None:
    """domain.md 1.8; a test is dated today, a redate as asked, and neither counts as a piece."""
    psd = filled(window=3)
    pieces = [imprinted(psd) for _ in range(3)]
    redates = [psd.redate(piece.sequence, TOMORROW) for piece in pieces[:2]]
    tests = [psd.test_imprint() for _ in range(2)]
    for number in (1, 2):
        for told, day in ((redates, TOMORROW), (tests, TODAY)):
            indicium = unpack(told[number - 1].payload, profile="imi-std/p1")
            assert (indicium.piece_count, indicium.mailing_date) == (number, day)


def test_a_device_reads_its_own_imprints_whosever_it_is() -> None:
    """No public text says what another vendor's bytes mean: the device's own profile does."""
    psd = filled(vendor_model="ABCD", window=2)
    piece = imprinted(psd)
    redate = psd.redate(piece.sequence, TOMORROW)
    assert unpack(redate.payload, profile="imi-std/p1").vendor_model == "ABCD"
