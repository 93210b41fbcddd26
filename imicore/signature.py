"""ECDSA signatures of indicia: P-256 with SHA-256, raw r||s of 64 bytes, low s only.

``Signer`` and ``Verifier`` are what programs use. The work is done by the system's libcrypto where
there is one (``backend()`` says which), else by ``cryptography``, with the same results. Both are
safe from any number of threads at once and let other threads run while they work. P-384 with
SHA-384 (96 bytes) is used where the key is a P-384 key; nothing in a message or signature chooses
the algorithm. After ``fork`` make new objects in the child: libcrypto reseeds itself there, but a
device must never sign from two processes, and that is the caller's lock to hold.

``IMI_LIBCRYPTO=none`` forces the ``cryptography`` fall-back, any other value names the file that is
loaded in the place of ``libcrypto.so.3``.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import cryptography
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from imicore import _imaging
from imicore.errors import BackendFailure, BackendMissing, BadArgument, KeysZeroised
from imicore.signature_form import Algorithm, Check, der_to_raw, raw_to_der

if TYPE_CHECKING:
    from imicore.keys import PrivateKey


__all__ = [
    "Algorithm",
    "Backend",
    "Check",
    "Signer",
    "Statistics",
    "Verifier",
    "backend",
    "der_to_raw",
    "raw_to_der",
]

_CHECKS = tuple(Check)  # by number, as csrc/ecdsa_form.h has them


@dataclass(frozen=True)
class Backend:
    """Which library does the work."""

    name: str  # "libcrypto" or "cryptography"
    version: str
    path: str  # the file that was loaded; empty for the fall-back
    fips: bool = False  # its configuration demands fips=yes. Not a claim that it is validated
    reason: str = ""  # why the fall-back is in use


@dataclass(frozen=True)
class Statistics:
    """What a ``Verifier`` holds and has done. Counts since it was made."""

    keys: int
    hot_keys: int
    key_hits: int
    key_misses: int
    keys_refused: int
    key_evictions: int
    tables_built: int = 0
    table_evictions: int = 0
    hot_verifies: int = 0
    plain_verifies: int = 0
    tables_allowed: bool = False


class Signer:
    """Signs with one private key. Thread-safe.

    >>> from imicore import keys
    >>> signer = Signer(keys.generate())
    >>> Verifier().verify(b"indicium", signer.sign(b"indicium"), signer.public_key)
    <Check.VALID: 0>
    """

    def __init__(self, key: "PrivateKey") -> None:
        self.algorithm = key.algorithm
        self.public_key = key.public_key  # uncompressed: 04||x||y
        self.deterministic = True  # what `sign` returns; `sign_batch` is not
        self._key: ec.EllipticCurvePrivateKey | None = key.handle
        digest = _HASH[self.algorithm]()
        # Built once: a new ec.ECDSA costs 3.2 us a call.
        self._deterministic = ec.ECDSA(digest, deterministic_signing=True)
        self._randomised = ec.ECDSA(digest)
        self._engine = None
        if _LIBCRYPTO is not None:
            self._engine = _imaging.EcdsaSigner(
                _LIBCRYPTO, self.algorithm.width, key.scalar(), key.public_key
            )

    def sign(self, message: bytes) -> bytes:
        """Return the raw r||s of ``message``, deterministic (RFC 6979), with low s.

        The path of a PSD, which verifies what it gets before it lets it out: a fault while
        signing could give the key away. Raises BackendFailure under a FIPS configuration, where
        ``cryptography``'s own OpenSSL has no place.
        """
        if _LIBCRYPTO is not None and _LIBCRYPTO.fips:
            raise BackendFailure("deterministic signing is not available under fips=yes")
        der = self._handle().sign(message, self._deterministic)
        return _imaging.ecdsa_lower_s(der_to_raw(der, self.algorithm))

    def sign_batch(self, messages: Iterable[bytes]) -> list[bytes]:
        """Return the raw r||s of each message, low s, the library's own random nonce.

        For bulk work.
        """
        handle, engine = self._handle(), self._engine
        if engine is not None:
            return engine.sign_batch(messages)
        ders = [handle.sign(message, self._randomised) for message in messages]
        return [_imaging.ecdsa_lower_s(der_to_raw(der, self.algorithm)) for der in ders]

    def forget(self) -> None:
        """Drop the private key: this object signs no more (KeysZeroised). Its store calls this.

        The native engine clears its copy; ``cryptography`` clears its own when the last reference
        goes, which a thread that signs at this moment still holds.
        """
        self._key = self._engine = None

    def _handle(self) -> ec.EllipticCurvePrivateKey:
        handle = self._key
        if handle is None:
            raise KeysZeroised("this key was destroyed")
        return handle


class Verifier:
    """Verifies with many keys and remembers them. Thread-safe.

    ``cached_keys`` parsed keys are kept (3 kB each), least recently used out first. A P-256 key
    that was used ``hot_after`` times gets a table (30 ms, 156 kB) that makes its checks 2.5 to 3
    times as fast; at most ``hot_keys`` have one (64 unless told), 0 forbids them. After 600
    verifications the table would have paid for itself, so waiting for it never costs more than
    twice the better choice. Tables need libcrypto and are off under any FIPS configuration.

    Where keys have ids: ``verifier.verify(message, signature, keys.get(key_id))``.
    """

    def __init__(
        self, *, cached_keys: int = 16_384, hot_keys: int | None = None, hot_after: int = 600
    ) -> None:
        hot_keys = min(64, cached_keys) if hot_keys is None else hot_keys
        if cached_keys < 1 or not 0 <= hot_keys <= cached_keys or hot_after < 0:
            raise BadArgument(
                f"cached_keys {cached_keys}, hot_keys {hot_keys}, hot_after {hot_after}; "
                "wanted are 0 <= hot_keys <= cached_keys, cached_keys >= 1, hot_after >= 0"
            )
        self._engine: _Engine = (
            _CryptographyVerifier(cached_keys)
            if _LIBCRYPTO is None
            else _imaging.EcdsaVerifier(
                _LIBCRYPTO, cached_keys=cached_keys, hot_keys=hot_keys, hot_after=hot_after
            )
        )

    def verify(self, message: bytes, signature: bytes, public_key: bytes | None) -> Check:
        """Return whether ``signature`` (raw r||s) is ``public_key``'s for ``message``, or why not.

        ``public_key`` is a SEC 1 point, compressed or not; None answers UNKNOWN_KEY. Refusals are
        values: only an argument that is not ``bytes`` raises (TypeError).
        """
        return _CHECKS[self._engine.verify(message, signature, public_key)]

    def verify_batch(
        self,
        messages: Sequence[bytes],
        signatures: Sequence[bytes],
        public_keys: Sequence[bytes | None],
    ) -> list[Check]:
        """Return a ``Check`` for each message; the three sequences are equally long."""
        return [_CHECKS[c] for c in self._engine.verify_batch(messages, signatures, public_keys)]

    def warm(self, public_key: bytes) -> bool:
        """Build the key's table now and return whether it has one (30 ms the first time)."""
        return self._engine.warm(public_key)

    def statistics(self) -> Statistics:
        """Return what is held and what was done, e.g. for the hit rate of the key cache."""
        return Statistics(**self._engine.statistics())


