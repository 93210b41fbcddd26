"""Small sealed files: each is read whole and replaced whole, by a rename that a power cut respects.

For what the host keeps beside the journal: names, rights, PINs, the audit trail. The seal is an
HMAC under a key made of the device's pepper, so an edit outside this program is found; a whole
folder put back from yesterday is not, which is why `pipeline.trail` compares with the journal.
"""

import hmac
from typing import Final, Protocol

from pipeline.disk import Disk
from pipeline.errors import MachineError

_SEAL_BYTES: Final = 32
_NEW: Final = ".new"


class SealBroken(MachineError):
    """A file that was not written by this device's program, or was changed since."""


class Storage(Protocol):
    """Files by name, whole or not at all."""

    def read(self, name: str) -> bytes | None:
        """Return the file's bytes, None where there is none."""

    def replace(self, name: str, data: bytes) -> None:
        """Make these the file's bytes, durably: after a power cut the old ones or these."""


class DiskStorage:
    """Storage on a `Disk`, which is the operating system's or a simulated one.

    >>> from imi.simdisk import SimDisk
    >>> storage = DiskStorage(SimDisk())
    >>> storage.replace("accounts", b"one")
    >>> storage.read("accounts"), storage.read("other")
    (b'one', None)
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def read(self, name: str) -> bytes | None:
        """Return the file's bytes, None where there is none."""
        try:
            return self._disk.pread(name, self._disk.size(name), 0)
        except FileNotFoundError:
            return None

    def replace(self, name: str, data: bytes) -> None:
        """Write beside, sync, rename, sync the name."""
        draft = name + _NEW
        self._disk.create(draft, len(data))
        self._disk.pwrite(draft, data, 0)
        self._disk.sync(draft)
        self._disk.rename(draft, name)
        self._disk.sync_dir()


class SealedStorage:
    """Storage whose every file ends with 32 bytes that seal it to its name and this device.

    >>> from imi.simdisk import SimDisk
    >>> disk = SimDisk()
    >>> SealedStorage(DiskStorage(disk), bytes(32)).replace("accounts", b"one")
    >>> SealedStorage(DiskStorage(disk), b"another device's pepper, 32 byte").read("accounts")
    Traceback (most recent call last):
    pipeline.storage.SealBroken: accounts: 35 bytes whose seal is not this device's
    """

    def __init__(self, storage: Storage, pepper: bytes) -> None:
        self._storage = storage
        self._key = hmac.digest(pepper, b"imi sealed files/1", "sha256")

    def read(self, name: str) -> bytes | None:
        """Return the bytes that were sealed, None where there is no file.

        Raises:
            SealBroken: the file is not as this device wrote it.
        """
        stored = self._storage.read(name)
        if stored is None:
            return None
        data, seal = stored[:-_SEAL_BYTES], stored[-_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(name, data)):
            raise SealBroken(f"{name}: {len(stored)} bytes whose seal is not this device's")
        return data

    def replace(self, name: str, data: bytes) -> None:
        """Seal and store."""
        self._storage.replace(name, data + self._seal(name, data))

    def _seal(self, name: str, data: bytes) -> bytes:
        return hmac.digest(self._key, f"{name}\n".encode() + data, "sha256")
