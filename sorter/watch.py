"""The watch over deadlines: tells of each thing that is still there at its deadline, then."""

import math
import threading
from collections.abc import Callable, Collection
from typing import Final, Generic, Protocol, TypeVar

LONGEST_WAIT_S: Final = 60.0


class Due(Protocol):
    """What has a deadline, on the clock of its watch; hashed by identity."""

    @property
    def deadline(self) -> float:
        """Return seconds; infinity for what is never due."""


T = TypeVar("T", bound=Due)


class Watch(Generic[T]):
    """Calls ``tell`` from a thread of its own, earliest deadline first. Thread-safe.

    ``tell`` must not raise; ``clock`` is monotonic seconds.

    >>> import time
    >>> class Parcel:
    ...     deadline = time.monotonic() + 0.01
    >>> told = threading.Event()
    >>> watch = Watch(lambda parcel: told.set(), time.monotonic)
    >>> watch.add(Parcel())
    >>> told.wait(60)
    True
    >>> watch.close()
    """

    def __init__(self, tell: Callable[[T], None], clock: Callable[[], float]) -> None:
        self._tell, self._clock = tell, clock
        self._watched: set[T] = set()
        self._changed = threading.Condition(threading.Lock())
        self._wakes_at = -math.inf  # it is awake before it first sleeps
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def add(self, one: T) -> None:
        """Watch one more."""
        if one.deadline == math.inf:
            return
        with self._changed:
            self._watched.add(one)
            if one.deadline < self._wakes_at:
                self._changed.notify()

    def remove(self, many: Collection[T]) -> None:
        """Watch these no longer, if they are watched at all."""
        with self._changed:
            self._watched.difference_update(many)

    def close(self) -> None:
        """Tell of nothing more, and end the thread."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._is_closed:
                    return
                now = self._clock()
                due = [one for one in self._watched if one.deadline <= now]
                self._watched.difference_update(due)
                if not due:
                    self._wakes_at = min((one.deadline for one in self._watched), default=math.inf)
                    self._changed.wait(min(self._wakes_at - now, LONGEST_WAIT_S))
            for one in sorted(due, key=lambda one: one.deadline):
                self._tell(one)
