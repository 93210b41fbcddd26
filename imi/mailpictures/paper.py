"""Paper, film, belt and sensor noise: textures made once, cut at random places ever after.

A frame has 1.6 Mpx; drawing that many normal deviates costs 21 ms, cutting them from a tile 1 ms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from imi.mailpictures.checks import BadPicture, Image

TILE_SHAPE: Final = (1200, 2400)  # larger than a #10 envelope at 200 dpi, so a cut rarely wraps
NOISE_SIGMA: Final = 32  # grey levels of the noise tile; 4 sigma still fit into 128 +- 127


@dataclass(frozen=True)
class Stock:
    """A kind of paper as a red-light camera sees it; amounts are grey levels of 255."""

    grey: int
    grain: float  # pixel to pixel
    clouds: float  # formation of the sheet, some millimetres
    fibres: int  # visible fibres in the tile
    fibre_depth: float
    tint: float = 0.0  # contrast of what shines through from inside


# Kraft reflects about two thirds of what white wove does at 660 nm; DMM 708.4.4 wants 50 %.
STOCKS: Final[dict[str, Stock]] = {
    "white": Stock(grey=230, grain=1.6, clouds=1.2, fibres=2500, fibre_depth=3.0, tint=5.0),
    "smooth": Stock(grey=230, grain=1.0, clouds=0.8, fibres=1500, fibre_depth=1.5),  # coated
    "cream": Stock(grey=221, grain=2.0, clouds=1.6, fibres=5000, fibre_depth=4.0, tint=3.0),
    "kraft": Stock(grey=163, grain=3.2, clouds=2.2, fibres=40000, fibre_depth=13.0, tint=0.0),
    "sheet": Stock(grey=236, grain=1.2, clouds=1.0, fibres=800, fibre_depth=2.0),  # behind a window
}


def sheet(stock: str, shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return uint8[shape] of the stock's paper, cut at a random place.

    >>> sheet("white", (4, 6), np.random.default_rng(1)).shape
    (4, 6)
    """
    if stock not in STOCKS:
        raise BadPicture(f"no paper stock {stock!r}; there are {', '.join(sorted(STOCKS))}")
    return cut(_stock_tile(stock), shape, rng)


