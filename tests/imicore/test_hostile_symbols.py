"""Symbols made to break a reader: each is refused by name or read, never more than that."""

import contextlib
import random
from collections.abc import Iterable

import numpy as np
import pytest

from imicore import _codec
from imicore.datamatrix import (
    Decoded,
    decode,
    encode,
    read_codewords,
    symbol_from_codewords,
    symbol_sizes,
)
from imicore.errors import BadArgument, MalformedPayload, NoSuchSize, Uncorrectable

pytestmark = pytest.mark.native


def masked(position: int, values: Iterable[int]) -> list[int]:
    """Base 256 values as codewords, the first at `position` counted from 1 (Annex B)."""
    return [(v + 149 * p % 255 + 1) % 256 for p, v in enumerate(values, position)]


def through_a_symbol(codewords: list[int]) -> Decoded:
    """Put the codewords into a real symbol, and read that."""
    size = next(s for s in symbol_sizes() if s.data_codewords == len(codewords))
    return decode(symbol_from_codewords(bytes(codewords), size.size).modules)


MALFORMED = {
    "ASCII codeword 0": ([66, 0, 129], "codeword 2 of 3: not a codeword of ASCII"),
    "codeword 242": ([242, 129, 70], "not a codeword of ASCII"),
    "codeword 255": ([66, 255, 129], "not a codeword of ASCII"),
    "unlatch where nothing is latched": ([254, 66, 129], "unlatch outside"),
    "upper shift at the end": ([66, 66, 235], "ends inside an upper shift"),
    "upper shift before the pad": ([66, 235, 129], "ends inside an upper shift"),
    "upper shift twice": ([235, 235, 66], "an upper shift needs an ASCII character"),
    "upper shift before a digit pair": ([235, 142, 129], "an upper shift needs an ASCII character"),
    "upper shift before a latch": ([235, 230, 129], "an upper shift needs an ASCII character"),
    "Base 256 without a length": ([66, 66, 231], "without its length"),
    "Base 256 beyond the symbol": ([231, *masked(2, [3, 1])], "longer than the symbol"),
    "Base 256 with half a length": ([66, 231, *masked(3, [255])], "without its length"),
    "Base 256 of 1555 bytes in 5": ([231, *masked(2, [255, 55, 1, 2])], "longer than the symbol"),
    "C40 value 0 of two codewords": ([230, 0, 0], "hold no three values"),
    "C40 above 64000": ([230, 250, 1], "hold no three values"),
    "X12 above 64000": ([238, 255, 255], "hold no three values"),
    "C40 shift 2 without a character": ([230, *divmod(1600 * 1 + 40 * 28 + 4, 256)], "shifted"),
    "C40 ends in an upper shift": ([230, *divmod(1600 * 1 + 40 * 30 + 1, 256), 254, 66], "upper"),
    "ECI at the end": ([66, 66, 241], "an ECI without its number"),
    "ECI that ends early": ([66, 241, 200], "an ECI that ends early"),
    "ECI that ends early, second": ([241, 200, 5], "an ECI that ends early"),
    "ECI 0": ([241, 0, 66], "an ECI begins with no codeword of 1..207"),
    "ECI 208": ([241, 208, 66], "an ECI begins with no codeword of 1..207"),
    "ECI digit 255": ([241, 130, 255], "an ECI codeword is not in 1..254"),
    "structured append, cut": ([233, 16, 1], "structured append needs four codewords"),
    "structured append of 17": ([233, 0x00, 1, 1, 66], "impossible position"),
    "structured append, 16th of 2": ([233, 0xFF, 1, 1, 66], "impossible position"),
    "structured append, file 0": ([233, 0x0F, 0, 1, 66], "not in 1..254"),
    "structured append, file 255": ([233, 0x0F, 1, 255, 66], "not in 1..254"),
    "structured append inside": ([66, 233, 0x0F, 1, 1], "structured append is not the first"),
    "reader programming inside": ([66, 234, 129], "reader programming is not the first"),
    "macro inside": ([66, 236, 129], "a macro is not the first"),
    "macro after macro": ([236, 237, 129], "a macro is not the first"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_message_is_refused_with_its_place(name: str) -> None:
    codewords, message = MALFORMED[name]
    with pytest.raises(MalformedPayload, match=message):
        read_codewords(bytes(codewords))
    with pytest.raises(MalformedPayload, match=message):
        through_a_symbol(codewords)


ODD = {
    "length 0 is to the end": ([231, *masked(2, [0, 65])], b"A"),
    "length 1 to the end": ([231, *masked(2, [1, 65])], b"A"),
    "an empty field at the end": ([66, 231, *masked(3, [0])], b"A"),
    "unlatch at once": ([230, 254, 129], b""),
    "a latch at the very end": ([66, 66, 230], b"AA"),
    "an EDIFACT latch at the very end": ([66, 66, 240], b"AA"),
    "C40, unlatched before the end": ([230, 91, 11, 254, 129], b"AIM"),
    "unlatch as the last codeword": ([66, 230, 91, 11, 254], b"AAIM"),
    "one codeword left after a latch is ASCII": ([66, 230, 66], b"AA"),
    "one left, filled with an unlatch": ([66, 230, 254], b"A"),
    "two left after a latch to EDIFACT are ASCII": ([240, 66, 67], b"AB"),
    "what follows a pad is not looked at": ([129, 0, 255], b""),
    "a shift 1 fills the last triple": (
        [66, 66, 230, *divmod(1600 * 14 + 40 * 22 + 1, 256)],
        b"AAAI",
    ),
    "FNC1 in C40 is a separator": (
        [230, *divmod(1600 * 14 + 40 * 1 + 27 + 1, 256), 254, 129],
        b"A\x1d",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_but_legal_message_is_read(name: str) -> None:
    codewords, payload = ODD[name]
    assert read_codewords(bytes(codewords)).payload == payload
    assert through_a_symbol(codewords).payload == payload


def test_what_a_symbol_says_besides_bytes() -> None:
    assert read_codewords(bytes([232, 66, 232, 67])).gs1
    assert read_codewords(bytes([232, 66, 232, 67])).payload == b"A\x1dB"
    industry = read_codewords(bytes([66, 232, 67]))
    assert (industry.industry, industry.gs1, industry.payload) == (True, False, b"AB")
    assert read_codewords(bytes([234, 66])).reader_programming
    append = read_codewords(bytes([233, 0x1C, 7, 254, 232, 66]))
    assert (append.append_index, append.append_total, append.append_file_id) == (
        2,
        5,
        7 * 256 + 254,
    )
    assert append.gs1
    # 5.4.1: the ranges of one, two and three codewords.
    numbers = {(1,): 0, (127,): 126, (128, 1): 127, (191, 254): 16382, (192, 1, 1): 16383}
    for codewords, number in numbers.items():
        found = read_codewords(bytes([241, *codewords, 66]))
        assert (found.payload, found.eci) == (b"A", number)
    assert read_codewords(bytes([241, 27, 66, 241, 4, 67])).eci == 26, "the first one counts"
    assert read_codewords(b"").payload == b""


def test_random_codewords_are_read_or_refused() -> None:
    """Nothing else is raised, and no symbol says more than it can hold."""
    choose = random.Random(6)
    interesting = [0, 1, 128, 129, 230, 231, 232, 233, 235, 236, 238, 239, 240, 241, 254, 255]
    outcomes = {"read": 0, "refused": 0}
    for _ in range(60_000):
        length = choose.choice([1, 2, 3, 4, 5, 8, 12, 40])
        codewords = bytes(
            choose.choice(interesting) if choose.random() < 0.4 else choose.randrange(256)
            for _ in range(length)
        )
        try:
            found = read_codewords(codewords)
        except MalformedPayload:
            outcomes["refused"] += 1
            continue
        outcomes["read"] += 1
        assert len(found.payload) <= 2 * length + 9
        assert 0 <= found.data_codewords_used <= length
    assert min(outcomes.values()) > 1000


@pytest.mark.parametrize("dark", [False, True])
def test_a_blank_or_solid_symbol_is_no_message(dark: bool) -> None:
    """All codewords 0 satisfy Reed-Solomon; ASCII codeword 0 does not exist."""
    for size in symbol_sizes():
        with pytest.raises((MalformedPayload, Uncorrectable)):
            decode(np.full(size.size, dark))


def test_random_modules_are_refused() -> None:
    noise = np.random.default_rng(7)
    for size in symbol_sizes():
        for _ in range(5):
            if size.error_codewords < 10:
                continue  # 10x10 and 12x12 meet a codeword now and then
            modules = noise.random(size.size) < 0.5
            doubt = noise.integers(0, 256, size.size, dtype=np.uint8)
            with pytest.raises((Uncorrectable, MalformedPayload)):
                decode(modules, doubt=doubt)


def hit(modules: np.ndarray, size: tuple[int, int], codewords: Iterable[int]) -> np.ndarray:
    """Invert the first module of each of these codewords."""
    damaged = modules.copy()
    indices = _codec.module_indices(size)
    for codeword in codewords:
        damaged.flat[indices[8 * codeword]] ^= True
    return damaged


def test_as_many_errors_as_the_size_corrects_and_one_more() -> None:
    """All in data, all in error codewords, and spread; every block has its own limit."""
    choose = random.Random(8)
    for size in symbol_sizes():
        parity = size.error_codewords // size.blocks
        limit = (parity - 1 if parity <= 7 else parity) // 2
        payload = choose.randbytes(size.base256_bytes)
        modules = encode(payload, size=size.size, encodation="base256").modules
        total = size.data_codewords + size.error_codewords
        first_block = list(range(0, total, size.blocks))
        for places in (
            first_block[:limit],
            first_block[-limit:],
            choose.sample(first_block, limit),
        ):
            found = decode(hit(modules, size.size, places))
            assert found.payload == payload
            assert found.errors_corrected == limit
        every_block = [i * size.blocks + b for b in range(size.blocks) for i in range(limit)]
        found = decode(hit(modules, size.size, every_block))
        assert found.errors_corrected == limit * size.blocks
        one_more = hit(modules, size.size, choose.sample(first_block, limit + 1))
        with contextlib.suppress(Uncorrectable, MalformedPayload):
            assert decode(one_more).payload != payload  # another codeword, close by


def test_borders_are_not_looked_at() -> None:
    symbol = encode(b"indicium", size=(32, 32))
    broken = symbol.modules.copy()
    broken[:, [0, 15, 16, 31]] = False
    broken[[0, 15, 16, 31]] = True
    assert decode(broken).payload == b"indicium"


def test_doubt_turns_damage_into_erasures() -> None:
    """40x40 has 48 error codewords: 24 errors, or 45 erasures (three are reserved)."""
    choose = random.Random(9)
    payload = choose.randbytes(112)
    symbol = encode(payload, size=(40, 40), encodation="base256")
    places = choose.sample(range(162), 44)
    damaged = hit(symbol.modules, (40, 40), places)
    with pytest.raises(Uncorrectable, match="block 1 of 1 of the 40x40 symbol"):
        decode(damaged)
    doubt = np.zeros((40, 40), np.uint8)
    indices = _codec.module_indices((40, 40))
    doubt.flat[[indices[8 * place] for place in places]] = 255
    found = decode(damaged, doubt=doubt)
    assert found.payload == payload
    assert 0 < found.erasures <= 45
    assert 2 * found.errors_corrected + found.erasures <= 48
    assert found.errors_corrected + found.erasures == 44
    with pytest.raises(Uncorrectable):
        decode(hit(symbol.modules, (40, 40), choose.sample(range(162), 60)), doubt=doubt)


def test_doubt_without_cause_changes_nothing() -> None:
    symbol = encode(b"sure", size=(20, 20))
    found = decode(symbol.modules, doubt=np.full((20, 20), 255, np.uint8))
    assert (found.payload, found.errors_corrected, found.erasures) == (b"sure", 0, 0)


def test_arrays_of_other_shapes_are_refused() -> None:
    for shape in [(0, 0), (1, 1), (11, 11), (40, 44), (145, 145), (100_000, 2), (10, 0)]:
        with pytest.raises(NoSuchSize, match=f"{shape[0]}x{shape[1]} is not one of the 48"):
            decode(np.zeros(shape, bool))
    with pytest.raises(BadArgument, match="modules have 1 dimensions"):
        decode(np.zeros(100, bool))
    good = encode(b"A").modules
    with pytest.raises(BadArgument, match="doubt is 12x12; the modules are 10x10"):
        decode(good, doubt=np.zeros((12, 12), np.uint8))
    with pytest.raises(BadArgument, match="doubt is float64"):
        decode(good, doubt=np.zeros((10, 10)))
