"""The piece before the meter prints on it: paper, addresses, bars, window, marks.

Everything that nobody fixes is drawn from the generator passed in; the same generator state gives
the same bytes. Lengths are inches, from the piece's top left corner.
"""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from imi.mailpictures import addresses, lettering, logos, paper
from imi.mailpictures.checks import BadPicture, Image, grey, within
from imi.mailpictures.ink import DPI_RANGE, area_average, lay

STYLES: Final = {
    "white": "white", "cream": "cream", "kraft": "kraft", "window": "white", "smooth": "smooth",
}  # fmt: skip
MARKS: Final = ("postmark", "id_tag")
NUMBER_10: Final = (9.5, 4.125)
MAX_PIXELS: Final = 12_000_000  # what the reader takes as a frame (design.md)
# DMM 101: a letter is at least 5 x 3.5 in, a flat at most 15 x 12 in.
WIDTH_RANGE: Final = (5.0, 15.0)
HEIGHT_RANGE: Final = (3.5, 12.0)
# Where an indicium goes: nothing of ours may come nearer (PB 22487: 1/2 in clear, and a FIM reaches
# 2.7 in from the right edge, DMM 202.8).
CLEAR_RIGHT_IN: Final = 3.3
CLEAR_DOWN_IN: Final = 1.7


@dataclass(frozen=True)
class Envelope:
    """What a piece is made of. Fields left out are drawn from the generator.

    Attributes:
        style: white (wove), cream, kraft, window or smooth (coated white).
        size_in: width and height; 5 to 15 by 3.5 to 12 inches.
        return_address: lines, top left.
        delivery_address: lines; in the window where there is one.
        imb_bars: 65 of A, D, F, T; "" for a piece without the barcode.
        marks: of `MARKS`: postmark (sprayed date and wavy lines) and id_tag (fluorescent bars).
    """

    style: str = "white"
    size_in: tuple[float, float] = NUMBER_10
    return_address: tuple[str, ...] | None = None
    delivery_address: tuple[str, ...] | None = None
    imb_bars: str | None = None
    marks: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.style not in STYLES:
            raise BadPicture(f"no envelope style {self.style!r}; there are {', '.join(STYLES)}")
        within("piece width", self.size_in[0], *WIDTH_RANGE, "in")
        within("piece height", self.size_in[1], *HEIGHT_RANGE, "in")
        for mark in self.marks:
            if mark not in MARKS:
                raise BadPicture(f"no mark {mark!r}; there are {', '.join(MARKS)}")
        if self.imb_bars:
            wrong = set(self.imb_bars) - set(addresses.IMB_STATES)
            if wrong or len(self.imb_bars) != addresses.IMB_BARS:
                raise BadPicture(
                    f"{self.imb_bars!r} is not {addresses.IMB_BARS} bars of {addresses.IMB_STATES}"
                )


def draw(envelope: Envelope, *, image_dpi: float, rng: np.random.Generator) -> Image:
    """Return uint8[height, width] of the piece as it enters the machine, 0 dark, even light.

    Args:
        envelope: what it is made of.
        image_dpi: pixels per inch, 50 to 1200; at most 12 million pixels in all.
        rng: decides whatever the envelope leaves open, and every fibre.

    Raises:
        BadPicture: the resolution is out of range or the image too large.

    >>> draw(Envelope(), image_dpi=200, rng=np.random.default_rng(1)).shape
    (825, 1900)
    """
    within("image resolution", image_dpi, *DPI_RANGE, "pixels per inch")
    width, height = (round(length * image_dpi) for length in envelope.size_in)
    if width * height > MAX_PIXELS:
        raise BadPicture(f"the piece has {width * height} pixels; the limit is {MAX_PIXELS}")
    image = paper.sheet(STYLES[envelope.style], (height, width), rng)
    image = _seen_through(image, envelope, image_dpi, rng)
    _sender(image, envelope, image_dpi, rng)
    if envelope.style == "window":
        _window(image, envelope, image_dpi, rng)
    else:
        x = envelope.size_in[0] * (0.42 + 0.05 * rng.random())
        y = max(envelope.size_in[1] * 0.48, CLEAR_DOWN_IN + 0.25)
        _address(image, envelope, (x, y), image_dpi, rng)
    if rng.random() < 0.35:
        _teaser(image, envelope, image_dpi, rng)
    for mark in envelope.marks:
        (_postmark if mark == "postmark" else _id_tag)(image, image_dpi, rng)
    return image