def noise(shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return uint8[shape] of white noise: mean 128, deviation NOISE_SIGMA."""
    return cut(_noise_tile(), shape, rng)


def mottle(shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return uint8[shape] of noise as coarse as ink takes to fibres: mean 128, deviation 40."""
    return cut(_mottle_tile(), shape, rng)


def belt(shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return uint8[shape] of the dark transport belt under the piece."""
    return cut(_belt_tile(), shape, rng)


def inside(shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return uint8[shape] of what shines through a security envelope, 0 none to 255 most.

    Either a printed lining or the lines of the letter inside, mirrored and soft.
    """
    tile = _lining_tile() if rng.random() < 0.5 else _letter_tile()
    return cut(tile, shape, rng)


def cut(tile: Image, shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Return a contiguous uint8[shape] from a random place of a tile that may be smaller."""
    height, width = shape
    missing = (max(0, height - tile.shape[0]), max(0, width - tile.shape[1]))
    if any(missing):
        repeats = (-(-height // tile.shape[0]), -(-width // tile.shape[1]))
        tile = np.tile(tile, repeats)
    top = int(rng.integers(0, tile.shape[0] - height + 1))
    left = int(rng.integers(0, tile.shape[1] - width + 1))
    part = tile[top : top + height, left : left + width]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    if rng.random() < 0.5:
        part = part[::-1]
    return np.ascontiguousarray(part)


# The tiles below are materials, not events: their seeds are part of the material.


def _tile(make: Callable[[np.random.Generator], NDArray[np.float32]], seed: int) -> Image:
    field = make(np.random.default_rng(seed))
    tile = np.clip(np.rint(field), 0, 255).astype(np.uint8)
    tile.setflags(write=False)
    return tile


def _normal(rng: np.random.Generator, blur: float) -> NDArray[np.float32]:
    """Return float32[TILE_SHAPE] of normal noise, blurred, of deviation 1."""
    step = max(1, round(blur / 2))
    small = rng.standard_normal((TILE_SHAPE[0] // step, TILE_SHAPE[1] // step), np.float32)
    wide = cv2.resize(small, TILE_SHAPE[::-1], interpolation=cv2.INTER_CUBIC)
    if blur > 0:
        wide = cv2.GaussianBlur(wide, (0, 0), blur)
    field = np.asarray(wide, np.float32)
    return np.asarray(field / field.std(), np.float32)


@cache
def _stock_tile(name: str) -> Image:
    stock = STOCKS[name]

    def make(rng: np.random.Generator) -> NDArray[np.float32]:
        fibres = np.zeros(TILE_SHAPE, np.float32)
        ends = rng.random((stock.fibres, 4))
        for x, y, turn, depth in ends:
            x0, y0 = x * TILE_SHAPE[1], y * TILE_SHAPE[0]
            # Machine direction: fibres lie along the web more often than across.
            angle = (turn - 0.5) * np.pi * (0.35 + 0.65 * depth)
            length = 4 + 14 * depth
            bend = length * (turn - 0.5) * 0.5
            points = [
                (x0, y0),
                (x0 + length / 2 * np.cos(angle) - bend * np.sin(angle), y0 + bend),
                (x0 + length * np.cos(angle), y0 + length * np.sin(angle)),
            ]
            colour = stock.fibre_depth * (1 if depth > 0.4 else -0.8)
            line = np.rint(np.array([points]) * 16).astype(np.int32)
            cv2.polylines(fibres, line, False, float(colour), 1, cv2.LINE_8, 4)
        soft = cv2.GaussianBlur(fibres, (0, 0), 0.7)
        grain = stock.grain * _normal(rng, 0.6)
        clouds = stock.clouds * (0.6 * _normal(rng, 14) + 0.4 * _normal(rng, 4))
        return np.asarray(stock.grey + grain + clouds - soft, np.float32)

    return _tile(make, 660 + len(name))


@cache
def _noise_tile() -> Image:
    return _tile(lambda rng: 128 + NOISE_SIGMA * _normal(rng, 0), 1)


@cache
def _mottle_tile() -> Image:
    return _tile(lambda rng: 128 + 40 * (0.7 * _normal(rng, 1.2) + 0.7 * _normal(rng, 3)), 2)


@cache
def _belt_tile() -> Image:
    def make(rng: np.random.Generator) -> NDArray[np.float32]:
        ribs = 3 * np.sin(np.arange(TILE_SHAPE[1]) * 2 * np.pi / 11)[None, :]
        return np.asarray(24 + 2.5 * _normal(rng, 0.8) + 3 * _normal(rng, 20) + ribs, np.float32)

    return _tile(make, 3)


@cache
def _lining_tile() -> Image:
    """Return a printed security lining: a woven pattern of small strokes."""

    def make(_: np.random.Generator) -> NDArray[np.float32]:
        y, x = np.mgrid[: TILE_SHAPE[0], : TILE_SHAPE[1]].astype(np.float32)
        weave = np.sin((x + y) * 0.55) * np.sin((x - y) * 0.55) + 0.5 * np.sin(y * 0.21 + x * 0.06)
        return np.asarray(cv2.GaussianBlur(127 + 90 * weave, (0, 0), 1.5), np.float32)

    return _tile(make, 4)


@cache
def _letter_tile() -> Image:
    """Return the mirrored lines of a folded letter."""

    def make(rng: np.random.Generator) -> NDArray[np.float32]:
        page = np.zeros(TILE_SHAPE, np.float32)
        for top in range(0, TILE_SHAPE[0], 34):
            left = 0
            while left < TILE_SHAPE[1]:
                word = int(rng.integers(20, 110))
                if rng.random() < 0.8:
                    cv2.rectangle(page, (left, top + 8), (left + word, top + 20), 190.0, -1)
                left += word + 11
        page *= 0.75 + 0.35 * np.clip(_normal(rng, 0.9), -1.5, 1.5)
        return np.asarray(cv2.GaussianBlur(page, (0, 0), 3.2), np.float32)

    return _tile(make, 5)
