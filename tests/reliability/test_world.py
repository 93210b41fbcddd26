"""The simulated world meets every fault, balances every day, and finds what is broken; R11."""

from unittest.mock import patch

import pytest

from imi import metersite
from imi.fakeprovider import FakeProvider
from imi.meterworld import FAULTS, MeterWorld, WorldBroken
from imi.simdisk import SimDisk
from pipeline.scale import Weight
from tests.reliability import world


def test_every_day_of_every_world_balances() -> None:
    found = world.run(first=1, count=6)
    assert found.shown == []
    assert found.counts["days balanced"] == 6 * world.DAYS * 2
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


def test_a_scale_that_says_anything_is_found() -> None:
    with patch.object(metersite, "settle", lambda read, rate: Weight(1_500, 1)):
        found = world.run(first=1, count=4)
    assert found.wrong == 4
    assert all("of a piece of" in wrong or "cannot weigh" in wrong for wrong in found.shown)


def test_the_meters_of_a_world_are_several_and_their_own() -> None:
    one = MeterWorld(2, meters=3)
    one.run(days=2)
    assert len({site.device for site in one.sites}) == len(one.provider.accounts) == 3
    assert all(site.head.paper for site in one.sites)
    assert len({site.psd.head.digest for site in one.sites}) == 3


def test_a_release_of_what_was_never_debited_is_found() -> None:
    one = MeterWorld(5)
    one.run(days=1)
    one.sites[1].head.paper[2] = b"not postage"
    with pytest.raises((WorldBroken, KeyError)):
        one.sites[1].balance()
