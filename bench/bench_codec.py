"""Payload to modules: ours beside zint-bindings and zxing-cpp, 90 random bytes in 40x40."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.compare import Comparison, Contender, compare
from imicore import datamatrix

SIZE = (40, 40)
ZINT_40X40 = 12  # its number for the size (zint manual, Data Matrix)
BATCH = 256
PAYLOADS = [random.Random(seed).randbytes(90) for seed in range(BATCH)]


def ours_many() -> NDArray[np.bool_]:
    symbols = datamatrix.encode_many(PAYLOADS, size=SIZE, encodation="base256")
    for symbol in symbols:
        modules = symbol.modules
    return modules


def ours_one(payload: bytes = PAYLOADS[0]) -> NDArray[np.bool_]:
    return datamatrix.encode(payload, size=SIZE, encodation="base256").modules


def zint_encoder() -> Callable[[bytes], Any]:
    """Return zint-bindings' fastest way: one object, FAST mode, packed rows read in place."""
    import zint

    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.DATAMATRIX
    symbol.input_mode = zint.InputMode.FAST
    symbol.option_2 = ZINT_40X40

    def encode(payload: bytes) -> Any:
        symbol.clear()
        symbol.encode(payload)
        return symbol.encoded_data

    return encode


def zint_modules(packed: Any) -> NDArray[np.bool_]:
    """Unpack zint's rows: least significant bit first."""
    rows = np.array(packed, dtype=np.uint8)[: SIZE[0]]
    return np.unpackbits(rows, axis=1, bitorder="little")[:, : SIZE[1]].astype(bool)


def zxing_encoder() -> Callable[[bytes], Any]:
    import zxingcpp

    kind = zxingcpp.BarcodeFormat.DataMatrix
    return lambda payload: zxingcpp.create_barcode(payload, kind)


def check_answers() -> None:
    """Every contender's matrix says the payload, through a decoder that is not its own."""
    import zxingcpp

    payload = PAYLOADS[0]
    ours = ours_one(payload)
    assert np.array_equal(ours_many(), ours_one(PAYLOADS[-1]))
    picture = np.kron(np.pad(~ours, 2, constant_values=True), np.ones((4, 4), bool))
    read = zxingcpp.read_barcode(picture.astype(np.uint8) * 255, is_pure=True)
    assert read is not None
    assert read.bytes == payload
    theirs = zint_modules(zint_encoder()(payload))
    assert theirs.shape == SIZE
    assert datamatrix.decode(theirs).payload == payload
    assert zxing_encoder()(payload).bytes == payload


def each(encode: Callable[[bytes], Any]) -> Callable[[], None]:
    def run() -> None:
        for payload in PAYLOADS:
            encode(payload)

    return run


def ours_each() -> None:
    for payload in PAYLOADS:
        ours_one(payload)


def comparisons() -> Iterator[Comparison]:
    check_answers()
    zint_one, zxing_one = zint_encoder(), zxing_encoder()
    yield compare(
        "encode 90 B to 40x40, batch",
        Contender("encode_many", ours_many, BATCH),
        [
            Contender("zint-bindings FAST", each(zint_one), BATCH),
            Contender("zxing-cpp", each(zxing_one), BATCH),
        ],
        goals={"zint-bindings FAST": 20, "zxing-cpp": 80},
    )
    yield compare(
        "encode 90 B to 40x40, one call",
        Contender("encode", ours_each, BATCH),
        [Contender("zint-bindings FAST", each(zint_one), BATCH)],
        goals={"zint-bindings FAST": 12},
    )


def test_encode_one(benchmark: Callable[[Callable[[], Any]], Any]) -> None:
    modules = benchmark(ours_one)
    assert datamatrix.decode(modules).payload == PAYLOADS[0]


def test_encode_many(benchmark: Callable[[Callable[[], Any]], Any]) -> None:
    modules = benchmark(ours_many)
    assert datamatrix.decode(modules).payload == PAYLOADS[-1]
