"""What is paid back of a device's unused balance, and until when (domain 3.3)."""

from dataclasses import dataclass
from datetime import date, timedelta

from postage.money import ZERO, Money
from postage.refunds import Denied, Reason, RefundPolicy


@dataclass(frozen=True, slots=True)
class BalanceRefund:
    """A device's unused balance, paid back: no charge is known."""

    amount: Money
    by_check: bool


def refund_balance(
    policy: RefundPolicy,
    balance: Money,
    today: date,
    *,
    by_check: bool,
    withdrawn: date | None = None,
    published_end: date | None = None,
) -> BalanceRefund | Denied:
    """Return what is paid back of a device's descending register, or why nothing is.

    `withdrawn` is the day on which the whole system was withdrawn, if it was; where the Postal
    Service published the last day to claim, that is `published_end` and counts instead (domain 3.3:
    it differs by a day from the rule). Below the least check the balance can still go to another
    account of the customer.

    >>> print(refund_balance(RefundPolicy(), Money(24_990), date(2026, 8, 1), by_check=True))
    the balance is below the least check: $24.99 of $25.00
    """
    if balance <= ZERO:
        return Denied(Reason.NO_VALUE, f"a balance of {balance}", balance)
    end = published_end
    if end is None and withdrawn is not None:
        end = withdrawn + timedelta(days=policy.withdrawn_days)
    if end is not None and today > end:
        return Denied(Reason.TOO_LATE, f"asked on {today}; the last day was {end}", balance)
    if by_check and balance < policy.least_check:
        return Denied(Reason.BELOW_MINIMUM, f"{balance} of {policy.least_check}", balance)
    return BalanceRefund(balance, by_check)
