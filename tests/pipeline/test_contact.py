"""The link between meter and provider: what settles, what is refused, what a lost message costs."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import pytest

from pipeline.authority import Reason, Refused
from pipeline.contact import MAX_ORDERS, Contact, Met
from pipeline.imprint import Refilled
from pipeline.incidents import canonical
from pipeline.lifecycle import State
from pipeline.link import Breach, Incident, Unreachable
from pipeline.orders import Others, obey
from pipeline.record import RECORD_BYTES, RecordType
from pipeline.refill import Declined, Voided, settle
from pipeline.state import Lock, Outcome, Try
from pipeline.upload import upload
from postage.envelope import open_envelope, pack, seal
from postage.message_layouts import MAX_RECORDS
from postage.messages import (
    AuditAck,
    AuditUpload,
    Command,
    DeclineReason,
    Denial,
    Denied,
    Message,
    Order,
    OrderDone,
    RateNotice,
    RefillAck,
    RefillCredit,
    RefillRequest,
    RefillTombstone,
    TimeAnswer,
    TimeQuery,
)
from postage.money import Money
from tests.pipeline.device import CERTIFICATE, NOON_US, SEAL, TellClock, imprinted, letter
from tests.pipeline.device import sign as device_sign
from tests.pipeline.meeting import DEVICE, Meeting, provider_sign

Deliver = Callable[[bytes], bytes]
AMOUNT = Money(100_000)


def opened(data: bytes) -> Message:
    return open_envelope(data, lambda message, signature: True)


def met(contact: Contact) -> Met:
    """Return a contact that must run to its end."""
    result = contact.meet()
    assert isinstance(result, Met), result
    return result


def totals(meeting: Meeting) -> tuple[int, int, int]:
    """Return the device's control total, what was posted, and what is in transit, in mills."""
    shadow = meeting.account.shadow
    in_transit = sum(shadow.in_transit.values())
    return meeting.psd.registers.control_total.mills, shadow.posted, in_transit


def lose_answer(question: bytes, deliver: Deliver) -> bytes:
    deliver(question)
    raise TimeoutError("no answer")


def lose_question(question: bytes, deliver: Deliver) -> bytes:
    raise ConnectionRefusedError("no provider")


def lose_audit_answers(question: bytes, deliver: Deliver) -> bytes:
    answer = deliver(question)
    if isinstance(opened(question), AuditUpload):
        raise TimeoutError("no answer")
    return answer


def rewritten(change: Callable[[Message], Message], key: Callable[[bytes], bytes]) -> Callable:
    return lambda question, deliver: seal(change(opened(deliver(question))), key)


def test_a_contact_from_end_to_end() -> None:
    meeting = Meeting()
    assert meeting.contact.refill(AMOUNT) == Refilled(1, AMOUNT, meeting.psd.registers)
    imprinted(meeting.psd)
    result = met(meeting.contact)
    assert result.acknowledged == meeting.psd.head.sequence - 1  # the acknowledgement's own record
    shadow = meeting.account.shadow
    assert shadow.mark == result.acknowledged
    assert shadow.state.ascending == 780
    assert totals(meeting) == (100_000, 100_000, 0)
    assert meeting.account.funds == 10_000_000 - 100_000
    assert not meeting.contact.incidents
    assert not meeting.provider.incidents


class TestScenario9:
    """domain.md 9a.9, with its numbers."""

    def test_an_answer_lost_after_the_commit_credits_once(self) -> None:
        meeting = Meeting(tamper=lose_answer)
        assert isinstance(meeting.contact.refill(AMOUNT), Unreachable)
        assert totals(meeting) == (0, 100_000, 100_000)
        meeting.tamper = None
        assert isinstance(meeting.contact.refill(AMOUNT), Refilled)
        assert totals(meeting) == (100_000, 100_000, 0)
        assert meeting.account.funds == 10_000_000 - 100_000

    def test_a_retry_with_another_amount_is_refused(self) -> None:
        """By the device, and by the provider were the device to ask."""
        meeting = Meeting(tamper=lose_answer)
        asked: list[bytes] = []
        meeting.tamper = lambda question, deliver: (
            asked.append(question) or lose_answer(question, deliver)
        )
        meeting.contact.refill(AMOUNT)
        refused = meeting.contact.refill(Money(200_000))
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.REQUEST_ID_REUSED
        question = opened(asked[0])
        assert isinstance(question, RefillRequest)
        for other in (replace(question, amount=Money(200_000)), replace(question, nonce=1)):
            answer = opened(meeting.provider.handle(seal(other, device_sign)))
            assert answer.reason is Denial.CONFLICT  # type: ignore[attr-defined]
        assert meeting.account.shadow.posted == 100_000
        assert [incident.denial for incident in meeting.provider.incidents] == [
            Denial.CONFLICT,
            Denial.CONFLICT,
        ]

    @pytest.mark.parametrize(
        ("change", "key", "breach"),
        [
            (lambda credit: credit, device_sign, Breach.FORGED),
            (
                lambda credit: replace(credit, before=Money(1), after=Money(100_001)),
                provider_sign,
                Breach.CONTRADICTION,
            ),
            (
                lambda credit: replace(credit, amount=Money(200_000)),
                provider_sign,
                Breach.CONTRADICTION,
            ),
            (
                lambda credit: replace(credit, after=Money(200_000)),
                provider_sign,
                Breach.CONTRADICTION,
            ),
            (lambda credit: replace(credit, request=2), provider_sign, Breach.CONTRADICTION),
            (lambda credit: replace(credit, nonce=2), provider_sign, Breach.STALE),
            (lambda credit: replace(credit, device=DEVICE + 1), provider_sign, Breach.FOREIGN),
        ],
    )
    def test_a_forged_reply_or_one_for_another_total_is_refused(
        self,
        change: Callable[[Message], Message],
        key: Callable[[bytes], bytes],
        breach: Breach,
    ) -> None:
        meeting = Meeting(tamper=rewritten(change, key))
        refused = meeting.contact.refill(AMOUNT)
        assert isinstance(refused, Incident)
        assert (refused.breach, refused.question) == (breach, "RefillRequest")
        if breach is Breach.CONTRADICTION:  # both sides of it, for whoever must find out
            answer, asked = refused.detail.split(" to ")
            assert answer.startswith("RefillCredit(")
            assert asked.startswith("RefillRequest(")
        assert meeting.contact.incidents == [refused]
        assert totals(meeting) == (0, 100_000, 100_000)
        meeting.tamper = None  # and the true answer still credits, once
        assert isinstance(met(meeting.contact).refill, Refilled)
        assert totals(meeting) == (100_000, 100_000, 0)

    def test_a_register_behind_the_providers_alarms_and_locks(self) -> None:
        """An old copy of the disk: its ascending register is below what was uploaded."""
        meeting = Meeting()
        meeting.contact.refill(AMOUNT)
        met(meeting.contact)
        old = meeting.disk.fork()
        imprinted(meeting.psd)
        met(meeting.contact)
        meeting.reopen(old)
        refused = meeting.contact.meet()
        assert isinstance(refused, Incident)
        assert refused.denial is Denial.REGISTERS_BEHIND
        assert meeting.account.lock is Denial.REGISTERS_BEHIND
        assert meeting.psd.state is State.SUSPENDED  # the order came in the same contact
        refused = meeting.contact.refill(AMOUNT)
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.SUSPENDED


