"""The PSD's services: registers, refusals, dates, budgets, refills, open pieces, locks."""

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from imi.simdisk import SimDisk
from pipeline.authority import Limits, Reason, Refused
from pipeline.errors import (
    BindingMismatch,
    DeviceExists,
    FaultCause,
    MachineError,
    NoDevice,
    PsdFault,
    PsdInUse,
    RecordFormatError,
)
from pipeline.faultnote import NOTE
from pipeline.imprint import Evidence, Refilled
from pipeline.lifecycle import State
from pipeline.psd import Psd
from pipeline.record import RecordType
from pipeline.state import Lock, Open, Outcome
from postage.indicium import IndiciumFormatError, PayloadType, unpack
from postage.money import Money
from postage.registers import Registers
from tests.pipeline.device import (
    NOON_US,
    TODAY,
    TellClock,
    check,
    imprinted,
    letter,
    new_device,
    setup,
    sign,
)


def new_psd(disk: SimDisk | None = None, refill: int = 500_000, **changes: object) -> Psd:
    psd = new_device(disk or SimDisk(), **setup(**changes))
    if refill:
        assert isinstance(psd.refill(Money(refill), 1), Refilled)
    return psd


def reason(answer: object) -> Reason:
    assert isinstance(answer, Refused), answer
    return answer.reason


def test_three_letters_leave_the_registers_of_scenario_7() -> None:
    """domain.md 9a, 7: refill 500,000; three of 780 give AR 2,340, DR 497,660, count 3."""
    psd = new_psd()
    for _ in range(3):
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    assert psd.registers == Registers(
        ascending=Money(2_340),
        descending=Money(497_660),
        control_total=Money(500_000),
        piece_count=3,
    )


def test_insufficient_funds_as_scenario_8() -> None:
    """domain.md 9a, 8: DR 779 refuses 780 and nothing moves; DR 780 prints and leaves EMPTY."""
    disk = SimDisk()
    psd = new_psd(disk, refill=1_559)
    psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    psd.idle()
    before, image = psd.registers, disk.image()
    assert before.descending == Money(779)
    assert reason(psd.imprint(letter())) is Reason.INSUFFICIENT_FUNDS
    assert (psd.registers, disk.image()) == (before, image)

    psd = new_psd(refill=1_560)
    psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    assert psd.registers.descending == Money(780)
    imprinted(psd)
    assert psd.registers.descending == Money(0)
    assert psd.state is State.EMPTY


def test_payload_says_the_registers_after_the_debit() -> None:
    psd = new_psd(profile="imi-max/p1")
    evidence = imprinted(psd, letter(weight_tenths_oz=10, mailer_id=901_061_457))
    indicium = unpack(evidence.payload, profile="imi-max/p1")
    assert check(indicium.signed, indicium.signature)
    assert (indicium.vendor_model, indicium.device_serial) == ("TST0", 7)
    assert (indicium.ascending, indicium.descending) == (Money(780), Money(499_220))
    assert (indicium.piece_count, indicium.postage) == (1, Money(780))
    assert indicium.values["origin_zip"] == 94_043
    assert indicium.values["mailer_id"] == 901_061_457
    assert evidence.registers == psd.registers


@pytest.mark.parametrize("profile", ["imi-min/p1", "imi-std/p1", "imi-max/p1"])
def test_each_writable_profile_prints(profile: str) -> None:
    psd = new_psd(profile=profile)
    assert unpack(imprinted(psd).payload, profile=profile).postage == Money(780)


def test_the_debit_record_holds_the_exact_imprint() -> None:
    """reliability.md 4.2: a refund claim can always show payload and signature."""
    psd = new_psd()
    evidence = imprinted(psd, letter(department=4, operator=9, rate_version=20_260_712))
    record = psd._journal.record(evidence.sequence)
    assert record.type == RecordType.DEBIT
    assert record.payload + record.signature == evidence.payload
    assert (record.department, record.operator, record.rate_version) == (4, 9, 20_260_712)
    assert record.ascending == 780


@pytest.mark.parametrize("mills", [-1, 0, 999_991])
def test_amounts_outside_one_piece_are_refused(mills: int) -> None:
    """Per-piece cap 999,990 mills; zero is a redate or a test, not postage."""
    psd = new_psd(refill=2_000_000)
    assert reason(psd.imprint(letter(mills))) is Reason.AMOUNT_OUT_OF_RANGE
    assert psd.registers.piece_count == 0


