"""The soak of the lane, short: every piece has its exact code; times are for a quiet machine."""

from pathlib import Path

import pytest

from postage.verdicts import Code
from tests.sorter import soak_mail
from tests.sorter.soak_lane import is_good, parsed, soak, table


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--seconds", "5"],
        ["--rate", "400000", "--seconds", "3", "--frames", "--pictures", "12"],
        ["--flat-out", "--pieces", "3000", "--threads", "2", "--devices", "30"],
    ],
    ids=" ".join,
)
def test_every_piece_of_a_soak_has_its_code(tmp_path: Path, arguments: list[str]) -> None:
    figures = soak(tmp_path, parsed(arguments))
    assert is_good(figures), table(figures)
    assert len(figures["codes"]) > 1 or figures["pieces"] < 100


def test_a_wrong_code_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness has teeth: a cent more than is due is not VALID."""
    monkeypatch.setitem(soak_mail.KINDS, Code.VALID, (790, 0))
    figures = soak(tmp_path, parsed(["--flat-out", "--pieces", "50", "--devices", "5"]))
    assert not is_good(figures)
    assert "VALID expected: OVERPAID" in figures["wrong"][0]
