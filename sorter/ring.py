"""Frames in shared memory: a camera's program writes them, the lane's daemon copies them out.

A ring is one file that both map, best under /dev/shm, so that a program in any language needs
``open`` and ``mmap`` alone. All numbers are little-endian::

    byte 0          "IMIRING1"
    byte 8   u32    slots
    byte 12  u32    pixel bytes that a slot holds, a multiple of 64
    byte 64         slot 0, then the others, each 64 + pixel bytes long:
      byte 0   u64  sequence, 0 while the slot is being written
      byte 8   u32  width of the frame in pixels
      byte 12  u32  height
      byte 16  u32  bytes from one row to the next, at least width x channels
      byte 20  u32  channels: 1 grey, 3 red, green, blue; 0 is black
      byte 64       pixels

The writer owns all slots. It sets ``sequence`` to 0, writes, sets ``sequence`` to a number that is
not 0 and not the last one, and names slot and sequence to the daemon. It leaves the slot alone
until that request is answered. The daemon believes a copy only if the sequence is the same before
and after it; the copy is also why no kernel ever reads memory that somebody else can change.
"""

import mmap
import os
import struct
from pathlib import Path
from typing import Final, Self

import numpy as np

from imicore.reader import MAX_FRAME_PIXELS
from sorter.errors import RingError
from sorter.sight import Frame

MAGIC: Final = b"IMIRING1"
MAX_SLOTS: Final = 4_096
MAX_SLOT_BYTES: Final = 3 * MAX_FRAME_PIXELS
_HEADER: Final = struct.Struct("<8sII")
_SEQUENCE: Final = struct.Struct("<Q")
_FRAME: Final = struct.Struct("<IIII")
_HEAD_BYTES: Final = 64


class Ring:
    """A ring that is mapped here; ``create`` makes one, ``attach`` opens one that exists.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Ring.create(Path(folder) / "ring", slots=2, slot_bytes=64) as ring:
    ...         ring.write(1, 7, np.array([[3, 4]], np.uint8))
    ...         ring.read(1, 7).tolist()
    [[3, 4]]
    """

    def __init__(self, path: Path, memory: mmap.mmap, slots: int, slot_bytes: int) -> None:
        self.path, self.slots, self.slot_bytes = path, slots, slot_bytes
        self._memory = memory

    @classmethod
    def create(cls, path: Path, *, slots: int, slot_bytes: int) -> Self:
        """Return a new ring that only this user can map; ``slot_bytes`` is rounded up to 64.

        Raises:
            RingError: a size out of range.
            OSError: the file exists, or cannot be made.
        """
        slot_bytes = -(-slot_bytes // 64) * 64
        _demand_sizes(path, slots, slot_bytes)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _length(slots, slot_bytes))
            memory = mmap.mmap(descriptor, _length(slots, slot_bytes))
        except OSError:
            path.unlink()
            raise
        finally:
            os.close(descriptor)
        _HEADER.pack_into(memory, 0, MAGIC, slots, slot_bytes)
        return cls(path, memory, slots, slot_bytes)

    @classmethod
    def attach(cls, path: Path) -> Self:
        """Return the ring in a file.

        Raises:
            RingError: no ring, or not as long as it says.
            OSError: the file cannot be mapped.
        """
        with path.open("r+b") as file:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size or header[:8] != MAGIC:
                raise RingError(f"{path} is no ring of frames")
            _, slots, slot_bytes = _HEADER.unpack(header)
            _demand_sizes(path, slots, slot_bytes)
            size = os.fstat(file.fileno()).st_size
            if size != (expected := _length(slots, slot_bytes)):
                raise RingError(f"{path} has {size} bytes; a ring of its sizes has {expected}")
            return cls(path, mmap.mmap(file.fileno(), size), slots, slot_bytes)

    def write(self, slot: int, sequence: int, frame: Frame) -> None:
        """Put a frame, uint8[H, W] or uint8[H, W, 3], into a slot.

        Raises:
            RingError: no such slot, a sequence of 0, or a frame that does not fit.
        """
        at = self._at(slot)
        channels = frame.shape[2] if frame.ndim == 3 else 1
        if frame.dtype != np.uint8 or frame.ndim not in (2, 3) or channels not in (1, 3):
            raise RingError(f"a frame is uint8[H, W] or [H, W, 3], not {frame.dtype}{frame.shape}")
        if frame.size > self.slot_bytes:
            raise RingError(f"a frame of {frame.size} bytes; a slot has {self.slot_bytes}")
        if not 0 < sequence < 1 << 64:
            raise RingError(f"sequence {sequence} is not from 1 to 2^64 - 1")
        height, width = frame.shape[:2]
        _SEQUENCE.pack_into(self._memory, at, 0)
        _FRAME.pack_into(self._memory, at + 8, width, height, width * channels, channels)
        start = at + _HEAD_BYTES
        self._memory[start : start + frame.size] = np.ascontiguousarray(frame).tobytes()
        _SEQUENCE.pack_into(self._memory, at, sequence)

    def read(self, slot: int, sequence: int) -> Frame:
        """Return a copy of the frame that was written into a slot under this sequence.

        Raises:
            RingError: no such slot, another sequence, or a frame that a slot cannot hold.
        """
        at = self._at(slot)
        self._demand(at, slot, sequence)
        width, height, stride, channels = _FRAME.unpack_from(self._memory, at + 8)
        if channels not in (1, 3) or not width or not height:
            raise RingError(f"slot {slot} holds {width}x{height} pixels of {channels} channels")
        if width * height > MAX_FRAME_PIXELS or stride < width * channels:
            raise RingError(
                f"slot {slot} holds {width}x{height} pixels, {stride} bytes a row; the limit is "
                f"{MAX_FRAME_PIXELS} pixels, the least {width * channels} bytes"
            )
        if (length := stride * (height - 1) + width * channels) > self.slot_bytes:
            raise RingError(f"slot {slot} holds {length} of {self.slot_bytes} bytes")
        start = at + _HEAD_BYTES
        rows = np.frombuffer(self._memory[start : start + length].ljust(stride * height), np.uint8)
        self._demand(at, slot, sequence)
        frame = rows.reshape(height, stride)[:, : width * channels]
        frame = np.ascontiguousarray(frame)
        return frame if channels == 1 else frame.reshape(height, width, 3)

    def close(self, *, remove: bool = False) -> None:
        """Unmap the ring; ``remove`` its file too."""
        self._memory.close()
        if remove:
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _at(self, slot: int) -> int:
        if not 0 <= slot < self.slots:
            raise RingError(f"slot {slot} is not one of the ring's {self.slots}")
        return _HEAD_BYTES + slot * (_HEAD_BYTES + self.slot_bytes)

    def _demand(self, at: int, slot: int, sequence: int) -> None:
        (now,) = _SEQUENCE.unpack_from(self._memory, at)
        if now != sequence or not now:
            raise RingError(f"slot {slot} holds frame {now}, not {sequence}")


def _length(slots: int, slot_bytes: int) -> int:
    return _HEAD_BYTES + slots * (_HEAD_BYTES + slot_bytes)


def _demand_sizes(path: Path, slots: int, slot_bytes: int) -> None:
    if not 1 <= slots <= MAX_SLOTS:
        raise RingError(f"{path} has {slots} slots; a ring has 1 to {MAX_SLOTS}")
    if not 64 <= slot_bytes <= MAX_SLOT_BYTES or slot_bytes % 64:
        raise RingError(f"{path} has slots of {slot_bytes} bytes, not 64 to {MAX_SLOT_BYTES}")
