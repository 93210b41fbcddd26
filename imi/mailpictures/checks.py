"""The one exception of the mail pictures, the range check that raises it, and the image type."""

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


class BadPicture(ValueError):
    """A style, size, resolution or amount that no mail picture has; the message says the limit."""


def within(name: str, amount: float, low: float, high: float, unit: str) -> None:
    """Raise BadPicture unless low <= amount <= high; NaN is outside.

    >>> within("skew", 1.5, 0, 10, "degrees")
    >>> within("skew", 11, 0, 10, "degrees")
    Traceback (most recent call last):
        ...
    imi.mailpictures.checks.BadPicture: skew is 11 degrees; the range is 0 to 10
    """
    if not low <= amount <= high:
        raise BadPicture(f"{name} is {amount:g} {unit}; the range is {low:g} to {high:g}")


def grey(array: NDArray[np.generic]) -> Image:
    """Return the array as what it is, uint8: OpenCV's own types leave that open."""
    assert array.dtype == np.uint8, array.dtype
    return array  # type: ignore[return-value]
