"""Which state a device is in: of all that holds it, the most restrictive (domain.md 2.2)."""

from itertools import product

from pipeline.lifecycle import ALLOWED, Service, State, state_of
from pipeline.record import RecordType
from pipeline.state import DeviceState, Lock, Outcome, Stage, outcome_flags

LOW_MILLS = 1_000
STAGES = {
    Stage.MANUFACTURED: State.MANUFACTURED,
    Stage.INITIALIZED: State.INITIALIZED,
    Stage.WITHDRAWN: State.WITHDRAWN,
}


def test_the_most_restrictive_of_what_holds_is_the_state() -> None:
    """Every combination of stage, locks, latch, fault, silence and funds; State is in order."""
    order = list(State)
    switches = product(Stage, range(8), (0, 999, 1_000), *[(False, True)] * 3)
    for stage, locks, funds, zeroised, is_broken, is_silent in switches:
        holds = {State.EMPTY if not funds else State.LOW if funds < LOW_MILLS else State.READY}
        holds |= {STAGES[stage]} if stage in STAGES else set()
        holds |= {State.TAMPERED} if zeroised else set()
        holds |= {State.FAULT} if is_broken or locks & Lock.FAULT else set()
        holds |= {State.SUSPENDED} if locks & Lock.SUSPENDED else set()
        holds |= {State.LOCKED_COMM} if is_silent or locks & Lock.COMM else set()
        folded = DeviceState(stage=stage, locks=locks, zeroised=zeroised, descending=funds)
        found = state_of(folded, is_broken=is_broken, is_silent=is_silent, low_mills=LOW_MILLS)
        assert found is min(holds, key=order.index), (folded, is_broken, is_silent)


WORKING = {State.READY, State.LOW, State.EMPTY}
SILENT = WORKING | {State.LOCKED_COMM}
HELD = SILENT | {State.SUSPENDED}
LIVING = {*State} - {State.TAMPERED}
OFFERED_IN = {  # domain.md 2.2, read by its columns
    Service.INITIALISE: {State.MANUFACTURED},
    Service.REGISTER: {State.INITIALIZED},
    Service.IMPRINT: WORKING,
    Service.TEST: WORKING,
    Service.REFILL: SILENT,
    Service.RATES: SILENT,
    Service.BUDGET: HELD,
    Service.WITHDRAW: HELD,
    Service.PIN: HELD | {State.INITIALIZED, State.WITHDRAWN},
    Service.OUTCOME: HELD | {State.FAULT, State.WITHDRAWN},
    Service.CONTACT: LIVING,
    Service.ZEROISE: LIVING,
}


def test_each_service_is_offered_in_these_states_and_no_other() -> None:
    """Imprints only where nothing holds; money while silent; the contact always; then nothing."""
    assert {*OFFERED_IN} == {*Service}
    for service, states in OFFERED_IN.items():
        assert {state for state in State if service in ALLOWED[state]} == states, service


def test_registers_move_by_debit_refill_and_withdrawal_only() -> None:
    """domain.md 2.1: AR + DR = CT; a debit leaves CT, the others AR; only money is counted."""
    state = DeviceState(ascending=700, descending=300, control_total=1_000, piece_count=4)
    moved = {
        RecordType.DEBIT: (780, 220, 1_000, 5),
        RecordType.REFILL_APPLY: (700, 380, 1_080, 4),
        RecordType.WITHDRAW: (700, 220, 920, 4),
    }
    for kind in RecordType:
        assert state.after(kind, 80) == moved.get(kind, (700, 300, 1_000, 4))
    assert state.after(RecordType.DEBIT, 1) == (701, 299, 1_000, 5)
    assert state.after(RecordType.DEBIT, 0) == (700, 300, 1_000, 4)


def test_outcomes_stand_three_bits_each_in_the_order_of_the_flight() -> None:
    told = {9: Outcome.MISPRINT, 7: Outcome.PRINTED, 5: Outcome.CONFIRMED}
    assert outcome_flags([7, 8, 9], told) == 0b011_000_001
    assert outcome_flags([5], told) == 0b010
    assert outcome_flags([8], told) == 0
    assert outcome_flags([7, 8, 9], {}) == 0
