"""One lane of a sorter: pieces in, each with exactly one verdict out, on time or LATE.

Threads take what waits, a batch at a time, and one commit of the scan history serves the batch.
Nothing is dropped: where there is no room, ``offer`` waits or says so. A piece that is not judged
at its deadline is answered LATE there and then, and its scan is recorded all the same.
"""

import itertools
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from postage.facts import PieceFacts
from postage.verdicts import Finding, Reason, Verdict
from sorter.answers import Answer, Desk
from sorter.errors import LaneError
from sorter.judged import Figures, Judged, small_picture, undecided
from sorter.verifier import Given, Verifier
from sorter.watch import Watch

__all__ = ["Answer", "Figures", "Judged", "Lane", "Piece"]

DEADLINE_S: Final = 0.090  # a piece at 40,000 an hour (design.md 4)
ROOM: Final = 1_024
MOST_PAYLOADS: Final = 512  # a batch; the commit that they share gains nothing from more
MOST_FRAMES: Final = 8  # a batch; the first waits for the last, about a millisecond each

Piece = tuple[Given, PieceFacts]


@dataclass(slots=True, eq=False)
class _Ticket:
    """A piece on its way."""

    number: int
    given: Given
    facts: PieceFacts
    offered_at: float
    deadline: float
    answer: Answer


