"""Evidenced -> what the head gets: symbol, text, marks, and the place on the piece."""

from datetime import date
from functools import lru_cache

from imicore.datamatrix import Symbol, encode
from imicore.raster import Line, Mark, Placement, Raster, Rasterizer, place
from postage.devices import Mode
from postage.indicium import Indicium, PayloadType, unpack
from postage.layouts import OUR_VENDOR
from postage.money import Money
from postage.shapes import Shape

# The least that DMM 604 allows; the FIM hangs at a fixed distance from it.
EDGE_IN = 0.25


class Composer:
    """Draws indicia for one machine: the same template, new data for each piece.

    `mode` is that of the device's record: whatever is not production prints SPECIMEN.
    """

    def __init__(
        self, *, dots_per_inch: int, ink_gain_dots: int, fim: bool, licensing_zip: str, mode: Mode
    ) -> None:
        self._plain = Rasterizer(dots_per_inch, ink_gain_dots=ink_gain_dots)
        self._facing = (
            Rasterizer(dots_per_inch, ink_gain_dots=ink_gain_dots, fim="D") if fim else self._plain
        )
        self._is_postage = mode is Mode.PRODUCTION
        self._postage = Line("US POSTAGE", "banner", fixed=True)
        self._class = Line("FIRST-CLASS MAIL", fixed=True)
        self._zip = Line(f"ZIP {licensing_zip}", fixed=True)

    def compose(self, payload: bytes, *, profile: str, shape: Shape) -> tuple[Symbol, Raster]:
        """Return the symbol of a payload and the whole imprint.

        What is printed beside the symbol is read from the payload itself, so that text and symbol
        cannot disagree, and no caller can leave out the SPECIMEN of a software device.
        """
        indicium = unpack(payload, profile=profile)
        symbol = encode(payload, encodation="base256")
        # Facing equipment looks for a FIM on letters and cards only (domain trap 27).
        facing = shape in (Shape.LETTER, Shape.CARD)
        rasterizer = self._facing if facing else self._plain
        raster = rasterizer.compose(symbol, lines=self._lines(indicium), mark=self._mark(indicium))
        return symbol, raster

    def _lines(self, indicium: Indicium) -> list[Line]:
        return [
            self._postage,
            Line(amount_text(indicium), "amount"),
            self._class,
            _date_line(indicium.mailing_date),
            self._zip,
            _device_line(indicium.vendor_model, indicium.device_serial),
        ]

    def _mark(self, indicium: Indicium) -> Mark | None:
        """SPECIMEN unless the device's record says production; the id of ours never does."""
        is_postage = self._is_postage and indicium.vendor_model != OUR_VENDOR
        is_test = indicium.payload_type is PayloadType.TEST
        if is_postage and not is_test:
            return None
        return Mark("" if is_postage else "SPECIMEN", void=is_test)


def position(raster: Raster, length_in: float, height_in: float) -> Placement:
    """Return where the imprint goes on a piece; PlacementError where it does not fit."""
    return place(raster, piece_length_in=length_in, piece_height_in=height_in, edge_in=EDGE_IN)


def amount_text(indicium: Indicium) -> str:
    """Return the amount as printed: a test imprint shows $00.00 (domain.md 9a, 12)."""
    if indicium.payload_type is PayloadType.TEST:
        return "$00.00"
    assert isinstance(indicium.postage, Money)
    return str(indicium.postage)


def date_text(mailing_date: date | None) -> str:
    """Return the date as printed, nothing on undated reply mail.

    >>> date_text(date(2026, 7, 13))
    'JUL 13 2026'
    """
    return "" if mailing_date is None else mailing_date.strftime("%b %d %Y").upper()


# The same for every piece of a day and a device; a machine sees few of either.
@lru_cache(maxsize=64)
def _date_line(mailing_date: date | None) -> Line:
    return Line(date_text(mailing_date), fixed=True)


@lru_cache(maxsize=64)
def _device_line(vendor_model: str, serial: int) -> Line:
    return Line(f"{vendor_model} {serial:07d}", fixed=True)
