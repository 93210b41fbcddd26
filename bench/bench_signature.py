"""ECDSA P-256: batches of 64 messages of 109 bytes, beside a bare libcrypto loop and cryptography.

Every side starts from messages and hashes them. The bare loop (csrc/ecdsa_bare.cpp) keeps one
context, hashes as we do, and takes and gives DER; we take and give raw r||s, check form and range,
and make low s. `cryptography` gets its scheme object ready-made and converts to and from raw r||s.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bench.compare import Comparison, Contender, compare
from imicore import _imaging, signature
from imicore.keys import PrivateKey, compressed
from imicore.signature import Check, Signer, Verifier, raw_to_der

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

BATCH = 64
MANY_KEYS = 10_000


class Work:
    """One key, 64 messages, their signatures, and the peers ready to go."""

    def __init__(self) -> None:
        self.key = PrivateKey.from_scalar(0x1F2E3D4C5B6A)
        self.signer = Signer(self.key)
        self.messages = [i.to_bytes(109, "big") for i in range(BATCH)]
        self.signatures = self.signer.sign_batch(self.messages)
        self.ders = [raw_to_der(raw) for raw in self.signatures]
        self.points: list[bytes | None] = [self.key.public_key] * BATCH
        self.plain, self.hot = Verifier(hot_keys=0), Verifier(hot_after=0)
        library = signature._LIBCRYPTO
        assert library is not None, f"no libcrypto: {signature.backend().reason}"
        self.bare = _imaging.EcdsaBareLoop(library, 32, self.key.scalar(), self.key.public_key)
        self.assert_answers()

    def assert_answers(self) -> None:
        """All sides do the whole work: what one signs, the others verify."""
        for verifier in (self.plain, self.hot):
            assert set(self.verify(verifier)) == {Check.VALID}
        assert self.bare.verify(self.messages, self.ders) == BATCH
        assert self.bare.verify(self.messages, self.bare.sign(self.messages)) == BATCH
        assert self.bare.verify(self.messages, self.ders[::-1]) == 0
        raws = cryptography_sign(self.key.handle, self.messages)
        assert self.bare.verify(self.messages, [raw_to_der(raw) for raw in raws]) == BATCH
        cryptography_verify(self.key.handle.public_key(), self.messages, self.signatures)

    def verify(self, verifier: Verifier) -> list[Check]:
        return verifier.verify_batch(self.messages, self.signatures, self.points)


def cryptography_sign(key: "ec.EllipticCurvePrivateKey", messages: list[bytes]) -> list[bytes]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    scheme, raws = ec.ECDSA(hashes.SHA256()), []
    for message in messages:
        r, s = utils.decode_dss_signature(key.sign(message, scheme))
        raws.append(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    return raws


def cryptography_verify(
    key: "ec.EllipticCurvePublicKey", messages: list[bytes], raws: list[bytes]
) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, utils

    scheme = ec.ECDSA(hashes.SHA256())
    for message, raw in zip(messages, raws, strict=True):
        der = utils.encode_dss_signature(
            int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        )
        key.verify(der, message, scheme)  # raises if it does not hold


def comparisons() -> Iterator[Comparison]:
    work = Work()
    private, public = work.key.handle, work.key.handle.public_key()
    bare_verify = Contender(
        "bare libcrypto", lambda: work.bare.verify(work.messages, work.ders), BATCH
    )
    yield compare(
        "sign 64",
        Contender("sign_batch", lambda: work.signer.sign_batch(work.messages), BATCH),
        [
            Contender("bare libcrypto", lambda: work.bare.sign_and_drop(work.messages), BATCH),
            Contender("cryptography", lambda: cryptography_sign(private, work.messages), BATCH),
        ],
        goals={"bare libcrypto": 0.95, "cryptography": 1.15},
    )
    yield compare(
        "verify 64, key cached",
        Contender("verify_batch", lambda: work.verify(work.plain), BATCH),
        [
            bare_verify,
            Contender(
                "cryptography",
                lambda: cryptography_verify(public, work.messages, work.signatures),
                BATCH,
            ),
        ],
        goals={"bare libcrypto": 0.95, "cryptography": 1.05},
    )
    yield compare(
        "verify 64, key hot",
        Contender("verify_batch with tables", lambda: work.verify(work.hot), BATCH),
        [bare_verify],
        goals={"bare libcrypto": 2.5},
    )
    one = work.messages[0], work.signatures[0], work.points[0]
    yield compare(
        "verify 1, key cached",
        Contender("verify", lambda: work.plain.verify(*one)),
        [bare_verify],
        goals={"bare libcrypto": 0.85},
    )
    yield compare(
        "verify 1, key hot",
        Contender("verify with a table", lambda: work.hot.verify(*one)),
        [bare_verify],
    )
    yield new_keys(work)
    yield many_keys(bare_verify)


def new_keys(work: Work) -> Comparison:
    """A key that is not cached and comes compressed: parsed and decompressed first.

    The goal is that of OpenSSL 3.0 (2.4 cached verifies; 1.6 from 3.5 on).
    """
    verifier = Verifier(cached_keys=1, hot_keys=0)
    others = [PrivateKey.from_scalar(2 + i) for i in range(2)]
    turns = [(compressed(key.public_key), Signer(key).sign(b"piece")) for key in others]

    def run() -> None:
        for point, raw in turns:
            assert verifier.verify(b"piece", raw, point) is Check.VALID

    run()
    found = compare(
        "verify 1, key new and compressed",
        Contender("verify", run, len(turns)),
        [Contender("verify, key cached", lambda: work.verify(work.plain), BATCH)],
        goals={"verify, key cached": 1 / 2.4},
    )
    assert verifier.statistics().key_hits == 0
    return found


def many_keys(bare_verify: Contender) -> Comparison:
    """10,000 keys in turn, all cached: what a sorter sees whose mail comes from everywhere."""
    signers = [Signer(PrivateKey.from_scalar(1 + i)) for i in range(MANY_KEYS)]
    signatures = [signer.sign_batch([b"piece"])[0] for signer in signers]
    points = [signer.public_key for signer in signers]
    verifier = Verifier(cached_keys=MANY_KEYS, hot_keys=0)
    checks = verifier.verify_batch([b"piece"] * MANY_KEYS, signatures, points)
    assert set(checks) == {Check.VALID}
    place = 0

    def run() -> None:
        nonlocal place
        part = slice(place, place + BATCH)
        count = len(verifier.verify_batch([b"piece"] * BATCH, signatures[part], points[part]))
        assert count == BATCH
        place = (place + BATCH) % (MANY_KEYS - BATCH)

    return compare(
        "verify 64 of 10,000 cached keys",
        Contender("verify_batch", run, BATCH),
        [bare_verify],
        goals={"bare libcrypto": 0.8},
    )


def test_sign_batch(benchmark: Any) -> None:
    work = Work()
    made = benchmark(work.signer.sign_batch, work.messages)
    assert work.plain.verify_batch(work.messages, made, work.points) == [Check.VALID] * BATCH


def test_verify_batch_hot(benchmark: Any) -> None:
    work = Work()
    assert benchmark(work.verify, work.hot) == [Check.VALID] * BATCH