def test_the_cap_itself_is_allowed() -> None:
    psd = new_psd(refill=2_000_000)
    assert imprinted(psd, letter(999_990)).registers.ascending == Money(999_990)


@pytest.mark.parametrize(
    ("days", "expected"), [(-1, Reason.DATE_PAST), (0, None), (30, None), (31, Reason.DATE_TOO_FAR)]
)
def test_date_window(days: int, expected: Reason | None) -> None:
    """domain.md 1.8: not before today, at most 30 days ahead."""
    answer = new_psd().imprint(letter(mailing_date=TODAY + timedelta(days=days)))
    assert (reason(answer) if expected else type(answer)) == (expected or Evidence)


def test_today_is_the_licensed_locations_day() -> None:
    """06:59:59Z is still 12 July in California, 07:00:00Z is 13 July (daylight saving time)."""
    clock = TellClock(step_us=0)
    clock.psd_us = int(datetime(2026, 7, 13, 6, 59, 59, tzinfo=UTC).timestamp()) * 1_000_000
    psd = new_psd(clock=clock, window=2)
    assert imprinted(psd, letter(mailing_date=date(2026, 7, 12))).accounting_day.day == 12
    clock.psd_us += 1_000_000
    assert reason(psd.imprint(letter(mailing_date=date(2026, 7, 12)))) is Reason.DATE_PAST
    assert imprinted(psd, letter()).accounting_day.day == 13


def test_advanced_dates_are_accounted_on_the_true_day() -> None:
    """domain.md 9a, 5: printed 2026-07-11 21:00 local with date 07-12, accounted on 07-11."""
    disk, clock = SimDisk(), TellClock()
    clock.psd_us = int(datetime(2026, 7, 12, 4, tzinfo=UTC).timestamp()) * 1_000_000
    psd = new_psd(disk, clock=clock, window=2)
    for mills, day in ((740, 11), (780, 12)):
        evidence = imprinted(psd, letter(mills, date(2026, 7, day)))
        assert evidence.accounting_day == date(2026, 7, 11)
        assert unpack(evidence.payload, profile="imi-std/p1").mailing_date == date(2026, 7, day)
    reopened = Psd.open(disk.fork(), **setup(clock=clock))
    dates = [(piece.accounting_day.day, piece.mailing_date) for piece in reopened.open_pieces]
    assert dates == [(11, date(2026, 7, 11)), (11, date(2026, 7, 12))]


def test_a_budget_of_50000_holds_64_letters() -> None:
    """domain.md 9a, below 20: 64 of 780 are 49,920; the 65th is refused."""
    psd = new_psd(refill=1_000_000, segment_records=256)
    psd.set_budget(3, Money(50_000))
    for _ in range(64):
        psd.confirm(imprinted(psd, letter(department=3)).sequence, Outcome.CONFIRMED)
    assert reason(psd.imprint(letter(department=3))) is Reason.BUDGET_EXCEEDED
    assert psd.registers.piece_count == 64
    imprinted(psd, letter(department=4))  # another department has no budget to exceed


def test_budgets_survive_a_restart_and_a_new_one_starts_over() -> None:
    disk = SimDisk()
    psd = new_psd(disk)
    psd.set_budget(3, Money(1_000))
    psd.confirm(imprinted(psd, letter(department=3)).sequence, Outcome.CONFIRMED)
    psd.close()
    psd = Psd.open(disk, **setup())
    assert reason(psd.imprint(letter(department=3))) is Reason.BUDGET_EXCEEDED
    psd.set_budget(3, Money(1_000))
    imprinted(psd, letter(department=3))


def test_a_refill_counts_once() -> None:
    """domain.md 9a, 9: same id and amount, one credit; same id with 200,000, refused."""
    psd = new_psd(refill=0)
    first = psd.refill(Money(100_000), 41)
    assert isinstance(first, Refilled)
    assert psd.refill(Money(100_000), 41) == first
    assert reason(psd.refill(Money(200_000), 41)) is Reason.REQUEST_ID_REUSED
    assert psd.registers.control_total == Money(100_000)


