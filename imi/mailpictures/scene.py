"""One mail picture from end to end: piece, imprint, defects, photograph, and the truth about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from imi.mailpictures.camera import CameraModel, Matrix, Zone, expected_zone, photograph
from imi.mailpictures.checks import BadPicture, Image, within
from imi.mailpictures.damage import NOWHERE, Where
from imi.mailpictures.defects import Defect, find
from imi.mailpictures.envelope import Envelope, draw
from imi.mailpictures.imprint import Imprint
from imi.mailpictures.ink import InkModel, print_dots
from imicore.layout import EDGE_IN


@dataclass(frozen=True)
class MailPicture:
    """A frame and the truth about it.

    Attributes:
        frame: uint8[H, W].
        corners: float64[4, 2], frame pixels (x, y) of the symbol's outer corners, as a reader gives
            them: that of the L, the upper end of its upright leg, the one opposite, the far end
            of its lower leg; the frame's top left pixel covers (0, 0) to (1, 1).
        zone: where the indicium was to be expected, from nominal geometry alone.
        piece_to_frame: float64[3, 3], inches to pixels.
    """

    frame: Image
    corners: NDArray[np.float64]
    zone: Zone
    piece_to_frame: Matrix


def mail_picture(
    imprint: Imprint,
    *,
    rng: np.random.Generator,
    envelope: Envelope | None = None,
    ink: InkModel | None = None,
    camera: CameraModel | None = None,
    defects: Sequence[tuple[str, float]] = (),
    at_in: tuple[float, float] | None = None,
    image_dpi: float = 200.0,
) -> MailPicture:
    """Return the picture of a piece with the imprint on it.

    Args:
        imprint: what is printed; it must fit on the piece, 1/4 in from the edges.
        rng: decides everything left open.
        envelope: the piece; a plain white #10 when not given.
        ink: head and ink; the defaults of InkModel.
        camera: the defaults of CameraModel.
        defects: names of `DEFECTS` with amounts in their units; in order, within their stages.
        at_in: inches to the imprint's left and top; upper right, 1/4 in from the edges, if None.
        image_dpi: resolution at which the piece is drawn, before the camera.

    Raises:
        BadPicture: an unknown defect, an amount beyond its levels, an imprint that does not fit.

    >>> rows = np.full((300, 38), 255, np.uint8)
    >>> block = Imprint(rows, 300, 300, (0, 0), (40, 40), 7)
    >>> mail_picture(block, rng=np.random.default_rng(1)).frame.shape
    (825, 1900)
    """
    envelope = envelope or Envelope()
    wide, high = imprint.size_in
    within("imprint width", wide, 0, envelope.size_in[0] - EDGE_IN, "in")
    within("imprint height", high, 0, envelope.size_in[1] - EDGE_IN, "in")
    found = [(find(name, amount), amount) for name, amount in defects]
    # One stream a stage: a defect more leaves paper, pose and noise of the picture as they were.
    of_piece, of_ink, of_defects, of_camera = (
        np.random.default_rng(seed) for seed in rng.integers(0, 2**63, 4)
    )
    return print_and_photograph(
        draw(envelope, image_dpi=image_dpi, rng=of_piece),
        imprint,
        at_in=at_in or (envelope.size_in[0] - EDGE_IN - wide, EDGE_IN),
        ink=ink or InkModel(),
        camera=camera or CameraModel(),
        defects=found,
        streams=Streams(of_ink, of_defects, of_camera),
        image_dpi=image_dpi,
    )


class Streams(NamedTuple):
    """One generator for each stage that follows the blank piece."""

    ink: np.random.Generator
    defects: np.random.Generator
    camera: np.random.Generator


def print_and_photograph(
    piece: Image,
    imprint: Imprint,
    *,
    at_in: tuple[float, float],
    ink: InkModel,
    camera: CameraModel,
    defects: Sequence[tuple[Defect, float]],
    streams: Streams,
    image_dpi: float,
) -> MailPicture:
    """Return the picture of a piece that is drawn already, printed and with the defects.

    The piece, uint8[H, W] at `image_dpi`, is not changed: it may serve for many pictures. Raises
    BadPicture as mail_picture does.

    >>> piece = np.full((825, 1900), 230, np.uint8)
    >>> block = Imprint(np.full((300, 38), 255, np.uint8), 300, 300, (0, 0), (40, 40), 7)
    >>> streams = Streams(*(np.random.default_rng(n) for n in range(3)))
    >>> print_and_photograph(piece, block, at_in=(8, 1), ink=InkModel(), camera=CameraModel(),
    ...                      defects=[], streams=streams, image_dpi=200).corners.shape
    (4, 2)
    """
    for defect, amount in defects:
        if defect.stage == "imprint":
            imprint = defect.apply(imprint, amount, streams.defects, NOWHERE)
    x_in, y_in = at_in
    size_in = (piece.shape[1] / image_dpi, piece.shape[0] / image_dpi)

    in_dots = Where(*imprint.symbol_xy, imprint.modules, imprint.dots_per_module)
    on_piece = _scaled(in_dots, image_dpi / imprint.dots_per_inch, x_in, y_in, image_dpi)
    in_frame = _scaled(in_dots, camera.dpi / imprint.dots_per_inch, x_in, y_in, camera.dpi)

    dots = _dots(imprint)
    for defect, amount in defects:
        if defect.stage == "ink":
            ink = defect.apply(ink, amount, streams.defects, in_dots)
        elif defect.stage == "dots":
            dots = defect.apply(dots, amount, streams.defects, in_dots)
        elif defect.stage == "paper":
            piece = defect.apply(piece, amount, streams.defects, on_piece)
    piece = print_dots(
        piece, dots, raster_dpi=imprint.dots_per_inch, image_dpi=image_dpi,
        x_in=x_in, y_in=y_in, ink=ink, rng=streams.ink,
    )  # fmt: skip
    for defect, amount in defects:
        if defect.stage == "piece":
            piece = defect.apply(piece, amount, streams.defects, on_piece)
        elif defect.stage == "camera":
            camera = defect.apply(camera, amount, streams.defects, in_frame)
    photo = photograph(piece, camera, streams.camera, image_dpi=image_dpi)
    x, y, width, height = (
        n / imprint.dots_per_inch
        for n in imprint.indicium or (0, 0, imprint.width_dots, imprint.rows.shape[0])
    )
    zone = expected_zone(
        camera, size_in=size_in,
        x_in=x_in + x, y_in=y_in + y, width_in=width, height_in=height,
    )  # fmt: skip
    corners = photo.places(_symbol_corners_in(imprint, x_in, y_in))
    return MailPicture(photo.frame, corners, zone, photo.piece_to_frame)


def _scaled(where: Where, scale: float, x_in: float, y_in: float, dpi: float) -> Where:
    return Where(
        x_in * dpi + where.x * scale,
        y_in * dpi + where.y * scale,
        where.modules,
        where.per_module * scale,
    )


def _dots(imprint: Imprint) -> Image:
    rows = imprint.rows
    if rows.ndim != 2 or rows.dtype != np.uint8 or rows.shape[1] != -(-imprint.width_dots // 8):
        raise BadPicture(
            f"rows are {rows.dtype}{list(rows.shape)}; {imprint.width_dots} dots need "
            f"uint8[R, {-(-imprint.width_dots // 8)}]"
        )
    return np.unpackbits(rows, axis=1, count=imprint.width_dots) * np.uint8(255)


def _symbol_corners_in(imprint: Imprint, x_in: float, y_in: float) -> NDArray[np.float64]:
    x, y = (v / imprint.dots_per_inch for v in imprint.symbol_xy)
    height, width = (n * imprint.dots_per_module / imprint.dots_per_inch for n in imprint.modules)
    box = np.array([(0, height), (0, 0), (width, 0), (width, height)])
    return np.asarray(box + np.array((x_in + x, y_in + y)), np.float64)
