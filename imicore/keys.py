"""EC keys: made, kept encrypted, opened; public keys as points.

Keys come from the operating system's random source through ``cryptography``. A private key lives in
this process's memory: this is the software store of a simulator, not a tamper-resistant device, and
Python cannot wipe what it copies.
"""

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from imicore.errors import BackendFailure, BadArgument, BadKey
from imicore.signature import CURVE, Algorithm, Signer

MIN_SECRET_BYTES = 16
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


@dataclass(frozen=True)
class PrivateKey:
    """A private key and what is public of it. The secret does not show in ``repr``.

    Made of a ``cryptography`` key; BadKey unless that is on P-256 or P-384.
    """

    handle: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)
    algorithm: Algorithm = field(init=False)
    public_key: bytes = field(init=False)  # uncompressed point

    def __post_init__(self) -> None:
        if not isinstance(self.handle, ec.EllipticCurvePrivateKey):
            raise BadKey(f"{type(self.handle).__name__} is no EC private key")
        curve = self.handle.curve.name
        found = [algorithm for algorithm, known in CURVE.items() if known.name == curve]
        if not found:
            raise BadKey(f"a private key on {curve}; wanted is P-256 or P-384")
        object.__setattr__(self, "algorithm", found[0])
        object.__setattr__(self, "public_key", _uncompressed(self.handle.public_key()))

    @classmethod
    def from_scalar(cls, scalar: int, algorithm: Algorithm = Algorithm.P256) -> "PrivateKey":
        """Return the key of a known scalar, as published vectors give it.

        >>> PrivateKey.from_scalar(1).public_key[:4].hex()  # the generator
        '046b17d1'
        """
        try:
            return cls(ec.derive_private_key(scalar, CURVE[algorithm]))
        except ValueError as error:
            raise BadKey(f"no scalar of {algorithm.name}: {error}") from error

    @classmethod
    def decrypt(cls, data: bytes, secret: bytes) -> "PrivateKey":
        """Return the key that ``encrypt`` wrote. BadKey for another secret or damaged data."""
        try:
            handle = serialization.load_der_private_key(data, secret)
        except (ValueError, TypeError) as error:
            raise BadKey(f"{len(data)} bytes do not open as an encrypted key: {error}") from error
        return cls(cast(ec.EllipticCurvePrivateKey, handle))  # the constructor checks the kind

    def encrypt(self, secret: bytes) -> bytes:
        """Return the key as PKCS #8 DER, encrypted under ``secret`` (16 bytes or more)."""
        _demand_secret(secret)
        return self.handle.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(secret),
        )

    def scalar(self) -> bytes:
        """Return the secret itself, big-endian; for the native engine, and nothing else."""
        value = self.handle.private_numbers().private_value
        return value.to_bytes(self.algorithm.width, "big")


def generate(algorithm: Algorithm = Algorithm.P256) -> PrivateKey:
    """Return a new key that passed the pairwise consistency test (ISO/IEC 19790:2012, 7.10.3.3).

    >>> generate().public_key[0], len(generate(Algorithm.P384).public_key)
    (4, 97)
    """
    key = PrivateKey(ec.generate_private_key(CURVE[algorithm]))
    demand_pair(key, key.public_key)
    return key


def demand_pair(key: PrivateKey, point: bytes) -> None:
    """Raise BackendFailure unless what ``key`` signs verifies with ``point``."""
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE[key.algorithm], point)
    scheme = ec.ECDSA(hashes.SHA256())
    probe = b"pairwise consistency"
    try:
        public.verify(key.handle.sign(probe, scheme), probe, scheme)
    except InvalidSignature as error:
        raise BackendFailure("the public key does not verify what the private key signs") from error


