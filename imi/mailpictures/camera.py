"""The simulated line camera: where the piece lies under it, its light, its optics, its sensor."""

from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from imi.mailpictures import paper
from imi.mailpictures.checks import BadPicture, Image, grey, within
from imi.mailpictures.ink import DPI_RANGE

Matrix = NDArray[np.float64]
MAX_PIXELS: Final = 12_000_000


@dataclass(frozen=True)
class CameraModel:
    """A camera over the belt. Ranges are drawn from by each photograph; the rest is fixed.

    Attributes:
        dpi: nominal pixels per inch; need not be whole.
        frame_size: width and height of the frame in pixels; a #10 envelope at 200 dpi.
        turn_degrees: by how much the piece is turned for certain, clockwise, -10 to 10.
        skew_degrees: and by up to this much more either way, 0 to 10.
        offset_px: and lies up to this much beside the frame's centre, 0 to 200.
        scale_error: and belt and lens are off by up to this share of the dpi, 0 to 0.1.
        stretch: belt speed against line clock: x is scaled by 1 + stretch, -0.3 to 0.3.
        perspective: how much narrower the far edge is than the near one, 0 to 0.3.
        blur_sigma_px: of the optics, 0 to 10.
        motion_px: exposure times belt speed, 0 to 50.
        noise_sigma: of the sensor, in grey levels, 0 to 80.
        gradient: fall-off of the light across the frame, share of the brightest, 0 to 0.9.
        exposure: gain of the sensor, 0.05 to 2.
        pivot_in: the point of the piece, in inches, about which it is turned, scaled and tilted:
            it keeps its place in the frame but for the offset. None is the piece's middle.
    """

    dpi: float = 200.0
    frame_size: tuple[int, int] = (1900, 825)
    skew_degrees: float = 2.0
    turn_degrees: float = 0.0
    offset_px: float = 5.0
    scale_error: float = 0.012
    stretch: float = 0.0
    perspective: float = 0.0
    blur_sigma_px: float = 0.6
    motion_px: float = 0.0
    noise_sigma: float = 3.0
    gradient: float = 0.15
    exposure: float = 1.0
    pivot_in: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        within("camera resolution", self.dpi, 20, DPI_RANGE[1], "pixels per inch")
        within("skew", self.skew_degrees, 0, 10, "degrees")
        within("turn", self.turn_degrees, -10, 10, "degrees")
        within("offset", self.offset_px, 0, 200, "px")
        within("scale error", self.scale_error, 0, 0.1, "of the dpi")
        within("stretch", self.stretch, -0.3, 0.3, "of the length")
        within("perspective", self.perspective, 0, 0.3, "of the width")
        within("blur", self.blur_sigma_px, 0, 10, "px")
        within("motion", self.motion_px, 0, 50, "px")
        within("noise", self.noise_sigma, 0, 80, "grey levels")
        within("gradient", self.gradient, 0, 0.9, "of the light")
        within("exposure", self.exposure, 0.05, 2, "of nominal")
        width, height = self.frame_size
        if width < 1 or height < 1 or width * height > MAX_PIXELS:
            raise BadPicture(f"a frame of {width} x {height} px; the limit is {MAX_PIXELS} px")

    def with_room(self) -> "CameraModel":
        """Return the camera with a frame that still holds, at any pose, what filled it nominally.

        >>> CameraModel(skew_degrees=10).with_room().frame_size
        (2049, 1167)
        """
        width, height = self.frame_size
        size_in = (width / self.dpi, height / self.dpi)
        box = np.array([(0, 0), (size_in[0], 0), size_in, (0, size_in[1])])
        corners = _extremes(self, size_in, box)
        middle = np.array([width / 2, height / 2])
        reach = np.abs(corners - middle).max(0) + self.offset_px
        size = np.ceil(2 * reach).astype(int)
        return replace(self, frame_size=(max(width, int(size[0])), max(height, int(size[1]))))


