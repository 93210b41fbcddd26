"""Departments and users as the meter's host knows them: names, budgets, rights, stored PINs.

No register is here. What a department was charged and what it may still be charged stands in the
PSD's journal; without this file no mill is lost, only names and the rights that a supervisor gives
again. `Book` is a value: a change makes a new one, and `BookFile` replaces the old on the disk.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import Enum
from typing import Any, Final, Self

from pipeline.errors import MachineError
from pipeline.lifecycle import Role
from pipeline.state import MAX_CONTROL_TOTAL
from pipeline.storage import Storage
from postage.money import Money

MAX_ACCOUNTS: Final = 3_000
MAX_USERS: Final = 3_000
MAX_NUMBER: Final = 99_999_999
MAX_NAME: Final = 40  # characters, as a job file's department
MAX_BUDGET: Final = Money(MAX_CONTROL_TOTAL)
"""What no device can ever spend."""

_FILE = "accounts"
_VERSION = 1


class BadAccount(MachineError, ValueError):
    """A department, user or budget that cannot be; the message names the field and the limit."""


class BookUnreadable(MachineError):
    """The accounts file is sealed well and says what no program of ours wrote."""


class Period(Enum):
    """After which a budget counts from nothing again; `NONE` counts from when it was given."""

    NONE = "none"
    MONTH = "month"
    YEAR = "year"

    def start(self, today: date) -> date | None:
        """Return the period's first day, None for `NONE`.

        >>> Period.MONTH.start(date(2026, 7, 13)), Period.YEAR.start(date(2026, 7, 13))
        (datetime.date(2026, 7, 1), datetime.date(2026, 1, 1))
        """
        if self is Period.NONE:
            return None
        return today.replace(day=1) if self is Period.MONTH else today.replace(month=1, day=1)


@dataclass(frozen=True, slots=True)
class Budget:
    """What a department may be charged in a period."""

    amount: Money
    period: Period = Period.NONE

    def __post_init__(self) -> None:
        if not Money(0) <= self.amount <= MAX_BUDGET:
            raise BadAccount(f"a budget of {self.amount}; $0.00 to {MAX_BUDGET}")

    def __str__(self) -> str:
        return str(self.amount) + ("" if self.period is Period.NONE else f" a {self.period.value}")


@dataclass(frozen=True, slots=True)
class Account:
    """One department. `granted_after`: the journal record after which a `NONE` budget counts.

    >>> print(Account(7, "Mail room", Budget(Money(50_000), Period.MONTH)))
    department 7 Mail room, $50.00 a month
    """

    number: int
    name: str
    budget: Budget | None = None  # None: nothing limits it but the device's funds
    is_active: bool = True
    granted_after: int = 0

    def __post_init__(self) -> None:
        _demand_number("department", self.number)
        _demand_name("department", self.name)

    def __str__(self) -> str:
        limit = "no budget" if self.budget is None else str(self.budget)
        return f"department {self.number} {self.name}, {limit}" + (
            "" if self.is_active else ", not active"
        )


@dataclass(frozen=True, slots=True)
class User:
    """One person. An operator with one department is what older machines call a department PIN.

    `stored_pin` is what `Pins.stored` made; None: the user cannot log in.
    """

    number: int
    name: str
    role: Role
    departments: frozenset[int] = frozenset()  # empty: any
    is_active: bool = True
    stored_pin: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _demand_number("user", self.number)
        _demand_name("user", self.name)
        if self.role is Role.PROVIDER:
            raise BadAccount(f"user {self.number}: the provider is no user; it signs what it says")
        for department in self.departments:
            _demand_number(f"user {self.number}: department", department)


@dataclass(frozen=True, slots=True)
class Book:
    """All departments and users by number.

    `unsettled`: departments whose budget the PSD has not been told yet. `settled_on`: the day up to
    which periods were renewed. `checked_through`: the journal record up to which the audit trail
    explains every budget and release.
    """

    accounts: Mapping[int, Account] = field(default_factory=dict)
    users: Mapping[int, User] = field(default_factory=dict)
    unsettled: frozenset[int] = frozenset()
    settled_on: date = date.min
    checked_through: int = 0

    def with_accounts(self, accounts: Iterable[Account]) -> Self:
        """Return a book where these stand, in place of those of the same number.

        Raises:
            BadAccount: there would be more than 3,000.
        """
        after = {**self.accounts, **{each.number: each for each in accounts}}
        if len(after) > MAX_ACCOUNTS:
            raise BadAccount(f"{len(after)} departments; the limit is {MAX_ACCOUNTS}")
        return replace(self, accounts=after)

    def with_user(self, user: User) -> Self:
        """Return a book with this user.

        Raises:
            BadAccount: a department of the user is unknown, there would be more than 3,000 users,
                or no active supervisor would be left.
        """
        after = {**self.users, user.number: user}
        if unknown := sorted(user.departments - self.accounts.keys()):
            raise BadAccount(f"user {user.number}: department {unknown[0]} is not known")
        if len(after) > MAX_USERS:
            raise BadAccount(f"{len(after)} users; the limit is {MAX_USERS}")
        if not any(each.is_active and each.role is Role.SUPERVISOR for each in after.values()):
            raise BadAccount(f"user {user.number}: no active supervisor would be left")
        return replace(self, users=after)

    def account(self, number: int) -> Account:
        """Return a department; BadAccount where there is none."""
        if (found := self.accounts.get(number)) is None:
            raise BadAccount(f"department {number} is not known")
        return found

    def user(self, number: int) -> User:
        """Return a user; BadAccount where there is none."""
        if (found := self.users.get(number)) is None:
            raise BadAccount(f"user {number} is not known")
        return found

    def name(self, department: int) -> str:
        """Return a department's name; its number where the book has none."""
        found = self.accounts.get(department)
        if found is None:
            return f"department {department}" if department else "no department"
        return found.name


