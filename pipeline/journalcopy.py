"""The journal of a closed device, read without opening it: no boot, no repair, no signing key."""

from collections.abc import Iterator
from itertools import pairwise

from pipeline.disk import Disk
from pipeline.record import Record, Seal
from pipeline.recovery import Check, recover
from pipeline.segments import Segment, segments


class JournalCopy:
    """Records as the disk proves them to who holds the journal key; a `journalview.Records`.

    Each record is proven by its seal, the last segment by the chain and HEAD, and a checkpoint by
    its signature, which `check` verifies under the device's public key.

    Raises:
        NoDevice: the folder holds no journal.
        PsdFault: the bytes prove no journal; the cause says why.
        OSError: the disk cannot be read.

    >>> import tempfile
    >>> from pipeline.disk import RealDisk
    >>> from pipeline.record import device_id
    >>> folder = tempfile.TemporaryDirectory()
    >>> check = lambda message, signature: True
    >>> JournalCopy(RealDisk(folder.name), Seal(bytes(32), device_id("TST0", 7)), check)
    Traceback (most recent call last):
    pipeline.errors.NoDevice: the folder holds no device: it has no HEAD and no records
    >>> folder.cleanup()
    """

    def __init__(self, disk: Disk, seal: Seal, check: Check) -> None:
        self._disk, self._seal = disk, seal
        self.last_sequence = recover(disk, seal, check).state.sequence

    def records(self, first: int = 1, last: int | None = None) -> Iterator[Record]:
        """Yield records, oldest first; `last` is included, the newest unless told."""
        newest = self.last_sequence if last is None else min(last, self.last_sequence)
        for base, after in pairwise([*sorted(segments(self._disk)), self.last_sequence + 1]):
            begin, end = max(first, base), min(newest + 1, after)
            if begin < end:
                only = begin if end == begin + 1 else None
                segment = Segment(self._disk, self._seal, base, only=only)
                yield from (segment.record(sequence) for sequence in range(begin, end))
