"""PKCS#11 libraries: loaded once for the process, started anew when no store is at work.

``python-pkcs11`` starts a library without saying that there are threads, so a lock for each keeps
them apart.
"""

import contextlib
import os
import threading
from dataclasses import dataclass, field
from typing import Final

import pkcs11
from pkcs11 import exceptions as refused

from imicore.errors import (
    BackendMissing,
    PinLocked,
    SessionLost,
    TokenError,
    TokenFull,
    TokenInUse,
    TokenMissing,
    WrongPin,
    WrongToken,
)

# Flags of CK_TOKEN_INFO (PKCS#11 2.40, 3.2), for which python-pkcs11 has no names.
_PIN_INITIALIZED, _PIN_FINAL_TRY, _PIN_LOCKED = 0x8, 0x20000, 0x40000
_GONE: Final = (refused.DeviceRemoved, refused.TokenNotPresent, refused.TokenNotRecognised)
_ENDED: Final = (
    refused.SessionHandleInvalid,
    refused.SessionClosed,
    refused.UserNotLoggedIn,
    refused.ObjectHandleInvalid,
    refused.KeyHandleInvalid,
)


@dataclass(frozen=True, slots=True)
class TokenName:
    """What a token says of itself."""

    serial: str
    label: str
    model: str
    manufacturer: str


@dataclass
class Library:
    """A loaded PKCS#11 library: one for the process, whatever stores share it."""

    module: "pkcs11._pkcs11.lib"
    lock: threading.RLock = field(default_factory=threading.RLock)
    serials: set[str] = field(default_factory=set)  # tokens that stores have open
    process: int = field(default_factory=os.getpid)

    def fresh(self) -> None:
        """Start anew, unless a store is at work: libraries see new tokens only then."""
        self.rest()
        self.module.initialize()

    def rest(self) -> None:
        """Stop, unless a store is at work: what a refused login left open goes with it."""
        if not self.serials and self.module.initialized:
            with contextlib.suppress(refused.PKCS11Error):
                self.module.finalize()

    def tokens(self) -> dict[str, pkcs11.Token]:
        """Return the initialised tokens by serial number."""
        found = self.module.get_tokens(token_flags=pkcs11.TokenFlag.TOKEN_INITIALIZED)
        return {token.serial.decode("ascii", "replace").strip(): token for token in found}

    def has(self, serial: str) -> bool:
        """Whether the token answers now."""
        try:
            return serial in self.tokens()
        except refused.PKCS11Error:
            return False

    def login(self, serial: str, pin: str, *, risk_last_try: bool) -> pkcs11.Session:
        """Return a session with the one token, logged in by the one try of the PIN.

        Raises:
            TokenMissing, WrongToken, WrongPin, PinLocked, TokenInUse: as their names say.
        """
        try:
            self.fresh()
            found = self.tokens()
        except refused.PKCS11Error as error:
            raise TokenMissing(f"no token answers ({word(error)})") from error
        if not found:
            raise TokenMissing(f"no token answers; the device's is {serial}")
        if serial not in found:
            raise WrongToken(f"token {', '.join(sorted(found))} answers; the device's is {serial}")
        flags = int(found[serial].flags)
        if not flags & _PIN_INITIALIZED:
            raise PinLocked(f"token {serial} has no user PIN yet")
        if flags & _PIN_LOCKED:
            raise PinLocked(f"the PIN of token {serial} is locked")
        if flags & _PIN_FINAL_TRY and not risk_last_try:
            raise PinLocked(f"one more wrong PIN locks token {serial}; none was tried")
        try:
            return found[serial].open(rw=True, user_pin=pin)
        except (refused.PinIncorrect, refused.PinInvalid, refused.PinLenRange) as error:
            raise WrongPin(f"token {serial} refused the PIN ({word(error)})") from error
        except (refused.PinLocked, refused.PinExpired) as error:
            raise PinLocked(f"token {serial} takes no PIN ({word(error)})") from error
        except (refused.UserAlreadyLoggedIn, refused.AnotherUserAlreadyLoggedIn) as error:
            raise TokenInUse(f"token {serial} is open in this process") from error
        except refused.PKCS11Error as error:
            raise self.named(error, f"opening a session with token {serial}", serial) from error

    def named(self, error: refused.PKCS11Error, doing: str, serial: str) -> TokenError:
        """Return what an error is called here; what it means depends on whether the token answers.

        SoftHSM says ObjectHandleInvalid of a token that was unplugged.
        """
        said = f"{doing}: {word(error)}"
        if not self.module.initialized:
            return SessionLost(said)
        if isinstance(error, _GONE) or not self.has(serial):
            return TokenMissing(f"{doing}: token {serial} is gone ({word(error)})")
        if isinstance(error, _ENDED):
            return SessionLost(said)
        return TokenFull(said) if isinstance(error, refused.DeviceMemory) else TokenError(said)


_LIBRARIES: dict[str, Library] = {}
_LOADING = threading.Lock()


def tokens(library: str) -> list[TokenName]:
    """Return the tokens that answer, so that a device can be bound to one by its serial number.

    >>> tokens("/nowhere/libtoken.so")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    imicore.errors.BackendMissing: no PKCS#11 library: ... No such file or directory
    """
    loaded = load(library)
    with loaded.lock:
        try:
            loaded.fresh()
            return [
                TokenName(serial, token.label, token.model, token.manufacturer_id)
                for serial, token in sorted(loaded.tokens().items())
            ]
        except refused.PKCS11Error as error:
            raise TokenMissing(f"{library} lists no tokens ({word(error)})") from error
        finally:
            loaded.rest()


def load(path: str) -> Library:
    """Return the library of that file. BackendMissing where there is none."""
    with _LOADING:
        if path not in _LIBRARIES:
            try:
                _LIBRARIES[path] = Library(pkcs11.lib(path))
            except refused.PKCS11Error as error:
                if "loading" in str(error):
                    raise BackendMissing(f"no PKCS#11 library: {error}") from error
                if "already initialized" in str(error):
                    raise TokenInUse(f"{path} is at work in this process: {error}") from error
                raise TokenMissing(f"{path} does not start ({word(error)})") from error
        return _LIBRARIES[path]


def word(error: Exception) -> str:
    """Return what went wrong in the library's own words."""
    return f"{type(error).__name__}{': ' if str(error) else ''}{error}"
