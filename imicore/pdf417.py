"""PDF417, the symbol of legacy IBI indicia, through zxing-cpp in a process of its own.

zxing-cpp has had memory faults in this very decoder, follows only rows within 5 degrees of level,
and cannot be stopped. So frames are turned upright first, and a worker process with limits on
memory and processor time reads them; one that dies or takes too long is killed and replaced.
"""

import importlib.util
import json
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from imicore._imaging import upright_parts
from imicore.errors import BackendMissing, BadArgument
from imicore.limited_process import LimitedProcess
from imicore.pdf417_worker import NAMES, REQUEST

Frame = npt.NDArray[np.uint8]

DEFAULT_TIMEOUT_S: Final = 2.0
DEFAULT_MEMORY_MB: Final = 1024  # address space; the worker with its libraries has 300 before work
MAX_SYMBOLS: Final = 64
MAX_REPLY_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A symbol in a frame; `corners` as in `imicore.reader.Reading`."""

    payload: bytes
    corners: npt.NDArray[np.float32]
    symbology: str


class Pdf417Reader:
    """Reads frame after frame in one worker process, which starts with the first.

    Any number of threads may share one; their frames take turns.

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
        self._timeout_s = timeout_s
        self._process = LimitedProcess(
            "imicore.pdf417_worker", memory_mb=memory_mb, max_reply_bytes=MAX_REPLY_BYTES
        )

    @property
    def replaced(self) -> int:
        """Return how many workers died or were killed."""
        return self._process.replaced

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
        self._process.close()

    def __enter__(self) -> "Pdf417Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, part: Frame, limit: int, ends: float) -> list[Any]:
        height, width = part.shape
        seconds = max(0.1, ends - time.monotonic())
        pixels = memoryview(np.ascontiguousarray(part).data).cast("B")
        header = REQUEST.pack(height, width, limit, seconds)
        return self._process.ask([header, pixels], _listed, seconds=seconds, ends=ends) or []


def _listed(answer: bytes) -> list[Any]:
    listed = json.loads(answer)
    if not isinstance(listed, list):
        raise TypeError(f"the answer is a {type(listed).__name__}; it must be a list")
    return listed


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
