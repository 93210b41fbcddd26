"""Print quality of a Data Matrix symbol in a picture, as ISO/IEC 15415:2011 grades it.

The measuring runs in ``csrc/grade*``: the grid through finder and clock tracks, a synthetic round
aperture, the true modules by error correction. What is from memory of the standards, and what a
picture cannot show, is listed on the page `grading` of the documents.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from imicore._imaging import SymbolGrader
from imicore.errors import BadArgument, BadImage
from imicore.print_quality import (
    MIL_UM,
    MIN_GRADE,
    MIN_PRINT_REFLECTANCE_DIFFERENCE,
    Parameter,
    PrintQuality,
    Segment,
    Tone,
)
from imicore.reader import MAX_FRAME_PIXELS, Reading

__all__ = [
    "MIN_GRADE",
    "MIN_PRINT_REFLECTANCE_DIFFERENCE",
    "Parameter",
    "PrintQuality",
    "Segment",
    "Tone",
    "check_options",
    "default_aperture_um",
    "grade",
    "linear_reflectance",
    "srgb_reflectance",
]

NAMED_APERTURES_MIL = (3, 5, 6, 8, 10, 12, 16, 20)
PARAMETERS = (
    "decode",
    "symbol contrast",
    "modulation",
    "reflectance margin",
    "fixed pattern damage",
    "axial nonuniformity",
    "grid nonuniformity",
    "unused error correction",
)
PIXELS_PER_INCH = (10.0, 100_000.0)
LIGHT_NM = (300, 1200)
APERTURE_UM = (1.0, 10_000.0)

Frame = npt.NDArray[np.uint8]
Table = npt.NDArray[np.float32]


def grade(
    frame: Frame,
    reading: Reading,
    *,
    pixels_per_inch: float,
    aperture_um: float | None = None,
    light_nm: int = 660,
    light_angle_deg: int = 45,
    reflectance: Sequence[float] | Table | None = None,
) -> PrintQuality:
    """Return the ISO/IEC 15415:2011 parameters and grades of the symbol that was read in a frame.

    Args:
        frame: uint8[H, W], or uint8[H, W, 3] in the order red, green, blue: the picture in which
            the reading was made, any strides. The quiet zone of 1 module has to be in it.
        reading: what `imicore.reader` returned for that picture. Its corners may be off by half a
            module.
        pixels_per_inch: of the picture, 10 to 100,000.
        aperture_um: diameter of the synthetic aperture. None takes 80 % of the module, rounded to
            the nearest of 3, 5, 6, 8, 10, 12, 16 and 20 mils (`default_aperture_um`).
        light_nm: wavelength that the picture was taken in, and of a colour picture the channel to
            grade: red from 580 nm, green from 490 nm, else blue. Stated with the grade.
        light_angle_deg: angle of the light, stated with the grade.
        reflectance: float[256], the reflectance (0 to 1) of each grey level, from
            `linear_reflectance` or `srgb_reflectance` or a calibration of your own. None takes
            grey / 255 and says that it is relative.

    Raises:
        BadImage: the frame is not of that form, or above 12,000,000 pixels.
        BadArgument: the frame does not show the symbol and its quiet zone at the reading's corners,
            a module is below 2 pixels, the aperture is wider than a module or narrower than a
            pixel, or another argument is out of range.

    A symbol of the worst quality is graded 0; that is no error.

    >>> from imicore import datamatrix, reader
    >>> symbol = datamatrix.encode(b"indicium", size=(20, 20))
    >>> dots = np.kron(np.pad(symbol.modules, 4), np.ones((8, 8), bool))
    >>> picture = np.where(dots, 30, 230).astype(np.uint8)
    >>> quality = grade(picture, reader.read(picture)[0], pixels_per_inch=600)
    >>> quality.text, quality.symbol_contrast.letter
    ('4.0/10/660/45', 'A')
    """
    _check_frame(frame)
    check_options(
        pixels_per_inch=pixels_per_inch,
        aperture_um=aperture_um,
        light_nm=light_nm,
        light_angle_deg=light_angle_deg,
    )
    corners = np.ascontiguousarray(reading.corners, np.float32)
    if corners.shape != (4, 2):
        raise BadArgument("the corners of the reading are not four points (x, y)")
    module_px = _module_px(corners, reading.size)
    if aperture_um is None:
        aperture_um = default_aperture_um(module_px * 25400 / pixels_per_inch)
    channels = _channels(frame)
    light = "grey" if frame.ndim == 2 else _colour_of(light_nm)
    others: list[str] = [name for name in ("red", "green") if name in channels]
    found = _shared().grade(
        frame,
        reflectance=_table_of(reflectance),
        channel=channels[light],
        colours=[channels[name] for name in others if name != light],
        size=reading.size,
        corners=corners,
        modules=np.ascontiguousarray(reading.modules, np.bool_),
        payload=reading.payload,
        inverted=reading.inverted,
        aperture_px=aperture_um * pixels_per_inch / 25400,
    )
    return _quality_of(
        found,
        reading,
        light=light,
        others=others,
        um_per_pixel=25400 / pixels_per_inch,
        aperture_um=aperture_um,
        light_nm=light_nm,
        light_angle_deg=light_angle_deg,
        calibrated=reflectance is not None,
    )


def check_options(
    *,
    pixels_per_inch: float,
    aperture_um: float | None = None,
    light_nm: int = 660,
    light_angle_deg: int = 45,
) -> None:
    """Raise BadArgument for options that `grade` takes with no picture at all.

    >>> check_options(pixels_per_inch=600, light_nm=530)
    """
    _check_range("pixels_per_inch", pixels_per_inch, *PIXELS_PER_INCH)
    _check_range("light_nm", light_nm, *LIGHT_NM)
    _check_range("light_angle_deg", light_angle_deg, 0, 90)
    if aperture_um is not None:
        _check_range("aperture_um", aperture_um, *APERTURE_UM)


def default_aperture_um(module_um: float) -> float:
    """Return 80 % of a module, rounded to the nearest named aperture, in micrometres.

    Names are mils (thousandths of an inch): 3, 5, 6, 8, 10, 12, 16 and 20. A module for which none
    of them is within 60 to 95 % gets 80 % itself.

    >>> round(default_aperture_um(0.0159 * 25400))  # 12 mils
    305
    """
    wanted = 0.8 * module_um / MIL_UM
    named = min(NAMED_APERTURES_MIL, key=lambda mils: abs(mils - wanted))
    return (named if 0.6 <= 0.8 * named / wanted <= 0.95 else wanted) * MIL_UM


def linear_reflectance(black_grey: float, white_grey: float) -> Table:
    """Return the reflectance of each grey level, float32[256], from two measured patches.

    `black_grey` is the grey of 0 % reflectance and `white_grey` that of 100 %, as read off (or
    extrapolated from) a calibrated card in the same light. What lies beyond is clipped.

    >>> linear_reflectance(5, 245)[125]
    np.float32(0.5)
    """
    if not 0 <= black_grey < white_grey <= 1000:
        raise BadArgument(f"black_grey {black_grey} must be below white_grey {white_grey}")
    greys = (np.arange(256) - black_grey) / (white_grey - black_grey)
    return np.asarray(np.clip(greys, 0, 1), np.float32)


def srgb_reflectance() -> Table:
    """Return the reflectance of each grey level of a picture with the sRGB curve (IEC 61966-2-1).

    >>> round(float(srgb_reflectance()[188]), 2)
    0.5
    """
    value = np.arange(256) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear, np.float32)


_default: list[SymbolGrader] = []


def _shared() -> SymbolGrader:
    """Return the grader behind `grade`; it keeps no state but scratch memory."""
    if not _default:
        _default.append(SymbolGrader())
    return _default[0]


def _quality_of(
    found: dict[str, Any],
    reading: Reading,
    *,
    light: str,
    others: list[str],
    um_per_pixel: float,
    aperture_um: float,
    light_nm: int,
    light_angle_deg: int,
    calibrated: bool,
) -> PrintQuality:
    decode, contrast, modulation, margin, fixed, axial, uniform, unused = (
        Parameter(name, value, number)
        for name, (value, number) in zip(PARAMETERS, found["grades"], strict=True)
    )
    (ax, ay), (dx, dy) = found["across"], found["down"]
    across, down = math.hypot(ax, ay), math.hypot(dx, dy)
    tone = Tone(*found["paper_and_ink"])
    rest = iter(found["colours"])
    colours = {name: tone if name == light else Tone(*next(rest)) for name in others}
    skew = math.degrees(math.atan2(ay, ax))
    rmax, rmin, threshold = found["extremes"]
    return PrintQuality(
        decode=decode,
        symbol_contrast=contrast,
        modulation=modulation,
        reflectance_margin=margin,
        fixed_pattern_damage=fixed,
        axial_nonuniformity=axial,
        grid_nonuniformity=uniform,
        unused_error_correction=unused,
        print_growth_horizontal=found["growth"][0],
        print_growth_vertical=found["growth"][1],
        overall=float(found["overall"]),
        aperture_um=float(aperture_um),
        light_nm=int(light_nm),
        light_angle_deg=int(light_angle_deg),
        module_um=(across * um_per_pixel, down * um_per_pixel),
        module_px=(across + down) / 2,
        skew_deg=(skew + 45) % 90 - 45,
        rmax=rmax,
        rmin=rmin,
        threshold=threshold,
        tone=tone,
        colours=colours,
        modulation_codewords=tuple(found["modulation_codewords"]),
        margin_codewords=tuple(found["margin_codewords"]),
        errors=tuple(found["errors"]),
        segments=tuple(map(Segment._make, found["segments"])),
        average_grade=found["average_grade"],
        truth=found["truth"],
        edges_found=found["edges_found"],
        calibrated=calibrated,
        size=reading.size,
        inverted=reading.inverted,
        modules=found["modules"],
        centres=found["centres"],
        reflectance=found["reflectance"],
    )


def _module_px(corners: npt.NDArray[np.float32], size: tuple[int, int]) -> float:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners.tolist()
    if not all(map(math.isfinite, (x0, y0, x1, y1, x2, y2, x3, y3))):
        raise BadArgument("the corners of the reading are not four points (x, y)")
    area = abs((x2 - x0) * (y3 - y1) - (x3 - x1) * (y2 - y0)) / 2
    return math.sqrt(max(area, 1e-9) / (size[0] * size[1]))


def _channels(frame: Frame) -> dict[str, int]:
    return {"grey": 0} if frame.ndim == 2 else {"red": 0, "green": 1, "blue": 2}


def _colour_of(light_nm: int) -> str:
    if light_nm >= 580:
        return "red"
    return "green" if light_nm >= 490 else "blue"


def _table_of(reflectance: Sequence[float] | Table | None) -> Table:
    if reflectance is None:
        return _RELATIVE
    table = np.asarray(reflectance, np.float32)
    if table.shape != (256,) or not np.isfinite(table).all():
        raise BadArgument("reflectance must be 256 finite numbers, one for each grey level")
    return np.ascontiguousarray(table)


_RELATIVE = np.asarray(np.arange(256) / 255, np.float32)


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise BadArgument(f"{name} is {value!r}; it must be a number")
    if not least <= value <= most:
        raise BadArgument(f"{name} is {value}; it must be from {least:g} to {most:g}")


def _check_frame(frame: Frame) -> None:
    if not isinstance(frame, np.ndarray):
        raise BadImage(f"the frame is a {type(frame).__name__}; it must be a numpy uint8 array")
    if frame.dtype != np.uint8:
        raise BadImage(f"the frame's dtype is {frame.dtype}; it must be uint8")
    if frame.ndim not in (2, 3) or (frame.ndim == 3 and frame.shape[2] != 3) or not frame.size:
        raise BadImage(f"the frame's shape is {frame.shape}; it must be [H, W] or [H, W, 3]")
    height, width = frame.shape[:2]
    if height * width > MAX_FRAME_PIXELS:
        raise BadImage(
            f"the frame is {width}x{height} = {width * height} pixels; the limit is "
            f"{MAX_FRAME_PIXELS}"
        )