class BookFile:
    """The book on a storage that seals what it holds."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def read(self) -> Book | None:
        """Return the book, None where none was ever written.

        Raises:
            SealBroken, BookUnreadable: nothing in the file is to be trusted.
        """
        data = self._storage.read(_FILE)
        if data is None:
            return None
        try:
            return _book(json.loads(data))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BookUnreadable(f"accounts file: {error!r}") from error

    def write(self, book: Book) -> None:
        """Make this the book, durably."""
        self._storage.replace(_FILE, json.dumps(_plain(book), ensure_ascii=False).encode())


def _plain(book: Book) -> dict[str, Any]:
    return {
        "version": _VERSION,
        "unsettled": sorted(book.unsettled),
        "settled_on": book.settled_on.isoformat(),
        "checked_through": book.checked_through,
        "accounts": [
            {
                "number": each.number,
                "name": each.name,
                "mills": None if each.budget is None else each.budget.amount.mills,
                "period": None if each.budget is None else each.budget.period.value,
                "active": each.is_active,
                "granted_after": each.granted_after,
            }
            for _, each in sorted(book.accounts.items())
        ],
        "users": [
            {
                "number": each.number,
                "name": each.name,
                "role": each.role.value,
                "departments": sorted(each.departments),
                "active": each.is_active,
                "pin": each.stored_pin,
            }
            for _, each in sorted(book.users.items())
        ],
    }


def _book(plain: dict[str, Any]) -> Book:
    if plain["version"] != _VERSION:
        raise ValueError(f"version {plain['version']!r} is unknown")
    accounts = [
        Account(
            row["number"],
            row["name"],
            None if row["mills"] is None else Budget(Money(row["mills"]), Period(row["period"])),
            row["active"],
            row["granted_after"],
        )
        for row in plain["accounts"]
    ]
    users = [
        User(
            row["number"],
            row["name"],
            Role(row["role"]),
            frozenset(row["departments"]),
            row["active"],
            row["pin"],
        )
        for row in plain["users"]
    ]
    return Book(
        {each.number: each for each in accounts},
        {each.number: each for each in users},
        frozenset(plain["unsettled"]),
        date.fromisoformat(plain["settled_on"]),
        plain["checked_through"],
    )


def _demand_number(what: str, number: int) -> None:
    if not 1 <= number <= MAX_NUMBER:
        raise BadAccount(f"{what} {number}; numbers run from 1 to {MAX_NUMBER}")


def _demand_name(what: str, name: str) -> None:
    if not (1 <= len(name) <= MAX_NAME and name.isprintable() and name == name.strip()):
        raise BadAccount(
            f"{what} name {name[: 2 * MAX_NAME]!r}; 1 to {MAX_NAME} printable characters, "
            "no space at either end"
        )
