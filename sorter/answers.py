"""The coming answer to a piece of a lane, given exactly once, by whoever comes first.

A ``concurrent.futures.Future`` makes a lock and a condition of its own for every piece, which cost
more than all else that a lane does for it. Here all answers of a lane share one lock, it is taken
once for a batch, and those who wait are woken once for a batch.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from postage.verdicts import Code
from sorter.judged import Judged

__all__ = ["Answer", "Desk"]


class Answer:
    """The coming answer to one piece; its methods do what those of a future do."""

    __slots__ = ("_callbacks", "_desk", "_judged")

    def __init__(self, desk: "Desk") -> None:
        self._desk = desk
        self._judged: Judged | None = None
        self._callbacks: tuple[Callable[[Answer], object], ...] = ()  # one at most, as a rule

    def done(self) -> bool:
        """Return whether the answer is there."""
        return self._judged is not None

    def cancel(self) -> bool:
        """Return False: nobody can take a piece back."""
        return False

    def result(self, timeout: float | None = None) -> Judged:
        """Return the answer; wait for it at most ``timeout`` seconds, None for as long as it takes.

        Raises:
            TimeoutError: it is not there yet.
        """
        if self._judged is None:
            self._desk.wait_for(self, timeout)
        assert self._judged is not None
        return self._judged

    def add_done_callback(self, call: "Callable[[Answer], object]") -> None:
        """Call ``call`` with this once it has its answer: in the thread that gives it, or here.

        It must be quick; what it raises is counted as a failure of the lane.
        """
        if not self._desk.keep(self, call):
            self._desk.call(call, self)


class Desk:
    """Gives a lane's answers and counts them. Thread-safe.

    >>> from datetime import date
    >>> from postage.facts import PieceFacts
    >>> from postage.verdicts import Finding, Reason
    >>> from sorter.judged import undecided
    >>> desk = Desk()
    >>> answer = Answer(desk)
    >>> answer.add_done_callback(lambda one: print("answered", one.result().verdict.code))
    >>> facts = PieceFacts(scanned_us=0, scanned_on=date(2026, 7, 13))
    >>> found = undecided(Finding(Reason.FAILED))
    >>> judged = Judged(number=1, facts=facts, verdict=found, found=found, took_ms=1.0)
    >>> desk.give([answer], [judged]) == [judged]
    answered NOT_VERIFIABLE
    True
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_given = threading.Condition(self._lock)
        self._codes: Counter[Code] = Counter()
        self._failed = 0

    def give(self, answers: Sequence[Answer], judged: Sequence[Judged]) -> list[Judged]:
        """Give each answer what was judged, unless it has been given; return what each has now.

        All are out before the first callback runs.
        """
        new: list[Answer] = []
        said: list[Judged] = []
        with self._lock:
            for answer, one in zip(answers, judged, strict=True):
                if answer._judged is None:
                    answer._judged = one
                    new.append(answer)
                    self._codes[one.verdict.code] += 1
                said.append(answer._judged)
            self._is_given.notify_all()
        for answer in new:
            for call in answer._callbacks:
                self.call(call, answer)
        return said

    def keep(self, answer: Answer, call: Callable[[Answer], object]) -> bool:
        """Keep a callback for when the answer is given; return False where it is there already."""
        with self._lock:
            if answer._judged is not None:
                return False
            answer._callbacks += (call,)
            return True

    def wait_for(self, answer: Answer, timeout: float | None) -> None:
        """Wait until an answer is given.

        Raises:
            TimeoutError: it was not, within ``timeout`` seconds.
        """
        with self._lock:
            if not self._is_given.wait_for(answer.done, timeout):
                raise TimeoutError(f"no answer within {timeout} s")

    def call(self, call: Callable[[Any], object], argument: object) -> None:
        """Call somebody who listens; what he raises is counted and goes no further."""
        try:
            call(argument)
        except Exception:
            self.count_failure()

    def count_failure(self) -> None:
        """Count a failure of the verifier or of somebody who listens."""
        with self._lock:
            self._failed += 1

    def figures(self) -> tuple[Mapping[Code, int], int]:
        """Return how many answers there were of each code, and how many failures."""
        with self._lock:
            return dict(self._codes), self._failed
