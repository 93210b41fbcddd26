"""PDF417, the symbol of legacy IBI indicia, through zxing-cpp in a process of its own.

zxing-cpp has had memory faults in this very decoder, follows only rows within 5 degrees of level,
and cannot be stopped. So frames are turned upright first, and a worker process with limits on
memory and processor time reads them; one that dies or takes too long is killed and replaced.
"""

import contextlib
import importlib.util
import json
import math
import os
import selectors
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from imicore._imaging import upright_parts
from imicore.errors import BackendFailure, BackendMissing, BadArgument
from imicore.pdf417_worker import NAMES, REPLY, REQUEST

Frame = npt.NDArray[np.uint8]

DEFAULT_TIMEOUT_S: Final = 2.0
DEFAULT_MEMORY_MB: Final = 1024  # address space; the worker with its libraries has 300 before work
START_TIMEOUT_S: Final = 30.0
MAX_SYMBOLS: Final = 64
MAXREPLY_BYTES: Final = 1 << 20
_BROKEN: Final = (OSError, EOFError, TypeError, ValueError, RecursionError)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A symbol in a frame; `corners` as in `imicore.reader.Reading`."""

    payload: bytes
    corners: npt.NDArray[np.float32]
    symbology: str


class Pdf417Reader:
    """Reads frame after frame in one worker process, which starts with the first.

    Any number of threads may share one; their frames take turns. ``replaced`` counts workers that
    died or were killed.

    Args:
        timeout_s: of real and of processor time for a frame; then the worker is killed and the
            frame has no symbols.
        memory_mb: address space of the worker.
    """

    def __init__(
        self, *, timeout_s: float = DEFAULT_TIMEOUT_S, memory_mb: int = DEFAULT_MEMORY_MB
    ) -> None:
        if not 0 < timeout_s <= 600:
            raise BadArgument(f"timeout_s is {timeout_s}; it must be above 0 and at most 600")
        if not 512 <= memory_mb <= 1 << 20:
            raise BadArgument(f"memory_mb is {memory_mb}; it must be from 512 to {1 << 20}")
        if importlib.util.find_spec("zxingcpp") is None:
            raise BackendMissing(
                "PDF417 is read by zxing-cpp, which is not installed: pip install 'imi[pdf417]'"
            )
        self.replaced = 0
        self._timeout_s, self._memory_mb = timeout_s, memory_mb
        self._lock = threading.Lock()
        self._worker: _Worker | None = None

    def read(
        self,
        frame: Frame,
        limit: int = 1,
        *,
        accept: Callable[[bytes], bool] | None = None,
        timeout_s: float | None = None,
    ) -> list[Found]:
        """Return the symbols of uint8[H, W] with contiguous rows, at most ``limit``, any way round.

        A frame on which the worker hangs has none. A worker that dies on a frame gets it once
        more, in case something else had killed it.

        Raises:
            BackendFailure: the worker does not start.
        """
        found: list[Found] = []
        left = self._timeout_s if timeout_s is None else min(timeout_s, self._timeout_s)
        ends = time.monotonic() + left
        for part, (angle, x, y) in upright_parts(frame):
            # One that is refused, or seen before, must not hide the others.
            for raw in self._ask(part, 1 if limit == 1 and accept is None else MAX_SYMBOLS, ends):
                symbol = _checked(raw, angle, x, y)
                if symbol is None or any(_is_same(symbol, known) for known in found):
                    continue
                if accept is None or accept(symbol.payload):
                    found.append(symbol)
                if len(found) == limit:
                    return found
        return found

    def close(self) -> None:
        """Stop the worker; the next frame starts another."""
        with self._lock:
            self._drop()

    def __enter__(self) -> "Pdf417Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, part: Frame, limit: int, ends: float) -> list[Any]:
        with self._lock:
            for _ in range(2):
                if ends - time.monotonic() <= 0:
                    return []
                worker = self._running()
                try:
                    return worker.ask(part, limit, ends)
                except TimeoutError:
                    self._replace()
                    return []
                except _BROKEN:  # it died, or talks nonsense
                    self._replace()
            return []

    def _running(self) -> "_Worker":
        # A worker of the process that forked this one is not ours to talk to.
        if self._worker is not None and self._worker.owner != os.getpid():
            self._worker = None
        if self._worker is None:
            self._worker = _Worker(self._memory_mb)
        return self._worker

    def _replace(self) -> None:
        self.replaced += 1
        self._drop()

    def _drop(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None and worker.owner == os.getpid():
            worker.stop()


class _Worker:
    """One process: frames go down its standard input, answers come up its standard output."""

    def __init__(self, memory_mb: int) -> None:
        self.owner = os.getpid()
        code = "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
        code += "from imicore.pdf417_worker import serve; serve(int(sys.argv[2]))"
        path = json.dumps([os.path.abspath(folder) for folder in sys.path])
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", code, path, str(memory_mb)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                bufsize=0, env=_environment(),
            )  # fmt: skip
        except OSError as error:
            raise BackendFailure(f"the PDF417 worker does not start: {error}") from error
        # Also when nobody closes: at the end of the process, or when nobody reads any more.
        self.stop = weakref.finalize(self, _stop, self._process)
        try:
            hello = self._receive(time.monotonic() + START_TIMEOUT_S)
        except _BROKEN as error:
            self.stop()
            raise BackendFailure(f"the PDF417 worker does not start: {error!r}") from error
        if hello != ["ready"]:
            self.stop()
            raise BackendFailure(f"the PDF417 worker begins with {hello!r}")

    def ask(self, part: Frame, limit: int, ends: float) -> list[Any]:
        """Return the worker's answer; TimeoutError, or OSError or EOFError when it has died."""
        height, width = part.shape
        seconds = max(0.1, ends - time.monotonic())
        self._send(REQUEST.pack(height, width, limit, seconds), ends)
        self._send(memoryview(np.ascontiguousarray(part).data).cast("B"), ends)
        return self._receive(ends)

    def _send(self, data: "bytes | memoryview", ends: float) -> None:
        pipe = _open(self._process.stdin)
        os.set_blocking(pipe.fileno(), False)
        left = memoryview(data)
        while left:
            _wait(pipe, selectors.EVENT_WRITE, ends)
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(pipe.fileno(), left[: 1 << 20]) :]

    def _receive(self, ends: float) -> list[Any]:
        (length,) = REPLY.unpack(self._take(REPLY.size, ends))
        if length > MAXREPLY_BYTES:
            raise ValueError(f"an answer of {length} bytes; the limit is {MAXREPLY_BYTES}")
        answer = json.loads(self._take(length, ends))
        if not isinstance(answer, list):
            raise TypeError(f"the answer is a {type(answer).__name__}; it must be a list")
        return answer

    def _take(self, count: int, ends: float) -> bytes:
        pipe = _open(self._process.stdout)
        data = b""
        while len(data) < count:
            _wait(pipe, selectors.EVENT_READ, ends)
            more = os.read(pipe.fileno(), count - len(data))
            if not more:
                raise EOFError("the worker has died")
            data += more
        return data


