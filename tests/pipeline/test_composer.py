"""What is printed beside the symbol comes from the payload, and says what it is."""

from datetime import date
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import zxingcpp

from imi.backoffice import BackOffice
from imi.meter import SoftwareMeter, commission_at, open_meter
from imi.world import World
from imicore.raster import on_piece
from pipeline.composer import Composer, amount_text, date_text, position
from pipeline.imprint import Evidence
from pipeline.job import load_job
from postage.devices import Mode
from postage.indicium import pack, unpack
from postage.money import Money
from postage.shapes import Shape

pytestmark = pytest.mark.native
MORNING = Path(__file__).parent.parent.parent / "samples" / "jobs" / "morning.toml"


def payload(postage: int = 780, **fields: object) -> bytes:
    values = {
        "vendor_model": "TST0",
        "device_serial": 7,
        "ascending": Money(postage),
        "postage": Money(postage),
        "mailing_date": date(2026, 7, 13),
        "piece_count": 1,
        "rate_category": 111,
        "weight_tenths_oz": 10,
    }
    return pack("imi-std/p1", {**values, **fields}) + bytes(range(64))


def composer(*, fim: bool = True, mode: Mode = Mode.SPECIMEN) -> Composer:
    return Composer(dots_per_inch=600, ink_gain_dots=0, fim=fim, licensing_zip="06484", mode=mode)


def read(dots: np.ndarray) -> bytes:
    picture = np.pad(np.where(dots, 0, 255).astype(np.uint8), 30, constant_values=255)
    found = zxingcpp.read_barcode(picture, formats=zxingcpp.BarcodeFormat.DataMatrix)
    assert found is not None
    return bytes(found.bytes)


@pytest.fixture
def meter(tmp_path: Path) -> SoftwareMeter:
    job = load_job(MORNING)
    world = World(job)
    meter = open_meter(tmp_path / "meter", job.meter, world.clock)
    office = BackOffice(tmp_path / "provider", lambda: world.now_us)
    commission_at(meter, meter.link(office, count(1).__next__))
    return meter


def test_a_test_imprint_shows_zero_and_void_over_the_symbol(meter: SoftwareMeter) -> None:
    """domain.md 9a, 12: $00.00, VOID over the symbol, no register moves; it still reads."""
    before = meter.psd.registers
    evidence = meter.psd.test_imprint()
    assert isinstance(evidence, Evidence)
    assert meter.psd.registers == before
    indicium = unpack(evidence.payload, profile="imi-std/p1")
    assert amount_text(indicium) == "$00.00"
    symbol, void = composer().compose(evidence.payload, profile="imi-std/p1", shape=Shape.LETTER)
    box = void.elements["symbol"]
    drawn = void.dots[box.y : box.bottom, box.x : box.right]
    plain = np.kron(symbol.modules, np.ones((box.height // symbol.rows,) * 2, bool)).astype(bool)
    assert 0.03 < float(np.mean(drawn != plain)) < 0.5
    assert read(void.dots) == evidence.payload


@pytest.mark.parametrize(
    ("vendor", "mode", "marked"),
    [
        ("TST0", Mode.SPECIMEN, True),
        ("TST0", Mode.PRODUCTION, True),  # no such record can be made; the mark stays all the same
        ("ABC1", Mode.SPECIMEN, True),
        ("ABC1", Mode.REHEARSAL, True),
        ("ABC1", Mode.PRODUCTION, False),
    ],
)
def test_all_but_production_devices_print_specimen(vendor: str, mode: Mode, marked: bool) -> None:
    """design.md 6: trust has a mode; a software device is never production."""
    _, raster = composer(mode=mode).compose(
        payload(vendor_model=vendor), profile="imi-std/p1", shape=Shape.LETTER
    )
    assert ("mark" in raster.elements) is marked


def test_only_letters_and_cards_carry_a_fim() -> None:
    """domain.md 9b, 27: flats need none."""
    for shape in Shape:
        _, raster = composer().compose(payload(), profile="imi-std/p1", shape=shape)
        assert ("fim" in raster.elements) is (shape in (Shape.LETTER, Shape.CARD))
    _, raster = composer(fim=False).compose(payload(), profile="imi-std/p1", shape=Shape.LETTER)
    assert "fim" not in raster.elements


@pytest.mark.parametrize(("length", "height"), [(9.5, 4.125), (9.0, 6.0), (5.0, 3.5)])
def test_the_indicium_keeps_its_distances(length: float, height: float) -> None:
    """domain.md 9a, 20: 1/4 in from right and top, 1/2 in clear left and below."""
    _, raster = composer().compose(payload(), profile="imi-std/p1", shape=Shape.LETTER)
    spot = position(raster, length, height)
    assert spot.piece.width - spot.indicium.right >= 0.25 * 600
    assert spot.indicium.y >= 0.25 * 600
    assert spot.x - spot.clear_zone.x >= 0.5 * 600
    assert spot.clear_zone.bottom - spot.indicium.bottom >= 0.5 * 600
    page = on_piece(raster, spot)
    assert read(page.dots[:, spot.x :]) == payload()


@pytest.mark.parametrize(
    ("mills", "text"), [(780, "$0.78"), (593, "$0.593"), (12_360, "$12.36"), (999_990, "$999.99")]
)
def test_amounts_have_a_third_decimal_only_when_they_need_one(mills: int, text: str) -> None:
    """domain.md 1.7: two decimals, a third when the value is not a whole cent."""
    indicium = unpack(payload(mills), profile="imi-std/p1")
    assert amount_text(indicium) == text


def test_reply_mail_shows_no_date() -> None:
    """domain.md 9b, 32: prepaid reply indicia are undated."""
    assert date_text(None) == ""
    _, raster = composer().compose(
        payload(mailing_date=None), profile="imi-std/p1", shape=Shape.LETTER
    )
    assert read(raster.dots) == payload(mailing_date=None)
