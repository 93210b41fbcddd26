"""PDF volumes in memory, and the texts that stand in them."""

import io
import re
import zlib
from typing import BinaryIO


class _Volume(io.BytesIO):
    """A file in memory that keeps its bytes when it is closed."""

    kept = b""

    def close(self) -> None:
        self.kept = self.kept or self.getvalue()
        super().close()


class Shelf:
    """Hands out volumes 1, 2, ... and keeps them."""

    def __init__(self) -> None:
        self.volumes: list[_Volume] = []

    def __call__(self, number: int) -> BinaryIO:
        assert number == len(self.volumes) + 1
        self.volumes.append(_Volume())
        return self.volumes[-1]

    @property
    def files(self) -> list[bytes]:
        """Return the bytes of each volume, every one of them closed."""
        assert all(volume.closed for volume in self.volumes)
        return [volume.kept for volume in self.volumes]


def streams(pdf: bytes) -> list[bytes]:
    """Return the content streams, inflated: pages and forms, in the file's order."""
    found = []
    for raw in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(raw))
        except zlib.error:
            continue
    return found


def texts(stream: bytes) -> list[str]:
    """Return the texts of a content stream that standard fonts write."""
    return [
        re.sub(rb"\\([0-7]{3}|.)", _unescaped, raw).decode("cp1252")
        for raw in re.findall(rb"\(((?:[^\\)]|\\.)*)\) Tj", stream, re.DOTALL)
    ]


def pages_of(pdf: bytes, title: str) -> list[list[str]]:
    """Return the texts of each page, known by its title."""
    return [said for said in map(texts, streams(pdf)) if title in said]


def _unescaped(found: re.Match[bytes]) -> bytes:
    escaped = found[1]
    return bytes([int(escaped, 8)]) if escaped.isdigit() else escaped
