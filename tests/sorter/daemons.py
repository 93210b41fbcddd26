"""A daemon in a thread, on a socket file and a port, and a client that speaks lines."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from sorter.daemon import Daemon
from sorter.lane import Lane
from tests.sorter.mail import NOON_US

WAIT_S = 60


@dataclass
class Running:
    daemon: Daemon
    unix: Path
    port: int

    def connect(self, *, tcp: bool = False) -> socket.socket:
        if tcp:
            return socket.create_connection(("127.0.0.1", self.port), WAIT_S)
        one = socket.socket(socket.AF_UNIX)
        one.settimeout(WAIT_S)
        one.connect(str(self.unix))
        return one

    def ask(self, *lines: bytes, tcp: bool = False) -> list[bytes]:
        """Return the answers to lines, until the daemon has said all."""
        with self.connect(tcp=tcp) as client:
            client.sendall(b"".join(lines))
            client.shutdown(socket.SHUT_WR)
            with client.makefile("rb") as answers:
                return answers.readlines()


@contextlib.contextmanager
def running(lane: Lane, folder: Path, **changes: Any) -> Iterator[Running]:
    """Serve the lane until the end of the block, then stop as SIGTERM would."""
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
    ready = threading.Event()
    daemon = Daemon(lane, now_us=lambda: NOON_US, zone=UTC, **changes)
    where: list[str] = []

    async def serve() -> None:
        stopping = asyncio.Event()
        where.extend(await daemon.listen(unix=folder / "lane.sock", port=0))
        stop.append((asyncio.get_running_loop(), stopping))
        ready.set()
        await stopping.wait()
        await daemon.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(WAIT_S)
        yield Running(daemon, folder / "lane.sock", int(where[1].rpartition(":")[2]))
    finally:
        loop, stopping = stop[0]
        loop.call_soon_threadsafe(stopping.set)
        thread.join(WAIT_S)
        assert not thread.is_alive()
