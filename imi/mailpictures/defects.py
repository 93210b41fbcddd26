"""What goes wrong with a printed symbol, one entry a class, each with five levels.

A defect enters where it arises: in the ink (`InkModel`), in the dots that are fired, on the paper
before or the piece after printing, or in the camera (`CameraModel`). Its amount is in the unit that
its entry names; lengths are modules, so that a level means the same at every resolution. To add a
class, write a function of (subject, amount, rng, where) and enter it in `DEFECTS`; a mixture is
several entries. Levels follow the published comparison of readers on drawn mail, so that rates
can be laid beside it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from imi.mailpictures import damage, paper
from imi.mailpictures.camera import CameraModel
from imi.mailpictures.checks import BadPicture, within
from imi.mailpictures.damage import Where
from imi.mailpictures.imprint import Imprint
from imi.mailpictures.ink import InkModel

STARVED_MOTTLE: Final = 0.45  # unevenness of the density that a loss of one module brings


@dataclass(frozen=True)
class Defect:
    """One class: where it enters, its unit, five levels.

    The stages are "imprint", "ink", "dots", "paper", "piece" and "camera", in that order.
    `apply(subject, amount, rng, where)` returns the subject with the defect. The levels run from
    hardly visible to what no reader known reads.
    """

    name: str
    stage: str
    unit: str
    levels: tuple[float, float, float, float, float]
    apply: Callable[[Any, float, np.random.Generator, Where], Any]


def find(name: str, amount: float) -> Defect:
    """Return the defect, its amount checked: half its smallest level to its largest.

    >>> find("blur", 0.3).stage
    'camera'
    """
    if name not in DEFECTS:
        raise BadPicture(f"no defect {name!r}; there are {', '.join(sorted(DEFECTS))}")
    defect = DEFECTS[name]
    low, high = min(defect.levels), max(defect.levels)
    within(name, amount, low / 2, high, defect.unit)
    return defect


# The ink and the head.


def _dot_gain(ink: InkModel, amount: float, _: np.random.Generator, where: Where) -> InkModel:
    return replace(ink, dot_gain_dots=amount / 2 * where.per_module)  # a bar has two edges


def _dot_loss(ink: InkModel, amount: float, _: np.random.Generator, where: Where) -> InkModel:
    """Too little ink: every bar is narrower by `amount`, and solid areas are patchy."""
    starved = min(0.5, ink.mottle + STARVED_MOTTLE * amount)
    return replace(ink, dot_gain_dots=-amount / 2 * where.per_module, mottle=starved)


def _nozzle(ink: InkModel, amount: float, rng: np.random.Generator, where: Where) -> InkModel:
    """Dead nozzles: white lines across the symbol, each a third of a module high."""
    high = max(1, round(where.per_module / 3))
    tops = rng.choice(int(where.height) - high + 1, size=round(amount), replace=False)
    dead = {int(where.y) + int(top) + k for top in tops for k in range(high)}
    return replace(ink, missing_nozzles=tuple(sorted(dead)))


def _smear(ink: InkModel, amount: float, _: np.random.Generator, where: Where) -> InkModel:
    return replace(ink, smear_dots=amount * where.per_module)


def _contrast(ink: InkModel, amount: float, _: np.random.Generator, __: Where) -> InkModel:
    white = paper.STOCKS["white"].grey
    return replace(ink, grey=max(0, round(white - amount)), density=1.0)


# The camera.


def _blur(camera: CameraModel, amount: float, _: np.random.Generator, where: Where) -> CameraModel:
    return replace(camera, blur_sigma_px=amount * where.per_module)


def _motion(
    camera: CameraModel, amount: float, _: np.random.Generator, where: Where
) -> CameraModel:
    return replace(camera, motion_px=amount * where.per_module)


def _lowres(imprint: Imprint, amount: float, _: np.random.Generator, __: Where) -> Imprint:
    """Print the indicium smaller, until a module is `amount` mm wide: fewer pixels for each."""
    module_mm = imprint.dots_per_module / imprint.dots_per_inch * 25.4
    return replace(imprint, dots_per_inch=imprint.dots_per_inch * max(1.0, module_mm / amount))


def _set(field: str) -> Callable[[CameraModel, float, np.random.Generator, Where], CameraModel]:
    """Return a defect that sets one number of the camera."""

    def apply(camera: CameraModel, amount: float, _: np.random.Generator, __: Where) -> CameraModel:
        values: dict[str, Any] = {field: amount}
        return replace(camera, **values)

    return apply


def _bend(field: str) -> Callable[[CameraModel, float, np.random.Generator, Where], CameraModel]:
    """Return a defect that sets one number of the pose."""

    def apply(
        camera: CameraModel, amount: float, rng: np.random.Generator, where: Where
    ) -> CameraModel:
        return _with_room(_set(field)(camera, amount, rng, where))

    return apply


def _skew(
    camera: CameraModel, amount: float, rng: np.random.Generator, where: Where
) -> CameraModel:
    """Turn the piece by just so much, either way."""
    turn = amount if rng.random() < 0.5 else -amount
    return _with_room(replace(camera, skew_degrees=0.0, turn_degrees=turn))


def _with_room(camera: CameraModel) -> CameraModel:
    """Return the camera with a frame that keeps the piece; with a pivot, that alone is in view."""
    return camera if camera.pivot_in else camera.with_room()


DEFECTS: Final[Mapping[str, Defect]] = {
    defect.name: defect
    for defect in (
        Defect("dot_gain", "ink", "modules", (0.15, 0.3, 0.45, 0.6, 0.75), _dot_gain),
        Defect("dot_loss", "ink", "modules", (0.15, 0.3, 0.45, 0.6, 0.75), _dot_loss),
        Defect("nozzle", "ink", "white lines", (1, 3, 5, 8, 12), _nozzle),
        Defect("smear", "ink", "modules", (1, 2, 3, 5, 8), _smear),
        Defect("contrast", "ink", "grey levels left", (110, 70, 45, 28, 16), _contrast),
        Defect("jitter", "dots", "modules", (0.2, 0.4, 0.7, 1.0, 1.5), damage.jitter),
        Defect("dots", "dots", "modules across", (1.15, 1.0, 0.9, 0.8, 0.7), damage.dots),
        Defect("quiet", "dots", "modules", (1.0, 0.75, 0.5, 0.25, 0.0), damage.quiet),
        Defect("finder", "dots", "cuts", (1, 2, 3, 5, 8), damage.finder),
        Defect("timing", "dots", "blots", (1, 2, 3, 5, 8), damage.timing),
        Defect("speckle", "dots", "of the area", (0.01, 0.02, 0.04, 0.07, 0.11), damage.speckle),
        Defect("kraft", "paper", "of the way", (0.2, 0.4, 0.6, 0.8, 1.0), damage.kraft),
        Defect("show", "piece", "grey levels", (20, 40, 60, 80, 105), damage.show),
        Defect("wrinkle", "piece", "modules", (0.15, 0.3, 0.5, 0.75, 1.0), damage.wrinkle),
        Defect("occlusion", "piece", "of the area", (0.02, 0.05, 0.08, 0.12, 0.16),
               damage.occlusion),
        Defect("blur", "camera", "modules", (0.15, 0.25, 0.35, 0.45, 0.6), _blur),
        Defect("motion", "camera", "modules", (0.3, 0.6, 0.9, 1.2, 1.6), _motion),
        Defect("lowres", "imprint", "mm a module", (0.42, 0.36, 0.3, 0.25, 0.2), _lowres),
        Defect("noise", "camera", "grey levels", (8, 16, 28, 42, 60), _set("noise_sigma")),
        Defect("gradient", "camera", "of the light", (0.25, 0.4, 0.55, 0.7, 0.8),
               _set("gradient")),
        Defect("skew", "camera", "degrees", (2, 4, 6, 8, 10), _skew),
        Defect("stretch", "camera", "of the length", (0.04, 0.08, 0.12, 0.18, 0.25),
               _bend("stretch")),
        Defect("perspective", "camera", "of the width", (0.02, 0.04, 0.07, 0.1, 0.14),
               _bend("perspective")),
    )
}  # fmt: skip
