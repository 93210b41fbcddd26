"""Bytes to data codewords: the fewest, by an oracle that tries all streams and by the peers."""

import itertools
import random

import pytest

from imicore import _codec
from imicore.datamatrix import decode, encode, read_codewords, symbol_sizes
from imicore.errors import BadArgument, NotEncodable, PayloadTooLong
from tests.oracles import encodations, peers

pytestmark = pytest.mark.native

SIZE_WITH = {size.data_codewords: size.size for size in symbol_sizes() if not size.dmre}
SMALL = [capacity for capacity in sorted(SIZE_WITH) if capacity <= 22]

# Each alphabet stands for a conflict: triples against digit pairs, shifts, upper shift, X12's and
# EDIFACT's borders.
ALPHABETS = [
    b"A1",
    b"Aa",
    b"A1a",
    b"AB\xe9",
    b"A>\r",
    b"A.1",
    b"a\xe1",
    b"\x01A1",
    b"@A1\x80",
    b"1",
]


def written(text: bytes, capacity: int) -> int | None:
    """Codewords used in the real symbol of `capacity`, after reading it back."""
    try:
        symbol = encode(text, size=SIZE_WITH[capacity])
    except PayloadTooLong:
        return None
    found = decode(symbol.modules)
    assert found.payload == text
    return found.data_codewords_used


@pytest.mark.parametrize("alphabet", [b"A1", b"Aa", b"A\xe9", b"A>", b"1."])
def test_every_text_of_up_to_seven_bytes_takes_the_fewest(alphabet: bytes) -> None:
    for length in range(8):
        for letters in itertools.product(alphabet, repeat=length):
            text = bytes(letters)
            for capacity in (3, 5, 8):
                assert written(text, capacity) == encodations.fewest(text, capacity), (
                    text,
                    capacity,
                )


def test_mixed_texts_take_the_fewest_in_every_small_symbol() -> None:
    choose = random.Random(16022)
    for _ in range(100):
        alphabet = choose.choice([*ALPHABETS, bytes(range(256))])
        text = bytes(choose.choices(alphabet, k=choose.randint(5, 18)))
        for capacity in SMALL:
            assert written(text, capacity) == encodations.fewest(text, capacity), (text, capacity)