def test_a_restored_folder_is_found_at_the_next_contact() -> None:
    """R8: whatever of the device's later life the provider has heard of."""
    for later in range(4):
        meeting = Meeting()
        meeting.contact.refill(AMOUNT)
        met(meeting.contact)
        old = meeting.disk.fork()
        if later == 1:
            meeting.tamper = lose_answer
            meeting.contact.refill(AMOUNT)  # money in transit, nothing else
            meeting.tamper = None
        elif later == 2:
            met(meeting.contact)  # records only
        elif later == 3:
            meeting.contact.refill(AMOUNT)  # the later total is not in the old copy
        meeting.reopen(old)
        result = meeting.contact.meet()
        if later == 0:
            assert isinstance(result, Met)  # nothing happened since: not an old copy at all
            continue
        assert isinstance(result, Incident), later
        assert result.breach in (Breach.DENIED, Breach.OLD_COPY, Breach.HISTORY_DIFFERS)
        assert meeting.account.lock is not None
        assert meeting.psd.state is State.SUSPENDED


def test_two_copies_of_one_device_are_found() -> None:
    """T3: a clone that went its own way meets the shadow of the first."""
    meeting = Meeting()
    meeting.contact.refill(AMOUNT)
    met(meeting.contact)
    clone = meeting.disk.fork()
    imprinted(meeting.psd)
    met(meeting.contact)
    meeting.reopen(clone)
    imprinted(meeting.psd, letter(1_000))
    imprinted_more = meeting.contact.meet()
    assert isinstance(imprinted_more, Incident)
    assert meeting.account.lock is not None


class TestEveryAnswer:
    """What may go wrong with an answer has one name, an incident, and no effect."""

    def refused(self, tamper: Callable[[bytes, Deliver], bytes]) -> Incident:
        meeting = Meeting(tamper=tamper)
        before, sequence = meeting.psd.registers, meeting.psd.last_sequence
        told: list[Incident] = []
        contact = Contact(
            meeting.psd,
            meeting._exchange,
            lambda message, signature: provider_sign(message) == signature,
            nonces=meeting.nonces.__next__,
            boottime_us=lambda: meeting.clock().boottime_us,
            report=told.append,
        )
        result = contact.meet()
        assert isinstance(result, Incident)
        assert contact.incidents == told == [result]
        assert meeting.psd.registers == before
        [record] = meeting.psd.records(sequence + 1)  # of the incident, and nothing else
        assert (record.type, record.reference) == (RecordType.INCIDENT, result.kind)
        assert record.payload == canonical(str(result))
        assert result.question == "TimeQuery"
        return result

    def test_noise(self) -> None:
        assert self.refused(lambda question, deliver: b"502 Bad Gateway").breach is Breach.MALFORMED
        assert self.refused(lambda question, deliver: bytes(5_000)).breach is Breach.FORGED

    def test_its_own_question(self) -> None:
        assert self.refused(lambda question, deliver: question).breach is Breach.FORGED

    def test_another_providers_signature(self) -> None:
        assert self.refused(rewritten(lambda m: m, device_sign)).breach is Breach.FORGED

    def test_another_devices_answer(self) -> None:
        tamper = rewritten(lambda m: replace(m, device=8), provider_sign)
        assert self.refused(tamper).breach is Breach.FOREIGN

    def test_a_strangers_nonce(self) -> None:
        tamper = rewritten(lambda m: replace(m, nonce=8), provider_sign)
        assert self.refused(tamper).breach is Breach.STALE

    def test_another_kind(self) -> None:
        tamper = rewritten(
            lambda m: RefillTombstone(device=m.device, nonce=m.nonce, request=1), provider_sign
        )
        assert self.refused(tamper).breach is Breach.OUT_OF_PLACE

    def test_a_signed_meters_message(self) -> None:
        tamper = rewritten(lambda m: TimeQuery(device=m.device, nonce=m.nonce), provider_sign)
        assert self.refused(tamper).breach is Breach.OUT_OF_PLACE


