"""The PKCS#11 key store: keys that a hardware token makes and never gives away.

Whatever a token refuses is a `TokenError` by name that says what to do. After any but `TokenFull`
the store answers with it and signs nothing, until `reconnect`. A PIN is never tried twice
on its own: tokens lock. Needs ``python-pkcs11`` (extra ``token``) and the token maker's library,
e.g. ``/usr/lib/softhsm/libsofthsm2.so`` (Debian: softhsm2).
"""

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from typing import Final, Self, cast

import pkcs11
from pkcs11 import Attribute, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as refused
from pkcs11.types import SignMixin

from imicore.errors import (
    BadKey,
    KeysZeroised,
    PinLocked,
    SessionLost,
    TokenError,
    TokenFull,
    TokenInUse,
    TokenUntrusted,
    WrongPin,
)
from imicore.hardware_signer import HardwareSigner
from imicore.keys import demand_key_id, public_point
from imicore.signature import Algorithm
from imicore.token_library import TokenName, load, tokens, word

__all__ = ["TokenKeyStore", "TokenName", "tokens"]

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
_NO_ROOM: Final = (  # SoftHSM says the last two for a disk without room
    refused.DeviceMemory,
    refused.HostMemory,
    refused.FunctionFailed,
    refused.GeneralError,
)


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
        self._library = load(library)
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
            if self._find(ObjectClass.SECRET_KEY, key_id):
                self._private(key_id)
                raise BadKey(f"key {key_id!r} exists; a key is never replaced")
            for remains in self._ours(key_id):  # of a creation that was cut short: never opened
                remains.destroy()
            try:
                self._generate(key_id, algorithm)
            except _NO_ROOM as error:
                raise self._not_kept(key_id, error) from error
            self.open(key_id)  # what it made is as it was asked for
            self.reconnect()
            try:
                signer = self.open(key_id)
            except (BadKey, KeysZeroised, TokenUntrusted) as error:
                raise self._not_kept(key_id, error) from error
            signer.sign(b"pairwise consistency")
            return signer

    def open(self, key_id: str) -> HardwareSigner:
        """Return the signer of a key of the token.

        Raises:
            BadKey: there is none, or not all of it.
            KeysZeroised: it was destroyed.
            TokenUntrusted: it was not made inside the token, or may leave it.
        """
        demand_key_id(key_id)
        with self._call(f"opening key {key_id!r}"):
            self._secret(key_id)
            self._private(key_id)
            algorithm, point = self._public(key_id)
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

    def office_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes under which PINs and the files of the office are kept."""
        return self._derived(key_id, "office")

    def zeroise(self) -> None:
        """Destroy every signing key of ours on the token, private ones first.

        After an interruption call again: what is gone already is no error. The secret that seals
        journals stays, as registers stay readable; keys of other programs on the token stay too.
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
        self._session = library.login(serial, self._pin, risk_last_try=self._risk_last_try)
        library.serials.add(serial)
        self._lost = None

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
                named = self._library.named(error, doing, self._serial)
                if not isinstance(named, TokenFull):
                    self._lost = named
                raise named from error

    def _not_kept(self, key_id: str, error: Exception) -> TokenFull:
        """Return what to say of a key that is not, or not wholly, on the token; clear the rest."""
        if not self._library.has(self._serial):
            raise refused.DeviceRemoved
        for remains in [*self._ours(key_id), *self._find(ObjectClass.SECRET_KEY, key_id)]:
            remains.destroy()
        return TokenFull(f"the token did not keep key {key_id!r} ({word(error)})")

    def _sign(self, key_id: str, digest: bytes) -> bytes:
        with self._call("signing"):
            key = self._keys.get(key_id) or self._private(key_id)
            return key.sign(digest, mechanism=Mechanism.ECDSA)

    def _generate(self, key_id: str, algorithm: Algorithm) -> None:
        """Make the pair, then the secret: only its presence says that the key is whole."""
        name, label = key_id.encode("ascii"), _label(key_id)
        curve = self._session.create_domain_parameters(
            pkcs11.KeyType.EC, {Attribute.EC_PARAMS: _CURVES[algorithm]}, local=True
        )
        curve.generate_keypair(
            id=name,
            label=label,
            store=True,
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            private_template=_ASKED,
        )
        self._session.generate_key(
            pkcs11.KeyType.GENERIC_SECRET,
            256,
            id=name,
            label=label,
            store=True,
            capabilities=MechanismFlag.SIGN,
            template=_ASKED,
        )

    def _find(self, kind: ObjectClass, key_id: str) -> list[pkcs11.Object]:
        wanted = {Attribute.CLASS: kind, Attribute.LABEL: _label(key_id)}
        return list(self._session.get_objects(wanted))

    def _one(self, kind: ObjectClass, key_id: str) -> pkcs11.Object:
        found = self._find(kind, key_id)
        if not found and not self._library.has(self._serial):
            raise refused.DeviceRemoved  # SoftHSM lists nothing of a token that was unplugged
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
        return known[0], bare_point(point, known[0])

    def _private(self, key_id: str) -> SignMixin:
        if not self._find(ObjectClass.PRIVATE_KEY, key_id):
            raise KeysZeroised(f"key {key_id!r} was destroyed; a secret for its journal is left")
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
            message = f"imicore.tokens/1 {purpose} {key_id}".encode("ascii")
            made = self._secret(key_id).sign(message, mechanism=Mechanism.SHA256_HMAC)
        if len(made) != 32:
            raise TokenUntrusted(f"an HMAC-SHA256 of {len(made)} bytes")
        return made

    def _ours(self, key_id: str | None) -> list[pkcs11.Object]:
        """Return the key pairs of one id, of all where None is given; private keys come first."""
        found = []
        for kind in (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY):
            for each in self._session.get_objects({Attribute.CLASS: kind}):
                label = str(each[Attribute.LABEL])
                if label.startswith(_LABEL) and key_id in {None, label.removeprefix(_LABEL)}:
                    found.append(each)
        return found


_LABEL: Final = "imi:"  # on every object of ours


def _label(key_id: str) -> str:
    return _LABEL + key_id


def bare_point(said: bytes, algorithm: Algorithm) -> bytes:
    """Return the SEC 1 point of CKA_EC_POINT: an OCTET STRING, or bare as some tokens give it.

    BadKey where it is no point of the curve (PKCS#11 2.40, 2.3.3: DER of the point).
    """
    wrapped = len(said) == 2 * algorithm.width + 3 and said[:2] == bytes([4, len(said) - 2])
    return public_point(said[2:] if wrapped else said, algorithm)


def _demand_sealed(key: pkcs11.Object, key_id: str) -> None:
    wrong = [name for name, wanted in _SEALED.items() if key[name] is not wanted]
    if wrong:
        said = ", ".join(f"{name.name} is {key[name]}" for name in wrong)
        raise TokenUntrusted(f"key {key_id!r} was not made in the token to stay there: {said}")
