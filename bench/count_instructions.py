"""Count instructions and bytes per pixel of reading a clean full frame, by callgrind.

Run from the repository's root: ``python -m bench.count_instructions [--json] [--seed N]``; about a
minute. Beside the reader stands its floor, a plain pass over the same frame in the same program.
Counts, so the same on a busy machine; the second read of a frame, so without tables and first
memory. Bytes are what the first-level cache (32 KiB, 8 ways, lines of 64 bytes) takes in.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imi.mailpictures import sample
from tests.imicore.c_programs import PLAIN, compiled

LINE_BYTES = 64
CACHE = (f"--D1=32768,8,{LINE_BYTES}", f"--I1=32768,8,{LINE_BYTES}", f"--LL=262144,8,{LINE_BYTES}")


def counts(
    program: Path, what: str, frame: npt.NDArray[np.uint8], folder: Path
) -> dict[str, float]:
    """Return events of one call as callgrind names them, and `payload` as a number."""
    height, width = frame.shape
    (folder / "frame.raw").write_bytes(frame.tobytes())
    out = folder / f"{what}.callgrind"
    command = [
        "valgrind",
        "--tool=callgrind",
        "--toggle-collect=counted",
        "--cache-sim=yes",
        *CACHE,
    ]
    command += [f"--callgrind-out-file={out}", str(program), what, str(folder / "frame.raw")]
    done = subprocess.run(
        [*command, str(width), str(height)], env=PLAIN, capture_output=True, text=True, check=True
    )
    text = out.read_text()
    events = re.findall(r"^events: (.*)$", text, re.MULTILINE)[0].split()
    totals = re.findall(r"^totals: (.*)$", text, re.MULTILINE)[0].split()
    found = dict.fromkeys(events, 0.0)  # zeros at the end of the totals are not written
    found |= {name: float(value) for name, value in zip(events, totals, strict=False)}
    return found | {"payload": int(done.stdout.strip() or "0", 16)}


def per_pixel(found: dict[str, float], pixels: int) -> dict[str, float]:
    """Return the figures of the table."""
    return {
        "instructions": found["Ir"],
        "instructions per pixel": found["Ir"] / pixels,
        "loads and stores per pixel": (found["Dr"] + found["Dw"]) / pixels,
        "bytes into the cache per pixel": (found["D1mr"] + found["D1mw"]) * LINE_BYTES / pixels,
    }


def measure(seed: int) -> dict[str, object]:
    """Return the frame's size and the figures of the reader and of the plain pass."""
    made = sample(np.random.default_rng(seed))
    frame = np.ascontiguousarray(made.picture.frame)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = Path(__file__).with_name("frame_instructions.c")
        program = compiled(source, folder / "frame_instructions", "-O3")
        read, floor = (counts(program, what, frame, folder) for what in ("read", "pass"))
    assert read["payload"] == int(made.payload.hex(), 16), "the frame was read wrong"
    ours, least = per_pixel(read, frame.size), per_pixel(floor, frame.size)
    height, width = frame.shape
    return {
        "width": width,
        "height": height,
        "reader": ours,
        "plain pass": least,
        "ratio": {key: ours[key] / least[key] for key in ours},
    }


def main() -> int:
    """Print the table or, with --json, the object."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=1, help="of the frame")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is missing: Debian: apt-get install valgrind", file=sys.stderr)
        return 2
    found = measure(given.seed)
    if given.json:
        print(json.dumps(found, indent=1))
        return 0
    print(f"one clean frame of {found['width']}x{found['height']}")
    print(f"{'':32}{'reader':>14}{'plain pass':>14}{'ratio':>10}")
    reader, floor, ratio = (found[key] for key in ("reader", "plain pass", "ratio"))
    assert isinstance(reader, dict)
    assert isinstance(floor, dict)
    assert isinstance(ratio, dict)
    for key in reader:
        print(f"{key:32}{reader[key]:14,.2f}{floor[key]:14,.2f}{ratio[key]:10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
