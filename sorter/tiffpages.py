"""A TIFF file of many pages to one small TIFF file for each: no pixel is decoded here.

Archives keep a lane's pictures as one stream of pages. Each page is copied out with its own tags
and strips, so that memory is bounded by a page and a damaged page costs only itself. TIFF 6.0,
classic (32-bit offsets).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from sorter.errors import SourceError

MAX_PAGES: Final = 1_000_000
MAX_ENTRIES: Final = 256
MAX_STRIPS: Final = 1 << 16
MAX_PAGE_BYTES: Final = 16 << 20
_TYPE_BYTES: Final = (0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8)  # TIFF 6.0 section 2, types 1 to 12
# The tags that say where pixels lie, with those that say how many bytes: strips, tiles.
_PLACES: Final = {273: 279, 324: 325}
_SHORT, _LONG = 3, 4
# Directories elsewhere in the file: sub-images, EXIF, GPS. A page does without them.
_ELSEWHERE: Final = frozenset({330, 34665, 34853})


@dataclass(frozen=True, slots=True)
class _Entry:
    tag: int
    kind: int
    count: int
    value: bytes


def tiff_pages(path: Path) -> Iterator[bytes | str]:
    """Yield each page as a TIFF file of its own, or the words that say why it is none.

    Raises:
        SourceError: no TIFF file, or a chain of pages that is broken or never ends.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        order = {b"II*\0": "<", b"MM\0*": ">"}.get(file.read(4))
        if order is None:
            raise SourceError(f"{path} is no TIFF file")
        (at,) = _numbers(file, 4, order, "I", path)
        seen: set[int] = set()
        while at:
            if at in seen or len(seen) == MAX_PAGES:
                raise SourceError(f"{path}: the chain of pages turns back at page {len(seen) + 1}")
            seen.add(at)
            (count,) = _numbers(file, at, order, "H", path)
            try:
                yield _page(file, at + 2, count, order)
            except ValueError as error:
                yield f"page {len(seen)} of {path.name}: {error}"
            (at,) = _numbers(file, at + 2 + 12 * count, order, "I", path)


def _numbers(file: BinaryIO, at: int, order: str, form: str, path: Path) -> tuple[int, ...]:
    file.seek(at)
    data = file.read(struct.calcsize(order + form))
    try:
        return struct.unpack(order + form, data)
    except struct.error:
        raise SourceError(f"{path} ends in the chain of its pages, at byte {at}") from None


def _page(file: BinaryIO, at: int, count: int, order: str) -> bytes:
    """Return one page as a file: header, directory, values that do not fit in it, pixels."""
    if not 0 < count <= MAX_ENTRIES:
        raise ValueError(f"{count} tags; a page has 1 to {MAX_ENTRIES}")
    entries = {one.tag: one for one in _entries(file, at, count, order)}
    values_at = 8 + 2 + 12 * len(entries) + 4
    pixels = bytearray()
    pixels_at = values_at + sum(-(-len(one.value) // 2) * 2 for one in entries.values())
    for places, lengths in _PLACES.items():
        if places in entries:
            starts: list[int] = []
            for start, length in _strips(entries, places, lengths, order):
                starts.append(pixels_at + len(pixels))
                pixels += _at(file, start, length, MAX_PAGE_BYTES - len(pixels))
            value = struct.pack(f"{order}{len(starts)}I", *starts)
            entries[places] = _Entry(places, _LONG, len(starts), value)
    return _laid_out(list(entries.values()), order, values_at, pixels_at, bytes(pixels))


def _laid_out(
    entries: list[_Entry], order: str, values_at: int, pixels_at: int, pixels: bytes
) -> bytes:
    head = bytearray((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8))
    head += struct.pack(order + "H", len(entries))
    values = bytearray()
    for one in sorted(entries, key=lambda one: one.tag):
        head += struct.pack(order + "HHI", one.tag, one.kind, one.count)
        if len(one.value) <= 4:
            head += one.value.ljust(4, b"\0")
        else:
            head += struct.pack(order + "I", values_at + len(values))
            values += one.value + bytes(len(one.value) % 2)
    head += bytes(4)  # no next page
    return bytes(head + values).ljust(pixels_at, b"\0") + pixels


def _entries(file: BinaryIO, at: int, count: int, order: str) -> Iterator[_Entry]:
    directory = _at(file, at, 12 * count, 12 * MAX_ENTRIES)
    left = MAX_PAGE_BYTES
    for tag, kind, number, place in struct.iter_unpack(order + "HHI4s", directory):
        if tag in _ELSEWHERE or not 0 < kind < len(_TYPE_BYTES):
            continue  # readers pass over types that they do not know (TIFF 6.0 section 2)
        length = number * _TYPE_BYTES[kind]
        if length <= 4:
            yield _Entry(tag, kind, number, place[:length])
        else:
            (where,) = struct.unpack(order + "I", place)
            yield _Entry(tag, kind, number, _at(file, where, length, left))
            left -= length


def _strips(
    entries: dict[int, _Entry], places: int, lengths: int, order: str
) -> list[tuple[int, int]]:
    starts = _values(entries.get(places), order)
    counts = _values(entries.get(lengths), order)
    if len(starts) != len(counts):
        raise ValueError(f"{len(starts)} strips with {len(counts)} lengths")
    return list(zip(starts, counts, strict=True))


def _values(entry: _Entry | None, order: str) -> tuple[int, ...]:
    if entry is None or entry.kind not in (_SHORT, _LONG) or entry.count > MAX_STRIPS:
        raise ValueError(f"no strips, strips that are no numbers, or more than {MAX_STRIPS}")
    form = "H" if entry.kind == _SHORT else "I"
    return struct.unpack(f"{order}{entry.count}{form}", entry.value)


def _at(file: BinaryIO, at: int, length: int, most: int) -> bytes:
    if length > most:
        raise ValueError(f"more than {MAX_PAGE_BYTES} bytes, the limit for a page")
    file.seek(at)
    data = file.read(length)
    if len(data) < length:
        raise ValueError(f"{length} bytes at {at} reach beyond the end of the file")
    return data
