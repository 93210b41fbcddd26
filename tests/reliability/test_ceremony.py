"""A device's files come through every crash, and what breaks them is found; R2."""

import os
import shutil

import pytest

from tests.reliability import ceremony

pytestmark = [
    pytest.mark.native,
    pytest.mark.skipif(
        shutil.which(os.environ.get("CC", "cc")) is None, reason="the recorder needs a C compiler"
    ),
]


@pytest.mark.parametrize(
    ("name", "parts"),
    [("key ceremony", 16), ("zeroise, keys and files", 8), ("update install", 1)],
)
def test_a_power_cut_costs_no_key_and_brings_none_back(name: str, parts: int) -> None:
    """Every crash point: python -m tests.reliability.ceremony."""
    found = ceremony.examine(name, part=0, parts=parts)
    assert found.shown == []
    assert found.counts["points"] >= 3
    assert found.counts["distinct images"] >= 3


@pytest.mark.parametrize(
    ("name", "variant", "finding"),
    [
        ("key ceremony", "no folder's sync", "no pepper"),
        ("key ceremony", "drafts are keys", "BadKey: no key"),
        ("zeroise, keys and files", "pepper spared", "the store has a pepper"),
        ("update install", "files unchecked", "a changed file passes"),
    ],
)
def test_a_wrong_way_to_keep_files_is_found(name: str, variant: str, finding: str) -> None:
    found = ceremony.examine(name, variant=variant)
    assert any(finding in wrong for wrong in found.shown), found.shown
