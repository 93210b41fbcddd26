"""Damage to the dots that a head fires, to the paper before it and to the piece after it.

Each function returns a changed copy: (image, amount, rng, where) -> image. What an amount means
stands in `imi.mailpictures.defects`, which is the list of them.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from imi.mailpictures import paper
from imi.mailpictures.checks import BadPicture, Image, grey
from imi.mailpictures.ink import lay


@dataclass(frozen=True)
class Where:
    """Where the symbol lies in the subject's grid: dots before printing, pixels after.

    Attributes:
        x, y: its top left corner.
        modules: rows and columns of it, finder and timing included.
        per_module: dots or pixels a module.
    """

    x: float
    y: float
    modules: tuple[int, int]
    per_module: float

    @property
    def height(self) -> float:
        """Height in the grid's cells."""
        return self.modules[0] * self.per_module

    @property
    def width(self) -> float:
        """Width in the grid's cells."""
        return self.modules[1] * self.per_module


JITTER_MODULES = 15  # travelled while the error of the speed swings once to and fro
FIBRES = 2.5  # times as deep as of common kraft, at the worst
WRINKLE_MODULES = 5  # from one crest or hollow to the next
NOWHERE = Where(0.0, 0.0, (0, 0), 1.0)  # for a defect that changes the imprint itself

# The dots that are fired.


