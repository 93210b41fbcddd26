"""Symbol rows, whole pieces and printer streams beside numpy, zint and plain memory copies."""

from collections.abc import Iterator

import numpy as np

from bench.compare import Comparison, Contender, compare
from imicore import writers
from imicore.raster import Line, Raster, Rasterizer

BATCH = 64
DOTS_PER_MODULE = 12  # 40 modules: 480x480
LINES = [
    Line("US POSTAGE", "banner", fixed=True),
    Line("$0.78", "amount"),
    Line("FIRST-CLASS MAIL", fixed=True),
    Line("JUL 13 2026", fixed=True),
    Line("ZIP 06484", fixed=True),
    Line("TST0 0000000001", fixed=True),
]


def symbols(count: int = BATCH) -> list[np.ndarray]:
    """Random modules: the raster does not look at what they say."""
    return [np.random.default_rng(i).random((40, 40)) < 0.5 for i in range(count)]


def with_numpy(modules: np.ndarray) -> np.ndarray:
    """The usual way: repeat both axes, pack."""
    wide = np.repeat(np.repeat(modules, DOTS_PER_MODULE, axis=0), DOTS_PER_MODULE, axis=1)
    return np.packbits(wide, axis=1)


def piece() -> tuple[Rasterizer, Raster]:
    """One whole indicium, the size of the goal: about 1200x600 dots with a FIM."""
    rasterizer = Rasterizer(600, fim="D")
    return rasterizer, rasterizer.compose(symbols(1)[0], lines=LINES)


def comparisons() -> Iterator[Comparison]:
    rasterizer, picture = piece()
    batch = symbols()
    out = rasterizer.symbol_rows_many(batch, DOTS_PER_MODULE)
    assert all((out[i] == with_numpy(batch[i])).all() for i in range(BATCH))
    yield compare(
        "raster: 480x480 symbol, batch",
        Contender(
            "imicore",
            lambda: rasterizer.symbol_rows_many(batch, DOTS_PER_MODULE, out=out),
            BATCH,
        ),
        [
            Contender("numpy repeat + packbits", lambda: with_numpy(batch[0])),
            Contender("memcpy", lambda: np.copyto(copy, out), BATCH),
        ]
        if (copy := np.empty_like(out)) is not None
        else [],
        goals={"numpy repeat + packbits": 5.0, "memcpy": 0.25},
    )
    one = batch[0]
    assert (rasterizer.symbol_rows(one, DOTS_PER_MODULE) == with_numpy(one)).all()
    yield compare(
        "raster: 480x480 symbol, single",
        Contender("imicore", lambda: rasterizer.symbol_rows(one, DOTS_PER_MODULE)),
        [Contender("numpy repeat + packbits", lambda: with_numpy(one))],
    )
    target = np.empty_like(picture.rows)
    yield compare(
        f"raster: whole piece, {picture.width}x{picture.height}",
        Contender("imicore", lambda: rasterizer.compose(one, lines=LINES)),
        [Contender("memcpy", lambda: np.copyto(target, picture.rows))],
        goals={"memcpy": 1 / 8},
    )
    changing = [line.text for line in LINES]
    yield compare(
        f"raster: whole piece, all text new, {picture.width}x{picture.height}",
        Contender("imicore", lambda: rasterizer.compose(one, lines=changing)),
        [Contender("memcpy", lambda: np.copyto(target, picture.rows))],
    )
    yield compare(
        f"raster: PWG stream of a piece, {picture.width}x{picture.height}",
        Contender("imicore", lambda: writers.pwg(picture)),
        [
            Contender("PNG (Pillow)", lambda: writers.png(picture)),
            Contender("memcpy", lambda: np.copyto(target, picture.rows)),
        ],
    )
