"""Was this indicium seen before? Exact, and durable before it is answered.

Most scans are of an imprint that nobody saw: the presence layer, a bit for each imprint, says so
at once and one row is written. Only the others read the log. The rows are the truth: the bits are
made from them, and where another program wrote an imprint's first row, that row decides.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imicore.presence import Numbers, Presence
from imicore.presence import Series as Names
from sorter.errors import ScanLogError
from sorter.imprints import (
    SPARSE,
    Key,
    accuses,
    is_same_picture,
    judged,
    key_of,
    storable,
)
from sorter.merging import Correction, corrections_of, united
from sorter.scanlog import ScanLog, Told, Transaction
from sorter.scans import Answer, Scan, Sighting
from sorter.stoplist import Cloned, StopList

Pairs = npt.NDArray[np.int64]
"""int64[n, 2]: keys as rows."""
Dense = tuple[Names, Numbers]
"""The pairs that have a bit, as the presence layer takes them."""
_ROWS_MERGED = 20_000  # by one commit
_FIRST = Answer.FIRST  # said of every piece: a global is found faster than a member


class DuplicateStore:
    """The scan history on one log. Thread-safe.

    Offer only scans of payloads whose signature is valid: the store believes the count it is
    given, and a forged one would take a genuine piece's place.

    >>> import tempfile
    >>> from dataclasses import replace
    >>> from sorter.scans import Series
    >>> first = Scan(vendor_model="TPB1", serial=7, series=Series.POSTAGE, count=12,
    ...     digest=bytes(8), ascending_mills=780, scanned_us=0, site="SFO", lane=1, pass_number=1,
    ...     piece_id="piece 1", image_id="picture 1")
    >>> copy = replace(first, lane=2, piece_id="piece 2", image_id="picture 2")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = DuplicateStore.at(Path(folder) / "scans.db")
    ...     print([sighting.answer.name for sighting in store.check_many([first, copy, first])])
    ...     store.close()
    ['FIRST', 'DUPLICATE', 'REPEAT']
    """

    def __init__(self, log: ScanLog) -> None:
        self._log = log
        self._writing = threading.Lock()  # held by the one who writes for all that wait
        self._queueing = threading.Lock()
        self._queue: list[_Waiting] = []
        self._presence = Presence()
        for pairs in log.imprints():
            self._mark(_dense(pairs))
        self._stop_list = StopList(log.clones())

    @classmethod
    def at(cls, place: str | Path) -> "DuplicateStore":
        """Return the store in a SQLite file, which no other program can have open meanwhile.

        Or that of the PostgreSQL database postgresql://user@host/name, which others may write at
        the same time.

        Raises:
            ScanLogError: it cannot be opened there.
        """
        return cls(ScanLog.at(str(place)))

    @property
    def presence(self) -> Presence:
        """Return the bits of all imprints with a piece count that this process knows of."""
        return self._presence

    def check(self, scan: Scan) -> Sighting:
        """Return what the scan is; otherwise as ``check_many``."""
        [sighting] = self.check_many([scan])
        return sighting

    def check_many(self, scans: Sequence[Scan]) -> list[Sighting]:
        """Return what each scan is, taken in order; all their rows are durable.

        Calls of other threads that come while rows are synced wait for that and are then written
        together: an answer takes two syncs of the disk at most, however many lanes there are.

        Raises:
            BadScan: no signature-valid payload leads to one of these scans; nothing was written.
            ScanLogError: the log failed; none was answered, and all may be asked again.
        """
        mine = _Waiting([key_of(scan) for scan in scans], [storable(scan) for scan in scans])
        with self._queueing:
            self._queue.append(mine)
        with self._writing:
            if mine.sightings is None and mine.failure is None:
                with self._queueing:
                    group, self._queue = self._queue, []
                self._answer_group(group)
        if mine.failure is not None:
            raise ScanLogError(f"no answer: {mine.failure}") from mine.failure
        assert mine.sightings is not None
        return mine.sightings

    def told(self, since_us: int | None = None, site: str | None = None) -> Iterator[Told]:
        """Yield every scan with its answer, as another site's store takes them, by default all.

        ``since_us`` leaves out what was scanned before, by the lanes' clocks: let it overlap, rows
        may come twice. ``site`` leaves out what other sites scanned.
        """
        return self._log.told(since_us, site)

    def merge(self, rows: Iterable[Told]) -> Iterator[Correction]:
        """Take another site's scans; yield the pieces that would be told otherwise now.

        The smallest (time, site, lane) of the scans told FIRST is the first from now on. Neither
        order nor repetition matters. Rows are durable, a part at a time, before their corrections
        are yielded; ``corrections`` has all of them again.
        """
        rest = iter(rows)
        while part := list(islice(rest, _ROWS_MERGED)):
            with self._writing:
                corrections = self._merge(part)
            yield from corrections

    def corrections(self) -> Iterator[Correction]:
        """Yield every piece that was told otherwise than it would be now, by all merges so far."""
        for told, first in self._log.pairs():
            yield from corrections_of(first, [told])

    def stop_list(self) -> list[Cloned]:
        """Return the devices of which a count has two contents: their key was copied.

        All that the log had when the store was opened, and what was answered and merged since.
        What others have added to the same database since then, they know.
        """
        return self._stop_list.devices()

    def close(self) -> None:
        """Let the log go."""
        self._log.close()

    def _merge(self, part: Sequence[Told]) -> list[Correction]:
        keys = list({told.key for told in part})
        pairs = _pairs(keys)
        dense = _dense(pairs)
        known = set(compress(keys, self._maybe(pairs, dense)))
        while True:
            with self._log.begin() as log:
                changes = united(log, part, known)
                done = log.add_firsts(changes.firsts)
                if done:
                    log.replace_firsts(changes.replaced)
                    log.add_laters(changes.laters)
            if done:
                self._mark(dense)
                for first, other in changes.clones:
                    self._stop_list.add(first, other)
                return changes.corrections
            known = set(keys)  # another program has written some of them since

    def _answer_group(self, group: "list[_Waiting]") -> None:
        try:
            keys = [key for waiting in group for key in waiting.keys]
            scans = [scan for waiting in group for scan in waiting.scans]
            sightings = iter(self._answer(keys, scans))
        except BaseException as error:  # each of the group must hear of it, whatever it was
            for waiting in group:
                waiting.failure = error
            if not isinstance(error, Exception):
                raise  # the one who wants to stop is this thread
        else:
            for waiting in group:
                waiting.sightings = list(islice(sightings, len(waiting.keys)))

    def _answer(self, keys: Sequence[Key], scans: Sequence[Scan]) -> list[Sighting]:
        pairs = _pairs(keys)
        dense = _dense(pairs)
        fresh: dict[Key, Scan] = {}  # as far as this process knows
        asked: dict[Key, Scan] = {}  # the log knows more of these
        for key, scan, seen in zip(keys, scans, self._maybe(pairs, dense), strict=True):
            if seen or key in fresh:
                asked.setdefault(key, scan)
            else:
                fresh[key] = scan
        with self._log.begin() as log:
            firsts = _firsts(log, fresh, asked)
            laters = log.laters(asked)
            sightings, new = _sightings(keys, scans, firsts, laters, set(fresh))
            log.add_laters(new)
        self._mark(dense)  # the log now has a first scan of every key
        for told in new:
            if told.answered is Answer.CLONE:
                self._stop_list.add(firsts[told.key], told.scan)
        return sightings

    def _maybe(self, pairs: Pairs, dense: Dense) -> list[bool]:
        """Return which keys the log may have, for all that this process knows."""
        seen = pairs[:, 0] >= SPARSE
        seen[~seen] = self._presence.contains_many(*dense)
        return seen.tolist()  # type: ignore[no-any-return]  # of bool, by its type

    def _mark(self, dense: Dense) -> None:
        self._presence.add_many(*dense)


@dataclass(slots=True)
class _Waiting:
    """The scans of one call, which wait for the one who writes."""

    keys: list[Key]
    scans: list[Scan]
    sightings: list[Sighting] | None = None
    failure: BaseException | None = None


def _firsts(log: Transaction, fresh: dict[Key, Scan], asked: dict[Key, Scan]) -> Mapping[Key, Scan]:
    """Return the first scan of every key, those of `fresh` written; both are completed."""
    firsts = {key: told.scan for key, told in log.firsts(asked).items()}
    for key, scan in asked.items():
        if key not in firsts and key not in fresh:
            if key[0] < SPARSE:
                raise ScanLogError(
                    f"the log has lost its row of {scan.vendor_model} {scan.serial}, "
                    f"{scan.series.name} {scan.count}"
                )
            fresh[key] = scan
    if log.add_fresh(fresh):
        return firsts | fresh
    asked.update(fresh)  # another program was first with some of them
    return firsts | {key: told.scan for key, told in log.firsts(fresh).items()}


def _sightings(
    keys: Sequence[Key],
    scans: Sequence[Scan],
    firsts: Mapping[Key, Scan],
    laters: dict[Key, list[Told]],
    fresh: set[Key],
) -> tuple[list[Sighting], list[Told]]:
    """Return the answers in order, and the later scans that are new to the log."""
    sightings: list[Sighting] = []
    new: list[Told] = []
    for key, scan in zip(keys, scans, strict=True):
        first = firsts[key]
        if key in fresh and (scan is first or scan == first):
            fresh.remove(key)  # the same scan again is a repeat
            answer = _FIRST
        else:
            known = laters.setdefault(key, [])
            told = _told_before(scan, known)
            answer = told or judged(scan, first)
            if told is None and answer is not Answer.REPEAT:
                new.append(Told(key, scan, answer))
                known.append(new[-1])
        sightings.append(Sighting(answer, first))
    return sightings, new


def _told_before(scan: Scan, known: Iterable[Told]) -> Answer | None:
    """Return what to say of a picture that was answered before: the same again."""
    for told in known:
        if is_same_picture(scan, told.scan) and scan.digest == told.scan.digest:
            return told.answered if accuses(told.answered) else Answer.REPEAT
    return None


def _pairs(keys: Sequence[Key]) -> Pairs:
    flat = chain.from_iterable(keys)
    return np.fromiter(flat, np.int64, 2 * len(keys)).reshape(-1, 2)


def _dense(pairs: Pairs) -> Dense:
    dense = pairs[pairs[:, 0] < SPARSE]
    return dense[:, 0].astype(np.uint64), dense[:, 1].astype(np.uint32)
