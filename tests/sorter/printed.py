"""Frames of a printed indicium drawn without a camera's doubts: where, how dark, how large."""

import numpy as np

from imicore.datamatrix import encode
from sorter.sight import Frame

DRAWN_DPI = 1200  # to an eighth of a thousandth of an inch, then averaged down
DOTS_PER_MODULE = 19  # 0.0158 in: the sample's module (domain.md 8)


def printed(
    payload: bytes,
    *,
    dpi: int = 300,
    right_in: float = 0.5,
    top_in: float = 0.5,
    ink: int = 20,
    paper: int = 230,
    size: tuple[int, int] | None = None,
) -> Frame:
    """Return a piece of 4 x 3 in on a dark belt, its symbol so far from its edges; no noise."""
    fold = DRAWN_DPI // dpi
    symbol = np.asarray(encode(payload, size=size, encodation="base256").modules)
    dots = symbol.repeat(DOTS_PER_MODULE, 0).repeat(DOTS_PER_MODULE, 1)
    frame = np.full((3 * DRAWN_DPI + DRAWN_DPI // 2, 4 * DRAWN_DPI + DRAWN_DPI // 2), 12.0)
    margin = DRAWN_DPI // 4
    frame[margin : margin + 3 * DRAWN_DPI, margin : margin + 4 * DRAWN_DPI] = paper
    top = margin + round(top_in * DRAWN_DPI)
    right = margin + 4 * DRAWN_DPI - round(right_in * DRAWN_DPI)
    box = frame[top : top + dots.shape[0], right - dots.shape[1] : right]
    box[:] = np.where(dots, ink, paper)
    rows, columns = (side // fold * fold for side in frame.shape)
    small = frame[:rows, :columns].reshape(rows // fold, fold, columns // fold, fold)
    return np.round(small.mean(axis=(1, 3))).astype(np.uint8)
