"""The stages of a mailpiece on the belt: what has not happened yet cannot be passed on.

Each record holds the one before, none is ever changed. A piece leaves the belt at any stage as
`Diverted`, with a reason.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from imicore.datamatrix import Symbol
from imicore.graphic import Spot
from imicore.raster import Placement, Raster
from pipeline.graphics import Graphic
from pipeline.imprint import Evidence
from pipeline.state import Outcome as MeterOutcome
from postage.mailpiece import Mailpiece
from postage.rates import Quote


class Reason(StrEnum):
    """Why a piece was taken off the belt, in the order in which the line finds out."""

    FEED_JAM = "feed_jam"
    DOUBLE_FEED = "double_feed"
    SCALE_UNSETTLED = "scale_unsettled"
    UNRATABLE = "unratable"
    CHARGE_DENIED = "charge_denied"
    OVER_BUDGET = "over_budget"
    METER_REFUSED = "meter_refused"
    NO_KEY = "no_key"
    HEAD_FAULT = "head_fault"
    MISPRINT = "misprint"
    NO_SYMBOL = "no_symbol"
    DAMAGED_SYMBOL = "damaged_symbol"
    WRONG_PIECE = "wrong_piece"
    MISPLACED = "misplaced"


@dataclass(frozen=True, slots=True)
class Order:
    """What the operator claims about a piece: what no sensor of the line can see."""

    department: int
    flags: frozenset[str] = frozenset()  # names of Mailpiece's booleans, e.g. "is_rigid"
    graphic: str | None = None  # printed in place of postage: no debit, no indicium


@dataclass(frozen=True, slots=True)
class Fed:
    """One piece on the belt, counted and measured by the feeder's sensors."""

    number: int
    length_thou: int
    height_thou: int
    thickness_thou: int
    order: Order


@dataclass(frozen=True, slots=True)
class Weighed:
    """A piece with a settled weight."""

    fed: Fed
    weight_milliounces: int
    error_milliounces: int  # three standard errors of the estimate
    reweighed: bool


@dataclass(frozen=True, slots=True)
class Rated:
    """A piece with its postage, under the edition in force on its mailing date."""

    weighed: Weighed
    piece: Mailpiece
    quote: Quote


@dataclass(frozen=True, slots=True)
class Evidenced:
    """A piece that is paid: its debit is durable and its indicium signed."""

    rated: Rated
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Printed:
    """A piece under whose name the head has fired every column."""

    evidenced: Evidenced
    symbol: Symbol
    raster: Raster
    placement: Placement


@dataclass(frozen=True, slots=True)
class Inspected:
    """A piece whose printed indicium was read back and says what was debited."""

    printed: Printed
    payload: bytes
    errors_corrected: int


@dataclass(frozen=True, slots=True)
class Decorated:
    """A piece that carries an ad or slogan and no postage; the meter was not asked."""

    fed: Fed
    graphic: Graphic
    spot: Spot


Stage = Fed | Weighed | Rated | Evidenced | Printed


@dataclass(frozen=True, slots=True)
class Diverted:
    """A piece off the belt: how far it came, why it left, and what was said."""

    at: Stage
    reason: Reason
    detail: str


Outcome = Inspected | Decorated | Diverted


def fate(reason: Reason | None) -> MeterOutcome:
    """Return what the meter is told of a paid piece, None where it was inspected.

    >>> fate(None).name, fate(Reason.HEAD_FAULT).name, fate(Reason.NO_SYMBOL).name
    ('CONFIRMED', 'UNPRINTED', 'MISPRINT')
    """
    if reason is None:
        return MeterOutcome.CONFIRMED
    # Only a head that fired nothing proves that there is nothing on paper.
    return MeterOutcome.UNPRINTED if reason is Reason.HEAD_FAULT else MeterOutcome.MISPRINT


Reached = TypeVar("Reached", Weighed, Rated, Evidenced, Printed)


def stage_of(outcome: Outcome) -> Stage | Inspected:
    """Return the last stage that a piece reached."""
    match outcome:
        case Diverted(at):
            return at
        case Decorated(fed):
            return fed
        case Inspected():
            return outcome


def fed_of(stage: Stage | Inspected) -> Fed:
    """Return the first record of a piece, from whichever stage it reached."""
    return stage if isinstance(stage, Fed) else fed_of(_before(stage))


def reached(stage: Stage | Inspected, kind: type[Reached]) -> Reached | None:
    """Return a piece's record of one stage, or None where it left the belt before."""
    if isinstance(stage, kind):
        return stage
    return None if isinstance(stage, Fed) else reached(_before(stage), kind)


def evidence_of(stage: Stage | Inspected) -> Evidence | None:
    """Return the debit's evidence, or None where the piece left before it was paid."""
    evidenced = reached(stage, Evidenced)
    return None if evidenced is None else evidenced.evidence


def _before(stage: Weighed | Rated | Evidenced | Printed | Inspected) -> Stage:
    if isinstance(stage, Weighed):
        return stage.fed
    if isinstance(stage, Rated):
        return stage.weighed
    if isinstance(stage, Evidenced):
        return stage.rated
    return stage.evidenced if isinstance(stage, Printed) else stage.printed
