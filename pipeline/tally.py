"""What a run adds up to: counts, money and times, kept while pieces leave the belt."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

from imicore.datamatrix import decode
from imicore.errors import ImiError
from pipeline.line import Passage
from pipeline.pieces import (
    Decorated,
    Inspected,
    Printed,
    Rated,
    Reason,
    evidence_of,
    fed_of,
    reached,
    stage_of,
)
from postage.money import ZERO, Money


@dataclass(slots=True)
class Tally:
    """Counts of one run. `mismatches` compares debited, printed and read-back payloads."""

    fed: int = 0
    inspected: int = 0
    decorated: int = 0
    paid: int = 0
    mismatches: int = 0
    postage: Money = ZERO
    diverted: Counter[str] = field(default_factory=Counter)
    diverts: list[tuple[int, str, str]] = field(default_factory=list)  # number, reason, detail
    shapes: Counter[str] = field(default_factory=Counter)
    by_department: Counter[int] = field(default_factory=Counter)  # mills
    stage_us: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    exits_s: list[float] = field(default_factory=list)  # since the run began

    def add(self, passage: Passage, exit_s: float = 0.0) -> None:
        """Count one piece that left the belt `exit_s` after the run began."""
        outcome = passage.outcome
        self.fed += 1
        self.exits_s.append(exit_s)
        if isinstance(outcome, Inspected):
            self.inspected += 1
            self.mismatches += not agrees(outcome)
        elif isinstance(outcome, Decorated):
            self.decorated += 1
        else:
            self.diverted[outcome.reason.value] += 1
            self.mismatches += outcome.reason is Reason.WRONG_PIECE
            number = fed_of(outcome.at).number
            self.diverts.append((number, outcome.reason.value, outcome.detail))
        stage = stage_of(outcome)
        rated = reached(stage, Rated)
        if rated is not None:
            self.shapes[rated.quote.shape.value] += 1
        evidence = evidence_of(stage)
        if evidence is not None and rated is not None:
            self.paid += 1
            self.postage += rated.quote.postage
            self.by_department[fed_of(stage).order.department] += rated.quote.postage.mills
        for name, nanoseconds in passage.stage_ns.items():
            self.stage_us[name].append(nanoseconds / 1000)


def agrees(inspected: Inspected) -> bool:
    """Return whether the debit, the dots sent to the head and the camera say the same bytes."""
    printed = inspected.printed
    debited = printed.evidenced.evidence.payload
    return inspected.payload == debited == printed_payload(printed)


def printed_payload(printed: Printed) -> bytes | None:
    """Return what the 1-bit rows that went to the head say, read dot by dot; None if nothing."""
    box, dots = printed.raster.elements["symbol"], printed.raster.dots
    rows, columns = printed.symbol.modules.shape
    y = box.y + (np.arange(rows) * 2 + 1) * box.height // (2 * rows)
    x = box.x + (np.arange(columns) * 2 + 1) * box.width // (2 * columns)
    try:
        return decode(dots[np.ix_(y, x)]).payload
    except ImiError:
        return None
