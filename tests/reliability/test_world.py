"""The simulated world meets every fault, balances every day, and finds what is broken; R11."""

from unittest.mock import patch

import pytest

from imi.fakeprovider import FakeProvider
from imi.meterworld import FAULTS, MeterWorld, WorldBroken
from imi.simdisk import SimDisk
from tests.reliability import world


def test_every_day_of_every_world_balances() -> None:
    found = world.run(first=1, count=6)
    assert found.shown == []
    assert found.counts["days balanced"] == 6 * world.DAYS
    assert {f"met: {fault}" for fault in FAULTS} <= found.counts.keys()


def test_a_seed_is_replayed() -> None:
    digests = []
    for seed in (3, 3, 4):
        one = MeterWorld(seed)
        one.run(days=2)
        digests.append(one.digest)
    assert digests[0] == digests[1] != digests[2]


def test_a_disk_that_loses_what_it_synced_is_found() -> None:
    def lying(disk: SimDisk, name: str) -> None:
        disk._operate(name, is_sync=True)

    with patch.object(SimDisk, "sync", lying):
        assert world.run(first=1, count=3).wrong == 3


def test_a_provider_that_pays_twice_is_found() -> None:
    """A repeated request is answered from memory; one that forgets posts again."""
    with patch.object(FakeProvider, "_known", lambda provider, account, asked: None):
        assert world.run(first=1, count=8).wrong


def test_a_release_of_what_was_never_debited_is_found() -> None:
    one = MeterWorld(5)
    one.run(days=1)
    one._head.paper[2] = b"not postage"
    with pytest.raises((WorldBroken, KeyError)):
        one._balance()
