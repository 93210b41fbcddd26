"""The office: who is let in, what an order leaves behind, and what a power cut leaves of it."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import cast

import pytest

from imi.simdisk import ATOMS, PowerCut, SimDisk
from pipeline.accounts import Account, BadAccount, Budget, Period, User
from pipeline.authority import Reason, Refused
from pipeline.claimform import ClaimForm
from pipeline.claims import Filing, Kept, draft
from pipeline.imprint import Evidence
from pipeline.lifecycle import ROLES, Role, Service
from pipeline.office import NotEnrolled, Office
from pipeline.pins import BadPin
from pipeline.roles import IDLE_US, PERMITTED, Action, Denial, Denied, Session
from pipeline.state import Lock, Open, Outcome, Tries
from pipeline.storage import SealBroken
from pipeline.supervision import Supervision
from postage.money import Money
from tests.pipeline.device import NOON_US, TODAY, TellClock, imprinted, letter
from tests.pipeline.people import (
    OTHER_PIN,
    PIN,
    WRONG,
    Premises,
    logged_in,
    provider,
    supervised,
)
from tests.pipeline.test_claims import CUSTOMER, Memory

MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
MAIL_ROOM = Account(7, "Mail room", Budget(Money(50_000)))
OPERATOR = User(20, "Ben", Role.OPERATOR, frozenset({7}))
AUDITOR = User(30, "Cy", Role.AUDITOR)


def denial(answer: object) -> Denial | None:
    assert answer is None or isinstance(answer, Denied), answer
    return None if answer is None else answer.denial


def staffed(premises: Premises) -> Supervision:
    """Return supervisor 1 of an office with a department, a second supervisor and two others."""
    ada = supervised(premises)
    assert ada.put_account(MAIL_ROOM) is None
    for user in (OPERATOR, AUDITOR, User(2, "Dee", Role.SUPERVISOR)):
        assert ada.put_user(user) is None
        assert ada.reset_pin(user.number, OTHER_PIN) is None
    return ada


# ---- domain.md 9a, "Also run"


def test_64_letters_of_780_and_the_65th_refused() -> None:
    """domain.md 9a: budget 50,000; 64 letters of 780 are 49,920; the next one exceeds it."""
    premises = Premises()
    ada = supervised(premises)
    ada.put_account(MAIL_ROOM)
    for _ in range(64):
        premises.psd.confirm(
            imprinted(premises.psd, letter(department=7)).sequence, Outcome.CONFIRMED
        )
    refused = premises.psd.imprint(letter(department=7))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.BUDGET_EXCEEDED
    (standing,) = ada.office.standings()
    assert (standing.spent, standing.left) == (Money(49_920), Money(80))
    assert (standing.percent, standing.warning) == (99, 95)
    assert premises.psd.registers.ascending == Money(49_920)


def test_five_wrong_pins_lock_for_15_minutes_of_psd_time() -> None:
    """domain.md 9a. A restart shortens nothing, nor does the right PIN."""
    premises = Premises()
    ada = staffed(premises)
    office = ada.office
    answers = [denial(office.login(20, WRONG)) for _ in range(5)]
    assert answers == [Denial.WRONG_PIN] * 4 + [Denial.WAIT]
    assert denial(office.login(20, OTHER_PIN)) is Denial.WAIT
    office = premises.restart()
    premises.clock.psd_us += 14 * MINUTE_US
    assert denial(office.login(20, OTHER_PIN)) is Denial.WAIT
    premises.clock.psd_us += MINUTE_US
    assert isinstance(office.login(20, OTHER_PIN), Session)
    assert premises.psd.tries_of(20) == Tries(0, 0)


def test_ten_wrong_pins_take_another_supervisor() -> None:
    premises = Premises()
    office = staffed(premises).office
    for _ in range(5):
        office.login(2, WRONG)
    premises.clock.psd_us += 15 * MINUTE_US
    for _ in range(5):
        office.login(2, WRONG)
    premises.clock.psd_us += 1000 * MINUTE_US
    assert denial(office.login(2, OTHER_PIN)) is Denial.BLOCKED
    ada = Supervision(office, logged_in(office))
    assert ada.unlock_user(2) is None
    dee = Supervision(office, logged_in(office, 2, OTHER_PIN))
    for act in (
        lambda: dee.unlock_user(2),
        lambda: dee.reset_pin(2, PIN),
        lambda: dee.put_user(User(2, "Dee", Role.SUPERVISOR)),
    ):
        assert denial(act()) is Denial.OWN_RELEASE, "or an open session would buy guesses"


# ---- rights


def test_no_right_is_wider_than_the_device_s_own_service() -> None:
    pairs = {
        Action.PRINT: Service.IMPRINT,
        Action.REDATE: Service.IMPRINT,
        Action.CLAIM_REFUND: Service.OUTCOME,
        Action.SET_BUDGET: Service.BUDGET,
        Action.REFILL: Service.REFILL,
        Action.TEST: Service.TEST,
        Action.CHANGE_OWN_PIN: Service.PIN,
    }
    assert set(PERMITTED) == set(Action)
    for action, service in pairs.items():
        assert PERMITTED[action] <= ROLES[service]


ACTS: dict[str, Callable[[Supervision], object]] = {
    "change a budget": lambda desk: desk.set_budget(7, Budget(Money(60_000))),
    "change departments": lambda desk: desk.put_account(Account(8, "Sales")),
    "import": lambda desk: desk.import_accounts(b"number,name,budget,period,active\n9,x,,,yes\n"),
    "add or change users": lambda desk: desk.put_user(User(40, "Eve", Role.OPERATOR)),
    "reset PIN": lambda desk: desk.reset_pin(30, PIN),
    "unlock user": lambda desk: desk.unlock_user(30),
    "redate": lambda desk: desk.redate(1, TODAY),
    "claim refund": lambda desk: desk.claim_refund(cast(ClaimForm, None), cast(Kept, None)),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("user", [20, 30])
def test_an_operator_and_an_auditor_do_none_of_it(act: str, user: int) -> None:
    premises = Premises()
    office = staffed(premises).office
    before = office.book, len(office.trail.entries), premises.psd.last_sequence
    desk = Supervision(office, logged_in(office, user, OTHER_PIN))
    before = office.book, len(office.trail.entries), premises.psd.last_sequence
    assert denial(ACTS[act](desk)) is Denial.FORBIDDEN
    assert before == (office.book, len(office.trail.entries), premises.psd.last_sequence)


@pytest.mark.parametrize("act", ACTS)
def test_a_closed_or_invented_session_does_nothing(act: str) -> None:
    office = staffed(Premises()).office
    session = logged_in(office)
    office.sessions.close(session)
    for ghost in (session, Session(99, 1, Role.SUPERVISOR), replace(session, user=2)):
        assert denial(ACTS[act](Supervision(office, ghost))) is Denial.NO_SESSION


def test_a_session_ends_when_idle_when_the_clock_goes_back_and_at_a_restart() -> None:
    premises = Premises()
    ada = staffed(premises)
    premises.clock.psd_us += IDLE_US[Role.SUPERVISOR] + MINUTE_US
    assert denial(ada.set_budget(7, None)) is Denial.IDLE
    assert denial(ada.set_budget(7, None)) is Denial.NO_SESSION
    session = logged_in(ada.office)
    premises.clock.psd_us -= MINUTE_US
    assert denial(Supervision(ada.office, session).set_budget(7, None)) is Denial.IDLE
    premises.clock.psd_us += MINUTE_US
    session = logged_in(ada.office)
    assert denial(Supervision(premises.restart(), session).set_budget(7, None)) is (
        Denial.NO_SESSION
    )


def test_an_operator_charges_the_own_department_and_known_ones_only() -> None:
    premises = Premises()
    ada = staffed(premises)
    ada.put_account(Account(8, "Sales"))
    ada.put_account(Account(9, "Closed", is_active=False))
    office = ada.office
    ben, dee = logged_in(office, 20, OTHER_PIN), logged_in(office, 2, OTHER_PIN)
    assert office.charge_denial(ben, 7) is None
    assert denial(office.charge_denial(ben, 8)) is Denial.OTHER_DEPARTMENT
    assert office.charge_denial(dee, 8) is None
    assert "is not known" in str(office.charge_denial(dee, 10))
    assert "is not active" in str(office.charge_denial(dee, 9))
    auditor = logged_in(office, 30, OTHER_PIN)
    assert denial(office.charge_denial(auditor, 7)) is Denial.FORBIDDEN
    refused = premises.psd.imprint(letter(department=9))
    assert isinstance(refused, Refused), "the PSD too charges an inactive department nothing"


def test_users_without_standing_are_not_let_in() -> None:
    office = staffed(Premises()).office
    ada = Supervision(office, logged_in(office))
    ada.put_user(User(40, "Eve", Role.OPERATOR))
    assert denial(office.login(40, PIN)) is Denial.NO_PIN
    assert denial(office.login(41, PIN)) is Denial.UNKNOWN_USER
    ada.put_user(replace(OPERATOR, is_active=False))
    assert denial(office.login(20, OTHER_PIN)) is Denial.INACTIVE_USER


def test_a_change_of_rights_or_pin_logs_the_user_out() -> None:
    office = staffed(Premises()).office
    ada, ben = Supervision(office, logged_in(office)), logged_in(office, 20, OTHER_PIN)
    ada.put_user(OPERATOR)
    assert denial(office.charge_denial(ben, 7)) is Denial.NO_SESSION
    assert office.book.users[20].stored_pin, "the PIN stays"
    dee = Supervision(office, logged_in(office, 2, OTHER_PIN))
    assert denial(dee.change_own_pin(WRONG, PIN)) is Denial.WRONG_PIN
    assert dee.change_own_pin(OTHER_PIN, PIN) is None
    assert isinstance(office.login(2, PIN), Session)


def test_what_cannot_be_raises_before_anything_is_written() -> None:
    premises = Premises()
    ada = staffed(premises)
    before = len(ada.office.trail.entries), premises.psd.last_sequence
    for act, said in (
        (lambda: ada.set_budget(70, None), "department 70 is not known"),
        (lambda: ada.reset_pin(70, PIN), "user 70 is not known"),
        (lambda: ada.unlock_user(70), "user 70 is not known"),
        (lambda: ada.put_user(User(5, "F", Role.OPERATOR, frozenset({70}))), "70 is not known"),
    ):
        with pytest.raises(BadAccount, match=said):
            act()
    with pytest.raises(BadPin, match="one digit repeated"):
        ada.reset_pin(20, "0000")
    assert before == (len(ada.office.trail.entries), premises.psd.last_sequence)


# ---- the trail


def test_every_act_stands_in_the_trail_with_who_and_after_which_record() -> None:
    premises = Premises()
    ada = staffed(premises)
    premises.psd.confirm(imprinted(premises.psd).sequence, Outcome.MISPRINT)
    premises.psd.idle()
    (piece,) = premises.psd.open_pieces
    assert piece.why is Open.MISPRINT
    at = premises.psd.last_sequence
    form = draft(premises.psd, CUSTOMER, TODAY)
    assert form is not None
    filing = ada.claim_refund(form, Memory())
    assert isinstance(filing, Filing)
    assert filing.pieces == (piece.sequence,)
    assert premises.psd.open_pieces == []
    entry = ada.office.trail.entries[-1]
    assert entry.detail == form.number
    assert (entry.actor, entry.role, entry.act, entry.subject, entry.after) == (
        1,
        "supervisor",
        "claim refund",
        piece.sequence,
        at,
    )
    redated = ada.redate(piece.sequence, TODAY + timedelta(days=1))
    assert isinstance(redated, Evidence)
    again = ada.redate(piece.sequence, TODAY + timedelta(days=2))
    assert isinstance(again, Refused)
    acts = [each.act for each in ada.office.trail.entries[-3:]]
    assert acts == ["redate", "redate", "redate refused"]
    assert ada.trail() == ada.office.trail.entries
    assert ada.trail() == premises.restart().trail.entries, "as it stands in the file"


def test_a_folder_put_back_from_yesterday_lets_nobody_in() -> None:
    """The old PIN, the old budget or the old rights do not come back with the old files."""
    changes: tuple[Callable[[Supervision], object], ...] = (
        lambda ada: ada.reset_pin(20, PIN),
        lambda ada: ada.put_user(replace(OPERATOR, is_active=False)),
        lambda ada: ada.set_budget(7, Budget(Money(1_000))),
        lambda ada: ada.unlock_user(30),
    )
    for change in changes:
        premises = Premises()
        ada = staffed(premises)
        yesterday = premises.files.fork()
        assert change(ada) is None
        assert premises.restart().unexplained == []
        premises.files = yesterday
        office = premises.restart()
        assert len(office.unexplained) == 1
        with pytest.raises(NotEnrolled, match="older than the journal"):
            office.login(20, OTHER_PIN)
        with pytest.raises(NotEnrolled, match="the provider alone"):
            office.enrol(5, "Mallory", PIN)
        office.enrol(5, "Flo", PIN, provider(office))
        assert isinstance(premises.restart().login(5, PIN), Session)


def test_a_folder_that_was_emptied_takes_the_provider() -> None:
    premises = Premises()
    staffed(premises)
    premises.files = SimDisk()
    office = premises.restart()
    with pytest.raises(NotEnrolled, match="no supervisor is enrolled"):
        office.login(1, PIN)
    with pytest.raises(NotEnrolled, match="the provider alone"):
        office.enrol(1, "Mallory", PIN)
    office.enrol(1, "Ada", PIN, provider(office))
    assert isinstance(premises.restart().login(1, PIN), Session)


def test_one_changed_bit_of_any_file_is_found() -> None:
    premises = Premises()
    staffed(premises)
    names = premises.files.list()
    assert names == ["accounts", "trail-000001"]
    rng, whole = Random(4), premises.files
    for name in names:
        for bit in rng.sample(range(whole.size(name) * 8), 25):
            premises.files = whole.fork()
            premises.files.flip(name, bit)
            with pytest.raises(SealBroken, match=name):
                premises.restart()


# ---- periods


def test_a_new_month_gives_the_budget_again_and_spending_counts_on_its_true_day() -> None:
    premises = Premises()
    ada = supervised(premises)
    ada.put_account(Account(7, "Mail room", Budget(Money(2_000), Period.MONTH)))
    psd = premises.psd

    def mail() -> bool:
        evidence = psd.imprint(letter(department=7, mailing_date=day))
        if isinstance(evidence, Evidence):
            psd.confirm(evidence.sequence, Outcome.CONFIRMED)
        return isinstance(evidence, Evidence)

    day = TODAY
    assert [mail(), mail(), mail()] == [True, True, False]
    for _ in range(19):  # 13 July to 1 August, with a start of the program each day
        premises.clock.psd_us += DAY_US
        office, day = premises.restart(), day + timedelta(days=1)
        psd = premises.psd
        psd.acknowledge(psd.last_sequence)  # the contact rule would lock on the fourth day
    assert (day.month, day.day) == (8, 1)
    assert [mail(), mail(), mail()] == [True, True, False]
    (standing,) = office.standings()
    assert standing.spent == Money(1_560), "July's letters are July's"


def test_a_budget_changed_within_its_month_leaves_what_was_spent_spent() -> None:
    premises = Premises()
    ada = supervised(premises)
    ada.put_account(Account(7, "Mail room", Budget(Money(2_000), Period.MONTH)))
    imprinted(premises.psd, letter(department=7))
    ada.set_budget(7, Budget(Money(1_000), Period.MONTH))
    assert premises.psd._journal.state.departments[7].left == 220
    ada.set_budget(7, Budget(Money(500), Period.MONTH))
    assert premises.psd._journal.state.departments[7].left == 0
    ada.set_budget(7, Budget(Money(900)))
    assert premises.psd._journal.state.departments[7].left == 900, "without a period: from now"
    ada.set_budget(7, None)
    assert premises.psd._journal.state.departments[7].left == 2**40 - 1


# ---- power cuts


def budget_told(premises: Premises) -> int | None:
    department = premises.psd._journal.state.departments.get(7)
    return None if department is None else department.left


@pytest.mark.parametrize("where", ["files", "journal"])
def test_a_cut_at_any_operation_leaves_an_order_whole_or_not_given(where: str) -> None:
    """Every operation of three orders, on either disk, each torn by seeds.

    After the start the PSD enforces what the book says, the journal holds nothing that the trail
    does not explain, and the supervisor's PIN opens.
    """
    rng, cuts, said = Random(9), 0, set()
    premises = Premises()
    staffed(premises)
    premises.psd.close()
    warmed = premises.journal.fork(), premises.files.fork()
    for at in itertools.count():
        premises.journal, premises.files = (each.fork() for each in warmed)
        office = premises.open()
        ada = Supervision(office, logged_in(office))
        disk = getattr(premises, where)
        disk.cut_at = disk.operations + at
        try:
            ada.set_budget(7, Budget(Money(60_000)))
            ada.reset_pin(20, PIN)
            ada.put_account(Account(8, "Sales", Budget(Money(5))))
        except PowerCut:
            cuts += 1
        else:
            break
        atom = rng.choice(ATOMS)
        premises.journal = premises.journal.after_cut(rng, atom)
        premises.files = premises.files.after_cut(rng, atom)
        office = premises.open()
        assert office.unexplained == []
        budget = office.book.accounts[7].budget
        assert budget is not None
        assert budget_told(premises) == budget.amount.mills
        said.add((budget.amount.mills, 8 in office.book.accounts))
        assert isinstance(office.login(1, PIN), Session)
        assert isinstance(office.login(20, PIN), Session) or isinstance(
            office.login(20, OTHER_PIN), Session
        )
        premises.psd.close()
    assert cuts > (30 if where == "files" else 15)
    first = {(50_000, False)} if where == "files" else set()  # the files come first
    assert said == first | {(60_000, False), (60_000, True)}


def test_a_cut_while_a_new_month_is_told_leaves_every_budget_of_the_month() -> None:
    """Ten departments at the turn of a month: each cut is finished by the next start."""
    rng, cuts, july = Random(3), 0, TODAY + timedelta(days=17)
    premises = Premises(clock=TellClock(NOON_US + 17 * DAY_US))
    ada = supervised(premises)
    rows = b"".join(b"%d,x,%d,month,yes\n" % (number, number) for number in range(1, 11))
    ada.import_accounts(b"number,name,budget,period,active\n" + rows)
    for number in range(1, 11):
        evidence = imprinted(premises.psd, letter(500, july, department=number))
        premises.psd.confirm(evidence.sequence, Outcome.CONFIRMED)
    premises.psd.close()
    warmed = premises.journal.fork(), premises.files.fork()
    august_us = premises.clock.psd_us + 2 * DAY_US
    for at in itertools.count(5):
        premises.journal, premises.files = (each.fork() for each in warmed)
        premises.clock.psd_us = august_us
        disk = (premises.journal, premises.files)[at % 2]
        disk.cut_at = disk.operations + at // 2
        try:
            premises.open()
        except PowerCut:
            cuts += 1
        else:
            if at > 200:
                break
            continue
        premises.journal = premises.journal.after_cut(rng, rng.choice(ATOMS))
        premises.files = premises.files.after_cut(rng, rng.choice(ATOMS))
        office = premises.open()
        assert office.unexplained == []
        left = {n: each.left for n, each in premises.psd._journal.state.departments.items()}
        assert left == {number: number * 1_000 for number in range(1, 11)}
    assert cuts > 40


# ---- the device's own states


def test_a_device_in_fault_or_withdrawn_is_asked_first() -> None:
    premises = Premises()
    ada = staffed(premises)
    premises.psd.fail("a self-test")
    assert denial(ada.office.login(2, OTHER_PIN)) is Denial.DEVICE
    before = ada.office.book
    assert denial(ada.unlock_user(2)) is Denial.DEVICE
    assert denial(ada.reset_pin(2, PIN)) is Denial.DEVICE
    assert ada.office.book == before
    assert ada.set_budget(7, Budget(Money(60_000))) is None
    assert ada.office.book.unsettled == {7}, "told when the device takes budgets again"
    assert budget_told(premises) == 50_000
    premises.psd.unlock(Lock.FAULT)
    ada.office.settle()
    assert (ada.office.book.unsettled, budget_told(premises)) == (frozenset(), 60_000)


def test_the_wait_runs_on_psd_time_and_stands_still_where_that_is_unknown() -> None:
    """A clock set back, or 73 hours forward, ends no wait: PSD time is unknown until a contact."""
    premises = Premises()
    office = staffed(premises).office
    for _ in range(5):
        office.login(20, WRONG)
    at = premises.clock.psd_us
    for strange_us in (at - DAY_US, at + 4 * DAY_US):
        premises.clock.psd_us = strange_us
        office = premises.restart()
        assert denial(office.login(20, OTHER_PIN)) is Denial.WAIT
        premises.clock.psd_us += 60 * MINUTE_US
        assert denial(office.login(20, OTHER_PIN)) is Denial.WAIT
    floor_us = premises.psd.now_us
    premises.psd.anchor_time(floor_us + 15 * MINUTE_US, 0, 1)
    assert isinstance(office.login(20, OTHER_PIN), Session)


def test_3_000_departments_are_told_and_read_again() -> None:
    premises = Premises()
    ada = supervised(premises)
    rows = b"".join(b"%d,d %d,5.00,month,yes\n" % (n, n) for n in range(1, 3_001))
    ada.import_accounts(b"number,name,budget,period,active\n" + rows)
    assert len(premises.psd._journal.state.departments) == 3_000
    office = premises.restart()
    assert len(office.book.accounts) == 3_000
    assert office.unexplained == []
    assert len(office.trail.entries) == 6_001, "an order and a grant for each, and the enrolment"


def test_an_office_opened_on_new_premises_enrols_one_and_no_more() -> None:
    office: Office = Premises().open()
    with pytest.raises(NotEnrolled, match="no supervisor"):
        office.login(1, PIN)
    office.enrol(1, "Ada", PIN)
    with pytest.raises(NotEnrolled, match="the provider alone"):
        office.enrol(2, "Mallory", PIN)


def test_an_enrolment_that_the_device_or_the_session_refuses_changes_nothing() -> None:
    premises = Premises()
    office = premises.open()
    premises.psd.fail("a self-test")
    with pytest.raises(NotEnrolled, match=r"the device takes no users now: .*FAULT"):
        office.enrol(1, "Ada", PIN)
    assert office.book.users == {}
    premises = Premises()
    office = staffed(premises).office
    over = provider(office)
    office.sessions.close(over)
    with pytest.raises(NotEnrolled, match="the session is closed"):
        office.enrol(5, "Flo", PIN, over)
    office.enrol(5, "Flo", PIN, provider(office))
    assert isinstance(office.login(5, PIN), Session)


def test_the_provider_resets_and_releases_and_neither_prints_nor_spends() -> None:
    premises = Premises()
    staffed(premises)
    office = premises.restart()
    desk = Supervision(office, provider(office))
    assert desk.reset_pin(1, OTHER_PIN) is None
    assert desk.unlock_user(20) is None
    for act in (
        desk.set_budget(7, None),
        desk.import_accounts(b""),
        desk.change_own_pin(PIN, OTHER_PIN),
        office.charge_denial(desk.session, 7),
    ):
        assert denial(act) is Denial.FORBIDDEN
    assert isinstance(office.login(1, OTHER_PIN), Session)