def test_late_and_repeated_answers_are_told_apart() -> None:
    meeting = Meeting()
    kept: list[bytes] = []

    def keep_and_lose(question: bytes, deliver: Deliver) -> bytes:
        kept.append(deliver(question))
        raise TimeoutError("no answer")

    def keep(question: bytes, deliver: Deliver) -> bytes:
        kept.append(deliver(question))
        return kept[-1]

    for tamper, breach in ((keep_and_lose, Breach.LATE), (keep, Breach.REPEATED)):
        kept.clear()
        meeting.tamper = tamper
        meeting.contact.meet()
        meeting.tamper = lambda question, deliver: kept[0]
        result = meeting.contact.meet()
        assert isinstance(result, Incident)
        assert result.breach is breach


def test_time_is_the_providers_with_half_the_round_trip() -> None:
    """4.7: 40 s on the way leave 20 s of doubt; a minute and a bit leaves nothing to believe."""
    meeting = Meeting()

    def slow(wait_us: int) -> Callable[[bytes, Deliver], bytes]:
        def tamper(question: bytes, deliver: Deliver) -> bytes:
            answer = deliver(question)
            meeting.clock.psd_us += wait_us if isinstance(opened(answer), TimeAnswer) else 0
            return answer

        return tamper

    meeting.tamper = slow(40_000_000)
    served_us = meeting.clock.psd_us
    met(meeting.contact)
    [anchor] = [r for r in meeting.psd.records() if r.type == RecordType.TIME_ANCHOR]
    assert anchor.amount == pytest.approx(20_000_000, abs=5_000)
    assert anchor.psd_us - served_us == pytest.approx(20_000_000, abs=10_000)
    meeting.tamper = slow(60_000_001)
    refused = meeting.contact.meet()
    assert isinstance(refused, Incident)
    assert refused.breach is Breach.SLOW


def test_an_acknowledgement_that_is_held_back_is_no_contact() -> None:
    """Let go days later it would count from then: 72 hours would be as long as its holder likes."""
    meeting = Meeting()
    met(meeting.contact)
    heard_us = meeting.psd._journal.state.last_contact_us

    def hold(question: bytes, deliver: Deliver) -> bytes:
        answer = deliver(question)
        meeting.clock.psd_us += 60_000_001 if isinstance(opened(answer), AuditAck) else 0
        return answer

    meeting.tamper = hold
    refused = meeting.contact.meet()
    assert isinstance(refused, Incident)
    assert (refused.breach, refused.question) == (Breach.SLOW, "AuditUpload")
    assert meeting.psd._journal.state.last_contact_us == heard_us


def test_a_provider_behind_the_floor_is_an_incident() -> None:
    meeting = Meeting()
    hour_us = 3_600_000_000
    meeting.tamper = rewritten(
        lambda m: replace(m, server_us=m.server_us - hour_us),
        provider_sign,  # type: ignore[attr-defined]
    )
    refused = meeting.contact.meet()
    assert isinstance(refused, Incident)
    assert refused.breach is Breach.TIME_WRONG


def test_no_line_changes_nothing_but_the_request() -> None:
    meeting = Meeting(tamper=lose_question)
    assert meeting.contact.meet() == Unreachable("TimeQuery", "no provider")
    head = meeting.psd.head
    assert isinstance(meeting.contact.refill(AMOUNT), Unreachable)
    assert meeting.psd.head.sequence == head.sequence + 1  # REFILL_BEGIN, made durable first
    assert isinstance(meeting.contact.refill(AMOUNT), Unreachable)
    assert meeting.psd.head.sequence == head.sequence + 1
    assert not meeting.contact.incidents


def test_a_retry_is_the_same_bytes_for_ever() -> None:
    """Across imprints, other contacts and restarts."""
    meeting = Meeting()
    meeting.contact.refill(AMOUNT)
    asked: list[bytes] = []

    def note_and_lose(question: bytes, deliver: Deliver) -> bytes:
        if isinstance(opened(question), RefillRequest):
            asked.append(question)
            raise TimeoutError("no answer")
        return deliver(question)

    meeting.tamper = note_and_lose
    meeting.contact.refill(AMOUNT)
    imprinted(meeting.psd)
    meeting.contact.refill(AMOUNT)
    meeting.reopen()
    meeting.contact.meet()
    assert len(asked) == 3
    assert len(set(asked)) == 1
    meeting.tamper = None
    imprinted(meeting.psd)
    assert isinstance(met(meeting.contact).refill, Refilled)
    assert totals(meeting) == (200_000, 200_000, 0)
    assert meeting.account.lock is None


def test_old_bytes_of_a_retry_are_no_alarm() -> None:
    """The request says the registers of its beginning; by now records above it are uploaded."""
    meeting = Meeting()
    meeting.contact.refill(AMOUNT)

    def lose_refills(question: bytes, deliver: Deliver) -> bytes:
        if isinstance(opened(question), RefillRequest):
            raise TimeoutError("no answer")
        return deliver(question)

    meeting.tamper = lose_refills
    meeting.contact.refill(AMOUNT)
    imprinted(meeting.psd)
    uploaded = meeting.psd.head.sequence
    # The upload happens although the refill does not: by hand, as `meet` ends without an answer.
    assert upload(meeting.psd, meeting.contact._link) == uploaded
    meeting.tamper = None
    assert isinstance(met(meeting.contact).refill, Refilled)
    assert meeting.account.lock is None


