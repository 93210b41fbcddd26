"""What one record changes in the device's state, and that it changes nothing else.

reliability.md 4.5 says what each record means; every case names all fields that differ after it.
"""

from copy import deepcopy
from dataclasses import fields, replace
from typing import Any

import pytest

from pipeline.fold import fold
from pipeline.record import Record, RecordType
from pipeline.state import (
    DAY_SHIFT,
    DAY_US,
    FLAG_REDATE,
    FLAG_TEST,
    FLAG_TIME_ASSUMED,
    FLAG_TIME_KNOWN,
    FLAG_UNRELEASED,
    OUTCOME_BITS,
    REDATE_DAYS,
    WINDOW_SHIFT,
    Anchor,
    Department,
    DeviceState,
    IncidentKind,
    Lock,
    Open,
    Outcome,
    PendingRefill,
    Stage,
    Tries,
    Try,
)
from tests.pipeline.nextrecord import STATE, record

DIGEST = b"d" * 32
DAY = 20_647  # 2026-07-13
PENDING = replace(STATE, pending_refill=PendingRefill(5, 100, 9, 8))
FLIGHT = replace(STATE, flight=[8, 9, 10], window=3)
SPENT = replace(STATE, departments={5: Department(300, 40, 500)}, unsent_us=900)
LOCKED = replace(STATE, locks=int(Lock.COMM | Lock.SUSPENDED), unsent_us=900, last_contact_us=500)


def outcomes(*told: int) -> int:
    """Return the flags that tell of pieces in flight, the oldest first; 0 tells nothing."""
    return sum(outcome << OUTCOME_BITS * place for place, outcome in enumerate(told))


def debit(state: DeviceState, amount: int = 100, **changes: int) -> Record:
    return record(RecordType.DEBIT, state, amount=amount, **changes)


PAID = {"ascending": 880, "descending": 120, "piece_count": 2}
BOOTED = {"boot": 3, "binding": b"imi-std/p1 94043"}
STRICT = BOOTED | {"unmet": True}  # no clock is believed: nothing prints before a whole contact


def boot(state: DeviceState, flags: int = 0, **changes: Any) -> Record:
    payload = b"imi-std/p1 94043"
    flags |= 2 << WINDOW_SHIFT
    return record(RecordType.BOOT, state, flags=flags, payload=payload, **changes)


