"""Picture files to grey frames: the only module that imports cv2.

The size of a picture is read from its header before a pixel is decoded: a file of 280 kB can
announce 1.6 gigapixels.
"""

import struct
from os import PathLike
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from imicore.errors import BadImage

MAX_FRAME_PIXELS = 12_000_000
MAX_FILE_BYTES = 16 << 20
FORMATS = ("PNG", "TIFF", "JPEG", "PGM", "WEBP")

Grey = npt.NDArray[np.uint8]


def load(path: str | PathLike[str], *, colour: bool = False) -> Grey:
    """Return the picture in a file as uint8[H, W], 0 = black.

    Colour becomes luma, or with `colour` uint8[H, W, 3] in the order red, green, blue. EXIF turns
    are not applied, so that corners are those of the stored pixels.

    Raises:
        BadImage: the file is larger than 16 MiB, not one of FORMATS, damaged, or announces more
            than 12,000,000 pixels.
        OSError: the file cannot be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    return decode(data, name=str(path), colour=colour)


def decode(data: bytes, *, name: str = "the picture", colour: bool = False) -> Grey:
    """Return the picture in the bytes of a file, as `load` does; `name` is for the errors.

    >>> decode(b"P5 2 1 255 " + bytes([0, 255])).tolist()
    [[0, 255]]
    """
    if len(data) > MAX_FILE_BYTES:
        raise BadImage(f"{name} is larger than {MAX_FILE_BYTES} bytes, the limit for a picture")
    width, height = announced_size(data, name=name)
    if width < 1 or height < 1:
        raise BadImage(f"{name} announces {width}x{height} pixels")
    if width * height > MAX_FRAME_PIXELS:
        raise BadImage(
            f"{name} announces {width}x{height} = {width * height} pixels; "
            f"the limit is {MAX_FRAME_PIXELS}"
        )
    depth = cv2.IMREAD_ANYCOLOR if colour else cv2.IMREAD_GRAYSCALE
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), depth | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise BadImage(f"{name} cannot be decoded: {error.err}") from error
    if frame is None:
        raise BadImage(f"{name} is damaged or of a kind that is not decoded")
    if frame.shape[:2] != (height, width) or frame.dtype != np.uint8:
        raise BadImage(f"{name} announces {width}x{height} pixels but decodes to {frame.shape}")
    return np.ascontiguousarray(frame if frame.ndim == 2 else frame[:, :, ::-1])


def save(path: str | PathLike[str], frame: Grey) -> None:
    """Write a frame, uint8[H, W], as a PNG file.

    Raises:
        BadImage: not uint8[H, W].
        OSError: the file cannot be written.
    """
    if frame.dtype != np.uint8 or frame.ndim != 2:
        raise BadImage(f"a frame is uint8[H, W], not {frame.dtype}{list(frame.shape)}")
    encoded = cv2.imencode(".png", frame)[1]
    Path(path).write_bytes(encoded.tobytes())


def announced_size(data: bytes, *, name: str = "the picture") -> tuple[int, int]:
    """Return (width, height) as the header states them; nothing is decoded.

    Raises:
        BadImage: not one of FORMATS, or the header is cut short.

    >>> announced_size(b"P5 640 480 255 ")
    (640, 480)
    """
    try:
        for magic, read in _HEADERS:
            if data.startswith(magic):
                return read(data)
    except (struct.error, IndexError, ValueError) as error:
        raise BadImage(f"{name} has a damaged header: {error}") from error
    raise BadImage(f"{name} is none of {', '.join(FORMATS)}: it starts with {data[:8]!r}")


def use_one_thread() -> None:
    """Decode in the thread that asks, without the pool of threads that OpenCV starts."""
    cv2.setNumThreads(1)


def _png(data: bytes) -> tuple[int, int]:
    if data[12:16] != b"IHDR":
        raise ValueError("PNG without IHDR")
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg(data: bytes) -> tuple[int, int]:
    at = 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        marker, length = struct.unpack_from(">xBH", data, at)
        if data[at] != 0xFF:
            raise ValueError("JPEG segments out of step")
        # SOF0 to SOF15; C4, C8 and CC are tables and an extension.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        if length < 2:
            raise ValueError("JPEG segment without a length")
        at += 2 + length


def _tiff(data: bytes) -> tuple[int, int]:
    order = "<" if data[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", data, 4)
    (count,) = struct.unpack_from(order + "H", data, first)
    found = {}
    for i in range(count):
        tag, kind, number = struct.unpack_from(order + "HHI", data, first + 2 + 12 * i)
        if tag in (256, 257) and number == 1 and kind in (3, 4):
            form = order + ("H" if kind == 3 else "I")
            (found[tag],) = struct.unpack_from(form, data, first + 10 + 12 * i)
    if len(found) != 2:
        raise ValueError("TIFF without a size")
    return found[256], found[257]


def _pgm(data: bytes) -> tuple[int, int]:
    fields: list[int] = []
    at = 2
    head = data[: 1 << 12]
    while len(fields) < 2:
        if head[at : at + 1] == b"#":
            at = head.index(b"\n", at) + 1
        elif head[at : at + 1].isspace():
            at += 1
        else:
            end = at
            while head[end : end + 1].isdigit():
                end += 1
            if not 0 < end - at <= 9:
                raise ValueError("PGM without a size")
            fields.append(int(head[at:end]))
            at = end
    return fields[0], fields[1]


def _webp(data: bytes) -> tuple[int, int]:
    if data[8:12] != b"WEBP":
        raise ValueError("RIFF, but not WEBP")
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return (
            int.from_bytes(data[24:27], "little") + 1,
            int.from_bytes(data[27:30], "little") + 1,
        )
    raise ValueError(f"WEBP of kind {kind!r}")


_HEADERS = (
    (b"\x89PNG\r\n\x1a\n", _png),
    (b"\xff\xd8\xff", _jpeg),
    (b"II*\0", _tiff),
    (b"MM\0*", _tiff),
    (b"P5", _pgm),
    (b"RIFF", _webp),
)
