"""The conveyor: every stage of a mailpiece, in order, on one screen.

weigh -> rate -> pay -> print -> inspect: each from one frozen record to the next, or `Diverted`.
The debit is durable before the head is asked for a single column.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from imicore.errors import PlacementError, TokenError
from imicore.graphic import place_graphic
from pipeline.authority import Reason as Why
from pipeline.authority import Refused
from pipeline.composer import Composer, position
from pipeline.devices import Camera, Feeder, FeedFault, Frame, Head, HeadReport, Scale
from pipeline.errors import PsdFault
from pipeline.graphics import Graphic
from pipeline.imprint import Evidence, ImprintRequest
from pipeline.inspector import Damaged, Inspector, Sighted, Sighting
from pipeline.office import Shift
from pipeline.pieces import (
    Decorated,
    Diverted,
    Evidenced,
    Fed,
    Inspected,
    Outcome,
    Printed,
    Rated,
    Reason,
    Weighed,
    fate,
)
from pipeline.psd import Psd
from pipeline.rater import rate
from pipeline.scale import Unsettled, settle, straddles_step
from postage.rates import RateBook

# The rule is 1/4 in (DMM 604); a camera of 200 px/in sees a margin to about 1/64 in.
EDGE_LIMIT_IN = 0.25 - 1 / 64
STOPS = frozenset({Reason.WRONG_PIECE, Reason.NO_KEY})
"""Behind a piece diverted for these somebody must look before the belt moves again."""

Result = TypeVar("Result")


@dataclass(slots=True)
class Passage:
    """What became of one piece, and the time of each stage.

    With its picture where one was taken, and the head's own count where it was to print.
    """

    outcome: Outcome
    frame: Frame | None
    head: HeadReport | None
    stage_ns: dict[str, int]


@dataclass(slots=True)
class Line:
    """One machine and who is at it.

    `stopwatch` returns nanoseconds; the caller chooses CPU or wall time.
    """

    feeder: Feeder
    scale: Scale
    book: RateBook
    psd: Psd
    shift: Shift
    profile: str
    composer: Composer
    head: Head
    camera: Camera
    mailing_date: date
    mailer_id: int
    stopwatch: Callable[[], int]
    graphics: Mapping[str, Graphic] = field(default_factory=dict)
    inspector: Inspector = field(default_factory=Inspector)
    _stage_ns: dict[str, int] = field(default_factory=dict)
    _frame: Frame | None = None
    _report: HeadReport | None = None

    def run(self) -> Iterator[Passage]:
        """Yield what became of each piece, until the hopper is empty or the line must stop.

        It stops behind a piece that shows another piece's indicium (WRONG_PIECE), and behind one
        that was not signed because the token with the key does not answer (NO_KEY). The meter then
        signs nothing until it is opened anew, with the token back.

        Raises:
            PsdFault: the meter stopped for another cause; nothing was released for the last piece.
        """
        while True:
            self._stage_ns, self._frame, self._report = {}, None, None
            arrival = self._timed("feed", self.feeder.feed)
            if arrival is None:
                break
            outcome = self._pass(arrival)
            yield Passage(outcome, self._frame, self._report, self._stage_ns)
            if isinstance(outcome, Diverted) and outcome.reason in STOPS:
                if outcome.reason is Reason.NO_KEY:
                    return  # the journal stopped with the key
                break
        self.psd.idle()

    def _pass(self, arrival: Fed | FeedFault) -> Outcome:
        if isinstance(arrival, FeedFault):
            reason = Reason.DOUBLE_FEED if arrival.double else Reason.FEED_JAM
            return Diverted(arrival.fed, reason, arrival.detail)
        if arrival.order.graphic is not None:
            return self._decorate(arrival, self.graphics[arrival.order.graphic])
        weighed = self._weigh(arrival)
        if isinstance(weighed, Diverted):
            return weighed
        rated = self._timed("rate", lambda: rate(weighed, self.book, self.mailing_date))
        if isinstance(rated, Diverted):
            return rated
        evidenced = self._timed("pay", lambda: self._pay(rated))
        if isinstance(evidenced, Diverted):
            return evidenced
        printed = self._print(evidenced)
        outcome = printed if isinstance(printed, Diverted) else self._inspect(printed)
        self.psd.confirm(
            evidenced.evidence.sequence,
            fate(outcome.reason if isinstance(outcome, Diverted) else None),
        )
        return outcome

    def _decorate(self, fed: Fed, graphic: Graphic) -> Decorated | Diverted:
        """Print an ad or slogan: nothing is weighed, rated or paid, and the meter is not asked."""
        length, height = fed.length_thou / 1000, fed.height_thou / 1000
        try:
            spot = place_graphic(graphic.raster, piece_length_in=length, piece_height_in=height)
        except PlacementError as error:
            return Diverted(fed, Reason.HEAD_FAULT, str(error))
        self._report = self._timed("world", lambda: self.head.decorate(graphic, spot))
        if (fault := _head_fault(self._report)) is not None:
            return Diverted(fed, *fault)
        self._frame = self._timed("world", self.camera.capture)
        return Decorated(fed, graphic, spot)

    def _weigh(self, fed: Fed) -> Weighed | Diverted:
        """Weigh in motion; stop and weigh again where a price step lies inside the error band."""
        rate_hz = self.scale.samples_per_second
        trace = self._timed("world", lambda: self.scale.transit(fed))
        weight = self._timed("weigh", lambda: settle(trace, rate_hz))
        again = isinstance(weight, Unsettled) or straddles_step(weight)
        if again:
            trace = self._timed("world", lambda: self.scale.hold(fed))
            weight = self._timed("weigh", lambda: settle(trace, rate_hz))
        if isinstance(weight, Unsettled):
            detail = (
                f"error band {weight.error_milliounces / 1000} oz after re-weighing; "
                f"the limit is {weight.limit_milliounces / 1000} oz"
            )
            return Diverted(fed, Reason.SCALE_UNSETTLED, detail)
        return Weighed(fed, weight.milliounces, weight.error_milliounces, again)

    def _pay(self, rated: Rated) -> Evidenced | Diverted:
        department = rated.weighed.fed.order.department
        if (denied := self.shift.denial(department)) is not None:
            return Diverted(rated, Reason.CHARGE_DENIED, str(denied))
        try:
            answer = self._debit(rated, department)
        except PsdFault as fault:
            if not isinstance(fault.__cause__, TokenError):
                raise
            return Diverted(rated, Reason.NO_KEY, str(fault.__cause__))
        if isinstance(answer, Refused):
            is_purse = answer.reason is Why.BUDGET_EXCEEDED
            reason = Reason.OVER_BUDGET if is_purse else Reason.METER_REFUSED
            return Diverted(rated, reason, str(answer))
        return Evidenced(rated, answer)

    def _debit(self, rated: Rated, department: int) -> Evidence | Refused:
        # Tenths of an ounce, rounded up like the price: 3.41 oz is rated, and said, as 3.5 oz.
        tenths = -(-rated.weighed.weight_milliounces // 100)
        return self.psd.imprint(
            ImprintRequest(
                postage=rated.quote.postage,
                mailing_date=self.mailing_date,
                department=department,
                operator=self.shift.operator,
                rate_category=int(rated.quote.category),
                weight_tenths_oz=tenths,
                mailer_id=self.mailer_id,
            )
        )

    def _print(self, evidenced: Evidenced) -> Printed | Diverted:
        evidence, rated = evidenced.evidence, evidenced.rated
        fed = rated.weighed.fed
        symbol, raster = self._timed(
            "draw",
            lambda: self.composer.compose(
                evidence.payload, profile=self.profile, shape=rated.quote.shape
            ),
        )
        try:
            placement = position(raster, fed.length_thou / 1000, fed.height_thou / 1000)
        except PlacementError as error:
            return Diverted(evidenced, Reason.HEAD_FAULT, str(error))
        report = self._timed("world", lambda: self.head.fire(evidence.token, raster, placement))
        self._report = report
        if (fault := _head_fault(report)) is not None:
            return Diverted(evidenced, *fault)
        return Printed(evidenced, symbol, raster, placement)

    def _inspect(self, printed: Printed) -> Inspected | Diverted:
        zone = self.camera.zone(printed.raster, printed.placement)
        frame = self._timed("world", self.camera.capture)
        self._frame = frame
        sighting = self._timed("inspect", lambda: self.inspector.inspect(frame, zone))
        return judge(printed, sighting)

    def _timed(self, stage: str, work: Callable[[], Result]) -> Result:
        start = self.stopwatch()
        try:
            return work()
        finally:
            self._stage_ns[stage] = self._stage_ns.get(stage, 0) + self.stopwatch() - start


def _head_fault(report: HeadReport) -> tuple[Reason, str] | None:
    if report.columns_fired == 0:
        return Reason.HEAD_FAULT, "the head fired no column"
    if report.columns_fired < report.columns_wanted:
        detail = f"the head fired {report.columns_fired} of {report.columns_wanted} columns"
        return Reason.MISPRINT, detail
    return None


def judge(printed: Printed, sighting: Sighting) -> Inspected | Diverted:
    """Compare what was debited with what was seen: the one place where the two meet."""
    if isinstance(sighting, Sighted):
        expected = printed.evidenced.evidence.payload
        if sighting.payload != expected:
            detail = f"read {sighting.payload.hex()}, debited {expected.hex()}"
            return Diverted(printed, Reason.WRONG_PIECE, detail)
        margins = sighting.margins_in(printed.raster)
        if margins is not None and min(margins) < EDGE_LIMIT_IN:
            detail = (
                f"{margins[0]:.3f} in from the right and {margins[1]:.3f} in from the top edge; "
                "the limit is 0.25 in"
            )
            return Diverted(printed, Reason.MISPLACED, detail)
        return Inspected(printed, sighting.payload, sighting.errors_corrected)
    if isinstance(sighting, Damaged):
        return Diverted(printed, Reason.DAMAGED_SYMBOL, "a symbol stands there, past correction")
    return Diverted(printed, Reason.NO_SYMBOL, "nothing like a symbol in the frame")
