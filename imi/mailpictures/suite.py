"""The degraded-mail suite: one defect class at one of five levels on one letter, by seed.

Made like the published comparison of Data Matrix readers on drawn mail, so that rates can be laid
beside it: a #10 envelope at 200 dpi with return address, logo, addresses with their bar row, facing
marks and the text of an indicium; top right a symbol of 36x36, 40x40 or 44x44 modules of 0.5 mm
(seed modulo 3) with 78, 90 or 130 random bytes in Base 256.

Letter, payload and pose depend on the seed alone, so all classes and levels damage the same
letters; the damage depends on class, level and seed.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from imi.mailpictures.camera import CameraModel
from imi.mailpictures.checks import BadPicture, Image, within
from imi.mailpictures.defects import DEFECTS, find
from imi.mailpictures.envelope import NUMBER_10, Envelope, draw
from imi.mailpictures.imprint import Imprint
from imi.mailpictures.ink import InkModel, print_on
from imi.mailpictures.samples import Progress, Sample, described, png
from imi.mailpictures.scene import Streams, print_and_photograph
from imicore import datamatrix
from imicore.marks import Mark
from imicore.placement import place
from imicore.raster import Rasterizer

SYMBOLS: Final = ((36, 78), (40, 90), (44, 130))  # side in modules, payload bytes
MODULE_MM: Final = 0.5
DOTS_PER_MODULE: Final = 12
MARGIN_MODULES: Final = 4  # of the imprint round the symbol: a box or speck may be printed there
STYLE: Final = "smooth"  # contrast of 16 grey levels drowns in the texture of rougher paper
NOISE_SIGMA: Final = 2.5  # grey levels
BLUR_MM: Final = 0.04  # of the optics, on the paper
CLEAN: Final = "clean"
MIXED: Final = "mixed"
# Mixed mail: one fault where a reader looks first, finder, timing and quiet zone, and two of the
# others, each at the level asked for.
BORDER: Final = ("finder", "nozzle", "occlusion", "quiet", "speckle", "timing")
OTHERS: Final = tuple(sorted(set(DEFECTS) - set(BORDER)))
MIXED_OTHERS: Final = 2
CLASSES: Final = (*sorted(DEFECTS), MIXED)
LEVELS: Final = (1, 2, 3, 4, 5)
LINES: Final = ("US POSTAGE", "$0.74", "03/12/2026", "ZIP 00042", "TST0 0000017")
LETTERS: Final = 24  # kept; one at 200 dpi is 1.6 MB
LAYOUT_DPI: Final = 600
_INDICIUM: Final = Rasterizer(LAYOUT_DPI, module_in=MODULE_MM / 25.4, quiet_zone_modules=2)
_WITH_FIM: Final = Rasterizer(LAYOUT_DPI, fim="D")


def degraded(name: str, level: float, seed: int, dpi: int = 200) -> Sample:
    """Return the picture of the class at the level for the seed, the same whenever asked.

    Args:
        name: of `CLASSES`, or "clean" (its level is 0).
        level: 1 to 5; between two whole levels the amount lies between theirs.
        seed: 0 or more; the letter, its payload and where it lies.
        dpi: of the camera, 100 to 400; 200 gives 1900x825 px, 300 gives 2850x1238.

    Raises:
        BadPicture: an unknown class, a level, seed or resolution out of range.

    >>> made = degraded("nozzle", 1, seed=1)
    >>> made.picture.frame.shape, made.modules, len(made.payload), made.defects
    ((825, 1900), (40, 40), 90, (('nozzle', 1, 1.0),))
    """
    _check(name, level, seed, dpi)
    side, size = SYMBOLS[seed % len(SYMBOLS)]
    of_letter = np.random.default_rng((seed, 0))
    payload = of_letter.bytes(size)
    ink = InkModel(dot_gain_dots=0.0)  # a level is the whole of its defect
    level = int(level) if level == int(level) else level
    key = level if isinstance(level, int) else round(1000 * level)
    of_damage = np.random.default_rng((seed, zlib.crc32(name.encode()), key))
    chosen = _classes(name, of_damage)
    amounts = tuple((one, level, _amount(one, level)) for one in chosen)
    symbol = datamatrix.encode(payload, size=(side, side), encodation="base256")
    imprint, at_in = _indicium(symbol.modules)
    camera = CameraModel(
        dpi=dpi,
        frame_size=frame_size(dpi),
        blur_sigma_px=BLUR_MM * dpi / 25.4,
        noise_sigma=NOISE_SIGMA,
        gradient=0.0,  # uneven light is a class of its own
        pivot_in=_middle_in(imprint, at_in),  # the frame stays as it is, the symbol in view
    )
    picture = print_and_photograph(
        _letter(seed, dpi),
        imprint,
        at_in=at_in,
        ink=ink,
        camera=camera,
        defects=[(find(one, amount), amount) for one, _, amount in amounts],
        streams=Streams(
            np.random.default_rng((seed, 1)), of_damage, np.random.default_rng((seed, 2))
        ),
        image_dpi=dpi,
    )
    return Sample(picture, payload, (side, side), STYLE, amounts)


def degraded_suite(
    seeds: Sequence[int], names: Sequence[str] | None = None, dpi: int = 200
) -> Iterator[tuple[str, int, int, Sample]]:
    """Yield class, level, seed and picture of the whole suite: clean first, at level 0.

    >>> sum(1 for _ in degraded_suite([0], ["clean", "blur"]))
    6
    """
    for name in names or (CLEAN, *CLASSES):
        for level in (0,) if name == CLEAN else LEVELS:
            for seed in seeds:
                yield name, level, seed, degraded(name, level, seed, dpi)


def make_degraded(
    folder: Path | str,
    names: Sequence[str],
    levels: Sequence[float],
    seeds: Sequence[int],
    dpi: int = 200,
    progress: Progress | None = None,
) -> Path:
    """Return the manifest's path after writing a part of the suite, as make_samples does.

    One picture a class, level and seed, CLASS-LEVEL-SEED.png; clean mail has the one level 0.

    Raises:
        BadPicture: as degraded does, before anything is written.
        OSError: the folder cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     make_degraded(folder, ["blur"], [1], [7]).read_text()[:27]
    '{"file": "blur-1-0007.png",'
    """
    cells = [
        (name, level, seed)
        for name in names
        for level in ((0,) if name == CLEAN else levels)
        for seed in seeds
    ]
    for cell in cells:
        _check(*cell, dpi)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.jsonl"
    with manifest.open("w", encoding="utf-8") as lines:
        for done, (name, level, seed) in enumerate(cells, 1):
            made = degraded(name, level, seed, dpi)
            file = f"{name}-{level:g}-{seed:04}.png"
            (folder / file).write_bytes(png(made.picture.frame))
            lines.write(json.dumps({"file": file, **described(made)}) + "\n")
            if progress is not None:
                progress(done, len(cells))
    return manifest


def frame_size(dpi: int) -> tuple[int, int]:
    """Return width and height in pixels of a frame that a #10 envelope fills.

    >>> frame_size(200), frame_size(300)
    ((1900, 825), (2850, 1238))
    """
    width, height = NUMBER_10
    return round(width * dpi), int(height * dpi + 0.5)


def _check(name: str, level: float, seed: int, dpi: int) -> None:
    if name != CLEAN and name not in CLASSES:
        raise BadPicture(f"no class {name!r}; there are {', '.join((CLEAN, *CLASSES))}")
    if name == CLEAN:
        within("level of clean mail", level, 0, 0, "")
    else:
        within("level", level, LEVELS[0], LEVELS[-1], "")
    within("seed", seed, 0, 2**31 - 1, "")
    within("camera resolution", dpi, 100, 400, "pixels per inch")


def _amount(name: str, level: float) -> float:
    return float(np.interp(level, LEVELS, DEFECTS[name].levels))


def _classes(name: str, rng: np.random.Generator) -> tuple[str, ...]:
    if name == CLEAN:
        return ()
    if name != MIXED:
        return (name,)
    others = rng.choice(OTHERS, MIXED_OTHERS, replace=False)
    return (str(rng.choice(BORDER)), *(str(one) for one in others))


def _indicium(modules: NDArray[np.bool_]) -> tuple[Imprint, tuple[float, float]]:
    """Return the indicium with a margin, 12 dots a module of 0.5 mm, and where it goes in inches.

    Its dots are finer than the 600 to the inch of the head that its layout is made for, by the
    1.6 % that bring a module from 0.508 to 0.5 mm.
    """
    raster = _INDICIUM.compose(modules, lines=LINES, mark=Mark("SPECIMEN"))
    spot = place(raster, piece_length_in=NUMBER_10[0], piece_height_in=NUMBER_10[1])
    symbol, margin = raster.elements["symbol"], MARGIN_MODULES * DOTS_PER_MODULE
    dots = np.pad(np.unpackbits(raster.rows, axis=1, count=raster.width), margin)
    imprint = Imprint(
        rows=np.packbits(dots, axis=1),
        dots_per_inch=DOTS_PER_MODULE / MODULE_MM * 25.4,
        width_dots=dots.shape[1],
        symbol_xy=(symbol.x + margin, symbol.y + margin),
        modules=(modules.shape[0], modules.shape[1]),
        dots_per_module=DOTS_PER_MODULE,
    )
    return imprint, ((spot.x - margin) / LAYOUT_DPI, (spot.y - margin) / LAYOUT_DPI)


def _middle_in(imprint: Imprint, at_in: tuple[float, float]) -> tuple[float, float]:
    """Return where on the piece the symbol's middle lies, in inches."""
    (x, y), (rows, columns) = imprint.symbol_xy, imprint.modules
    across, down = (n * imprint.dots_per_module / 2 for n in (columns, rows))
    dpi = imprint.dots_per_inch
    return at_in[0] + (x + across) / dpi, at_in[1] + (y + down) / dpi


@lru_cache(LETTERS)
def _letter(seed: int, dpi: int) -> Image:
    """Return a letter with its facing mark, before the indicium is printed; not to be changed."""
    rng = np.random.default_rng((seed, 3))
    face = draw(Envelope(STYLE), image_dpi=dpi, rng=rng)
    blank = np.zeros((SYMBOLS[0][0],) * 2, bool)
    raster = _WITH_FIM.compose(blank, lines=LINES[:1])
    spot = place(raster, piece_length_in=NUMBER_10[0], piece_height_in=NUMBER_10[1])
    mark = raster.elements["fim"]
    dots = np.unpackbits(raster.rows, axis=1)[
        mark.y : mark.y + mark.height, mark.x : mark.x + mark.width
    ]
    face = print_on(
        face, np.packbits(dots, axis=1), raster_dpi=LAYOUT_DPI, image_dpi=dpi,
        x_in=(spot.x + mark.x) / LAYOUT_DPI, y_in=(spot.y + mark.y) / LAYOUT_DPI,
        ink=InkModel(), rng=rng,
    )  # fmt: skip
    face.setflags(write=False)
    return face
