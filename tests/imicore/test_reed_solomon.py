"""Reed-Solomon: error codewords by long division, and correction that proves its answer."""

import os
import random
import subprocess
import sys

import pytest

from imicore import _codec
from imicore.datamatrix import symbol_sizes
from imicore.errors import BadArgument, Uncorrectable
from tests.oracles import galois

pytestmark = pytest.mark.native

BLOCKS = sorted(  # (data, parity) of every block that a symbol size has
    {
        (data, s.error_codewords // s.blocks)
        for s in symbol_sizes()
        for data in {s.data_codewords // s.blocks, -(-s.data_codewords // s.blocks)}
    }
)


def damaged(block: bytes, places: list[int], choose: random.Random) -> bytes:
    result = bytearray(block)
    for place in places:
        result[place] ^= choose.randint(1, 255)
    return bytes(result)


def test_parity_of_the_standards_example() -> None:
    """The worked example of ISO/IEC 16022:2006: "123456" is 142 164 186, then 114 25 5 88 102."""
    assert _codec.rs_encode(bytes([142, 164, 186]), 5) == bytes([114, 25, 5, 88, 102])


@pytest.mark.parametrize("portable", [False, True])
def test_parity_is_the_remainder_for_every_block_of_every_size(portable: bool) -> None:
    choose = random.Random(1)
    for length, parity in BLOCKS:
        data = choose.randbytes(length)
        expected = galois.error_codewords(data, parity)
        assert _codec.rs_encode(data, parity, portable=portable) == expected, (length, parity)


def test_both_variants_agree_for_every_parity_and_length() -> None:
    choose = random.Random(2)
    for parity in range(1, 69):
        for length in {0, 1, 2, choose.randint(3, 150), 255 - parity}:
            data = choose.randbytes(length)
            found = _codec.rs_encode(data, parity)
            assert found == _codec.rs_encode(data, parity, portable=True), (length, parity)
            if length:
                assert not any(
                    galois.syndromes(data[-20:] + _codec.rs_encode(data[-20:], parity), parity)
                )


def test_the_variable_imi_isa_forces_the_portable_variant() -> None:
    code = (
        "from imicore import _codec as c; print(c.isa(), c.rs_encode(bytes(range(99)), 48).hex())"
    )
    environment = {**os.environ, "IMI_ISA": "portable", "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    ).stdout.split()
    assert found == ["portable", _codec.rs_encode(bytes(range(99)), 48).hex()]


def test_errors_up_to_half_the_parity_are_corrected() -> None:
    choose = random.Random(3)
    for length, parity in BLOCKS:
        data = choose.randbytes(length)
        block = data + _codec.rs_encode(data, parity)
        for errors in range(parity // 2 + 1):
            received = damaged(block, choose.sample(range(len(block)), errors), choose)
            assert _codec.rs_correct(received, parity) == (block, errors)


def test_errors_and_erasures_up_to_the_bound_are_corrected() -> None:
    """2 * errors + erasures + reserve <= parity, for every split."""
    choose = random.Random(4)
    for length, parity in BLOCKS:
        data = choose.randbytes(length)
        block = data + _codec.rs_encode(data, parity)
        for erased in range(parity + 1):
            reserve = 3 if 2 * erased > parity else 0
            if erased + reserve > parity:
                continue
            errors = (parity - erased - reserve) // 2
            if erased + errors > len(block):
                continue
            places = choose.sample(range(len(block)), erased + errors)
            received = damaged(block, places, choose)
            found = _codec.rs_correct(received, parity, erasures=places[:erased])
            assert found == (block, errors), (length, parity, erased)


def test_an_answer_is_a_codeword_within_the_bound_or_there_is_none() -> None:
    """Past the limit a decoder may meet another codeword; it must never return anything else."""
    choose = random.Random(5)
    refused = answered = 0
    for _ in range(3000):
        length, parity = choose.choice([(3, 5), (5, 7), (8, 10), (12, 12), (22, 18)])
        data = choose.randbytes(length)
        block = data + _codec.rs_encode(data, parity)
        errors = choose.randint(parity // 2 + 1, len(block))
        received = damaged(block, choose.sample(range(len(block)), errors), choose)
        erasures = choose.sample(range(len(block)), choose.randint(0, parity // 2))
        try:
            found, changed = _codec.rs_correct(received, parity, erasures=erasures, reserve=0)
        except Uncorrectable:
            refused += 1
            continue
        answered += 1
        assert not any(galois.syndromes(found, parity))
        differing = {i for i in range(len(block)) if found[i] != received[i]} - set(erasures)
        assert len(differing) == changed
        assert 2 * changed + len(erasures) <= parity
    assert refused > answered > 0


def test_every_pattern_of_two_errors_in_the_smallest_symbol() -> None:
    """10x10: 8 codewords, 5 of them for errors; all 28 pairs of places, many values."""
    block = bytes([142, 164, 186, 114, 25, 5, 88, 102])
    for i in range(8):
        for j in range(i):
            for value in range(1, 256):
                received = bytearray(block)
                received[i] ^= value
                received[j] ^= 256 - value
                assert _codec.rs_correct(bytes(received), 5, reserve=1) == (block, 2)


def test_with_erasures_only_the_reserve_is_what_proves() -> None:
    """As many erasures as parity make any word a codeword: the standard keeps three back."""
    received = bytes(range(30))
    everything = range(10, 30)
    found, _ = _codec.rs_correct(received, 20, erasures=everything, reserve=0)
    assert not any(galois.syndromes(found, 20))
    with pytest.raises(Uncorrectable):
        _codec.rs_correct(received, 20, erasures=everything)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: _codec.rs_encode(b"abc", 0), "parity is 0 codewords; a block has 1 to 68"),
        (lambda: _codec.rs_encode(b"abc", 69), "parity is 69"),
        (lambda: _codec.rs_encode(bytes(200), 56), "the block has 256 codewords; the field allows"),
        (lambda: _codec.rs_correct(bytes(5), 5), "no data is left"),
        (lambda: _codec.rs_correct(bytes(9), 5, erasures=[9]), "erasure at 9; the block has 9"),
        (lambda: _codec.rs_correct(bytes(9), 5, erasures=[-1]), "erasure at -1"),
        (lambda: _codec.rs_correct(bytes(9), 5, reserve=-1), "reserve is -1; it is 0 to 5"),
        (lambda: _codec.rs_correct(bytes(9), 5, reserve=2**31 - 1), "it is 0 to 5"),
        (lambda: _codec.rs_encode(b"abc", 2**63 - 1), "parity is 9223372036854775807"),
        (lambda: _codec.rs_correct(b"abc", -(2**63)), "parity is -9223372036854775808"),
    ],
)
def test_bad_arguments_are_named(call: object, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        call()  # type: ignore[operator]
