"""What a harness hands back: counts that add up over processes, and what was wrong, in words."""

from collections import Counter
from dataclasses import dataclass, field

SHOWN = 10
WRONG = "WRONG"


@dataclass
class Findings:
    """`counts` add up; of `figures` the greatest stands; `skipped` says why nothing was done.

    Each wrong thing is counted; the first ten are kept in words.
    """

    counts: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    skipped: str = ""

    @property
    def wrong(self) -> int:
        """Return how many things were wrong."""
        return self.counts[WRONG]

    def blame(self, words: str) -> None:
        """Count something wrong."""
        self.counts[WRONG] += 1
        self.shown = [*self.shown, words][:SHOWN]

    def add(self, other: "Findings") -> None:
        """Take in what another process found."""
        self.counts.update(other.counts)
        self.shown = [*self.shown, *other.shown][:SHOWN]
        for name, figure in other.figures.items():
            self.figures[name] = max(figure, self.figures.get(name, figure))
        self.skipped = self.skipped or other.skipped
