"""The set of numbers seen, beside a Python set."""

import subprocess
import sys
import threading
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imicore.errors import BadArgument
from imicore.presence import Numbers, Presence, Series

pytestmark = pytest.mark.native

BLOCK = 1024
EDGES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2**31, 2**32 - BLOCK, 2**32 - 1]
PAIRS = st.tuples(
    st.one_of(st.integers(0, 3), st.integers(2**64 - 3, 2**64 - 1)),
    st.one_of(st.sampled_from(EDGES), st.integers(0, 2**32 - 1)),
)


def arrays(pairs: list[tuple[int, int]]) -> tuple[Series, Numbers]:
    return (
        np.array([series for series, _ in pairs], np.uint64),
        np.array([number for _, number in pairs], np.uint32),
    )


@given(st.lists(st.lists(PAIRS, max_size=80), max_size=6), st.lists(PAIRS, max_size=40))
def test_a_batch_answers_as_a_set_would_one_pair_after_the_other(
    batches: list[list[tuple[int, int]]], asked: list[tuple[int, int]]
) -> None:
    presence, model = Presence(), set[tuple[int, int]]()
    for batch in batches:
        expected = []
        for pair in batch:
            expected.append(pair not in model)
            model.add(pair)
        assert presence.add_many(*arrays(batch)).tolist() == expected
        assert presence.contains_many(*arrays(asked)).tolist() == [p in model for p in asked]
    assert len(presence) == len(model)
    assert presence.blocks == len({(series, number // BLOCK) for series, number in model})


@given(st.lists(PAIRS, max_size=60))
def test_one_at_a_time_answers_as_a_batch_does(pairs: list[tuple[int, int]]) -> None:
    one, many = Presence(), Presence()
    assert [one.add(*pair) for pair in pairs] == many.add_many(*arrays(pairs)).tolist()
    assert all(pair in one for pair in pairs)
    assert len(one) == len(many)


def test_series_that_differ_in_one_bit_are_strangers() -> None:
    """Both halves of the name count, and a block's own place in its series (domain trap 6)."""
    presence = Presence()
    presence.add(1, 5)
    for bit in range(64):
        assert (1 ^ 1 << bit, 5) not in presence
    for bit in range(32):
        assert (1, 5 ^ 1 << bit) not in presence


def test_the_index_grows_without_losing_a_block() -> None:
    """Past the first 1,024 slots and the first chunk of 8,192 blocks, several times over."""
    rng, presence = Random(5), Presence()
    pairs = [(rng.getrandbits(64), rng.getrandbits(32)) for _ in range(40_000)]
    assert presence.add_many(*arrays(pairs)).all()
    assert presence.contains_many(*arrays(pairs)).all()
    assert not presence.contains_many(*arrays([(s, n ^ 1) for s, n in pairs])).any()
    assert presence.blocks == len(pairs)


def test_full_blocks_take_a_bit_a_number() -> None:
    """128 bytes a block, at most 43 of index, one chunk kept ahead: 10^9 numbers in 165 MB."""
    presence = Presence()
    numbers = np.arange(BLOCK, dtype=np.uint32)
    devices = 4096
    for series in range(devices):
        presence.add_many(np.full(BLOCK, series, np.uint64), numbers)
    assert len(presence) == devices * BLOCK
    assert presence.memory_bytes <= devices * (128 + 43) + (1 << 20)


def test_what_is_not_a_pair_is_refused_by_name() -> None:
    presence = Presence()
    series, numbers = arrays([(1, 2), (3, 4)])
    with pytest.raises(BadArgument, match="2 series and 1 numbers"):
        presence.add_many(series, numbers[:1])
    with pytest.raises(BadArgument, match=r"series as uint64\[n\] are wanted.*int64"):
        presence.add_many(series.astype(np.int64), numbers)  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match=r"numbers as uint32\[n\] are wanted.*uint64"):
        presence.contains_many(series, series)  # type: ignore[arg-type]
    with pytest.raises(BadArgument, match="2 dimensions"):
        presence.add_many(series.reshape(1, 2), numbers)
    with pytest.raises(BadArgument, match="contiguous"):
        presence.add_many(np.zeros(4, np.uint64)[::2], numbers)
    with pytest.raises(BadArgument, match="aligned"):
        presence.add_many(np.frombuffer(bytes(17), np.uint64, offset=1), numbers)
    with pytest.raises(BadArgument, match="uint64"):
        presence.add_many(series.astype(">u8"), numbers)
    with pytest.raises(BadArgument, match="number 4294967296 is outside"):
        presence.add(1, 2**32)
    with pytest.raises(BadArgument, match="series -1 is outside"):
        assert (-1, 0) in presence
    assert len(presence) == 0


def test_threads_share_one_set() -> None:
    """Of eight threads that add the same pairs, one is told of each that it was new."""
    presence = Presence()
    pairs = arrays([(n % 7, n) for n in range(20_000)])
    told: list[int] = []

    def work() -> None:
        told.append(sum(int(presence.add_many(*pairs).sum()) for _ in range(5)))
        assert presence.contains_many(*pairs).all()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 8
    assert sum(told) == len(presence) == 20_000


def test_the_billion_check_in_small() -> None:
    """The command that fills 10^9 pairs, with 2 * 10^5 (its figures are of full size)."""
    root = Path(__file__).parent.parent.parent
    command = [sys.executable, "-m", "bench.presence_billion", "--count", "200000"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert '"missed": 0' in done.stdout
    assert '"accused": 0' in done.stdout
