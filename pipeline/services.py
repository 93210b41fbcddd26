"""What the provider and the device's people ask of it, beside imprints: one method, one record.

Orders and answers of the provider reach these methods through `pipeline.contact`, which has checked
their signatures; people through sessions (`pipeline.supervision`). Each method asks the state
machine, then the policy, and writes one durable record or refuses by name.
"""

from pipeline.authority import Reason, Refused, authorise_refill
from pipeline.enrolment import Enrolment
from pipeline.imprint import Refilled, Withdrawn
from pipeline.lifecycle import Service, State
from pipeline.psdclock import SERVER_SLACK_US, Instant
from pipeline.record import RecordType
from pipeline.state import Lock, PendingRefill, Tries, Try
from postage.contactrule import ContactRule, attempt_is_due
from postage.envelope import MAGIC
from postage.money import Money

MAX_TEXT_BYTES = 200
_NONCE_BYTES = 8


class Services(Enrolment):
    """The services of domain.md 2.2 but enrolment and imprints."""

    def anchor_time(self, server_us: int, uncertainty_us: int, nonce: int) -> Refused | None:
        """Take the provider's signed time, bound to our nonce, as the PSD time of this moment.

        Forwards as far as it says; never below the floor.
        """
        refused = self._refused(Service.CONTACT, self._now())
        floor = self._journal.state.floor_us
        if refused is None and server_us < floor - SERVER_SLACK_US:
            return Refused(Reason.SERVER_TIME_WRONG, f"{server_us} us is before {floor} us")
        if refused is None:
            now = Instant(max(server_us, floor), self._clock().boottime_us)
            self._journal.append(
                RecordType.TIME_ANCHOR, now, amount=uncertainty_us, reference=nonce
            )
        return refused

    def acknowledge(self, sequence: int) -> Refused | None:
        """Note that the provider has every record up to `sequence`.

        A contact only where that is the newest record: then the contact rule counts anew, and a
        lock by that rule is lifted.
        """
        refused = self._refused(Service.CONTACT, self._now())
        state = self._journal.state
        if refused is None and not state.acknowledged <= sequence <= state.sequence:
            detail = f"{sequence}; {state.acknowledged} to {state.sequence} can be"
            return Refused(Reason.NOT_ACKNOWLEDGEABLE, detail)
        if refused is None:
            self._journal.append(RecordType.AUDIT_ACK, self._instant(), reference=sequence)
        return refused

    @property
    def contact_rule(self) -> ContactRule:
        """Return the policy that says when the provider must be met, and when that is attempted."""
        return self._rule

    @property
    def wants_contact(self) -> bool:
        """Whether the device should attempt a contact by itself: the policy says so, or it is lost.

        Lost is a boot that has no time, or has not met the provider where it has to.
        """
        if self._rule.attempt_h is None or self.state is State.TAMPERED:
            return False
        now, state = self._now(), self._journal.state
        if now is None or state.unmet:
            return True
        return attempt_is_due(self._rule, state.last_contact_us, now.psd_us)

    @property
    def pending_refill(self) -> PendingRefill | None:
        """Return the refill under way: to be asked for again, in the same bytes, for ever."""
        return self._journal.state.pending_refill

    @property
    def next_request(self) -> int:
        """Return the id for a new refill request: one above every id that was ever begun."""
        state = self._journal.state
        pending = 0 if state.pending_refill is None else state.pending_refill.request_id
        return max([pending, *state.refills, *state.voided]) + 1

    def begin_refill(self, amount: Money, request_id: int, nonce: int = 0) -> Refused | None:
        """Make a request durable before anyone is asked for money; a repeat changes nothing."""
        refused = self._may_refill(amount, request_id)
        if refused is None and self._journal.state.pending_refill is None:
            self._journal.append(
                RecordType.REFILL_BEGIN,
                self._instant(),
                amount=amount.mills,
                reference=request_id,
                payload=nonce.to_bytes(_NONCE_BYTES, "little"),
            )
        return refused

    def apply_refill(self, amount: Money, request_id: int) -> Refilled | Refused:
        """Add the outstanding request's amount to the registers; the provider has granted it."""
        refused = self._may_refill(amount, request_id)
        if refused is not None:
            return refused
        self._end_refill(RecordType.REFILL_APPLY, request_id)
        return Refilled(request_id, amount, self.registers)

    def void_refill(self, request_id: int) -> Refused | None:
        """End the outstanding request without money: the provider declined it or knows nothing.

        Only the provider's signed word may lead here; there is no local cancel (reliability 4.6).
        """
        refused = self._refused(Service.REFILL, self._now())
        if refused is None:
            self._end_refill(RecordType.REFILL_VOID, request_id)
        return refused

    def refill(self, amount: Money, request_id: int) -> Refilled | Refused:
        """Return the registers with the amount added, once for each request id.

        Begin and apply in one: the provider's answer is taken as given. A repeat of an id with its
        amount moves nothing and answers with the registers as they are by then.
        """
        if self._journal.state.refills.get(request_id) == amount.mills:
            return Refilled(request_id, amount, self.registers)
        refused = self.begin_refill(amount, request_id)
        return refused if refused is not None else self.apply_refill(amount, request_id)

    def withdraw(self) -> Withdrawn | Refused:
        """Take the device out of service: nothing left, the control total is what it printed.

        What it held is the refund due; a refill under way must end first.
        """
        refused = self._refused(Service.WITHDRAW, self._now())
        pending = self._journal.state.pending_refill
        if refused is None and pending is not None:
            detail = f"request {pending.request_id} for {Money(pending.mills)}"
            refused = Refused(Reason.REFILL_OUTSTANDING, detail)
        if refused is not None:
            return refused
        refund = self.registers.descending
        self._journal.append(RecordType.WITHDRAW, self._instant(), amount=refund.mills)
        return Withdrawn(refund, self.registers)

    def lock(self, lock: Lock) -> Refused | None:
        """Hold the device; the lock survives restarts."""
        return self._write(Service.CONTACT, RecordType.LOCK, reference=lock)

    def unlock(self, lock: Lock) -> Refused | None:
        """Lift one lock on the provider's word; another stays.

        Raises:
            ValueError: COMM, which a contact alone lifts.
        """
        if lock & Lock.COMM:
            raise ValueError("a contact lifts COMM, and nothing else does")
        return self._write(Service.CONTACT, RecordType.UNLOCK, reference=lock)

    def fail(self, cause: str) -> Refused | None:
        """Put the device into FAULT for good: a self-test failed. Only an inspection lifts it."""
        detail = cause.encode(errors="replace")[:MAX_TEXT_BYTES]
        return self._write(Service.CONTACT, RecordType.FAULT, payload=detail)

    def zeroise(self) -> None:
        """Destroy the keys: first the durable latch, then the keys; each boot after does it again.

        Raises:
            ValueError: the device was set up without a way to destroy its keys.
        """
        if self._destroy_keys is None:
            raise ValueError("the setup names no way to destroy the keys")
        if not self._journal.state.zeroised:
            self._journal.append(RecordType.ZEROISE, self._instant())
        self._destroy_keys()

    def set_budget(self, department: int, amount: Money) -> Refused | None:
        """Let a department charge this much from now on, whatever it charged before."""
        return self._write(
            Service.BUDGET, RecordType.BUDGET, department=department, amount=amount.mills
        )

    def adopt_rates(self, version: int, digest: bytes) -> Refused | None:
        """Note the rate edition that pieces are priced by from now on, and its SHA-256."""
        return self._write(Service.RATES, RecordType.RATE, rate_version=version, payload=digest)

    def note_try(self, user: int, kind: Try) -> Refused | None:
        """Make one step of a PIN entry durable: an ATTEMPT before the comparison, then SUCCESS."""
        return self._write(Service.PIN, RecordType.TRY, operator=user, reference=kind)

    def tries_of(self, user: int) -> Tries:
        """Return a user's attempts since the last success, and when the last was."""
        return self._journal.state.tries.get(user, Tries(0, 0))

    def sign_message(self, message: bytes) -> bytes:
        """Return the device's signature over a message, verified; never over an indicium's bytes.

        Raises:
            ValueError: the message does not begin as messages do.
            PsdFault: it could not sign, or the signature does not verify.
        """
        if not message.startswith(MAGIC):
            raise ValueError(f"a message begins with {MAGIC!r}, not {message[:4]!r}")
        return self._journal.sign(message)

    def _write(
        self,
        service: Service,
        kind: RecordType,
        *,
        reference: int = 0,
        department: int = 0,
        operator: int = 0,
        amount: int = 0,
        rate_version: int = 0,
        payload: bytes = b"",
    ) -> Refused | None:
        """Write the one record of a service that the state alone decides about."""
        refused = self._refused(service, self._now())
        if refused is None:
            self._journal.append(
                kind,
                self._instant(),
                reference=reference,
                department=department,
                operator=operator,
                amount=amount,
                rate_version=rate_version,
                payload=payload,
            )
        return refused

    def _may_refill(self, amount: Money, request_id: int) -> Refused | None:
        return self._refused(Service.REFILL, self._now()) or authorise_refill(
            self._journal.state, self._limits, amount, request_id
        )

    def _end_refill(self, kind: RecordType, request_id: int) -> None:
        pending = self._journal.state.pending_refill
        if pending is None or pending.request_id != request_id:
            raise ValueError(f"refill request {request_id} was never begun")
        self._journal.append(
            kind, self._instant(), amount=pending.mills, reference=pending.request_id
        )
