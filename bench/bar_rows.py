"""Rows of Intelligent Mail bars drawn as a printer and a camera make them: the reader's own bench.

Bars are polygons in the frame's own place, so that turn, lean and curl cost no resampling.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

BARS = 65
FINE = 4  # cells across a pixel, each way


@dataclass(frozen=True)
class RowStyle:
    """How a row is printed and seen; lengths in pixels unless said.

    Attributes:
        dpi: of the camera.
        bars_per_inch: 20 to 24 (USPS-B-3200).
        bar_in, tracker_in, full_in: width of a bar, height of a tracker and of a full bar, inches.
        angle: degrees, clockwise on the picture.
        lean: degrees by which bars lean from square to the row.
        curl: how far the middle of the row lies from the line between its ends.
        spread: ink gained on each side; below 0 lost.
        ragged: standard deviation of each bar's ends.
        uneven: standard deviation of each bar's place.
        blur: sigma.
        noise: sigma, grey levels.
        ink, paper: grey levels.
        gradient: loss of light across the frame, share.
        scratches: light lines one pixel wide across the row, as a dead nozzle leaves.
        lost: bars left out.
        text: whether words stand over and under the row, at the least distance (0.028 in).
    """

    dpi: float = 200
    bars_per_inch: float = 22
    bar_in: float = 0.020
    tracker_in: float = 0.048
    full_in: float = 0.145
    angle: float = 0
    lean: float = 0
    curl: float = 0
    spread: float = 0
    ragged: float = 0
    uneven: float = 0
    blur: float = 0.6
    noise: float = 3
    ink: float = 40
    paper: float = 225
    gradient: float = 0.1
    scratches: int = 0
    lost: int = 0
    text: bool = True

    @property
    def pitch(self) -> float:
        """Bar to bar."""
        return self.dpi / self.bars_per_inch


def draw_row(
    bars: str,
    style: RowStyle,
    rng: np.random.Generator,
    *,
    size: tuple[int, int] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return (frame, corners): uint8[H, W], and float64[4, 2] in the order of `Reading.corners`.

    `size` is (width, height); as small as holds the row with 40 px round it when not given.
    """
    length = style.pitch * len(bars)
    turn = np.deg2rad(style.angle)
    along = np.array((np.cos(turn), np.sin(turn)))
    lean = turn + np.pi / 2 + np.deg2rad(style.lean)
    across = np.array((np.cos(lean), np.sin(lean)))
    half = style.full_in * style.dpi / 2
    width, height = size or tuple(
        int(abs(along[i]) * length + 2 * half + 80 + abs(style.curl)) for i in (0, 1)
    )
    centre = np.array((width / 2, height / 2)) + rng.uniform(-0.5, 0.5, 2)

    def at(t: float, off: float) -> NDArray[np.float64]:
        """Return the pixel of a place on the row: along it from its middle, and square to that."""
        bent = off + style.curl * (1 - (2 * t / length) ** 2)
        return np.asarray(centre + t * along + bent * across)

    low, high = style.tracker_in * style.dpi / 2, half
    rough = rng.normal(0, style.ragged or 1e-9, (2, len(bars))) + style.spread
    top = np.array([high if bar in "AF" else low for bar in bars]) + rough[0]
    bottom = np.array([high if bar in "DF" else low for bar in bars]) + rough[1]
    places = (np.arange(len(bars)) + 0.5) * style.pitch - length / 2
    places += rng.normal(0, style.uneven or 1e-9, len(bars))
    wide = style.bar_in * style.dpi / 2 + style.spread
    ink = np.zeros((height * FINE, width * FINE), np.uint8)
    lost = rng.choice(len(bars), style.lost, replace=False)
    for bar, t in enumerate(places):
        if bar not in lost:
            ends = ((-1, bottom), (-1, top), (1, top), (1, bottom))
            box = [at(t + s * wide, bottom[bar] if e is bottom else -top[bar]) for s, e in ends]
            _fill(ink, box, 255)
    for off in rng.uniform(-high, high, style.scratches):
        ends_t = np.linspace(-length / 2, length / 2, 20)
        line = [at(t, off - 0.5) for t in ends_t] + [at(t, off + 0.5) for t in ends_t[::-1]]
        _fill(ink, line, 0)
    fine = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
    cover = fine.astype(np.float32) / 255
    if style.text:
        _write(cover, centre, along, across, half + 0.028 * style.dpi, length, style, rng)

    light = 1 - style.gradient * np.linspace(0, 1, width, dtype=np.float32)[None, :]
    frame = (style.paper + (style.ink - style.paper) * cover) * light
    if style.blur:
        frame = cv2.GaussianBlur(frame, (0, 0), style.blur)
    if style.noise:
        frame += style.noise * rng.standard_normal(frame.shape, np.float32)
    corners = np.array(
        [
            centre + along * (s * length / 2) + across * (d * half)
            for s, d in ((-1, 1), (-1, -1), (1, -1), (1, 1))
        ]
    )
    return np.clip(np.rint(frame), 0, 255).astype(np.uint8), corners


