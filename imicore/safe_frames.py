"""Picture files from strangers to grey frames, decoded where they can do no harm.

Decoders of PNG, TIFF, JPEG and WebP are large and old; a picture that is made to break one ends its
worker process, and the next picture has another.
"""

from typing import Final

import numpy as np

from imicore.errors import BadArgument, BadImage
from imicore.frames import MAX_FILE_BYTES, MAX_FRAME_PIXELS, Grey
from imicore.frames_worker import FRAME, REQUEST
from imicore.limited_process import LimitedProcess

CPU_S: Final = 1.0
MEMORY_MB: Final = 512  # address space; the worker with its libraries has about half before work
WALL_FACTOR: Final = 5  # real for processor time, on a machine that has others to serve


class PictureDecoder:
    """Decodes picture after picture in one worker process, which starts with the first.

    Any number of threads may share one; their pictures take turns. A picture costs a copy through
    a pipe more than ``imicore.frames.decode``.

    Args:
        cpu_s: processor time for a picture; then the worker is killed. Real time has five times
            as much.
        memory_mb: address space of the worker.

    Raises:
        BadArgument: a limit out of range.

    >>> with PictureDecoder() as decoder:
    ...     decoder.decode(b"P5 2 1 255 " + bytes([0, 255])).tolist()
    [[0, 255]]
    """

    def __init__(self, *, cpu_s: float = CPU_S, memory_mb: int = MEMORY_MB) -> None:
        if not 0 < cpu_s <= 600:
            raise BadArgument(f"cpu_s is {cpu_s}; it must be above 0 and at most 600")
        if not 256 <= memory_mb <= 1 << 20:
            raise BadArgument(f"memory_mb is {memory_mb}; it must be from 256 to {1 << 20}")
        self._cpu_s, self._memory_mb = cpu_s, memory_mb
        self._process = LimitedProcess(
            "imicore.frames_worker",
            memory_mb=memory_mb,
            max_reply_bytes=FRAME.size + MAX_FRAME_PIXELS,
            tries=1,
        )

    @property
    def replaced(self) -> int:
        """Return how many workers died or were killed."""
        return self._process.replaced

    def decode(self, data: bytes, *, name: str = "the picture") -> Grey:
        """Return the picture in the bytes of a file, as ``imicore.frames.decode`` does.

        Raises:
            BadImage: as there, or the decoder died or took more than it was given.
            BackendFailure: the worker does not start.
        """
        if len(data) > MAX_FILE_BYTES:
            raise BadImage(f"{name} is larger than {MAX_FILE_BYTES} bytes, the limit for a picture")
        named = name.encode(errors="replace")
        header = REQUEST.pack(len(data), len(named), self._cpu_s)
        seconds = self._cpu_s * WALL_FACTOR
        answer = self._process.ask([header, named, data], _frame, seconds=seconds)
        if answer is None:
            raise BadImage(
                f"{name} ended its decoder, which may take {self._cpu_s:g} s of processor time "
                f"and {self._memory_mb} MB"
            )
        if isinstance(answer, str):
            raise BadImage(answer)
        return answer

    def close(self) -> None:
        """End the worker; the next picture starts another."""
        self._process.close()

    def __enter__(self) -> "PictureDecoder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _frame(answer: bytes) -> Grey | str:
    """Return the frame or the error in an answer; ValueError where it is neither."""
    if answer.startswith(b"E"):
        return answer[1:].decode(errors="replace")
    if len(answer) < FRAME.size:
        raise ValueError(f"an answer of {len(answer)} bytes")
    _, height, width = FRAME.unpack_from(answer)
    return np.frombuffer(answer, np.uint8, offset=FRAME.size).reshape(height, width)
