"""What a head is to print: packed rows of dots, and where in them the symbol lies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Imprint:
    """What the head is to print, and where in it the symbol lies.

    Attributes:
        rows: uint8[R, ceil(C/8)], first dot in the high bit, 1 is ink.
        dots_per_inch: both ways.
        width_dots: C.
        symbol_xy: dots from the top left of the rows to the symbol's outer corner.
        modules: rows and columns of the symbol.
        dots_per_module: whole dots.
        indicium: x, y, width, height in dots of what the camera is to look for; None for all.
    """

    rows: NDArray[np.uint8]
    dots_per_inch: float
    width_dots: int
    symbol_xy: tuple[int, int]
    modules: tuple[int, int]
    dots_per_module: int
    indicium: tuple[int, int, int, int] | None = None

    @property
    def size_in(self) -> tuple[float, float]:
        """Width and height of the imprint in inches."""
        return self.width_dots / self.dots_per_inch, self.rows.shape[0] / self.dots_per_inch