def _fill(canvas: NDArray[np.uint8], corners: list[NDArray[np.float64]], level: int) -> None:
    """Fill a polygon given in pixels on a canvas of FINE cells a pixel, in place."""
    cells = np.rint((np.array(corners) * FINE - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(canvas, [cells], level, cv2.LINE_8, 4)


def _write(
    cover: NDArray[np.float32],
    centre: NDArray[np.float64],
    along: NDArray[np.float64],
    across: NDArray[np.float64],
    clear: float,
    length: float,
    style: RowStyle,
    rng: np.random.Generator,
) -> None:
    """Write a line of letters over and under the row, turned with it, in place."""
    size = 0.11 * style.dpi
    for side in (-1, 1):
        words = "".join("ABEHILMNTUmnilt 0123456789"[i] for i in rng.integers(0, 26, 60))
        line = np.zeros((round(size * 1.5), round(length)), np.uint8)
        cv2.putText(
            line, words, (2, round(size * 1.2)), cv2.FONT_HERSHEY_SIMPLEX, size / 22, 255,
            max(1, round(size / 10)), cv2.LINE_AA,
        )  # fmt: skip
        rise = -clear - size * 1.25 if side < 0 else clear - size * 0.15
        start = centre - along * length / 2 + across * rise
        matrix = np.array([[along[0], across[0], start[0]], [along[1], across[1], start[1]]])
        turned = cv2.warpAffine(line, matrix, cover.shape[::-1], flags=cv2.INTER_AREA)
        np.maximum(cover, turned / np.float32(255), out=cover)


def random_style(rng: np.random.Generator, severity: int) -> RowStyle:
    """Return a style within the specification's sizes, with faults of severity 0 to 4.

    Severity 1 is good mail under a fair camera, 2 poor print or poor camera, 3 both, 4 beyond use.
    """
    s = severity
    dpi = float(rng.uniform(180, 320))
    pitch = dpi / 22
    style = RowStyle(
        dpi=dpi,
        bars_per_inch=float(rng.uniform(20, 24)),
        bar_in=float(rng.uniform(0.016, 0.024)),
        tracker_in=float(rng.uniform(0.040, 0.056)),
        full_in=float(rng.uniform(0.128, 0.162)),
        angle=float(rng.uniform(-15, 15) + rng.choice((0, 90, 180, 270))),
        lean=float(rng.uniform(-1, 1) * (1 + s)),
        ink=float(rng.uniform(25, 60 + 15 * s)),
        paper=float(rng.uniform(200 - 20 * s, 240)),
        gradient=float(rng.uniform(0, 0.1 + 0.05 * s)),
        blur=float(rng.uniform(0.4, 0.7 + 0.15 * s)) * dpi / 200,
        noise=float(rng.uniform(1, 2 + 4 * s)),
        text=bool(rng.random() < 0.7),
    )
    return replace(
        style,
        curl=float(rng.uniform(-0.3, 0.3) * s * pitch),
        spread=float(rng.uniform(-0.03, 0.04) * s * pitch),
        ragged=float(rng.uniform(0, 0.06) * s * pitch),
        uneven=float(rng.uniform(0, 0.02) * s * pitch),
        scratches=int(rng.integers(0, s + 1)),
        lost=int(rng.random() < 0.1 * (s - 1)),
    )