def test_no_funds_ends_a_request_for_good() -> None:
    meeting = Meeting(funds=Money(50_000))
    assert meeting.contact.refill(AMOUNT) == Declined(1, DeclineReason.NO_FUNDS)
    assert meeting.psd.pending_refill is None
    meeting.account.funds = 1_000_000
    assert isinstance(meeting.contact.refill(AMOUNT), Refilled)
    assert list(meeting.account.settled) == [1, 2]
    assert totals(meeting) == (100_000, 100_000, 0)


def test_a_declined_request_cannot_be_paid_by_a_late_copy() -> None:
    """The decline is stored: funds that come later pay a new request, never the old one."""
    meeting = Meeting(funds=Money(50_000))
    asked: list[bytes] = []
    meeting.tamper = lambda question, deliver: asked.append(question) or deliver(question)
    meeting.contact.refill(AMOUNT)
    meeting.account.funds = 1_000_000
    meeting.provider.handle(asked[0])
    assert meeting.account.shadow.posted == 0


def test_fifty_copies_of_a_request_get_one_posting_and_one_answer() -> None:
    """P3 of reliability.md, one after another; in the very bytes, whatever a signature adds."""
    meeting = Meeting()
    asked: list[bytes] = []
    meeting.tamper = lambda question, deliver: asked.append(question) or deliver(question)
    meeting.contact.refill(AMOUNT)
    meeting.provider._sign = lambda message: bytes(64)  # were it random, it would differ too
    assert len({meeting.provider.handle(asked[0]) for _ in range(50)}) == 1
    assert totals(meeting) == (100_000, 100_000, 0)


