"""What goes wrong with a printed symbol, one entry a class, each with five levels.

A defect enters where it arises: in the ink (`InkModel`), in the dots that are fired, on the piece
after printing, or in the camera (`CameraModel`). Its amount is in the unit that its entry names;
lengths are modules, so that a level means the same at every resolution. To add a class, write a
function of (subject, amount, rng, where) and enter it in `DEFECTS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np

from imi.mailpictures import paper
from imi.mailpictures.camera import CameraModel
from imi.mailpictures.checks import BadPicture, Image, within
from imi.mailpictures.ink import InkModel, lay


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


@dataclass(frozen=True)
class Defect:
    """One class: where it enters ("ink", "dots", "piece", "camera"), its unit and five levels.

    `apply(subject, amount, rng, where)` returns the subject with the defect. The levels run from
    hardly visible to what no reader known reads.
    """

    name: str
    stage: str
    unit: str
    levels: tuple[float, float, float, float, float]
    apply: Callable[[Any, float, np.random.Generator, Where], Any]


def find(name: str, amount: float) -> Defect:
    """Return the defect, its amount checked: above 0, at most twice its fifth level.

    >>> find("blur", 0.3).stage
    'camera'
    """
    if name not in DEFECTS:
        raise BadPicture(f"no defect {name!r}; there are {', '.join(sorted(DEFECTS))}")
    defect = DEFECTS[name]
    low, high = min(defect.levels), max(defect.levels)
    within(name, amount, min(low / 2, 0.5 * high), 2 * high, defect.unit)
    return defect


# The ink and the head.


def _dot_gain(ink: InkModel, amount: float, _: np.random.Generator, where: Where) -> InkModel:
    return replace(ink, dot_gain_dots=amount / 2 * where.per_module)  # a bar has two edges


def _dot_loss(ink: InkModel, amount: float, _: np.random.Generator, where: Where) -> InkModel:
    return replace(ink, dot_gain_dots=-amount / 2 * where.per_module)


def _nozzle(ink: InkModel, amount: float, rng: np.random.Generator, where: Where) -> InkModel:
    """Dead groups of nozzles, each half a module high, somewhere across the symbol."""
    high = max(1, round(where.per_module / 2))
    tops = rng.choice(int(where.height / high), size=round(amount), replace=False)
    first = int(where.y)
    dead = [first + int(top) * high + k for top in tops for k in range(high)]
    return replace(ink, missing_nozzles=tuple(sorted(dead)))


def _smear(ink: InkModel, amount: float, _: np.random.Generator, where: Where) -> InkModel:
    return replace(ink, smear_dots=amount * where.per_module)


def _contrast(ink: InkModel, amount: float, _: np.random.Generator, __: Where) -> InkModel:
    white = paper.STOCKS["white"].grey
    return replace(ink, grey=max(0, round(white - amount)), density=1.0)


# The dots that are fired.


def _jitter(dots: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Fire lines early or late: a slow wander of the belt under the head, along x.

    The columns are displaced, each by the running speed error, at most `amount` modules.
    """
    width = dots.shape[1]
    knots = max(4, round(width / where.per_module / 6))
    walk = rng.standard_normal(knots)
    drift = cv2.resize(walk[None, :].astype(np.float32), (width, 1),
                       interpolation=cv2.INTER_CUBIC)[0]  # fmt: skip
    drift *= amount * where.per_module / max(1e-6, float(np.abs(drift).max()))
    columns = np.clip(np.rint(np.arange(width) + drift), 0, width - 1).astype(np.intp)
    return np.ascontiguousarray(dots[:, columns])


