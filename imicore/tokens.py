"""The PKCS#11 key store: keys that a hardware token makes and never gives away.

Whatever a token refuses is a `TokenError` by name that says what to do. After any but `TokenFull`
the store answers with it and signs nothing, until `reconnect`. A PIN is never tried twice
on its own: tokens lock. Needs ``python-pkcs11`` (extra ``token``) and the token maker's library,
e.g. ``/usr/lib/softhsm/libsofthsm2.so`` (Debian: softhsm2).
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Self, cast

import pkcs11
from pkcs11 import Attribute, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as refused
from pkcs11.types import SignMixin

from imicore.errors import (
    BackendMissing,
    BadKey,
    PinLocked,
    SessionLost,
    TokenError,
    TokenFull,
    TokenInUse,
    TokenMissing,
    TokenUntrusted,
    WrongPin,
    WrongToken,
)
from imicore.hardware_signer import HardwareSigner
from imicore.keys import demand_key_id, public_point
from imicore.signature import Algorithm

_CURVES: Final = {  # CKA_EC_PARAMS: the object identifier of the curve, DER (RFC 5480, 2.1.1.1)
    Algorithm.P256: bytes.fromhex("06082a8648ce3d030107"),
    Algorithm.P384: bytes.fromhex("06052b81040022"),
}
_SEALED: Final = {  # what a key must be for its token to be the only place it ever was
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.ALWAYS_SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.NEVER_EXTRACTABLE: True,
    Attribute.LOCAL: True,
}
_ASKED: Final = {  # of a new key; the rest of _SEALED follows from how it is made
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
}
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
_NO_ROOM: Final = (  # SoftHSM says the last two for a disk without room
    refused.DeviceMemory,
    refused.HostMemory,
    refused.FunctionFailed,
    refused.GeneralError,
)


@dataclass(frozen=True, slots=True)
class TokenName:
    """What a token says of itself."""

    serial: str
    label: str
    model: str
    manufacturer: str


@dataclass
class _Library:
    """A loaded PKCS#11 library: one for the process, whatever stores share it."""

    module: "pkcs11._pkcs11.lib"
    lock: threading.RLock = field(default_factory=threading.RLock)  # python-pkcs11 asks for none
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


_LIBRARIES: dict[str, _Library] = {}
_LOADING = threading.Lock()


def tokens(library: str) -> list[TokenName]:
    """Return the tokens that answer, so that a device can be bound to one by its serial number.

    >>> tokens("/nowhere/libtoken.so")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    imicore.errors.BackendMissing: no PKCS#11 library: ... No such file or directory
    """
    loaded = _load(library)
    with loaded.lock:
        try:
            loaded.fresh()
            return [
                TokenName(serial, token.label, token.model, token.manufacturer_id)
                for serial, token in sorted(loaded.tokens().items())
            ]
        except refused.PKCS11Error as error:
            raise TokenMissing(f"{library} lists no tokens ({_word(error)})") from error
        finally:
            loaded.rest()


