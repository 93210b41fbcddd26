"""An old copy of the meter, put back, is found out; R8."""

from tests.reliability import rollback


def test_restored_copies_are_found_out() -> None:
    """Every one that met its provider after the copy was made; of the others none can be."""
    found = rollback.run(0, 40)  # in each mode
    assert found.shown == []
    assert found.counts["detected"] == found.counts["copies restored"] == 80
    assert found.counts["no contact since the copy"] == 40
    assert found.counts["no contact since the copy, detected"] == 0
