"""The lane as a daemon: controllers send a line for each piece, on a Unix socket or TCP loopback.

``python -m sorter.serve`` starts one; ``sorter.protocol`` has the lines, ``sorter.ring``
the shared memory, docs/sorter.md the guide. Any bytes are answered; nobody who connects can end it.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

from postage.errors import BadFacts
from postage.factrows import facts_from_row
from postage.facts import PieceFacts
from sorter.answers import Answer
from sorter.errors import LaneError, RequestError, RingError
from sorter.judged import Judged
from sorter.lane import Lane
from sorter.protocol import MAX_LINE, Request, answer, parse, refusal
from sorter.ring import Ring
from sorter.verifier import Given

MOST_CLIENTS: Final = 32
MOST_AHEAD: Final = 64  # requests of one client that are not answered yet
LOOPBACK: Final = "127.0.0.1"
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Coming = tuple[str, "asyncio.Future[Judged]"] | bytes
"""The piece and its coming answer, or a line that answers already."""


@dataclass(slots=True, eq=False)
class Daemon:
    """Serves a lane until it is told to stop.

    ``now_us`` is the time of a scan whose line does not say it, microseconds since 1970-01-01 UTC;
    ``zone`` tells the local date; ``otherwise`` has the facts (``postage.factrows``) of lines that
    do not say them, such as the site. ``refused`` counts lines and clients that were refused.
    """

    lane: Lane
    now_us: Callable[[], int]
    zone: tzinfo
    otherwise: Mapping[str, int | str | bool] = field(default_factory=dict)
    ring: Ring | None = None
    refused: int = 0
    _servers: list[asyncio.Server] = field(default_factory=list)
    _paths: list[Path] = field(default_factory=list)
    _reading: dict["asyncio.Task[Any]", "asyncio.Task[None]"] = field(default_factory=dict)

    @property
    def clients(self) -> int:
        """Return how many clients are connected."""
        return len(self._reading)

    async def listen(self, *, unix: Path | None = None, port: int | None = None) -> list[str]:
        """Take clients on a socket file, on a port of the loopback, or both; return the addresses.

        Port 0 takes a free one. The socket file is for this user alone and replaces one that
        nobody listens on.

        Raises:
            OSError: an address is in use.
        """
        where: list[str] = []
        if unix is not None:
            await _demand_free(unix)
            bound = socket.socket(socket.AF_UNIX)
            bound.bind(str(unix))
            unix.chmod(0o600)  # before it listens
            server = await asyncio.start_unix_server(self._serve, sock=bound, limit=MAX_LINE)
            self._servers.append(server)
            self._paths.append(unix)
            where.append(str(unix))
        if port is not None:
            server = await asyncio.start_server(self._serve, LOOPBACK, port, limit=MAX_LINE)
            self._servers.append(server)
            where.append(f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}")
        return where

    async def stop(self, patience_s: float = 5.0) -> None:
        """Take no more lines, answer those that were taken, and let every client go.

        One that does not read its answers is left after ``patience_s``.
        """
        for server in self._servers:
            server.close()
        for reading in self._reading.values():
            reading.cancel()
        if serving := set(self._reading):
            _, stuck = await asyncio.wait(serving, timeout=patience_s)
            for task in stuck:
                task.cancel()
        for path in self._paths:
            path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client: a task of its own reads lines, this one writes answers in order."""
        with contextlib.closing(writer):
            if self.clients >= MOST_CLIENTS:
                full = RequestError("CLIENTS", f"{MOST_CLIENTS} are connected")
                writer.write(self._refused(full))
                return
            coming: asyncio.Queue[Coming | None] = asyncio.Queue(MOST_AHEAD)
            serving = asyncio.current_task()
            assert serving is not None
            reading = asyncio.create_task(self._read(reader, coming))
            self._reading[serving] = reading
            try:
                await self._write(coming, writer, reading)
            finally:
                del self._reading[serving]

    async def _read(
        self, reader: asyncio.StreamReader, coming: "asyncio.Queue[Coming | None]"
    ) -> None:
        try:
            while True:
                await coming.put(self._taken(await reader.readuntil(b"\n")))
        except asyncio.IncompleteReadError as error:
            if error.partial:
                await coming.put(self._taken(error.partial))
        except asyncio.LimitOverrunError:
            too_long = RequestError("TOO_LONG", f"a line has at most {MAX_LINE} bytes")
            await coming.put(self._refused(too_long))
        except OSError:
            pass
        finally:
            await coming.put(None)

    async def _write(
        self,
        coming: "asyncio.Queue[Coming | None]",
        writer: asyncio.StreamWriter,
        reading: "asyncio.Task[None]",
    ) -> None:
        has_left = False
        while (one := await coming.get()) is not None:
            line = one if isinstance(one, bytes) else answer(one[0], await one[1])
            if has_left:  # its pieces are judged all the same
                continue
            try:
                writer.write(line)
                await writer.drain()
            except OSError:
                has_left = True
                reading.cancel()

    def _taken(self, line: bytes) -> Coming:
        """Return the coming answer to a line; whatever is wrong with it is an answer, too."""
        try:
            return self._offered(parse(line))
        except RequestError as error:
            return self._refused(error)

    def _offered(self, request: Request) -> Coming:
        facts, given = self._facts(request), self._given(request)
        try:
            coming = self.lane.offer(given, facts, timeout_s=0)
        except LaneError as error:
            raise RequestError("CLOSING", str(error), request.piece) from None
        if coming is None:
            raise RequestError("BUSY", "no room in the lane", request.piece)
        return request.piece, _in_this_loop(coming)

    def _facts(self, request: Request) -> PieceFacts:
        row: dict[str, Any] = {**self.otherwise, **request.row, "piece_id": request.piece}
        row.setdefault("scanned_us", self.now_us())
        try:
            if "scanned_on" not in row:
                scanned = EPOCH + timedelta(microseconds=row["scanned_us"])
                row["scanned_on"] = scanned.astimezone(self.zone).date().isoformat()
            return facts_from_row(row)
        except BadFacts as error:
            raise RequestError("FACTS", str(error), request.piece) from None
        except (OverflowError, ValueError):
            text = f"scanned_us {row['scanned_us']} is no day of the calendar"
            raise RequestError("FACTS", text, request.piece) from None

    def _given(self, request: Request) -> Given:
        if request.slot is None:
            return request.payloads
        if self.ring is None:
            raise RequestError("SLOT", "the daemon has no ring", request.piece)
        try:
            return self.ring.read(*request.slot)
        except RingError as error:
            raise RequestError("SLOT", str(error), request.piece) from None

    def _refused(self, error: RequestError) -> bytes:
        self.refused += 1
        return refusal(error)


def _in_this_loop(coming: Answer) -> "asyncio.Future[Judged]":
    """Return an answer as this thread's event loop waits for it."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[Judged] = loop.create_future()

    def hand_over() -> None:
        if not waiting.done():  # a client that is left cancels what it waits for
            waiting.set_result(coming.result())

    def tell(_: Answer) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(hand_over)

    coming.add_done_callback(tell)
    return waiting


async def _demand_free(path: Path) -> None:
    """Remove a socket file that nobody listens on; what is no socket stays in the way."""
    if not path.is_socket():
        return
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        path.unlink(missing_ok=True)
        return
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    raise OSError(f"{path}: another daemon listens here")
