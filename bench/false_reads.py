"""Frames and crops without a readable symbol, by the hundred thousand: how many answers come back.

    python -m bench.false_reads --frames 20000 --crops 500000 [--ruined] [--jobs 2] [--seed 0]

Without `--ruined` nothing shows a symbol: letters with text, bars, logos and marks but no
indicium, and crops of them and of textures (noise, stripes, checkerboards, random modules without
a finder). With it, every picture shows a symbol whose codewords are past repair under a finder
that is whole: random modules, or a good symbol seven in ten of whose modules are tossed anew,
which leaves one codeword in thirty right. Any answer is a false read; the bound of Reed-Solomon
and finder stands in csrc/proof.h. Prints a line every ten seconds; exit code 1 when anything was
read.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.camera import Shot, photograph
from imi.mailpictures import CameraModel, Envelope
from imi.mailpictures import photograph as shoot
from imi.mailpictures.envelope import STYLES, draw
from imicore import datamatrix
from imicore.reader import Reader

Grey = NDArray[np.uint8]
SIZES: Final = [(s.rows, s.columns) for s in datamatrix.symbol_sizes()]
MAIL_SIZES: Final = [(36, 36), (40, 40), (44, 44)]
LETTERS: Final = 8  # drawn by each worker; every frame is one of them, turned and made noisy


def letter(rng: np.random.Generator) -> Grey:
    """Return a photographed letter without an indicium, about 1900x825."""
    style = list(STYLES)[int(rng.integers(len(STYLES)))]
    piece = draw(Envelope(style), image_dpi=200, rng=rng)
    camera = CameraModel(skew_degrees=abs(float(rng.normal(0, 1))))
    return shoot(piece, camera, rng, image_dpi=200).frame


def fixed_pattern(rows: int, columns: int) -> NDArray[np.int8]:
    """Return finder, timing and alignment modules of a size: 1 dark, 0 light, -1 data."""
    shown = []
    for fill in (b"\x00", b"\xff"):
        size = next(s for s in datamatrix.symbol_sizes() if (s.rows, s.columns) == (rows, columns))
        codewords = fill * max(1, size.data_codewords - 2)
        symbol = datamatrix.encode(codewords, size=(rows, columns), encodation="base256")
        shown.append(np.asarray(symbol.modules))
    pattern = np.full((rows, columns), -1, np.int8)
    down, across = size.regions_down, size.regions_across
    high, wide = rows // down, columns // across
    y, x = np.arange(rows) % high, np.arange(columns) % wide
    border = (y[:, None] == 0) | (y[:, None] == high - 1) | (x[None] == 0) | (x[None] == wide - 1)
    assert bool((shown[0][border] == shown[1][border]).all())
    pattern[border] = shown[0][border]
    return pattern


_PATTERNS: dict[tuple[int, int], NDArray[np.int8]] = {}


def ruined(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the modules of a symbol that nobody may read."""
    if size not in _PATTERNS:
        _PATTERNS[size] = fixed_pattern(*size)
    pattern = _PATTERNS[size]
    modules = rng.random(size) < 0.5
    if rng.random() < 0.5:
        capacity = next(s for s in datamatrix.symbol_sizes() if (s.rows, s.columns) == size)
        payload = rng.bytes(max(1, capacity.data_codewords - 2))
        good = np.asarray(datamatrix.encode(payload, size=size, encodation="base256").modules)
        modules = np.where(rng.random(size) < 0.7, modules, good)
    return np.where(pattern >= 0, pattern > 0, modules)


def with_ruin(rng: np.random.Generator, background: Grey, size: tuple[int, int]) -> Grey:
    """Return the background with a ruined symbol photographed onto it."""
    modules = ruined(rng, size)
    pitch = float(rng.uniform(2.5, 6))
    span = pitch * max(size) * 0.75
    height, width = background.shape
    x, y = (
        float(rng.uniform(min(span, side / 2), max(side - span, side / 2)))
        for side in (width, height)
    )
    shot = Shot(pitch_px=pitch, turn_deg=float(rng.normal(0, 4)), centre_px=(x, y),
                blur=float(rng.uniform(0.1, 0.4)), noise=float(rng.uniform(1, 12)))  # fmt: skip
    return photograph(modules, shot, background, rng)[0]