@dataclass(frozen=True)
class Photograph:
    """A frame, uint8[H, W], and the true geometry of the piece in it.

    `piece_to_frame` is float64[3, 3]: inches from the piece's top left corner to frame pixels; the
    frame's top left pixel covers (0, 0) to (1, 1). It is truth for tests; no reader may see it.
    """

    frame: Image
    piece_to_frame: Matrix

    def places(self, points_in: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return float64[N, 2] frame pixels (x, y) of float[N, 2] points in inches.

        >>> Photograph(np.zeros((1, 1), np.uint8), np.diag([200.0, 200, 1])).places(
        ...     np.array([[0.5, 0.25]])).tolist()
        [[100.0, 50.0]]
        """
        return _project(self.piece_to_frame, np.asarray(points_in, np.float64))


class Zone(NamedTuple):
    """A box of frame pixels: x and y of its top left pixel, width, height."""

    x: int
    y: int
    width: int
    height: int


def photograph(
    piece_image: Image, camera: CameraModel, rng: np.random.Generator, *, image_dpi: float
) -> Photograph:
    """Return the frame that the camera takes of the piece, and where the piece lies in it.

    Args:
        piece_image: uint8[H, W], even light, as envelope.draw and ink.print_on give it.
        camera: the camera; its ranges are drawn from here.
        rng: decides skew, offset, scale, light and noise.
        image_dpi: pixels per inch of the piece image.

    Raises:
        BadPicture: not an image, or a resolution out of range.

    >>> piece = np.full((825, 1900), 230, np.uint8)
    >>> photo = photograph(piece, CameraModel(), np.random.default_rng(1), image_dpi=200)
    >>> photo.frame.shape, photo.piece_to_frame.shape
    ((825, 1900), (3, 3))
    """
    if piece_image.ndim != 2 or piece_image.dtype != np.uint8 or piece_image.size == 0:
        raise BadPicture(
            f"the piece is {piece_image.dtype}{list(piece_image.shape)}; it is to be uint8[H, W]"
        )
    within("image resolution", image_dpi, *DPI_RANGE, "pixels per inch")
    size_in = (piece_image.shape[1] / image_dpi, piece_image.shape[0] / image_dpi)
    matrix = _pose(camera, size_in, rng)
    frame = _project_piece(piece_image, matrix, image_dpi, camera, rng)
    if camera.blur_sigma_px:
        frame = grey(cv2.GaussianBlur(frame, (0, 0), camera.blur_sigma_px))
    if camera.motion_px:
        frame = _drag(frame, camera.motion_px)
    light = _light((frame.shape[0], frame.shape[1]), camera.gradient, rng)
    frame = grey(cv2.multiply(frame, light, scale=camera.exposure / 250))
    if camera.noise_sigma:
        grain = paper.noise((frame.shape[0], frame.shape[1]), rng)
        gain = camera.noise_sigma / paper.NOISE_SIGMA
        frame = grey(cv2.addWeighted(frame, 1, grain, gain, -128 * gain))
    return Photograph(frame, matrix)


def expected_zone(
    camera: CameraModel,
    *,
    size_in: tuple[float, float],
    x_in: float,
    y_in: float,
    width_in: float,
    height_in: float,
) -> Zone:
    """Return the box of the frame that holds the placed rectangle however the piece may lie.

    From nominal geometry alone: the piece's size, the placement of the rectangle on it, and the
    camera's ranges; never from a photograph. Clipped to the frame.

    Raises:
        BadPicture: the rectangle does not lie on the piece, or never in the frame.

    >>> expected_zone(CameraModel(), size_in=(9.5, 4.125), x_in=7.5, y_in=0.25,
    ...               width_in=1.75, height_in=1.0)
    Zone(x=1474, y=8, width=407, height=283)
    """
    within("left edge", x_in, 0, size_in[0], "in")
    within("top edge", y_in, 0, size_in[1], "in")
    within("width", width_in, 0, size_in[0] - x_in, "in")
    within("height", height_in, 0, size_in[1] - y_in, "in")
    box = np.array([(x, y) for x in (x_in, x_in + width_in) for y in (y_in, y_in + height_in)])
    corners = _extremes(camera, size_in, box)
    reach = camera.offset_px + camera.motion_px / 2 + 1
    width, height = camera.frame_size
    x0, y0 = (max(0, int(np.floor(v))) for v in corners.min(0) - reach)
    far = np.ceil(corners.max(0) + reach) + 1
    x1, y1 = min(width, int(far[0])), min(height, int(far[1]))
    if x0 >= x1 or y0 >= y1:
        raise BadPicture(f"the rectangle at ({x_in:g}, {y_in:g}) in never lies in the frame")
    return Zone(x0, y0, x1 - x0, y1 - y0)


def _extremes(
    camera: CameraModel, size_in: tuple[float, float], box: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the frame pixels of the box's corners at the extremes of skew and scale."""
    return np.concatenate(
        [
            _project(_place(camera, size_in, camera.turn_degrees + skew, (0.0, 0.0), scale), box)
            for skew in (-camera.skew_degrees, 0.0, camera.skew_degrees)
            for scale in (-camera.scale_error, camera.scale_error)
        ]
    )


def _pose(camera: CameraModel, size_in: tuple[float, float], rng: np.random.Generator) -> Matrix:
    skew, right, down, scale = rng.uniform(-1, 1, 4)
    offset = (right * camera.offset_px, down * camera.offset_px)
    turn = camera.turn_degrees + skew * camera.skew_degrees
    return _place(camera, size_in, turn, offset, scale * camera.scale_error)


def _place(
    camera: CameraModel,
    size_in: tuple[float, float],
    turn_degrees: float,
    offset_px: tuple[float, float],
    scale: float,
) -> Matrix:
    """Return the matrix from inches on the piece to frame pixels for one pose."""
    pivot = camera.pivot_in or (size_in[0] / 2, size_in[1] / 2)
    to_pivot = np.array([[1, 0, -pivot[0]], [0, 1, -pivot[1]], [0, 0, 1.0]])
    dpi = camera.dpi * (1 + scale)
    zoom = np.diag([dpi * (1 + camera.stretch), dpi, 1.0])
    sine, cosine = np.sin(np.radians(turn_degrees)), np.cos(np.radians(turn_degrees))
    turned = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1.0]])
    width, height = camera.frame_size
    tilt = np.eye(3)
    tilt[2, 1] = camera.perspective / height
    x = width / 2 + offset_px[0] + (pivot[0] - size_in[0] / 2) * camera.dpi
    y = height / 2 + offset_px[1] + (pivot[1] - size_in[1] / 2) * camera.dpi
    to_frame = np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
    return np.asarray(to_frame @ tilt @ turned @ zoom @ to_pivot, np.float64)


