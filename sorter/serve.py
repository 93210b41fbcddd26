"""``python -m sorter.serve``: one lane as a daemon, from files to SIGTERM.

SIGTERM and SIGINT stop it: lines that were taken are answered, then it ends with 0. SIGHUP reads
the register again; one that cannot be taken leaves the old in force and says so.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from imicore.writers import grey_png
from postage.rates import RateBook
from service.heap import loading, settle
from sorter.daemon import Daemon
from sorter.duplicates import DuplicateStore
from sorter.errors import RegisterError, SorterError
from sorter.lane import DEADLINE_S, Lane
from sorter.onward import Onward
from sorter.policy import MODES, Policy
from sorter.register import Register
from sorter.registerfiles import read_authority
from sorter.ring import Ring
from sorter.sight import Eye
from sorter.trust import Trust, authority, load_register
from sorter.verifier import Verifier

SLOT_BYTES = 2_000_000  # a grey frame of 1900x825 pixels, and some more


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; return 0 then, 1 where it could not begin, as told on stderr."""
    told = _told(arguments)
    try:
        asyncio.run(_serve(told))
    except (SorterError, OSError, ZoneInfoNotFoundError) as error:
        print(f"sorter: {error}", file=sys.stderr)
        return 1
    return 0


async def _serve(told: argparse.Namespace) -> None:
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    zone = ZoneInfo(told.timezone)
    load = partial(load_register, told.register, authority(read_authority(told.authority)))
    trust = Trust(load())
    reloading: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(asyncio.to_thread(_reload, trust, load))
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    with contextlib.ExitStack() as opened:
        scans = DuplicateStore.at(told.scans)
        opened.callback(scans.close)
        onward = _onward(told, opened)
        ring = _ring(told, opened)
        verifier = Verifier(trust, scans, RateBook.load(), Policy(mode=told.mode))
        lane = _lane(told, verifier, trust, scans, zone, onward, opened)
        daemon = Daemon(
            lane,
            now_us=lambda: time.time_ns() // 1000,
            zone=zone,
            otherwise={"site": told.site},
            ring=ring,
        )
        _warm()
        settle()
        where = await daemon.listen(unix=told.socket, port=told.port)
        print("ready on", *where, flush=True)
        await stopping.wait()
        await daemon.stop()


def _onward(told: argparse.Namespace, opened: contextlib.ExitStack) -> Onward | None:
    if told.outbox is None:
        return None
    onward = Onward.in_file(told.outbox)
    opened.callback(onward.close)
    return onward


def _ring(told: argparse.Namespace, opened: contextlib.ExitStack) -> Ring | None:
    if told.ring is None:
        return None
    told.ring.unlink(missing_ok=True)  # left by one that was killed: its scans are ours now
    ring = Ring.create(told.ring, slots=told.slots, slot_bytes=told.slot_bytes)
    opened.callback(ring.close, remove=True)
    return ring


def _lane(
    told: argparse.Namespace,
    verifier: Verifier,
    trust: Trust,
    scans: DuplicateStore,
    zone: ZoneInfo,
    onward: Onward | None,
    opened: contextlib.ExitStack,
) -> Lane:
    """Return the lane, with its page where one is asked for: both end with ``opened``."""
    make = partial(
        Lane, verifier, threads=told.threads, deadline_s=told.deadline_ms / 1000, onward=onward
    )
    if told.page is None:
        return opened.enter_context(make())
    from service.web import served
    from sorter.lanemetrics import LaneMetrics
    from sorter.livepage import live_page
    from sorter.stoplist import as_rows

    metrics = LaneMetrics(trust, lambda: datetime.now(zone).date())
    lane = opened.enter_context(make(heard=metrics.heard))
    metrics.watch(lane)
    metrics.watch_stop_list(lambda: len(scans.stop_list()))
    page = live_page(
        lane,
        lambda: {"mode": told.mode, "site": told.site, "register": trust.register.name},
        stop_list=lambda: as_rows(scans.stop_list(), trust.register),
        metrics=metrics.text,
    )
    print("page on", opened.enter_context(served(page, port=told.page)), flush=True)
    return lane


def _warm() -> None:
    """Do once what is slow the first time (30 ms): the reader's tables, the writer of evidence."""
    blank = np.full((825, 1900), 255, np.uint8)
    Eye().look(blank)
    grey_png(blank)


def _reload(trust: Trust, load: Callable[[], Register]) -> None:
    try:
        with loading():
            trust.replace(load())
    except RegisterError as error:
        print(f"sorter: the register stays as it is: {error}", file=sys.stderr, flush=True)
    else:
        print(f"register {trust.register.name} is in force", flush=True)


def _told(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sorter.serve", description="one sorter lane as a daemon; docs/sorter.md"
    )
    add = parser.add_argument
    add("--register", type=Path, required=True, help="the signed device register")
    add("--authority", type=Path, required=True, help="public keys of whoever may sign registers")
    where = "a SQLite file, or postgresql://user@host/name; made on first use"
    add("--scans", required=True, help=f"the scan history: {where}")
    add("--outbox", type=Path, help="keep what providers must hear of, SQLite; keys lie beside it")
    add("--socket", type=Path, help="listen on this socket file")
    add("--port", type=int, help="listen on this port of 127.0.0.1; 0 takes a free one")
    add("--ring", type=Path, help="make a ring of frames here, as under /dev/shm")
    add("--slots", type=int, default=16)
    add("--slot-bytes", type=int, default=SLOT_BYTES)
    add("--page", type=int, metavar="PORT", help="show a live page and /metrics on 127.0.0.1")
    add("--mode", choices=MODES, default="production")
    add("--site", default="", help="the site's name, for scans whose line says none")
    add("--timezone", default="UTC", help="whose calendar scans are dated by, as America/Chicago")
    add("--threads", type=int, default=2)
    add("--deadline-ms", type=float, default=1000 * DEADLINE_S)
    told = parser.parse_args(arguments)
    if told.socket is None and told.port is None:
        parser.error("--socket, --port or both say where to listen")
    return told


if __name__ == "__main__":
    sys.exit(main())
