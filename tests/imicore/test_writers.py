"""Rasters as files: read back by our slow decoder, by libcups, by Pillow."""

import ctypes
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imicore import writers
from imicore.errors import BadArgument
from imicore.raster import Mark, Raster, Rasterizer
from tests.oracles.raster import unpack_pwg

pytestmark = pytest.mark.native

LINES = ["US POSTAGE", "$0.78", "FIRST-CLASS MAIL", "JUL 13 2026", "ZIP 06484", "TST0 0000000001"]
HEADER_BYTES = 1796  # cups_page_header2_t and the PWG 5102.4 page header alike
PWG_READ, PWG_WRITE = 0, 3  # cups_mode_t


def indicium(dots_per_inch: int = 600, mark: Mark | None = None) -> Raster:
    modules = np.random.default_rng(7).random((40, 40)) < 0.5
    return Rasterizer(dots_per_inch, fim="D").compose(modules, lines=LINES, mark=mark)


def noise(height: int, width: int, seed: int, runs: int = 1) -> Raster:
    """Random bytes, every row `runs` times, with runs inside the rows too."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 3, (-(-height // runs), -(-width // 8)), dtype=np.uint8)
    rows = np.repeat(rows * 127, runs, axis=0)[:height]
    rows[:, -1] &= 0xFF << (-width % 8) & 0xFF  # pad bits are 0
    return Raster(np.ascontiguousarray(rows), width, 300, {})


PICTURES = {
    "indicium": indicium(),
    "specimen": indicium(300, Mark(void=True)),
    "blank": Raster(np.zeros((700, 40), np.uint8), 320, 300, {}),
    "one dot": Raster(np.full((1, 1), 0x80, np.uint8), 1, 600, {}),
    "one row": noise(1, 4099, 1),
    "noise": noise(40, 1000, 2),
    "257 equal rows": noise(600, 77, 3, runs=257),
    "all unlike": Raster(np.arange(300, dtype=np.uint8).reshape(1, -1) % 251, 2400, 600, {}),
    "129 equal bytes": Raster(np.full((3, 129), 0xFF, np.uint8), 1032, 600, {}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pwg_reads_back_with_the_slow_decoder(name: str) -> None:
    picture = PICTURES[name]
    ((header, dots),) = unpack_pwg(writers.pwg(picture))
    assert (dots == picture.dots).all()
    assert (header["x_dpi"], header["y_dpi"]) == (picture.dots_per_inch,) * 2
    assert (header["bits"], header["space"], header["pages"]) == (1, 3, 1)


def test_pwg_holds_many_pages_of_different_sizes() -> None:
    pictures = [*PICTURES.values()]
    pages = unpack_pwg(writers.pwg(pictures, media_name="na_number-10_4.125x9.5in"))
    assert len(pages) == len(pictures)
    for (header, dots), picture in zip(pages, pictures, strict=True):
        assert header["pages"] == len(pictures)
        assert (dots == picture.dots).all()


@pytest.fixture(scope="module")
def cups() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libcups.so.2")
    except OSError as error:
        pytest.skip(f"libcups.so.2 is not installed: {error}")
    library.cupsRasterOpen.restype = ctypes.c_void_p
    library.cupsRasterOpen.argtypes = [ctypes.c_int, ctypes.c_int]
    library.cupsRasterClose.argtypes = [ctypes.c_void_p]
    for name in ("cupsRasterReadPixels", "cupsRasterWritePixels"):
        getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint]
        getattr(library, name).restype = ctypes.c_uint
    for name in ("cupsRasterReadHeader2", "cupsRasterWriteHeader2"):
        getattr(library, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        getattr(library, name).restype = ctypes.c_uint
    return library


@pytest.mark.parametrize("name", PICTURES)
def test_libcups_reads_the_same_dots(cups: ctypes.CDLL, name: str, tmp_path: Path) -> None:
    """CUPS' own reader is what driverless printers and filters use."""
    picture = PICTURES[name]
    path = tmp_path / "page.pwg"
    path.write_bytes(writers.pwg(picture, media_name="na_number-10_4.125x9.5in"))
    with path.open("rb") as file:
        stream = cups.cupsRasterOpen(file.fileno(), PWG_READ)
        assert stream
        header = ctypes.create_string_buffer(HEADER_BYTES)
        assert cups.cupsRasterReadHeader2(stream, header) == 1
        fields = np.frombuffer(header.raw, np.uint32, offset=256, count=(580 - 256) // 4)
        at = {offset: int(fields[(offset - 256) // 4]) for offset in range(256, 580, 4)}
        stride = -(-picture.width // 8)
        assert (at[372], at[376], at[392]) == (picture.width, picture.height, stride)
        assert at[276] == at[280] == picture.dots_per_inch
        assert at[400] == 3  # CUPS_CSPACE_K
        assert header.raw[1732:].rstrip(b"\0") == b"na_number-10_4.125x9.5in"
        row = ctypes.create_string_buffer(stride)
        rows = []
        for _ in range(picture.height):
            assert cups.cupsRasterReadPixels(stream, row, stride) == stride
            rows.append(row.raw)
        assert cups.cupsRasterReadHeader2(stream, header) == 0, "bytes are left after the page"
        cups.cupsRasterClose(stream)
    assert b"".join(rows) == picture.rows.tobytes()


@pytest.mark.parametrize("name", PICTURES)
def test_our_stream_is_the_bytes_that_libcups_writes(
    cups: ctypes.CDLL, name: str, tmp_path: Path
) -> None:
    picture = PICTURES[name]
    ours = writers.pwg(picture)
    # The header as numbers of this machine, which is what libcups takes.
    native = bytearray(ours[4 : 4 + HEADER_BYTES])
    native[256:580] = np.frombuffer(bytes(native[256:580]), ">u4").astype("=u4").tobytes()
    path = tmp_path / "theirs.pwg"
    handle = os.open(path, os.O_CREAT | os.O_WRONLY)
    stream = cups.cupsRasterOpen(handle, PWG_WRITE)
    assert cups.cupsRasterWriteHeader2(stream, bytes(native)) == 1
    for row in picture.rows:
        assert cups.cupsRasterWritePixels(stream, row.tobytes(), row.size) == row.size
    cups.cupsRasterClose(stream)
    os.close(handle)
    assert path.read_bytes() == ours


@pytest.mark.parametrize("write", [writers.png, writers.tiff_g4])
@pytest.mark.parametrize("name", PICTURES)
def test_picture_files_hold_the_same_dots(write, name: str) -> None:
    picture = PICTURES[name]
    image = Image.open(io.BytesIO(write(picture)))
    assert image.mode == "1"
    assert (~np.asarray(image) == picture.dots).all()
    # PNG stores dots a metre as a whole number: 0.0127 dpi at most is lost
    assert image.info["dpi"] == pytest.approx((picture.dots_per_inch,) * 2, abs=0.02)


def test_group_4_is_what_the_tiff_says() -> None:
    image = Image.open(io.BytesIO(writers.tiff_g4(indicium())))
    assert image.tag_v2[259] == 4  # TIFF 6.0 tag Compression: 4 = ITU-T T.6


def test_bad_pages_are_refused() -> None:
    picture = PICTURES["one dot"]
    with pytest.raises(BadArgument, match="at least one page"):
        writers.pwg([])
    with pytest.raises(BadArgument, match="64 bytes"):
        writers.pwg(picture, media_name="x" * 64)
    with pytest.raises(BadArgument, match=r"rows of 9 dots must be uint8\[height, 2\], got uint8"):
        Raster(picture.rows, 9, 600, {})
    with pytest.raises(BadArgument, match="0 dpi"):
        writers.pwg(Raster(picture.rows, 1, 0, {}))