def _project(matrix: Matrix, points: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(flat[:, :2] / flat[:, 2:], np.float64)


def _project_piece(
    piece: Image, matrix: Matrix, image_dpi: float, camera: CameraModel, rng: np.random.Generator
) -> Image:
    """Return the frame with the piece on the belt, before light, blur and noise."""
    width, height = camera.frame_size
    frame = paper.belt((height, width), rng)
    rows, columns = piece.shape
    size_in = (columns / image_dpi, rows / image_dpi)
    corners = _project(
        matrix, np.array([(0, 0), (size_in[0], 0), size_in, (0, size_in[1])], np.float64)
    )
    shadow = np.rint((corners + np.array((2, 4))) * 16).astype(np.int32)
    cv2.fillPoly(frame, [shadow], 9, cv2.LINE_AA, 4)
    shrink = camera.dpi / image_dpi
    if shrink < 0.75:  # a linear tap would skip pixels
        size = (max(1, round(columns * shrink)), max(1, round(rows * shrink)))
        piece = grey(cv2.resize(piece, size, interpolation=cv2.INTER_AREA))
    # From pixel indices to inches: the first pixel's centre lies half a pixel inside the edge.
    per_x, per_y = size_in[0] / piece.shape[1], size_in[1] / piece.shape[0]
    pixel_to_inch = np.array([[per_x, 0, per_x / 2], [0, per_y, per_y / 2], [0, 0, 1]])
    to_index = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])  # OpenCV counts from the centre
    pixels = to_index @ matrix @ pixel_to_inch
    if np.allclose(pixels[2], (0, 0, 1)):
        cv2.warpAffine(piece, pixels[:2], (width, height), dst=frame,
                       flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)  # fmt: skip
    else:
        cv2.warpPerspective(piece, pixels, (width, height), dst=frame,
                            flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)  # fmt: skip
    return frame


def _drag(frame: Image, length_px: float) -> Image:
    """Smear along the belt: the mean over the way travelled, linear between pixels."""
    reach = int(np.ceil(length_px / 2)) + 1
    places = np.arange(-reach, reach + 1, dtype=np.float64)

    def ramp(x: NDArray[np.float64]) -> NDArray[np.float64]:  # the integral of 1 - |x|
        inside = np.clip(x, -1, 1)
        return np.asarray(0.5 + inside - np.sign(inside) * inside**2 / 2, np.float64)

    taps = ramp(places + length_px / 2) - ramp(places - length_px / 2)
    kernel = (taps / taps.sum()).astype(np.float32)[None, :]
    return grey(cv2.filter2D(frame, -1, kernel, borderType=cv2.BORDER_REPLICATE))


def _light(shape: tuple[int, int], gradient: float, rng: np.random.Generator) -> Image:
    """Return uint8[shape], 250 full light: a slope in a random direction, less a little unrest."""
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1:1:9j, -1:1:17j]
    slope = (x * np.cos(angle) + y * np.sin(angle)) / (abs(np.cos(angle)) + abs(np.sin(angle)))
    field = 250 * (1 - gradient * (slope + 1) / 2) - rng.uniform(0, 3 * bool(gradient), x.shape)
    small = np.clip(np.rint(field), 0, 255).astype(np.uint8)
    return grey(cv2.resize(small, shape[::-1], interpolation=cv2.INTER_LINEAR))
