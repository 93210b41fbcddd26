"""What the device asks of a disk, and the disk of the operating system.

Names are relative, with one optional folder ("a/0000000000000001"): the journal's copies lie under
"a/" and "b/", which may be two disks. Durable means: after `sync` returns, a power cut does not
undo the writes; after `sync_dir`, it does not undo creations, renames and removals.
"""

import contextlib
import errno
import fcntl
import mmap
import os
from pathlib import Path
from typing import Final, Protocol

from pipeline.errors import PsdInUse

DIRECT_ALIGN: Final = 4096


class Disk(Protocol):
    """Files by name. Every method may raise OSError; what it wrote is then unknown."""

    def lock(self) -> None:
        """Take the folder for one writer; PsdInUse where someone else has it."""

    def close(self) -> None:
        """Give back the lock and every open file."""

    def list(self) -> list[str]:
        """Return the names of all files, sorted."""

    def size(self, name: str) -> int:
        """Return a file's length in bytes; FileNotFoundError where it does not exist."""

    def create(self, name: str, size: int, fill: int = 0) -> None:
        """Make a file of `size` bytes of one value, synced; one of that name is emptied first."""

    def pread(self, name: str, size: int, offset: int) -> bytes:
        """Return up to `size` bytes; fewer only at the end of the file."""

    def pread_direct(self, name: str, size: int, offset: int) -> bytes:
        """Return bytes as the disk holds them, past the page cache where the system allows."""

    def pwrite(self, name: str, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`, inside the file."""

    def sync(self, name: str) -> None:
        """Make the file's writes durable."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing the file that had it."""

    def sync_dir(self) -> None:
        """Make creations and renames durable."""


class RealDisk:
    """The files of a folder; `second` is where names under "b/" lie, another disk where possible.

    Descriptors stay open: opening a file costs more than writing a record.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     disk = RealDisk(folder)
    ...     disk.create("a/0001", 512)
    ...     disk.pwrite("a/0001", b"PSDJ", 0)
    ...     disk.sync("a/0001")
    ...     print(disk.pread("a/0001", 4, 0), disk.list())
    ...     disk.close()
    b'PSDJ' ['a/0001']
    """

    def __init__(self, folder: str | Path, second: str | Path | None = None) -> None:
        self._roots = {"a": Path(folder), "b": Path(second or folder)}
        self._open: dict[str, int] = {}
        self._locks: list[int] = []
        for name, root in self._roots.items():
            (root / name).mkdir(parents=True, exist_ok=True)

    def lock(self) -> None:
        """Take both folders for one writer; PsdInUse where someone else has one."""
        for root in dict.fromkeys(self._roots.values()):
            fd = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._locks.append(fd)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                self.close()
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                raise PsdInUse(f"{root} is held by another process") from error

    def close(self) -> None:
        """Close every file and give back the lock."""
        for fd in [*self._open.values(), *self._locks]:
            os.close(fd)
        self._open.clear()
        self._locks.clear()

    def list(self) -> list[str]:
        """Return the names of all files but the lock, sorted."""
        names = [f"{side}/{path.name}" for side in "ab" for path in self._path(side).iterdir()]
        names += [path.name for path in self._roots["a"].iterdir() if path.is_file()]
        return sorted(name for name in names if name != "lock")

    def size(self, name: str) -> int:
        """Return a file's length in bytes."""
        return self._path(name).stat().st_size

    def create(self, name: str, size: int, fill: int = 0) -> None:
        """Make a file, really written and synced: later writes change no metadata."""
        self._forget(name)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._open[name] = os.open(self._path(name), flags, 0o600)
        step = bytes([fill]) * (1 << 20)
        for offset in range(0, size, len(step)):
            self.pwrite(name, step[: size - offset], offset)
        os.fsync(self._open[name])

    def pread(self, name: str, size: int, offset: int) -> bytes:
        """Return up to `size` bytes."""
        parts: list[bytes] = []
        while size and (part := os.pread(self._fd(name), size, offset)):
            parts.append(part)
            size -= len(part)
            offset += len(part)
        return b"".join(parts)

    def pread_direct(self, name: str, size: int, offset: int) -> bytes:
        """Return bytes past the page cache; through it on a file system without O_DIRECT."""
        start = offset - offset % DIRECT_ALIGN
        length = -(-(offset + size - start) // DIRECT_ALIGN) * DIRECT_ALIGN
        try:
            fd = os.open(self._path(name), os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            return self.pread(name, size, offset)
        try:
            with mmap.mmap(-1, length) as buffer:  # anonymous: page aligned, as O_DIRECT wants
                read = os.preadv(fd, [buffer], start)
                return buffer[:read][offset - start : offset - start + size]
        finally:
            os.close(fd)

    def pwrite(self, name: str, data: bytes, offset: int) -> None:
        """Write all of `data`; a short write is an error, never continued."""
        fd = self._open.get(name)
        written = os.pwrite(self._fd(name) if fd is None else fd, data, offset)
        if written != len(data):
            raise OSError(errno.EIO, f"{name!r}: {written} of {len(data)} bytes written")

    def sync(self, name: str) -> None:
        """Make the file's writes durable. A failure is final: the pages may be marked clean."""
        os.fdatasync(self._fd(name))

    def rename(self, old: str, new: str) -> None:
        """Give a file another name."""
        self._forget(old)
        self._forget(new)
        self._path(old).rename(self._path(new))

    def sync_dir(self) -> None:
        """Make names durable in every folder, and each folder in those above it.

        Those above were perhaps made for this device, by a run that did not get this far.
        """
        roots = [root.resolve() for root in self._roots.values()]
        for folder in {*roots, *(root / side for side, root in self._roots.items())}:
            _sync(folder)
        for folder in {above for root in roots for above in root.parents}:
            with contextlib.suppress(PermissionError):  # not ours to make, then
                _sync(folder)

    def _path(self, name: str) -> Path:
        return self._roots.get(name.split("/", 1)[0], self._roots["a"]) / name

    def _fd(self, name: str) -> int:
        fd = self._open.get(name)
        if fd is None:
            fd = self._open[name] = os.open(self._path(name), os.O_RDWR | os.O_CLOEXEC)
            # After a failed sync the cache may show what the disk never got: read it afresh.
            with contextlib.suppress(OSError):
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        return fd

    def _forget(self, name: str) -> None:
        fd = self._open.pop(name, None)
        if fd is not None:
            os.close(fd)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
