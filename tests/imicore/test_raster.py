"""The print raster: dots against the slow renderer, geometry, outside readers, refusals."""

from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from imicore.errors import BadArgument
from imicore.layout import arrange, as_lines
from imicore.raster import Line, Mark, Raster, Rasterizer
from tests.oracles import raster as oracle

pytestmark = pytest.mark.native

RESOLUTIONS = [200, 203, 300, 360, 600, 720, 1200]
LINES = ["US POSTAGE", "$0.78", "FIRST-CLASS MAIL", "JUL 13 2026", "ZIP 06484", "TST0 0000000001"]
MIXED = [Line(text, line.style, fixed=i % 2 == 0) for i, (text, line) in
         enumerate(zip(LINES, as_lines(LINES), strict=True))]  # fmt: skip


def modules(rows: int = 40, columns: int = 40, seed: int = 1) -> np.ndarray:
    """Random modules with the solid and the alternating borders of ISO/IEC 16022."""
    dark = np.random.default_rng(seed).random((rows, columns)) < 0.5
    dark[0] = np.arange(columns) % 2 == 0
    dark[:, -1] = np.arange(rows) % 2 == 1
    dark[-1] = dark[:, 0] = True
    return dark


def real_symbol(payload: bytes) -> np.ndarray:
    barcode = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.DataMatrix)
    image = zxingcpp.write_barcode_to_image(barcode, scale=1, add_quiet_zones=False)
    return np.asarray(image) < 128


def payload(seed: int, length: int = 109) -> bytes:
    return np.random.default_rng(seed).integers(0, 256, length, dtype=np.uint8).tobytes()


def zxing_reads(dots: np.ndarray) -> list[bytes]:
    image = np.where(np.pad(dots, 30), 0, 255).astype(np.uint8)
    return [found.bytes for found in zxingcpp.read_barcodes(image)]


# --- dots ---


@pytest.mark.parametrize("gain", [0, 2, 4, 6])
@pytest.mark.parametrize("size", [(40, 40), (8, 32), (10, 10), (26, 24), (1, 1), (144, 144)])
def test_symbol_rows_match_the_slow_renderer(size: tuple[int, int], gain: int) -> None:
    dark = modules(*size)
    packed = Rasterizer(1200, ink_gain_dots=gain).symbol_rows(dark, 7)
    assert (oracle.unpack(packed, size[1] * 7) == oracle.symbol_dots(dark, 7, gain)).all()


@pytest.mark.parametrize("dots", [1, 2, 3, 7, 8, 12, 15, 16, 17, 24, 31, 32, 33, 64])
def test_every_module_size_matches_the_slow_renderer(dots: int) -> None:
    """16 and 32 dots are where the table's entries change their size."""
    dark = modules(12, 36)
    packed = Rasterizer(600).symbol_rows(dark, dots)
    assert (oracle.unpack(packed, 36 * dots) == oracle.symbol_dots(dark, dots, 0)).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 4), st.integers(0, 20), st.integers())
def test_any_modules_match_the_slow_renderer(
    rows: int, columns: int, inset: int, spare: int, seed: int
) -> None:
    dots, dark = 2 * inset + 1 + spare, modules(rows, columns, abs(seed))
    packed = Rasterizer(1200, ink_gain_dots=2 * inset).symbol_rows(dark, dots)
    expected = oracle.symbol_dots(dark, dots, 2 * inset)
    assert (np.unpackbits(packed, axis=1, count=expected.shape[1]) == expected).all()
    assert not np.unpackbits(packed, axis=1)[:, expected.shape[1] :].any(), "pad bits are 0"


