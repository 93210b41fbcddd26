"""Paired timing: two or more ways to the same answer, interleaved, in thread CPU time.

A shared machine slows down and speeds up by the second, so single figures drift; the ratio of two
runs that stand side by side does not. Every comparison therefore runs its contenders in turn and
reports medians and the median of the pairwise ratios.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Contender:
    """One way to do the work. `run` does it `per_call` times."""

    name: str
    run: Callable[[], object]
    per_call: int = 1


@dataclass(frozen=True)
class Comparison:
    """What one comparison found; times are thread CPU microseconds for one unit of work."""

    name: str
    contender: str
    median_us: float
    peers_us: Mapping[str, float]
    ratios: Mapping[str, float]  # peer's time / our time: above 1 we are faster
    goals: Mapping[str, float] = field(default_factory=dict)  # the ratio asked for, by peer

    @property
    def met(self) -> bool:
        """Whether every goal is reached in this run."""
        return all(self.ratios[peer] >= goal for peer, goal in self.goals.items())

    def as_json(self) -> dict[str, object]:
        """Return the comparison as plain data."""
        return {**asdict(self), "met": self.met}


def time_us(contender: Contender, calls: int) -> float:
    """Return the thread CPU time of one unit of work, in microseconds, over `calls` calls."""
    run = contender.run
    start = time.thread_time_ns()
    for _ in range(calls):
        run()
    return (time.thread_time_ns() - start) / 1000 / calls / contender.per_call


def calls_for(contender: Contender, round_s: float) -> int:
    """Return how many calls fill a round."""
    once = time_us(contender, 1) * contender.per_call / 1e6
    return max(1, round(round_s / max(once, 1e-7)))


def compare(
    name: str,
    ours: Contender,
    peers: Sequence[Contender],
    *,
    goals: Mapping[str, float] | None = None,
    rounds: int = 25,
    round_s: float = 0.01,
) -> Comparison:
    """Return medians and pairwise ratios of `ours` and `peers`, run in turn.

    Answers are the caller's to assert, before the call: a fast wrong answer is no result.

    >>> found = compare("sum", Contender("ours", lambda: None), [Contender("p", lambda: None)])
    >>> sorted(found.peers_us)
    ['p']
    """
    everyone = [ours, *peers]
    calls = {c.name: calls_for(c, round_s) for c in everyone}
    times: dict[str, list[float]] = {c.name: [] for c in everyone}
    for turn in range(rounds):
        # The order turns, so that no contender always follows the same neighbour.
        for contender in everyone[turn % len(everyone) :] + everyone[: turn % len(everyone)]:
            times[contender.name].append(time_us(contender, calls[contender.name]))
    return Comparison(
        name=name,
        contender=ours.name,
        median_us=statistics.median(times[ours.name]),
        peers_us={p.name: statistics.median(times[p.name]) for p in peers},
        ratios={
            p.name: statistics.median(
                peer / own for peer, own in zip(times[p.name], times[ours.name], strict=True)
            )
            for p in peers
        },
        goals=dict(goals or {}),
    )
