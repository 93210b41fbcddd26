"""Picture files: formats, the cap read from the header, damage of every kind."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from imicore import frames
from imicore.errors import BadImage

GREY = np.random.default_rng(1).integers(0, 256, (37, 53)).astype(np.uint8)


def encoded(extension: str, *options: int) -> bytes:
    done, data = cv2.imencode(extension, GREY, list(options))
    assert done
    return data.tobytes()


LOSSLESS = {
    "png": encoded(".png"),
    "tiff": encoded(".tiff"),
    "pgm": encoded(".pgm"),
    "webp": encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
}
ALL = {**LOSSLESS, "jpeg": encoded(".jpg"), "lossy webp": encoded(".webp")}


@pytest.mark.parametrize("name", list(LOSSLESS))
def test_lossless_formats_come_back_to_the_grey(name: str) -> None:
    assert (frames.decode(LOSSLESS[name]) == GREY).all()


@pytest.mark.parametrize("name", list(ALL))
def test_the_announced_size_is_the_decoded_size(name: str) -> None:
    assert frames.announced_size(ALL[name]) == (53, 37)
    frame = frames.decode(ALL[name])
    assert (frame.shape, frame.dtype) == ((37, 53), np.uint8)


def test_colour_and_16_bits_become_grey() -> None:
    colour = np.dstack([GREY] * 3)
    assert (frames.decode(cv2.imencode(".png", colour)[1].tobytes()) == GREY).all()
    deep = frames.decode(cv2.imencode(".png", GREY.astype(np.uint16) * 257)[1].tobytes())
    assert np.abs(deep.astype(int) - GREY).max() <= 1


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, data: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)  # 1 bit, grey
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_decompression_bomb_is_refused_by_its_header() -> None:
    """reliability.md 6: a 1.6-gigapixel 1-bit PNG is 280 kB. Nothing may be decoded."""
    bomb = png(40_000, 40_000, zlib.compress(bytes(5001 * 400)))
    with pytest.raises(BadImage, match=r"40000x40000 = 1600000000 pixels; the limit is 12000000"):
        frames.decode(bomb)


@pytest.mark.parametrize(
    "data",
    [
        b"P5 4000 3001 255 ",
        b"P5\n# 1 1\n4000 3001\n255\n",
        LOSSLESS["webp"][:21] + struct.pack("<I", 3999 | 3999 << 14) + LOSSLESS["webp"][25:],
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\0\x02"
        + struct.pack(">HHII", 256, 4, 1, 4000)
        + struct.pack(">HHIHH", 257, 3, 1, 3001, 0),
        b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x11\x08" + struct.pack(">HH", 3001, 4000) + bytes(9),
    ],
)
def test_every_format_announces_too_much(data: bytes) -> None:
    with pytest.raises(BadImage, match="the limit is 12000000"):
        frames.decode(data)


def test_twelve_megapixels_are_taken() -> None:
    data = b"P5 4000 3000 255 " + bytes(12_000_000)
    assert frames.decode(data).shape == (3000, 4000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"GIF89a\x01\0\x01\0",
        b"BM" + bytes(60),
        b"P6 1 1 255 abc",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\0\0",
        b"\xff\xd8" + b"\xff" * 3000,
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        b"RIFF\0\0\0\0WAVE",
        b"RIFF\0\0\0\0WEBP",
        b"P5",
        b"P5 -1 5 255 ",
        b"P5 #" + b"x" * 9000,
        b"P5 99999999999 1 255 ",
        b"P5 0 7 255 ",
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(BadImage):
        frames.decode(data, name="letter.png")


@pytest.mark.parametrize("name", list(ALL))
def test_a_file_cut_anywhere_is_refused_or_has_its_size(name: str) -> None:
    """Some decoders fill what is missing with grey; none may give another shape or fall over."""
    data = ALL[name]
    for end in range(0, len(data), max(1, len(data) // 60)):
        try:
            frame = frames.decode(data[:end])
        except BadImage:
            continue
        assert frame.shape == (37, 53)


@pytest.mark.parametrize("name", list(ALL))
def test_a_damaged_file_is_refused_or_has_its_size(name: str) -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        data = bytearray(ALL[name])
        for at in rng.integers(0, min(len(data), 200), 3):
            data[at] = rng.integers(0, 256)
        try:
            width, height = frames.announced_size(bytes(data))
            frame = frames.decode(bytes(data))
        except BadImage:
            continue
        assert frame.shape == (height, width)


def test_load_reads_a_file_and_names_it(tmp_path: Path) -> None:
    path = tmp_path / "letter.png"
    path.write_bytes(ALL["png"])
    assert (frames.load(path) == GREY).all()
    path.write_bytes(b"nothing")
    with pytest.raises(BadImage, match=r"letter\.png"):
        frames.load(str(path))
    with pytest.raises(OSError, match="absent"):
        frames.load(tmp_path / "absent.png")


def test_a_large_file_is_refused_before_it_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "large.pgm"
    with path.open("wb") as file:
        file.write(b"P5 8 8 255 ")
        file.truncate((16 << 20) + 1)
    with pytest.raises(BadImage, match="larger than 16777216 bytes"):
        frames.load(path)
