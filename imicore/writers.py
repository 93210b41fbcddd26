"""Rasters as files: PNG and TIFF for people and other programs, PWG Raster for printers."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imicore import _imaging
from imicore.dots import Raster


def png(raster: Raster) -> bytes:
    r"""Return the raster as a 1-bit PNG, black ink on white, with its resolution.

    >>> r = Raster(np.zeros((2, 1), np.uint8), 8, 600, {})
    >>> png(r)[:4]
    b'\x89PNG'
    """
    return _saved(raster, "PNG")


def tiff_g4(raster: Raster) -> bytes:
    """Return the raster as TIFF with ITU-T T.6 (group 4) compression, black ink on white.

    >>> r = Raster(np.zeros((2, 1), np.uint8), 8, 600, {})
    >>> tiff_g4(r)[:2]
    b'II'
    """
    return _saved(raster, "TIFF", compression="group4")


def pwg(rasters: Raster | Sequence[Raster], *, media_name: str = "") -> bytes:
    """Return a PWG Raster stream (PWG 5102.4-2012, type black_1) of one page a raster.

    `media_name` is the PWG 5101.1 name of the medium, such as "na_number-10_4.125x9.5in", at most
    63 bytes. Raises BadArgument for no page or a name that is too long.

    >>> r = Raster(np.zeros((2, 1), np.uint8), 8, 600, {})
    >>> stream = pwg(r)
    >>> stream[:13], len(stream)
    (b'RaS2PwgRaster', 1803)
    """
    pages = [rasters] if isinstance(rasters, Raster) else rasters
    return _imaging.pwg([(page.rows, page.width, page.dots_per_inch) for page in pages], media_name)


def grey_png(frame: NDArray[np.uint8]) -> bytes:
    r"""Return a grey picture, uint8[H, W], as a PNG.

    >>> grey_png(np.zeros((2, 3), np.uint8))[:4]
    b'\x89PNG'
    """
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame, np.uint8)).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _saved(raster: Raster, kind: str, **options: str) -> bytes:
    # Pillow's mode "1" has 1 = white.
    paper = np.invert(raster.rows)
    image = Image.frombytes("1", (raster.width, raster.height), paper.tobytes())
    file = io.BytesIO()
    image.save(file, kind, dpi=(raster.dots_per_inch, raster.dots_per_inch), **options)
    return file.getvalue()
