"""What the PSD refuses, and why: functions of the state and the policy, nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

from pipeline.imprint import ImprintRequest
from pipeline.lifecycle import ALLOWED, Service, State
from pipeline.state import MAX_CONTROL_TOTAL, REDATE_DAYS, DeviceState
from postage.money import Money

MAX_POSTAGE: Final = Money(999_990)
"""Per-piece cap: $999.99, within the three bytes of the indicium."""


_LOW = Money(20_000)
_MIN_REFILL = Money(1_000)  # domain.md 2.4: $1.00 to $99,999.99 unless configured
_MAX_REFILL = Money(99_999_990)


class Reason(Enum):
    """Why a request is refused, in order of precedence."""

    TAMPERED = "the keys were destroyed"
    FAULT = "the device is in FAULT"
    WITHDRAWN = "the device is withdrawn from service"
    NOT_REGISTERED = "the device is not registered"
    DECERTIFIED = "the device's model prints no such indicia any more"
    CLOCK_BEHIND = "the clock is behind the greatest time recorded"
    SUSPENDED = "the provider suspended the device"
    TIME_UNKNOWN = "nobody has told this boot the time"
    LOCKED_COMM = "the device must contact the provider first"
    NOT_IN_THIS_STATE = "the device's state does not allow it"
    NOT_THE_PROVIDERS = "the order is none of the provider's for this device"
    WINDOW_FULL = "earlier pieces wait for their outcome"
    AMOUNT_OUT_OF_RANGE = "the amount is outside its limits"
    DATE_PAST = "the mailing date is before today"
    DATE_TOO_FAR = "the mailing date is too far ahead"
    BUDGET_EXCEEDED = "the department's budget does not reach"
    INSUFFICIENT_FUNDS = "the descending register does not reach"
    NO_REDATE = "the piece takes no other date"
    REQUEST_ID_REUSED = "the request id was used with another amount"
    REFILL_OUTSTANDING = "another refill is outstanding"
    REFILL_VOID = "the request was declared void"
    CONTROL_TOTAL_FULL = "the control total would exceed its limit"
    SERVER_TIME_WRONG = "the server's time is behind the greatest time recorded"
    NOT_ACKNOWLEDGEABLE = "the acknowledgement is of other records than these"


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that changed nothing."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Limits:
    """Policy of the device."""

    max_postage: Money = MAX_POSTAGE
    max_advance_days: int = 30
    max_redate_days: int = REDATE_DAYS
    low_descending: Money = _LOW
    min_refill: Money = _MIN_REFILL
    max_refill: Money = _MAX_REFILL


def authorise(
    state: DeviceState, limits: Limits, request: ImprintRequest, today: date, waiting: int
) -> Refused | None:
    """Return why an imprint is refused, None where the device may debit it.

    `waiting` counts pieces in flight without an outcome, `today` is the date at the licensed
    location.

    >>> request = ImprintRequest(postage=Money(780), mailing_date=date(2026, 7, 13),
    ...     rate_category=1)
    >>> state = DeviceState(descending=779, control_total=779)
    >>> print(authorise(state, Limits(), request, date(2026, 7, 13), 0))
    the descending register does not reach: $0.78 with $0.779 left
    """
    return next(_refusals(state, limits, request, today, waiting), None)


def authorise_refill(
    state: DeviceState, limits: Limits, amount: Money, request_id: int
) -> Refused | None:
    """Return why a refill is refused, None where its request may be begun or applied.

    >>> from pipeline.state import PendingRefill
    >>> state = DeviceState(pending_refill=PendingRefill(7, 100_000))
    >>> print(authorise_refill(state, Limits(), Money(200_000), 7))
    the request id was used with another amount: request 7 is for $100.00, not $200.00
    """
    return next(_refill_refusals(state, limits, amount, request_id), None)


def permit(state: State, service: Service) -> Refused | None:
    """Return why a device in this state does not offer the service, None where it does.

    >>> print(permit(State.SUSPENDED, Service.REFILL))
    the provider suspended the device: no REFILL when SUSPENDED
    """
    if service in ALLOWED[state]:
        return None
    return Refused(
        _REFUSED_IN.get(state, Reason.NOT_IN_THIS_STATE), f"no {service.name} when {state.name}"
    )


_REFUSED_IN: Final = {
    State.TAMPERED: Reason.TAMPERED,
    State.FAULT: Reason.FAULT,
    State.WITHDRAWN: Reason.WITHDRAWN,
    State.MANUFACTURED: Reason.NOT_REGISTERED,
    State.INITIALIZED: Reason.NOT_REGISTERED,
    State.SUSPENDED: Reason.SUSPENDED,
    State.LOCKED_COMM: Reason.LOCKED_COMM,
}


def authorise_date(wanted: date, today: date, max_advance_days: int) -> Refused | None:
    """Return why a mailing date is refused: nothing is dated back, and not too far ahead."""
    days_ahead = (wanted - today).days
    if days_ahead < 0:
        return Refused(Reason.DATE_PAST, f"{wanted} on {today}")
    if days_ahead > max_advance_days:
        detail = f"{wanted} is {days_ahead} days ahead of {today}; the limit is {max_advance_days}"
        return Refused(Reason.DATE_TOO_FAR, detail)
    return None


def _refusals(
    state: DeviceState, limits: Limits, request: ImprintRequest, today: date, waiting: int
) -> Iterator[Refused]:
    if waiting >= state.window:
        detail = f"{waiting} pieces in flight; the window is {state.window}"
        yield Refused(Reason.WINDOW_FULL, detail)
    postage = request.postage
    if not Money(0) < postage <= limits.max_postage:
        detail = f"{postage}; $0.001 to {limits.max_postage} for one piece"
        yield Refused(Reason.AMOUNT_OUT_OF_RANGE, detail)
    if request.mailing_date is not None:  # prepaid reply mail has none
        refused = authorise_date(request.mailing_date, today, limits.max_advance_days)
        if refused is not None:
            yield refused
    department = state.departments.get(request.department)
    left = None if department is None else department.left
    if left is not None and postage.mills > left:
        detail = f"{postage} for department {request.department} with {Money(left)} left"
        yield Refused(Reason.BUDGET_EXCEEDED, detail)
    if postage.mills > state.descending:
        detail = f"{postage} with {Money(state.descending)} left"
        yield Refused(Reason.INSUFFICIENT_FUNDS, detail)


def _refill_refusals(
    state: DeviceState, limits: Limits, amount: Money, request_id: int
) -> Iterator[Refused]:
    pending = state.pending_refill
    known = ({pending.request_id: pending.mills} if pending else {}) | state.refills
    if request_id in state.voided:
        yield Refused(Reason.REFILL_VOID, f"request {request_id}; a new one takes a new id")
    if request_id in known and (known[request_id] != amount.mills or request_id in state.refills):
        detail = f"request {request_id} is for {Money(known[request_id])}, not {amount}"
        yield Refused(Reason.REQUEST_ID_REUSED, detail)
    if pending is not None and pending.request_id != request_id:
        detail = f"request {pending.request_id} for {Money(pending.mills)}"
        yield Refused(Reason.REFILL_OUTSTANDING, detail)
    if not limits.min_refill <= amount <= limits.max_refill:
        detail = f"a refill of {amount}; {limits.min_refill} to {limits.max_refill}"
        yield Refused(Reason.AMOUNT_OUT_OF_RANGE, detail)
    if state.control_total + amount.mills > MAX_CONTROL_TOTAL:
        total, limit = Money(state.control_total), Money(MAX_CONTROL_TOTAL)
        yield Refused(Reason.CONTROL_TOTAL_FULL, f"{total} + {amount}; the limit is {limit}")
