"""The device's life: which state offers what, time and contact, redates, withdrawal, zeroise."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from imi.simdisk import SimDisk
from pipeline.authority import Limits, Reason, Refused
from pipeline.enrolment import commission
from pipeline.errors import MachineError, PsdFault
from pipeline.imprint import Evidence, Refilled, Withdrawn
from pipeline.lifecycle import ALLOWED, ROLES, Service, State
from pipeline.psd import Psd
from pipeline.psdclock import HOUR_US, Instant, TimePolicy
from pipeline.record import RecordType
from pipeline.state import IncidentKind, Lock, Outcome, Stage, Tries, Try
from postage.contactrule import read_rules
from postage.decertification import Allowed, Calendar, Entry, Rule, read_calendar
from postage.errors import MessageFormatError
from postage.indicium import PayloadType, unpack
from postage.money import Money
from postage.registers import Registers
from tests.pipeline.device import (
    NOON_US,
    TODAY,
    TellClock,
    imprinted,
    initialise,
    letter,
    new_device,
    provider_sign,
    register,
    setup,
)

SECOND_US = 1_000_000
PACIFIC = ZoneInfo("America/Los_Angeles")
STRICT = TimePolicy()


def reason(answer: object) -> Reason:
    assert isinstance(answer, Refused), answer
    return answer.reason


def filled(disk: SimDisk | None = None, **changes: object) -> Psd:
    psd = new_device(disk or SimDisk(), **setup(**changes))
    assert isinstance(psd.refill(Money(500_000), 1), Refilled)
    return psd


def tampered() -> Psd:
    psd = filled(zeroise=lambda: None)
    psd.zeroise()
    return psd


def withdrawn() -> Psd:
    psd = filled()
    assert isinstance(psd.withdraw(), Withdrawn)
    return psd


def held(lock: Lock) -> Psd:
    psd = filled()
    psd.lock(lock)
    return psd


def failed() -> Psd:
    psd = filled()
    psd.fail("SHA-256 answers wrongly")
    return psd


def initialised() -> Psd:
    psd = Psd.create(SimDisk(), **setup())
    assert initialise(psd) is None
    return psd


DEVICES: dict[State, Callable[[], Psd]] = {
    State.TAMPERED: tampered,
    State.FAULT: failed,
    State.WITHDRAWN: withdrawn,
    State.MANUFACTURED: lambda: Psd.create(SimDisk(), **setup()),
    State.INITIALIZED: initialised,
    State.SUSPENDED: lambda: held(Lock.SUSPENDED),
    State.LOCKED_COMM: lambda: held(Lock.COMM),
    State.EMPTY: lambda: new_device(SimDisk(), **setup()),
    State.LOW: lambda: filled(limits=Limits(low_descending=Money(500_001))),
    State.READY: filled,
}
SERVICES: dict[Service, Callable[[Psd], object]] = {
    Service.INITIALISE: lambda psd: initialise(psd, bytes(32)),
    Service.REGISTER: lambda psd: register(psd, b"another"),
    Service.IMPRINT: lambda psd: psd.imprint(letter(1)),
    Service.TEST: lambda psd: psd.test_imprint(),
    Service.REFILL: lambda psd: psd.refill(Money(1_000), 77),
    Service.CONTACT: lambda psd: psd.anchor_time(NOON_US + HOUR_US, 1_000, 5),
    Service.RATES: lambda psd: psd.adopt_rates(20_260_712, bytes(32)),
    Service.PIN: lambda psd: psd.note_try(4, Try.ATTEMPT),
    Service.BUDGET: lambda psd: psd.set_budget(3, Money(1_000)),
    Service.WITHDRAW: lambda psd: psd.withdraw(),
}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("state", State)
def test_a_state_offers_what_its_row_says(state: State, service: Service) -> None:
    """domain.md 2.2; a refusal changes no register, and EMPTY refuses an imprint for its funds."""
    psd = DEVICES[state]()
    assert psd.state is state
    before = psd.registers
    answer = SERVICES[service](psd)
    if service in ALLOWED[state]:
        expected = Reason.INSUFFICIENT_FUNDS
        is_unpaid = state is State.EMPTY and service is Service.IMPRINT
        assert not isinstance(answer, Refused) or (is_unpaid and answer.reason is expected)
    else:
        assert isinstance(answer, Refused)
        assert psd.registers == before


def test_every_service_has_its_roles_and_every_state_its_row() -> None:
    assert {*ROLES} == {*Service}
    assert {*ALLOWED} == {*State}
    assert all(ROLES.values())


def test_the_stages_come_one_after_the_other_and_never_again() -> None:
    psd = Psd.create(SimDisk(), **setup())
    assert reason(register(psd)) is Reason.NOT_REGISTERED
    commission(psd, provider_sign, b"certificate", b"agreement")
    assert initialise(psd) is None  # the same again: done before
    assert register(psd) is None
    assert reason(register(psd, b"another")) is Reason.NOT_IN_THIS_STATE
    with pytest.raises(MessageFormatError, match="201"):
        register(psd, bytes(201))
    lives = [record for record in psd.records() if record.type == RecordType.LIFE]
    assert [record.reference for record in lives] == [Stage.INITIALIZED, Stage.REGISTERED]
    assert lives[1].payload == b"agreement"


# Time and contact.


class Clocks:
    """A real-time clock that anyone may set, and CLOCK_BOOTTIME, which nobody can."""

    def __init__(self, now: datetime) -> None:
        self.rtc_us = int(now.timestamp()) * SECOND_US
        self.boottime_us = 1_000 * SECOND_US

    def __call__(self) -> Instant:
        return Instant(self.rtc_us, self.boottime_us)

    def wait(self, us: int) -> None:
        self.rtc_us += us
        self.boottime_us += us


def contacted(psd: Psd, clocks: Clocks) -> None:
    assert psd.anchor_time(clocks.rtc_us, 0, 1) is None
    assert psd.acknowledge(psd.last_sequence) is None


def test_72_hours_as_scenario_10() -> None:
    """domain.md 9a, 10, over the clock change of 2026-03-08; a part of the upload is no contact."""
    clocks = Clocks(datetime(2026, 3, 6, 12, tzinfo=UTC))
    psd = filled(clock=clocks, window=3)
    contacted(psd, clocks)
    clocks.wait(72 * HOUR_US - SECOND_US)
    today = date(2026, 3, 9)
    assert psd.contact.warning_h == 66
    first = imprinted(psd, letter(mailing_date=today))
    clocks.wait(2 * SECOND_US)
    assert psd.state is State.LOCKED_COMM
    assert reason(psd.imprint(letter(mailing_date=today))) is Reason.LOCKED_COMM
    clocks.rtc_us -= 80 * HOUR_US  # setting the wall clock back
    assert reason(psd.imprint(letter(mailing_date=today))) is Reason.LOCKED_COMM
    psd.confirm(first.sequence, Outcome.CONFIRMED)
    psd.idle()
    assert psd.acknowledge(psd.last_sequence - 1) is None  # not everything
    assert reason(psd.imprint(letter(mailing_date=today))) is Reason.LOCKED_COMM
    assert [*psd.records()]
    assert psd.registers.ascending == Money(780)
    assert psd.acknowledge(psd.last_sequence) is None
    assert isinstance(psd.imprint(letter(mailing_date=today)), Evidence)


@pytest.mark.parametrize(("late_us", "locked"), [(0, False), (1, True)])
def test_the_lock_falls_behind_72_hours(late_us: int, *, locked: bool) -> None:
    clocks = Clocks(datetime(2026, 7, 13, 19, tzinfo=UTC))
    psd = filled(clock=clocks)
    contacted(psd, clocks)
    clocks.wait(72 * HOUR_US + late_us)
    assert (psd.state is State.LOCKED_COMM) is locked
    assert psd.contact.locked is locked


def test_a_lock_that_was_noticed_survives_a_restart_with_the_clock_set_back() -> None:
    disk, clocks = SimDisk(), Clocks(datetime(2026, 7, 13, 19, tzinfo=UTC))
    psd = filled(disk, clock=clocks)
    clocks.wait(73 * HOUR_US)
    assert reason(psd.imprint(letter())) is Reason.LOCKED_COMM
    psd.close()
    clocks.rtc_us -= 2 * HOUR_US
    psd = Psd.open(disk, **setup(clock=clocks))
    assert psd.state is State.LOCKED_COMM


def test_a_strict_boot_prints_nothing_before_a_whole_contact() -> None:
    """reliability.md 4.7: a contact is the acknowledgement of every record; the time is none."""
    disk, clocks = SimDisk(), Clocks(datetime(2026, 7, 13, 19, tzinfo=UTC))
    filled(disk, clock=clocks).close()
    psd = Psd.open(disk, **setup(clock=clocks, time=STRICT))
    assert reason(psd.imprint(letter())) is Reason.TIME_UNKNOWN
    assert psd.state is State.LOCKED_COMM
    assert psd.anchor_time(clocks.rtc_us, 0, 1) is None
    locks = psd._journal.state.locks
    assert reason(psd.imprint(letter())) is Reason.LOCKED_COMM
    assert psd._journal.state.locks == locks  # by this boot, not by the rule's hours
    assert psd.acknowledge(psd.last_sequence - 1) is None  # of a part: no contact
    assert psd.state is State.LOCKED_COMM
    assert psd.acknowledge(psd.last_sequence) is None
    imprinted(psd)


def test_an_assumed_boot_goes_on_from_the_floor_so_many_times() -> None:
    disk, clocks = SimDisk(), Clocks(datetime(2026, 7, 13, 19, tzinfo=UTC))
    filled(disk, clock=clocks, window=3).close()
    clocks.wait(HOUR_US)
    grace = setup(clock=clocks, time=TimePolicy(assumed_boots=2))
    for _ in range(2):
        psd = Psd.open(disk, **grace)
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
        psd.close()
    psd = Psd.open(disk, **grace)
    assert reason(psd.imprint(letter())) is Reason.TIME_UNKNOWN
    contacted(psd, clocks)
    psd.close()
    imprinted(Psd.open(disk, **grace))


@pytest.mark.parametrize("hours", [-1, 73])
def test_a_real_time_clock_out_of_reach_is_not_believed(hours: int) -> None:
    disk, clocks = SimDisk(), Clocks(datetime(2026, 7, 13, 19, tzinfo=UTC))
    filled(disk, clock=clocks).close()
    clocks.rtc_us += hours * HOUR_US
    psd = Psd.open(disk, **setup(clock=clocks))
    assert reason(psd.imprint(letter())) is Reason.TIME_UNKNOWN


def test_a_server_far_below_the_floor_is_refused() -> None:
    psd = filled()
    floor = psd._journal.state.floor_us
    assert reason(psd.anchor_time(floor - 300 * SECOND_US - 1, 0, 1)) is Reason.SERVER_TIME_WRONG
    assert psd.anchor_time(floor - 300 * SECOND_US, 0, 2) is None
    assert psd._journal.state.floor_us == floor


def test_the_other_trigger_counts_from_the_first_imprint_that_was_not_uploaded() -> None:
    clocks = Clocks(datetime(2026, 7, 13, 19, tzinfo=UTC))
    psd = filled(clock=clocks, contact_rule=read_rules()["us-imi-when-metered"], window=3)
    clocks.wait(1_000 * HOUR_US)
    contacted(psd, clocks)
    clocks.wait(100 * HOUR_US)
    assert psd.contact.due_us is None
    imprinted(psd, letter(mailing_date=TODAY + timedelta(days=60)))
    clocks.wait(73 * HOUR_US)
    assert psd.state is State.LOCKED_COMM


@pytest.mark.parametrize("sequence", [-1, 3, 9])
def test_only_records_that_exist_are_acknowledged(sequence: int) -> None:
    psd = filled()
    assert psd.last_sequence == 5
    assert psd.acknowledge(4) is None
    assert reason(psd.acknowledge(sequence)) is Reason.NOT_ACKNOWLEDGEABLE


# Redates (domain.md 9a, 11).


def test_redate_as_scenario_11() -> None:
    psd = filled()
    piece = imprinted(psd)
    psd.confirm(piece.sequence, Outcome.CONFIRMED)
    before = psd.registers
    redate = psd.redate(piece.sequence, date(2026, 7, 14))
    assert isinstance(redate, Evidence)
    indicium = unpack(redate.payload, profile="imi-std/p1")
    assert indicium.payload_type is PayloadType.REDATE
    assert (indicium.postage, indicium.mailing_date) == (Money(0), date(2026, 7, 14))
    assert psd.registers == before
    assert psd._journal.state.redates == 1
    assert reason(psd.redate(piece.sequence, date(2026, 7, 15))) is Reason.NO_REDATE


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 7, 12), Reason.NO_REDATE),
        (date(2026, 7, 13), Reason.NO_REDATE),
        (date(2026, 8, 12), None),
        (date(2026, 8, 13), Reason.DATE_TOO_FAR),
    ],
)
def test_a_redate_goes_forward_only_and_30_days_at_most(day: date, expected: Reason | None) -> None:
    psd = filled()
    answer = psd.redate(imprinted(psd).sequence, day)
    assert (reason(answer) if expected else type(answer)) == (expected or Evidence)


def test_a_redate_needs_postage_that_was_paid() -> None:
    psd = filled()
    test = psd.test_imprint()
    assert isinstance(test, Evidence)
    for sequence in (0, 1, test.sequence, 99):
        assert reason(psd.redate(sequence, date(2026, 7, 14))) is Reason.NO_REDATE


def test_an_old_piece_takes_no_redate_and_is_forgotten() -> None:
    clocks = Clocks(datetime(2026, 7, 13, 19, tzinfo=UTC))
    psd = filled(clock=clocks, window=3)
    old, other = imprinted(psd), imprinted(psd)
    assert isinstance(psd.redate(old.sequence, date(2026, 7, 14)), Evidence)
    clocks.wait(61 * 24 * HOUR_US)
    contacted(psd, clocks)
    assert reason(psd.redate(other.sequence, date(2026, 9, 13))) is Reason.NO_REDATE
    new = imprinted(psd, letter(mailing_date=date(2026, 9, 13)))
    assert isinstance(psd.redate(new.sequence, date(2026, 9, 14)), Evidence)
    assert [*psd._journal.state.redated] == [new.sequence]


def test_reply_mail_has_no_date() -> None:
    """domain trap 32; and nothing gives it one."""
    psd = filled()
    piece = imprinted(psd, letter(mailing_date=None))
    assert unpack(piece.payload, profile="imi-std/p1").mailing_date is None
    assert reason(psd.redate(piece.sequence, date(2026, 7, 14))) is Reason.NO_REDATE


# Decertification (domain.md 9a, 18, the print side).


@pytest.mark.parametrize(
    ("model", "last"), [("DM Infinity", date(2026, 6, 30)), ("SendPro P", date(2027, 12, 31))]
)
def test_a_model_prints_until_its_last_day_and_refuses_after_it(model: str, last: date) -> None:
    """The published dates of the two models, here for our profile: IBI cannot be printed."""
    published = read_calendar()
    ends = published.decision(model, "ibi", Rule.PRINT, last)
    assert isinstance(ends, Allowed)
    assert ends.last == last
    entry = Entry(
        name="imi", family="imi", models=("*",), source="test", confidence="", print=ends.last
    )
    evening = datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=PACIFIC)
    clocks = Clocks(evening)
    psd = filled(clock=clocks, model=model, calendar=Calendar([entry]), window=3)
    piece = imprinted(psd, letter(mailing_date=last))
    clocks.wait(SECOND_US)
    tomorrow = last + timedelta(days=1)
    assert reason(psd.imprint(letter(mailing_date=tomorrow))) is Reason.DECERTIFIED
    assert reason(psd.redate(piece.sequence, tomorrow)) is Reason.DECERTIFIED
    assert isinstance(psd.refill(Money(1_000), 2), Refilled)  # its money can still come and go


# The end.


def test_withdrawal_leaves_the_refund_and_closes_the_books() -> None:
    disk = SimDisk()
    psd = filled(disk)
    psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    answer = psd.withdraw()
    assert isinstance(answer, Withdrawn)
    assert answer.refund == Money(499_220)
    assert answer.registers == psd.registers == Registers(
        ascending=Money(780), descending=Money(0), control_total=Money(780), piece_count=1
    )  # fmt: skip
    assert psd.acknowledge(psd.last_sequence) is None  # the final audit
    psd.close()
    assert Psd.open(disk, **setup()).state is State.WITHDRAWN


def test_a_refill_under_way_ends_before_the_withdrawal() -> None:
    psd = filled()
    assert psd.begin_refill(Money(1_000), 2, nonce=9) is None
    assert reason(psd.withdraw()) is Reason.REFILL_OUTSTANDING
    assert psd.void_refill(2) is None
    assert reason(psd.begin_refill(Money(1_000), 2)) is Reason.REFILL_VOID
    assert isinstance(psd.withdraw(), Withdrawn)


def test_zeroise_latches_before_it_destroys_and_each_boot_does_it_again() -> None:
    disk, destroyed = SimDisk(), []

    def destroy() -> None:
        destroyed.append(disk.durable_only())
        raise PsdFaultStandIn

    class PsdFaultStandIn(Exception):
        """The power goes while the keys are being destroyed."""

    psd = filled(disk, zeroise=destroy)
    registers = psd.registers
    with pytest.raises(PsdFaultStandIn):
        psd.zeroise()
    (at_that_moment,) = destroyed
    again: list[int] = []
    reopened = Psd.open(at_that_moment, **setup(zeroise=lambda: again.append(1)))
    assert again == [1]
    assert reopened.state is State.TAMPERED
    assert reopened.registers == registers
    assert reason(reopened.imprint(letter())) is Reason.TAMPERED
    assert len([*reopened.records()]) == reopened.last_sequence
    reopened.idle()
    with pytest.raises(MachineError, match="takes no more records"):
        reopened._journal.append(RecordType.BOOT, Instant(0, 0))
    reopened.close()


def test_a_failed_self_test_holds_until_the_inspection() -> None:
    disk = SimDisk()
    psd = filled(disk)
    psd.fail("ECDSA answers wrongly")
    psd.close()
    psd = Psd.open(disk, **setup())
    assert psd.state is State.FAULT
    assert reason(psd.imprint(letter())) is Reason.FAULT
    psd.unlock(Lock.FAULT)
    imprinted(psd)


# Tries, messages.


def test_tries_count_until_a_success_and_survive_a_restart() -> None:
    disk, clock = SimDisk(), TellClock()
    psd = filled(disk, clock=clock)
    for _ in range(3):
        assert psd.note_try(4, Try.ATTEMPT) is None
    psd = Psd.open(disk.fork(), **setup(clock=clock))
    assert psd.tries_of(4).failures == 3
    assert psd.tries_of(4).last_us <= clock.psd_us
    assert psd.tries_of(5) == Tries(0, 0)
    assert psd.note_try(4, Try.SUCCESS) is None
    assert psd.tries_of(4).failures == 0


def test_the_device_signs_messages_and_never_an_indicium_as_one() -> None:
    psd = filled()
    assert len(psd.sign_message(b"IMIM and so on")) == 64
    piece = imprinted(psd)
    with pytest.raises(ValueError, match="a message begins with"):
        psd.sign_message(piece.payload)


def test_a_broken_journal_refuses_all_but_status() -> None:
    disk = SimDisk()
    psd = filled(disk)
    disk.fail_at = disk.operations
    with pytest.raises(PsdFault):
        psd.imprint(letter())
    assert psd.state is State.FAULT
    assert reason(psd.imprint(letter())) is Reason.FAULT
    assert psd.registers.descending == Money(500_000)


def test_what_a_state_refuses_is_one_incident_and_nothing_else() -> None:
    psd = held(Lock.SUSPENDED)
    before, sequence = psd.registers, psd.last_sequence
    assert reason(psd.void_refill(3)) is Reason.SUSPENDED
    assert reason(psd.redate(6, date(2026, 7, 14))) is Reason.SUSPENDED
    [record] = psd.records(sequence + 1)
    assert (record.type, record.reference) == (RecordType.INCIDENT, IncidentKind.WRONG_STATE)
    assert psd.registers == before
    gone = tampered()
    assert reason(gone.acknowledge(1)) is Reason.TAMPERED
    assert reason(gone.anchor_time(NOON_US, 0, 1)) is Reason.TAMPERED


def test_commissioning_says_which_step_was_refused() -> None:
    class Refusing(Psd):
        def take_into_use(self, envelope: bytes) -> Refused | None:
            is_first = self.state is State.MANUFACTURED
            refused = Refused(Reason.SUSPENDED, "no agreement")
            return super().take_into_use(envelope) if is_first else refused

    psd = Refusing.create(SimDisk(), **setup())
    with pytest.raises(ValueError, match="commissioning: the provider suspended the device"):
        commission(psd, provider_sign, b"certificate", b"agreement")
    assert psd.state is State.INITIALIZED
    commission(filled(), provider_sign, b"", b"")  # in service: nothing is left to do


def test_zeroise_needs_a_way_and_may_be_asked_again() -> None:
    with pytest.raises(ValueError, match="names no way to destroy"):
        filled().zeroise()
    disk, destroyed = SimDisk(), []
    psd = filled(disk, zeroise=lambda: destroyed.append(1))
    psd.zeroise()
    psd.zeroise()
    assert destroyed == [1, 1]
    psd.close()
    assert Psd.open(disk, **setup()).state is State.TAMPERED  # a reader without that way


def test_the_time_is_the_floor_where_it_is_unknown() -> None:
    disk, clocks = SimDisk(), Clocks(datetime(2026, 7, 13, 19, tzinfo=UTC))
    psd = filled(disk, clock=clocks)
    clocks.wait(SECOND_US)
    assert psd.now_us == clocks.rtc_us
    psd.close()
    clocks.wait(HOUR_US)
    strict = Psd.open(disk, **setup(clock=clocks, time=STRICT))
    assert strict.now_us < clocks.rtc_us
    assert strict.contact.warning_h == 0
