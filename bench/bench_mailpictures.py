"""CPU for one mail picture: the simulated camera must not be what the line waits for.

No open generator of metered mail exists to compare with; the peer is the least that a noisy frame
costs when its noise is drawn anew instead of cut from a tile.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from bench.compare import Comparison, Contender, compare
from imi.mailpictures import sample

FRAME = (825, 1900)  # a #10 envelope at 200 dpi


def _picture(seed: int) -> None:
    sample(np.random.default_rng(seed), defects=[])


def _bare_noise(rng: np.random.Generator) -> None:
    frame = 230 + 3 * rng.standard_normal(FRAME, np.float32)
    np.clip(frame, 0, 255).astype(np.uint8)


def comparisons() -> Iterator[Comparison]:
    """Yield the cost of one picture beside that of its noise alone."""
    import zxingcpp

    made = sample(np.random.default_rng(1), defects=[])
    found = zxingcpp.read_barcodes(made.picture.frame, formats=zxingcpp.BarcodeFormat.DataMatrix)
    assert [reading.bytes for reading in found] == [made.payload]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # else OpenCV's own threads would not be in the thread's CPU time
    try:
        seeds = iter(range(10**9))
        rng = np.random.default_rng(2)
        yield compare(
            "mail picture, #10 envelope, 200 dpi",
            Contender("imi.mailpictures", lambda: _picture(next(seeds))),
            [Contender("numpy, one frame of fresh noise", lambda: _bare_noise(rng))],
            rounds=15,
            round_s=0.05,
        )
    finally:
        cv2.setNumThreads(threads)


def test_mail_picture(benchmark) -> None:  # type: ignore[no-untyped-def]
    seeds = iter(range(10**9))
    benchmark(lambda: _picture(next(seeds)))
    made = sample(np.random.default_rng(1), defects=[])
    assert made.picture.frame.shape == FRAME