def _seen_through(image: Image, envelope: Envelope, dpi: float, rng: np.random.Generator) -> Image:
    """Return the sheet darkened by what is behind it: flap seams, contents, waves of the paper."""
    step = 4
    height, width = (-(-n // step) for n in image.shape)
    field = np.full((height, width), 250, np.uint8)
    seam = max(1, round(0.22 * dpi / step))
    tip = (round(width * (0.5 + 0.06 * rng.standard_normal())), round(height * 0.72))
    for corner in ((0, 0), (width, 0)):  # diagonal seams of the back, pressed through
        cv2.line(field, corner, tip, 247, seam, cv2.LINE_AA)
    for corner in ((0, height), (width, height)):
        cv2.line(field, corner, (tip[0], round(height * 0.45)), 248, seam, cv2.LINE_AA)
    field = cv2.blur(field, (5, 5))
    waves = cv2.resize(
        rng.normal(0, 1.3, (4, 8)).astype(np.float32), (width, height),
        interpolation=cv2.INTER_CUBIC,
    )  # fmt: skip
    field = cv2.add(field, waves, dtype=cv2.CV_8U)
    tint = paper.STOCKS[STYLES[envelope.style]].tint * rng.uniform(0, 1)
    full = cv2.resize(field, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    if tint > 0.5:
        behind = paper.inside((image.shape[0], image.shape[1]), rng)
        full = cv2.addWeighted(full, 1, behind, -tint / 255, 0)
    return grey(cv2.multiply(image, full, scale=1 / 250))


def _sender(image: Image, envelope: Envelope, dpi: float, rng: np.random.Generator) -> None:
    lines = envelope.return_address or addresses.sender(rng)
    x, y = 0.35 + 0.1 * rng.random(), 0.32 + 0.08 * rng.random()
    tone = int(rng.integers(25, 100))
    if rng.random() < 0.75:
        side = 0.36 + 0.14 * rng.random()
        logos.draw(image, (x * dpi, y * dpi), side * dpi, tone, rng)
        x += side + 0.12
    size = (7.5 + 2 * rng.random()) / lettering.POINTS_PER_INCH
    for number, line in enumerate(lines):
        weight = 650 if number == 0 else 400
        big = 1.12 if number == 0 else 1.0
        lettering.write(
            image, line, x * dpi, (y + size * (0.95 + 1.28 * number)) * dpi,
            size_px=size * big * dpi, grey=tone, weight=weight,
        )  # fmt: skip


def _address(
    image: Image, envelope: Envelope, at: tuple[float, float], dpi: float, rng: np.random.Generator
) -> None:
    """Write the delivery address, with its bars above or below, in place."""
    x, y = at
    lines = envelope.delivery_address or addresses.addressee(rng)
    bars = addresses.bars(rng) if envelope.imb_bars is None else envelope.imb_bars
    size = (10 + 2 * rng.random()) / lettering.POINTS_PER_INCH
    room = image.shape[0] / dpi - y - (0.32 if bars else 0.06)
    size = min(size, room / (1.22 * len(lines)))  # a window shows all lines, or type is smaller
    tone = int(rng.integers(22, 52))
    weight = int(rng.integers(340, 480))
    pitch = size * dpi * 0.68 if rng.random() < 0.25 and lines[0].isupper() else 0.0
    above = bool(rng.random() < 0.4)
    if bars and above:
        _imb(image, bars, (x, y), dpi, tone)
        y += 0.24
    for line in lines:
        y += size * 1.22
        lettering.write(
            image, line, x * dpi, y * dpi,
            size_px=size * dpi, grey=tone, weight=weight, pitch_px=pitch,
        )  # fmt: skip
    if bars and not above:
        _imb(image, bars, (x, y + 0.1), dpi, tone)


def _imb(image: Image, bars: str, at: tuple[float, float], dpi: float, tone: int) -> None:
    """Print the bars in place. Sizes: USPS-B-3200, 22 bars an inch, 0.145 in high."""
    fine = 600  # dots per inch of the printer that made it
    wide, pitch, height = round(0.020 * fine), fine / 22, round(0.145 * fine)
    reach = {"T": (1, 2), "A": (0, 2), "D": (1, 3), "F": (0, 3)}  # thirds, from the top
    dots = np.zeros((height, round(pitch * len(bars)) + wide), np.uint8)
    for place, state in enumerate(bars):
        top, bottom = (round(height * third / 3) for third in reach[state])
        left = round(place * pitch)
        dots[top:bottom, left : left + wide] = 255
    share, column, row = area_average(dots, dpi / fine, at[0] * dpi, at[1] * dpi)
    x1 = min(column + share.shape[1], image.shape[1])
    y1 = min(row + share.shape[0], image.shape[0])
    lay(image[row:y1, column:x1], share[: y1 - row, : x1 - column], tone)


def _window(image: Image, envelope: Envelope, dpi: float, rng: np.random.Generator) -> None:
    """Cut the left address window: the sheet behind lies deeper, under a film that glares."""
    left, width, height = 0.875, 4.5, 1.125  # of a #10; from the left, and 1/2 in from below
    top = envelope.size_in[1] - 0.5 - height
    x0, y0 = round(left * dpi), round(top * dpi)
    shape = (round(height * dpi), min(round(width * dpi), image.shape[1] - x0))
    behind = paper.sheet("sheet", shape, rng)
    letter = Envelope(size_in=envelope.size_in, delivery_address=envelope.delivery_address,
                      imb_bars=envelope.imb_bars)  # fmt: skip
    _address(behind, letter, (0.3 + 0.15 * rng.random(), 0.1 + 0.06 * rng.random()), dpi, rng)
    film = np.full(shape, 236, np.uint8)
    glare = rng.uniform(0.1, 0.9) * shape[1]
    cv2.line(film, (round(glare), 0), (round(glare - shape[0] * 0.8), shape[0]), 250,
             max(2, round(0.25 * dpi)), cv2.LINE_AA)  # fmt: skip
    edge = max(2, round(0.05 * dpi))
    cv2.rectangle(film, (0, 0), (shape[1] - 1, shape[0] - 1), 214, edge)  # the paper's shadow
    film = cv2.blur(film, (2 * edge + 1, 2 * edge + 1))
    behind = grey(cv2.multiply(behind, film, scale=1 / 255))
    hole = np.zeros(shape, np.uint8)
    _rounded(hole, 0.12 * dpi)
    lay(image[y0 : y0 + shape[0], x0 : x0 + shape[1]], np.float32(1 / 255) * hole, 0)
    area = image[y0 : y0 + shape[0], x0 : x0 + shape[1]]
    cv2.add(area, cv2.multiply(behind, hole, scale=1 / 255), dst=area)


def _rounded(mask: Image, radius: float) -> None:
    """Fill a rectangle with rounded corners, as large as the mask, in place."""
    height, width = mask.shape
    r = round(radius)
    cv2.rectangle(mask, (r, 0), (width - 1 - r, height - 1), 255, -1)
    cv2.rectangle(mask, (0, r), (width - 1, height - 1 - r), 255, -1)
    for x in (r, width - 1 - r):
        for y in (r, height - 1 - r):
            cv2.circle(mask, (x, y), r, 255, -1, cv2.LINE_AA)


def _teaser(image: Image, envelope: Envelope, dpi: float, rng: np.random.Generator) -> None:
    """Write a line of the sender's below the return address or at the lower left, in place."""
    text = addresses.TEASERS[int(rng.integers(0, len(addresses.TEASERS)))]
    low = envelope.style != "window" and rng.random() < 0.5
    y = envelope.size_in[1] - 0.55 if low else 1.25
    size = 8.5 / lettering.POINTS_PER_INCH
    lettering.write(
        image, text, 0.4 * dpi, y * dpi, size_px=size * dpi,
        grey=int(rng.integers(30, 110)), weight=600,
    )  # fmt: skip


def _postmark(image: Image, dpi: float, rng: np.random.Generator) -> None:
    """Spray a sorting plant's two lines left of where an indicium goes, in place."""
    town = addresses.TOWNS[int(rng.integers(0, len(addresses.TOWNS)))].upper()
    day = f"{int(rng.integers(1, 29)):02} OCT PM {int(rng.integers(1, 9))} L"
    dot = 0.019 * dpi
    wide = lettering.spray_width_px(f"{town} 000", dot)
    x = max(0.1 * dpi, image.shape[1] - CLEAR_RIGHT_IN * dpi - wide - 0.3 * rng.random() * dpi)
    y = (0.42 + 0.1 * rng.random()) * dpi
    for line, text in enumerate((f"{town} 000", day)):
        lettering.spray(
            image, text, x, y + line * 0.21 * dpi, dot_px=dot, grey=48, share=0.85, rng=rng
        )


def _id_tag(image: Image, dpi: float, rng: np.random.Generator) -> None:
    """Print a fluorescent identification tag along the lower left edge, in place.

    Orange that fluoresces: bright in red light, so it is only a little darker than paper.
    """
    bottom = round(image.shape[0] - 0.12 * dpi)
    high, wide, pitch = (max(1, round(n * dpi)) for n in (0.12, 0.03, 0.0833))
    left = round((0.5 + 0.2 * rng.random()) * dpi)
    for place in np.flatnonzero(rng.random(27) < 0.6):
        x = left + int(place) * pitch
        area = image[bottom - high : bottom, x : x + wide]
        lay(area, np.full(area.shape, 0.35, np.float32), 150)
