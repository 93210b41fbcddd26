"""The process in which zxing-cpp reads PDF417: no kernel of ours in it, and limits on its means."""

import json
import math
import struct
import sys
from collections.abc import Iterator
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

# What zxing-cpp calls a symbol, and what we call its symbology.
NAMES: Final = {
    "PDF417": "pdf417",
    "CompactPDF417": "pdf417",
    "MicroPDF417": "micropdf417",
}
REQUEST: Final = struct.Struct("<IIId")  # height, width, limit, seconds of processor time
REPLY: Final = struct.Struct("<I")  # length of the JSON that follows


def serve(memory_mb: int) -> None:
    """Answer frames from standard input until it ends."""
    import resource

    import zxingcpp

    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    for none in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(none, (0, 0))
    # Its stub does not say that a list of formats becomes a set of them.
    formats: Any = [zxingcpp.barcode_format_from_str(name) for name in NAMES]
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    _reply(sink, ["ready"])
    for part, limit, seconds in _requests(source):
        used = resource.getrusage(resource.RUSAGE_SELF)
        ends = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (ends, resource.RLIM_INFINITY))
        if limit == 1:
            first = zxingcpp.read_barcode(part, formats=formats)
            symbols = [] if first is None else [first]
        else:
            symbols = zxingcpp.read_barcodes(part, formats=formats)[:limit]
        _reply(sink, [_described(symbol) for symbol in symbols])


def _requests(source: IO[bytes]) -> Iterator[tuple[npt.NDArray[np.uint8], int, float]]:
    while len(header := source.read(REQUEST.size)) == REQUEST.size:
        height, width, limit, seconds = REQUEST.unpack(header)
        pixels = source.read(height * width)
        if len(pixels) < height * width:
            return
        yield np.frombuffer(pixels, np.uint8).reshape(height, width), limit, seconds


def _reply(sink: IO[bytes], answer: list[Any]) -> None:
    data = json.dumps(answer).encode()
    sink.write(REPLY.pack(len(data)) + data)
    sink.flush()


def _described(symbol: Any) -> dict[str, object]:
    place = symbol.position
    corners = (place.bottom_left, place.top_left, place.top_right, place.bottom_right)
    return {
        "format": symbol.format.name,
        "payload": bytes(symbol.bytes).hex(),
        "corners": [[corner.x + 0.5, corner.y + 0.5] for corner in corners],
    }
