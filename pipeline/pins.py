"""PINs: what is stored of them, which are too weak, and the count that comes before the compare.

Stored is argon2id (RFC 9106) over HMAC-SHA256 under the device's pepper. Argon2 alone would hold
four digits for nine minutes on one core (reliability.md 2.5, A2); without the pepper, which does
not lie beside the file, no guess can be tested at all.

A guess is counted durably before it is compared. A power cut, a second process or a changed clock
may cost the honest user a try; none gives an attacker one (A1).
"""

import hmac
import re
from dataclasses import dataclass
from typing import Final, Protocol

from argon2 import Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import hash_secret, verify_secret

from pipeline.authority import Refused
from pipeline.errors import MachineError
from pipeline.roles import Denial, Denied
from pipeline.state import IncidentKind, Tries, Try

MEMORY_KIB: Final = 19 * 1024  # the OWASP minimum for t = 2, p = 1; 55 ms of one core
PASSES: Final = 2
SALT_BYTES: Final = 16
MIN_PEPPER_BYTES: Final = 32
TRIES_BEFORE_WAIT: Final = 5
TRIES_BEFORE_RELEASE: Final = 10
WAIT_US: Final = 15 * 60 * 1_000_000

_PIN = re.compile(r"\d{4,8}", re.ASCII)
_DIGITS = "01234567890"
_COLUMNS = {"2580", "0852", "1470", "3690", "147258", "258369", "147258369"}  # down a keypad


class BadPin(MachineError, ValueError):
    """A PIN that may not be set. The message never repeats it."""


class TryCounter(Protocol):
    """The durable count of tries: the PSD."""

    def note_try(self, user: int, kind: Try) -> Refused | None:
        """Make it durable, or raise; a refusal says that the device takes no PIN now."""

    def tries_of(self, user: int) -> Tries:
        """Return what the records add up to."""

    def note_incident(self, kind: IncidentKind, text: str) -> None:
        """Make an incident a record."""


@dataclass(frozen=True, slots=True)
class Pins:
    """Makes and checks what is stored of a PIN.

    `pepper` is the device's secret, 32 bytes or more. The costs are for tests; a device keeps them.

    >>> pins = Pins(bytes(32), memory_kib=8, passes=1)
    >>> stored = pins.stored(7, "271828", salt=bytes(16))
    >>> stored[:31], pins.holds(7, "271828", stored), pins.holds(8, "271828", stored)
    ('$argon2id$v=19$m=8,t=1,p=1$AAAA', True, False)
    """

    pepper: bytes
    memory_kib: int = MEMORY_KIB
    passes: int = PASSES

    def __post_init__(self) -> None:
        if len(self.pepper) < MIN_PEPPER_BYTES:
            raise MachineError(
                f"a pepper of {len(self.pepper)} bytes; at least {MIN_PEPPER_BYTES} are wanted"
            )

    def stored(self, user: int, pin: str, salt: bytes) -> str:
        """Return what may stand in a file: a PHC string that is worth nothing without the pepper.

        Raises:
            BadPin: the PIN is malformed or weak, named by what makes it so.
        """
        if (found := weakness(user, pin)) is not None:
            raise BadPin(found)
        if len(salt) != SALT_BYTES:
            raise MachineError(f"a salt of {len(salt)} bytes; {SALT_BYTES} are wanted")
        return hash_secret(
            self._peppered(user, pin), salt, self.passes, self.memory_kib, 1, 32, Type.ID
        ).decode("ascii")

    def holds(self, user: int, pin: str, stored: str) -> bool:
        """Return whether the PIN is the stored one; the caller has counted the try."""
        try:
            return verify_secret(stored.encode("ascii"), self._peppered(user, pin), Type.ID)
        except VerifyMismatchError:
            return False
        except (InvalidHashError, VerificationError) as error:
            raise MachineError(f"what is stored of user {user}'s PIN: {error}") from error

    def _peppered(self, user: int, pin: str) -> bytes:
        message = b"imi pin/1" + user.to_bytes(4, "little") + pin.encode("utf-8")
        return hmac.digest(self.pepper, message, "sha256")


def weakness(user: int, pin: str) -> str | None:
    """Return why a PIN may not be set, None where it may.

    >>> weakness(7, "0000")
    'the PIN is one digit repeated'
    >>> weakness(2026, "2026")
    'the PIN is the user number'
    """
    if not _PIN.fullmatch(pin):
        return f"a PIN has 4 to 8 digits; this has {len(pin)} characters"
    reasons = (
        (len(set(pin)) == 1, "one digit repeated"),
        (pin in _DIGITS or pin in _DIGITS[::-1] or pin in "9012345678", "a run of digits"),
        (int(pin) == user, "the user number"),
        (int(pin[::-1]) == user, "the user number backwards"),
        (_repeats(pin), "a group of digits repeated"),
        (pin in _COLUMNS, "a column of the keypad"),
    )
    return next((f"the PIN is {reason}" for is_so, reason in reasons if is_so), None)


def barrier(user: int, tries: Tries, now_us: int) -> Denied | None:
    """Return what keeps a user from trying a PIN at a PSD time, None where a try is open.

    design.md: five wrong, 15 minutes, five more, then a supervisor. A clock that was set back
    makes the wait longer, never shorter.

    >>> print(barrier(7, Tries(5, 0), 14 * 60_000_000))
    too many wrong PINs; wait: user 7 after 5 tries, 60 s more
    """
    if tries.failures >= TRIES_BEFORE_RELEASE:
        detail = f"user {user} after {tries.failures} tries; the limit is {TRIES_BEFORE_RELEASE}"
        return Denied(Denial.BLOCKED, detail)
    left_us = tries.last_us + WAIT_US - now_us
    if tries.failures == TRIES_BEFORE_WAIT and left_us > 0:
        detail = f"user {user} after {tries.failures} tries, {-(-left_us // 1_000_000)} s more"
        return Denied(Denial.WAIT, detail)
    return None


def check_pin(
    counter: TryCounter, pins: Pins, user: int, pin: str, stored: str, now_us: int
) -> Denied | None:
    """Return why the PIN does not open, None where it does; the try is durable before the compare.

    Raises:
        PsdFault: the count could not be made durable. Nothing was compared, nobody is let in.
    """
    denied = barrier(user, counter.tries_of(user), now_us)
    if denied is None:
        if (refused := counter.note_try(user, Try.ATTEMPT)) is not None:
            return Denied(Denial.DEVICE, str(refused))
        if pins.holds(user, pin, stored):
            refused = counter.note_try(user, Try.SUCCESS)
            return None if refused is None else Denied(Denial.DEVICE, str(refused))
        denied = _wrong(user, counter.tries_of(user), now_us)
    counter.note_incident(IncidentKind.WRONG_PIN, str(denied))
    return denied


def _wrong(user: int, tries: Tries, now_us: int) -> Denied:
    limit = TRIES_BEFORE_WAIT if tries.failures < TRIES_BEFORE_WAIT else TRIES_BEFORE_RELEASE
    left = f"user {user}, {limit - tries.failures} tries left"
    return barrier(user, tries, now_us) or Denied(Denial.WRONG_PIN, left)


def _repeats(pin: str) -> bool:
    return any(
        len(pin) % size == 0 and pin[:size] * (len(pin) // size) == pin
        for size in range(2, len(pin) // 2 + 1)
    )
