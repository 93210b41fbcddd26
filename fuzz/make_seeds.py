"""Write what the fuzzers start from: `python fuzz/make_seeds.py FOLDER`, from the root.

A folder for each target, named as its source. The same files each time.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from imicore import _codec, datamatrix
from imicore.errors import ImiError

PAYLOADS = (
    b"",
    b"123456",
    b"ABC 123 XYZ",
    b"lower case text",
    b"*A>B C1\r" * 3,
    b"EDIFACT: 27.5/9",
    b"[)>\x1e05\x1dbody\x1e\x04",
    bytes(range(128, 200)),
    bytes(300),
)
FRAME_SIZES = ((10, 10), (12, 12), (8, 18), (14, 14), (16, 16), (20, 20))
HEADERS = (  # codewords that no encodation of ours writes
    bytes([232, 142, 164]),
    bytes([233, 18, 1, 1, 66]),
    bytes([234, 66]),
    bytes([237, 66, 129]),
    bytes([241, 27, 66]),
    bytes([241, 130, 9, 66]),
    bytes([241, 195, 9, 9, 66]),
    bytes([235, 66, 230, 235, 254, 254]),
)


def codewords(symbol: datamatrix.Symbol) -> bytes:
    """Return the data codewords of a symbol."""
    bits = np.asarray(symbol.modules).ravel()[_codec.module_indices(symbol.size)]
    (size,) = (s for s in datamatrix.symbol_sizes() if (s.rows, s.columns) == symbol.size)
    return np.packbits(bits.astype(np.uint8)).tobytes()[: size.data_codewords]


def messages() -> Iterator[bytes]:
    """Yield data codewords of every encodation."""
    yield from HEADERS
    for payload in PAYLOADS:
        for encodation in ("auto", "ascii", "c40", "text", "x12", "edifact", "base256"):
            try:
                yield codewords(datamatrix.encode(payload, encodation=encodation))
            except ImiError:
                continue  # not every payload is writable in every encodation


def blocks() -> Iterator[bytes]:
    """Yield parity, reserve, length, erasures, damage, places and values, data."""
    random = np.random.default_rng(1)
    for parity in (5, 7, 10, 28, 48, 62, 68):
        for erased, damaged in ((0, 0), (0, parity // 2), (parity // 2, parity // 4), (parity, 0)):
            head = bytes([parity - 1, 0, min(113, 254 - parity), erased, damaged])
            yield head + random.bytes(2 * (erased + damaged) + 120)


def cells(size: tuple[int, int], inverted: bool) -> npt.NDArray[np.uint8]:
    """Return a symbol with two cells of quiet zone, a grey value a cell."""
    modules = np.asarray(datamatrix.encode(b"1A", size=size).modules)
    dark = np.pad(modules, 2) ^ inverted
    return np.where(dark, np.uint8(20), np.uint8(235))


def frames() -> Iterator[bytes]:
    """Yield width, height, pitch and flags less what the target adds, then the cells."""
    for size in FRAME_SIZES:
        for pitch in (3, 4, 5):
            grey = cells(size, inverted=pitch == 5)
            height, width = (side * pitch for side in grey.shape)
            if max(width, height) <= 96:
                yield bytes([width - 1, height - 1, pitch - 1, 8 * pitch]) + grey.tobytes()


def calls() -> Iterator[bytes]:
    """Yield arguments of imi_reader_read, as fuzz/c_api.cpp takes them apart."""
    grey = cells((10, 10), inverted=False)
    row = np.zeros((16, 17), np.uint8)
    row[:14, :14] = grey
    for nulls in (0, 2, 8, 16, 24, 32):
        plain = bytes([56, 56, 0, 0, 1, nulls, 0, 0, 1, 7, 0, 0])
        yield plain + bytes([0]) + row.tobytes()
        yield plain + bytes([1, 10, 10]) + row.tobytes()


def main() -> None:
    """Write every seed."""
    folder = Path(sys.argv[1])
    made = {"codewords": messages, "reed_solomon": blocks, "frame": frames, "c_api": calls}
    for target, seeds in made.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds()):
            (folder / target / f"seed-{number:03}").write_bytes(seed)


if __name__ == "__main__":
    main()
