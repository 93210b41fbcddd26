"""The fuzz targets of the parsers keep their promises on changed seeds, also without atheris."""

from enum import Enum

import pytest

from fuzz import parse_targets
from fuzz.parsers import NAMES, plain
from postage.errors import MessageFault, MessageFormatError
from postage.message_layouts import Text
from postage.message_parts import LONGEST_NAME, Name

COUNTS = {"payload": 300, "register": 1_500, "rates": 800, "discrepancy": 3_000}


def test_every_target_is_fed() -> None:
    assert set(NAMES) == set(parse_targets.TARGETS) == set(COUNTS)


@pytest.mark.parametrize("name", NAMES)
def test_a_parser_keeps_its_promises(name: str) -> None:
    seeds = parse_targets.TARGETS[name].seeds
    assert plain(name, COUNTS[name], seed=7) == len(seeds) + COUNTS[name]


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
