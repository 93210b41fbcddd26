"""Senders' logos: six families of plain shapes, no one's trade mark."""

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imi.mailpictures.checks import Image
from imi.mailpictures.ink import area_average, lay

FINE: Final = 256  # side of the drawing that is averaged down


def draw(
    image: Image, at_px: tuple[float, float], side_px: float, grey: int, rng: np.random.Generator
) -> None:
    """Print a random logo in place, its top left corner at `at_px`, inside the image.

    >>> card = np.full((80, 80), 255, np.uint8)
    >>> draw(card, (10, 10), 50, 40, np.random.default_rng(2))
    >>> bool(card.min() < 128)
    True
    """
    plate = np.zeros((FINE, FINE), np.uint8)
    FAMILIES[int(rng.integers(0, len(FAMILIES)))](plate, rng)
    share, column, row = area_average(plate, side_px / FINE, *at_px)
    lay(image[row : row + share.shape[0], column : column + share.shape[1]], share, grey)


def _ring(plate: Image, rng: np.random.Generator) -> None:
    cv2.circle(plate, (128, 128), 110, 255, int(rng.integers(14, 30)), cv2.LINE_AA)
    turn = rng.uniform(0, np.pi)
    for k in range(3):
        angle = turn + k * 2 * np.pi / 3
        tip = (round(128 + 80 * np.cos(angle)), round(128 + 80 * np.sin(angle)))
        cv2.line(plate, (128, 128), tip, 255, 22, cv2.LINE_AA)


def _peaks(plate: Image, rng: np.random.Generator) -> None:
    peak = int(rng.integers(80, 120))
    _fill(plate, [(8, 230), (peak, 40), (170, 230)], 255)
    _fill(plate, [(120, 230), (185, 100), (250, 230)], 180)
    _fill(plate, [(peak - 22, 84), (peak, 40), (peak + 22, 84), (peak, 70)], 0)


def _bars(plate: Image, rng: np.random.Generator) -> None:
    for k, top in enumerate(rng.integers(20, 180, 5)):
        cv2.rectangle(plate, (12 + k * 48, int(top)), (46 + k * 48, 236), 255, -1)


def _leaf(plate: Image, rng: np.random.Generator) -> None:
    tilt = float(rng.uniform(-60, -30))
    cv2.ellipse(plate, (128, 120), (112, 52), tilt, 0, 360, 255, -1, cv2.LINE_AA)
    cv2.ellipse(plate, (128, 120), (112, 52), tilt, 0, 360, 255, 6, cv2.LINE_AA)
    cv2.line(plate, (40, 236), (196, 44), 0, 10, cv2.LINE_AA)


def _hexagon(plate: Image, rng: np.random.Generator) -> None:
    turn = rng.uniform(0, 1)
    for radius, level in ((120, 255), (86, 0), (56, 255)):
        angles = turn + np.arange(6) * np.pi / 3
        _fill(plate, [(128 + radius * np.cos(a), 128 + radius * np.sin(a)) for a in angles], level)


def _waves(plate: Image, rng: np.random.Generator) -> None:
    x = np.arange(8, 249)
    phase = rng.uniform(0, 6)
    for k in range(4):
        y = 60 + 46 * k + 16 * np.sin(x / 24 + phase)
        cv2.polylines(plate, [np.stack([x, y], 1).astype(np.int32)], False, 255, 18, cv2.LINE_AA)


def _fill(plate: Image, points: list[tuple[float, float]], level: int) -> None:
    corners: NDArray[np.int32] = np.rint(np.array(points) * 16).astype(np.int32)
    cv2.fillPoly(plate, [corners], level, cv2.LINE_AA, 4)


FAMILIES: Final[tuple[Callable[[Image, np.random.Generator], None], ...]] = (
    _ring, _peaks, _bars, _leaf, _hexagon, _waves,
)  # fmt: skip