def public_point(data: bytes, algorithm: Algorithm | None = None) -> bytes:
    """Return a compressed or uncompressed SEC 1 point as uncompressed bytes.

    BadKey where it is not a point of P-256 or P-384, or not of the ``algorithm`` demanded.

    >>> public_point(compressed(generate().public_key))[0]
    4
    """
    found = Algorithm.of_public_key(data)
    if found is None or algorithm not in {None, found}:
        wanted = "P-256 or P-384" if algorithm is None else algorithm.name
        raise BadKey(
            f"{len(data)} bytes starting {data[:1].hex() or 'nowhere'} are no {wanted} point"
        )
    try:
        return _uncompressed(ec.EllipticCurvePublicKey.from_encoded_point(CURVE[found], data))
    except ValueError as error:
        raise BadKey(f"the point is not on {found.name}") from error


def compressed(point: bytes) -> bytes:
    """Return an uncompressed point of P-256 or P-384 as 02||x or 03||x."""
    point = public_point(point)
    width = len(point) // 2
    return bytes([2 + (point[-1] & 1)]) + point[1 : 1 + width]


class Storage(Protocol):
    """Where a key store puts its files: names to bytes."""

    def read(self, name: str) -> bytes | None:
        """Return what stands under ``name``, None if nothing does."""

    def write_new(self, name: str, data: bytes) -> bool:
        """Store durably, unless the name is taken (False): a key is never overwritten."""


class Folder:
    """Storage in one folder, files readable by their owner only."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str) -> bytes | None:
        """Return the file's bytes, None where there is none."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write_new(self, name: str, data: bytes) -> bool:
        """Write, sync, then link into place: the name appears with the whole file or not at all."""
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self._path / f".{name}.{os.getpid()}"
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, self._path / name)
            except FileExistsError:
                return False
        finally:
            draft.unlink()
        folder = os.open(self._path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return True


class SoftwareKeyStore:
    """Private keys in a folder, each encrypted under the device's pepper and its own name.

    ``pepper`` is a secret of at least 16 bytes that does not lie beside the keys. A file renamed to
    another key id does not open.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SoftwareKeyStore(Path(folder), pepper=bytes(32))
    ...     made = store.create("meter-1").public_key
    ...     store.open("meter-1").public_key == made
    True
    """

    def __init__(self, storage: Storage | Path, pepper: bytes) -> None:
        _demand_secret(pepper)
        self._storage: Storage = Folder(storage) if isinstance(storage, Path) else storage
        self._pepper = pepper

    def create(
        self,
        key_id: str,
        *,
        algorithm: Algorithm = Algorithm.P256,
    ) -> Signer:
        """Return the signer of a new key, already stored. BadKey if the id is taken."""
        name = _file_name(key_id)
        key = generate(algorithm)
        if not self._storage.write_new(name, key.encrypt(self._secret("wrap", key_id))):
            raise BadKey(f"key {key_id!r} exists; a key is never replaced")
        return Signer(key)

    def open(self, key_id: str) -> Signer:
        """Return the signer of a stored key. BadKey where there is none or it does not open."""
        return Signer(self._load(key_id))

    def journal_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes for the device's journal MAC, the same at every call.

        HKDF-SHA256 (RFC 5869) of the pepper, salted with the public key; the signing key plays no
        part in it.
        """
        return self._secret("journal", key_id, salt=self._load(key_id).public_key)

    def _load(self, key_id: str) -> PrivateKey:
        data = self._storage.read(_file_name(key_id))
        if data is None:
            raise BadKey(f"no key {key_id!r} in the store")
        return PrivateKey.decrypt(data, self._secret("wrap", key_id))

    def _secret(self, purpose: str, key_id: str, salt: bytes | None = None) -> bytes:
        info = f"imicore.keys/1 {purpose} {key_id}".encode()
        return HKDF(hashes.SHA256(), length=32, salt=salt, info=info).derive(self._pepper)


def _uncompressed(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def _demand_secret(secret: bytes) -> None:
    if len(secret) < MIN_SECRET_BYTES:
        raise BadArgument(
            f"a secret of {len(secret)} bytes; at least {MIN_SECRET_BYTES} are wanted"
        )


def _file_name(key_id: str) -> str:
    if not _KEY_ID.fullmatch(key_id):
        raise BadArgument(f"key id {key_id!r}; letters, digits, _ and -, at most 64, letter first")
    return f"{key_id}.p8"