class TestSilence:
    """P5 of reliability.md, over the link: what locks, what works while locked, what unlocks."""

    HOUR_US = 3_600_000_000

    def waited(self, hours: float) -> Meeting:
        meeting = Meeting()
        meeting.contact.refill(AMOUNT)
        met(meeting.contact)
        meeting.clock.psd_us += int(hours * self.HOUR_US)
        return meeting

    def test_it_locks_after_72_hours(self) -> None:
        assert self.waited(71 + 59 / 60).psd.state is State.READY
        assert self.waited(72 + 1 / 3600).psd.state is State.LOCKED_COMM

    def test_a_line_that_acknowledges_nothing_is_no_contact(self) -> None:
        """The time is told, orders are taken, a refill works: the lock stays."""
        meeting = self.waited(73)

        def no_audit(question: bytes, deliver: Deliver) -> bytes:
            if isinstance(opened(question), AuditUpload):
                raise TimeoutError("no answer")
            return deliver(question)

        meeting.tamper = no_audit
        assert isinstance(meeting.contact.meet(), Unreachable)
        assert isinstance(meeting.contact.refill(AMOUNT), Refilled)
        assert meeting.psd.state is State.LOCKED_COMM
        meeting.tamper = None
        met(meeting.contact)
        assert meeting.psd.state is not State.LOCKED_COMM

    def test_after_a_month_nothing_is_lost(self) -> None:
        meeting = Meeting()
        meeting.contact.refill(AMOUNT)
        met(meeting.contact)
        for _ in range(5):
            meeting.psd.confirm(imprinted(meeting.psd).sequence, Outcome.PRINTED)
        mark = meeting.account.shadow.mark
        meeting.clock.psd_us += 30 * 24 * self.HOUR_US
        assert meeting.psd.state is State.LOCKED_COMM
        asked: list[tuple[int, int, int]] = []

        def note(question: bytes, deliver: Deliver) -> bytes:
            message = opened(question)
            if isinstance(message, AuditUpload):
                asked.append((message.first, len(message.records) // 512, message.sequence))
            return deliver(question)

        meeting.tamper = note
        newest = met(meeting.contact).acknowledged
        assert asked == [(newest + 1, 0, newest), (mark + 1, newest - mark, newest)]
        assert meeting.account.shadow.state.ascending == meeting.psd.registers.ascending.mills
        assert meeting.psd.state is not State.LOCKED_COMM


class TestVoid:
    def test_what_never_arrived_is_void(self) -> None:
        meeting = Meeting(tamper=lose_question)
        meeting.contact.refill(AMOUNT)
        assert isinstance(meeting.contact.void_refill(), Unreachable)
        assert meeting.psd.pending_refill is not None  # no local cancel
        meeting.tamper = None
        assert meeting.contact.void_refill() == Voided(1)
        assert totals(meeting) == (0, 0, 0)
        assert isinstance(meeting.contact.refill(AMOUNT), Refilled)

    def test_a_void_request_is_never_posted_by_a_late_copy(self) -> None:
        meeting = Meeting()
        late: list[bytes] = []

        def delay(question: bytes, deliver: Deliver) -> bytes:
            late.append(question)
            raise TimeoutError("no answer")

        meeting.tamper = delay
        meeting.contact.refill(AMOUNT)
        meeting.tamper = None
        meeting.contact.void_refill()
        answer = opened(meeting.provider.handle(late[0]))
        assert isinstance(answer, RefillTombstone)
        assert totals(meeting) == (0, 0, 0)

    def test_what_was_posted_is_fetched(self) -> None:
        meeting = Meeting(tamper=lose_answer)
        meeting.contact.refill(AMOUNT)
        meeting.tamper = None
        assert isinstance(meeting.contact.void_refill(), Refilled)
        assert totals(meeting) == (100_000, 100_000, 0)

    def test_a_tombstone_for_another_request_ends_nothing(self) -> None:
        meeting = Meeting(tamper=lose_question)
        meeting.contact.refill(AMOUNT)
        meeting.tamper = rewritten(lambda m: replace(m, request=9), provider_sign)
        refused = meeting.contact.void_refill()
        assert isinstance(refused, Incident)
        assert (refused.breach, refused.question) == (Breach.CONTRADICTION, "RefillVoidRequest")
        answer, asked = refused.detail.split(" to ")
        assert answer.startswith("RefillTombstone(")
        assert asked.startswith("RefillVoidRequest(")
        assert meeting.psd.pending_refill is not None

    def test_there_must_be_one(self) -> None:
        meeting = Meeting()
        with pytest.raises(ValueError, match=r"^no refill is under way$"):
            meeting.contact.void_refill()
        with pytest.raises(AssertionError, match=r"^a refill is under way$"):
            settle(meeting.psd, meeting.contact._link)


class TestOrders:
    def test_they_are_done_in_order_once(self) -> None:
        meeting = Meeting()
        meeting.psd.note_try(5, Try.ATTEMPT)
        meeting.provider.order(DEVICE, Command.RELEASE_USER, 5)
        meeting.provider.order(DEVICE, Command.SUSPEND)
        result = met(meeting.contact)
        assert [order.order for order in result.orders] == [1, 2]
        assert meeting.psd.state is State.SUSPENDED
        assert meeting.psd.tries_of(5).failures == 0
        assert met(meeting.contact).orders == ()
        meeting.provider.order(DEVICE, Command.RESUME)
        met(meeting.contact)
        assert meeting.psd.state is State.EMPTY
        assert not meeting.account.orders

    def test_an_order_done_and_not_heard_of_comes_again(self) -> None:
        """The answer to OrderDone is lost, then the meter restarts and forgets its number."""
        meeting = Meeting()
        meeting.provider.order(DEVICE, Command.LOST)

        def lose_done(question: bytes, deliver: Deliver) -> bytes:
            if getattr(opened(question), "order", 0):
                raise TimeoutError("no answer")
            return deliver(question)

        meeting.tamper = lose_done
        assert isinstance(meeting.contact.meet(), Unreachable)
        meeting.reopen()
        meeting.tamper = None
        assert [order.order for order in met(meeting.contact).orders] == [1]
        assert meeting.psd.state is State.SUSPENDED

    def test_an_inspection_lifts_the_fault(self) -> None:
        meeting = Meeting()
        meeting.psd.fail("known-answer test of SHA-256")
        assert meeting.psd.state is State.FAULT
        meeting.provider.order(DEVICE, Command.INSPECTED)
        met(meeting.contact)
        assert meeting.psd.state is State.EMPTY

    def test_withdrawal_gives_back_what_is_left(self) -> None:
        meeting = Meeting()
        meeting.contact.refill(AMOUNT)
        imprinted(meeting.psd)
        meeting.provider.order(DEVICE, Command.WITHDRAW)
        met(meeting.contact)
        assert meeting.psd.state is State.WITHDRAWN
        assert totals(meeting) == (780, 780, 0)
        assert meeting.account.funds == 10_000_000 - 780
        assert meeting.account.shadow.state.stage == 3
        assert met(meeting.contact).orders == ()  # the final audit can be repeated
        assert meeting.account.lock is None

    def test_a_withdrawal_waits_for_the_refill_under_way(self) -> None:
        meeting = Meeting()
        meeting.psd.lock(Lock.SUSPENDED)
        meeting.psd.unlock(Lock.SUSPENDED)

        def lose_refills(question: bytes, deliver: Deliver) -> bytes:
            if isinstance(opened(question), RefillRequest):
                raise TimeoutError("no answer")
            return deliver(question)

        meeting.tamper = lose_refills
        meeting.contact.refill(AMOUNT)
        meeting.psd.lock(Lock.SUSPENDED)  # a suspended device cannot take the credit
        meeting.tamper = None
        meeting.provider.order(DEVICE, Command.WITHDRAW)
        result = met(meeting.contact)
        assert isinstance(result.refill, Refused)
        assert meeting.provider.incidents == []  # no thanks for what was not applied
        assert result.refused is not None
        assert result.refused.reason is Reason.REFILL_OUTSTANDING
        assert meeting.psd.state is State.SUSPENDED
        meeting.psd.unlock(Lock.SUSPENDED)
        result = met(meeting.contact)
        assert isinstance(result.refill, Refilled)
        assert meeting.psd.state is State.WITHDRAWN
        assert meeting.account.funds == 10_000_000

    def test_registration_comes_over_the_link(self) -> None:
        meeting = Meeting(commissioned=False)
        meeting.provider.register(DEVICE, b"agreement 1")
        refused = met(meeting.contact).refused
        assert refused is not None
        assert refused.reason is Reason.NOT_REGISTERED
        meeting.account.orders.clear()
        meeting.provider.initialise(DEVICE, CERTIFICATE)
        meeting.provider.register(DEVICE, b"agreement 1")
        assert len(met(meeting.contact).orders) == 2
        assert meeting.psd.state is State.EMPTY
        meeting.provider.register(DEVICE, b"agreement 1")  # said again: done before
        assert met(meeting.contact).refused is None
        meeting.provider.register(DEVICE, b"agreement 2")
        refused = met(meeting.contact).refused
        assert refused is not None

    def test_rate_notices_are_handed_on(self) -> None:
        meeting = Meeting()
        notice = RateNotice(
            device=0,
            nonce=0,
            order=0,
            edition="2026-07-12",
            sha256=bytes(32),
            effective=date(2026, 7, 12),
        )
        meeting.provider.announce(notice)
        met(meeting.contact)
        assert meeting.contact.rate_notices[0].edition == "2026-07-12"
        meeting.provider.announce(notice)
        taken: list[RateNotice] = []
        contact = Contact(
            meeting.psd,
            meeting.provider.handle,
            lambda message, signature: provider_sign(message) == signature,
            nonces=meeting.nonces.__next__,
            boottime_us=lambda: meeting.clock().boottime_us,
            take_rates=taken.append,
        )
        met(contact)
        assert [(each.edition, each.device) for each in taken] == [("2026-07-12", DEVICE)]


class TestProvider:
    """What a hostile or broken meter may say."""

    def test_records_must_follow_and_be_paid(self) -> None:
        meeting = Meeting()
        meeting.contact.refill(AMOUNT)
        shadow = meeting.account.shadow
        records = list(meeting.psd.sealed_records(1, meeting.psd.head.sequence))
        assert shadow.take(DEVICE, 3, records[0])[0] is Denial.GAP  # type: ignore[index]
        assert shadow.take(DEVICE, 1, b"".join(records)) is None
        assert shadow.take(DEVICE, 1, b"".join(records)) is None  # each stored once
        assert shadow.mark == len(records)
        assert shadow.take(DEVICE, 1, records[1])[0] is Denial.HISTORY_DIFFERS  # type: ignore[index]
        imprinted(meeting.psd)
        [sealed] = meeting.psd.sealed_records(shadow.mark + 1, shadow.mark + 1)
        assert shadow.take(DEVICE + 1, shadow.mark + 1, sealed)[0] is Denial.RULE_BROKEN  # type: ignore[index]
        assert shadow.take(DEVICE, shadow.mark + 1, bytes(512))[0] is Denial.RULE_BROKEN  # type: ignore[index]

    def test_a_credit_nobody_gave_locks(self) -> None:
        """A meter that fills itself: its control total is not what was posted."""
        meeting = Meeting()
        meeting.psd.refill(AMOUNT, 1)
        refused = meeting.contact.meet()
        assert isinstance(refused, Incident)
        assert refused.denial is Denial.CONTROL_TOTAL_WRONG
        assert meeting.psd.state is State.SUSPENDED
        assert SEAL.device == DEVICE
        refused = meeting.contact.meet()
        assert isinstance(refused, Incident)
        assert refused.denial is Denial.CONTROL_TOTAL_WRONG

    def test_messages_that_no_meter_sends_are_denied(self) -> None:
        meeting = Meeting()
        provider = meeting.provider
        credit = RefillCredit(
            device=DEVICE,
            nonce=1,
            request=1,
            amount=AMOUNT,
            before=Money(0),
            after=AMOUNT,
            server_us=0,
        )
        query = TimeQuery(device=DEVICE, nonce=1)
        for data, denial in (
            (b"", Denial.NOT_AUTHENTIC),
            (b"GET / HTTP/1.1\r\n" * 20, Denial.NOT_AUTHENTIC),
            (seal(credit, device_sign), Denial.NOT_AUTHENTIC),
            (seal(query, provider_sign), Denial.NOT_AUTHENTIC),
            (seal(replace(query, device=9), device_sign), Denial.UNKNOWN_DEVICE),
        ):
            assert opened(provider.handle(data)).reason is denial  # type: ignore[attr-defined]
        assert len(provider.incidents) == 5

    def test_a_locked_device_gets_no_money_until_released(self) -> None:
        meeting = Meeting()
        meeting.account.lock = Denial.HISTORY_DIFFERS
        refused = meeting.contact.refill(AMOUNT)
        assert isinstance(refused, Incident)
        assert refused.denial is Denial.DEVICE_LOCKED
        meeting.provider.release(DEVICE)
        assert isinstance(met(meeting.contact).refill, Refilled)

    def test_a_fork_is_independent(self) -> None:
        meeting = Meeting()
        twin = meeting.provider.fork()
        meeting.contact.refill(AMOUNT)
        assert twin.accounts[DEVICE].shadow.posted == 0
        assert meeting.account.shadow.posted == 100_000

    def test_a_question_that_comes_again_much_later_is_no_alarm(self) -> None:
        """The network kept copies of everything; none of them is of another history."""
        meeting = Meeting()
        asked: list[bytes] = []
        meeting.tamper = lambda question, deliver: asked.append(question) or deliver(question)
        for _ in range(3):
            meeting.contact.refill(AMOUNT)
            meeting.psd.confirm(imprinted(meeting.psd).sequence, Outcome.PRINTED)
            met(meeting.contact)
        shadow, totals_before = meeting.account.shadow, totals(meeting)
        mark = shadow.mark
        for question in [*asked, *reversed(asked)]:
            assert not isinstance(opened(meeting.provider.handle(question)), Denied)
        assert (shadow.mark, totals(meeting)) == (mark, totals_before)
        assert meeting.account.lock is None

    def test_thanks_must_be_for_a_credit_that_was_given(self) -> None:
        meeting = Meeting()
        thanks: list[RefillAck] = []

        def note(question: bytes, deliver: Deliver) -> bytes:
            message = opened(question)
            if isinstance(message, RefillAck):
                thanks.append(message)
            return deliver(question)

        meeting.tamper = note
        meeting.contact.refill(AMOUNT)
        [given] = thanks
        head, registers = given.digest, given.registers
        for changed, denial in (
            (given, None),  # said again: settled again
            (replace(given, request=2), Denial.CONFLICT),
            (replace(given, registers=registers.refill(AMOUNT)), Denial.CONFLICT),
            (replace(given, digest=head[::-1]), Denial.HISTORY_DIFFERS),
        ):
            answer = opened(meeting.provider.handle(seal(changed, device_sign)))
            assert getattr(answer, "reason", None) is denial
        assert meeting.account.lock is Denial.HISTORY_DIFFERS

    @pytest.mark.parametrize(
        ("mills", "is_paid"),
        [(999, False), (1_000, True), (99_999_990, True), (99_999_991, False)],
    )
    def test_an_amount_out_of_range_is_declined_for_good(self, mills: int, is_paid: bool) -> None:
        """$1.00 to $99,999.99 (domain.md 2.4); the meter's own limits may be wider."""
        meeting = Meeting(funds=Money(10**9))
        limits = replace(meeting.psd._limits, min_refill=Money(1), max_refill=Money(10**9))
        meeting.psd._limits = limits
        result = meeting.contact.refill(Money(mills))
        assert isinstance(result, Refilled) is is_paid
        assert is_paid or result == Declined(1, DeclineReason.AMOUNT_OUT_OF_RANGE)

    def test_a_denial_names_the_nonce_of_whatever_it_denies(self) -> None:
        """Even of a message that lost its signature: its sender knows what is answered."""
        meeting = Meeting()
        unsigned = pack(TimeQuery(device=DEVICE, nonce=77))
        assert opened(meeting.provider.handle(unsigned)).nonce == 77
        assert opened(meeting.provider.handle(unsigned[:-1])).nonce == 0

    def test_an_order_that_was_not_given_is_not_done(self) -> None:
        meeting = Meeting()
        question = OrderDone(device=DEVICE, nonce=1, order=1)
        answer = opened(meeting.provider.handle(seal(question, device_sign)))
        assert isinstance(answer, Denied)
        assert answer.reason is Denial.CONFLICT

    def test_a_refill_after_one_that_vanished_is_refused(self) -> None:
        """A forged request: the control total lacks a credit that its meter must have by now."""
        meeting = Meeting(tamper=lose_answer)
        meeting.contact.refill(AMOUNT)
        forged = RefillRequest(
            device=DEVICE,
            nonce=5,
            request=2,
            amount=AMOUNT,
            sequence=meeting.psd.head.sequence + 1,
            digest=bytes(32),
            registers=meeting.psd.registers,
        )
        answer = opened(meeting.provider.handle(seal(forged, device_sign)))
        assert isinstance(answer, Denied)
        assert answer.reason is Denial.CONTROL_TOTAL_WRONG
        assert meeting.account.shadow.posted == 100_000

    def test_a_history_is_held_against_what_was_said_of_it(self) -> None:
        """T3: the claimed digest of a record that came to nothing, then another such record."""
        meeting = Meeting()
        meeting.contact.refill(AMOUNT)
        sequence = meeting.psd.head.sequence + 1
        claim = OrderedClaim(meeting, sequence)
        assert claim.said(bytes(32)) is None
        assert claim.said(bytes(range(32))) is Denial.HISTORY_DIFFERS
        imprinted(meeting.psd)
        records = b"".join(meeting.psd.sealed_records(1, sequence))
        doubt = meeting.account.shadow.take(DEVICE, 1, records)
        assert doubt is not None
        assert doubt[0] is Denial.HISTORY_DIFFERS
        assert meeting.account.shadow.mark == sequence - 1

    def test_a_record_that_applies_what_was_not_credited_is_refused(self) -> None:
        meeting = Meeting()
        meeting.psd.refill(AMOUNT, 1)
        records = b"".join(meeting.psd.sealed_records(1, meeting.psd.head.sequence))
        doubt = meeting.account.shadow.take(DEVICE, 1, records)
        assert doubt is not None
        assert doubt[0] is Denial.RULE_BROKEN
        assert "$100.00 applied for request 1, credited None" in doubt[1]

    def test_an_old_copy_is_not_acknowledged_before_it_is_found(self) -> None:
        """R8: the provider heard of records that it never got; the copy has not as many yet."""
        meeting = Meeting()
        met(meeting.contact)
        old = meeting.disk.fork()
        for _ in range(4):
            meeting.psd.test_imprint()
        meeting.tamper = lose_audit_answers
        meeting.contact.meet()
        meeting.reopen(old)
        meeting.tamper = None
        denials = []
        while Denial.HISTORY_DIFFERS not in denials:
            assert len(denials) < 8
            result = meeting.contact.meet()
            assert isinstance(result, Incident)
            denials.append(result.denial)
        assert set(denials[:-1]) == {Denial.NOT_NEWEST}
        assert meeting.psd.state is State.SUSPENDED

    def test_a_record_that_follows_another_history_is_refused(self) -> None:
        first, second = Meeting(), Meeting(clock=TellClock(NOON_US + 1))
        records = b"".join(first.psd.sealed_records(1, 2))
        [third] = second.psd.sealed_records(3, 3)
        assert first.account.shadow.take(DEVICE, 1, records) is None
        doubt = first.account.shadow.take(DEVICE, 3, third)
        assert doubt == (Denial.HISTORY_DIFFERS, "record 3 follows another than 2")

    def test_a_withdrawal_that_nobody_ordered_is_refused(self) -> None:
        meeting = Meeting()
        meeting.contact.refill(AMOUNT)
        meeting.psd.withdraw()
        records = b"".join(meeting.psd.sealed_records(1, meeting.psd.head.sequence))
        doubt = meeting.account.shadow.take(DEVICE, 1, records)
        assert doubt is not None
        assert "a withdrawal that was not ordered" in doubt[1]


@dataclass
class OrderedClaim:
    """An upload without records that says what the newest record is."""

    meeting: Meeting
    sequence: int

    def said(self, digest: bytes) -> Denial | None:
        claim = AuditUpload(
            device=DEVICE,
            nonce=next(self.meeting.nonces),
            first=self.sequence,
            records=b"",
            sequence=self.sequence,
            digest=digest,
            registers=self.meeting.psd.registers,
        )
        answer = opened(self.meeting.provider.handle(seal(claim, device_sign)))
        return getattr(answer, "reason", None)


class TestUploads:
    def test_it_tells_of_a_refill_whose_thanks_were_lost(self) -> None:
        meeting = Meeting()

        def lose_thanks(question: bytes, deliver: Deliver) -> bytes:
            if isinstance(opened(question), RefillAck):
                raise TimeoutError("no answer")
            return deliver(question)

        meeting.tamper = lose_thanks
        assert isinstance(meeting.contact.refill(AMOUNT), Refilled)
        assert totals(meeting) == (100_000, 100_000, 100_000)
        met(meeting.contact)
        assert totals(meeting) == (100_000, 100_000, 0)

    def test_it_settles_no_refill_that_is_still_under_way(self) -> None:
        """The record of its beginning is uploaded, and others that refer to a number 1."""
        meeting = Meeting(tamper=lose_answer)
        meeting.contact.refill(AMOUNT)
        meeting.tamper = None
        assert isinstance(upload(meeting.psd, meeting.contact._link), int)
        assert totals(meeting) == (0, 100_000, 100_000)

    def test_a_contact_counts_when_its_acknowledgement_fills_a_segment(self) -> None:
        """64 records a segment: the checkpoint that comes between is uploaded in the same one."""
        meeting = Meeting()
        checkpoints = 0
        for _ in range(60):
            result = met(meeting.contact)
            state = meeting.psd._journal.state
            assert state.acknowledged == result.acknowledged == meeting.psd.head.sequence - 1
            assert state.last_contact_us == state.floor_us
            kinds = {record.type for record in meeting.psd.records(result.acknowledged - 3)}
            checkpoints += RecordType.CHECKPOINT in kinds
        assert checkpoints >= 1

    def test_an_acknowledgement_that_does_not_move_is_a_contradiction(self) -> None:
        meeting = Meeting()
        met(meeting.contact)
        shadow = meeting.account.shadow
        mark, told = shadow.mark, shadow.digest
        meeting.tamper = rewritten(
            lambda m: replace(m, sequence=mark, digest=told) if isinstance(m, AuditAck) else m,
            provider_sign,
        )
        refused = meeting.contact.meet()
        assert isinstance(refused, Incident)
        assert refused.breach is Breach.CONTRADICTION

    @pytest.mark.parametrize("ahead", [0, 1_000])
    def test_an_acknowledgement_of_other_records_is_refused(self, ahead: int) -> None:
        meeting = Meeting()
        met(meeting.contact)
        meeting.tamper = rewritten(
            lambda m: (
                replace(m, sequence=m.sequence + ahead, digest=bytes(range(32)))
                if isinstance(m, AuditAck)
                else m
            ),
            provider_sign,
        )
        refused = meeting.contact.meet()
        assert isinstance(refused, Incident)
        assert refused.breach is (Breach.OLD_COPY if ahead > 0 else Breach.HISTORY_DIFFERS)
        assert meeting.account.lock is None  # the true provider finds nothing wrong

    def test_a_long_history_goes_in_bundles_and_each_record_once(self) -> None:
        """Past the first question each bundle begins where the one before it ended."""
        meeting = Meeting()
        for version in range(2 * MAX_RECORDS):
            meeting.psd.adopt_rates(version, bytes(32))
        sent: list[tuple[int, int]] = []

        def note(question: bytes, deliver: Deliver) -> bytes:
            message = opened(question)
            if isinstance(message, AuditUpload):
                sent.append((message.first, len(message.records) // RECORD_BYTES))
            return deliver(question)

        meeting.tamper = note
        newest = met(meeting.contact).acknowledged
        assert sent == [
            (newest + 1, 0),
            (1, MAX_RECORDS),
            (MAX_RECORDS + 1, MAX_RECORDS),
            (2 * MAX_RECORDS + 1, newest - 2 * MAX_RECORDS),
        ]
        assert meeting.account.shadow.mark == newest

    def test_a_provider_that_keeps_a_part_is_sent_the_rest(self) -> None:
        meeting = Meeting()
        shadow = meeting.account.shadow

        def part(question: bytes, deliver: Deliver) -> bytes:
            message = opened(question)
            if isinstance(message, AuditUpload) and len(message.records) > 512:
                cut = replace(message, records=message.records[:512])
                return deliver(seal(cut, device_sign))
            return deliver(question)

        meeting.tamper = part
        assert met(meeting.contact).acknowledged == shadow.mark


class TestOrderQueue:
    def test_it_is_taken_in_portions(self) -> None:
        meeting = Meeting()
        for user in range(MAX_ORDERS + 5):
            meeting.provider.order(DEVICE, Command.RELEASE_USER, user)
        assert len(met(meeting.contact).orders) == MAX_ORDERS
        assert len(met(meeting.contact).orders) == 5

    def test_an_order_given_twice_is_a_contradiction(self) -> None:
        meeting = Meeting()
        meeting.provider.order(DEVICE, Command.SUSPEND)
        meeting.tamper = rewritten(
            lambda m: replace(m, order=1, command=Command.SUSPEND) if isinstance(m, Order) else m,
            provider_sign,
        )
        refused = meeting.contact.meet()
        assert isinstance(refused, Incident)
        assert refused.breach is Breach.CONTRADICTION

    def test_nothing_is_no_order_to_obey(self) -> None:
        order = Order(device=DEVICE, nonce=1, order=1, command=Command.NOTHING, argument=0)
        with pytest.raises(AssertionError):
            obey(Meeting().psd, order, b"", Others(lambda notice: None))
