"""The list of mutants that are no faults is read whole, and names functions that exist."""

from collections import Counter
from importlib import import_module

from tests.mutation_score import PAGE, listed_as_equal, score


def test_every_row_of_the_page_is_read() -> None:
    _, _, table = PAGE.read_text(encoding="utf-8").partition("## What is no fault")
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == len({*listed_as_equal()}) > 0


def test_every_row_names_a_function() -> None:
    for function, _ in listed_as_equal():
        package, module, *names = function.split(".")
        found = import_module(f"{package}.{module}")
        for name in names:
            found = getattr(found, name)
        assert callable(found), function


def test_what_cannot_be_found_does_not_count() -> None:
    assert score(Counter(found=9, alive=1, equal=30)) == 90.0
    assert score(Counter(alive=2)) == 0.0
