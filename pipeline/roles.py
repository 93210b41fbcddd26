"""Who may do what with the meter: one table, and sessions that are asked before each act.

Roles after domain.md 2.2 and reliability.md 3.4. The provider has no PIN: what it says arrives
signed, and whoever checked the signature opens its session.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

from pipeline.lifecycle import ROLES, Role, Service

_MINUTE_US = 60_000_000


class Action(Enum):
    """What is asked for in a session."""

    PRINT = "print postage"
    TEST = "print a test imprint"
    REFILL = "refill"
    CHANGE_OWN_PIN = "change the own PIN"
    SET_BUDGET = "change a budget"
    CHANGE_ACCOUNTS = "change departments"
    CHANGE_USERS = "add or change users"
    RESET_PIN = "reset a PIN"
    UNLOCK_USER = "unlock a user"
    REDATE = "redate a piece"
    CLAIM_REFUND = "claim a refund"
    READ_USAGE = "read usage"
    READ_TRAIL = "read the audit trail"


_SUPERVISOR = frozenset({Role.SUPERVISOR})
_OFFICE = frozenset({Role.PROVIDER, Role.SUPERVISOR})
_READERS = frozenset({Role.PROVIDER, Role.SUPERVISOR, Role.AUDITOR})
PERMITTED: Final[Mapping[Action, frozenset[Role]]] = MappingProxyType(
    {
        Action.PRINT: frozenset(ROLES[Service.IMPRINT]),
        Action.TEST: frozenset(ROLES[Service.TEST]),
        Action.REFILL: frozenset(ROLES[Service.REFILL]),
        Action.CHANGE_OWN_PIN: frozenset(ROLES[Service.PIN]),
        Action.SET_BUDGET: frozenset(ROLES[Service.BUDGET]),
        Action.CHANGE_ACCOUNTS: _SUPERVISOR,
        Action.CHANGE_USERS: _OFFICE,
        Action.RESET_PIN: _OFFICE,
        Action.UNLOCK_USER: _OFFICE,
        Action.REDATE: _SUPERVISOR,  # narrower than the device's own: reliability.md 3.2, T6
        Action.CLAIM_REFUND: _SUPERVISOR,
        Action.READ_USAGE: _READERS,
        Action.READ_TRAIL: _READERS,
    }
)
"""Roles by action, where a service of the device stands behind it never wider than that service's.

What the provider alone orders arrives signed and passes no session.
"""

IDLE_US: Final[Mapping[Role, int]] = MappingProxyType(
    {
        Role.PROVIDER: 5 * _MINUTE_US,
        Role.SUPERVISOR: 10 * _MINUTE_US,
        Role.OPERATOR: 8 * 60 * _MINUTE_US,  # a shift: the line does not stop for a PIN
        Role.AUDITOR: 10 * _MINUTE_US,
    }
)
"""Time without an act after which a session is over."""


class Denial(Enum):
    """Why a person is not let in, or not allowed an act."""

    UNKNOWN_USER = "no such user"
    INACTIVE_USER = "the user is not active"
    NO_PIN = "the user has no PIN"
    WRONG_PIN = "wrong PIN"
    WAIT = "too many wrong PINs; wait"
    BLOCKED = "too many wrong PINs; a supervisor must release the user"
    DEVICE = "the device takes no PIN now"
    USERS_KNOWN = "the machine knows its users, and one of them logs in"
    NO_SESSION = "the session is closed"
    IDLE = "the session was idle too long"
    FORBIDDEN = "the role does not allow it"
    OTHER_DEPARTMENT = "the user does not charge this department"
    CLOSED_DEPARTMENT = "the department takes no charges"
    OWN_RELEASE = "nobody releases their own PIN"


@dataclass(frozen=True, slots=True)
class Denied:
    """A login or an act that was refused, and changed nothing but a try counter."""

    denial: Denial
    detail: str

    def __str__(self) -> str:
        return f"{self.denial.value}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Session:
    """One person at work; `user` 0 is the provider. `departments` empty: any may be charged."""

    number: int
    user: int
    role: Role
    departments: frozenset[int] = frozenset()


class Sessions:
    """The open sessions; they live in memory, so a restart closes them all.

    `boottime_us` is CLOCK_BOOTTIME: it runs where the PSD's time is unknown, and nobody sets it.

    >>> sessions = Sessions(lambda: 0)
    >>> clerk = sessions.open(7, Role.OPERATOR, departments=frozenset({3}))
    >>> print(sessions.denial(clerk, Action.SET_BUDGET))
    the role does not allow it: user 7 is operator; supervisor may change a budget
    >>> print(sessions.denial(clerk, Action.PRINT, department=4))
    the user does not charge this department: department 4; user 7 charges 3
    """

    def __init__(self, boottime_us: Callable[[], int]) -> None:
        self._boottime_us = boottime_us
        self._last_us: dict[Session, int] = {}
        self._opened = 0

    def open(self, user: int, role: Role, *, departments: frozenset[int] = frozenset()) -> Session:
        """Return a new session of a user who was proved to be that: by `Gate`, or a signature."""
        self._opened += 1
        session = Session(self._opened, user, role, departments)
        self._last_us[session] = self._boottime_us()
        return session

    def close(self, session: Session) -> None:
        """End a session; one that is over already stays so."""
        self._last_us.pop(session, None)

    def close_user(self, user: int) -> None:
        """End every session of a user whose PIN or role changed."""
        for session in [each for each in self._last_us if each.user == user]:
            del self._last_us[session]

    def denial(
        self, session: Session, action: Action, *, department: int | None = None
    ) -> Denied | None:
        """Return why the act is refused; None where it is allowed, which also ends idleness."""
        last_us, now_us = self._last_us.get(session), self._boottime_us()
        if last_us is None:
            return Denied(Denial.NO_SESSION, f"session {session.number} of user {session.user}")
        idle_us = now_us - last_us
        if not 0 <= idle_us <= IDLE_US[session.role]:  # a clock set back ends it too
            self.close(session)
            limit = IDLE_US[session.role] // _MINUTE_US
            return Denied(Denial.IDLE, f"{idle_us // 1_000_000} s; the limit is {limit} min")
        if session.role not in PERMITTED[action]:
            allowed = ", ".join(sorted(role.value for role in PERMITTED[action]))
            who = f"user {session.user} is {session.role.value}"
            return Denied(Denial.FORBIDDEN, f"{who}; {allowed} may {action.value}")
        charged = session.departments
        if department is not None and charged and department not in charged:
            known = ", ".join(map(str, sorted(charged)))
            detail = f"department {department}; user {session.user} charges {known}"
            return Denied(Denial.OTHER_DEPARTMENT, detail)
        self._last_us[session] = now_us
        return None
