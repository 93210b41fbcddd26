"""The meter's front office: accounts, logins, sessions and the trail, opened together.

What a supervisor does there is in `pipeline.supervision`. The office writes no register; it asks
the PSD, and every order stands in the trail before it is carried out.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, tzinfo
from typing import Final, Protocol

from pipeline import budgets, claims
from pipeline.accounts import Account, Book, BookFile, BookUnreadable, Budget, User
from pipeline.accounts_csv import granted
from pipeline.authority import Refused
from pipeline.days import day_of
from pipeline.errors import MachineError
from pipeline.imprint import Evidence
from pipeline.lifecycle import Role
from pipeline.pins import SALT_BYTES, Pins, TryCounter, check_pin
from pipeline.record import Record, RecordType
from pipeline.roles import Action, Denial, Denied, Session, Sessions
from pipeline.state import IncidentKind, Try
from pipeline.storage import SealBroken, SealedStorage, Storage
from pipeline.trail import ENROL, Order, Trail, TrailBroken, unexplained

PROVIDER: Final = 0


class NotEnrolled(MachineError):
    """Somebody wants in where no supervisor was enrolled, or enrols where one was."""


class Meter(budgets.Meter, TryCounter, claims.Device, Protocol):
    """What the office asks of the PSD."""

    @property
    def now_us(self) -> int:
        """Return the PSD time: never the wall clock."""

    def redate(self, sequence: int, mailing_date: date) -> Evidence | Refused:
        """Return a zero-value imprint with another date for a piece."""

    def sign_message(self, message: bytes) -> bytes:
        """Return the device's signature over a message."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the office is given from outside.

    boottime_us: CLOCK_BOOTTIME in microseconds, for idle sessions.
    zone: that of the licensed location.
    entropy: n random bytes, for salts.
    pins: with the device's pepper, which seals the files too.
    """

    storage: Storage
    pins: Pins
    boottime_us: Callable[[], int]
    zone: tzinfo
    entropy: Callable[[int], bytes]


@dataclass(slots=True)
class Office:
    """The open office of one device; not for several threads.

    `provider`: its session, once a signed order of the provider's opened one (`admit`).
    `unexplained`: budgets and releases in the journal that no trail entry ordered. While there are
    any the files are not those of this journal, and nobody but the provider is let in.
    """

    meter: Meter
    around: Surroundings
    book: Book
    file: BookFile
    trail: Trail
    sessions: Sessions
    provider: Session | None = None
    unexplained: list[Record] = field(default_factory=list)

    @classmethod
    def open(cls, meter: Meter, around: Surroundings) -> "Office":
        """Return the office with its budgets settled, as the storage and the journal prove it.

        Raises:
            SealBroken, BookUnreadable, TrailBroken: a file is not as this device wrote it. The
                provider looks at it and enrols anew in an empty folder.
        """
        sealed = SealedStorage(around.storage, around.pins.pepper)
        file = BookFile(sealed)
        try:
            trail, book = Trail(sealed), file.read()
        except (SealBroken, BookUnreadable, TrailBroken) as broken:
            meter.note_incident(IncidentKind.DAMAGED_FILE, str(broken))
            raise
        since = book.checked_through if book else 0
        records = meter.records(since + 1, meter.last_sequence)
        strange = unexplained(trail.entries, records, since=since)
        if book is None:  # budgets of a job that knew no users do not count
            strange = [record for record in strange if record.type == RecordType.TRY]
        sessions = Sessions(around.boottime_us)
        office = cls(meter, around, book or Book(), file, trail, sessions, None, strange)
        if book is not None:
            office.settle()
        return office

    def enrol(self, number: int, name: str, pin: str, session: Session | None = None) -> None:
        """Make the first supervisor; on a device that had one, only the provider's session may.

        Raises:
            NotEnrolled: the device had a supervisor, and this is not the provider's session.
            BadAccount, BadPin: number, name or PIN cannot be.
        """
        if self.book.users or self.unexplained:
            if session is None or session.role is not Role.PROVIDER:
                raise NotEnrolled("the device has supervisors; the provider alone enrols another")
            if (denied := self.sessions.denial(session, Action.CHANGE_USERS)) is not None:
                raise NotEnrolled(str(denied))
        stored = self.stored_pin(number, pin)
        user = User(number, name, Role.SUPERVISOR, stored_pin=stored)
        book = self.book.with_user(user)
        self.order(PROVIDER, session.role if session else None, ENROL, (number, name))
        if (refused := self.meter.note_try(number, Try.RELEASE)) is not None:
            raise NotEnrolled(f"the device takes no users now: {refused}")
        self.unexplained.clear()
        self.save(replace(book, unsettled=frozenset(book.accounts)))
        self.settle()

    def admit(self) -> None:
        """Open the provider's session: its signed order let a supervisor be enrolled anew."""
        self.provider = self.sessions.open(PROVIDER, Role.PROVIDER)

    def login(self, number: int, pin: str) -> Session | Denied:
        """Return a session of the user, or why there is none; the try is counted before all else.

        Raises:
            NotEnrolled: there is no supervisor yet, or the files are not those of this journal.
            PsdFault: the try could not be made durable; nobody is let in.
        """
        if not self.book.users:
            raise NotEnrolled("no supervisor is enrolled; `users enrol` makes the first")
        self._demand_own_files()
        user = self.book.users.get(number)
        if user is None:
            return Denied(Denial.UNKNOWN_USER, f"user {number}")
        if not user.is_active:
            return Denied(Denial.INACTIVE_USER, f"user {number}")
        if user.stored_pin is None:
            return Denied(Denial.NO_PIN, f"user {number}; a supervisor sets one")
        pins, now_us = self.around.pins, self.meter.now_us
        denied = check_pin(self.meter, pins, number, pin, user.stored_pin, now_us)
        if denied is not None:
            return denied
        return self.sessions.open(number, user.role, departments=user.departments)

    def unattended(self) -> Session | Denied:
        """Return an operator's session for a machine that never knew a user.

        Once there are users one of them logs in.

        Raises:
            NotEnrolled: the files are not those of this journal.
        """
        self._demand_own_files()
        if self.book.users:
            return Denied(Denial.USERS_KNOWN, f"the book has {len(self.book.users)}")
        return self.sessions.open(PROVIDER, Role.OPERATOR)

    def install(self, accounts: Iterable[Account], where: str) -> None:
        """Put departments into the book of a machine that knows no users yet.

        From the first supervisor on departments are the supervisors', and this changes nothing.
        `where` says in the trail what the departments stand in, such as a job's name.
        """
        if self.book.users or self.unexplained:
            return
        newest = self.meter.last_sequence
        old = self.book.accounts
        fresh = [granted(old.get(each.number), each, newest) for each in accounts]
        if changed := [each for each in fresh if old.get(each.number) != each]:
            self.put(changed, PROVIDER, None, f"departments of {where}")

    def put(self, accounts: Iterable[Account], actor: int, role: Role | None, act: str) -> None:
        """Order departments, save them, tell the PSD; `open` finishes what a crash cuts off.

        Raises:
            BadAccount: there would be more than 3,000.
        """
        old, newest = self.book.accounts, self.meter.last_sequence
        fresh = [granted(old.get(each.number), each, newest) for each in accounts]
        changed = {each.number for each in fresh if _rights(old.get(each.number)) != _rights(each)}
        book = self.book.with_accounts(fresh)
        self.order(actor, role, act, *((each.number, str(each)) for each in fresh))
        self.save(replace(book, unsettled=book.unsettled | changed))
        self.settle()

    def charge_denial(self, session: Session, department: int) -> Denied | None:
        """Return why the session may not charge a department; its budget is the PSD's to enforce.

        A department that the book does not know is refused here: the PSD would take it.
        """
        if (denied := self.sessions.denial(session, Action.PRINT, department=department)) is None:
            account = self.book.accounts.get(department)
            if account is None or not account.is_active:
                state = "is not known" if account is None else "is not active"
                return Denied(Denial.CLOSED_DEPARTMENT, f"department {department} {state}")
        return denied

    def tick(self) -> None:
        """Settle where midnight went by at the licensed location since the last time."""
        if day_of(self.meter.now_us, self.around.zone) > self.book.settled_on:
            self.settle()

    def settle(self) -> None:
        """Tell the PSD every budget that is due: after a change, and in a new month or year."""
        self.book = budgets.settle(
            self.meter,
            self.file,
            self.trail,
            self.book,
            now_us=self.meter.now_us,
            zone=self.around.zone,
        )

    def standings(self) -> list[budgets.Standing]:
        """Return where each department with a budget stands today."""
        now_us, zone = self.meter.now_us, self.around.zone
        return budgets.standings(self.meter, self.book, now_us=now_us, zone=zone)

    def order(self, actor: int, role: Role | None, act: str, *subjects: tuple[int, str]) -> None:
        """Put an order for each subject into the trail, durably; it may be done after that."""
        said = role.value if role else "installer"
        self.trail.append(
            [Order(actor, said, act, subject, 0, detail) for subject, detail in subjects],
            psd_us=self.meter.now_us,
            after=self.meter.last_sequence,
        )

    def save(self, book: Book) -> None:
        """Make this the book; what the journal holds so far is explained."""
        self.book = replace(book, checked_through=self.meter.last_sequence)
        self.file.write(self.book)

    def _demand_own_files(self) -> None:
        if self.unexplained:
            first = self.unexplained[0]
            found = (
                f"the accounts are older than the journal: record {first.sequence} "
                f"({RecordType(first.type).name}) was ordered by no entry of the trail"
            )
            self.meter.note_incident(IncidentKind.RESTORED_FOLDER, found)
            raise NotEnrolled(f"{found}; the provider enrols anew")

    def stored_pin(self, user: int, pin: str) -> str:
        """Return what is stored of a new PIN; BadPin where it is malformed or weak."""
        return self.around.pins.stored(user, pin, self.around.entropy(SALT_BYTES))


@dataclass(frozen=True, slots=True)
class Shift:
    """One session at the line: who is asked for before each debit, and stands in its record."""

    office: Office
    session: Session

    @property
    def operator(self) -> int:
        """Return the user's number, 0 on a machine that knows no users."""
        return self.session.user

    def denial(self, department: int) -> Denied | None:
        """Return why a department may not be charged now; at a new day budgets come first."""
        self.office.tick()
        return self.office.charge_denial(self.session, department)


def _rights(account: Account | None) -> tuple[Budget | None, bool]:
    """Return what the PSD has to know of a department; unknown ones it does not limit."""
    return (None, True) if account is None else (account.budget, account.is_active)
