"""What a camera over a mail belt sees: printed modules, photographed. Seeded, no files.

Used by tests and benchmarks. The model is kept apart from the reader on purpose: modules are drawn
at 24 px each, ink spreads by growing them, then one blur (optics and pixel area together), one
projective warp, light, noise.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]
FINE = 24  # px a module before the camera


@dataclass(frozen=True, kw_only=True)
class Shot:
    """How one symbol is printed and photographed. Lengths in modules where not said otherwise."""

    pitch_px: float = 3.94  # 0.5 mm at 200 dpi
    turn_deg: float = 0.0
    centre_px: tuple[float, float] = (120.0, 120.0)
    blur: float = 0.2  # sigma
    gain: float = 0.0  # growth of a dark module's side; below 0 it shrinks
    noise: float = 3.0  # sigma, grey levels
    paper: float = 225.0
    ink: float = 45.0
    light_fall: float = 0.0  # share of light lost from one side of the symbol to the other
    light_deg: float = 30.0
    perspective: float = 0.0
    quiet: float = 2.0
    fibre: float = 0.0  # sigma of the paper's own mottle, grey levels (kraft)


def upright(modules: npt.NDArray[np.bool_], quiet: float, gain: float) -> npt.NDArray[np.float32]:
    """Return ink coverage at FINE px a module, 0..1, with a quiet zone."""
    rim = round(quiet * FINE)
    fine = np.kron(modules.astype(np.uint8), np.ones((FINE, FINE), np.uint8))
    fine = np.pad(fine, rim)
    grown = round(abs(gain) * FINE / 2)
    if grown:
        kernel = np.ones((2 * grown + 1, 2 * grown + 1), np.uint8)
        fine = cv2.dilate(fine, kernel) if gain > 0 else cv2.erode(fine, kernel)
    return fine.astype(np.float32)


def corner_map(shape: tuple[int, int], shot: Shot) -> npt.NDArray[np.float64]:
    """Return the 3x3 map from module coordinates (x, y) to pixels."""
    rows, columns = shape
    angle = np.deg2rad(shot.turn_deg)
    c, s = np.cos(angle) * shot.pitch_px, np.sin(angle) * shot.pitch_px
    linear = np.array([[c, -s, shot.centre_px[0]], [s, c, shot.centre_px[1]], [0, 0, 1.0]])
    lean = np.array(
        [[1, 0, 0], [0, 1, 0], [shot.perspective / columns, 0.6 * shot.perspective / rows, 1]]
    )
    return linear @ lean @ np.array([[1, 0, -columns / 2], [0, 1, -rows / 2], [0, 0, 1.0]])


def photograph(
    modules: npt.NDArray[np.bool_],
    shot: Shot,
    background: Grey,
    rng: np.random.Generator,
) -> tuple[Grey, npt.NDArray[np.float64]]:
    """Return the frame and the map from modules to its pixels."""
    to_px = corner_map(modules.shape, shot)
    ink = upright(modules, shot.quiet, shot.gain)
    pixel = 0.29 / shot.pitch_px  # sigma of a pixel's own square, in modules
    sigma = FINE * float(np.hypot(shot.blur, pixel))
    ink = cv2.GaussianBlur(ink, (0, 0), sigma)
    rim = round(shot.quiet * FINE) / FINE
    half = 0.5 / FINE  # cv2 counts from pixel centres
    from_fine = np.array([[1 / FINE, 0, half - rim], [0, 1 / FINE, half - rim], [0, 0, 1]])
    shift = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])
    size = (background.shape[1], background.shape[0])
    full = shift @ to_px @ from_fine
    coverage = cv2.warpPerspective(ink, full, size, flags=cv2.INTER_LINEAR)
    patch = cv2.warpPerspective(np.ones_like(ink), full, size, flags=cv2.INTER_LINEAR)
    sheet = background.astype(np.float32) * (1 - patch) + shot.paper * patch
    frame = sheet - coverage * (shot.paper - shot.ink)
    if shot.fibre:
        mottle = rng.normal(0, 1, (size[1] // 2 + 1, size[0] // 2 + 1)).astype(np.float32)
        mottle = cv2.GaussianBlur(mottle, (0, 0), 1.0) * 3.5  # about unit sigma again
        frame += shot.fibre * cv2.resize(mottle, size)
    if shot.light_fall:
        angle = np.deg2rad(shot.light_deg)
        x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
        reach = max(modules.shape) * shot.pitch_px
        along = (
            (x - shot.centre_px[0]) * np.cos(angle) + (y - shot.centre_px[1]) * np.sin(angle)
        ) / reach
        frame *= 1 - shot.light_fall * np.clip(along + 0.5, 0, 1).astype(np.float32)
    frame += rng.normal(0, shot.noise, frame.shape).astype(np.float32)
    return np.clip(np.round(frame), 0, 255).astype(np.uint8), to_px


def paper(width: int, height: int, grey: float = 225.0) -> Grey:
    """Return a blank sheet."""
    return np.full((height, width), round(grey), np.uint8)


def envelope(width: int, height: int, dots_per_inch: float, rng: np.random.Generator) -> Grey:
    """Return a letter's face without indicium: addresses, a barcode row, facing marks, a rule."""
    sheet = paper(width, height)
    inch = dots_per_inch

    def words(x: float, y: float, lines: int, high: float) -> None:
        for line in range(lines):
            count = int(rng.integers(12, 26))
            text = "".join(
                rng.choice(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789  abcdefghkmnop"), count)
            )
            scale = high * inch / 22
            at = (round(x * inch), round((y + line * high * 1.5) * inch))
            cv2.putText(
                sheet,
                text,
                at,
                cv2.FONT_HERSHEY_SIMPLEX,
                scale,
                45,
                max(1, round(scale * 1.8)),
                cv2.LINE_AA,
            )

    words(0.4, 0.4, 4, 0.10)
    words(4.0, 2.2, 4, 0.13)
    words(6.0, 1.5, 2, 0.07)
    for i in range(65):  # Intelligent Mail barcode
        x = round((4.0 + i * 0.0454) * inch)
        up, low = rng.integers(0, 2, 2) * 0.04
        y = 3.1
        cv2.rectangle(
            sheet,
            (x, round((y - 0.03 - up) * inch)),
            (x + max(1, round(0.015 * inch)), round((y + 0.03 + low) * inch)),
            45,
            -1,
        )
    for i in range(5):  # facing marks
        x = round((6.1 + i * 0.1) * inch)
        cv2.rectangle(sheet, (x, 0), (x + round(0.03 * inch), round(0.6 * inch)), 45, -1)
    cv2.rectangle(
        sheet,
        (round(0.4 * inch), round(0.95 * inch)),
        (round(2.2 * inch), round(0.96 * inch)),
        45,
        -1,
    )
    return sheet