def test_one_refill_is_outstanding_at_most() -> None:
    psd = new_psd(refill=0)
    assert psd.begin_refill(Money(100_000), 1) is None
    assert psd.begin_refill(Money(100_000), 1) is None  # a repeat is harmless
    assert reason(psd.refill(Money(50_000), 2)) is Reason.REFILL_OUTSTANDING
    assert reason(psd.apply_refill(Money(99_999), 1)) is Reason.REQUEST_ID_REUSED
    assert isinstance(psd.refill(Money(100_000), 1), Refilled)
    assert psd.registers.control_total == Money(100_000)
    with pytest.raises(ValueError, match="request 3 was never begun"):
        psd.apply_refill(Money(100_000), 3)


def test_a_refill_begun_before_a_crash_is_applied_once_after_it() -> None:
    disk = SimDisk()
    psd = new_psd(disk, refill=0)
    assert psd.begin_refill(Money(100_000), 1) is None
    psd = Psd.open(disk.fork(), **setup())
    assert reason(psd.refill(Money(100_000), 2)) is Reason.REFILL_OUTSTANDING
    assert isinstance(psd.refill(Money(100_000), 1), Refilled)
    assert psd.registers.control_total == Money(100_000)


@pytest.mark.parametrize("mills", [0, 999, 99_999_991])
def test_refills_outside_the_limits_are_refused(mills: int) -> None:
    """domain.md 2.4: $1.00 to $99,999.99."""
    assert reason(new_psd(refill=0).refill(Money(mills), 5)) is Reason.AMOUNT_OUT_OF_RANGE


def test_the_control_total_has_a_limit() -> None:
    """Five bytes hold a register: 2^40 - 1 mills."""
    limits = Limits(max_refill=Money(2**40))
    psd = new_psd(refill=0, limits=limits)
    assert isinstance(psd.refill(Money(2**40 - 1_000), 1), Refilled)
    assert reason(psd.refill(Money(1_000), 2)) is Reason.CONTROL_TOTAL_FULL


def test_states_low_and_ready() -> None:
    psd = new_psd(refill=20_780)
    assert psd.state is State.READY
    psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    assert psd.state is State.READY  # 20,000 left is not below the warning
    imprinted(psd)
    assert psd.state is State.LOW


def test_locks_are_independent_and_survive_a_restart() -> None:
    """domain.md trap 14: unlocking one leaves the other."""
    disk = SimDisk()
    psd = new_psd(disk)
    psd.lock(Lock.COMM)
    psd.lock(Lock.SUSPENDED)
    psd.close()
    psd = Psd.open(disk, **setup())
    assert psd.state is State.SUSPENDED
    assert reason(psd.imprint(letter())) is Reason.SUSPENDED
    assert reason(psd.refill(Money(1_000), 9)) is Reason.SUSPENDED
    psd.unlock(Lock.SUSPENDED)
    assert psd.state is State.LOCKED_COMM
    assert reason(psd.imprint(letter())) is Reason.LOCKED_COMM
    assert reason(psd.test_imprint()) is Reason.LOCKED_COMM
    assert isinstance(psd.refill(Money(1_000), 9), Refilled)  # locked, it may still be filled
    with pytest.raises(ValueError, match="a contact lifts COMM"):
        psd.unlock(Lock.COMM)
    assert psd.acknowledge(psd.last_sequence) is None
    imprinted(psd)


@pytest.mark.parametrize("window", [1, 2, 3])
def test_no_more_pieces_in_flight_than_the_window(window: int) -> None:
    psd = new_psd(window=window)
    pieces = [imprinted(psd) for _ in range(window)]
    assert reason(psd.imprint(letter())) is Reason.WINDOW_FULL
    psd.confirm(pieces[-1].sequence, Outcome.PRINTED)
    imprinted(psd)
    assert reason(psd.imprint(letter())) is Reason.WINDOW_FULL


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"window": 0}, "a window of 0 pieces; 1 to 3"),
        ({"window": 4}, "a window of 4 pieces; 1 to 3"),
        ({"licensing_zip": "9404"}, "'9404' is not five digits"),
        ({"profile": "imi-usps-sample"}, "cannot be printed; imi-min/p1, imi-std/p1, imi-max/p1"),
        ({"profile": "imi-std/p9"}, "cannot be printed"),
        ({"serial": 2**32}, "does not fit 32 bits"),
        ({"journal_key": b"short"}, "5 bytes, not 32"),
        ({"segment_records": 15}, "a segment of 15 records; 16 at least"),
    ],
)
def test_a_setup_that_is_not_sound_leaves_nothing(change: dict[str, object], words: str) -> None:
    disk = SimDisk()
    with pytest.raises(ValueError, match=words):
        new_device(disk, **setup(**change))
    assert disk.list() == []