def _finder(dots: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Leave out pieces of the solid L, each a module long."""
    return _blots(dots, round(amount), rng, where, solid=True)


def _timing(dots: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
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


def _speckle(dots: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Turn specks of about a module over, dark and light alike, on this share of the symbol."""
    size = where.per_module * 0.4
    count = rng.poisson(amount * where.width * where.height / (np.pi * size * size))
    marked = dots.copy()
    for x, y, dark, radius in rng.random((count, 4)):
        centre = (round(where.x + x * where.width), round(where.y + y * where.height))
        cv2.circle(marked, centre, round(size * (0.7 + 0.6 * radius)), 255 * int(dark < 0.5), -1)
    return marked


# The piece after the head.


def _occlusion(image: Image, amount: float, rng: np.random.Generator, where: Where) -> Image:
    """Cover a share of the symbol by a sticker's corner: one rectangle, light or dark."""
    covered = image.copy()
    aspect = float(rng.uniform(0.6, 1.7))
    high = min(1.0, np.sqrt(amount * aspect)) * where.height
    wide = min(1.0, np.sqrt(amount / aspect)) * where.width
    x = where.x + float(rng.uniform(0, where.width - wide))
    y = where.y + float(rng.uniform(0, where.height - high))
    area = covered[round(y) : round(y + high), round(x) : round(x + wide)]
    lay(area, np.full(area.shape, 0.97, np.float32), 215 if rng.random() < 0.5 else 45)
    return covered


# The camera.


def _blur(camera: CameraModel, amount: float, _: np.random.Generator, where: Where) -> CameraModel:
    return replace(camera, blur_sigma_px=amount * where.per_module)


def _motion(
    camera: CameraModel, amount: float, _: np.random.Generator, where: Where
) -> CameraModel:
    return replace(camera, motion_px=amount * where.per_module)


def _lowres(
    camera: CameraModel, amount: float, _: np.random.Generator, where: Where
) -> CameraModel:
    """Fewer pixels for the same field of view, until a module has `amount` of them."""
    share = min(1.0, amount / where.per_module)
    width, height = camera.frame_size
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return replace(camera, dpi=camera.dpi * share, frame_size=size)


def _set(field: str) -> Callable[[CameraModel, float, np.random.Generator, Where], CameraModel]:
    """Return a defect that sets one number of the camera."""

    def apply(camera: CameraModel, amount: float, _: np.random.Generator, __: Where) -> CameraModel:
        values: dict[str, Any] = {field: amount}
        return replace(camera, **values)

    return apply


def _bend(field: str) -> Callable[[CameraModel, float, np.random.Generator, Where], CameraModel]:
    """Return a defect that sets one number of the pose; the frame grows to keep the piece."""

    def apply(
        camera: CameraModel, amount: float, rng: np.random.Generator, where: Where
    ) -> CameraModel:
        return _set(field)(camera, amount, rng, where).with_room()

    return apply


DEFECTS: Final[Mapping[str, Defect]] = {
    defect.name: defect
    for defect in (
        Defect("dot_gain", "ink", "modules", (0.15, 0.3, 0.45, 0.6, 0.75), _dot_gain),
        Defect("dot_loss", "ink", "modules", (0.15, 0.3, 0.45, 0.6, 0.75), _dot_loss),
        Defect("nozzle", "ink", "dead groups", (1, 3, 5, 8, 12), _nozzle),
        Defect("smear", "ink", "modules", (1, 2, 3, 5, 8), _smear),
        Defect("contrast", "ink", "grey levels left", (110, 70, 45, 28, 16), _contrast),
        Defect("jitter", "dots", "modules", (0.2, 0.4, 0.7, 1.0, 1.5), _jitter),
        Defect("finder", "dots", "cuts", (1, 2, 3, 5, 8), _finder),
        Defect("timing", "dots", "blots", (1, 2, 3, 5, 8), _timing),
        Defect("speckle", "dots", "of the area", (0.01, 0.02, 0.04, 0.07, 0.11), _speckle),
        Defect("occlusion", "piece", "of the area", (0.02, 0.05, 0.08, 0.12, 0.16), _occlusion),
        Defect("blur", "camera", "modules", (0.15, 0.25, 0.35, 0.45, 0.6), _blur),
        Defect("motion", "camera", "modules", (0.3, 0.6, 0.9, 1.2, 1.6), _motion),
        Defect("lowres", "camera", "pixels a module", (3.3, 2.8, 2.4, 2.0, 1.6), _lowres),
        Defect("noise", "camera", "grey levels", (8, 16, 28, 42, 60), _set("noise_sigma")),
        Defect("gradient", "camera", "of the light", (0.25, 0.4, 0.55, 0.7, 0.8),
               _set("gradient")),
        Defect("skew", "camera", "degrees", (2, 4, 6, 8, 10), _bend("skew_degrees")),
        Defect("stretch", "camera", "of the length", (0.04, 0.08, 0.12, 0.18, 0.25),
               _bend("stretch")),
        Defect("perspective", "camera", "of the width", (0.02, 0.04, 0.07, 0.1, 0.14),
               _bend("perspective")),
    )
}  # fmt: skip
