"""The rule book, rule by rule: a record that breaks one is named, its neighbour is not."""

from dataclasses import replace

import pytest

from pipeline.record import RecordType
from pipeline.rules import violation
from pipeline.state import (
    FLAG_REDATE,
    FLAG_TEST,
    MAX_CONTROL_TOTAL,
    MAX_PIECE_COUNT,
    Department,
    IncidentKind,
    Lock,
    Outcome,
    PendingRefill,
    Stage,
    Try,
)
from tests.pipeline.nextrecord import STATE, record

WITHDRAWABLE = replace(STATE, ascending=1_000, descending=0)
PENDING = replace(STATE, pending_refill=PendingRefill(5, 100))
MISCOUNTED = (
    "AR, DR, CT, count (780, 220, 1000, 2) after LOCK of 0 mills; expected (780, 220, 1000, 1)"
)
FULL = MAX_CONTROL_TOTAL - STATE.control_total
FILLING = replace(STATE, pending_refill=PendingRefill(5, FULL))
LAST_PIECE = replace(STATE, piece_count=MAX_PIECE_COUNT - 1)
BROKEN = {
    "a gap": (STATE, record(RecordType.LOCK, sequence=12), "sequence 12 after 10"),
    "time back": (STATE, record(RecordType.LOCK, psd_us=999), "at 999 us after boot 2"),
    "boot back": (STATE, record(RecordType.LOCK, boot=1), "LOCK of boot 1"),
    "boot stays": (STATE, record(RecordType.BOOT, boot=2), "BOOT of boot 2"),
    "registers": (STATE, record(RecordType.LOCK, piece_count=2), MISCOUNTED),
    "overdrawn": (STATE, record(RecordType.DEBIT, amount=221), "limit is"),
    "CT": (STATE, record(RecordType.REFILL_APPLY, amount=MAX_CONTROL_TOTAL), "the limit is"),
    "inside a run": (replace(STATE, checkpoint=(1, 3)), record(RecordType.LOCK), "inside the"),
    "zeroised": (replace(STATE, zeroised=True), record(RecordType.BOOT), "BOOT after ZEROISE"),
    "born twice": (STATE, record(RecordType.LIFE, reference=3), "LIFE of a device that is REG"),
    "not born": (replace(STATE, stage=0), record(RecordType.TRY), "of a device that is MANUF"),
    "withdrawn": (replace(STATE, stage=3), record(RecordType.BUDGET), "that is WITHDRAWN"),
    "a stage left out": (
        replace(STATE, stage=0),
        record(RecordType.LIFE, reference=2),
        "stage 2 after MANUFACTURED",
    ),
    "withdrawn by LIFE": (
        replace(STATE, stage=2),
        record(RecordType.LIFE, reference=3),
        "LIFE of a device",
    ),
    "acknowledged less": (STATE, record(RecordType.AUDIT_ACK, reference=3), "3 acknowledged"),
    "acknowledged more": (STATE, record(RecordType.AUDIT_ACK, reference=11), "11 acknowledged"),
    "COMM lifted": (STATE, record(RecordType.UNLOCK, reference=Lock.COMM), "only 0x6 can be"),
    "no such TRY": (STATE, record(RecordType.TRY, reference=4), "TRY of kind 4"),
    "no such incident": (
        STATE,
        record(RecordType.INCIDENT, amount=1, reference=99),
        "1 incidents of kind 99",
    ),
    "an incident that never was": (
        STATE,
        record(RecordType.INCIDENT, reference=IncidentKind.FORGED),
        "0 incidents of kind 16",
    ),
    "an incident's bytes that are no text": (
        STATE,
        record(RecordType.INCIDENT, amount=1, reference=1)._replace(payload=b"a\x1b[2J"),
        "an incident of 5 bytes",
    ),
    "an incident's text that is too long": (
        STATE,
        record(RecordType.INCIDENT, amount=1, reference=1)._replace(payload=b"a" * 161),
        "an incident of 161 bytes",
    ),
    "withdrawal of less": (STATE, record(RecordType.WITHDRAW, amount=219), "DR 1 left"),
    "withdrawal with a refill": (
        replace(WITHDRAWABLE, pending_refill=PendingRefill(5, 100)),
        record(RecordType.WITHDRAW, WITHDRAWABLE),
        "under way",
    ),
    "a run that skips": (
        STATE,
        record(RecordType.CHECKPOINT, reference=1 << 32 | 3),
        "checkpoint 1 of 3; expected (0, 3)",
    ),
    "a run of nothing": (
        STATE,
        record(RecordType.CHECKPOINT),
        "checkpoint 0 of 0; expected (0, 0)",
    ),
    "two refills": (
        PENDING,
        record(RecordType.REFILL_BEGIN, reference=6),
        "refill (6, 0) while (5, 100) is outstanding",
    ),
    "refilled again": (
        replace(STATE, refills={6: 100}),
        record(RecordType.REFILL_BEGIN, reference=6),
        "applied before",
    ),
    "void before": (
        replace(STATE, voided={6}),
        record(RecordType.REFILL_BEGIN, reference=6),
        "void before",
    ),
    "void of another": (
        PENDING,
        record(RecordType.REFILL_VOID, amount=100, reference=6),
        "while (5, 100) was outstanding",
    ),
    "void of none": (STATE, record(RecordType.REFILL_VOID, reference=6), "while None"),
    "no outcome": (
        STATE,
        record(RecordType.CONFIRM, flags=Outcome.PRINTED, reference=6),
        "which is not open",
    ),
    "outcome of no flight": (STATE, record(RecordType.CONFIRM, flags=1), "pieces in flight"),
    "outcome in a LOCK": (
        replace(STATE, flight=[10]),
        record(RecordType.LOCK, flags=Outcome.PRINTED),
        "LOCK carries outcomes",
    ),
    "piece count": (
        replace(STATE, piece_count=MAX_PIECE_COUNT),
        record(RecordType.DEBIT, replace(STATE, piece_count=MAX_PIECE_COUNT), amount=1),
        f"the limit is {MAX_PIECE_COUNT}",
    ),
    "test of money": (STATE, record(RecordType.DEBIT, amount=1, flags=FLAG_TEST), "a debit of 1"),
    "nothing of nothing": (STATE, record(RecordType.DEBIT), "a debit of 0 mills"),
    "test and redate": (
        STATE,
        record(RecordType.DEBIT, flags=FLAG_TEST | FLAG_REDATE, reference=3),
        "a debit of 0 mills",
    ),
    "redate of nothing": (STATE, record(RecordType.DEBIT, flags=FLAG_REDATE), "record 0"),
    "redate twice": (
        replace(STATE, redated={3: 1}),
        record(RecordType.DEBIT, flags=FLAG_REDATE, reference=3),
        "redated or unknown",
    ),
    "redate of what comes": (
        STATE,
        record(RecordType.DEBIT, flags=FLAG_REDATE, reference=11),
        "a redate of record 11",
    ),
    "window": (
        replace(STATE, flight=[9]),
        record(RecordType.DEBIT, amount=1),
        "2 pieces in flight; the window is 1",
    ),
    "window, with one of two told": (
        replace(STATE, flight=[9, 10]),
        record(RecordType.DEBIT, amount=1, flags=Outcome.PRINTED),
        "2 pieces in flight; the window is 1",
    ),
    "budget": (
        replace(STATE, departments={0: Department(allowance=5)}),
        record(RecordType.DEBIT, amount=6),
        "charged 6 mills of 5 left",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_named(name: str) -> None:
    state, next_record, words = BROKEN[name]
    assert words in str(violation(state, next_record))


KEPT = {
    "boot": (STATE, record(RecordType.BOOT)),
    "debit": (STATE, record(RecordType.DEBIT, amount=220)),
    "test": (STATE, record(RecordType.DEBIT, flags=FLAG_TEST)),
    "redate": (STATE, record(RecordType.DEBIT, flags=FLAG_REDATE, reference=1)),
    "redate of the newest": (STATE, record(RecordType.DEBIT, flags=FLAG_REDATE, reference=10)),
    "last piece": (LAST_PIECE, record(RecordType.DEBIT, LAST_PIECE, amount=1)),
    "what the budget holds": (
        replace(STATE, departments={0: Department(allowance=6)}),
        record(RecordType.DEBIT, amount=6),
    ),
    "window": (
        replace(STATE, flight=[9]),
        record(RecordType.DEBIT, amount=1, flags=Outcome.PRINTED),
    ),
    "refill to the last mill": (
        FILLING,
        record(RecordType.REFILL_APPLY, FILLING, amount=FULL, reference=5),
    ),
    "void": (PENDING, record(RecordType.REFILL_VOID, PENDING, amount=100, reference=5)),
    "acknowledged again": (STATE, record(RecordType.AUDIT_ACK, reference=4)),
    "acknowledged all": (STATE, record(RecordType.AUDIT_ACK, reference=10)),
    "unlock": (STATE, record(RecordType.UNLOCK, reference=Lock.SUSPENDED | Lock.FAULT)),
    "try": (STATE, record(RecordType.TRY, reference=Try.RELEASE)),
    "incident": (
        STATE,
        record(RecordType.INCIDENT, amount=9, reference=1)._replace(payload=b"~" * 160),
    ),
    "withdrawal": (STATE, record(RecordType.WITHDRAW, amount=220)),
    "first stage": (replace(STATE, stage=0), record(RecordType.LIFE, reference=1)),
    "run": (STATE, record(RecordType.CHECKPOINT, reference=3)),
    "outcome": (replace(STATE, flight=[10]), record(RecordType.CONFIRM, flags=Outcome.PRINTED)),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_record_that_keeps_the_rules_may_follow(name: str) -> None:
    assert violation(*KEPT[name]) is None


EVERY_STAGE = {*Stage}
STAGES_OF = {
    RecordType.LIFE: {Stage.MANUFACTURED, Stage.INITIALIZED},
    RecordType.TRY: EVERY_STAGE - {Stage.MANUFACTURED},
    RecordType.CONFIRM: {Stage.REGISTERED, Stage.WITHDRAWN},
    **dict.fromkeys(
        (
            RecordType.BOOT,
            RecordType.CHECKPOINT,
            RecordType.TIME_ANCHOR,
            RecordType.AUDIT_ACK,
            RecordType.LOCK,
            RecordType.UNLOCK,
            RecordType.FAULT,
            RecordType.ZEROISE,
            RecordType.INCIDENT,
        ),
        EVERY_STAGE,
    ),
}


@pytest.mark.parametrize("kind", RecordType)
def test_a_type_of_record_belongs_to_its_stages(kind: RecordType) -> None:
    """What moves money or names a price is for a registered device alone (domain.md 2.2)."""
    for stage in Stage:
        state = replace(STATE, stage=stage)
        broken = str(violation(state, record(kind, state)))
        is_out_of_place = broken == f"{kind.name} of a device that is {stage.name}"
        assert is_out_of_place == (stage not in STAGES_OF.get(kind, {Stage.REGISTERED}))