def test_a_confirmation_rides_on_the_next_record() -> None:
    """reliability.md 4.5: one record a piece in steady running, an own one only when idle."""
    psd = new_psd()
    first = imprinted(psd)
    psd.confirm(first.sequence, Outcome.CONFIRMED)
    second = imprinted(psd)
    assert second.sequence == first.sequence + 1
    psd.confirm(second.sequence, Outcome.CONFIRMED)
    psd.idle()
    psd.idle()
    assert psd._journal.state.sequence == second.sequence + 1
    assert psd._journal.state.flight == []


def test_confirmed_pieces_are_closed_and_spoiled_ones_stay_open() -> None:
    disk = SimDisk()
    psd = new_psd(disk, window=3)
    pieces = [imprinted(psd, letter(department=8)) for _ in range(3)]
    told = [Outcome.MISPRINT, Outcome.CONFIRMED, Outcome.UNPRINTED]
    for evidence, outcome in zip(pieces, told, strict=True):
        psd.confirm(evidence.sequence, outcome)
    psd.close()
    psd = Psd.open(disk, **setup(window=3))
    assert [(piece.why, piece.piece_count) for piece in psd.open_pieces] == [
        (Open.MISPRINT, 1),
        (Open.UNPRINTED, 3),
    ]
    psd.confirm(pieces[0].sequence, Outcome.CLAIMED)
    psd.close()
    assert [p.piece_count for p in Psd.open(disk, **setup()).open_pieces] == [3]


def test_a_piece_released_before_a_crash_is_open_with_its_claim() -> None:
    """reliability.md R7: serial, amount, department and a drafted claim."""
    disk = SimDisk()
    psd = new_psd(disk)
    evidence = imprinted(psd, letter(department=8))
    (piece,) = Psd.open(disk.fork(), **setup()).open_pieces
    assert piece.why is Open.OPEN_UNKNOWN
    assert (piece.sequence, piece.amount, piece.department) == (evidence.sequence, Money(780), 8)
    assert piece.payload == evidence.payload
    assert piece.mailing_date == piece.accounting_day == TODAY
    for fact in ("TST0 7", "piece 1", "$0.78", "2026-07-13", "department 8", piece.payload.hex()):
        assert fact in piece.claim


def test_an_open_piece_can_be_settled_later_once() -> None:
    disk = SimDisk()
    psd = new_psd(disk)
    evidence = imprinted(psd)
    disk = disk.fork()
    psd = Psd.open(disk, **setup())
    psd.confirm(evidence.sequence, Outcome.PRINTED)
    assert psd.open_pieces == []
    with pytest.raises(ValueError, match="neither in flight nor open"):
        psd.confirm(evidence.sequence, Outcome.PRINTED)
    psd.close()
    assert Psd.open(disk, **setup()).open_pieces == []


def test_confirm_refuses_what_it_does_not_know() -> None:
    psd = new_psd()
    with pytest.raises(ValueError, match="record 99 is neither in flight nor open"):
        psd.confirm(99, Outcome.PRINTED)
    evidence = imprinted(psd)
    with pytest.raises(ValueError, match="nothing to claim yet"):
        psd.confirm(evidence.sequence, Outcome.CLAIMED)
    psd.confirm(evidence.sequence, Outcome.PRINTED)
    with pytest.raises(ValueError, match="neither in flight nor open"):
        psd.confirm(evidence.sequence, Outcome.MISPRINT)


def test_release_tokens_count_up_within_a_boot() -> None:
    disk = SimDisk()
    psd = new_psd(disk, window=2)
    tokens = [imprinted(psd).token for _ in range(2)]
    psd = Psd.open(disk.fork(), **setup())
    assert [*tokens, imprinted(psd).token] == [(1, 1), (1, 2), (2, 1)]


