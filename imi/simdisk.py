"""A disk in memory that loses, reorders and tears what was not synced, by a seed.

It is `pipeline.disk.Disk` for tests and for the simulated world. A write is visible at once and
durable after `sync`; a power cut keeps any subset of the atoms of pending writes. Creations and
renames are durable after `sync_dir`, and before it any subset of them may be; the data of a file
that was never named durably is lost.
"""

import builtins
import errno
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final, Self

from pipeline.errors import PsdInUse

ATOMS: Final = (16, 64, 512, 4096)
"""Sizes in bytes at which a write may tear: a bus burst, a cache line, a sector, a page."""


class PowerCut(BaseException):
    """The simulated machine is off; no `except Exception` may carry on."""


@dataclass
class _File:
    durable: bytearray
    seen: bytearray  # with the pending writes
    pending: builtins.list[tuple[int, bytes]] = field(default_factory=list)
    is_emptied: bool = False  # cut to nothing since the last sync: the old bytes may come back

    def copy(self) -> "_File":
        return _File(
            bytearray(self.durable), bytearray(self.seen), [*self.pending], self.is_emptied
        )

    def sync(self) -> None:
        if self.is_emptied:
            self.durable.clear()
            self.is_emptied = False
        for offset, data in self.pending:
            _put(self.durable, offset, data)
        self.pending.clear()


