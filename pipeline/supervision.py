"""What a supervisor does: each act demands the session's role, and stands in the trail first.

Every method returns None, or what was asked for, where the act was done, and `Denied` where the
session does not allow it. An act that cannot be (an unknown department, a weak PIN) raises before
anything is written.
"""

from dataclasses import dataclass, replace
from datetime import date

from pipeline.accounts import Account, Budget, User
from pipeline.accounts_csv import Preview, preview_import
from pipeline.authority import Refused
from pipeline.claimform import ClaimForm
from pipeline.claims import Filing, Kept, file
from pipeline.csvtext import BadCsv
from pipeline.imprint import Evidence
from pipeline.office import Office
from pipeline.pins import check_pin
from pipeline.roles import Action, Denial, Denied, Session
from pipeline.state import IncidentKind, Try
from pipeline.trail import Entry


@dataclass(frozen=True, slots=True)
class Supervision:
    """The acts open to one session of an office."""

    office: Office
    session: Session

    def set_budget(self, number: int, budget: Budget | None) -> Denied | None:
        """Let a department charge this from now on; None lifts the limit."""
        if (denied := self._denial(Action.SET_BUDGET)) is not None:
            return denied
        account = self.office.book.account(number)
        return self._put([replace(account, budget=budget)], Action.SET_BUDGET)

    def put_account(self, account: Account) -> Denied | None:
        """Add a department, or give it another name, budget or activity.

        An inactive one may charge nothing, by the PSD's own budget.
        """
        return self._put([account], Action.CHANGE_ACCOUNTS)

    def preview_import(self, data: bytes) -> Preview | Denied:
        """Return what importing a CSV file would change. BadCsv names every bad row."""
        if (denied := self._denial(Action.CHANGE_ACCOUNTS)) is not None:
            return denied
        meter = self.office.meter
        try:
            return preview_import(self.office.book, data, newest=meter.last_sequence)
        except BadCsv as bad:
            meter.note_incident(IncidentKind.HOSTILE_CSV, f"user {self.session.user}: {bad}")
            raise

    def import_accounts(self, data: bytes) -> Preview | Denied:
        """Import a CSV file, all of its rows or none, and return what changed."""
        preview = self.preview_import(data)
        if isinstance(preview, Denied):
            return preview
        changes = [*preview.added, *(new for _, new in preview.changed)]
        if changes and (denied := self._put(changes, Action.CHANGE_ACCOUNTS)) is not None:
            return denied
        return preview

    def put_user(self, user: User) -> Denied | None:
        """Add a user, or change name, role, departments or activity; the PIN stays as it was."""
        if (denied := self._denial(Action.CHANGE_USERS, of=user.number)) is not None:
            return denied
        old = self.office.book.users.get(user.number)
        kept = replace(user, stored_pin=old.stored_pin if old else None)
        return self._put_user(kept, "change user", f"{user.name}, {user.role.value}")

    def reset_pin(self, number: int, pin: str) -> Denied | None:
        """Give a user another PIN and a new count of tries."""
        if (denied := self._denial(Action.RESET_PIN, of=number)) is not None:
            return denied
        user = self.office.book.user(number)
        stored = self.office.stored_pin(number, pin)
        return self._put_user(replace(user, stored_pin=stored), "reset PIN", user.name)

    def unlock_user(self, number: int) -> Denied | None:
        """Start a user's count of tries anew; nobody does it for themselves."""
        if (denied := self._denial(Action.UNLOCK_USER, of=number)) is not None:
            return denied
        return self._release("unlock user", number, self.office.book.user(number).name)

    def change_own_pin(self, old_pin: str, pin: str) -> Denied | None:
        """Change the session's own PIN; the old one is asked and counted as at a login."""
        if (denied := self._denial(Action.CHANGE_OWN_PIN)) is not None:
            return denied
        office, number = self.office, self.session.user
        user = office.book.user(number)
        assert user.stored_pin is not None, "a session begins with a PIN"
        pins, now_us = office.around.pins, office.meter.now_us
        denied = check_pin(office.meter, pins, number, old_pin, user.stored_pin, now_us)
        if denied is None:
            stored = office.stored_pin(number, pin)
            denied = self._put_user(replace(user, stored_pin=stored), "change PIN", user.name)
        return denied

    def redate(self, sequence: int, mailing_date: date) -> Evidence | Refused | Denied:
        """Return a zero-value imprint with another date for the piece of a journal record."""
        if (denied := self._denial(Action.REDATE)) is not None:
            return denied
        self._order("redate", (sequence, mailing_date.isoformat()))
        answer = self.office.meter.redate(sequence, mailing_date)
        if isinstance(answer, Refused):
            self._order("redate refused", (sequence, str(answer)))
        return answer

    def claim_refund(self, form: ClaimForm, kept: Kept) -> Filing | Denied:
        """Return what filing a refund claim did: `pipeline.claims.file`, ordered for each piece."""
        if (denied := self._denial(Action.CLAIM_REFUND)) is not None:
            return denied
        self._order("claim refund", *((line.sequence, form.number) for line in form.lines))
        return file(self.office.meter, form, kept, self.office.meter.sign_message)

    def trail(self) -> tuple[Entry, ...] | Denied:
        """Return every entry of the audit trail, the oldest first."""
        denied = self._denial(Action.READ_TRAIL)
        return tuple(self.office.trail.entries) if denied is None else denied

    def _denial(self, action: Action, of: int | None = None) -> Denied | None:
        denied = self.office.sessions.denial(self.session, action)
        if denied is None and of == self.session.user:
            return Denied(Denial.OWN_RELEASE, f"user {of}; another supervisor does")
        return denied

    def _order(self, act: str, *subjects: tuple[int, str]) -> None:
        self.office.order(self.session.user, self.session.role, act, *subjects)

    def _put(self, accounts: list[Account], action: Action) -> Denied | None:
        """Put departments where the session allows it."""
        if (denied := self._denial(action)) is not None:
            return denied
        self.office.put(accounts, self.session.user, self.session.role, action.value)
        return None

    def _put_user(self, user: User, act: str, detail: str) -> Denied | None:
        """Order, leave a mark in the journal, save, and log the user out.

        The mark is a release: without it a folder put back from before the change would pass.
        """
        book = self.office.book.with_user(user)  # first: what cannot be is ordered by nobody
        if (denied := self._release(act, user.number, detail)) is None:
            self.office.save(book)
            self.office.sessions.close_user(user.number)
        return denied

    def _release(self, act: str, number: int, detail: str) -> Denied | None:
        self._order(act, (number, detail))
        refused = self.office.meter.note_try(number, Try.RELEASE)
        return None if refused is None else Denied(Denial.DEVICE, str(refused))
