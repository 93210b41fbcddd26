"""The software key store: keys in files, sealed under the device's pepper; and EC keys themselves.

Names of ``imicore.eckeys`` are found here too: this is the module that programs import.
"""

import os
import re
import weakref
from collections.abc import Callable
from pathlib import Path

from imicore.eckeys import (
    MIN_SECRET_BYTES,
    PrivateKey,
    compressed,
    demand_pair,
    demand_secret,
    generate,
    public_point,
)
from imicore.errors import BadArgument, BadKey, KeysZeroised
from imicore.keystore import Folder, Storage
from imicore.signature import Algorithm, Signer
from imicore.wrapping import derive, seal, unseal

__all__ = [
    "MIN_SECRET_BYTES",
    "Folder",
    "PrivateKey",
    "SoftwareKeyStore",
    "Storage",
    "compressed",
    "demand_pair",
    "generate",
    "public_point",
]

PEPPER = "pepper"
PEPPER_BYTES = 32
_MAGIC = b"IMIKEY/2"
_KEY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)
_KEY_FILE = re.compile(rf"({_KEY_ID.pattern}\.(key|p8))|(\.{_KEY_ID.pattern}\.(key|p8)\.\d+)")


class SoftwareKeyStore:
    """Private keys in files, each sealed under the device's pepper and its own name.

    ``pepper`` is a secret of at least 16 bytes that does not lie beside the keys; `at` keeps it in
    a file that `zeroise` can destroy. A file renamed to another key id does not open, nor does one
    with a changed bit. Safe for several threads; for one process.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = SoftwareKeyStore.at(Path(folder) / "keys", Path(folder))
    ...     made = store.create("meter-1").public_key
    ...     store.open("meter-1").public_key == made
    True
    """

    def __init__(self, storage: Storage | Path, pepper: bytes) -> None:
        demand_secret(pepper)
        self._storage = _storage(storage)
        self._pepper: bytes | None = pepper
        self._secrets: Storage | None = None
        self._signers: weakref.WeakSet[Signer] = weakref.WeakSet()

    @classmethod
    def at(
        cls,
        storage: Storage | Path,
        secrets: Storage | Path,
        *,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> "SoftwareKeyStore":
        """Return the store whose pepper is the file ``pepper`` of ``secrets``, made if absent.

        Where the keys were destroyed, a destruction that was cut short is finished first; the store
        then is `zeroised` and gives out nothing but journal keys. BadKey where keys stand and their
        pepper is gone: a new one would hide the loss.
        """
        storage, secrets = _storage(storage), _storage(secrets)
        pepper = secrets.read(PEPPER)
        if pepper is None:
            if keys := _key_files(storage):
                raise BadKey(f"{len(keys)} keys and no pepper: the secret that opens them is gone")
            secrets.write_new(PEPPER, entropy(PEPPER_BYTES))
            pepper = secrets.read(PEPPER)
            assert pepper is not None
        store = cls(storage, pepper)
        store._secrets = secrets
        if pepper == _tombstone(len(pepper)):
            store.zeroise()
        return store

    @property
    def zeroised(self) -> bool:
        """Whether the keys were destroyed: then this store makes and opens none, for good."""
        return self._pepper is None

    def create(
        self,
        key_id: str,
        *,
        algorithm: Algorithm = Algorithm.P256,
    ) -> Signer:
        """Return the signer of a new key, already stored. BadKey if the id is taken."""
        name = _file_name(key_id)
        key = generate(algorithm)
        sealed = _MAGIC + seal(self._secret("wrap", key_id), key.plain(), _about(key_id))
        if self._storage.read(_old_name(key_id)) or not self._storage.write_new(name, sealed):
            raise BadKey(f"key {key_id!r} exists; a key is never replaced")
        return self.open(key_id)  # as the disk has it: it must open before it signs anything

    def has(self, key_id: str) -> bool:
        """Whether a key of this id is stored; what an interrupted `create` left is none."""
        names = (_file_name(key_id), _old_name(key_id))
        return any(self._storage.read(name) is not None for name in names)

    def open(self, key_id: str) -> Signer:
        """Return the signer of a stored key. BadKey where there is none or it does not open."""
        return self._handed_out(self._load(key_id))

    def demand_pair(self, key_id: str) -> None:
        """Read the key afresh and raise BackendFailure unless its two halves belong together."""
        key = self._load(key_id)
        demand_pair(key, key.public_key)

    def journal_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes for the device's journal MAC, the same at every call.

        HKDF-SHA256 (RFC 5869) of the pepper, salted with the public key; the signing key plays no
        part in it. A store with a place for secrets keeps it there, and `zeroise` leaves it: the
        registers of a zeroised device stay readable, and it seals records, not indicia.
        """
        demand_key_id(key_id)
        kept = None if self._secrets is None else self._secrets.read(_journal_name(key_id))
        if kept is not None:
            return kept
        made = self._secret("journal", key_id, salt=self._load(key_id).public_key)
        if self._secrets is not None:
            self._secrets.write_new(_journal_name(key_id), made)
        return made

    def integrity_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes that seal the manifest of the device's files."""
        return self._secret("integrity", key_id)

    def office_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes under which PINs and the files of the office are kept."""
        return self._secret("office", key_id)

    def zeroise(self) -> None:
        """Destroy every signing key: those in memory, the pepper, then the files.

        The pepper is written over in place, so no room is needed and a cut leaves it whole or
        gone; what replaces it says so, and `at` then finishes the work. Call again after an error:
        what is done stays done. A pepper that was given as bytes is its owner's to destroy.
        Python may have copies of secrets in freed memory that nothing here can reach.
        """
        for signer in list(self._signers):
            signer.forget()
        self._pepper = None
        if self._secrets is not None:
            pepper = self._secrets.read(PEPPER)
            if pepper is not None and pepper != _tombstone(len(pepper)):
                self._secrets.overwrite(PEPPER, _tombstone(len(pepper)))
        for name in _key_files(self._storage):
            self._storage.overwrite(name, bytes(len(self._storage.read(name) or b"")))
            self._storage.remove(name)

    def _handed_out(self, key: PrivateKey) -> Signer:
        signer = Signer(key)
        self._signers.add(signer)
        return signer

    def _load(self, key_id: str) -> PrivateKey:
        secret = self._secret("wrap", key_id)
        data = self._storage.read(_file_name(key_id))
        if data is None:
            return self._load_old(key_id, secret)
        if not data.startswith(_MAGIC):
            raise BadKey(f"the file of key {key_id!r} does not begin with {_MAGIC!r}")
        plain = unseal(secret, data[len(_MAGIC) :], _about(key_id))
        return PrivateKey.load(plain)

    def _load_old(self, key_id: str, secret: bytes) -> PrivateKey:
        """Stores of version 0.1.0 have encrypted PKCS #8: not authenticated, still opened."""
        data = self._storage.read(_old_name(key_id))
        if data is None:
            raise BadKey(f"no key {key_id!r} in the store")
        return PrivateKey.decrypt(data, secret)

    def _secret(self, purpose: str, key_id: str, salt: bytes | None = None) -> bytes:
        if self._pepper is None:
            raise KeysZeroised("the keys of this store were destroyed")
        return derive(self._pepper, f"imicore.keys/1 {purpose} {key_id}".encode(), salt=salt)


def demand_key_id(key_id: str) -> None:
    """Raise BadArgument for an id that could leave a folder or not be a label."""
    if not _KEY_ID.fullmatch(key_id):
        raise BadArgument(f"key id {key_id!r}; letters, digits, _ and -, at most 64, letter first")


def _file_name(key_id: str) -> str:
    demand_key_id(key_id)
    return f"{key_id}.key"


def _old_name(key_id: str) -> str:
    return f"{key_id}.p8"


def _journal_name(key_id: str) -> str:
    return f"{key_id}.journal"


def _about(key_id: str) -> bytes:
    return _MAGIC + key_id.encode("ascii")


def _key_files(storage: Storage) -> list[str]:
    """Files that hold keys, and drafts of them that an interrupted write left."""
    return [name for name in storage.names() if _KEY_FILE.fullmatch(name)]


def _tombstone(length: int) -> bytes:
    return (b"ZEROISED" * (length // 8 + 1))[:length]


def _storage(place: Storage | Path) -> Storage:
    return Folder(place) if isinstance(place, Path) else place
