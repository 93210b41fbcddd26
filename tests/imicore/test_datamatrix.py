"""The public face: payload to symbol and back, in all 48 sizes, and as others read it."""

import copy
import doctest
import json
import pickle
import random
import threading
from pathlib import Path

import numpy as np
import pytest

from imicore import _codec
from imicore.datamatrix import (
    Symbol,
    SymbolSize,
    decode,
    encode,
    encode_many,
    symbol_from_codewords,
    symbol_sizes,
)
from imicore.errors import BadArgument, NoSuchSize, PayloadTooLong
from tests.oracles import peers

pytestmark = pytest.mark.native

SIZES = pytest.mark.parametrize("size", symbol_sizes(), ids=lambda s: f"{s.rows}x{s.columns}")


def test_the_table_has_the_sizes_of_both_standards() -> None:
    """ISO/IEC 16022:2006 Table 7: 24 square and 6 rectangular; ISO/IEC 21471:2020: 18 more."""
    sizes = symbol_sizes()
    assert len({size.size for size in sizes}) == 48
    assert sum(size.rows == size.columns for size in sizes) == 24
    assert {size.size for size in sizes if size.dmre} == {
        *[(8, 48), (8, 64), (8, 80), (8, 96), (8, 120), (8, 144), (12, 64), (12, 88), (16, 64)],
        *[(20, 36), (20, 44), (20, 64), (22, 48), (24, 48), (24, 64), (26, 40), (26, 48), (26, 64)],
    }
    by_size = {size.size: (size.data_codewords, size.error_codewords) for size in sizes}
    # domain.md 1.6, checked there with a real indicium
    assert [by_size[n, n] for n in (20, 22, 24, 26, 32, 36, 40, 44, 48, 52)] == [
        *[(22, 18), (30, 20), (36, 24), (44, 28), (62, 36), (86, 42), (114, 48), (144, 56)],
        *[(174, 68), (204, 84)],
    ]


