"""The Intelligent Mail barcode off pictures: read rates by severity, and time.

No open reader of this barcode is known, so its time stands beside zxing-cpp's for one look at the
same frame, which finds nothing there: the time of a
frame's search by the reader that mail software would take.

    python -m bench.bench_imb --count 300 [--official CASES.csv]
"""

import argparse
import csv
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.bar_rows import RowStyle, draw_row, random_style
from bench.compare import Comparison, Contender, compare
from imicore import imb, reader

BARS = imb.encode("00700901061457000789", "01234567891")
DIGITS = b"0070090106145700078901234567891"


@cache
def envelope() -> NDArray[np.uint8]:
    """Return a clean 1900x825 frame with a row of bars in its address block."""
    from imi.mailpictures import CameraModel, Envelope, draw, photograph

    rng = np.random.default_rng(3)
    page = draw(Envelope(imb_bars=BARS), image_dpi=200, rng=rng)
    return photograph(page, CameraModel(), rng, image_dpi=200).frame


def comparisons() -> Iterator[Comparison]:
    import zxingcpp

    frame = envelope()
    bars = reader.Reader(symbologies=["imb"])

    def ours() -> list[bytes]:
        return [found.payload for found in bars.read(frame)]

    def zxing() -> object:
        return zxingcpp.read_barcode(frame)

    assert ours() == [DIGITS]
    assert zxing() is None
    yield compare(
        "IMb off a 1900x825 frame",
        Contender("imicore.reader", ours),
        [Contender("zxing-cpp, which finds nothing", zxing)],
        goals={"zxing-cpp, which finds nothing": 1.0},
        round_s=0.05,
    )


def rates(count: int, severity: int) -> tuple[int, int]:
    """Return (right, wrong) of so many rows drawn at a severity."""
    right = wrong = 0
    for seed in range(count):
        rng = np.random.default_rng((99, severity, seed))
        digits = "".join(map(str, rng.integers(0, 10, 31)))
        tracking = digits[0] + str(int(digits[1]) % 5) + digits[2:20]
        routing = digits[20:][: rng.choice((0, 5, 9, 11))]
        frame, _ = draw_row(imb.encode(tracking, routing), random_style(rng, severity), rng)
        found = [one.payload for one in reader.read(frame, symbologies=["imb"])]
        right += found == [(tracking + routing).encode()]
        wrong += found not in ([], [(tracking + routing).encode()])
        if sys.stderr.isatty():
            print(f"\rseverity {severity}: {seed + 1} of {count}", end="", file=sys.stderr)
    return right, wrong


def official(path: Path, count: int) -> tuple[int, int]:
    """Return (right, tried) of the encoder test file's valid rows, evenly taken, as pictures."""
    lines = filter(None, csv.reader(path.read_text(encoding="utf-8").splitlines()))
    rows = [(row[1], row[2]) for row in lines if row[4] == "00"]
    rows = rows[:: max(1, len(rows) // count)][:count]
    right = 0
    for seed, (tracking, routing) in enumerate(rows):
        rng = np.random.default_rng(seed)
        style = RowStyle(angle=float(rng.uniform(-15, 15)))
        frame, _ = draw_row(imb.encode(tracking, routing), style, rng)
        found = [one.payload for one in reader.read(frame, symbologies=["imb"])]
        right += found == [(tracking + routing).encode()]
    return right, len(rows)


def test_read_a_row_on_mail(benchmark) -> None:  # type: ignore[no-untyped-def]
    bars, frame = reader.Reader(symbologies=["imb"]), envelope()
    found = benchmark(bars.read, frame)
    assert [one.payload for one in found] == [DIGITS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="rows a severity")
    parser.add_argument("--official", type=Path, help="USPS encoder test cases (CSV)")
    options = parser.parse_args()
    for severity in range(5):
        right, wrong = rates(options.count, severity)
        print(f"severity {severity}: {right} of {options.count} read, {wrong} wrong", flush=True)
    if options.official:
        right, tried = official(options.official, 500)
        print(f"official cases: {right} of {tried} read")


if __name__ == "__main__":
    main()