class Lane:
    """Judges pieces on ``threads`` threads; ``offer`` may be called from any number of others.

    Args:
        verifier: judges; every genuine indicium is durable in its history before a verdict is out.
        threads: natives run without the GIL, so one for each core is right.
        room: pieces inside at most.
        deadline_s: seconds from offer to answer, None for as long as it takes.
        onward: called with the facts and findings of each batch once its scans are durable, before
            any of its answers is out. After a failure it may be called again with the same piece;
            a piece on which it raises is answered NOT_VERIFIABLE.
        heard: called once for each piece when it was answered and judged, with ``found`` always
            given. It must be quick; what it raises is counted as a failure.
        recent: how many of the last pieces to keep for ``recent()``.
        clock: monotonic seconds; deadlines are read on it.

    Raises:
        LaneError: an argument out of range.
    """

    def __init__(
        self,
        verifier: Verifier,
        *,
        threads: int = 2,
        room: int = ROOM,
        deadline_s: float | None = DEADLINE_S,
        onward: Callable[[Sequence[tuple[PieceFacts, Verdict]]], None] | None = None,
        heard: Callable[[Judged], None] | None = None,
        recent: int = 50,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, value, most in (
            ("threads", threads, 64),
            ("room", room, 1 << 20),
            ("recent", recent, 10_000),
        ):
            if not 1 <= value <= most:
                raise LaneError(f"a lane's {name} is {value}; it may be 1 to {most}")
        if deadline_s is not None and not 0 < deadline_s <= 3600:
            raise LaneError(f"a lane's deadline is {deadline_s} s; it may be above 0 to 3,600")
        self._verifier, self._room = verifier, room
        self._limit_s = math.inf if deadline_s is None else deadline_s
        self._onward, self._heard, self._clock = onward, heard, clock
        self._lock = threading.Lock()
        self._has_work = threading.Condition(self._lock)
        self._has_room = threading.Condition(self._lock)  # and tells when all are judged
        self._waiting: deque[_Ticket] = deque()
        self._offered = self._inside = self._refused = 0
        self._idle = 0  # threads that wait for work
        self._desk = Desk()
        self._watch = Watch(self._answer_late, clock)
        self._recent: deque[Judged] = deque(maxlen=recent)
        self._closing = False
        self._threads = [
            threading.Thread(target=self._judge_waiting, name=f"lane {number}", daemon=True)
            for number in range(1, threads + 1)
        ]
        for thread in self._threads:
            thread.start()

    def offer(
        self,
        given: Given,
        facts: PieceFacts,
        *,
        deadline: float | None = None,
        timeout_s: float | None = None,
    ) -> Answer | None:
        """Return the coming answer to a piece, or None where there was no room for so long.

        A frame must not change until its piece is judged. Waits for room, at most ``timeout_s``
        seconds (0: not at all; None: as long as it takes). ``deadline`` is on the lane's clock;
        unless given it is the lane's own, from now. A piece without ``image_id`` gets one, so that
        its indicium is known again if the history has to be asked twice.

        Raises:
            LaneError: the lane is closed, or the deadline no number.
        """
        now = self._clock()
        ends = now + self._limit_s if deadline is None else deadline
        if math.isnan(ends):
            raise LaneError("a piece's deadline is NaN")
        with self._lock:
            if self._inside >= self._room:
                self._has_room.wait_for(
                    lambda: self._closing or self._inside < self._room, timeout_s
                )
            if self._closing:
                raise LaneError("the lane is closed")
            if self._inside >= self._room:
                self._refused += 1
                return None
            self._offered += 1
            self._inside += 1
            if not facts.image_id:
                facts = replace(facts, image_id=f"{facts.scanned_us}-{self._offered}")
            one = _Ticket(self._offered, given, facts, now, ends, Answer(self._desk))
            self._watch.add(one)
            self._waiting.append(one)
            if self._idle:
                self._has_work.notify()
        return one.answer

    def run(self, pieces: Iterable[Piece]) -> Iterator[Judged]:
        """Yield the answer to each piece, in order, taking as many ahead as there is room for.

        Raises:
            LaneError: the lane is closed.
        """
        ahead: deque[Answer] = deque()
        for given, facts in pieces:
            answer = self.offer(given, facts)
            assert answer is not None, "without a timeout an offer is taken"
            ahead.append(answer)
            while ahead and (ahead[0].done() or len(ahead) >= self._room):
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def recent(self, count: int | None = None) -> list[Judged]:
        """Return the last pieces that were judged, newest first, for people to look at."""
        with self._lock:
            return list(itertools.islice(reversed(self._recent), count))

    def figures(self) -> Figures:
        """Return counts since the lane was made."""
        codes, failed = self._desk.figures()
        with self._lock:
            return Figures(
                offered=self._offered,
                inside=self._inside,
                room=self._room,
                refused=self._refused,
                failed=failed,
                codes=codes,
            )

    def drain(self, timeout_s: float | None = None) -> bool:
        """Wait until every piece inside is judged; return whether that is so."""
        with self._lock:
            return self._has_room.wait_for(lambda: not self._inside, timeout_s)

    def close(self) -> None:
        """Take no more pieces, judge those inside, and end the threads."""
        with self._lock:
            self._closing = True
            self._has_work.notify_all()
            self._has_room.notify_all()
        for thread in self._threads:
            thread.join()
        self._watch.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _judge_waiting(self) -> None:
        while batch := self._take():
            self._judge(batch)

    def _take(self) -> list[_Ticket]:
        """Return this thread's share of what waits; nothing when the lane is closed and empty."""
        with self._lock:
            if not self._waiting:
                self._idle += 1
                self._has_work.wait_for(lambda: self._waiting or self._closing)
                self._idle -= 1
            share = min(-(-len(self._waiting) // len(self._threads)), MOST_PAYLOADS)
            batch: list[_Ticket] = []
            frames = 0
            while len(batch) < share and frames < MOST_FRAMES:
                batch.append(self._waiting.popleft())
                frames += isinstance(batch[-1].given, np.ndarray)
            return batch

    def _judge(self, batch: Sequence[_Ticket]) -> None:
        """Judge a batch; where that fails each piece alone, so that one does not take the rest."""
        try:
            found = self._verifier.verify_many([(one.given, one.facts) for one in batch])
            assert len(found) == len(batch), "a verdict for each piece"
            if self._onward is not None:
                facts = [one.facts for one in batch]
                self._onward(list(zip(facts, found, strict=True)))
        except Exception as error:
            if len(batch) > 1:
                for one in batch:
                    self._judge([one])
                return
            self._desk.count_failure()
            why = Finding(Reason.FAILED, f"{type(error).__name__}: {error}")
            found = [self._without(why, batch[0].facts)]
        self._settle(batch, found)

    def _settle(self, batch: Sequence[_Ticket], found: Sequence[Verdict]) -> None:
        """Give the pieces of a batch their answers, unless they are LATE, and let them go."""
        now = self._clock()
        judged = [
            self._judged(one, verdict, now) for one, verdict in zip(batch, found, strict=True)
        ]
        answered = self._desk.give([one.answer for one in batch], judged)
        self._watch.remove(batch)
        for at, said in enumerate(answered):
            if said is not judged[at]:  # LATE went out before
                own = judged[at]
                judged[at] = replace(said, found=own.found, picture=own.picture)
        if self._heard is not None:
            for one in judged:
                self._desk.call(self._heard, one)
        with self._lock:
            self._recent.extend(judged)
            self._inside -= len(batch)
            self._has_room.notify_all()

    def _judged(self, one: _Ticket, found: Verdict, now: float) -> Judged:
        is_late = now > one.deadline and not one.answer.done()
        return Judged(
            number=one.number,
            facts=one.facts,
            verdict=self._late(one) if is_late else found,
            found=found,
            took_ms=1000 * (now - one.offered_at),
            picture=small_picture(one.given),
        )

    def _answer_late(self, one: _Ticket) -> None:
        """Answer a piece at its deadline, unless it was judged meanwhile."""
        now = self._clock()
        if one.answer.done():
            return
        late = Judged(
            number=one.number,
            facts=one.facts,
            verdict=self._late(one),
            found=None,
            took_ms=1000 * (now - one.offered_at),
        )
        self._desk.give([one.answer], [late])

    def _late(self, one: _Ticket) -> Verdict:
        text = f"not judged within {1000 * (one.deadline - one.offered_at):.0f} ms"
        return self._without(Finding(Reason.DEADLINE_PASSED, text), one.facts)

    def _without(self, why: Finding, facts: PieceFacts) -> Verdict:
        """Return the verdict on a piece of which nothing is known but why; it never raises."""
        try:
            return self._verifier.verify(why, facts)
        except Exception:  # facts that cannot even be priced
            return undecided(why)