def texture(rng: np.random.Generator, height: int, width: int) -> Grey:
    """Return noise, stripes, a checkerboard or random modules without a finder."""
    kind = int(rng.integers(5))
    pitch = float(rng.uniform(2, 9))
    y, x = np.mgrid[:height, :width]
    if kind == 0:
        plain = rng.normal(128, float(rng.uniform(5, 90)), (height, width))
    elif kind == 1:
        angle = float(rng.uniform(0, np.pi))
        plain = 128 + 100 * np.sign(np.sin((x * np.cos(angle) + y * np.sin(angle)) * np.pi / pitch))
    elif kind == 2:
        plain = 255.0 * (((x / pitch).astype(int) + (y / pitch).astype(int)) % 2)
    else:
        cells = rng.random((int(height / pitch) + 2, int(width / pitch) + 2)) < 0.5
        plain = 40 + 190.0 * cells[(y / pitch).astype(int), (x / pitch).astype(int)]
    noisy = plain + rng.normal(0, float(rng.uniform(0, 15)), (height, width))
    return np.clip(cv2.GaussianBlur(noisy, (0, 0), float(rng.uniform(0.3, 1.5))), 0, 255).astype(
        np.uint8
    )


def pictures(rng: np.random.Generator, frames: int, crops: int, ruin: bool) -> Iterator[Grey]:
    """Yield so many full frames, then crops."""
    letters = [letter(rng) for _ in range(LETTERS)]
    for _ in range(frames):
        frame = letters[int(rng.integers(LETTERS))]
        noise = cv2.randn(np.empty(frame.shape, np.int16), 0, float(rng.uniform(0, 12)))
        frame = cv2.add(frame, noise, dtype=cv2.CV_8U)[:: 1 if rng.random() < 0.5 else -1]
        frame = np.ascontiguousarray(frame)
        yield with_ruin(rng, frame, MAIL_SIZES[int(rng.integers(3))]) if ruin else frame
    for _ in range(crops):
        side = int(rng.integers(48, 220))
        if not ruin and rng.random() < 0.5:
            yield texture(rng, side, int(rng.integers(48, 220)))
            continue
        frame = letters[int(rng.integers(LETTERS))]
        y = int(rng.integers(frame.shape[0] - side))
        x = int(rng.integers(frame.shape[1] - side))
        crop = np.ascontiguousarray(frame[y : y + side, x : x + side])
        if ruin:
            size = SIZES[int(rng.integers(len(SIZES)))]
            room = np.full((int(size[0] * 4.5) + 40, int(size[1] * 4.5) + 40), 225, np.uint8)
            crop = with_ruin(rng, room, size)
        yield crop


def count(job: tuple[int, int, int, bool]) -> tuple[int, int, float, list[str]]:
    """Return how many pictures were looked at and read, the reader's seconds, and the answers."""
    seed, frames, crops, ruin = job
    cv2.setNumThreads(1)
    reader = Reader()
    looked, seconds, answers = 0, 0.0, []
    for picture in pictures(np.random.default_rng((seed, int(ruin))), frames, crops, ruin):
        begin = time.thread_time()
        found = reader.read(picture)
        seconds += time.thread_time() - begin
        looked += 1
        answers += [f"seed {seed}, picture {looked}: {r.size} {r.payload.hex()}" for r in found]
    return looked, len(answers), seconds, answers


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=200)
    parser.add_argument("--crops", type=int, default=5000)
    parser.add_argument("--ruined", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    parts = max(asked.jobs, (asked.frames * 20 + asked.crops) // 5000)
    share = [
        (
            asked.seed * 1_000_000 + part,
            asked.frames // parts + (part < asked.frames % parts),
            asked.crops // parts + (part < asked.crops % parts),
            asked.ruined,
        )
        for part in range(parts)
    ]
    looked = false = 0
    seconds, shown = 0.0, time.monotonic()
    with ProcessPoolExecutor(asked.jobs) as pool:
        for part_looked, part_false, part_seconds, answers in pool.map(count, share):
            looked, false = looked + part_looked, false + part_false
            seconds += part_seconds
            for answer in answers:
                print(answer, file=sys.stderr)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(f"{looked} of {asked.frames + asked.crops}, {false} read", file=sys.stderr)
    result = {
        "pictures": looked,
        "false_reads": false,
        "mean_ms": round(1e3 * seconds / max(1, looked), 3),
        "ruined": asked.ruined,
    }
    print(json.dumps(result) if asked.json else f"{looked} pictures, {false} false reads, "
          f"{result['mean_ms']} ms of CPU each")  # fmt: skip
    return 1 if false else 0


if __name__ == "__main__":
    sys.exit(main())