def backend() -> Backend:
    """Return the library in use, chosen when this module was imported.

    >>> backend().name in {"libcrypto", "cryptography"}
    True
    """
    return _BACKEND


class _Engine(Protocol):
    """What the native verifier and its fall-back have in common. Answers are Check numbers."""

    def verify(self, message: bytes, signature: bytes, public_key: bytes | None) -> int: ...
    def verify_batch(
        self,
        messages: Sequence[bytes],
        signatures: Sequence[bytes],
        public_keys: Sequence[bytes | None],
    ) -> Iterable[int]: ...
    def warm(self, public_key: bytes) -> bool: ...
    def statistics(self) -> dict[str, Any]: ...


class _CryptographyVerifier:
    """The fall-back: the same form checks, then ``cryptography``."""

    def __init__(self, cached_keys: int) -> None:
        self._capacity = cached_keys
        self._lock = threading.Lock()
        self._keys: OrderedDict[bytes, ec.EllipticCurvePublicKey] = OrderedDict()
        self._counts = dict.fromkeys(
            ["key_hits", "key_misses", "keys_refused", "key_evictions", "plain_verifies"], 0
        )

    def verify(self, message: bytes, signature: bytes, public_key: bytes | None) -> int:
        _demand_bytes(message, signature, b"" if public_key is None else public_key)
        if public_key is None:
            return Check.UNKNOWN_KEY
        algorithm = Algorithm.of_public_key(public_key)
        key = self._find(public_key, algorithm)
        if algorithm is None or key is None:
            return Check.BAD_KEY
        form = _imaging.ecdsa_check_form(algorithm.width, signature)
        if form != Check.VALID:
            return form
        with self._lock:
            self._counts["plain_verifies"] += 1
        try:
            key.verify(raw_to_der(signature), message, _VERIFY_WITH[algorithm])
        except InvalidSignature:
            return Check.MISMATCH
        return Check.VALID

    def verify_batch(
        self,
        messages: Sequence[bytes],
        signatures: Sequence[bytes],
        public_keys: Sequence[bytes | None],
    ) -> list[int]:
        if not len(messages) == len(signatures) == len(public_keys):
            raise BadArgument(
                f"{len(messages)} messages, {len(signatures)} signatures, {len(public_keys)} keys"
            )
        return [self.verify(*item) for item in zip(messages, signatures, public_keys, strict=True)]

    def warm(self, public_key: bytes) -> bool:
        _demand_bytes(public_key)
        return False

    def statistics(self) -> dict[str, int]:
        with self._lock:
            return {"keys": len(self._keys), "hot_keys": 0, **self._counts}

    def _find(self, point: bytes, algorithm: Algorithm | None) -> ec.EllipticCurvePublicKey | None:
        with self._lock:
            if point in self._keys:
                self._counts["key_hits"] += 1
                self._keys.move_to_end(point)
                return self._keys[point]
        key = _parse(point, algorithm)
        with self._lock:
            if key is None:  # not kept: garbage must not push good keys out
                self._counts["keys_refused"] += 1
                return None
            self._counts["key_misses"] += 1
            self._keys[point] = key
            if len(self._keys) > self._capacity:
                self._keys.popitem(last=False)
                self._counts["key_evictions"] += 1
        return key