def _environment() -> dict[str, str]:
    # A preloaded allocator or sanitiser may take more address space than the worker is given.
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
            raise TimeoutError("the worker takes too long")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            _open(pipe).close()
    process.kill()  # it holds nothing that could be lost
    process.wait()


def _checked(raw: Any, angle: float, x: int, y: int) -> Found | None:
    """Return what the worker says of one symbol, back on the frame; None when it is nonsense.

    The worker has looked at hostile pixels with fragile code: nothing it says is taken on trust.
    """
    try:
        symbology, payload = NAMES[raw["format"]], bytes.fromhex(raw["payload"])
        corners = np.array(raw["corners"], np.float64)
    except (KeyError, TypeError, ValueError):
        return None
    if corners.shape != (4, 2) or not np.isfinite(corners).all() or not payload:
        return None
    upright = corners + np.array([x, y])
    c, s = math.cos(angle), math.sin(angle)
    return Found(payload, (upright @ np.array([[c, s], [-s, c]])).astype(np.float32), symbology)


def _is_same(a: Found, b: Found) -> bool:
    apart = float(np.hypot(*(a.corners.mean(axis=0) - b.corners.mean(axis=0))))
    return a.payload == b.payload and apart < float(np.hypot(*(a.corners[1] - a.corners[0])))


_default: list[Pdf417Reader] = []
_default_lock = threading.Lock()


def shared() -> Pdf417Reader:
    """Return the reader that `imicore.reader` uses: one worker for the whole process.

    Raises:
        BackendMissing: zxing-cpp is not installed.
    """
    with _default_lock:
        if not _default:
            _default.append(Pdf417Reader())
        return _default[0]
