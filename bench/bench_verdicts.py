"""Payload to durable verdict, in batches on one core, beside a bare loop of libcrypto's verify.

The bare loop only checks signatures, of one key; ours parses, finds the device, checks, looks for
copies, prices, judges and has a row on the disk. Every payload is new to the history. Pieces are of
a run of like mail, or every one was weighed and measured otherwise, so that no price is remembered.
"""

import random
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from bench.bench_signature import Work
from bench.compare import Comparison, Contender, compare
from imicore import signature
from imicore.signature import Signer
from postage.facts import PieceFacts
from postage.indicium import pack
from postage.mailpiece import Mailpiece
from postage.money import Money
from postage.rates import RateBook
from postage.verdicts import Code
from service.heap import settle
from sorter.authenticity import Examiner
from sorter.duplicates import DuplicateStore
from sorter.register import Register
from sorter.trust import Trust
from sorter.verifier import Verifier
from tests.sorter.mail import TODAY, Device, facts, register

GROUP: Final = 1_024  # pieces of a batch, which share one commit
GROUPS: Final = 32
HOT_KEYS: Final = 64  # that a checker has tables for, unless told
ROUND_S: Final = 0.06
ROUNDS: Final = 15
BARE_US: Final = 74.0  # limits.md 1.3: EVP_PKEY_verify on OpenSSL 3.0
HOT_US: Final = 50.0  # design.md 4: 20,000 a second on a core
MANY_GOAL: Final = 0.8  # design.md 4: of the bare loop, with 10,000 keys

Batch = list[tuple[bytes, PieceFacts]]


def fleet(count: int) -> tuple[list[Signer], Register]:
    """Return the signers of so many meters and the register that lists them."""
    meters = [Device(serial) for serial in range(1, count + 1)]
    return [meter.signer for meter in meters], register(*(meter.record() for meter in meters))


def batches(signers: list[Signer], *, is_varied: bool, groups: int) -> Iterator[Batch]:
    """Yield batches of new pieces, 780 mills paid and due."""
    rng = random.Random(1)
    plain = facts()
    for group in range(groups):
        batch: Batch = []
        for at in range(group * GROUP, (group + 1) * GROUP):
            serial = at % len(signers)
            signed = pack(
                "imi-std/p1",
                vendor_model="TPB1",
                device_serial=serial + 1,
                ascending=Money(780 * (at + 1)),
                postage=Money(780),
                mailing_date=TODAY,
                piece_count=at + 1,
                rate_category=111,
                weight_tenths_oz=10,
                mailer_id=901_061_457,
            )
            about = replace(plain, piece_id=f"piece {at}", image_id=f"image {at}")
            if is_varied:
                assert about.measured is not None
                about = replace(about, measured=replace(about.measured, piece=_letter(rng)))
            batch.append((signed + signers[serial].sign(signed), about))
        yield batch


def _letter(rng: random.Random) -> Mailpiece:
    sides = (9_500 + rng.randrange(-50, 50), 4_125 + rng.randrange(-50, 50), rng.randrange(15, 40))
    return Mailpiece(*sides, rng.randrange(905, 1_000))


def against_bare(
    name: str, keys: int, *, is_varied: bool, goals: dict[str, float], work: Work
) -> Comparison:
    """Return one comparison; every verdict is VALID and every row in the log at the end."""
    signers, listed = fleet(keys)
    made = list(batches(signers, is_varied=is_varied, groups=GROUPS))
    waiting = iter(made)
    judged = 0
    with tempfile.TemporaryDirectory() as folder:
        store = DuplicateStore.at(Path(folder) / "scans.db")
        checker = signature.Verifier()
        if keys <= HOT_KEYS:
            assert all(checker.warm(signer.public_key) for signer in signers)
        examiner = Examiner(checker)
        examiner.examine([payload for batch in made for payload, _ in batch], listed, "production")
        verifier = Verifier(Trust(listed), store, RateBook.load(), examiner=examiner)
        settle()  # as the programs of the lane do

        def ours() -> None:
            nonlocal judged
            verdicts = verifier.verify_many(next(waiting))
            assert all(one.code is Code.VALID for one in verdicts)
            judged += len(verdicts)

        def bare() -> None:
            assert work.bare.verify(work.messages, work.ders) == len(work.messages)

        found = compare(
            name,
            Contender("verify_many, durable", ours, GROUP),
            [Contender("bare libcrypto", bare, len(work.messages))],
            goals=goals,
            rounds=ROUNDS,
            round_s=ROUND_S,
        )
        assert sum(1 for _ in store.told()) == judged
        store.close()
    return found


def comparisons() -> Iterator[Comparison]:
    work = Work()
    hot = {"bare libcrypto": BARE_US / HOT_US}
    yield against_bare(
        "verdict, 64 hot keys, like pieces", 64, is_varied=False, goals=hot, work=work
    )
    yield against_bare("verdict, 64 hot keys, all sizes", 64, is_varied=True, goals={}, work=work)
    many = {"bare libcrypto": MANY_GOAL}
    yield against_bare("verdict, 10,000 keys", 10_000, is_varied=False, goals=many, work=work)


def test_verify_many(benchmark: Any) -> None:
    signers, listed = fleet(16)
    waiting = batches(signers, is_varied=True, groups=10_000)
    with tempfile.TemporaryDirectory() as folder:
        store = DuplicateStore.at(Path(folder) / "scans.db")
        verifier = Verifier(Trust(listed), store, RateBook.load())
        verdicts = benchmark.pedantic(
            verifier.verify_many, setup=lambda: ((next(waiting),), {}), rounds=5
        )
        store.close()
    assert [one.code for one in verdicts] == [Code.VALID] * GROUP
