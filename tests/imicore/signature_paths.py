"""The ways a signature can be verified. All must say the same."""

from collections.abc import Callable, Sequence
from unittest import mock

from imicore import signature
from imicore.signature import Check, Verifier

Item = tuple[bytes, bytes, bytes | None]  # message, signature, public key
MANY = {"cached_keys": 1000, "hot_keys": 1000}


def fallback(**options: int) -> Verifier:
    """A verifier as a machine without libcrypto has it."""
    with mock.patch.object(signature, "_LIBCRYPTO", None):
        return Verifier(**options)


def one_by_one(verifier: Verifier, items: Sequence[Item]) -> list[Check]:
    return [verifier.verify(*item) for item in items]


def all_at_once(verifier: Verifier, items: Sequence[Item]) -> list[Check]:
    messages, signatures, keys = zip(*items, strict=True)
    return verifier.verify_batch(messages, signatures, keys)


def hot(items: Sequence[Item]) -> list[Check]:
    """Both ways over the same tables, which take 30 ms each to build."""
    verifier = Verifier(**MANY, hot_after=0)
    checks = all_at_once(verifier, items)
    assert one_by_one(verifier, items) == checks
    return checks


PATHS: dict[str, Callable[[Sequence[Item]], list[Check]]] = {
    "single": lambda items: one_by_one(Verifier(hot_keys=0), items),
    "batch": lambda items: all_at_once(Verifier(hot_keys=0), items),
    "hot": hot,
    "turning hot": lambda items: all_at_once(Verifier(cached_keys=8, hot_after=2), items),
    "fall-back single": lambda items: one_by_one(fallback(), items),
    "fall-back batch": lambda items: all_at_once(fallback(cached_keys=3), items),
}
