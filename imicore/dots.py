"""The picture that a print head takes: packed rows of dots, and where in them things are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from imicore.errors import BadArgument

Rows = npt.NDArray[np.uint8]
_BYTE = np.dtype(np.uint8)


class Box(NamedTuple):
    """A rectangle in dots; x to the right, y down."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column behind the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below the box."""
        return self.y + self.height

    def moved(self, dx: int, dy: int) -> "Box":
        """Return the box at another place."""
        return Box(self.x + dx, self.y + dy, self.width, self.height)


@dataclass(frozen=True, eq=False)
class Raster:
    """A picture of dots as a print head takes it.

    `rows` is uint8[height, ceil(width / 8)], the most significant bit leftmost, 1 = ink, pad bits
    0. `elements` says where things are: of an indicium "symbol", "quiet_zone", "indicium" always;
    "text", "fim", "mark" where they exist; of an ad or slogan "graphic" alone.
    """

    rows: Rows
    width: int  # dots
    dots_per_inch: int
    elements: Mapping[str, Box]

    def __post_init__(self) -> None:
        rows = self.rows
        if rows.dtype != _BYTE or rows.ndim != 2 or rows.shape[1] != (self.width + 7) // 8:
            raise BadArgument(
                f"rows of {self.width} dots must be uint8[height, {(self.width + 7) // 8}], "
                f"got {rows.dtype}{[*rows.shape]}"
            )
        rows.setflags(write=False)  # a picture that was signed for does not change any more

    @property
    def height(self) -> int:
        """The number of dot rows."""
        return int(self.rows.shape[0])

    @property
    def dots(self) -> npt.NDArray[np.bool_]:
        """The picture as bool[height, width], True = ink."""
        return np.unpackbits(self.rows, axis=1, count=self.width).view(np.bool_)