class SimDisk:
    """Files in memory with a page cache that a power cut loses.

    Every call that changes something counts as one operation. `cut_at` raises PowerCut before
    operation number n is done, after which the disk answers nothing but `after_cut`; `fail_at`
    makes operation n raise OSError with `fail_errno`: a failed write may have written a part, a
    failed sync leaves the pages looking clean, as Linux does.

    >>> disk = SimDisk()
    >>> disk.create("a/0001", 1024)
    >>> disk.sync_dir()
    >>> disk.pwrite("a/0001", b"x" * 512, 0)
    >>> disk.after_cut(Random(1), atom=512).pread("a/0001", 512, 0)[:1] in (b"x", bytes(1))
    True
    """

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}
        self._named: dict[str, _File] = {}  # as the directory is on the medium
        self._unsynced: list[dict[str, _File | None]] = []  # names given or taken since then
        self._held = False
        self.operations = 0
        self.cut_at: int | None = None
        self.fail_at: int | None = None
        self.fail_errno = errno.EIO
        self.is_off = False
        self.watch: Callable[[], None] | None = None  # called before each operation

    def fork(self) -> Self:
        """Return an independent copy, unlocked, with no faults planned: a process was killed."""
        twin = type(self)()
        everything = [*self._files.values(), *self._named.values()]
        everything += [each for change in self._unsynced for each in change.values() if each]
        copies = {id(each): each.copy() for each in everything}
        twin._files = {name: copies[id(each)] for name, each in self._files.items()}
        twin._named = {name: copies[id(each)] for name, each in self._named.items()}
        twin._unsynced = [
            {name: None if each is None else copies[id(each)] for name, each in change.items()}
            for change in self._unsynced
        ]
        return twin

    def after_cut(self, rng: Random, atom: int) -> Self:
        """Return what a power cut leaves: pending writes torn at `atom` bytes, any subset kept."""
        twin = type(self)()
        share = rng.choice((0.0, 0.5, 1.0))
        kept = [n for n in range(len(self._unsynced)) if rng.random() < share]
        for name, old in self._names_after(kept).items():
            data = bytearray() if old.is_emptied and rng.random() < 0.5 else bytearray(old.durable)
            pieces = [piece for write in old.pending for piece in _atoms(*write, atom)]
            rng.shuffle(pieces)  # the order of overlapping writes is not kept either
            share = rng.choice((0.0, 0.1, 0.5, 0.9, 1.0))
            for offset, part in pieces:
                if rng.random() < share:
                    _put(data, offset, part)
            twin._files[name] = twin._named[name] = _File(data, bytearray(data))
        return twin

    def pending(self) -> Iterator[tuple[str, int, bytes]]:
        """Yield the writes that a power cut may lose: name, offset, data."""
        for name, each in sorted(self._files.items()):
            for offset, data in each.pending:
                yield name, offset, data

    @property
    def unsynced_names(self) -> int:
        """Return how many creations and renames a power cut may lose, each by itself."""
        return len(self._unsynced)

    def named(self, kept: Collection[int]) -> Self:
        """Return a copy whose unsynced creations and renames reached the disk or never will.

        `kept` numbers those that did; pending writes stay pending.
        """
        twin = type(self)()
        for name, each in self._names_after(kept).items():
            twin._files[name] = twin._named[name] = each.copy()
        return twin

    def durable_only(self) -> Self:
        """Return what a power cut leaves where every pending write and name is lost."""
        twin = self.named(())
        for name, each in twin._files.items():
            twin._files[name] = twin._named[name] = _File(each.durable, bytearray(each.durable))
        return twin

    def emptied(self) -> builtins.list[str]:
        """Return the files cut to nothing since their last sync, whose old bytes may come back."""
        files = sorted(self._files.items())
        return [name for name, each in files if each.is_emptied and each.durable]

    def _names_after(self, kept: Collection[int]) -> dict[str, _File]:
        names: dict[str, _File | None] = dict(self._named)
        for number in sorted(kept):
            names |= self._unsynced[number]
        return {name: each for name, each in names.items() if each is not None}

    def poke(self, name: str, offset: int, data: bytes) -> None:
        """Change bytes on the medium itself: rot, or an attacker."""
        for view in (self._files[name].durable, self._files[name].seen):
            _put(view, offset, data)

    def flip(self, name: str, bit: int) -> None:
        """Flip one bit on the medium, counted from the lowest of byte 0."""
        byte = self._files[name].durable[bit // 8] ^ 1 << bit % 8
        self.poke(name, bit // 8, bytes([byte]))

    def truncate(self, name: str, size: int) -> None:
        """Cut a file on the medium."""
        del self._files[name].durable[size:]
        del self._files[name].seen[size:]

    def remove(self, name: str) -> None:
        """Remove a file on the medium."""
        del self._files[name]
        self._named.pop(name, None)
        for change in self._unsynced:
            change.pop(name, None)

    def image(self) -> dict[str, bytes]:
        """Return every file's bytes as a reader sees them."""
        return {name: bytes(each.seen) for name, each in sorted(self._files.items())}

    def lock(self) -> None:
        """Take the disk for one writer."""
        if self._held:
            raise PsdInUse("the simulated disk is held")
        self._held = True

    def close(self) -> None:
        """Give back the lock."""
        self._held = False

    def list(self) -> builtins.list[str]:
        """Return the names of all files, sorted."""
        return sorted(self._files)

    def size(self, name: str) -> int:
        """Return a file's length."""
        return len(self._file(name).seen)

    def create(self, name: str, size: int, fill: int = 0) -> None:
        """Make a file of one value; it takes a write, a sync and a directory entry."""
        self._operate(name)
        made = self._files.get(name)
        if made is None:
            made = self._files[name] = _File(bytearray(), bytearray())
            self._unsynced.append({name: made})
        made.seen = bytearray([fill]) * size
        made.pending = [(0, bytes(made.seen))]
        made.is_emptied = True
        self.sync(name)

    def pread(self, name: str, size: int, offset: int) -> bytes:
        """Return bytes as the page cache has them."""
        return bytes(self._file(name).seen[offset : offset + size])

    def pread_direct(self, name: str, size: int, offset: int) -> bytes:
        """Return bytes as the medium has them."""
        return bytes(self._file(name).durable[offset : offset + size])

    def pwrite(self, name: str, data: bytes, offset: int) -> None:
        """Write into the page cache."""
        each = self._file(name)
        self._operate(name, torn=(offset, data[: len(data) // 2]))
        _put(each.seen, offset, data)
        each.pending.append((offset, data))

    def sync(self, name: str) -> None:
        """Make a file's pending writes durable."""
        each = self._file(name)
        self._operate(name, is_sync=True)
        each.sync()

    def rename(self, old: str, new: str) -> None:
        """Give a file another name."""
        self._operate(old)
        self._files[new] = self._files.pop(old)
        self._unsynced.append({old: None, new: self._files[new]})

    def sync_dir(self) -> None:
        """Make names durable."""
        self._operate("")
        self._named = dict(self._files)
        self._unsynced.clear()

    def _file(self, name: str) -> _File:
        if self.is_off:
            raise PowerCut
        each = self._files.get(name)
        if each is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        return each

    def _operate(
        self, name: str, *, torn: tuple[int, bytes] | None = None, is_sync: bool = False
    ) -> None:
        if self.watch is not None:
            self.watch()
        if self.is_off or self.operations == self.cut_at:
            self.is_off = True
            raise PowerCut
        self.operations += 1
        if self.operations - 1 != self.fail_at:
            return
        each = self._files.get(name)
        if each is not None and torn is not None:
            _put(each.seen, *torn)
            each.pending.append(torn)
        if each is not None and is_sync:
            each.pending.clear()  # the cache still shows them: the next sync "succeeds"
        raise OSError(self.fail_errno, os.strerror(self.fail_errno), name)


def _atoms(offset: int, data: bytes, atom: int) -> Iterator[tuple[int, bytes]]:
    at = offset
    while at < offset + len(data):
        end = min(at - at % atom + atom, offset + len(data))
        yield at, data[at - offset : end - offset]
        at = end


def _put(target: bytearray, offset: int, data: bytes) -> None:
    if offset > len(target):
        target.extend(bytes(offset - len(target)))
    target[offset : offset + len(data)] = data
