"""A symbol and its text as 1-bit rows for a print head: the indicium as it stands on the piece."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from imicore import _imaging, fim
from imicore.dots import Box, Raster, Rows
from imicore.errors import BadArgument
from imicore.layout import LEAST_TEXT_WIDTH_IN, Layout, Line, Place, arrange, as_lines
from imicore.marks import Mark, band, void_strokes
from imicore.placement import Placement, on_piece, place

__all__ = ["Box", "Line", "Mark", "Placement", "Raster", "Rasterizer", "on_piece", "place"]

DOTS_PER_INCH = (200, 1200)
MODULE_IN = (0.0133, 0.020)  # what this product prints; the standard leaves it open
QUIET_ZONE_MODULES = (1, 16)  # ISO/IEC 16022:2006 clause 7.1 asks for one
MOST_MODULES = 144  # ISO/IEC 16022:2006 Table 7
TEMPLATES = 32  # kept; a job needs one for each symbol size and mark

Modules = npt.NDArray[np.bool_]


class HasModules(Protocol):
    """A symbol: anything with `modules`, bool[rows, columns], dark = True, no quiet zone."""

    @property
    def modules(self) -> Modules:
        """The modules."""
        ...


class Rasterizer:
    """Draws indicia for one resolution and one module size.

    `module_in` is rounded to whole dots; the result must lie in 0.0133 to 0.020 in.
    `quiet_zone_modules` is 1 to 16. `ink_gain_dots` is by how much ink widens a dark bar, both
    edges together: half is taken off each edge of every dark area, so it is even (edges stay
    symmetric) and at most half a module. `fim` is None or "A" to "E"; D goes with IMI letters.
    `text_width_in` is the width of the text block, 0.3 to 3 in; None takes 0.72, or what the FIM's
    clear zone leaves. Raises BadArgument.

    Instances may be shared between threads.

    >>> r = Rasterizer(600, fim="D")
    >>> r.dots_per_module, round(r.module_in, 4)
    (10, 0.0167)
    """

    def __init__(
        self,
        dots_per_inch: int,
        *,
        module_in: float = 0.0159,
        quiet_zone_modules: int = 4,
        ink_gain_dots: int = 0,
        fim: str | None = None,
        text_width_in: float | None = None,
    ) -> None:
        _check_range("dots_per_inch", dots_per_inch, *DOTS_PER_INCH, whole=True)
        _check_range("quiet_zone_modules", quiet_zone_modules, *QUIET_ZONE_MODULES, whole=True)
        if text_width_in is not None:
            _check_range("text_width_in", text_width_in, LEAST_TEXT_WIDTH_IN, 3.0)
        self.dots_per_inch = dots_per_inch
        self.dots_per_module = dots_per_module(dots_per_inch, module_in)
        self.quiet_zone_modules = quiet_zone_modules
        self.ink_gain_dots = ink_gain_dots
        self.fim = fim
        self.text_width_in = text_width_in
        _check_fim(fim, dots_per_inch)
        _check_gain(ink_gain_dots, self.dots_per_module)
        self._pens: dict[int, _imaging.SymbolPen] = {}
        self._templates: dict[object, _Prepared] = {}

    @property
    def module_in(self) -> float:
        """The side of a module as printed, in inches."""
        return self.dots_per_module / self.dots_per_inch

    def compose(
        self,
        symbol: Modules | HasModules,
        *,
        lines: Sequence[Line | str],
        mark: Mark | None = None,
    ) -> Raster:
        """Return one indicium: lines of text at the left, the symbol at the right.

        `symbol` is bool[rows, columns] (dark = True, no quiet zone) or has such `modules`. Of
        plain strings the first is the banner, the second the amount, the others details. With
        `mark` the picture is plainly no postage. Raises BadArgument when a text does not fit its
        line: it names the text, its width and the limit.

        >>> r = Rasterizer(300).compose(np.eye(36, dtype=bool), lines=["US POSTAGE", "$0.78"])
        >>> r.rows.dtype, r.rows.shape == (r.height, -(-r.width // 8)), r.elements["symbol"].width
        (dtype('uint8'), True, 180)
        """
        modules = _modules(symbol)
        styled = as_lines(lines)
        key = (
            modules.shape,
            tuple((line.style, line.text if line.fixed else None) for line in styled),
            mark,
        )
        prepared = self._templates.get(key)
        if prepared is None:
            prepared = self._prepare(modules, styled, mark)
            if len(self._templates) >= TEMPLATES:
                self._templates.clear()
            self._templates[key] = prepared
        rows = prepared.template.compose(modules, [line.text for line in styled if not line.fixed])
        if prepared.overprint is not None:
            ink, paper = prepared.overprint
            rows = rows & ~paper | ink
        return Raster(rows, prepared.layout.width, self.dots_per_inch, prepared.layout.elements)

    def symbol_rows(self, symbol: Modules | HasModules, dots_per_module: int | None = None) -> Rows:
        """Return the bare symbol, no quiet zone, as uint8[H, ceil(W / 8)], 1 = ink.

        `dots_per_module` is 1 to 64; None takes the rasterizer's own.

        >>> Rasterizer(600).symbol_rows(np.eye(40, dtype=bool), 12).shape
        (480, 60)
        """
        return self._pen(dots_per_module).rows(_modules(symbol))

    def symbol_rows_many(
        self,
        symbols: Sequence[Modules | HasModules],
        dots_per_module: int | None = None,
        *,
        out: Rows | None = None,
    ) -> Rows:
        """Return many bare symbols of one size as uint8[n, H, ceil(W / 8)].

        `out` takes the result where the caller keeps a buffer; every byte of it is written.

        >>> Rasterizer(600).symbol_rows_many([np.eye(40, dtype=bool)] * 3, 12).shape
        (3, 480, 60)
        """
        return self._pen(dots_per_module).rows_many([_modules(symbol) for symbol in symbols], out)

    def _pen(self, dots: int | None = None) -> _imaging.SymbolPen:
        dots = self.dots_per_module if dots is None else dots
        pen = self._pens.get(dots)
        if pen is None:
            pen = _imaging.SymbolPen(dots_per_module=dots, inset=self.ink_gain_dots // 2)
            self._pens[dots] = pen
        return pen

    def _prepare(self, modules: Modules, lines: list[Line], mark: Mark | None) -> "_Prepared":
        shape = (modules.shape[0], modules.shape[1])
        layout = arrange(
            dots_per_inch=self.dots_per_inch,
            dots_per_module=self.dots_per_module,
            quiet_zone_modules=self.quiet_zone_modules,
            symbol_modules=shape,
            styles=[line.style for line in lines],
            text_width_in=self.text_width_in,
            fim_pattern=self.fim,
            mark=mark,
        )
        dots = np.zeros((layout.height, layout.width), bool)
        if self.fim is not None:
            box = layout.elements["fim"]
            for bar in fim.bars(self.fim, self.dots_per_inch):
                dots[box.y : box.bottom, box.x + bar.x : box.x + bar.x + bar.width] = True
        if mark is not None and mark.text:
            box = layout.elements["mark"]
            dots[box.y : box.bottom, box.x : box.right] = band(
                mark.text, box.width, self.dots_per_inch
            )
        rows = np.packbits(dots, axis=1)
        pairs = list(zip(lines, layout.places, strict=True))
        for line, spot in pairs:
            if line.fixed:
                _imaging.draw_text(rows, layout.width, _native(spot), line.text, self.dots_per_inch)
        symbol = layout.elements["symbol"]
        template = _imaging.Template(
            rows=rows,
            width=layout.width,
            dots_per_inch=self.dots_per_inch,
            pen=self._pen(),
            symbol_modules=shape,
            symbol_corner=(symbol.x, symbol.y),
            places=[_native(spot) for line, spot in pairs if not line.fixed],
        )
        overprint = None
        if mark is not None and mark.void:
            overprint = _void_rows(layout, self.dots_per_module)
        return _Prepared(template, layout, overprint)


@dataclass(frozen=True, eq=False)
class _Prepared:
    template: _imaging.Template
    layout: Layout
    overprint: tuple[Rows, Rows] | None  # ink and paper, as wide as the picture


def dots_per_module(dots_per_inch: int, module_in: float) -> int:
    """Return the whole dots nearest `module_in` inches.

    Raises BadArgument when that leaves 0.0133 to 0.020 in, and names the nearest that does not.

    >>> dots_per_module(600, 0.0159), dots_per_module(200, 0.0159)
    (10, 3)
    """
    low, high = MODULE_IN
    dots = round(module_in * dots_per_inch)
    if not low <= dots / dots_per_inch <= high:
        sizes = [n for n in range(1, 65) if low <= n / dots_per_inch <= high]
        near = min(sizes, key=lambda n: abs(n / dots_per_inch - module_in))
        raise BadArgument(
            f"module_in {module_in} is {dots} dots = {dots / dots_per_inch:.4f} in at "
            f"{dots_per_inch} dpi; the limits are {low} and {high} in, the nearest module is "
            f"{near} dots = {near / dots_per_inch:.4f} in"
        )
    return dots


def _check_range(name: str, value: float, low: float, high: float, *, whole: bool = False) -> None:
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise BadArgument(f"{name} is {value!r}; it is a {'whole ' if whole else ''}number")
    if not low <= value <= high:
        raise BadArgument(f"{name} is {value}; the limits are {low} and {high}")


def _check_fim(pattern: str | None, dots_per_inch: int) -> None:
    if pattern is not None:
        fim.bars(pattern, dots_per_inch)


def _check_gain(ink_gain_dots: int, dots: int) -> None:
    _check_range("ink_gain_dots", ink_gain_dots, 0, min(dots // 2, 14), whole=True)
    if ink_gain_dots % 2:
        raise BadArgument(
            f"ink_gain_dots is {ink_gain_dots}; it is even, so that both edges of a bar give up "
            f"the same: {ink_gain_dots - 1} or {ink_gain_dots + 1}"
        )


def _modules(symbol: Modules | HasModules) -> Modules:
    modules = symbol if isinstance(symbol, np.ndarray) else getattr(symbol, "modules", None)
    if not isinstance(modules, np.ndarray) or modules.ndim != 2 or modules.dtype != np.bool_:
        got = f"{modules.dtype}{[*modules.shape]}" if isinstance(modules, np.ndarray) else symbol
        raise BadArgument(f"modules must be bool[rows, columns], got {got!r}")
    if not (1 <= modules.shape[0] <= MOST_MODULES and 1 <= modules.shape[1] <= MOST_MODULES):
        raise BadArgument(
            f"modules are {modules.shape[0]}x{modules.shape[1]}; "
            f"a symbol has 1 to {MOST_MODULES} rows and columns"
        )
    return cast(Modules, modules)


def _native(spot: Place) -> tuple[_imaging.GlyphSheet, int, int, int]:
    return spot.sheet.native, spot.x, spot.baseline, spot.width


def _void_rows(layout: Layout, dots_per_module: int) -> tuple[Rows, Rows]:
    box = layout.elements["symbol"]
    pictures = []
    rows, columns = box.height // dots_per_module, box.width // dots_per_module
    for strokes in void_strokes(rows, columns, dots_per_module):
        whole = np.zeros((layout.height, layout.width), bool)
        whole[box.y : box.bottom, box.x : box.right] = strokes
        pictures.append(np.packbits(whole, axis=1))
    return pictures[0], pictures[1]
