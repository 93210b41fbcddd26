"""The durable journal: two copies and HEAD, written in the one order that loses nothing.

reliability.md 4.2: both copies durable, then HEAD durable, then and only then may an effect leave
the device. Any error on the way stops the journal for good; nothing is retried, because after a
failed sync the system may claim that pages are clean which the disk never got (PostgreSQL's lesson
of 2018). Opening the device again reads the disk afresh and decides.
"""

import errno
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from pipeline.checkpoint import CHUNK_BYTES, checkpoint_message, pack_state, run_records
from pipeline.disk import Disk
from pipeline.errors import DeviceExists, FaultCause, MachineError, PsdFault
from pipeline.fold import fold
from pipeline.psdclock import Instant
from pipeline.record import (
    RECORD_BYTES,
    SLOT_BYTES,
    SLOTS,
    HeadSlot,
    Record,
    RecordType,
    Seal,
    digest,
    invert,
)
from pipeline.recovery import HEAD, Check, Recovery, mend, recover
from pipeline.rules import violation
from pipeline.segments import (
    SIDE_FILL,
    SIDES,
    Segment,
    fields_of,
    read_record,
    segment_name,
    segments,
    written_segments,
)
from pipeline.state import DeviceState

Sign = Callable[[bytes], bytes]

SEGMENT_RECORDS: Final = 1 << 14
"""8 MiB for each copy. Recovery folds one segment at most, at 25 us a record: 0.4 s."""
SMALLEST_SEGMENT: Final = 16
SIGNATURE_BYTES: Final = 64
_NEW_HEAD = "head.new"