def jitter(dots: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Fire lines early or late: a slow wander of the belt under the head, along x.

    The columns are displaced, each by the running speed error, at most `amount` modules.
    """
    width = dots.shape[1]
    knots = max(4, round(width / where.per_module / JITTER_MODULES))
    walk = rng.standard_normal(knots)
    drift = cv2.resize(walk[None, :].astype(np.float32), (width, 1),
                       interpolation=cv2.INTER_CUBIC)[0]  # fmt: skip
    drift *= amount * where.per_module / max(1e-6, float(np.abs(drift).max()))
    columns = np.clip(np.rint(np.arange(width) + drift), 0, width - 1).astype(np.intp)
    return np.ascontiguousarray(dots[:, columns])


def finder(dots: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Leave out pieces of the solid L, each a module long."""
    return _blots(dots, round(amount), rng, where, solid=True)


def timing(dots: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Fill or clear places of the clock track, each two modules long."""
    return _blots(dots, round(amount), rng, where, solid=False)


def _blots(
    dots: Image, count: int, rng: np.random.Generator, where: Where, *, solid: bool
) -> Image:
    marked = dots.copy()
    unit = where.per_module
    length = 1 if solid else 2
    for _ in range(count):
        upright = bool(rng.random() < 0.5)
        side = where.modules[0] if upright else where.modules[1]
        along = float(rng.uniform(1, side - 1 - length)) * unit
        if solid:  # left column or bottom row
            x, y = (0.0, along) if upright else (along, where.height - unit)
        else:  # right column or top row
            x, y = (where.width - unit, along) if upright else (along, 0.0)
        wide, high = (1, length) if upright else (length, 1)
        x0, y0 = round(where.x + x), round(where.y + y)
        level = 0 if solid or rng.random() < 0.5 else 255
        marked[y0 : y0 + round(high * unit), x0 : x0 + round(wide * unit)] = level
    return marked


def speckle(dots: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Turn specks of about a module over, dark and light alike, on this share of the symbol."""
    size = where.per_module * 0.4
    count = rng.poisson(amount * where.width * where.height / (np.pi * size * size))
    marked = dots.copy()
    for x, y, dark, radius in rng.random((count, 4)):
        centre = (round(where.x + x * where.width), round(where.y + y * where.height))
        cv2.circle(marked, centre, round(size * (0.7 + 0.6 * radius)), 255 * int(dark < 0.5), -1)
    return marked


def dots(image: Image, amount: float, _: np.random.Generator, where: Where) -> Image:
    """Print each dark module as a round dot, as a dot-peen or a coarse valve jet does."""
    marked = image.copy()
    x0, y0, unit = round(where.x), round(where.y), where.per_module
    area = marked[y0 : round(where.y + where.height), x0 : round(where.x + where.width)]
    rows, columns = where.modules
    middle_y = ((np.arange(rows) + 0.5) * unit).astype(np.intp)
    middle_x = ((np.arange(columns) + 0.5) * unit).astype(np.intp)
    dark = area[middle_y[:, None], middle_x[None, :]] > 127
    area[:] = 0
    radius = amount * unit / 2
    for row, column in zip(*np.nonzero(dark), strict=True):
        centre = (round(((column + 0.5) * unit - 0.5) * 16), round(((row + 0.5) * unit - 0.5) * 16))
        cv2.circle(area, centre, round(radius * 16), 255, -1, cv2.LINE_AA, 4)
    return marked


def quiet(image: Image, amount: float, _: np.random.Generator, where: Where) -> Image:
    """Draw a box round the symbol, one module thick, that leaves this much quiet zone.

    Raises BadPicture when the imprint has no room for it.
    """
    gap, line = amount * where.per_module, where.per_module
    reach = round(gap + line)
    x, y = round(where.x), round(where.y)
    right, bottom = round(where.x + where.width), round(where.y + where.height)
    room = min(x, y, image.shape[1] - right, image.shape[0] - bottom)
    if reach > room:
        raise BadPicture(
            f"a box round the symbol reaches {reach} dots beyond it; the imprint has {room}"
        )
    gap = round(gap)
    marked = image.copy()
    marked[y - reach : bottom + reach, x - reach : right + reach] = 255
    inner = (slice(y - gap, bottom + gap), slice(x - gap, right + gap))
    marked[inner] = image[inner]
    return marked


# The paper before the head and the piece after it.


def kraft(image: Image, amount: float, rng: np.random.Generator, _: Where) -> Image:
    """Print on brown paper instead, by this share of the way to the worst: dark, deep fibres."""
    shape = (image.shape[0], image.shape[1])
    fibres = paper.sheet("kraft", shape, rng)
    base = paper.STOCKS["kraft"].grey
    darker = cv2.convertScaleAbs(image, alpha=1 - 0.5 * amount)
    return grey(cv2.addWeighted(darker, 1, fibres, FIBRES * amount, -FIBRES * amount * base))


def show(image: Image, amount: float, rng: np.random.Generator, _: Where) -> Image:
    """Let what is inside show through, darkening white paper by up to this many grey levels."""
    behind = paper.inside((image.shape[0], image.shape[1]), rng)
    shade = cv2.convertScaleAbs(behind, alpha=-amount / 255 * 250 / 230, beta=250)
    return grey(cv2.multiply(image, shade, scale=1 / 250))


def wrinkle(image: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Crumple the paper round the symbol: its surface wanders by this many modules.

    The amount is the standard deviation of the displacement, whatever its direction.

    The corners that a picture states are those of the flat piece.
    """
    unit = where.per_module
    x0, y0 = (max(0, int(v - 6 * unit)) for v in (where.x, where.y))
    x1 = min(image.shape[1], int(where.x + where.width + 6 * unit))
    y1 = min(image.shape[0], int(where.y + where.height + 6 * unit))
    part = image[y0:y1, x0:x1]
    height, width = part.shape
    knots = tuple(max(4, round(n / unit / WRINKLE_MODULES)) for n in (height, width))
    waves = []
    for _ in range(2):
        small = rng.standard_normal(knots).astype(np.float32)
        field = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
        waves.append(field * float(amount * unit / np.sqrt(2) / max(1e-6, field.std())))
    y, x = np.mgrid[:height, :width].astype(np.float32)
    bent = cv2.remap(
        part, x + waves[0], y + waves[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    # A slope towards the lamp is lighter: shading follows the waves.
    light = np.clip(245 + 18 * np.diff(waves[1], axis=0, prepend=0), 180, 255).astype(np.uint8)
    crumpled = image.copy()
    crumpled[y0:y1, x0:x1] = cv2.multiply(bent, light, scale=1 / 245)
    return crumpled


def occlusion(image: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Cover the symbol by a sticker or stamp of this share of its area: one rectangle.

    Its middle lies anywhere on the symbol, so a part of it may lie beside; it is light or dark.
    """
    covered = image.copy()
    aspect = float(rng.uniform(0.6, 1.7))
    high = min(1.0, np.sqrt(amount * aspect)) * where.height
    wide = min(1.0, np.sqrt(amount / aspect)) * where.width
    x = max(0.0, where.x + float(rng.uniform(0, where.width)) - wide / 2)
    y = max(0.0, where.y + float(rng.uniform(0, where.height)) - high / 2)
    area = covered[round(y) : round(y + high), round(x) : round(x + wide)]
    lay(area, np.full(area.shape, 0.97, np.float32), 215 if rng.random() < 0.5 else 45)
    return covered
