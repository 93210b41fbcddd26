"""How many planted faults the money core's tests find: the table, and the demand of 90 %.

`make mutation` has mutmut plant them and run the tests; this reads what came of it. A mutant that
no test can tell from the original stands in docs/mutation.md with the reason and does not count;
a row there that no surviving mutant fits any more is refused too, so that the list stays short.
"""

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

LEAST_SCORE = 90.0
PAGE = Path(__file__).parent.parent / "docs" / "mutation.md"
_ROW = re.compile(r"^\| `([\w.]+)` \| ``(.+?)`` \| .+ \|$", re.MULTILINE)

Place = tuple[str, str]  # function, and its changed line as mutated: outlives renumbering


def main() -> int:
    """Print the table; return 1 where the score is below the demand or the page out of date."""
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    listed = set(listed_as_equal())
    alive: set[Place] = set()
    total: Counter[str] = Counter()
    print(row("module", "mutants", "found", "equal", "alive", "score"))
    for name in settings["tool"]["mutmut"]["only_mutate"]:
        counts: Counter[str] = Counter()
        for mutant, status in results(name):
            # One that never ends would be found too, but a late one on a busy machine would not.
            place = None if status == "killed" else place_of(mutant, name)
            kind = "found" if place is None else "equal" if place in listed else "alive"
            counts[kind] += 1
            if place is not None:
                alive.add(place)
            if kind == "alive":
                print(f"  {status}: {mutant}: {place}", file=sys.stderr)
        total += counts
        print(row_of(name, counts))
    print(row_of("all", total))
    stale = sorted(listed - alive)
    for function, line in stale:
        print(f"{PAGE.name} lists what is found or gone: {function}: {line}", file=sys.stderr)
    return int(bool(stale) or score(total) < LEAST_SCORE)


def listed_as_equal() -> Iterator[Place]:
    """Yield the mutants that the page says are no faults."""
    for function, line in _ROW.findall(PAGE.read_text(encoding="utf-8")):
        yield function, line.replace(r"\|", "|")


def results(name: str) -> Iterator[tuple[str, str]]:
    """Yield a module's mutants and what became of each."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code

    data = SourceFileMutationData(path=Path(name))
    data.load()
    assert data.exit_code_by_key, f"{name}: no results; run mutmut first"
    for mutant, code in data.exit_code_by_key.items():
        yield mutant, status_by_exit_code[code]


def place_of(mutant: str, name: str) -> Place:
    """Return the function of a mutant, and its first line that differs."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    module, _, mangled = mutant.rpartition(".")
    function = re.sub(r"^x_?|__mutmut_\d+$", "", mangled).strip("ǁ").replace("ǁ", ".")
    diff = get_diff_for_mutant(mutant, path=name).splitlines()[2:]
    added = [each[1:].strip() for each in diff if each.startswith("+")]
    removed = [each[1:].strip() for each in diff if each.startswith("-")]
    return f"{module}.{function}", added[0] if added else f"without {removed[0]}"


def score(counts: Counter[str]) -> float:
    """Return the share of mutants found, in percent, of those that can be."""
    return 100 * counts["found"] / max(1, counts["found"] + counts["alive"])


def row_of(name: str, counts: Counter[str]) -> str:
    """Return a row of the table."""
    kinds = (str(counts[kind]) for kind in ("found", "equal", "alive"))
    return row(name, str(counts.total()), *kinds, f"{score(counts):.1f} %")


def row(name: str, *cells: str) -> str:
    """Return a line of columns."""
    return f"{name:<24}" + "".join(f"{cell:>9}" for cell in cells)


if __name__ == "__main__":
    sys.exit(main())
