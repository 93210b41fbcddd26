"""The reader beside zxing-cpp: a clean letter of 1900x825 px, and its symbol cut out."""

from collections.abc import Iterator

import numpy as np
import zxingcpp
from pytest_benchmark.fixture import BenchmarkFixture

from bench.camera import Grey, Shot, envelope, photograph
from bench.compare import Comparison, Contender, compare
from imicore import datamatrix
from imicore.reader import Reader

# Budgets of design.md 4: 0.6 ms against 2.9 ms, and 0.065 ms against 0.26 ms.
FULL_GOAL = 2.9 / 0.6
CROP_GOAL = 0.26 / 0.065


def letter() -> tuple[bytes, Grey, tuple[int, int, int, int]]:
    """Return payload, frame, and a crop of about 190x190 px round the symbol: x, y, w, h."""
    rng = np.random.default_rng(1)
    payload = rng.bytes(90)
    modules = np.asarray(datamatrix.encode(payload, size=(40, 40), encodation="base256").modules)
    frame, _ = photograph(
        modules, Shot(pitch_px=3.94, centre_px=(1720, 210)), envelope(1900, 825, 200, rng), rng
    )
    return payload, frame, (1720 - 95, 210 - 95, 190, 190)


def zxing_first(frame: Grey) -> bytes:
    """zxing-cpp's fastest setting that still reads turned mail: stop at the first symbol."""
    found = zxingcpp.read_barcode(frame, formats=zxingcpp.BarcodeFormat.DataMatrix)
    return found.bytes if found else b""


def zxing_default(frame: Grey) -> bytes:
    found = zxingcpp.read_barcodes(frame, formats=zxingcpp.BarcodeFormat.DataMatrix)
    return found[0].bytes if found else b""


def comparisons() -> Iterator[Comparison]:
    payload, frame, (x, y, w, h) = letter()
    crop = np.ascontiguousarray(frame[y : y + h, x : x + w])
    reader = Reader()
    for name, picture, goal in (("full", frame, FULL_GOAL), ("crop", crop, CROP_GOAL)):
        assert [r.payload for r in reader.read(picture)] == [payload]
        assert zxing_first(picture) == payload
        assert zxing_default(picture) == payload
        yield compare(
            f"read_{name}",
            Contender("imicore", lambda picture=picture: reader.read(picture)),
            [
                Contender("zxing-cpp first", lambda picture=picture: zxing_first(picture)),
                Contender("zxing-cpp default", lambda picture=picture: zxing_default(picture)),
            ],
            goals={"zxing-cpp first": goal},
        )


def test_read_letter(benchmark: BenchmarkFixture) -> None:
    payload, frame, _ = letter()
    reader = Reader()
    assert benchmark(reader.read, frame)[0].payload == payload


def test_read_crop(benchmark: BenchmarkFixture) -> None:
    payload, frame, roi = letter()
    reader = Reader()
    assert benchmark(reader.read, frame, roi=roi)[0].payload == payload