CASES: dict[str, tuple[DeviceState, Record, dict[str, Any]]] = {
    "debit": (
        STATE,
        debit(STATE, department=5),
        PAID | {"flight": [11], "unsent_us": 1_000, "departments": {5: Department(100, 100, None)}},
    ),
    "debit of a department that has charges": (
        SPENT,
        debit(SPENT, department=5),
        PAID | {"flight": [11], "departments": {5: Department(400, 140, 500)}},
    ),
    "debit that tells of two pieces": (
        FLIGHT,
        debit(FLIGHT, flags=outcomes(Outcome.MISPRINT, 0, Outcome.UNPRINTED)),
        PAID
        | {
            "flight": [9, 11],
            "open": {8: Open.MISPRINT, 10: Open.UNPRINTED},
            "unsent_us": 1_000,
            "departments": {0: Department(100, 100, None)},
        },
    ),
    "test": (
        replace(STATE, tests=4, redates=7),
        debit(STATE, 0, flags=FLAG_TEST | DAY << DAY_SHIFT),
        {"tests": 5},
    ),
    "redate, which forgets those too old for another": (
        replace(STATE, redates=4, redated={1: DAY - REDATE_DAYS - 1, 2: DAY - REDATE_DAYS, 3: DAY}),
        debit(STATE, 0, flags=FLAG_REDATE | DAY << DAY_SHIFT, reference=6),
        {"redates": 5, "redated": {2: DAY - REDATE_DAYS, 3: DAY, 6: DAY}},
    ),
    "outcomes": (
        FLIGHT,
        record(RecordType.CONFIRM, flags=outcomes(Outcome.PRINTED, Outcome.CONFIRMED)),
        {"flight": [10]},
    ),
    "claim of an open piece": (
        replace(FLIGHT, open={6: Open.OPEN_UNKNOWN, 7: Open.MISPRINT}),
        record(RecordType.CONFIRM, flags=Outcome.CLAIMED, reference=7),
        {"open": {6: Open.OPEN_UNKNOWN}},
    ),
    "spoiling of an open piece": (
        replace(STATE, open={6: Open.OPEN_UNKNOWN}),
        record(RecordType.CONFIRM, flags=Outcome.UNPRINTED, reference=6),
        {"open": {6: Open.UNPRINTED}},
    ),
    "confirmation of nothing": (STATE, record(RecordType.CONFIRM), {}),
    "boot with an unreleased piece": (
        FLIGHT,
        boot(FLIGHT, FLAG_UNRELEASED),
        STRICT
        | {
            "window": 2,
            "flight": [],
            "open": {8: Open.OPEN_UNKNOWN, 9: Open.OPEN_UNKNOWN, 10: Open.OPEN_UNRELEASED},
        },
    ),
    "boot with released pieces": (
        replace(FLIGHT, flight=[10], open={6: Open.MISPRINT}),
        boot(FLIGHT),
        STRICT | {"window": 2, "flight": [], "open": {6: Open.MISPRINT, 10: Open.OPEN_UNKNOWN}},
    ),
    "boot that is told no time": (
        replace(STATE, anchor=Anchor(900, 1), assumed_boots=2),
        boot(STATE),
        STRICT | {"window": 2, "anchor": None, "assumed_boots": 0},
    ),
    "boot that knows the time": (
        replace(STATE, assumed_boots=2),
        boot(STATE, FLAG_TIME_KNOWN, psd_us=2_000, boottime_us=30),
        BOOTED | {"window": 2, "anchor": Anchor(2_000, 30), "assumed_boots": 0, "floor_us": 2_000},
    ),
    "boot that assumes the time": (
        replace(STATE, assumed_boots=2),
        boot(STATE, FLAG_TIME_ASSUMED, boottime_us=30),
        BOOTED | {"window": 2, "anchor": Anchor(1_000, 30), "assumed_boots": 3},
    ),
    "boot with repairs on a day that had some": (
        replace(STATE, repairs=2, repair_day=DAY),
        boot(STATE, psd_us=DAY * DAY_US + 1, amount=3),
        STRICT | {"window": 2, "repairs": 5, "floor_us": DAY * DAY_US + 1},
    ),
    "boot with repairs on another day": (
        replace(STATE, repairs=2, repair_day=DAY),
        boot(STATE, psd_us=(DAY + 1) * DAY_US, amount=3),
        STRICT | {"window": 2, "repairs": 3, "repair_day": DAY + 1, "floor_us": (DAY + 1) * DAY_US},
    ),
    "request for a refill": (
        STATE,
        record(
            RecordType.REFILL_BEGIN, amount=100, reference=5, payload=(258).to_bytes(8, "little")
        ),
        {"pending_refill": PendingRefill(5, 100, 258, 11)},
    ),
    "refill": (
        PENDING,
        record(RecordType.REFILL_APPLY, amount=100, reference=5),
        {
            "pending_refill": None,
            "refills": {5: 100},
            "descending": 320,
            "control_total": 1_100,
        },
    ),
    "refill that came to nothing": (
        PENDING,
        record(RecordType.REFILL_VOID, amount=100, reference=5),
        {"pending_refill": None, "voided": {5}},
    ),
    "budget of a department that has charges": (
        SPENT,
        record(RecordType.BUDGET, department=5, amount=700),
        {"departments": {5: Department(300, 0, 700)}},
    ),
    "budget of a new department": (
        SPENT,
        record(RecordType.BUDGET, department=6, amount=700),
        {"departments": {5: Department(300, 40, 500), 6: Department(0, 0, 700)}},
    ),
    "time": (
        replace(STATE, assumed_boots=2),
        record(RecordType.TIME_ANCHOR, psd_us=2_000, boottime_us=30),
        {"anchor": Anchor(2_000, 30), "assumed_boots": 0, "floor_us": 2_000},
    ),
    "acknowledgement of all": (
        LOCKED,
        record(RecordType.AUDIT_ACK, reference=10),
        {"acknowledged": 10, "last_contact_us": 1_000, "locks": Lock.SUSPENDED, "unsent_us": 0},
    ),
    "acknowledgement of a part": (
        LOCKED,
        record(RecordType.AUDIT_ACK, reference=9),
        {"acknowledged": 9},
    ),
    "incident": (
        LOCKED,
        record(RecordType.INCIDENT, amount=3, reference=IncidentKind.FORGED, payload=b"told"),
        {},
    ),
    "lock": (
        replace(STATE, locks=int(Lock.COMM)),
        record(RecordType.LOCK, reference=Lock.SUSPENDED),
        {"locks": Lock.COMM | Lock.SUSPENDED},
    ),
    "unlock": (
        LOCKED,
        record(RecordType.UNLOCK, reference=Lock.SUSPENDED | Lock.FAULT),
        {"locks": Lock.COMM},
    ),
    "fault": (
        LOCKED,
        record(RecordType.FAULT),
        {"locks": Lock.COMM | Lock.SUSPENDED | Lock.FAULT},
    ),
    "initialisation": (
        replace(LOCKED, stage=Stage.MANUFACTURED),
        record(RecordType.LIFE, reference=Stage.INITIALIZED),
        {"stage": Stage.INITIALIZED},
    ),
    "registration, which is a contact": (
        replace(LOCKED, stage=Stage.INITIALIZED),
        record(RecordType.LIFE, reference=Stage.REGISTERED),
        {"stage": Stage.REGISTERED, "last_contact_us": 1_000, "locks": Lock.SUSPENDED},
    ),
    "withdrawal": (
        STATE,
        record(RecordType.WITHDRAW, amount=220),
        {"stage": Stage.WITHDRAWN, "descending": 0, "control_total": 780},
    ),
    "zeroising": (STATE, record(RecordType.ZEROISE), {"zeroised": True}),
    "first try": (
        STATE,
        record(RecordType.TRY, operator=9, reference=Try.ATTEMPT),
        {"tries": {9: Tries(1, 1_000)}},
    ),
    "one more try": (
        replace(STATE, tries={9: Tries(2, 900), 8: Tries(1, 800)}),
        record(RecordType.TRY, operator=9, reference=Try.ATTEMPT),
        {"tries": {9: Tries(3, 1_000), 8: Tries(1, 800)}},
    ),
    "success": (
        replace(STATE, tries={9: Tries(2, 900)}),
        record(RecordType.TRY, operator=9, reference=Try.SUCCESS),
        {"tries": {}},
    ),
    "release": (
        replace(STATE, tries={9: Tries(2, 900)}),
        record(RecordType.TRY, operator=9, reference=Try.RELEASE),
        {"tries": {}},
    ),
    "rates": (
        STATE,
        record(RecordType.RATE, rate_version=20_260_712),
        {"rate_version": 20_260_712},
    ),
    "checkpoint that begins a run": (
        STATE,
        record(RecordType.CHECKPOINT, reference=3),
        {"checkpoint": (1, 3)},
    ),
    "checkpoint that ends a run": (
        replace(STATE, checkpoint=(2, 3)),
        record(RecordType.CHECKPOINT, reference=2 << 32 | 3),
        {"checkpoint": None},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_record_changes_what_it_says_and_nothing_else(name: str) -> None:
    state, next_record, changed = CASES[name]
    after = deepcopy(state)
    fold(after, next_record, DIGEST)
    differs = {
        each.name: getattr(after, each.name)
        for each in fields(DeviceState)
        if getattr(after, each.name) != getattr(state, each.name)
    }
    assert differs == {"sequence": 11, "previous": DIGEST} | changed


def test_every_type_of_record_has_its_case() -> None:
    assert {next_record.type for _, next_record, _ in CASES.values()} == {*RecordType}
