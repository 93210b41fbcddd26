"""The simulated world around the line: pieces, feeder, scale, head, camera, and what goes wrong.

Everything follows from the job's seed and the piece's number, so a run that goes on after a kill
meets the same pieces, and any failure can be replayed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from imi import loadcell, mailpictures
from imicore.graphic import Spot
from imicore.raster import Placement, Raster
from pipeline.devices import FeedFault, Frame, HeadReport, Zone
from pipeline.graphics import Graphic
from pipeline.imprint import ReleaseToken
from pipeline.job import Batch, Job
from pipeline.pieces import Fed, Order
from pipeline.psdclock import Instant

IMAGE_DPI = 200  # at which paper is drawn, before the camera takes its own scale
FRAME_MARGIN_IN = 0.3


@dataclass(frozen=True, slots=True)
class Physical:
    """The truth about a piece, which no sensor reads directly."""

    number: int
    batch: Batch
    ounces: float
    fault: str | None


class World:
    """One job's worth of simulated devices. It is feeder, scale, head and camera at once."""

    samples_per_second = loadcell.SAMPLES_PER_SECOND

    def __init__(self, job: Job) -> None:
        self._job = job
        self._pieces = self._between(1, job.count)
        self._piece: Physical | None = None
        self._paper: Frame | None = None
        self._frame: Frame | None = None
        self._token = 0
        start = datetime.combine(job.date, job.start, ZoneInfo(job.meter.timezone))
        self._start_us = round(start.timestamp() * 1e6)
        self._pitch_us = round(3600e6 / job.pieces_per_hour)
        self.now_us = self._start_us

    def clock(self) -> Instant:
        """Return the world's time as a machine's two clocks."""
        return Instant(self.now_us, self.now_us)

    def wait_for(self, number: int) -> None:
        """Let time pass until a piece is due: what ran before ended by then."""
        self.now_us = self._start_us + number * self._pitch_us

    def stack(self, first: int, last: int) -> None:
        """Put the pieces of these numbers on the feeder."""
        self._pieces = self._between(first, last)
        self.wait_for(first)

    # -- feeder ------------------------------------------------------------------------------

    def feed(self) -> Fed | FeedFault | None:
        """Return the next piece of the stack."""
        self._piece = next(self._pieces, None)
        if self._piece is None:
            return None
        self.wait_for(self._piece.number)
        batch = self._piece.batch
        length, height, thickness = (_thou(inches) for inches in batch.inches)
        fed = Fed(
            self._piece.number,
            length,
            height,
            thickness,
            Order(batch.department, batch.flags, batch.graphic),
        )
        if self._piece.fault == "feed_jam":
            return FeedFault(fed, double=False, detail="the piece did not reach the scale")
        if self._piece.fault == "double_feed":
            detail = f"thickness {2 * thickness / 1000:g} in, the job says {thickness / 1000:g} in"
            return FeedFault(fed, double=True, detail=detail)
        return fed

    # -- scale -------------------------------------------------------------------------------

    def transit(self, fed: Fed) -> NDArray[np.float64]:
        """Return the load-cell trace of one transit, in ounces."""
        return self._trace(fed, stream=1)

    def hold(self, fed: Fed) -> NDArray[np.float64]:
        """Return a longer trace with the belt stopped, in ounces."""
        return self._trace(fed, stream=2)

    def _trace(self, fed: Fed, stream: int) -> NDArray[np.float64]:
        piece = self._current()
        assert piece.number == fed.number
        bounces = piece.fault == "bouncing"
        return loadcell.trace(piece.ounces, self._rng(stream), moving=stream == 1, bounces=bounces)

    # -- head --------------------------------------------------------------------------------

    def fire(self, token: ReleaseToken, raster: Raster, placement: Placement) -> HeadReport:
        """Print on the piece under the head; a token counts once, and only upwards."""
        assert token.number > self._token, f"{token} after {self._token}: a replayed record"
        self._token = token.number
        report = self._print(raster, placement.x, placement.y)
        if self._current().fault == "smudge":
            self._smudge(raster, placement)
        return report

    def decorate(self, graphic: Graphic, spot: Spot) -> HeadReport:
        """Print an ad or slogan on the piece under the head."""
        return self._print(graphic.raster, spot.x, spot.y)

    def _print(self, raster: Raster, x: int, y: int) -> HeadReport:
        piece, rng = self._current(), self._rng(3)
        length, height = (float(inches) for inches in piece.batch.inches[:2])
        paper = mailpictures.draw(
            mailpictures.Envelope(style=piece.batch.stock, size_in=(length, height)),
            image_dpi=IMAGE_DPI,
            rng=rng,
        )
        fired = {"head_jam": 0, "ink_out": int(raster.width * 0.7)}.get(
            piece.fault or "", raster.width
        )
        rows = raster.rows
        if piece.fault == "no_ink":
            rows = np.zeros_like(rows)
        elif fired < raster.width:
            rows = rows.copy()
            rows[:, fired // 8 :] = 0
        shift_in = 0.15 if piece.fault == "misplaced" else 0.0
        ink = mailpictures.InkModel()
        self._paper = mailpictures.print_on(
            paper,
            rows,
            raster_dpi=raster.dots_per_inch,
            image_dpi=IMAGE_DPI,
            x_in=x / raster.dots_per_inch + shift_in,
            y_in=y / raster.dots_per_inch,
            ink=ink,
            rng=rng,
        )
        return HeadReport(fired, raster.width)

    def _smudge(self, raster: Raster, placement: Placement) -> None:
        """Wipe a wet thumb through the middle of the symbol."""
        assert self._paper is not None
        scale = IMAGE_DPI / raster.dots_per_inch
        box = raster.elements["symbol"]
        x, y = (int((box.x + placement.x) * scale), int((box.y + placement.y) * scale))
        side = int(box.width * scale)
        blot = self._paper[y + side // 4 : y + 3 * side // 4, x : x + side]
        blot[:] = (blot.mean() + self._rng(5).normal(0, 6, blot.shape)).clip(0, 255)

    # -- camera ------------------------------------------------------------------------------

    def zone(self, raster: Raster, placement: Placement) -> Zone:
        """Return where on the frame the imprint should stand, from nominal geometry alone."""
        box, dpi = raster.elements["indicium"], raster.dots_per_inch
        length, height = (float(inches) for inches in self._current().batch.inches[:2])
        return mailpictures.expected_zone(
            self._camera(),
            size_in=(length, height),
            x_in=(box.x + placement.x) / dpi,
            y_in=(box.y + placement.y) / dpi,
            width_in=box.width / dpi,
            height_in=box.height / dpi,
        )

    def capture(self) -> Frame:
        """Return the frame of the piece that passes."""
        assert self._paper is not None
        before = self._frame
        if self._current().fault == "swapped" and before is not None:
            return before
        photo = mailpictures.photograph(
            self._paper, self._camera(), self._rng(4), image_dpi=IMAGE_DPI
        )
        self._frame = photo.frame
        return photo.frame

    def _camera(self) -> mailpictures.CameraModel:
        settings, inches = self._job.camera, self._current().batch.inches
        dpi = settings.dots_per_inch
        width, height = (round((float(side) + FRAME_MARGIN_IN) * dpi) for side in inches[:2])
        return mailpictures.CameraModel(
            dpi=dpi,
            frame_size=(width, height),
            skew_degrees=settings.max_skew_degrees,
            blur_sigma_px=settings.blur_px,
            noise_sigma=settings.noise,
        )

    # -- the pieces --------------------------------------------------------------------------

    def _current(self) -> Physical:
        assert self._piece is not None, "no piece on the belt"
        return self._piece

    def _rng(self, stream: int) -> np.random.Generator:
        return np.random.default_rng([self._job.seed, self._current().number, stream])

    def _between(self, first: int, last: int) -> Iterator[Physical]:
        number = 0
        for batch in self._job.batch:
            faults = {fault.piece: fault.fault for fault in batch.faults}
            for index in range(1, batch.count + 1):
                number += 1
                if number < first:
                    continue
                if number > last:
                    return
                rng = np.random.default_rng([self._job.seed, number, 0])
                low, high = (float(ounces) for ounces in batch.ounces)
                yield Physical(number, batch, rng.uniform(low, high), faults.get(index))


def _thou(inches: Decimal) -> int:
    return int((inches * 1000).to_integral_value())
