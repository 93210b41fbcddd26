"""How much of degraded mail can be read once the corners are about known, and what that costs.

The experiment behind the published "known-corner bound" (bench/published.py): true corners, each
moved by up to `--off` modules as a locator would, one grid, all levels in order until one reads.
Beside each class stand the rates of that bound. `--noise N` instead lays grids over N frames of
random modules of random size and counts the answers, of which there must be none.

    python -m bench.known_corners --seeds 12
"""

import argparse
import math
import time
from collections import Counter, defaultdict

import numpy as np
from numpy.typing import NDArray

from bench.published import ROWS
from imi.mailpictures import CLASSES, degraded_suite
from imicore import datamatrix
from imicore._imaging import GRID_LEVELS, GridReader


def moved(
    corners: NDArray[np.float64], modules: float, rows: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the corners, each moved by at most so many modules, evenly over the disc.

    >>> square = np.array([(0, 40.0), (0, 0), (40, 0), (40, 40)])
    >>> away = moved(square, 0.3, 40, np.random.default_rng(1)) - square
    >>> bool((np.hypot(*away.T) <= 0.3).all())
    True
    """
    pitch = float(np.linalg.norm(corners[1] - corners[0])) / rows
    angle = rng.uniform(0, 2 * math.pi, 4)
    length = modules * pitch * np.sqrt(rng.random(4))
    return np.asarray(corners + np.stack([length * np.cos(angle), length * np.sin(angle)], 1))


def measure(seeds: int, off: float, classes: list[str]) -> None:
    """Print the table."""
    reader = GridReader()
    read: dict[tuple[str, int], list[bool]] = defaultdict(list)
    taken: dict[tuple[int, bool], list[float]] = defaultdict(list)
    whole: dict[bool, list[float]] = defaultdict(list)
    by_level: Counter[int] = Counter()
    false = 0
    for name, level, seed, made in degraded_suite(range(seeds), classes):
        rng = np.random.default_rng((seed, level))
        corners = moved(made.picture.corners, off, made.modules[0], rng)
        answer, spent = None, 0.0
        for effort in range(GRID_LEVELS):
            start = time.thread_time()
            answer = reader.read(made.picture.frame, corners, size=made.modules, level=effort)
            passed = time.thread_time() - start
            spent += passed
            taken[effort, answer is not None].append(passed)
            if answer is not None:
                by_level[effort] += 1
                break
        right = answer is not None and answer[0] == made.payload
        false += answer is not None and not right
        whole[right].append(spent)
        read[name, level].append(right)
    means = []
    for name in dict.fromkeys(name for name, _ in read):
        rates = [100 * float(np.mean(read[key])) for key in read if key[0] == name]
        means.append(float(np.mean(rates)))
        bound = " ".join(f"{rate:4}" for rate in ROWS[name].bound) if name in ROWS else ""
        print(f"{name:12} {' '.join(f'{rate:4.0f}' for rate in rates)}   bound {bound}")
    print(f"mean of the classes {np.mean(means):.1f} %, false reads {false}")
    for effort, done in sorted(taken):
        times = 1e6 * np.array(taken[effort, done])
        print(
            f"level {effort} {'read  ' if done else 'unread'} {len(times):5} grids,"
            f" mean {times.mean():6.0f} us, median {np.median(times):6.0f}"
        )
    everything = 1e6 * np.concatenate([whole[done] for done in whole])
    print(f"all levels: mean {everything.mean():.0f} us, read by level {dict(by_level)}")


def count_false(frames: int) -> int:
    """Return how many of so many frames of random modules are read, which none may be."""
    reader, rng, false = GridReader(), np.random.default_rng(1), 0
    sizes = [(size.rows, size.columns) for size in datamatrix.symbol_sizes()]
    for number in range(frames):
        if number % 1000 == 0:
            print(f"\r{number}", end="", flush=True)
        rows, columns = sizes[number % len(sizes)]
        # Half of the frames have hard modules, half have doubts of every degree.
        grey = rng.integers(0, 256, (rows + 8, columns + 8))
        if number // len(sizes) % 2:
            grey = np.where(grey < 128, 40, 230)
        frame = np.kron(grey, np.ones((3, 3))).astype(np.uint8)
        box = np.array([(0, rows), (0, 0), (columns, 0), (columns, rows)], np.float64)
        for level in range(GRID_LEVELS):
            answer = reader.read(frame, (box + 4) * 3, size=(rows, columns), level=level)
            false += answer is not None
    print(f"\r{frames} frames of random modules, false reads {false}")
    return false


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--off", type=float, default=0.3, help="modules")
    parser.add_argument("--classes", nargs="*", default=["clean", *CLASSES])
    parser.add_argument("--noise", type=int, default=0, metavar="FRAMES")
    options = parser.parse_args()
    if options.noise:
        raise SystemExit(count_false(options.noise) > 0)
    measure(options.seeds, options.off, options.classes)


if __name__ == "__main__":
    main()
