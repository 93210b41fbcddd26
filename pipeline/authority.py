"""What the PSD refuses, and why: functions of the folded state and the policy, nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Final

from pipeline.imprint import ImprintRequest
from pipeline.state import MAX_CONTROL_TOTAL, DeviceState, Lock
from postage.money import Money

MAX_POSTAGE: Final = Money(999_990)
"""Per-piece cap: $999.99, within the three bytes of the indicium."""


_LOW = Money(20_000)
_MIN_REFILL = Money(1_000)  # domain.md 2.4: $1.00 to $99,999.99 unless configured
_MAX_REFILL = Money(99_999_990)


class Reason(Enum):
    """Why a request is refused, in order of precedence."""

    FAULT = "the device is in FAULT"
    CLOCK_BEHIND = "the clock is behind the greatest time recorded"
    SUSPENDED = "the provider suspended the device"
    LOCKED_COMM = "the device must contact the provider first"
    WINDOW_FULL = "earlier pieces wait for their outcome"
    AMOUNT_OUT_OF_RANGE = "the amount is outside its limits"
    DATE_PAST = "the mailing date is before today"
    DATE_TOO_FAR = "the mailing date is too far ahead"
    BUDGET_EXCEEDED = "the department's budget does not reach"
    INSUFFICIENT_FUNDS = "the descending register does not reach"
    REQUEST_ID_REUSED = "the request id was used with another amount"
    REFILL_OUTSTANDING = "another refill is outstanding"
    CONTROL_TOTAL_FULL = "the control total would exceed its limit"


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
    low_descending: Money = _LOW
    min_refill: Money = _MIN_REFILL
    max_refill: Money = _MAX_REFILL


# Plain integers: an operation on enum flags costs 3.5 us, on every piece.
_SUSPENDED, _COMM = int(Lock.SUSPENDED), int(Lock.COMM)


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

    >>> state = DeviceState(pending_refill=(7, 100_000))
    >>> print(authorise_refill(state, Limits(), Money(200_000), 7))
    the request id was used with another amount: request 7 is for $100.00, not $200.00
    """
    return next(_refill_refusals(state, limits, amount, request_id), None)


def locked(state: DeviceState) -> Refused | None:
    """Return which lock holds the device; each is lifted by itself."""
    if state.locks & _SUSPENDED:
        return Refused(Reason.SUSPENDED, "no imprint and no refill until the provider lifts it")
    if state.locks & _COMM:
        return Refused(Reason.LOCKED_COMM, "no imprint until a contact is acknowledged")
    return None


def _refusals(
    state: DeviceState, limits: Limits, request: ImprintRequest, today: date, waiting: int
) -> Iterator[Refused]:
    if (held := locked(state)) is not None:
        yield held
    if waiting >= state.window:
        detail = f"{waiting} pieces in flight; the window is {state.window}"
        yield Refused(Reason.WINDOW_FULL, detail)
    postage = request.postage
    if not Money(0) < postage <= limits.max_postage:
        detail = f"{postage}; $0.001 to {limits.max_postage} for one piece"
        yield Refused(Reason.AMOUNT_OUT_OF_RANGE, detail)
    days_ahead = (request.mailing_date - today).days
    if days_ahead < 0:
        yield Refused(Reason.DATE_PAST, f"{request.mailing_date} on {today}")
    if days_ahead > limits.max_advance_days:
        detail = (
            f"{request.mailing_date} is {days_ahead} days ahead of {today}; the limit is "
            f"{limits.max_advance_days}"
        )
        yield Refused(Reason.DATE_TOO_FAR, detail)
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
    held = locked(state)
    if held is not None and held.reason is Reason.SUSPENDED:
        yield held
    known = dict([state.pending_refill] if state.pending_refill else []) | state.refills
    if request_id in known and (known[request_id] != amount.mills or request_id in state.refills):
        detail = f"request {request_id} is for {Money(known[request_id])}, not {amount}"
        yield Refused(Reason.REQUEST_ID_REUSED, detail)
    if state.pending_refill is not None and state.pending_refill[0] != request_id:
        outstanding, mills = state.pending_refill
        yield Refused(Reason.REFILL_OUTSTANDING, f"request {outstanding} for {Money(mills)}")
    if not limits.min_refill <= amount <= limits.max_refill:
        detail = f"a refill of {amount}; {limits.min_refill} to {limits.max_refill}"
        yield Refused(Reason.AMOUNT_OUT_OF_RANGE, detail)
    if state.control_total + amount.mills > MAX_CONTROL_TOTAL:
        total, limit = Money(state.control_total), Money(MAX_CONTROL_TOTAL)
        yield Refused(Reason.CONTROL_TOTAL_FULL, f"{total} + {amount}; the limit is {limit}")
