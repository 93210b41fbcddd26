"""What the verifier keeps: parsed keys, tables of hot keys; and that tables change no verdict."""

import random

import pytest

from imicore import keys, signature
from imicore.errors import BadArgument
from imicore.signature import Algorithm, Check, Signer, Verifier
from tests.imicore.signature_paths import all_at_once, fallback

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
pytestmark = [
    pytest.mark.native,
    pytest.mark.skipif(signature.backend().name != "libcrypto", reason="needs libcrypto"),
]
SIGNERS = [Signer(keys.PrivateKey.from_scalar(2000 + i)) for i in range(5)]
RAWS = [signer.sign(b"piece") for signer in SIGNERS]


def verify(verifier: Verifier, i: int) -> None:
    assert verifier.verify(b"piece", RAWS[i], SIGNERS[i].public_key) is Check.VALID


@pytest.mark.parametrize("make", [Verifier, fallback], ids=["libcrypto", "fall-back"])
def test_the_least_recently_used_key_goes(make: type[Verifier]) -> None:
    verifier = make(cached_keys=2, hot_keys=0)
    for i in (0, 1, 0, 2, 0, 1):  # 2 pushes 1 out, not 0; then 1 pushes 2 out
        verify(verifier, i)
    found = verifier.statistics()
    assert (found.key_hits, found.key_misses, found.key_evictions, found.keys) == (2, 4, 2, 2)


@pytest.mark.parametrize("make", [Verifier, fallback], ids=["libcrypto", "fall-back"])
def test_bad_keys_push_nothing_out(make: type[Verifier]) -> None:
    verifier = make(cached_keys=1, hot_keys=0)
    verify(verifier, 0)
    for last in range(50):
        key = SIGNERS[0].public_key[:-1] + bytes([last])
        assert verifier.verify(b"piece", RAWS[0], key) in {Check.BAD_KEY, Check.VALID}
    found = verifier.statistics()
    assert (found.keys, found.key_evictions, found.keys_refused >= 49) == (1, 0, True)


def test_a_key_turns_hot_after_its_count() -> None:
    verifier = Verifier(hot_after=3)
    for _ in range(5):
        verify(verifier, 0)
    found = verifier.statistics()
    assert (found.plain_verifies, found.hot_verifies, found.tables_built) == (3, 2, 1)


def test_the_least_recently_used_table_goes_and_must_be_earned_again() -> None:
    verifier = Verifier(hot_keys=2, hot_after=1)
    for i in (0, 0, 1, 1, 0, 2, 2):  # the third table takes that of key 1
        verify(verifier, i)
    assert verifier.statistics().table_evictions == 1
    before = verifier.statistics().plain_verifies
    verify(verifier, 0)
    assert verifier.statistics().plain_verifies == before
    verify(verifier, 1)
    assert verifier.statistics().plain_verifies == before + 1


def test_a_key_that_leaves_takes_its_table_along() -> None:
    verifier = Verifier(cached_keys=1, hot_after=0)
    verify(verifier, 0)
    verify(verifier, 1)
    found = verifier.statistics()
    assert (found.keys, found.hot_keys, found.tables_built) == (1, 1, 2)


def test_tables_can_be_built_ahead_and_forbidden() -> None:
    eager, never = Verifier(), Verifier(hot_keys=0, hot_after=0)
    assert eager.warm(SIGNERS[0].public_key)
    assert not never.warm(SIGNERS[0].public_key)
    assert not fallback().warm(SIGNERS[0].public_key)
    verify(eager, 0)
    verify(never, 0)
    assert eager.statistics().hot_verifies == 1
    assert never.statistics().tables_allowed is False


def test_no_table_for_p384_and_for_bad_points() -> None:
    """libcrypto's generic curve code would ignore the table."""
    large = Signer(keys.PrivateKey.from_scalar(5, Algorithm.P384))
    verifier = Verifier(hot_after=0)
    assert not verifier.warm(large.public_key)
    assert not verifier.warm(b"\4" + bytes(64))
    assert not verifier.warm(b"")
    check = verifier.verify(b"piece", large.sign(b"piece"), large.public_key)
    assert (check, verifier.statistics().tables_built) == (Check.VALID, 0)


def test_limits_are_checked() -> None:
    for options in ({"cached_keys": 0}, {"cached_keys": 2, "hot_keys": 3}, {"hot_after": -1}):
        with pytest.raises(BadArgument, match="hot_keys"):
            Verifier(**options)


def mutation(chance: random.Random) -> tuple[bytes, bytes, bytes]:
    """A right signature, or one that is wrong in a random way, mostly still in range."""
    i = chance.randrange(len(SIGNERS))
    message, raw, key = b"piece", bytearray(RAWS[i]), SIGNERS[i].public_key
    way = chance.randrange(8)
    if way == 1:
        raw[chance.randrange(64)] ^= 1 << chance.randrange(8)
    elif way == 2:
        message = chance.randbytes(5)
    elif way == 3:
        key = SIGNERS[chance.randrange(len(SIGNERS))].public_key
    elif way == 4:
        half = 32 * chance.randrange(2)
        raw[half : half + 32] = chance.randbytes(32)
    elif way == 5:
        raw[32:] = (P256_ORDER - int.from_bytes(raw[32:], "big")).to_bytes(32, "big")
    elif way == 6:
        half = 32 * chance.randrange(2)
        edge = chance.choice(
            [0, P256_ORDER, P256_ORDER // 2, 2**256 - 1, 1 << chance.randrange(255)]
        )
        raw[half : half + 32] = (edge ^ chance.randrange(4)).to_bytes(32, "big")
    elif way == 7:
        del raw[chance.randrange(65) :]
    return message, bytes(raw), key


def differing(count: int, seed: int) -> tuple[int, set[Check]]:
    """How many of `count` mutations the hot and the plain way disagree on, and what was seen."""
    chance = random.Random(seed)
    hot, plain = Verifier(hot_after=0), Verifier(hot_keys=0)
    differences, seen = 0, set()
    for start in range(0, count, 1000):
        items = [mutation(chance) for _ in range(min(1000, count - start))]
        left, right = all_at_once(hot, items), all_at_once(plain, items)
        differences += sum(a is not b for a, b in zip(left, right, strict=True))
        seen |= set(right)
    assert hot.statistics().plain_verifies == plain.statistics().hot_verifies == 0
    return differences, seen


def test_tables_change_no_verdict() -> None:
    """10^6 mutations (seed 1) showed no difference; this is the short form."""
    differences, seen = differing(10_000, seed=2)
    assert differences == 0
    assert seen == set(Check) - {Check.UNKNOWN_KEY, Check.BAD_KEY, Check.DER_FORM}
