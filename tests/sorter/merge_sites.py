"""Two sites apart for a day, then merged: how long it takes, and whether every copy is found.

`python -m tests.sorter.merge_sites --count 1000000` prints one JSON line. One in a hundred of the
second site's pieces is a copy of one at the first, half of them scanned before it. The streams are
arithmetic, so the corrections that must come out are known without any log.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from sorter.duplicates import DuplicateStore
from sorter.scans import Answer, Scan
from tests.sorter.scanning import scan

DEVICES = 2_000  # at each site
DAY_US = 86_400 * 1_000_000
HOUR_US = 3_600 * 1_000_000
OF_A_COMMIT = 2_000
COPY_EVERY = 100


def scan_of(site: str, number: int, count: int) -> Scan:
    """Return the scan of a site's piece; every hundredth of DEN shows what SFO's own does."""
    is_copy = site == "DEN" and number % COPY_EVERY == 0
    early = HOUR_US if number % (2 * COPY_EVERY) else -HOUR_US
    return scan(
        serial=number % DEVICES + (0 if site == "SFO" or is_copy else DEVICES),
        count=number // DEVICES + 1,
        digest=number.to_bytes(8, "little"),
        scanned_us=DAY_US + number * DAY_US // count + (early if is_copy else 0),
        site=site,
        piece_id=f"{site} {number}",
        image_id=f"{number}",
    )


def expected(count: int) -> set[tuple[str, str, Answer]]:
    """Return the pieces that must be corrected: the later one of each pair."""
    return {
        (f"{'SFO' if number % (2 * COPY_EVERY) == 0 else 'DEN'} {number}", *_DUPLICATE)
        for number in range(0, count, COPY_EVERY)
    }


_DUPLICATE = ("FIRST", Answer.DUPLICATE)


def filled(folder: Path, site: str, count: int) -> DuplicateStore:
    """Return the store of a site after its day; AssertionError where it saw a copy by itself."""
    store = DuplicateStore.at(folder / f"{site}.db")
    for start in range(0, count, OF_A_COMMIT):
        numbers = range(start, min(start + OF_A_COMMIT, count))
        told = store.check_many([scan_of(site, number, count) for number in numbers])
        assert all(sighting.answer is Answer.FIRST for sighting in told)
        if start % (50 * OF_A_COMMIT) == 0:
            print(f"\r{site} {start:,} of {count:,}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return store


def merged(into: DuplicateStore, source: DuplicateStore, site: str) -> set[tuple[str, str, Answer]]:
    """Return what a merge corrects; AssertionError where it says something twice."""
    rows = [
        (one.told.scan.piece_id, one.told.answered.name, one.answer)
        for one in into.merge(source.told(site=site))
    ]
    assert len(set(rows)) == len(rows)
    return set(rows)


def digest_of(store: DuplicateStore) -> int:
    """Return a number that two logs share when they have the same rows, in any tables."""
    rows: Iterator[bytes] = (
        blake2b(repr(told).encode(), digest_size=16).digest() for told in store.told()
    )
    return sum(int.from_bytes(row) for row in rows) % 2**128


def run(folder: Path, count: int) -> dict[str, float]:
    """Fill both sites, merge both ways; AssertionError where a copy is missed or an other found."""
    sfo, den = (filled(folder, site, count) for site in ("SFO", "DEN"))
    figures: dict[str, float] = {"scans of each site": count, "copies": len(expected(count))}
    for name, into, source in (("SFO takes DEN", sfo, den), ("DEN takes SFO", den, sfo)):
        site = name.split()[-1]
        wall, cpu = time.monotonic(), time.process_time()
        assert merged(into, source, site) == expected(count), name
        figures[f"{name}: s"] = round(time.monotonic() - wall, 1)
        figures[f"{name}: CPU s"] = round(time.process_time() - cpu, 1)
    assert digest_of(sfo) == digest_of(den), "the logs differ"
    opening = time.process_time()
    sfo.close()
    sfo = DuplicateStore.at(folder / "SFO.db")
    figures["opening: CPU s"] = round(time.process_time() - opening, 1)
    assert len(sfo.presence) == 2 * count - len(expected(count))
    found = {(c.told.scan.piece_id, c.told.answered.name, c.answer) for c in sfo.corrections()}
    assert found == expected(count)
    sfo.close()
    den.close()
    return figures


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(run(Path(folder), options.count)))


if __name__ == "__main__":
    main()