def slow_picture(rasterizer: Rasterizer, dark: np.ndarray, lines: list, picture: Raster):
    """Compose at the places of the layout, dot by dot, FIM bars from the standard's figures."""
    dpi = rasterizer.dots_per_inch
    styled = as_lines(lines)
    layout = arrange(
        dots_per_inch=dpi,
        dots_per_module=rasterizer.dots_per_module,
        quiet_zone_modules=rasterizer.quiet_zone_modules,
        symbol_modules=dark.shape,
        styles=[line.style for line in styled],
        text_width_in=rasterizer.text_width_in,
        fim_pattern=rasterizer.fim,
        mark=None,
    )
    dots = np.zeros((picture.height, picture.width), bool)
    box = picture.elements["symbol"]
    dots[box.y : box.bottom, box.x : box.right] = oracle.symbol_dots(
        dark, rasterizer.dots_per_module, rasterizer.ink_gain_dots
    )
    for line, spot in zip(styled, layout.places, strict=True):
        oracle.draw_text(dots, spot.sheet.glyphs, line.text, spot.x, spot.baseline)
    if rasterizer.fim == "D":
        box = picture.elements["fim"]
        for i, bit in enumerate("111010111"):
            left = box.x + int(i * dpi / 16 + 0.5)
            if bit == "1":
                dots[box.y : box.bottom, left : left + round(0.031 * dpi)] = True
    return dots


@pytest.mark.parametrize("gain", [0, 2, 4])
@pytest.mark.parametrize("dpi", RESOLUTIONS)
def test_whole_pictures_match_the_slow_renderer(dpi: int, gain: int) -> None:
    gain = min(gain, Rasterizer(dpi).dots_per_module // 4 * 2)
    rasterizer = Rasterizer(dpi, ink_gain_dots=gain, fim="D")
    for size, lines in [((40, 40), MIXED), ((36, 36), LINES), ((16, 48), LINES[:1])]:
        dark = modules(*size)
        picture = rasterizer.compose(dark, lines=lines)
        assert (picture.dots == slow_picture(rasterizer, dark, lines, picture)).all()


def test_fixed_lines_change_nothing_but_the_time() -> None:
    rasterizer = Rasterizer(600, fim="D")
    plain = rasterizer.compose(modules(), lines=LINES)
    assert (rasterizer.compose(modules(), lines=MIXED).rows == plain.rows).all()
    other = [*MIXED[:1], Line("$1.07", "amount"), *MIXED[2:]]
    assert (rasterizer.compose(modules(), lines=other).rows != plain.rows).any()


def test_symbols_may_be_objects_or_strided_views() -> None:
    rasterizer = Rasterizer(600)
    dark = modules(20, 22)
    expected = rasterizer.symbol_rows(dark)
    assert (rasterizer.symbol_rows(SimpleNamespace(modules=dark)) == expected).all()
    assert (rasterizer.symbol_rows(np.asfortranarray(dark)) == expected).all()
    assert (rasterizer.symbol_rows(np.repeat(dark, 2, axis=1)[:, ::2]) == expected).all()


def test_symbols_of_the_encoder_go_straight_in() -> None:
    datamatrix = pytest.importorskip("imicore.datamatrix")
    payloads = [payload(seed) for seed in range(3)]
    symbols = datamatrix.encode_many(payloads, encodation="base256")
    rasterizer = Rasterizer(600, fim="D")
    rows = rasterizer.symbol_rows_many(symbols, 12)
    for symbol, data, packed in zip(symbols, payloads, rows, strict=True):
        assert zxing_reads(np.unpackbits(packed, axis=1).view(bool)) == [data]
        assert zxing_reads(rasterizer.compose(symbol, lines=LINES).dots) == [data]


def test_a_batch_equals_its_symbols() -> None:
    rasterizer = Rasterizer(600, ink_gain_dots=2)
    symbols = [modules(24, 24, seed) for seed in range(9)]
    out = np.full((9, 24 * 11, 33), 0xAA, np.uint8)
    assert rasterizer.symbol_rows_many(symbols, 11, out=out) is out
    for rows, dark in zip(out, symbols, strict=True):
        assert (rows == rasterizer.symbol_rows(dark, 11)).all()
    assert (rasterizer.symbol_rows_many(symbols, 11) == out).all()


def test_threads_may_share_a_rasterizer() -> None:
    rasterizer = Rasterizer(600, fim="D")
    jobs = [(modules(seed=i % 5), [*LINES[:4], f"ZIP {i:05}"]) for i in range(60)]

    def work(job: tuple) -> bytes:
        return rasterizer.compose(job[0], lines=job[1]).rows.tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(work, jobs)] == [work(job) for job in jobs]


