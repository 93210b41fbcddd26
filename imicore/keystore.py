"""What every key store does, what it hands out, and where a software one keeps its files.

``imicore.keys.SoftwareKeyStore`` holds keys in encrypted files, ``imicore.tokens.TokenKeyStore`` in
a PKCS#11 token. A device takes either and never learns which.
"""

import contextlib
import os
from pathlib import Path
from typing import Protocol

from imicore.signature_form import Algorithm


class DeviceSigner(Protocol):
    """Signs for one device with one key. ``imicore.signature.Signer`` is one."""

    @property
    def algorithm(self) -> Algorithm:
        """The curve and its digest."""

    @property
    def public_key(self) -> bytes:
        """The uncompressed SEC 1 point, 65 bytes for P-256."""

    @property
    def deterministic(self) -> bool:
        """Whether equal messages have equal signatures (RFC 6979)."""

    def sign(self, message: bytes) -> bytes:
        """Return raw r||s with low s, 64 bytes for P-256; ImiError, and no byte, if it cannot."""


class KeyStore(Protocol):
    """Makes, finds and destroys the keys of devices."""

    def create(self, key_id: str, *, algorithm: Algorithm = Algorithm.P256) -> DeviceSigner:
        """Return the signer of a new key that passed its pair test; BadKey if the id is taken."""

    def open(self, key_id: str) -> DeviceSigner:
        """Return the signer of a stored key. BadKey where there is none or it does not open."""

    def demand_pair(self, key_id: str) -> None:
        """Raise ImiError unless what the stored key signs verifies with its public key, now."""

    def journal_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes for the device's journal MAC, the same at every call.

        After `zeroise` too: the registers of a zeroised device stay readable.
        """

    def integrity_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes that seal the manifest of the device's files."""

    def office_key(self, key_id: str) -> bytes:
        """Return 32 secret bytes under which PINs and the files of the office are kept."""

    def zeroise(self) -> None:
        """Destroy every signing key, for good. After an interruption: call again."""


class Storage(Protocol):
    """Where a key store puts its files: names to bytes. Every method may raise OSError."""

    def names(self) -> list[str]:
        """Return the names that stand, sorted."""

    def read(self, name: str) -> bytes | None:
        """Return what stands under ``name``, None if nothing does."""

    def write_new(self, name: str, data: bytes) -> bool:
        """Store durably, unless the name is taken (False): a key is never overwritten."""

    def overwrite(self, name: str, data: bytes) -> None:
        """Write in place over a file of the same length, durably: needs no room, leaves no copy."""

    def remove(self, name: str) -> None:
        """Forget the name, durably; one that is gone already is no error."""


class Folder:
    """Storage in one folder, files readable by their owner only.

    ``overwrite`` writes over the file's own blocks. Flash and copying file systems keep old blocks
    for a while; where that matters the folder belongs on an encrypted disk.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        """Return the names of the files, sorted; drafts of an interrupted write among them."""
        if not self._path.is_dir():
            return []
        return sorted(path.name for path in self._path.iterdir() if path.is_file())

    def read(self, name: str) -> bytes | None:
        """Return the file's bytes, None where there is none."""
        try:
            return (self._path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write_new(self, name: str, data: bytes) -> bool:
        """Write, sync, then link into place: the name appears with the whole file or not at all.

        The folder itself is made durable in those above it: a key whose secret was in a folder that
        a power cut took would be lost.
        """
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        for above in self._path.resolve().parents:
            with contextlib.suppress(PermissionError):  # not ours to make, then
                _sync(above)
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
        _sync(self._path)
        return True

    def overwrite(self, name: str, data: bytes) -> None:
        """Write over the file's bytes and sync."""
        descriptor = os.open(self._path / name, os.O_WRONLY)
        try:
            length = os.fstat(descriptor).st_size
            if length != len(data):
                raise OSError(f"{name!r} has {length} bytes; {len(data)} do not take its place")
            written = os.pwrite(descriptor, data, 0)
            if written != len(data):
                raise OSError(f"{name!r}: {written} of {len(data)} bytes written")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, name: str) -> None:
        """Unlink and sync the folder."""
        with contextlib.suppress(FileNotFoundError):
            (self._path / name).unlink()
            _sync(self._path)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
