"""Budgets of departments: what the PSD is told of them, and when to warn.

The PSD enforces one number for each department, what may be charged since its last BUDGET record
(`Department.left`). Periods are kept here: at a new month or year, and after a change of policy,
the PSD is told what the period still leaves. That number follows from the journal alone, so telling
it twice, late, or after a crash in the middle tells the same.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, tzinfo
from typing import Final, Protocol

from pipeline.accounts import MAX_BUDGET, Account, Book, BookFile
from pipeline.authority import Refused
from pipeline.days import Journaled, accounting_day, day_of, first_of_day
from pipeline.record import RecordType
from pipeline.trail import GRANT, Order, Trail
from postage.money import ZERO, Money

WARN_PERCENT: Final = (80, 95)


class Meter(Journaled, Protocol):
    """What budgets ask of the PSD."""

    def set_budget(self, department: int, amount: Money) -> Refused | None:
        """Let a department charge this much from now on."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a department stands against its budget today.

    `warning`: the highest share in percent that was reached, 0 for none.
    """

    account: Account
    spent: Money
    left: Money
    percent: int  # of the budget, rounded down; 100 for a budget of nothing
    warning: int


def settle(
    meter: Meter, file: BookFile, trail: Trail, book: Book, *, now_us: int, zone: tzinfo
) -> Book:
    """Return the book after the PSD was told every budget that is due, each ordered in the trail.

    Due are changed ones (`Book.unsettled`) and, at a new month or year, those with that period.
    What the PSD refuses, because its state takes no budget, stays unsettled. `now_us` is PSD time,
    `zone` that of the licensed location.
    """
    today = day_of(now_us, zone)
    due = book.unsettled | {
        number
        for number, each in book.accounts.items()
        if each.budget and (start := each.budget.period.start(today)) and start > book.settled_on
    }
    untold: set[int] = set()
    if due:
        spent = spent_today(meter, [book.accounts[number] for number in due], today, zone)
        allowed = {number: _allowed(book.accounts[number], spent[number]) for number in sorted(due)}
        orders = [Order(0, "meter", GRANT, number, left.mills) for number, left in allowed.items()]
        trail.append(orders, psd_us=now_us, after=meter.last_sequence)
        untold = {n for n, left in allowed.items() if meter.set_budget(n, left) is not None}
    elif today <= book.settled_on:
        return book
    book = replace(
        book,
        unsettled=frozenset(untold),
        settled_on=today,
        checked_through=meter.last_sequence,
    )
    file.write(book)
    return book


def standings(
    meter: Journaled,
    book: Book,
    *,
    now_us: int,
    zone: tzinfo,
    warn_percent: Iterable[int] = WARN_PERCENT,
) -> list[Standing]:
    """Return where every active department with a budget stands, by number."""
    accounts = [each for _, each in sorted(book.accounts.items()) if each.budget and each.is_active]
    spent = spent_today(meter, accounts, day_of(now_us, zone), zone)
    return [standing(each, spent[each.number], warn_percent) for each in accounts]


def standing(
    account: Account, spent: Money, warn_percent: Iterable[int] = WARN_PERCENT
) -> Standing:
    """Return how an account with a budget stands.

    >>> from pipeline.accounts import Budget
    >>> standing(Account(7, "Mail room", Budget(Money(50_000))), Money(40_000)).warning
    80
    """
    assert account.budget is not None
    amount = account.budget.amount
    percent = 100 * spent.mills // amount.mills if amount else 100
    reached = [share for share in warn_percent if spent.mills * 100 >= share * amount.mills]
    left = max(ZERO, amount - spent)
    return Standing(account, spent, left, percent, max(reached, default=0))


def spent_today(
    meter: Journaled, accounts: Iterable[Account], today: date, zone: tzinfo
) -> dict[int, Money]:
    """Return by number what each account was charged in its budget's running period.

    Accounted on the day of the debit, whatever date was printed. Reads the journal from the
    earliest record that counts.
    """
    accounts = [*accounts]
    limited = {each.number: each for each in accounts if each.budget}
    starts = {
        number: each.budget.period.start(today) for number, each in limited.items() if each.budget
    }
    firsts = [each.granted_after + 1 for number, each in limited.items() if not starts[number]]
    if days := [start for start in starts.values() if start]:
        firsts.append(first_of_day(meter, min(days), zone))
    charged: Counter[int] = Counter()
    for record in meter.records(min(firsts), meter.last_sequence) if firsts else ():
        account = limited.get(record.department)
        if record.type != RecordType.DEBIT or account is None:
            continue
        start = starts[account.number]
        if accounting_day(record) >= start if start else record.sequence > account.granted_after:
            charged[account.number] += record.amount
    return {each.number: Money(charged[each.number]) for each in accounts}


def _allowed(account: Account, spent: Money) -> Money:
    if not account.is_active:
        return ZERO
    return MAX_BUDGET if account.budget is None else max(ZERO, account.budget.amount - spent)