@SIZES
def test_a_full_symbol_is_read_by_us_and_by_zxing(size: SymbolSize) -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    choose = random.Random(size.rows * size.columns)
    for length in (1, size.base256_bytes // 2, size.base256_bytes):
        payload = choose.randbytes(length)
        symbol = encode(payload, size=size.size, encodation="base256")
        assert symbol.modules.shape == symbol.size == size.size
        assert decode(symbol.modules).payload == payload
        read = zxingcpp.read_barcode(
            peers.picture(symbol.modules), formats=zxingcpp.BarcodeFormat.DataMatrix, is_pure=True
        )
        assert read is not None
        assert read.bytes == payload
    with pytest.raises(PayloadTooLong, match=f"holds {size.base256_bytes} in Base 256"):
        encode(bytes(size.base256_bytes + 1), size=size.size, encodation="base256")


@pytest.mark.parametrize("rows", [(10, 10), (26, 26), (8, 120), (52, 52), (144, 144)])
def test_every_length_of_random_bytes_comes_back(rows: tuple[int, int]) -> None:
    size = next(size for size in symbol_sizes() if size.size == rows)
    choose = random.Random(10)
    for length in range(size.base256_bytes + 1):
        payload = choose.randbytes(length)
        found = decode(encode(payload, size=rows, encodation="base256").modules)
        assert (found.payload, found.errors_corrected, found.erasures) == (payload, 0, 0)


def test_144x144_interleaves_as_zint_does() -> None:
    """Ten blocks of two lengths, the one uneven case: zint's symbol is ours, module by module."""
    zint = pytest.importorskip("zint")
    payload = random.Random(11).randbytes(1500)
    theirs = zint.Symbol()
    theirs.symbology = zint.Symbology.DATAMATRIX
    theirs.option_2 = 24
    theirs.encode(payload)
    packed = np.array(theirs.encoded_data, dtype=np.uint8)[:144]
    bits = np.unpackbits(packed, axis=1, bitorder="little")[:, :144].astype(bool)
    assert decode(bits).payload == payload
    data = symbol_from_codewords(_data_codewords(bits), (144, 144))
    assert np.array_equal(data.modules, bits)


def _data_codewords(modules: np.ndarray) -> bytes:
    indices = np.array(_codec.module_indices(modules.shape)).reshape(-1, 8)
    return np.packbits(modules.ravel()[indices], axis=1).ravel().tobytes()[:1558]


@pytest.mark.parametrize(("length", "rows"), [(109, 40), (112, 40), (113, 44)])
def test_indicium_lengths_take_the_usual_sizes(length: int, rows: int) -> None:
    """domain.md 9a, scenario 19."""
    assert encode(bytes(length), encodation="base256").size == (rows, rows)


def test_the_public_sample_indicium(reference: Path) -> None:
    """The USPS Labels API sample of 2024-07-11 is 109 bytes, Base 256, in 40x40."""
    vectors = json.loads((reference / "data" / "vectors.json").read_text(encoding="utf-8"))
    payload = bytes.fromhex(vectors["imi_usps_sample_2024_07_11"]["hex"])
    symbol = encode(payload, encodation="base256")
    assert (len(payload), symbol.size) == (109, (40, 40))
    found = decode(symbol.modules)
    assert (found.payload, found.data_codewords_used) == (payload, 111)


def test_a_batch_says_what_single_calls_say() -> None:
    texts = list(peers.mixed_texts(300, seed=12))
    for options in ({}, {"shape": "any"}, {"encodation": "base256"}, {"size": (64, 64)}):
        batch = encode_many(texts, **options)
        assert len(batch) == len(texts)
        for text, symbol in zip(texts, batch, strict=True):
            single = encode(text, **options)
            assert symbol.size == single.size
            assert np.array_equal(symbol.modules, single.modules)
            assert decode(symbol.modules).payload == text
    assert encode_many(iter([b"A", b"B"]))[1].codewords == encode(b"B").codewords
    assert encode_many([]) == []


def test_a_symbol_of_a_batch_outlives_the_batch() -> None:
    """Chunks of memory go back to the pool only when the last array over them is gone."""
    choose = random.Random(13)
    kept = []
    for _ in range(60):
        payloads = [choose.randbytes(90) for _ in range(choose.randint(1, 100))]
        symbols = encode_many(payloads, encodation="base256")
        place = choose.randrange(len(payloads))
        kept.append((payloads[place], symbols[place].modules))
    for payload, modules in kept:
        assert decode(modules).payload == payload


def test_the_smallest_symbol_of_each_shape_is_taken() -> None:
    for shape in ("square", "rectangle", "dmre", "any"):
        of_shape = [
            size
            for size in symbol_sizes()
            if shape == "any"
            or (
                size.dmre == (shape == "dmre")
                and (size.rows == size.columns) == (shape == "square")
            )
        ]
        for length in range(130):
            fits = [size for size in of_shape if size.base256_bytes >= length]
            if not fits:
                with pytest.raises(PayloadTooLong, match=f"payload is {length} bytes; the largest"):
                    encode(bytes(length), shape=shape, encodation="base256")
                continue
            found = encode(bytes(length), shape=shape, encodation="base256")
            assert found.rows * found.columns == min(size.rows * size.columns for size in fits)


def test_modules_are_bool_read_only_and_there_at_once() -> None:
    for symbol in (encode(b"A1"), *encode_many([b"A1"]), symbol_from_codewords(b"ABC", (10, 10))):
        assert symbol.modules.dtype == np.bool_
        assert symbol.modules.flags.c_contiguous
        assert symbol.modules.flags.aligned
        assert symbol.modules is symbol.modules
        assert set(np.unique(symbol.modules.view(np.uint8))) == {0, 1}
        with pytest.raises(ValueError, match="read-only"):
            symbol.modules[0, 0] = False


def test_a_symbol_is_a_value() -> None:
    symbol = encode(b"A1", size=(16, 48))
    assert (symbol.rows, symbol.columns, symbol.size) == (16, 48, (16, 48))
    assert repr(symbol) == "<Symbol 16x48>"
    for twin in (pickle.loads(pickle.dumps(symbol)), copy.deepcopy(symbol)):
        assert twin.codewords == symbol.codewords
        assert np.array_equal(twin.modules, symbol.modules)
    with pytest.raises(TypeError, match="not by hand"):
        Symbol()
    empty = Symbol.__new__(Symbol)
    for use in (lambda: empty.rows, lambda: empty.codewords, lambda: repr(empty)):
        with pytest.raises(TypeError, match="was not made by"):
            use()


@pytest.mark.parametrize("encodation", ["auto", "base256"])
def test_bad_arguments_are_named(encodation: str) -> None:
    options = {"encodation": encodation}
    with pytest.raises(NoSuchSize, match="13x13 is not one of the 48"):
        encode(b"A", size=(13, 13), **options)
    for size in ((40,), (40, 40, 40), 40, ("a", "b"), (10**20, 10)):
        with pytest.raises(BadArgument, match=r"it is \(rows, columns\) or None"):
            encode(b"A", size=size, **options)
    with pytest.raises(BadArgument, match="shape is 'round'; it is one of square, rectangle"):
        encode(b"A", shape="round", **options)
    with pytest.raises(BadArgument, match="encodation is 'utf-8'; it is one of auto, ascii"):
        encode(b"A", encodation="utf-8")
    for payload in ("A", None, bytearray(b"A")):
        with pytest.raises(TypeError):
            encode(payload, **options)
        with pytest.raises(TypeError):
            encode_many([b"A", payload], **options)
    with pytest.raises(PayloadTooLong, match="payload is 1600 bytes; the largest symbol"):
        encode(bytes(range(128, 168)) * 40, **options)
    with pytest.raises(PayloadTooLong):
        encode_many([b"A", bytes(200)], size=(10, 10), **options)
    with pytest.raises(BadArgument, match="2 data codewords are given; a symbol of 10x10 has 3"):
        symbol_from_codewords(b"AB", (10, 10))


def test_threads_share_the_tables() -> None:
    """Every thread meets sizes for the first time: tables are made once, and whole."""
    payloads = [random.Random(i).randbytes(40) for i in range(8)]
    found: list[list[bytes]] = []

    def work() -> None:
        found.append(
            [
                decode(symbol.modules).payload
                for size in symbol_sizes()
                if size.base256_bytes >= 40
                for symbol in encode_many(payloads, size=size.size, encodation="base256")
            ]
        )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for answers in found:
        assert answers == payloads * (len(answers) // 8)


def test_the_docstrings_of_the_native_functions_run() -> None:
    result = doctest.testmod(_codec)
    assert result.failed == 0
    assert result.attempted >= 8
