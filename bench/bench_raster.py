"""Symbol rows, whole pieces and printer streams beside numpy, zint and plain memory copies."""

import importlib.util
from collections.abc import Iterator

import numpy as np

from bench.compare import Comparison, Contender, compare
from imicore import writers
from imicore.raster import Line, Raster, Rasterizer
from tests.oracles.raster import unpack_pwg

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
    """The best that numpy can: widen a row of modules, pack it, repeat the packed row."""
    wide = np.repeat(modules, DOTS_PER_MODULE, axis=1)
    return np.repeat(np.packbits(wide, axis=1), DOTS_PER_MODULE, axis=0)


def piece() -> tuple[Rasterizer, Raster]:
    """One whole indicium, the size of the goal: about 1200x600 dots with a FIM."""
    rasterizer = Rasterizer(600, fim="D")
    return rasterizer, rasterizer.compose(symbols(1)[0], lines=LINES)


def from_bytes_with_zint(payload: bytes) -> np.ndarray:
    """Bytes to 480x480 packed rows, the usual way: zint-bindings, then numpy."""
    import zint

    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.DATAMATRIX
    symbol.input_mode = zint.InputMode.DATA
    symbol.option_3 = zint.DataMatrixOptions.SQUARE
    symbol.encode(payload)
    bits = np.unpackbits(np.asarray(symbol.encoded_data), axis=1, bitorder="little")
    return with_numpy(bits[: symbol.rows, : symbol.width].astype(bool))


def read_with_zxing(rows: np.ndarray) -> bytes:
    import zxingcpp

    page = np.pad(np.where(np.unpackbits(rows, axis=1), 0, 255).astype(np.uint8), 24,
                  constant_values=255)  # fmt: skip
    (found,) = zxingcpp.read_barcodes(page)
    return found.bytes


def bytes_to_rows() -> Iterator[Comparison]:
    """The whole way, payload to 1-bit rows."""
    from imicore import datamatrix

    rasterizer = Rasterizer(600)
    payloads = [np.random.default_rng(i).bytes(109) for i in range(BATCH)]
    out = np.empty((BATCH, 480, 60), np.uint8)

    def ours() -> np.ndarray:
        made = datamatrix.encode_many(payloads, encodation="base256")
        return rasterizer.symbol_rows_many(made, DOTS_PER_MODULE, out=out)

    for payload, rows in zip(payloads, ours(), strict=True):
        assert read_with_zxing(rows) == payload == read_with_zxing(from_bytes_with_zint(payload))
    yield compare(
        "raster: 109 bytes to 480x480 dots, batch",
        Contender("imicore", ours, BATCH),
        [Contender("zint + numpy", lambda: from_bytes_with_zint(payloads[0]))],
        goals={"zint + numpy": 8.0},
    )


def comparisons() -> Iterator[Comparison]:
    rasterizer, picture = piece()
    batch = symbols()
    out = rasterizer.symbol_rows_many(batch, DOTS_PER_MODULE)
    assert all((out[i] == with_numpy(batch[i])).all() for i in range(BATCH))
    copy = np.empty_like(out)
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
        ],
        goals={"memcpy": 1 / 3},
    )
    one = batch[0]
    assert (rasterizer.symbol_rows(one, DOTS_PER_MODULE) == with_numpy(one)).all()
    yield compare(
        "raster: 480x480 symbol, single",
        Contender("imicore", lambda: rasterizer.symbol_rows(one, DOTS_PER_MODULE)),
        [Contender("numpy repeat + packbits", lambda: with_numpy(one))],
    )
    target = np.empty_like(picture.rows)
    assert (rasterizer.compose(one, lines=LINES).rows == picture.rows).all()
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
    ((_, dots),) = unpack_pwg(writers.pwg(picture))
    assert (dots == picture.dots).all()
    yield compare(
        f"raster: PWG stream of a piece, {picture.width}x{picture.height}",
        Contender("imicore", lambda: writers.pwg(picture)),
        [
            Contender("PNG (Pillow)", lambda: writers.png(picture)),
            Contender("memcpy", lambda: np.copyto(target, picture.rows)),
        ],
    )
    if importlib.util.find_spec("imicore.datamatrix") is not None:
        yield from bytes_to_rows()


def test_symbol_rows(benchmark) -> None:
    batch = symbols()
    rasterizer = Rasterizer(600)
    rows = benchmark(rasterizer.symbol_rows_many, batch, DOTS_PER_MODULE)
    assert all((rows[i] == with_numpy(batch[i])).all() for i in range(BATCH))


def test_whole_piece(benchmark) -> None:
    rasterizer, picture = piece()
    found = benchmark(rasterizer.compose, symbols(1)[0], lines=LINES)
    assert (found.rows == picture.rows).all()
