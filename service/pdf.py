"""Tables and forms as PDF, a page at a time. The only user of reportlab.

reportlab keeps every page until the file is saved, about 10 KB each. A long table therefore becomes
volumes of at most `PAGES_A_VOLUME` pages, so that a million rows need no more memory than one.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final

from reportlab import rl_config
from reportlab.lib.pagesizes import letter
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from service.sheets import Column, Facts, Heading
from service.wrapping import is_western, wrapped

PAGES_A_VOLUME: Final = 1000
rl_config.useA85 = 0  # pages as bytes: a fifth smaller, and a pure Python encoder less
_WIDTH, _HEIGHT = letter
_MARGIN: Final = 40.0
_BOTTOM: Final = 54.0
_SIZE, _LEADING = 8.0, 11.0
_PAD: Final = 4.0
_DESCENT: Final = 3.0
_WIDEST: Final = 1.02 * _SIZE  # no ASCII character of Helvetica is wider (the @ sign, 1.015)
_PLAIN, _BOLD, _FALLBACK = "Helvetica", "Helvetica-Bold", "fallback"
_INK, _GREY, _RULE = (0.1, 0.1, 0.12), (0.4, 0.4, 0.43), (0.7, 0.7, 0.72)
_STAMP, _WATERMARK = (0.72, 0.12, 0.1), (0.925, 0.9, 0.9)
_PAGES = "pages"  # the form that says how many pages there are, once that is known
_OF_PAGES: Final = _WIDTH / 2  # where that form is put: its width is not known before
_LABEL_SHARE: Final = 0.3  # of the width, for the label of a fact


def write_table(
    open_volume: Callable[[int], BinaryIO],
    heading: Heading,
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    facts: Facts = (),
    closing: Callable[[], Facts] = tuple,
    notes: Sequence[str] = (),
    fallback: Path | None = None,
    pages_a_volume: int = PAGES_A_VOLUME,
) -> list[int]:
    """Return the pages of each volume written: facts, then the table, then the closing and notes.

    `open_volume` gives the file for volume 1, 2, ...; it is closed here. `closing` is asked when
    the rows have ended. `fallback` is a TrueType font for cells that Windows-1252 cannot write.
    The same arguments make the same bytes.

    >>> from io import BytesIO
    >>> kept = []
    >>> def volume(number: int) -> BinaryIO:
    ...     kept.append(BytesIO())
    ...     kept[-1].close = lambda: None
    ...     return kept[-1]
    >>> columns = [Column("Piece", 1, right=True), Column("Kind", 3)]
    >>> write_table(volume, Heading("Tape", ("TST0-00000007",), "p1"), columns, [["1", "postage"]])
    [1]
    >>> kept[0].getvalue()[:5]
    b'%PDF-'
    """
    book = _Book(open_volume, heading, columns, _fallback(fallback), pages_a_volume)
    book.facts(facts)
    book.table(rows)
    book.facts(closing())
    book.notes(notes)
    return book.close()


class _Book:
    """The pages being written: where the next line goes, which page and volume this is."""

    def __init__(
        self,
        open_volume: Callable[[int], BinaryIO],
        heading: Heading,
        columns: Sequence[Column],
        fallback: str | None,
        pages_a_volume: int,
    ) -> None:
        self._open, self._heading, self._columns = open_volume, heading, columns
        self._fallback, self._most = fallback, pages_a_volume
        self._pages: list[int] = []
        total = sum(column.share for column in columns)
        inner = _WIDTH - 2 * _MARGIN
        edges = [_MARGIN]
        for column in columns:
            edges.append(edges[-1] + inner * column.share / total)
        self._edges = edges
        self._has_table = False
        self._begin_volume()

    def facts(self, facts: Facts) -> None:
        """Write labels and values, each value wrapped beside its label."""
        at = _MARGIN + _LABEL_SHARE * (_WIDTH - 2 * _MARGIN)
        for label, value in facts:
            lines = self._wrap(value, _WIDTH - _MARGIN - at)
            self._room(len(lines) * _LEADING)
            self._write(_MARGIN + _PAD, self._y, label, _GREY)
            for line in lines:
                self._write(at, self._y, line, _INK)
                self._y -= _LEADING
        self._y -= _LEADING if facts else 0

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Write the rows under the columns' titles, which every page repeats."""
        self._has_table = True
        if not self._room(3 * _LEADING):
            self._titles()
            self._top = self._y
        is_odd = False
        for row in rows:
            cells = [
                self._wrap(cell, right - left - 2 * _PAD)
                for cell, (left, right) in zip(row, pairwise(self._edges), strict=True)
            ]
            height = max(map(len, cells)) * _LEADING
            is_odd = not self._room(height) and not is_odd
            if is_odd:
                self._band(height)
            for index, lines in enumerate(cells):
                for number, line in enumerate(lines):
                    self._cell(index, self._y - number * _LEADING, line)
            self._y -= height
        self._has_table = False
        self._line(self._y + _LEADING - _DESCENT)
        self._y -= _LEADING

    def notes(self, notes: Sequence[str]) -> None:
        """Write paragraphs over the whole width."""
        for note in notes:
            lines = self._wrap(note, _WIDTH - 2 * _MARGIN)
            self._room(len(lines) * _LEADING)
            for line in lines:
                self._write(_MARGIN, self._y, line, _INK)
                self._y -= _LEADING
            self._y -= _LEADING / 2

    def close(self) -> list[int]:
        """Finish the last volume and return the pages of each."""
        self._end_volume(more=False)
        return self._pages

    def _begin_volume(self) -> None:
        self._file = self._open(len(self._pages) + 1)
        self._canvas: Any = Canvas(self._file, pagesize=letter, invariant=1, pageCompression=1)
        self._canvas.setTitle(self._heading.title)
        self._canvas.setSubject(" ".join(self._heading.lines))
        self._pages.append(0)
        self._begin_page()

    def _end_volume(self, *, more: bool) -> None:
        self._end_page()
        canvas = self._canvas
        canvas.beginForm(_PAGES, 0, 0, 72, 12)
        canvas.setFont(_PLAIN, _SIZE)
        canvas.setFillColorRGB(*_GREY)
        volume = f", volume {len(self._pages)}" if more or len(self._pages) > 1 else ""
        canvas.drawString(0, 3, f"of {self._pages[-1]}{volume}")
        canvas.endForm()
        canvas.save()
        self._file.close()

    def _end_page(self) -> None:
        self._canvas.drawText(self._text)  # over the bands, which are on the canvas already
        self._canvas.showPage()

    def _begin_page(self) -> None:
        self._pages[-1] += 1
        self._text: Any = self._canvas.beginText()
        self._pen: tuple[str, tuple[float, ...]] = ("", ())
        canvas, heading = self._canvas, self._heading
        if heading.stamp:
            canvas.saveState()
            canvas.setFillColorRGB(*_WATERMARK)
            canvas.setFont(_BOLD, 96)
            canvas.translate(_WIDTH / 2, _HEIGHT / 2)
            canvas.rotate(50)
            canvas.drawCentredString(0, -32, heading.stamp)
            canvas.restoreState()
            canvas.setFillColorRGB(*_STAMP)
            canvas.setFont(_BOLD, 13)
            canvas.drawRightString(_WIDTH - _MARGIN, _HEIGHT - 52, heading.stamp)
        canvas.setFillColorRGB(*_INK)
        canvas.setFont(_BOLD, 15)
        canvas.drawString(_MARGIN, _HEIGHT - 52, heading.title)
        y = _HEIGHT - 68
        for line in heading.lines:
            self._write(_MARGIN, y, line, _GREY)
            y -= _LEADING
        self._foot()
        self._y = y - 12
        if self._has_table:
            self._titles()
        self._top = self._y

    def _foot(self) -> None:
        canvas = self._canvas
        self._line(_BOTTOM - 12)
        self._write(_MARGIN, _BOTTOM - 24, self._heading.footer, _GREY)
        page = f"Page {self._pages[-1]} "
        self._write(_OF_PAGES - _width_of(page, _PLAIN), _BOTTOM - 24, page, _GREY)
        canvas.saveState()
        canvas.translate(_OF_PAGES, _BOTTOM - 27)
        canvas.doForm(_PAGES)
        canvas.restoreState()

    def _titles(self) -> None:
        self._canvas.setFont(_BOLD, _SIZE)
        self._canvas.setFillColorRGB(*_INK)
        for index, column in enumerate(self._columns):
            if column.right:
                self._canvas.drawRightString(self._edges[index + 1] - _PAD, self._y, column.title)
            else:
                self._canvas.drawString(self._edges[index] + _PAD, self._y, column.title)
        self._line(self._y - 4)
        self._y -= _LEADING + 4

    def _band(self, height: float) -> None:
        canvas = self._canvas
        canvas.saveState()
        canvas.setFillColorRGB(0, 0, 0)
        canvas.setFillAlpha(0.045)  # the stamp behind it stays whole
        bottom = self._y - height + _LEADING - _DESCENT
        canvas.rect(_MARGIN, bottom, _WIDTH - 2 * _MARGIN, height, stroke=0, fill=1)
        canvas.restoreState()

    def _room(self, height: float) -> bool:
        """Begin a page where the rest of this one is lower than `height`; return whether it did."""
        # What is higher than a page runs over its end rather than asking for pages for ever.
        if self._y - height >= _BOTTOM - _LEADING or self._y >= self._top:
            return False
        if self._pages[-1] >= self._most:
            self._end_volume(more=True)
            self._begin_volume()
        else:
            self._end_page()
            self._begin_page()
        return True

    def _cell(self, index: int, y: float, text: str) -> None:
        if not self._columns[index].right:
            self._write(self._edges[index] + _PAD, y, text, _INK)
            return
        at = self._edges[index + 1] - _PAD - _width_of(text, self._font_for(text))
        self._write(at, y, text, _INK)

    def _write(self, x: float, y: float, text: str, ink: tuple[float, ...]) -> None:
        # One text object a page, and colour and font only where they change: a third of the time.
        font, out = self._font_for(text), self._text
        if (font, ink) != self._pen:
            out.setFont(font, _SIZE)
            out.setFillColorRGB(*ink)
            self._pen = font, ink
        out.setTextOrigin(x, y)
        out.textOut(text)

    def _wrap(self, text: str, width: float) -> tuple[str, ...]:
        return _wrapped(text, width, self._font_for(text))

    def _font_for(self, text: str) -> str:
        return self._fallback if self._fallback and not is_western(text) else _PLAIN

    def _line(self, y: float) -> None:
        self._canvas.setStrokeColorRGB(*_RULE)
        self._canvas.setLineWidth(0.6)
        self._canvas.line(_MARGIN, y, _WIDTH - _MARGIN, y)


def _fallback(path: Path | None) -> str | None:
    if path is None:
        return None
    if _FALLBACK not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(_FALLBACK, str(path)))
    return _FALLBACK


def _width_of(text: str, font: str) -> float:
    if text.isascii():
        return sum(map(_ascii_widths(font).__getitem__, text.encode("ascii")))
    width: float = pdfmetrics.stringWidth(text, font, _SIZE)
    return width


@lru_cache
def _ascii_widths(font: str) -> tuple[float, ...]:
    return tuple(pdfmetrics.stringWidth(chr(code), font, _SIZE) for code in range(128))


@lru_cache(maxsize=4096)
def _wrapped(text: str, width: float, font: str) -> tuple[str, ...]:
    """Return lines no wider than `width`; a word that is wider is cut. Never empty."""
    if len(text) * _WIDEST <= width and text.isascii() and text.isprintable():
        return (text,)
    return wrapped(text, width, partial(_width_of, font=font))
