"""What the line needs from feeder, scale, head and camera: real drivers and `imi.world` fit."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imicore.graphic import Spot
from imicore.raster import Placement, Raster
from pipeline.graphics import Graphic
from pipeline.imprint import ReleaseToken
from pipeline.pieces import Fed

Frame = NDArray[np.uint8]
Zone = tuple[int, int, int, int]  # x, y, width, height in pixels of the frame


@dataclass(frozen=True, slots=True)
class FeedFault:
    """The feeder stopped instead of delivering a clean piece."""

    fed: Fed
    double: bool  # two pieces at once (length or thickness sensor); else a jam
    detail: str


@dataclass(frozen=True, slots=True)
class HeadReport:
    """What the head's own latched column counter says after a print command."""

    columns_fired: int
    columns_wanted: int


class Feeder(Protocol):
    """Delivers one piece at a time."""

    def feed(self) -> Fed | FeedFault | None:
        """Return the next piece, a fault, or None when the hopper is empty."""


class Scale(Protocol):
    """A load cell under the belt."""

    samples_per_second: float

    def transit(self, fed: Fed) -> NDArray[np.float64]:
        """Return the trace of one transit, in ounces, tare already off."""

    def hold(self, fed: Fed) -> NDArray[np.float64]:
        """Stop the belt and return a longer trace of the same piece, in ounces."""


class Head(Protocol):
    """A print head; it accepts a token once, and only in ascending order."""

    def fire(self, token: ReleaseToken, raster: Raster, placement: Placement) -> HeadReport:
        """Print, and return how many columns were fired."""

    def decorate(self, graphic: Graphic, spot: Spot) -> HeadReport:
        """Print what is no postage, which takes no token; return how many columns were fired."""


class Camera(Protocol):
    """The camera after the head. It knows nothing of payloads."""

    def zone(self, raster: Raster, placement: Placement) -> Zone:
        """Return where on a frame an imprint is to be expected, from nominal geometry alone."""

    def capture(self) -> Frame:
        """Return the frame of the piece that passes, uint8[H, W]."""
