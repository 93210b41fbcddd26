"""Departments in and out as CSV: all rows or none, and a preview of what would change.

Columns: number, name, budget (dollars to the mill, empty for none), period (none, month, year;
empty without a budget), active (yes, no). Departments that a file leaves out stay as they are: one
that was ever charged is never forgotten, only made inactive.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from pipeline.accounts import (
    MAX_ACCOUNTS,
    MAX_BUDGET,
    MAX_NAME,
    MAX_NUMBER,
    Account,
    BadAccount,
    Book,
    Budget,
    Period,
)
from pipeline.csvtext import BadCsv, Problem, Row, read_csv, write_csv
from postage.errors import BadAmount
from postage.money import MILLS_PER_DOLLAR, Money

COLUMNS: Final = ("number", "name", "budget", "period", "active")
_MOST_PROBLEMS = 100  # one wrong column is 3,000 problems of which one is enough
_ACTIVE = {"yes": True, "no": False}
_PERIODS = {period.value: period for period in Period}


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would do; `book` is the one to have after it."""

    added: tuple[Account, ...]
    changed: tuple[tuple[Account, Account], ...]  # as it is, as it would be
    same: int
    left_out: tuple[int, ...]  # numbers that the file does not name; they stay
    book: Book

    def lines(self) -> Iterator[str]:
        """Yield the preview in words, a line for each change."""
        for new in self.added:
            yield f"add    {new}"
        for old, new in self.changed:
            yield f"change {old} -> {new}"
        yield (
            f"{len(self.added)} added, {len(self.changed)} changed, {self.same} as they are, "
            f"{len(self.left_out)} not in the file and left as they are"
        )


def export_accounts(book: Book) -> bytes:
    r"""Return the departments as a CSV file, by number.

    >>> export_accounts(Book().with_accounts([Account(7, "=Mail", Budget(Money(50_005)))]))[3:]
    b"number,name,budget,period,active\r\n7,'=Mail,50.005,none,yes\r\n"
    """
    rows = [
        (
            each.number,
            each.name,
            "" if each.budget is None else dollars(each.budget.amount),
            "" if each.budget is None else each.budget.period.value,
            "yes" if each.is_active else "no",
        )
        for _, each in sorted(book.accounts.items())
    ]
    return write_csv([COLUMNS, *rows])


def preview_import(book: Book, data: bytes, *, newest: int) -> Preview:
    r"""Return what importing the file would change; nothing is changed by asking.

    `newest` is the newest journal record: a budget without a period counts from there.

    Raises:
        BadCsv: with every bad row, by line, column, value and limit.

    >>> file = b"number,name,budget,period,active\n7,Mail room,50,month,yes\n"
    >>> print(*preview_import(Book(), file, newest=0).lines(), sep="\n")
    add    department 7 Mail room, $50.00 a month
    1 added, 0 changed, 0 as they are, 0 not in the file and left as they are
    """
    rows = _parse(data)
    added: list[Account] = []
    changed: list[tuple[Account, Account]] = []
    same = 0
    for row in rows:
        old = book.accounts.get(row.number)
        new = granted(old, row, newest)
        if old is None:
            added.append(new)
        elif old == new:
            same += 1
        else:
            changed.append((old, new))
    left_out = tuple(sorted(book.accounts.keys() - {row.number for row in rows}))
    try:
        after = book.with_accounts([*added, *(new for _, new in changed)])
    except BadAccount as error:
        raise BadCsv([Problem(0, "", f"{len(rows)} rows", str(error))]) from error
    return Preview(tuple(added), tuple(changed), same, left_out, after)


def granted(old: Account | None, new: Account, newest: int) -> Account:
    """Return the new account, its budget counting from now unless it is the one that stood."""
    if old is not None and old.budget == new.budget and old.is_active == new.is_active:
        return replace(new, granted_after=old.granted_after)
    return replace(new, granted_after=newest)


def dollars(amount: Money) -> str:
    """Return an amount as a plain decimal that `Money.parse` reads back.

    >>> dollars(Money(50_000)), dollars(Money(5))
    ('50.00', '0.005')
    """
    whole, mills = divmod(amount.mills, MILLS_PER_DOLLAR)
    return f"{whole}.{mills:03d}" if mills % 10 else f"{whole}.{mills // 10:02d}"


def _parse(data: bytes) -> list[Account]:
    header, *rows = read_csv(data, max_rows=MAX_ACCOUNTS) or [Row(1, ())]
    names = tuple(cell.strip().lower() for cell in header.cells)
    if sorted(names) != sorted(COLUMNS):
        limit = f"the first line must name the columns {','.join(COLUMNS)}"
        raise BadCsv([Problem(header.line, "", ",".join(header.cells), limit)])
    problems: list[Problem] = []
    accounts: dict[int, Account] = {}
    lines: dict[int, int] = {}
    for row in rows:
        if len(row.cells) != len(names):
            value = ",".join(row.cells)
            limit = f"{len(row.cells)} cells; the header has {len(names)}"
            problems.append(Problem(row.line, "", value, limit))
            continue
        account = _account(row.line, dict(zip(names, row.cells, strict=True)), problems)
        if account is None:
            continue
        if (first := lines.setdefault(account.number, row.line)) != row.line:
            limit = f"the number stands on line {first} already"
            problems.append(Problem(row.line, "number", str(account.number), limit))
        accounts[account.number] = account
    if problems:
        raise BadCsv(problems[:_MOST_PROBLEMS])
    return [*accounts.values()]


def _account(line: int, cells: dict[str, str], problems: list[Problem]) -> Account | None:
    """Return the row's department; None where it has problems, which are noted."""
    before = len(problems)

    def wrong(column: str, limit: str) -> None:
        problems.append(Problem(line, column, cells[column], limit))

    number, name = cells["number"].strip(), cells["name"]
    if not (number.isascii() and number.isdecimal() and len(number) <= 8 and int(number)):
        wrong("number", f"a whole number from 1 to {MAX_NUMBER}")
    elif _refused(1, name):
        wrong("name", f"1 to {MAX_NAME} printable characters, no space at either end")
    amount = _amount(cells["budget"].strip())
    if isinstance(amount, str):
        wrong("budget", amount)
    period = cells["period"].strip().lower()
    if amount is None and period not in ("", "none"):
        wrong("period", "empty where there is no budget")
    elif period not in _PERIODS and (period or isinstance(amount, Money)):
        wrong("period", f"one of {', '.join(_PERIODS)}")
    active = _ACTIVE.get(cells["active"].strip().lower())
    if active is None:
        wrong("active", "yes or no")
    if len(problems) > before or isinstance(amount, str) or active is None:
        return None
    budget = None if amount is None else Budget(amount, _PERIODS[period])
    return Account(int(number), name, budget, active)


def _amount(cell: str) -> Money | str | None:
    """Return the amount, None for an empty cell, or what an amount must be."""
    if not cell:
        return None
    limit = f"dollars with at most 3 decimals, 0 to {dollars(MAX_BUDGET)}"
    try:
        amount = Money.parse(cell)
    except BadAmount:
        return limit
    return amount if Money(0) <= amount <= MAX_BUDGET else limit


def _refused(number: int, name: str) -> bool:
    try:
        Account(number, name)
    except BadAccount:
        return True
    return False
