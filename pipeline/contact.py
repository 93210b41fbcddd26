"""The meter's side of its link to the provider: what was asked, what came back, what to make of it.

One contact: the time, then a refill under way, then every record that the provider lacks, then its
acknowledgement, then the provider's orders. What is no answer (`pipeline.link`) is refused by name,
reported, and changes nothing; so is an answer that contradicts what this device knows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeGuard

from pipeline.authority import Reason, Refused, permit
from pipeline.lifecycle import Service
from pipeline.link import Breach, Failure, Incident, Link, Unreachable, failed
from pipeline.orders import AnyOrder, Others, no_office, obey
from pipeline.psd import Psd
from pipeline.refill import Settled, settle, void
from pipeline.upload import upload
from postage.envelope import Check
from postage.messages import (
    Command,
    Order,
    OrderDone,
    RateNotice,
    TimeAnswer,
    TimeQuery,
)
from postage.money import Money

MAX_ORDERS: Final = 64


@dataclass(frozen=True, slots=True)
class Met:
    """A contact that ran to its end.

    `acknowledged`: the provider has every record up to this one. `refill`: what became of the
    request under way, if there was one. `orders`: those that were done, oldest first.
    `refused`: orders that this device, in its state, could not do; they come again.
    """

    acknowledged: int
    refill: Settled | Failure | None
    orders: tuple[AnyOrder, ...]
    refused: Refused | None


class Contact:
    """A meter's contacts with its provider.

    exchange: sends an envelope and returns the provider's; raises OSError where none comes.
    check_provider: tells whether (message, signature) is the provider's.
    nonces: numbers below 2**64, never the same twice, that nobody can foretell.
    boottime_us: CLOCK_BOOTTIME, which runs on while the machine sleeps.
    report: is told of every incident, which the psd has made a record of by then.
    take_rates: is handed each notice of a rate edition, and returns None once it has noted it;
    without it `rate_notices` keeps them.
    admit: opens the provider's session in the office (`Office.admit`), once the provider orders it.

    >>> import tempfile, zoneinfo
    >>> from pipeline.disk import RealDisk
    >>> from pipeline.psdclock import Instant, TimePolicy
    >>> from pipeline.enrolment import commission
    >>> def no_line(envelope: bytes) -> bytes:
    ...     raise TimeoutError("no carrier")
    >>> def provider(message: bytes) -> bytes:
    ...     return bytes(64)
    >>> folder = tempfile.TemporaryDirectory()
    >>> psd = Psd.create(
    ...     RealDisk(folder.name), vendor_model="TST0", serial=7, profile="imi-std/p1",
    ...     licensing_zip="94043", zone=zoneinfo.ZoneInfo("America/Los_Angeles"),
    ...     journal_key=bytes(32), sign=lambda m: bytes(64), check=lambda m, s: s == bytes(64),
    ...     clock=lambda: Instant(1_783_969_200_000_000, 0), time=TimePolicy(trusts_rtc=True),
    ...     check_provider=lambda m, s: s == provider(m),
    ... )
    >>> commission(psd, provider, b"a certificate", b"an agreement")
    >>> contact = Contact(psd, no_line, lambda message, signature: False,
    ...     nonces=iter(range(1, 99)).__next__, boottime_us=lambda: 0)
    >>> contact.refill(Money(500_000))
    Unreachable(question='RefillRequest', detail='no carrier')
    >>> psd.registers.descending, psd.pending_refill.mills
    (Money(mills=0), 500000)
    >>> psd.close()
    >>> folder.cleanup()
    """

    def __init__(
        self,
        psd: Psd,
        exchange: Callable[[bytes], bytes],
        check_provider: Check,
        *,
        nonces: Callable[[], int],
        boottime_us: Callable[[], int],
        report: Callable[[Incident], None] = lambda incident: None,
        take_rates: Callable[[RateNotice], Refused | None] | None = None,
        admit: Callable[[], Refused | None] = no_office,
    ) -> None:
        self._psd = psd
        self._report = report
        self._link = Link(
            psd.device_id,
            exchange,
            psd.sign_message,
            check_provider,
            nonces,
            boottime_us,
            self._note,
        )
        self._ask = self._link.ask
        self.rate_notices: list[RateNotice] = []
        self._others = Others(take_rates or self.rate_notices.append, admit)
        self._done = 0  # number of the last order done; a lost one comes again

    @property
    def incidents(self) -> list[Incident]:
        """Return the newest answers that were refused, oldest first."""
        return self._link.incidents

    def meet(self) -> Met | Failure:
        """Return what one whole contact came to, or what ended it early.

        What was settled before an early end stays settled; the next contact does the rest.
        """
        failure = permit(self._psd.state, Service.CONTACT) or self._learn_time()
        if failure is not None:
            return failure
        refill = None if self._psd.pending_refill is None else settle(self._psd, self._link)
        if _ends(refill):
            return refill
        uploaded = upload(self._psd, self._link)
        if _ends(uploaded):
            return uploaded
        orders, failure = self._take_orders()
        if failure is not None and not isinstance(failure, Refused):
            return failure
        if orders:  # what they made of the device is news to the provider
            uploaded = upload(self._psd, self._link)
        if not isinstance(uploaded, int):
            return uploaded
        return Met(uploaded, refill, orders, failure)

    def refill(self, amount: Money) -> Settled | Failure:
        """Return the refill once it is in the registers, or how far it came.

        The request is durable before it is sent. Without an answer it stays under way, for this
        amount, and every contact asks again; only the provider ends it.
        """
        pending = self._psd.pending_refill
        request_id = self._psd.next_request if pending is None else pending.request_id
        refused = self._psd.begin_refill(amount, request_id, self._link.nonce())
        return settle(self._psd, self._link) if refused is None else refused

    def void_refill(self) -> Settled | Failure:
        """Return what became of the request under way once the provider was asked to end it.

        Where money has moved it cannot end: then it is fetched, and the answer is Refilled.

        Raises:
            ValueError: no refill is under way.
        """
        return void(self._psd, self._link)

    def _note(self, incident: Incident) -> None:
        self._psd.note_incident(incident.kind, str(incident))
        self._report(incident)

    def _learn_time(self) -> Failure | None:
        question = TimeQuery(device=self._psd.device_id, nonce=self._link.nonce())
        answer = self._ask(question)
        if not isinstance(answer, TimeAnswer):
            return failed(answer)
        # Anywhere in the round trip the provider may have read its clock: taken for the middle,
        # its time at this moment is half of it later, give or take the other half.
        half_us = -(-self._link.round_trip_us // 2)
        refused = self._psd.anchor_time(answer.server_us + half_us, half_us, question.nonce)
        if refused is not None and refused.reason is Reason.SERVER_TIME_WRONG:
            return self._link.refuse(Breach.TIME_WRONG, question, refused.detail)
        return refused

    def _take_orders(self) -> tuple[tuple[AnyOrder, ...], Failure | None]:
        """Return the orders that were done, and why it ended before the queue did."""
        done: list[AnyOrder] = []
        for _ in range(MAX_ORDERS):
            question = OrderDone(
                device=self._psd.device_id, nonce=self._link.nonce(), order=self._done
            )
            answer = self._ask(question)
            if not isinstance(answer, AnyOrder):
                return tuple(done), failed(answer)
            if isinstance(answer, Order) and answer.command is Command.NOTHING:
                break
            if answer.order <= self._done:
                return tuple(done), self._link.contradicts(question, answer)
            refused = obey(self._psd, answer, self._link.heard, self._others)
            if refused is not None:
                return tuple(done), refused
            self._done = answer.order
            done.append(answer)
        return tuple(done), None


def _ends(result: object) -> TypeGuard[Unreachable | Incident]:
    """Return whether a contact cannot go on.

    A denial is an answer, and with two histories the provider's orders are what is needed next;
    any other incident is a bad line, and silence is none.
    """
    if isinstance(result, Incident):
        return result.breach not in (Breach.DENIED, Breach.OLD_COPY, Breach.HISTORY_DIFFERS)
    return isinstance(result, Unreachable)
