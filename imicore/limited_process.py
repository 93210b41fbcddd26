"""A process of its own for fragile code: limits on memory and time, killed and replaced.

Questions go down its standard input and answers come up its standard output. It runs ``serve`` of
one module, which limits itself with ``limit_means`` before it touches the first question.
"""

import contextlib
import importlib
import json
import math
import os
import selectors
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from typing import IO, Final, TypeVar

from imicore.errors import BackendFailure

START_TIMEOUT_S: Final = 30.0
READY: Final = b"ready"
LENGTH: Final = struct.Struct("<I")  # of the answer that follows
PIPE_PART: Final = 1 << 20
_BROKEN: Final = (OSError, EOFError, TypeError, ValueError, RecursionError)

T = TypeVar("T")


class LimitedProcess:
    """Asks ``module.serve(memory_mb)`` in a process that starts with the first question.

    Any number of threads may share one; their questions take turns. ``replaced`` counts processes
    that died or were killed. With ``tries`` 2 a process that dies on a question gets it once more,
    in case something else had killed it.
    """

    def __init__(
        self, module: str, *, memory_mb: int, max_reply_bytes: int, tries: int = 2
    ) -> None:
        self.replaced = 0
        self._tries = tries
        self._module, self._memory_mb, self._most = module, memory_mb, max_reply_bytes
        self._lock = threading.Lock()
        self._running: _Running | None = None

    @property
    def pid(self) -> int | None:
        """Return the process's number, None where none runs."""
        return None if self._running is None else self._running.process.pid

    def ask(
        self,
        question: Sequence[bytes | memoryview],
        read: Callable[[bytes], T],
        *,
        seconds: float,
        ends: float = math.inf,
    ) -> T | None:
        """Return what ``read`` makes of the answer; None where there is none in time.

        That is within ``seconds`` of the question's turn, and by ``ends`` on ``time.monotonic``.
        ValueError or TypeError out of ``read`` says that the process talks nonsense.

        Raises:
            BackendFailure: the process does not start.
        """
        with self._lock:
            for _ in range(self._tries):
                if ends - time.monotonic() <= 0:
                    return None
                process = self._started()
                try:
                    return read(process.ask(question, min(ends, time.monotonic() + seconds)))
                except TimeoutError:
                    self._replace()
                    return None
                except _BROKEN:  # it died, or talks nonsense
                    self._replace()
            return None

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            self._drop()

    def _started(self) -> "_Running":
        # A process of the one that forked this is not ours to talk to.
        if self._running is not None and self._running.owner != os.getpid():
            self._running = None
        if self._running is None:
            self._running = _Running(self._module, self._memory_mb, self._most)
        return self._running

    def _replace(self) -> None:
        self.replaced += 1
        self._drop()

    def _drop(self) -> None:
        running, self._running = self._running, None
        if running is not None and running.owner == os.getpid():
            running.stop()


class _Running:
    """One process, from its start to its end."""

    def __init__(self, module: str, memory_mb: int, max_reply_bytes: int) -> None:
        self.owner, self._most = os.getpid(), max_reply_bytes
        code = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
        code += "from imicore.limited_process import serve; serve(sys.argv[2], int(sys.argv[3]))"
        path = json.dumps([os.path.abspath(folder) for folder in sys.path])
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", code, path, module, str(memory_mb)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                bufsize=0, env=_environment(),
            )  # fmt: skip
        except OSError as error:
            raise BackendFailure(f"{module} does not start: {error}") from error
        # Also when nobody closes: at the end of the program, or when nobody asks any more.
        self.stop = weakref.finalize(self, _stop, self.process)
        try:
            hello = self._receive(time.monotonic() + START_TIMEOUT_S)
        except _BROKEN as error:
            self.stop()
            raise BackendFailure(f"{module} does not start: {error!r}") from error
        if hello != READY:
            self.stop()
            raise BackendFailure(f"{module} begins with {hello[:40]!r}")

    def ask(self, question: Sequence[bytes | memoryview], ends: float) -> bytes:
        """Return the answer; TimeoutError, or OSError or EOFError when the process has died."""
        for part in question:
            self._send(part, ends)
        return self._receive(ends)

    def _send(self, data: bytes | memoryview, ends: float) -> None:
        pipe = _open(self.process.stdin)
        os.set_blocking(pipe.fileno(), False)
        left = memoryview(data)
        while left:
            _wait(pipe, selectors.EVENT_WRITE, ends)
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(pipe.fileno(), left[:PIPE_PART]) :]

    def _receive(self, ends: float) -> bytes:
        (length,) = LENGTH.unpack(self._take(LENGTH.size, ends))
        if length > self._most:
            raise ValueError(f"an answer of {length} bytes; the limit is {self._most}")
        return self._take(length, ends)

    def _take(self, count: int, ends: float) -> bytes:
        pipe = _open(self.process.stdout)
        data = bytearray()
        while len(data) < count:
            _wait(pipe, selectors.EVENT_READ, ends)
            more = os.read(pipe.fileno(), min(count - len(data), PIPE_PART))
            if not more:
                raise EOFError("the process has died")
            data += more
        return bytes(data)


def serve(module: str, memory_mb: int) -> None:
    """Run ``module.serve``; called in the process that was started for it."""
    importlib.import_module(module).serve(memory_mb)


def limit_means(memory_mb: int) -> None:
    """Allow this process so much address space and no files, and say that it is ready."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    for none in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(none, (0, 0))
    reply(READY)


def limit_time(seconds: float) -> None:
    """Allow this process so many more seconds of processor time."""
    import resource

    signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends a process that does not expect it
    used = resource.getrusage(resource.RUSAGE_SELF)
    # In whole seconds only, but no code in the process can put it off.
    ends = math.ceil(used.ru_utime + used.ru_stime + seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (ends, resource.RLIM_INFINITY))


def question(count: int) -> bytes | None:
    """Return the next bytes of a question, None at its end."""
    data = sys.stdin.buffer.read(count)
    return data if len(data) == count else None


def reply(*parts: bytes | memoryview) -> None:
    """Answer a question, or say that the process is ready for one."""
    sink = sys.stdout.buffer
    sink.write(LENGTH.pack(sum(map(len, parts))))
    for part in parts:
        sink.write(part)
    sink.flush()


def _environment() -> dict[str, str]:
    # A preloaded allocator or sanitiser may take more address space than the process is given.
    kept = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return kept | {"OPENBLAS_NUM_THREADS": "1"}


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _wait(pipe: IO[bytes], event: int, ends: float) -> None:
    left = ends - time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, event)
        if left <= 0 or not selector.select(left):
            raise TimeoutError("the process takes too long")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            _open(pipe).close()
    process.kill()  # it holds nothing that could be lost
    process.wait()