class Journal:
    """The journal of one device, open for its one writer.

    `pair_check_every`: after so many records one is read back past the page cache and compared;
    0 never does. `segment_records`: the length of segments made from now on.
    """

    def __init__(
        self,
        disk: Disk,
        seal: Seal,
        sign: Sign,
        check: Check,
        recovery: Recovery,
        *,
        segment_records: int,
        pair_check_every: int,
    ) -> None:
        self._disk = disk
        self._seal = seal
        self._sign = sign
        self._check = check
        self._segment_records = segment_records
        self._pair_check_every = pair_check_every
        self._prepared: tuple[int, int] | None = None  # base and length of the next segment
        self.state: DeviceState = recovery.state
        self.withheld = recovery.withheld
        self.copies_repaired = recovery.copies_repaired
        self.fault: PsdFault | None = None
        self.on_fault: Callable[[PsdFault], None] = lambda fault: None  # told once, of the first
        self._closed = False
        self._use(recovery.base, recovery.capacity)

    @classmethod
    def create(cls, disk: Disk, seal: Seal, *, segment_records: int = SEGMENT_RECORDS) -> None:
        """Make the files of a new device; its first record is the opener's.

        HEAD appears last and whole, behind a sync of the segments' names (names that are not synced
        become durable in any order), so a creation cut short leaves no device and may be repeated.

        Raises:
            DeviceExists: the folder holds a device, or records without HEAD.
            PsdInUse: someone else has the folder.
            PsdFault: the disk failed; creation may be repeated.
        """
        if segment_records < SMALLEST_SEGMENT:
            raise ValueError(f"a segment of {segment_records} records; {SMALLEST_SEGMENT} at least")
        _lock(disk)
        try:
            if HEAD in disk.list():
                raise DeviceExists("the folder has a HEAD")
            if written := written_segments(disk, seal):
                raise DeviceExists(f"{written[0]!r} holds records")
            for side, fill in zip(SIDES, SIDE_FILL, strict=True):
                disk.create(segment_name(side, 1), segment_records * RECORD_BYTES, fill)
            disk.create(_NEW_HEAD, SLOTS * SLOT_BYTES)
            disk.pwrite(_NEW_HEAD, seal.slot(HeadSlot(0, 0, 0)), 0)
            disk.sync(_NEW_HEAD)
            disk.sync_dir()
            disk.rename(_NEW_HEAD, HEAD)
            disk.sync_dir()
        except OSError as error:
            raise PsdFault(FaultCause.IO_ERROR, f"creation: {error}") from error
        finally:
            disk.close()

    @classmethod
    def open(
        cls,
        disk: Disk,
        seal: Seal,
        sign: Sign,
        check: Check,
        *,
        segment_records: int = SEGMENT_RECORDS,
        pair_check_every: int = 256,
    ) -> "Journal":
        """Return the journal after recovery, its repairs durable.

        Raises:
            NoDevice: nothing was created here.
            PsdFault: what the disk holds cannot be trusted, or the disk fails.
            PsdInUse: someone else has the folder.
        """
        _lock(disk)
        try:
            recovery = recover(disk, seal, check)
            mend(disk, recovery)
        except OSError as error:
            disk.close()
            raise PsdFault(FaultCause.IO_ERROR, f"recovery: {error}") from error
        except BaseException:
            disk.close()
            raise
        return cls(
            disk,
            seal,
            sign,
            check,
            recovery,
            segment_records=segment_records,
            pair_check_every=pair_check_every,
        )

    def close(self) -> None:
        """Give back the folder; a closed journal takes no more records."""
        self._closed = True
        self._disk.close()

    def append(
        self,
        kind: RecordType,
        now: Instant,
        *,
        amount: int = 0,
        department: int = 0,
        operator: int = 0,
        rate_version: int = 0,
        flags: int = 0,
        reference: int = 0,
        payload: bytes = b"",
        signature: bytes = b"",
    ) -> Record:
        """Return the record, durable in both copies and released by HEAD.

        Registers follow from the kind and the amount. PSD time never falls below the floor.

        Raises:
            PsdFault: a file operation failed now or before; whether the record is durable is for
                recovery to say, and nothing that it allows may leave the device.
        """
        if self.fault is not None:
            raise self.fault
        if self._closed:
            raise MachineError("the journal is closed")
        state = self.state
        if state.zeroised:
            raise MachineError("the device is zeroised; its journal takes no more records")
        if kind is not RecordType.CHECKPOINT and self._must_rotate(kind):
            self._rotate(now)
        record = Record(
            kind,
            state.sequence + 1,
            self._seal.device,
            state.boot + (kind is RecordType.BOOT),
            max(now.psd_us, state.floor_us),
            now.boottime_us,
            *state.after(kind, amount),
            amount,
            department,
            operator,
            rate_version,
            flags,
            reference,
            state.previous,
            payload,
            signature,
        )
        broken = violation(state, record)
        assert broken is None, broken
        sealed = self._seal.record(record)
        # Stopped until all of it is done: a signal handler's exception (Ctrl-C) may come between
        # any two steps, and the disk then holds a record that the state does not know. The next one
        # would be written over it.
        self.fault = PsdFault(FaultCause.INTERRUPTED, f"record {record.sequence}")
        try:
            self._write(record, sealed)
        except OSError as error:
            raise self.stopped(f"record {record.sequence}", error) from error
        except PsdFault as fault:
            self._stop(fault)
            raise
        fold(state, record, digest(sealed))
        if kind is RecordType.CHECKPOINT and state.checkpoint is None:  # the segment is full
            assert self._prepared is not None, "a run starts with the next segment there"
            self._use(*self._prepared)
            self._prepared = None
        self.fault = None
        return record

    def sign(self, message: bytes) -> bytes:
        """Return the device's signature, verified: a fault while signing could give the key away.

        Raises:
            PsdFault: it could not sign, or the signature does not verify; the journal stops.
        """
        if self.fault is not None:
            raise self.fault
        try:
            signature = self._sign(message)
            if len(signature) == SIGNATURE_BYTES and self._check(message, signature):
                return signature
            detail = f"{len(signature)} bytes over a message of {len(message)}"
        except Exception as error:  # whatever a key store raises, an unsure signer is done
            raise self._stop(PsdFault(FaultCause.NO_SIGNATURE, str(error))) from error
        raise self._stop(PsdFault(FaultCause.SIGNATURE_WRONG, detail))

    def record(self, sequence: int) -> Record:
        """Return a released record, read from the disk."""
        try:
            return read_record(self._disk, self._seal, sequence)
        except OSError as error:
            raise PsdFault(FaultCause.IO_ERROR, f"reading record {sequence}: {error}") from error

    def records(self, first: int, last: int) -> Iterator[Record]:
        """Yield released records, oldest first; `last` is included."""
        return map(fields_of, self.sealed(first, last))

    def sealed(self, first: int, last: int) -> Iterator[bytes]:
        """Yield the 512 sealed bytes of released records, oldest first; `last` is included.

        Raises:
            PsdFault: the disk does not give them. Reading stops no meter: what is written stands.
        """
        try:
            bases = sorted(segments(self._disk))
            for base, after in pairwise([*bases, self.state.sequence + 1]):
                begin, end = max(first, base), min(last + 1, after, self.state.sequence + 1)
                if begin < end:
                    segment = Segment(self._disk, self._seal, base)
                    yield from (segment.released(sequence) for sequence in range(begin, end))
        except OSError as error:
            what = f"reading records {first} to {last}: {error}"
            raise PsdFault(FaultCause.IO_ERROR, what) from error

    @property
    def has_room(self) -> bool:
        """Whether one more record of any kind needs no segment that is yet to be made."""
        return self._prepared is not None or not self._must_rotate(RecordType.INCIDENT)

    def prepare(self) -> None:
        """Make the next segment ahead of need, once half of this one is used; for idle time.

        A full disk is left for the rotation to report: until then every record has its place.
        """
        half_used = 2 * (self.state.sequence - self._base) >= self._end - self._base
        if self.fault is None and self._prepared is None and half_used:
            try:
                self._prepare()
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise self.stopped(f"new segment {self._end}", error) from error

    def _must_rotate(self, kind: RecordType) -> bool:
        state = self.state
        left = self._end - state.sequence - 1
        # One place is kept for a BOOT: what it says of the record before it, whether that was ever
        # released, must stand right behind it.
        kept = run_records(state) + (kind is not RecordType.BOOT)
        return state.checkpoint is not None or left <= kept

    def _write(self, record: Record, sealed: bytes) -> None:
        disk = self._disk
        sequence = record.sequence
        offset = (sequence - self._base) * RECORD_BYTES
        disk.pwrite(self._a, sealed, offset)
        disk.pwrite(self._b, invert(sealed), offset)
        disk.sync(self._a)
        disk.sync(self._b)
        slot = self._seal.slot(HeadSlot(sequence, record.boot, record.ascending))
        disk.pwrite(HEAD, slot, sequence % SLOTS * SLOT_BYTES)
        disk.sync(HEAD)
        if self._pair_check_every and sequence % self._pair_check_every == 0:
            self._check_pair(sequence, sealed, offset)

    def _check_pair(self, sequence: int, sealed: bytes, offset: int) -> None:
        for name, expected in ((self._a, sealed), (self._b, invert(sealed))):
            if self._disk.pread_direct(name, RECORD_BYTES, offset) != expected:
                raise PsdFault(FaultCause.PAIR_MISMATCH, f"record {sequence} in {name!r}")

    def _rotate(self, now: Instant) -> None:
        """Fill this segment with a signed checkpoint and go on in the next.

        The next segment is durable before the run starts, so its absence after a whole run is no
        crash. A run that a crash cut short goes on where it stopped.
        """
        try:
            base, _ = self._prepared or self._prepare()
        except OSError as error:
            raise self.stopped(f"new segment {self._end}", error) from error
        state = self.state
        first, total = state.checkpoint or (0, self._end - state.sequence - 1)
        data = pack_state(state)
        assert total - first == base - state.sequence - 1, "a run ends with its segment"
        assert total * CHUNK_BYTES >= len(data), "the run holds the state"
        signature = self.sign(checkpoint_message(self._seal.device, base - 1, state, data))
        for index in range(first, total):
            self.append(
                RecordType.CHECKPOINT,
                now,
                reference=index << 32 | total,
                payload=data[index * CHUNK_BYTES : (index + 1) * CHUNK_BYTES],
                signature=signature if index + 1 == total else b"",
            )

    def _prepare(self) -> tuple[int, int]:
        capacity = max(self._segment_records, 4 * run_records(self.state))
        for side, fill in zip(SIDES, SIDE_FILL, strict=True):
            self._disk.create(segment_name(side, self._end), capacity * RECORD_BYTES, fill)
        self._disk.sync_dir()
        self._prepared = self._end, capacity
        return self._prepared

    def stopped(self, what: str, error: OSError) -> PsdFault:
        """Return the fault that a failed file operation is; the journal takes no more records."""
        fault = PsdFault(FaultCause.IO_ERROR, f"{what}: {error}")
        fault.__cause__ = error
        return self._stop(fault)

    def _stop(self, fault: PsdFault) -> PsdFault:
        self.fault = fault
        self.on_fault(fault)
        return fault

    def _use(self, base: int, capacity: int) -> None:
        self._base = base
        self._end = base + capacity
        self._a, self._b = (segment_name(side, base) for side in SIDES)


def _lock(disk: Disk) -> None:
    """Take the folder; PsdInUse where someone else has it."""
    try:
        disk.lock()
    except OSError as error:
        disk.close()
        raise PsdFault(FaultCause.IO_ERROR, f"lock: {error}") from error
