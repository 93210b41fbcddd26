"""Text of other printers on the piece, in OpenCV's built-in outline face, and dot-matrix marks."""

import threading
from typing import Final

import cv2
import numpy as np

from imi.mailpictures.checks import Image
from imi.mailpictures.ink import lay

POINTS_PER_INCH: Final = 72
SPRAY_EM: Final = 10  # dots: capitals come out seven high
_faces = threading.local()  # a FontFace caches glyphs and may not be shared by threads


def write(
    image: Image, text: str, x_px: float, y_px: float, *, size_px: float, grey: int,
    weight: int = 400, face: str = "sans", pitch_px: float = 0.0,
) -> float:  # fmt: skip
    """Return the width in pixels of text written in place, its base line starting at (x, y).

    Args:
        image: uint8[H, W].
        text: one line.
        x_px: left end of the line, in pixels.
        y_px: base line, in pixels.
        size_px: em in pixels.
        grey: of the ink, 0 to 255; edges are blended.
        weight: 300 light to 900 black.
        face: "sans" or "italic".
        pitch_px: above 0, every character takes this width: a line printer.

    >>> write(np.full((40, 200), 255, np.uint8), "Port", 5, 30, size_px=24, grey=0) > 20
    True
    """
    font = _face(face)
    if not pitch_px:
        end, _ = cv2.putText(
            image, text, (round(x_px), round(y_px)), (grey,), font, round(size_px), weight
        )
        return float(end[0] - x_px)
    for place, letter in enumerate(text):
        if letter != " ":
            spare = pitch_px - width_px(letter, size_px, weight, face)
            x = round(x_px + place * pitch_px + spare / 2)
            cv2.putText(image, letter, (x, round(y_px)), (grey,), font, round(size_px), weight)
    return pitch_px * len(text)


def width_px(text: str, size_px: float, weight: int = 400, face: str = "sans") -> float:
    """Return the width that write would take, without a pitch.

    >>> width_px("MM", 24) > width_px("ll", 24)
    True
    """
    _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), _face(face), round(size_px), weight)
    return float(width)


def spray_width_px(text: str, dot_px: float) -> float:
    """Return the width that spray takes.

    >>> spray_width_px("PINNOCK VT 000", 4) > 200
    True
    """
    return (int(width_px(text, SPRAY_EM)) + 6) * dot_px


def spray(image: Image, text: str, x_px: float, y_px: float, *, dot_px: float, grey: int,
          share: float, rng: np.random.Generator) -> None:  # fmt: skip
    """Write text in place as a sorter's ink-jet sprays it: dots seven high, loosely placed.

    `dot_px` is the pitch of the dots, `share` how much of the paper a dot hides.
    """
    cells = np.zeros((14, int(width_px(text, SPRAY_EM)) + 6), np.uint8)
    write(cells, text, 2, 11, size_px=SPRAY_EM, grey=255, weight=500)
    ys, xs = np.nonzero(cells > 120)
    height, width = (int(np.ceil(n * dot_px)) + 4 for n in cells.shape)
    x0, y0 = round(x_px), round(y_px - 11 * dot_px)
    y1, x1 = min(y0 + height, image.shape[0]), min(x0 + width, image.shape[1])
    if y0 < 0 or x0 < 0 or y1 <= y0 or x1 <= x0:
        return
    mask = np.zeros((height, width), np.uint8)
    wander = rng.normal(0, 0.16, (2, xs.size))
    for x, y in zip(xs + wander[0], ys + wander[1], strict=True):
        centre = (round((x + 0.5) * dot_px * 16), round((y + 0.5) * dot_px * 16))
        cv2.circle(mask, centre, round(dot_px * 0.42 * 16), 255, -1, cv2.LINE_AA, 4)
    part = mask[: y1 - y0, : x1 - x0].astype(np.float32) * (share / 255)
    lay(image[y0:y1, x0:x1], part, grey)


def _face(name: str) -> "cv2.FontFace":
    faces = _faces.__dict__.setdefault("by_name", {})
    if name not in faces:
        faces[name] = cv2.FontFace(name)
    found: cv2.FontFace = faces[name]
    return found
