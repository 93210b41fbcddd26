"""What operators watch of a lane: answers by code, time to answer, room, register, faults."""

from collections.abc import Callable
from datetime import date
from typing import Final

from service.metrics import Metrics
from sorter.judged import Judged
from sorter.lane import Lane
from sorter.trust import Trust

LIMITS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.09, 0.2, 0.5, 1.0, 5.0)
"""Goals are among them: 20 ms from payload to verdict, 90 ms a piece (design.md 4)."""


class LaneMetrics:
    """The figures of one lane. Hand ``heard`` to the lane, then the lane to ``watch``.

    ``today`` is the local date, for the age of the register.
    """

    def __init__(self, trust: Trust, today: Callable[[], date]) -> None:
        self._metrics = metrics = Metrics("imi_lane")
        self._took = metrics.distribution("answer_seconds", "from offer to answer", LIMITS_S)

        def age() -> float:
            return (today() - trust.register.issued).days

        def left() -> float:
            return (trust.register.expires - today()).days

        metrics.level("register_number", "the register in force", lambda: trust.register.number)
        metrics.level("register_age_days", "since the register was issued", age)
        metrics.level("register_left_days", "until its last day; below 0 it is stale", left)

    def heard(self, judged: Judged) -> None:
        """Count one piece."""
        self._took(judged.took_ms / 1000)

    def watch(self, lane: Lane) -> None:
        """Show a lane's own figures; call it once."""
        for show, name, text, read in (
            (self._metrics.count, "offered", "pieces taken", lambda: lane.figures().offered),
            (self._metrics.count, "refused", "pieces without room", lambda: lane.figures().refused),
            (self._metrics.count, "failed", "failures of our own", lambda: lane.figures().failed),
            (self._metrics.level, "inside", "pieces inside", lambda: lane.figures().inside),
            (self._metrics.level, "room", "pieces inside at most", lambda: lane.figures().room),
        ):
            show(name, text, read)
        self._metrics.count(
            "answers", "by code", lambda: dict(lane.figures().codes.items()), label="code"
        )

    def watch_stop_list(self, devices: Callable[[], float]) -> None:
        """Show how many devices are on the stop list; call it once."""
        self._metrics.level("stop_list_devices", "devices of which a count was cloned", devices)

    def text(self) -> str:
        """Return the figures in Prometheus' text form."""
        return self._metrics.text()
