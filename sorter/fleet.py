"""Where the tasks of a long run are carried out: here, in processes, or on a Ray cluster.

Every executor does the same work: a task is a function that leaves its result in a file, so one
whose worker died is simply done again. The only module that imports Ray.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, Final, Protocol, TypeVar

from service.heap import settle
from sorter.errors import FleetError

Argument = TypeVar("Argument")
Result = TypeVar("Result")

MOST_DEATHS: Final = 20  # of workers in one map; a task that kills each of them is a fault
OBJECT_STORE_BYTES: Final = 200 << 20  # Ray's shared memory; results here are a few numbers


class Executor(Protocol):
    """Carries out tasks; results come in any order."""

    def map(
        self, task: Callable[[Argument], Result], arguments: Iterable[Argument]
    ) -> Iterator[Result]:
        """Yield the result of the task for each argument, as each is done.

        Raises:
            FleetError: workers died more often than chance explains.
        """
        ...

    def close(self) -> None:
        """Let the workers go."""
        ...


class Serial:
    """One task after the other, in this process.

    >>> list(Serial().map(abs, [-1, 2]))
    [1, 2]
    """

    def map(
        self, task: Callable[[Argument], Result], arguments: Iterable[Argument]
    ) -> Iterator[Result]:
        """Yield the results in order."""
        return map(task, arguments)

    def close(self) -> None:
        """Do nothing: there are no workers."""


class Pool:
    """Worker processes on this host, the default where it has several cores.

    A worker that dies breaks the whole pool (concurrent.futures); it is then made anew, and every
    task without a result is begun again.
    """

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise FleetError(f"a pool has at least 1 worker, not {workers}")
        self._workers = workers
        self._pool = self._new()

    def map(
        self, task: Callable[[Argument], Result], arguments: Iterable[Argument]
    ) -> Iterator[Result]:
        """Yield the results as they come; see ``Executor``."""
        left, deaths = list(arguments), 0
        while left:
            running, left = self._submitted(task, left)
            for future in as_completed(running):
                try:
                    yield future.result()
                except BrokenProcessPool:
                    left.append(running[future])
            if left:
                deaths += 1
                if deaths > MOST_DEATHS:
                    raise FleetError(f"{deaths} workers died, and {len(left)} tasks are left")
                self._pool.shutdown(cancel_futures=True)
                self._pool = self._new()

    def close(self) -> None:
        """Let the workers go."""
        self._pool.shutdown(cancel_futures=True)

    def _submitted(
        self, task: Callable[[Argument], Result], arguments: list[Argument]
    ) -> tuple[dict[Future[Result], Argument], list[Argument]]:
        """Return what was handed to the pool, and what was not because it broke meanwhile."""
        running: dict[Future[Result], Argument] = {}
        for at, argument in enumerate(arguments):
            try:
                running[self._pool.submit(task, argument)] = argument
            except BrokenProcessPool:
                return running, arguments[at:]
        return running, []

    def _new(self) -> ProcessPoolExecutor:
        # Spawned, not forked: a parent with threads and native keys is no good copy.
        spawned = get_context("spawn")
        return ProcessPoolExecutor(self._workers, mp_context=spawned, initializer=_begin)


def _begin() -> None:
    """Make a process of the pool ready for its tasks."""
    settle()
    # It holds both ends of its queue: of a parent that was killed it would wait for tasks forever.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "in a process of the pool"
    parent.join()
    os._exit(1)


class Ray:
    """Workers on a Ray cluster: at ``address``, or made here for this run, on loopback.

    Ray itself begins a task again when its worker died. Started here it serves 127.0.0.1; some of
    its ports listen on every address all the same (Ray 2.60), so a host that others reach should
    start it in a network namespace of its own.
    """

    def __init__(self, workers: int, *, address: str | None = None) -> None:
        try:
            import ray
        except ImportError as error:
            raise FleetError(f"Ray is not installed (extra: fleet): {error}") from None
        self._ray: Any = ray
        made_here: dict[str, Any] = {
            "num_cpus": workers,
            "include_dashboard": False,
            "_node_ip_address": "127.0.0.1",
            "object_store_memory": OBJECT_STORE_BYTES,
        }
        ray.init(address=address, log_to_driver=False, **({} if address else made_here))

    def map(
        self, task: Callable[[Argument], Result], arguments: Iterable[Argument]
    ) -> Iterator[Result]:
        """Yield the results as they come; see ``Executor``."""
        remote = self._ray.remote(max_retries=MOST_DEATHS)(_done)
        left = [remote.remote(task, argument) for argument in arguments]
        while left:
            done, left = self._ray.wait(left)
            try:
                yield from self._ray.get(done)
            except self._ray.exceptions.WorkerCrashedError as error:
                raise FleetError(f"a task kills its workers: {error}") from None

    def close(self) -> None:
        """Leave the cluster; one that was made here ends."""
        self._ray.shutdown()


def _done(task: Callable[[Argument], Result], argument: Argument) -> Result:
    # Ray makes remote functions of functions only, not of partial ones.
    return task(argument)
