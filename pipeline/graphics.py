"""Ads and slogans that may be printed without postage: nothing in them can pass for any.

No debit, no indicium, no FIM: the meter is not even asked. So it is checked here, before the first
piece, that a graphic has no word of postage and no symbol that a mail sorter would read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imicore.errors import BackendMissing
from imicore.graphic import Picture, from_picture, from_text
from imicore.raster import Raster
from imicore.reader import SYMBOLOGIES, Reader
from pipeline.errors import MachineError

WORDS: Final = re.compile(
    r"\b(POSTAGE|POSTAL|PERMIT|PRESORT(?:ED)?|FIRST ?CLASS|METERED|USPS|US ?MAIL"
    r"|PRIORITY ?MAIL|GROUND ?ADVANTAGE)\b"
)
"""What stands in indicia and permit imprints and in no ad (domain.md 1.7), in capital letters."""
_CAMERA_DPI: Final = 200


class NotAGraphic(MachineError, ValueError):
    """What could pass for postage; the message names the graphic and what was found in it."""


@dataclass(frozen=True, slots=True)
class Graphic:
    """A picture that was checked; make it with `slogan` or `picture`."""

    name: str
    raster: Raster


def slogan(name: str, lines: tuple[str, ...], dots_per_inch: int) -> Graphic:
    """Return lines of text as a graphic.

    Raises:
        NotAGraphic: a word of postage stands in them.
        BadArgument: as `imicore.graphic.from_text`.

    >>> slogan("sale", ("U.S. Postage paid",), 600)
    Traceback (most recent call last):
    pipeline.graphics.NotAGraphic: graphic 'sale' says POSTAGE, as indicia and permit imprints do
    """
    for line in lines:
        said = re.sub("[^A-Z]+", " ", re.sub("[.-]", "", line.upper()))
        if (found := WORDS.search(said)) is not None:
            word = found[1]
            raise NotAGraphic(f"graphic {name!r} says {word}, as indicia and permit imprints do")
    return Graphic(name, from_text(lines, dots_per_inch))


def picture(name: str, dots: Picture, dots_per_inch: int) -> Graphic:
    """Return a picture, bool[height, width], a pixel for each dot, as a graphic.

    Words in it are not read: whoever orders it answers for them. PDF417 is looked for where
    zxing-cpp is installed.

    Raises:
        NotAGraphic: a symbol stands in it.
        BadArgument: as `imicore.graphic.from_picture`.
    """
    raster = from_picture(dots, dots_per_inch)
    for symbology in SYMBOLOGIES:
        try:
            reader = Reader(symbologies=[symbology])
        except BackendMissing:
            continue
        if any(reader.read(frame) for frame in _views(dots, dots_per_inch)):
            raise NotAGraphic(f"graphic {name!r} holds a symbol ({symbology})")
    return Graphic(name, raster)


def _views(dots: Picture, dots_per_inch: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the picture on paper as cameras see it, dot by dot and at their resolution."""
    margin = dots_per_inch // 4
    paper = np.pad(dots, margin)
    for ink in (paper, ~paper):
        yield np.where(ink, 30, 225).astype(np.uint8)
        step = max(1, dots_per_inch // _CAMERA_DPI)
        height, width = (side // step * step for side in ink.shape)
        blocks = ink[:height, :width].reshape(height // step, step, width // step, step)
        yield (225 - 195 * blocks.mean(axis=(1, 3))).astype(np.uint8)
