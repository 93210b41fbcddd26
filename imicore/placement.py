"""Where an indicium goes on the mailpiece: upper right, clear of the edges and of other print."""

import math
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from imicore import fim
from imicore.dots import Box, Raster
from imicore.errors import PlacementError
from imicore.layout import EDGE_IN

CLEAR_IN = 0.5  # left of and below all indicium elements (PB22487, 2018-03-05)
_SLACK = 1e-9  # of a dot: 0.125 in is a whole number of dots however it was multiplied


class Placement(NamedTuple):
    """A raster's place on a piece, in dots from the piece's upper left corner."""

    x: int
    y: int
    piece: Box
    indicium: Box
    fim: Box | None
    clear_zone: Box  # nothing else may be printed or stuck here; it holds the raster


def place(
    raster: Raster,
    *,
    piece_length_in: float,
    piece_height_in: float,
    edge_in: float = EDGE_IN,
    clear_in: float = CLEAR_IN,
) -> Placement:
    """Return where `raster` goes: its indicium `edge_in` from the right and top edges.

    The clear zone reaches `clear_in` left of and below all elements, the FIM among them. Lengths
    are as the address reads, in inches. Raises PlacementError, with the amounts, when `edge_in` is
    below 0.25 or `clear_in` below 0.5, when the clear zone does not fit the piece, or when a FIM
    would miss its place (its last bar 2 +- 1/8 in from the right edge, DMM 202.8).

    >>> import numpy as np
    >>> from imicore.raster import Rasterizer
    >>> picture = Rasterizer(600).compose(np.eye(40, dtype=bool), lines=["US POSTAGE"])
    >>> spot = place(picture, piece_length_in=9.5, piece_height_in=4.125)
    >>> spot.piece.width - spot.indicium.right, spot.indicium.y
    (150, 150)
    """
    if edge_in < EDGE_IN:
        raise PlacementError(f"edge_in is {edge_in}; the least is {EDGE_IN} in")
    if clear_in < CLEAR_IN:
        raise PlacementError(f"clear_in is {clear_in}; the least is {CLEAR_IN} in")
    dpi = raster.dots_per_inch
    # A fraction of a dot goes to the piece's loss, never to the margin's.
    piece = Box(0, 0, _down(piece_length_in * dpi), _down(piece_height_in * dpi))
    edge, clear = _up(edge_in * dpi), _up(clear_in * dpi)
    inner = raster.elements["indicium"]
    x, y = piece.width - edge - inner.right, edge - inner.y
    left, bottom = x - clear, y + raster.height + clear
    if left < 0 or bottom > piece.height or y < 0:
        raise PlacementError(
            f"the piece is {piece_length_in} x {piece_height_in} in; the indicium with "
            f"{edge_in} in of edge and {clear_in} in of clear zone needs "
            f"{(piece.width - left) / dpi:.3f} x {bottom / dpi:.3f} in"
        )
    mark = raster.elements.get("fim")
    if mark is not None:
        mark = mark.moved(x, y)
        _check_fim(mark, piece, dpi)
    top = min(y, edge)
    return Placement(
        x=x,
        y=y,
        piece=piece,
        indicium=inner.moved(x, y),
        fim=mark,
        clear_zone=Box(left, top, piece.width - edge - left, bottom - top),
    )


def on_piece(raster: Raster, placement: Placement) -> Raster:
    """Return the whole face of the piece as a raster: paper, and the indicium in its place.

    This is the page that a sheet or label printer takes. `elements` move along.

    >>> import numpy as np
    >>> from imicore.raster import Rasterizer
    >>> picture = Rasterizer(300).compose(np.eye(40, dtype=bool), lines=["US POSTAGE"])
    >>> spot = place(picture, piece_length_in=9.5, piece_height_in=4.125)
    >>> page = on_piece(picture, spot)
    >>> page.width, page.height, page.elements["indicium"] == spot.indicium
    (2850, 1237, True)
    """
    whole = placement.piece
    rows = np.zeros((whole.height, -(-whole.width // 8)), np.uint8)
    byte, shift = divmod(placement.x, 8)
    source = np.pad(raster.rows, ((0, 0), (1, 1)))
    shifted = source[:, 1:] >> shift | source[:, :-1] << (8 - shift) if shift else source[:, 1:]
    bytes_there = min(shifted.shape[1], rows.shape[1] - byte)  # what is cut off is pad bits
    target = rows[placement.y : placement.y + raster.height, byte : byte + bytes_there]
    target[:] = shifted[:, :bytes_there]
    elements = {name: box.moved(placement.x, placement.y) for name, box in raster.elements.items()}
    return replace(raster, rows=rows, width=whole.width, elements=elements)


def _check_fim(mark: Box, piece: Box, dpi: int) -> None:
    right_in = (piece.width - mark.right) / dpi
    if abs(right_in - fim.RIGHT_BAR_IN) > fim.TOLERANCE_IN:
        raise PlacementError(
            f"the last FIM bar would be {right_in:.3f} in from the right edge; "
            f"it belongs at {fim.RIGHT_BAR_IN} +- {fim.TOLERANCE_IN} in"
        )
    top_in, bottom_in = mark.y / dpi, mark.bottom / dpi
    if top_in > fim.TOLERANCE_IN or bottom_in > fim.BOTTOM_IN + fim.TOLERANCE_IN:
        raise PlacementError(
            f"the FIM would reach from {top_in:.3f} to {bottom_in:.3f} in below the top edge; "
            f"the limits are {fim.TOLERANCE_IN} and {fim.BOTTOM_IN + fim.TOLERANCE_IN} in"
        )


def _up(dots: float) -> int:
    return math.ceil(dots - _SLACK)


def _down(dots: float) -> int:
    return math.floor(dots + _SLACK)
