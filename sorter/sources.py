"""Where pieces come from when no camera is at hand: folders of pictures, TIFF streams, payloads.

Every file, page and line is a piece and gets a verdict: what cannot be read goes into the lane as
the finding that says why.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from imicore.errors import BadImage
from imicore.safe_frames import PictureDecoder
from postage.factrows import facts_as_row, facts_from_row
from postage.facts import PieceFacts
from postage.verdicts import Finding, Reason
from sorter import scanlines
from sorter.errors import SourceError
from sorter.lane import Piece
from sorter.tiffpages import tiff_pages
from sorter.verifier import Given

SUFFIXES: Final = frozenset({".png", ".tif", ".tiff", ".jpg", ".jpeg", ".pgm", ".webp"})
MAX_LINE: Final = 64 << 10

Facts = Callable[[str], PieceFacts]
"""The facts of the piece in a picture, by the picture's name."""


def read_picture(path: Path, decoder: PictureDecoder) -> Given:
    """Return the frame in a picture file, or why there is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return _unreadable(f"{path.name}: {error.strerror}")
    return _decoded(data, path.name, decoder)


def folder(path: Path, facts: Facts, decoder: PictureDecoder) -> Iterator[Piece]:
    """Yield the pictures of a folder, by name; the name without its folder is handed to ``facts``.

    Raises:
        SourceError: no folder, or no picture in it.
    """
    if not path.is_dir():
        raise SourceError(f"{path} is no folder")
    names = sorted(one.name for one in path.iterdir() if one.suffix.lower() in SUFFIXES)
    if not names:
        raise SourceError(f"{path} has no picture ({', '.join(sorted(SUFFIXES))})")
    for name in names:
        yield read_picture(path / name, decoder), facts(name)


def tiff_stream(path: Path, facts: Facts, decoder: PictureDecoder) -> Iterator[Piece]:
    """Yield the pages of a TIFF file; page 7 of lane.tif is named ``lane.tif#7``.

    Raises:
        SourceError, OSError: as ``tiff_pages``.
    """
    for number, page in enumerate(tiff_pages(path), start=1):
        name = f"{path.name}#{number}"
        given = _unreadable(page) if isinstance(page, str) else _decoded(page, name, decoder)
        yield given, facts(name)


def payload_file(path: Path, otherwise: PieceFacts) -> Iterator[Piece]:
    """Yield the pieces of a file of JSON lines: what was read off each, and the facts.

    ``payload`` or ``payloads`` is one payload in hex or a list, as in an archive's shard. The facts
    are named as in ``postage.factrows``; what a line does not say is as in ``otherwise``. A line
    that cannot be used is a piece with ``otherwise``'s facts.

    Raises:
        OSError: the file cannot be read.
    """
    plain = facts_as_row(otherwise)
    for number, line in enumerate(scanlines.lines(path, MAX_LINE), start=1):
        try:
            yield _from_line(line, plain)
        except ValueError as error:
            yield Finding(Reason.BAD_FACTS, f"line {number}: {error}"), otherwise


def _from_line(line: bytes | None, plain: dict[str, int | str | bool]) -> Piece:
    row = scanlines.row_of(line, MAX_LINE)
    payloads = scanlines.take_payloads(row)
    return payloads, facts_from_row(plain | row)


def _decoded(data: bytes, name: str, decoder: PictureDecoder) -> Given:
    try:
        return decoder.decode(data, name=name)
    except BadImage as error:
        return _unreadable(str(error))


def _unreadable(text: str) -> Finding:
    return Finding(Reason.BAD_FRAME, text)
