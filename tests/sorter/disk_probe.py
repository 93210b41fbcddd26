"""What a durable write costs on a disk by itself, sampled while something else is measured."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

EVERY_S: Final = 0.25
BLOCK: Final = bytes(4096)


@contextmanager
def probed(path: Path) -> Iterator[list[float]]:
    """Append 4 KB to a file and wait for the disk, four times a second; give the milliseconds.

    The floor under any answer that has to be durable: what is as slow here is the disk's doing.
    """
    times_ms: list[float] = []
    ending = threading.Event()
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def probe() -> None:
        while not ending.wait(EVERY_S):
            started = time.monotonic()
            os.write(file, BLOCK)
            os.fdatasync(file)
            times_ms.append(1000 * (time.monotonic() - started))

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield times_ms
    finally:
        ending.set()
        thread.join()
        os.close(file)