# --- ink gain ---


@pytest.mark.parametrize("gain", [2, 4, 6, 8])
def test_ink_that_spreads_as_much_as_was_taken_restores_the_symbol(gain: int) -> None:
    dark = modules()
    rasterizer = Rasterizer(1200, ink_gain_dots=gain)
    printed = np.unpackbits(rasterizer.symbol_rows(dark), axis=1).view(bool)[:, : 40 * 19]
    nominal = oracle.symbol_dots(dark, 19, 0)
    assert printed.sum() < nominal.sum()
    assert (oracle.spread(printed, gain // 2) == nominal).all()


@pytest.mark.parametrize("turn", [np.fliplr, np.flipud, np.transpose])
def test_ink_gain_is_taken_from_all_edges_alike(turn) -> None:
    """A mirrored or turned symbol gives the mirrored or turned dots: nothing is staggered."""
    rasterizer = Rasterizer(600, ink_gain_dots=4)

    def dots(dark: np.ndarray) -> np.ndarray:
        return np.unpackbits(rasterizer.symbol_rows(dark), axis=1, count=240)

    dark = modules(24, 24)
    assert (dots(np.ascontiguousarray(turn(dark))) == turn(dots(dark))).all()


# --- outside readers ---


@pytest.mark.parametrize("dpi", RESOLUTIONS)
def test_zxing_reads_the_composed_symbol(dpi: int) -> None:
    for gain in range(0, Rasterizer(dpi).dots_per_module // 2 + 1, 2):
        rasterizer = Rasterizer(dpi, fim="D", ink_gain_dots=gain)
        picture = rasterizer.compose(real_symbol(payload(dpi)), lines=LINES)
        assert zxing_reads(picture.dots) == [payload(dpi)], f"gain {gain}"


EVERY_MODULE = [(200, 3), (300, 4), *((600, n) for n in range(8, 13)), (360, 5), (360, 6), (360, 7),
                *((1200, n) for n in (16, 19, 24))]  # fmt: skip


@pytest.mark.parametrize(("dpi", "dots"), EVERY_MODULE)
def test_a_void_imprint_is_still_readable(dpi: int, dots: int) -> None:
    """The strokes spare the middles of modules, so a test imprint proves the whole path."""
    rasterizer = Rasterizer(dpi, module_in=dots / dpi)
    for length in [30, 80, 109, 140]:
        picture = rasterizer.compose(
            real_symbol(payload(dots, length)), lines=LINES, mark=Mark(void=True)
        )
        assert zxing_reads(picture.dots) == [payload(dots, length)], length


# --- refusals ---


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dots_per_inch": 150}, "dots_per_inch is 150; the limits are 200 and 1200"),
        ({"dots_per_inch": 600.0}, "dots_per_inch is 600.0; it is a whole number"),
        ({"module_in": 0.012}, r"7 dots = 0\.0117 in at 600 dpi.* nearest module is 8 dots"),
        ({"module_in": 0.03}, r"18 dots = 0\.0300 in .* 12 dots = 0\.0200 in"),
        ({"quiet_zone_modules": 0}, "quiet_zone_modules is 0; the limits are 1 and 16"),
        ({"ink_gain_dots": 3}, "ink_gain_dots is 3; it is even.* 2 or 4"),
        ({"ink_gain_dots": 6}, "ink_gain_dots is 6; the limits are 0 and 5"),
        ({"ink_gain_dots": -2}, "ink_gain_dots is -2; the limits are 0 and 5"),
        ({"fim": "F"}, "FIM is 'F'; the patterns are A, B, C, D, E"),
        ({"text_width_in": 0.1}, r"text_width_in is 0\.1; the limits are 0\.5 and 3\.0"),
    ],
)
def test_bad_settings_are_refused(options: dict, message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        Rasterizer(**{"dots_per_inch": 600, **options})


def test_text_that_does_not_fit_is_refused() -> None:
    rasterizer = Rasterizer(600)
    long = "FIRST-CLASS MAIL PRESORTED"
    for lines in (["US POSTAGE", "$0.78", long], [Line(long, fixed=True)]):
        with pytest.raises(BadArgument, match=rf"'{long}' is 1\.\d+ in .* holds 0\.720 in"):
            rasterizer.compose(modules(), lines=lines)
    with pytest.raises(BadArgument, match=r"character U\+4E2D"):
        rasterizer.compose(modules(), lines=["US POSTAGE 中"])
    with pytest.raises(BadArgument, match="line 1 is int"):
        rasterizer.compose(modules(), lines=["US POSTAGE", 78])
    with pytest.raises(BadArgument, match="'huge'; known"):
        rasterizer.compose(modules(), lines=[Line("US POSTAGE", "huge")])
    with pytest.raises(BadArgument, match=r"mark 'NOT VALID FOR POSTAGE' is \d\.\d+ in wide"):
        rasterizer.compose(modules(), lines=LINES, mark=Mark("NOT VALID FOR POSTAGE"))
    with pytest.raises(BadArgument, match="mark '  ' has no ink"):
        rasterizer.compose(modules(), lines=LINES, mark=Mark("  "))


def test_the_longest_usual_texts_fit_beside_a_fim() -> None:
    for size in [(36, 36), (40, 40), (44, 44)]:
        for amount in ["$99.999", "$000.00", "$1.164"]:
            Rasterizer(600, fim="D").compose(modules(*size), lines=[LINES[0], amount, *LINES[2:]])


def test_a_symbol_too_wide_for_a_fim_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"the indicium is 1\.\d+ in wide; beside a FIM .* 1\.5"):
        Rasterizer(600, fim="D", module_in=0.02).compose(modules(52, 52), lines=LINES)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((40, 40), np.uint8),
        np.zeros(40, bool),
        np.zeros((2, 40, 40), bool),
        None,
        SimpleNamespace(modules=[[True]]),
        np.zeros((0, 40), bool),
        np.zeros((145, 40), bool),
    ],
)
def test_bad_modules_are_refused(bad: object) -> None:
    with pytest.raises(BadArgument, match="modules"):
        Rasterizer(600).compose(bad, lines=LINES)
    with pytest.raises(BadArgument, match="modules"):
        Rasterizer(600).symbol_rows(bad)
    with pytest.raises(BadArgument, match="modules"):
        Rasterizer(600).symbol_rows_many([bad])


def test_bad_batches_are_refused() -> None:
    rasterizer = Rasterizer(600)
    with pytest.raises(BadArgument, match="no symbols"):
        rasterizer.symbol_rows_many([])
    with pytest.raises(BadArgument, match=r"\(40, 40\) bool after \(36, 36\) bool"):
        rasterizer.symbol_rows_many([modules(36, 36), modules(40, 40)])
    for out in (np.empty((1, 400, 49), np.uint8), np.empty((1, 400, 100), np.uint8)[:, :, ::2]):
        with pytest.raises(BadArgument, match=r"out must be C-contiguous uint8\[1, 400, 50\]"):
            rasterizer.symbol_rows_many([modules()], out=out)
    for dots in (0, 65):
        with pytest.raises(
            BadArgument, match=f"dots_per_module is {dots}; the limits are 1 and 64"
        ):
            rasterizer.symbol_rows(modules(), dots)
    with pytest.raises(BadArgument, match="an inset of 2 dots on each edge leaves nothing"):
        Rasterizer(600, ink_gain_dots=4).symbol_rows(modules(), 4)
