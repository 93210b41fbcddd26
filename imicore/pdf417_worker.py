"""The process in which zxing-cpp reads PDF417: no kernel of ours in it, and limits on its means."""

import json
import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from imicore.limited_process import limit_means, limit_time, question, reply

# What zxing-cpp calls a symbol, and what we call its symbology.
NAMES: Final = {
    "PDF417": "pdf417",
    "CompactPDF417": "pdf417",
    "MicroPDF417": "micropdf417",
}
REQUEST: Final = struct.Struct("<IIId")  # height, width, limit, seconds of processor time


def serve(memory_mb: int) -> None:
    """Answer frames until there are no more."""
    import zxingcpp

    # Its stub does not say that a list of formats becomes a set of them.
    formats: Any = [zxingcpp.barcode_format_from_str(name) for name in NAMES]
    limit_means(memory_mb)
    for part, limit, seconds in _requests():
        limit_time(seconds + 1)
        if limit == 1:
            first = zxingcpp.read_barcode(part, formats=formats)
            symbols = [] if first is None else [first]
        else:
            symbols = zxingcpp.read_barcodes(part, formats=formats)[:limit]
        reply(json.dumps([_described(symbol) for symbol in symbols]).encode())


def _requests() -> Iterator[tuple[npt.NDArray[np.uint8], int, float]]:
    while (header := question(REQUEST.size)) is not None:
        height, width, limit, seconds = REQUEST.unpack(header)
        pixels = question(height * width)
        if pixels is None:
            return
        yield np.frombuffer(pixels, np.uint8).reshape(height, width), limit, seconds


def _described(symbol: Any) -> dict[str, object]:
    place = symbol.position
    corners = (place.bottom_left, place.top_left, place.top_right, place.bottom_right)
    return {
        "format": symbol.format.name,
        "payload": bytes(symbol.bytes).hex(),
        "corners": [[corner.x + 0.5, corner.y + 0.5] for corner in corners],
    }
