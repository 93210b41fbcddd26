"""The soak tells late pieces and wrong sums; the ten minutes are `make soak`."""

from pathlib import Path

import pytest

from tests.reliability import soak


@pytest.mark.native
def test_a_soak_of_seconds_is_exact(tmp_path: Path) -> None:
    figures = soak.run(tmp_path, minutes=0.1, letters_a_minute=120)
    assert figures["imprints"] == 12
    assert figures["registers_exact"] is True


@pytest.mark.native
def test_late_pieces_are_counted(tmp_path: Path) -> None:
    """No disk syncs three times within 6 us."""
    figures = soak.run(tmp_path, minutes=1e-6, letters_a_minute=1e7)
    assert figures["late"] == figures["imprints"] == 10
