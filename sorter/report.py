"""What was told to providers, account by account, from the signed messages themselves."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from postage.money import ZERO, Money
from postage.verdicts import Code
from sorter.outbox import Kept


@dataclass(slots=True)
class Account:
    """The discrepancies of one device of one provider, or of all (both names empty).

    ``short`` is what is missing, ``over`` what was paid beyond what is due, ``asked`` what
    adjustments ask; ``notices`` counts days whose asked total reaches the threshold of a notice.
    Where what is due is not known nothing was paid, and neither counts.
    """

    provider: str
    device: str
    pieces: int = 0
    waiting: int = 0
    rehearsal: int = 0
    shown: Money = ZERO
    paid: Money = ZERO
    due: Money = ZERO
    short: Money = ZERO
    over: Money = ZERO
    asked: Money = ZERO
    notices: int = 0
    codes: Counter[Code] = field(default_factory=Counter)

    @property
    def reconciles(self) -> bool:
        """Return whether paid less due is over less short, and every piece has one code."""
        balanced = self.paid - self.due == self.over - self.short
        return balanced and self.pieces == self.codes.total() and self.asked <= self.short


@dataclass(frozen=True, slots=True)
class Report:
    """The accounts in order, and the total, which is added up by itself from every message."""

    accounts: tuple[Account, ...]
    total: Account

    @property
    def reconciles(self) -> bool:
        """Return whether every account does, and their sums are the total.

        Money is added in two ways: a message to the accounts, and all messages to the total.
        """
        names = ("pieces", "waiting", "rehearsal", "notices")
        amounts = ("shown", "paid", "due", "short", "over", "asked")
        each = (*self.accounts, self.total)
        return (
            all(account.reconciles for account in each)
            and all(
                sum(getattr(one, name) for one in self.accounts) == getattr(self.total, name)
                for name in names
            )
            and all(
                sum((getattr(one, name) for one in self.accounts), ZERO)
                == getattr(self.total, name)
                for name in amounts
            )
        )


def account_report(kept: Iterable[Kept], *, notify_mills: int = 10) -> Report:
    """Return the report over these messages.

    >>> report = account_report([])
    >>> report.total.pieces, report.reconciles
    (0, True)
    """
    total = Account("", "")
    accounts: dict[tuple[str, str], Account] = {}
    days: dict[tuple[str, str, date], Money] = {}
    for one in kept:
        message = one.message
        key = (message.provider, one.device)
        for account in (accounts.setdefault(key, Account(*key)), total):
            _add(account, one)
        day = (*key, message.place.scanned_on)
        days[day] = days.get(day, ZERO) + message.reckoning.adjust
    for (provider, device, _), asked in days.items():
        is_notice = bool(provider) and asked.mills >= max(1, notify_mills)
        accounts[provider, device].notices += is_notice
        total.notices += is_notice
    return Report(tuple(accounts[key] for key in sorted(accounts)), total)


def _add(account: Account, one: Kept) -> None:
    message, amounts = one.message, one.message.reckoning
    account.pieces += 1
    account.waiting += one.received_us is None
    account.rehearsal += message.is_rehearsal
    account.shown += amounts.shown or ZERO
    account.paid += amounts.paid
    account.due += amounts.due or ZERO
    account.short += amounts.deficiency
    account.over += Money(max(0, amounts.difference_mills or 0))
    account.asked += amounts.adjust
    account.codes[message.code] += 1