class TokenKeyStore:
    """Private keys in one PKCS#11 token, which is known by its serial number. A `KeyStore`.

    ``serial`` binds the device to its token: the PIN is not even shown to another. A token whose
    next wrong PIN locks it is refused unless ``risk_last_try``. The PIN stays in memory for
    `reconnect`. Thread-safe; refuses to work in a forked child.

    Raises:
        BackendMissing: no PKCS#11 library of that name.
        TokenMissing, WrongToken, WrongPin, PinLocked, TokenInUse: as their names say.
    """

    def __init__(self, library: str, *, serial: str, pin: str, risk_last_try: bool = False) -> None:
        self._library = _load(library)
        self._path, self._serial, self._pin = library, serial, pin
        self._risk_last_try = risk_last_try
        self._process = os.getpid()
        self._keys: dict[str, SignMixin] = {}
        self._lost: TokenError | None = None
        self._session: pkcs11.Session
        with self._library.lock:
            try:
                self._connect()
            except TokenError:
                self._library.rest()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session; signers of this store sign no more until `reconnect`."""
        with self._library.lock:
            self._keys.clear()
            if self._serial in self._library.serials and self._process == os.getpid():
                with contextlib.suppress(refused.PKCS11Error):
                    self._session.close()
                self._library.serials.discard(self._serial)
                self._library.rest()
            self._lost = SessionLost("the store is closed")

    def reconnect(self) -> None:
        """Log in again, e.g. after the token was unplugged; signers handed out go on.

        Raises what the constructor raises. A PIN that was refused is not tried: make a new store.
        """
        with self._library.lock:
            if isinstance(self._lost, WrongPin | PinLocked):
                raise type(self._lost)(self._lost.detail)
            self.close()
            try:
                self._connect()
            except TokenError as error:
                self._lost = error
                self._library.rest()
                raise

    def create(self, key_id: str, *, algorithm: Algorithm = Algorithm.P256) -> HardwareSigner:
        """Return the signer of a key that the token made, kept, and proved with its public key.

        The library is started anew before the proof: SoftHSM on a full disk answers that it made a
        key and has none.

        Raises:
            BadKey: the id is taken.
            TokenFull: the token did not keep the key.
            TokenInUse: other tokens of this library are open, which the new start would close.
            TokenUntrusted: the token made a key that can be read or does not fit its public key.
        """
        demand_key_id(key_id)
        with self._call(f"making key {key_id!r}"):
            if len(self._library.serials) > 1:
                raise TokenInUse(f"making key {key_id!r} needs the other tokens closed")
            if self._find(ObjectClass.PRIVATE_KEY, key_id):
                raise BadKey(f"key {key_id!r} exists; a key is never replaced")
            for remains in self._ours(key_id):  # of a creation that was cut short
                remains.destroy()
            try:
                self._generate(key_id, algorithm)
                self.reconnect()
                signer = self.open(key_id)
            except (*_NO_ROOM, BadKey) as error:
                self._demand_present()
                raise TokenFull(
                    f"the token did not keep key {key_id!r} ({_word(error)})"
                ) from error
            signer.sign(b"pairwise consistency")
            return signer

    def open(self, key_id: str) -> HardwareSigner:
        """Return the signer of a key of the token.

        BadKey where there is none or not all of it, TokenUntrusted where it was not made inside
        the token or may leave it.
        """
        demand_key_id(key_id)
        with self._call(f"opening key {key_id!r}"):
            algorithm, point = self._public(key_id)
            self._private(key_id)
            self._secret(key_id)
        return HardwareSigner(algorithm, point, partial(self._sign, key_id))

    def demand_pair(self, key_id: str) -> None:
        """Raise TokenError unless what the token signs now verifies with the key's public half."""
        self.open(key_id).sign(b"pairwise consistency")

    def journal_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes for the device's journal MAC, the same at every call.

        HMAC-SHA256, computed inside the token under a secret that it made beside the key.
        """
        return self._derived(key_id, "journal")

    def integrity_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes that seal the manifest of the device's files."""
        return self._derived(key_id, "integrity")

    def zeroise(self) -> None:
        """Destroy every key of ours on the token: private keys first, secrets, public keys.

        After an interruption call again: what is gone already is no error. Keys of other programs
        on the token stay.
        """
        with self._call("destroying the keys"):
            self._keys.clear()
            for found in self._ours(None):
                found.destroy()

    def _connect(self) -> None:
        library, serial = self._library, self._serial
        if library.process != os.getpid():
            raise SessionLost("this process is a fork of one that has the token's library")
        if serial in library.serials:
            raise TokenInUse(f"token {serial} is open in this process")
        try:
            library.fresh()
            found = library.tokens()
        except refused.PKCS11Error as error:
            raise TokenMissing(f"no token answers ({_word(error)})") from error
        if not found:
            raise TokenMissing(f"no token answers; the device's is {serial}")
        if serial not in found:
            raise WrongToken(f"token {', '.join(sorted(found))} answers; the device's is {serial}")
        self._session = self._login(found[serial])
        library.serials.add(serial)
        self._lost = None

    def _login(self, token: pkcs11.Token) -> pkcs11.Session:
        flags = int(token.flags)
        if not flags & _PIN_INITIALIZED:
            raise PinLocked(f"token {self._serial} has no user PIN yet")
        if flags & _PIN_LOCKED:
            raise PinLocked(f"the PIN of token {self._serial} is locked")
        if flags & _PIN_FINAL_TRY and not self._risk_last_try:
            raise PinLocked(f"one more wrong PIN locks token {self._serial}; none was tried")
        try:
            return token.open(rw=True, user_pin=self._pin)
        except (refused.PinIncorrect, refused.PinInvalid, refused.PinLenRange) as error:
            raise WrongPin(f"token {self._serial} refused the PIN ({_word(error)})") from error
        except (refused.PinLocked, refused.PinExpired) as error:
            raise PinLocked(f"token {self._serial} takes no PIN ({_word(error)})") from error
        except (refused.UserAlreadyLoggedIn, refused.AnotherUserAlreadyLoggedIn) as error:
            raise TokenInUse(f"token {self._serial} is open in this process") from error
        except refused.PKCS11Error as error:
            raise TokenMissing(f"token {self._serial} opens no session ({_word(error)})") from error

    @contextlib.contextmanager
    def _call(self, doing: str) -> Iterator[None]:
        """Hold the library; name what goes wrong, and stay with it: an unsure token is done."""
        with self._library.lock:
            if self._process != os.getpid():
                raise SessionLost(f"{doing}: this process is a fork of the one that logged in")
            if self._lost is not None:
                raise type(self._lost)(f"{doing}: {self._lost.detail}")
            try:
                yield
            except refused.PKCS11Error as error:
                named = self._named(error, doing)
                if not isinstance(named, TokenFull):
                    self._lost = named
                raise named from error

    def _named(self, error: refused.PKCS11Error, doing: str) -> TokenError:
        word = f"{doing}: {_word(error)}"
        if not self._library.module.initialized:
            return SessionLost(word)
        if isinstance(error, _GONE) or not self._is_present():
            return TokenMissing(f"{doing}: token {self._serial} is gone ({_word(error)})")
        if isinstance(error, _ENDED):
            return SessionLost(word)
        return TokenFull(word) if isinstance(error, refused.DeviceMemory) else TokenError(word)

    def _is_present(self) -> bool:
        try:
            return self._serial in self._library.tokens()
        except refused.PKCS11Error:
            return False

    def _demand_present(self) -> None:
        if not self._is_present():
            raise refused.DeviceRemoved

    def _sign(self, key_id: str, digest: bytes) -> bytes:
        with self._call("signing"):
            key = self._keys.get(key_id) or self._private(key_id)
            return key.sign(digest, mechanism=Mechanism.ECDSA)

    def _generate(self, key_id: str, algorithm: Algorithm) -> None:
        name = key_id.encode("ascii")
        self._session.generate_key(
            pkcs11.KeyType.GENERIC_SECRET,
            256,
            id=name,
            label=_label(key_id),
            store=True,
            capabilities=MechanismFlag.SIGN,
            template=_ASKED,
        )
        curve = self._session.create_domain_parameters(
            pkcs11.KeyType.EC, {Attribute.EC_PARAMS: _CURVES[algorithm]}, local=True
        )
        curve.generate_keypair(
            id=name,
            label=_label(key_id),
            store=True,
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            private_template=_ASKED,
        )

    def _find(self, kind: ObjectClass, key_id: str) -> list[pkcs11.Object]:
        wanted = {Attribute.CLASS: kind, Attribute.LABEL: _label(key_id)}
        return list(self._session.get_objects(wanted))

    def _one(self, kind: ObjectClass, key_id: str) -> pkcs11.Object:
        found = self._find(kind, key_id)
        if len(found) != 1:
            what = kind.name.lower().replace("_", " ")
            raise BadKey(f"the token has {len(found)} {what}s of {key_id!r}; wanted is one")
        return found[0]

    def _public(self, key_id: str) -> tuple[Algorithm, bytes]:
        key = self._one(ObjectClass.PUBLIC_KEY, key_id)
        parameters, point = key[Attribute.EC_PARAMS], key[Attribute.EC_POINT]
        known = [algorithm for algorithm, der in _CURVES.items() if der == parameters]
        if not known:
            raise BadKey(f"key {key_id!r} is on another curve ({parameters.hex()})")
        # An OCTET STRING by the standard; some tokens give the point as it is.
        if point[:1] == b"\4" and len(point) == 2 * known[0].width + 3:
            point = point[2:]
        return known[0], public_point(point, known[0])

    def _private(self, key_id: str) -> SignMixin:
        key = cast(SignMixin, self._one(ObjectClass.PRIVATE_KEY, key_id))
        _demand_sealed(key, key_id)
        self._keys[key_id] = key
        return key

    def _secret(self, key_id: str) -> SignMixin:
        key = cast(SignMixin, self._one(ObjectClass.SECRET_KEY, key_id))
        _demand_sealed(key, key_id)
        return key

    def _derived(self, key_id: str, purpose: str) -> bytes:
        demand_key_id(key_id)
        with self._call(f"deriving the {purpose} key of {key_id!r}"):
            point = self._public(key_id)[1]
            message = f"imicore.tokens/1 {purpose} {key_id} ".encode("ascii") + point
            made = self._secret(key_id).sign(message, mechanism=Mechanism.SHA256_HMAC)
        if len(made) != 32:
            raise TokenUntrusted(f"an HMAC-SHA256 of {len(made)} bytes")
        return made

    def _ours(self, key_id: str | None) -> list[pkcs11.Object]:
        """Return the objects of one key, of all where None is given; what signs comes first."""
        found = []
        for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.SECRET_KEY, ObjectClass.PUBLIC_KEY):
            for each in self._session.get_objects({Attribute.CLASS: kind}):
                label = str(each[Attribute.LABEL])
                if label.startswith(_LABEL) and key_id in {None, label.removeprefix(_LABEL)}:
                    found.append(each)
        return found


_LABEL: Final = "imi:"  # on every object of ours


def _label(key_id: str) -> str:
    return _LABEL + key_id


def _demand_sealed(key: pkcs11.Object, key_id: str) -> None:
    wrong = [name for name, wanted in _SEALED.items() if key[name] is not wanted]
    if wrong:
        said = ", ".join(f"{name.name} is {key[name]}" for name in wrong)
        raise TokenUntrusted(f"key {key_id!r} was not made in the token to stay there: {said}")


def _word(error: Exception) -> str:
    return f"{type(error).__name__}{': ' if str(error) else ''}{error}"


def _load(path: str) -> _Library:
    with _LOADING:
        if path not in _LIBRARIES:
            try:
                _LIBRARIES[path] = _Library(pkcs11.lib(path))
            except refused.PKCS11Error as error:
                if "loading" in str(error):
                    raise BackendMissing(f"no PKCS#11 library: {error}") from error
                if "already initialized" in str(error):
                    raise TokenInUse(f"{path} is at work in this process: {error}") from error
                raise TokenMissing(f"{path} does not start ({_word(error)})") from error
        return _LIBRARIES[path]