def _parse(point: bytes, algorithm: Algorithm | None) -> ec.EllipticCurvePublicKey | None:
    if algorithm is None:
        return None
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE[algorithm], point)
    except ValueError:
        return None


def _demand_bytes(*values: object) -> None:
    for value in values:
        if not isinstance(value, bytes):
            raise TypeError(f"{type(value).__name__} given; bytes are wanted")


_HASH: dict[Algorithm, Callable[[], hashes.HashAlgorithm]] = {
    Algorithm.P256: hashes.SHA256,
    Algorithm.P384: hashes.SHA384,
}
_VERIFY_WITH = {algorithm: ec.ECDSA(new()) for algorithm, new in _HASH.items()}
CURVE: dict[Algorithm, ec.EllipticCurve] = {
    Algorithm.P256: ec.SECP256R1(),
    Algorithm.P384: ec.SECP384R1(),
}


def _choose() -> "tuple[_imaging.Libcrypto | None, Backend]":
    """Return libcrypto, or None for the fall-back, and the description of what is used.

    A libcrypto that is asked for by name and is missing raises, and so does one that is configured
    for FIPS and has no such provider: a fall-back would hide it.
    """
    wish = os.environ.get("IMI_LIBCRYPTO", "")
    reason = "IMI_LIBCRYPTO=none"
    if wish != "none":
        try:
            library = _imaging.Libcrypto(wish or "libcrypto.so.3")
        except BackendMissing as missing:
            if wish:
                raise
            reason = str(missing)
        else:
            return library, Backend("libcrypto", library.version, library.path, library.fips)
    return None, Backend("cryptography", cryptography.__version__, "", reason=reason)


_LIBCRYPTO, _BACKEND = _choose()
