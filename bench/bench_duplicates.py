"""Seen before or not: the presence layer beside a set and Roaring bitmaps, the store beside SQLite.

Memory and exactness at 10^9 are `bench.presence_billion`'s.
"""

import random
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from bench.compare import Comparison, Contender, compare
from imicore.presence import Presence
from sorter.duplicates import DuplicateStore
from sorter.imprints import key_of
from sorter.scans import Answer, Scan, Series

DEVICES, NUMBERS = 1_000, 1_000
ASKED = 4_096
GROUP = 1_000  # scans of one commit

Pair = tuple[int, int]


def pairs() -> tuple[list[Pair], list[Pair]]:
    """Return every second pair of the devices' counts, and pairs to ask for, half of them seen."""
    rng = random.Random(1)
    seen = [(device, n) for device in range(DEVICES) for n in range(NUMBERS) if (device + n) % 2]
    asked = [(rng.randrange(DEVICES), rng.randrange(NUMBERS)) for _ in range(ASKED)]
    return seen, asked


def arrays(of: list[Pair]) -> tuple[Any, Any]:
    series, numbers = np.array(of, np.uint64).T
    return series.copy(), numbers.astype(np.uint32)


def checks() -> Iterator[Comparison]:
    from pyroaring import BitMap

    seen, asked = pairs()
    presence, as_set = Presence(), {device << 32 | number for device, number in seen}
    presence.add_many(*arrays(seen))
    bitmaps = [BitMap() for _ in range(DEVICES)]
    for device, number in seen:
        bitmaps[device].add(number)
    batch = arrays(asked)

    def ours_each() -> list[bool]:
        return [pair in presence for pair in asked]

    def set_each() -> list[bool]:
        return [device << 32 | number in as_set for device, number in asked]

    def roaring_each() -> list[bool]:
        return [number in bitmaps[device] for device, number in asked]

    expected = [bool((device + number) % 2) for device, number in asked]
    assert presence.contains_many(*batch).tolist() == expected
    assert ours_each() == set_each() == roaring_each() == expected
    peers = [Contender("set", set_each, ASKED), Contender("pyroaring", roaring_each, ASKED)]
    yield compare(
        "duplicates: check of one in a batch",
        Contender("presence", lambda: presence.contains_many(*batch), ASKED),
        peers,
        goals={"set": 20, "pyroaring": 10},
    )
    yield compare("duplicates: one check", Contender("presence", ours_each, ASKED), peers)


def scan_number(number: int) -> Scan:
    return Scan(
        vendor_model="TPB1",
        serial=number * 7 % DEVICES,
        series=Series.POSTAGE,
        count=number,
        digest=number.to_bytes(8, "little"),
        ascending_mills=number * 780,
        scanned_us=number * 90_000,
        site="SFO",
        lane=1,
        pass_number=1,
        piece_id=f"{number:012d}",
        image_id=f"{number:010d}",
    )


def bare(folder: Path) -> Callable[[], None]:
    """Return the floor: rows as wide in a table with the same key and pragmas, nothing asked."""
    connection = sqlite3.connect(folder / "bare.db")
    for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(
        "CREATE TABLE scan (counter INTEGER, number INTEGER, site TEXT, lane INTEGER, pass INTEGER,"
        " image TEXT, piece TEXT, digest BLOB, seen INTEGER, answered TEXT, ascending INTEGER,"
        " PRIMARY KEY (counter, number)) WITHOUT ROWID"
    )
    numbers = count()

    def insert() -> None:
        rows = []
        for _ in range(GROUP):
            scan = scan_number(next(numbers))
            place = (scan.site, scan.lane, scan.pass_number, scan.image_id, scan.piece_id)
            rest = (scan.digest, scan.scanned_us, "FIRST", scan.ascending_mills)
            rows.append((*key_of(scan), *place, *rest))
        connection.executemany(f"INSERT INTO scan VALUES ({', '.join('?' * 11)})", rows)
        connection.commit()

    return insert


def durable() -> Iterator[Comparison]:
    with tempfile.TemporaryDirectory() as folder:
        store = DuplicateStore.at(Path(folder) / "scans.db")
        numbers = count()

        def check() -> list[Answer]:
            scans = [scan_number(next(numbers)) for _ in range(GROUP)]
            return [sighting.answer for sighting in store.check_many(scans)]

        assert check() == [Answer.FIRST] * GROUP
        yield compare(
            f"duplicates: a durable answer, {GROUP:,} a commit",
            Contender("store", check, GROUP),
            [Contender("bare SQLite", bare(Path(folder)), GROUP)],
            goals={"bare SQLite": 0.6},
            round_s=0.05,
        )
        store.close()


def comparisons() -> Iterator[Comparison]:
    yield from checks()
    yield from durable()


def test_check_a_batch(benchmark: Any) -> None:
    seen, asked = pairs()
    presence = Presence()
    presence.add_many(*arrays(seen))
    found = benchmark(presence.contains_many, *arrays(asked))
    assert found.sum() == sum((device + number) % 2 for device, number in asked)
