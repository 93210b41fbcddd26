"""The fuzz targets of the parsers keep their promises on changed seeds, also without atheris."""

from enum import Enum
from pathlib import Path

import pytest

from fuzz import parse_targets
from fuzz.parsers import NAMES, plain
from postage.errors import MessageFault, MessageFormatError
from postage.message_layouts import Text
from postage.message_parts import LONGEST_NAME, Name
from postage.rate_editions import MANIFEST, read_edition
from postage.rate_published import read_published
from postage.rate_tables import read_table

COUNTS = {"payload": 300, "register": 1_500, "rates": 800, "discrepancy": 3_000}


def test_every_target_is_fed() -> None:
    assert set(NAMES) == set(parse_targets.TARGETS) == set(COUNTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_parser_keeps_its_promises(name: str) -> None:
    seeds = parse_targets.TARGETS[name].seeds
    assert plain(name, COUNTS[name], seed=7) == len(seeds) + COUNTS[name]


def test_the_seeds_of_rates_are_taken(tmp_path: Path) -> None:
    """Inputs made of seeds that are refused at the door would try nothing behind it."""
    narrow, wide, plain_manifest, full_manifest, retail, parcels = parse_targets.RATES
    for table in (narrow, wide):
        assert read_table(table, "seed")
    for published in (retail, parcels):
        assert read_published(published, "seed").prices
    edition = tmp_path / parse_targets.EDITION
    edition.mkdir()
    (edition / parse_targets.TABLE).write_bytes(parse_targets.FIRST_CLASS)
    for manifest in (plain_manifest, full_manifest):
        (edition / MANIFEST).write_bytes(manifest)
        taken = read_edition(edition, allow_unsigned=True)
    assert taken.dimensional == parse_targets.RULE
    assert (taken.priority, set(taken.missing)) == (1, {"flat"})


def test_a_planted_mistake_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that takes small letters for capitals: a check that cannot fail is no check."""

    def lenient(self: Name, name: str, data: bytes, at: int) -> tuple[Enum, int]:
        text, end = Text(LONGEST_NAME).read(name, data, at)
        if text.upper() not in self.kinds.__members__:
            raise MessageFormatError(MessageFault.UNKNOWN_VALUE, text)
        return self.kinds[text.upper()], end

    monkeypatch.setattr(Name, "read", lenient)
    with pytest.raises(AssertionError) as caught:
        plain("discrepancy", COUNTS["discrepancy"], seed=7)
    assert "of discrepancy, seed 7" in caught.value.__notes__[0]
