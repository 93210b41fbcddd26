"""What the meaning of bytes costs a piece: indicium, rate, registers, Intelligent Mail barcode.

No open peer reads an indicium or rates a piece, so those are timed alone, against the 90 ms of a
piece at 40,000 an hour; the barcode has zint, in C.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any

from bench.compare import Comparison, Contender, compare
from imicore import imb
from postage.indicium import pack, unpack
from postage.mailpiece import Mailpiece
from postage.money import Money
from postage.rates import MailClass, Quote, RateBook

TRACKING, ROUTING = "01234567094987654321", "01234567891"
DAY = date(2026, 7, 12)
LETTER = Mailpiece.inches(9, 4, "0.02", ounces="1.01")
FIELDS: dict[str, Any] = {
    "vendor_model": "TST0",
    "device_serial": 7,
    "ascending": Money(2340),
    "postage": Money(1070),
    "mailing_date": DAY,
    "weight_tenths_oz": 11,
    "rate_category": 111,
    "piece_count": 3,
}


def comparisons() -> Iterator[Comparison]:
    """Yield the barcode against zint; ours is Python by choice and has no goal to meet."""
    import zint

    def peer() -> object:
        symbol = zint.Symbol()
        symbol.symbology = zint.Symbology.USPS_IMAIL
        symbol.encode(f"{TRACKING}-{ROUTING}")
        return symbol

    from tests.vectors.make_imb import zint_bars

    assert zint_bars(TRACKING, ROUTING) == imb.encode(TRACKING, ROUTING)
    ours = Contender("imicore", lambda: imb.encode(TRACKING, ROUTING))
    yield compare("intelligent mail barcode", ours, [Contender("zint", peer)])


def test_unpack_standard_profile(benchmark: Any) -> None:
    payload = pack("imi-std/p1", FIELDS) + bytes(64)
    indicium = benchmark(unpack, payload)
    assert indicium.postage == Money(1070)


def test_pack_standard_profile(benchmark: Any) -> None:
    assert benchmark(pack, "imi-std/p1", FIELDS)[14:17] == (1070).to_bytes(3, "little")


def test_quote_a_letter(benchmark: Any) -> None:
    quote = benchmark(RateBook.load().quote, LETTER, DAY)
    assert isinstance(quote, Quote)
    assert quote.postage == Money(1070)


def test_quote_a_parcel(benchmark: Any) -> None:
    book, parcel = RateBook.load(), Mailpiece.inches(14, 14, 14, ounces=17)

    def ask() -> object:
        return book.quote(
            parcel, DAY, mail_class=MailClass.GROUND_ADVANTAGE, price_type="commercial", zone=4
        )

    quote = benchmark(ask)
    assert isinstance(quote, Quote)
    assert quote.postage == Money(18_410)  # 2744 cubic inches / 166: the row of 17 lb


def test_read_a_barcode(benchmark: Any) -> None:
    bars = imb.encode(TRACKING, ROUTING)
    assert benchmark(imb.decode, bars) == imb.Imb(TRACKING, ROUTING)