def test_capacities_that_no_symbol_has_take_the_fewest_too() -> None:
    """The rules at the end depend on how many codewords are left: every remainder is tried."""
    choose = random.Random(21471)
    for _ in range(40):
        runs = choose.choices([b"ABC", b"abc", b"123", b">A*", b"A.@", b"\xe9\xff"], k=3)
        text = b"".join(bytes(choose.choices(run, k=choose.randint(2, 9))) for run in runs)
        for capacity in range(len(text) // 2, len(text) + 4):
            expected = encodations.fewest(text, capacity)
            assert _codec.fewest_codewords(text, capacity) == expected, (text, capacity)


@pytest.mark.parametrize("length", [249, 250, 251, 277, 278, 279, 499, 500, 1554, 1555, 1556])
def test_long_binary_fields_take_two_length_codewords_or_none(length: int) -> None:
    """ISO/IEC 16022:2006 5.2.9.1: 1 up to 249 bytes, 2 from 250, and 0 means to the end."""
    payload = bytes(128 + (7 * i) % 128 for i in range(length))
    header = 2 if length < 250 else 3
    assert _codec.fewest_codewords(payload, 1558) == min(length + header, 1558)
    for encodation in ("base256", "auto"):
        symbol = encode(payload, encodation=encodation)
        found = decode(symbol.modules)
        assert found.payload == payload
        assert found.data_codewords_used in (length + header, length + 2)
        assert len(symbol.codewords) == min(
            s.data_codewords + s.error_codewords
            for s in symbol_sizes()
            if s.rows == s.columns and s.base256_bytes >= length
        )


@pytest.mark.parametrize(
    ("encodation", "text", "codewords"),
    [
        ("ascii", b"123456", [142, 164, 186]),
        ("c40", b"AIM", [230, 91, 11]),  # the standard's example of C40 (5.2.5.2)
        ("text", b"aim", [239, 91, 11]),
        ("x12", b"ABC>ABC123>AB", [238, 89, 233, 14, 192, 100, 207, 44, 31, 67]),
        ("edifact", b".A.C1.3.X.", [240, 184, 27, 131, 198, 236, 238, 98, 231, 192]),
    ],
)
def test_a_demanded_encodation_writes_known_codewords(
    encodation: str, text: bytes, codewords: list[int]
) -> None:
    capacity = next(c for c in (3, 5, 10) if c >= len(codewords))
    symbol = encode(text, size=SIZE_WITH[capacity], encodation=encodation)  # type: ignore[arg-type]
    assert list(symbol.codewords[: len(codewords)]) == codewords
    assert decode(symbol.modules).payload == text


@pytest.mark.parametrize("encodation", ["ascii", "c40", "text", "x12", "edifact", "base256"])
def test_a_demanded_encodation_is_read_back_at_every_length(encodation: str) -> None:
    alphabet = {"x12": b"A9 >*\r", "edifact": bytes(range(32, 95))}.get(
        encodation, bytes(range(256))
    )
    choose = random.Random(5)
    for length in range(80):
        text = bytes(choose.choices(alphabet, k=length))
        symbol = encode(text, encodation=encodation)  # type: ignore[arg-type]
        assert decode(symbol.modules).payload == text
        latch = {"c40": 230, "base256": 231, "x12": 238, "text": 239, "edifact": 240}
        if encodation in latch and length:
            assert symbol.codewords[0] == latch[encodation]


def test_a_byte_outside_the_demanded_encodation_is_named() -> None:
    with pytest.raises(NotEncodable, match="byte 97 at 2 is not in X12"):
        encode(b"ABa", encodation="x12")
    with pytest.raises(NotEncodable, match="byte 95 at 0 is not in EDIFACT"):
        encode(b"_", encodation="edifact")


def test_a_macro_is_written_as_one_codeword() -> None:
    """ISO/IEC 16022:2006 5.2.4.7: header and trailer of nine bytes become 236 or 237."""
    for digit, codeword in ((b"5", 236), (b"6", 237)):
        text = b"[)>\x1e0" + digit + b"\x1dABC\x1e\x04"
        symbol = encode(text)
        assert symbol.codewords[:4] == bytes([codeword, 66, 67, 68])
        found = decode(symbol.modules)
        assert (found.payload, found.macro) == (text, int(digit))


def test_no_search_for_what_can_not_fit() -> None:
    with pytest.raises(PayloadTooLong, match="payload is 10000000 bytes"):
        encode(b"1" * 10_000_000)
    assert encode(b"1" * 3116).size == (144, 144)
    with pytest.raises(PayloadTooLong, match="payload is 3117 bytes"):
        encode(b"1" * 3117)
    with pytest.raises(BadArgument, match="capacity is 1559"):
        _codec.fewest_codewords(b"", 1559)


@pytest.mark.parametrize("peer", ["zint", "zxing"])
def test_no_peer_takes_fewer_codewords(peer: str) -> None:
    """A part of ``python -m bench.count_codewords``, which runs 10,000 texts."""
    pytest.importorskip({"zint": "zint", "zxing": "zxingcpp"}[peer])
    encoder = {"zint": peers.zint_encoder, "zxing": peers.zxing_encoder}[peer]()
    gains = []
    for text in peers.mixed_texts(1500, seed=7):
        theirs = encoder(text)
        gains.append(peers.gain(text, theirs))
        assert peers.CAPACITIES[encode(text).size] <= theirs.capacity, text
    assert min(gains) >= 0
    assert max(gains) > 0, "a comparison that never finds a difference compares nothing"


def test_zxing_reads_what_automatic_writes() -> None:
    zxingcpp = pytest.importorskip("zxingcpp")
    for text in peers.mixed_texts(600, seed=8):
        read = zxingcpp.read_barcode(peers.picture(encode(text).modules), is_pure=True)
        assert read is not None
        assert read.bytes == text


def test_pads_follow_annex_b() -> None:
    """253-state: 149 * position mod 253 + 1 on top of 129; the first pad is 129 itself."""
    pads = encode(b"", size=(20, 20)).codewords[:22]
    randomised = [129 + 149 * position % 253 + 1 for position in range(2, 23)]
    assert list(pads) == [129, *(p if p <= 254 else p - 254 for p in randomised)]
    assert read_codewords(pads).data_codewords_used == 0