def test_a_test_imprint_moves_no_register_and_is_logged() -> None:
    """domain.md 9a, 12 and trap 9: $0.00, its own payload type."""
    disk = SimDisk()
    psd = new_psd(disk)
    before, sequence = psd.registers, psd._journal.state.sequence
    for number in (1, 2):
        evidence = psd.test_imprint()
        assert isinstance(evidence, Evidence)
        indicium = unpack(evidence.payload, profile="imi-std/p1")
        assert indicium.payload_type is PayloadType.TEST
        assert (indicium.postage, indicium.piece_count) == (Money(0), number)
    assert psd.registers == before
    assert psd._journal.state.sequence == sequence + 2
    assert Psd.open(disk.fork(), **setup()).open_pieces == []


def test_a_clock_behind_the_floor_stops_imprints() -> None:
    """reliability.md 4.7: PSD time never goes below the greatest time recorded."""
    clock = TellClock()
    psd = new_psd(clock=clock)
    clock.psd_us = NOON_US - 86_400_000_000
    assert reason(psd.imprint(letter())) is Reason.CLOCK_BEHIND
    assert reason(psd.test_imprint()) is Reason.CLOCK_BEHIND


def test_a_signature_that_does_not_verify_is_a_fault() -> None:
    """reliability.md 3.4: each signature is verified before release, against fault attacks."""
    disk = SimDisk()
    psd = new_psd(disk, sign=lambda message: sign(message[:-1]))
    image = disk.image()
    with pytest.raises(PsdFault) as caught:
        psd.imprint(letter())
    assert caught.value.cause is FaultCause.SIGNATURE_WRONG
    assert psd.state is State.FAULT
    assert {**disk.image(), NOTE: image[NOTE]} == image
    assert reason(psd.imprint(letter())) is Reason.FAULT
    assert reason(psd.refill(Money(1_000), 2)) is Reason.FAULT


def test_a_signer_that_fails_is_a_fault() -> None:
    def refuse(message: bytes) -> bytes:
        raise RuntimeError("the key store is gone")

    psd = new_psd(sign=refuse)
    with pytest.raises(PsdFault, match="key store is gone") as caught:
        psd.imprint(letter())
    assert caught.value.cause is FaultCause.NO_SIGNATURE
    assert psd.state is State.FAULT
    assert psd.registers.ascending == Money(0)


def test_a_field_that_does_not_fit_changes_nothing() -> None:
    psd = new_psd()
    before = psd.registers
    with pytest.raises(IndiciumFormatError, match="weight_tenths_oz"):
        psd.imprint(letter(weight_tenths_oz=70_000))
    assert psd.registers == before
    imprinted(psd)


def test_a_department_that_does_not_fit_changes_nothing() -> None:
    psd = new_psd()
    with pytest.raises(RecordFormatError, match="record 6"):
        psd.imprint(letter(department=2**32))
    assert psd.registers.piece_count == 0
    imprinted(psd)


def test_one_user_at_a_time() -> None:
    disk = SimDisk()
    psd = new_psd(disk)
    with pytest.raises(PsdInUse):
        Psd.open(disk, **setup())
    psd.close()
    Psd.open(disk, **setup()).close()


def test_create_and_open_tell_what_is_there() -> None:
    disk = SimDisk()
    with pytest.raises(NoDevice):
        Psd.open(disk, **setup())
    new_psd(disk).close()
    image = disk.image()
    with pytest.raises(DeviceExists):
        new_device(disk, **setup())
    assert disk.image() == image


@pytest.mark.parametrize("change", [{"licensing_zip": "10001"}, {"profile": "imi-min/p1"}])
def test_the_journal_is_bound_to_profile_and_zip(change: dict[str, object]) -> None:
    disk = SimDisk()
    new_psd(disk).close()
    with pytest.raises(BindingMismatch, match=r"bound to 'imi-std/p1 94043'"):
        Psd.open(disk, **setup(**change))
    Psd.open(disk, **setup()).close()  # the lock was given back


@pytest.mark.parametrize(
    "use",
    [
        lambda psd: psd.imprint(letter()),
        lambda psd: psd.refill(Money(1_000), 2),
        lambda psd: psd.lock(Lock.COMM),
    ],
)
def test_a_closed_device_takes_nothing(use: Callable[[Psd], object]) -> None:
    psd = new_psd()
    psd.close()
    with pytest.raises(MachineError, match="closed"):
        use(psd)


def test_evidence_cannot_be_altered() -> None:
    evidence = imprinted(new_psd())
    with pytest.raises(dataclasses.FrozenInstanceError):
        evidence.payload = b""  # type: ignore[misc]
