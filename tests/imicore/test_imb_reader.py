"""Intelligent Mail barcodes off pictures: drawn rows, the official cases, damage, and no bars."""

import csv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.bar_rows import RowStyle, draw_row, random_style
from imicore import imb, imb_reader, reader
from imicore.datamatrix import encode as encode_symbol
from imicore.errors import BadArgument
from imicore.imb import Imb

pytestmark = pytest.mark.native

TABLE = Path(__file__).parents[1] / "vectors" / "imb.csv"
BARS = "AADTFFDFTDADTAADAATFDTDDAAADDTDTTDAFADADDDTFFFDDTTTADFAAADFTDAADA"
PAYLOAD = b"0123456709498765432101234567891"
PLAIN = RowStyle(noise=0, text=False, gradient=0)


def read(frame: np.ndarray, **options: object) -> list[reader.Reading]:
    return reader.read(frame, symbologies=["imb"], **options)  # type: ignore[arg-type]


def ends(bars: str) -> np.ndarray:
    long = [[1 if bar in "AF" else -1 for bar in bars], [1 if bar in "DF" else -1 for bar in bars]]
    return np.array(long, np.float32)


def random_digits(rng: np.random.Generator) -> tuple[str, str]:
    digits = "".join(map(str, rng.integers(0, 10, 31)))
    return digits[0] + str(int(digits[1]) % 5) + digits[2:20], digits[20:][: rng.choice((0, 5, 9))]


def test_what_a_reading_says() -> None:
    frame, corners = draw_row(BARS, PLAIN, np.random.default_rng(1))
    (found,) = read(frame)
    assert (found.payload, found.symbology, found.size) == (PAYLOAD, "imb", (1, 65))
    assert found.errors_corrected == 0
    assert not found.mirrored
    assert not found.inverted
    assert found.modules.shape == (3, 65)
    assert found.modules[1].all()
    assert (found.modules[[0, 2]] == (ends(BARS) > 0)).all()
    # The row is drawn to half a pitch beyond its outer bars; bars are half that wide.
    assert np.abs(found.corners - corners).max() < PLAIN.pitch / 2


@pytest.mark.parametrize("angle", [*range(0, 360, 15), 2, -7, 178, 93])
def test_any_way_round(angle: int) -> None:
    """Corners turn with the row: the first is always the lower end of the first bar."""
    style = RowStyle(angle=angle)
    frame, corners = draw_row(BARS, style, np.random.default_rng(angle % 360))
    (found,) = read(frame)
    assert found.payload == PAYLOAD
    assert np.abs(found.corners - corners).max() < style.pitch


@pytest.mark.parametrize("dpi", [100, 120, 150, 200, 300, 400, 600, 1000])
def test_any_camera_from_100_pixels_an_inch(dpi: int) -> None:
    frame, corners = draw_row(BARS, RowStyle(dpi=dpi), np.random.default_rng(dpi))
    (found,) = read(frame)
    assert found.payload == PAYLOAD
    assert np.abs(found.corners - corners).max() < dpi / 22


@pytest.mark.parametrize(
    ("per_inch", "tracker", "full", "bar"),
    [(20, 0.039, 0.125, 0.015), (24, 0.057, 0.165, 0.025), (24, 0.039, 0.165, 0.015),
     (20, 0.057, 0.125, 0.025)],
)  # fmt: skip
def test_the_limits_of_the_specification(
    per_inch: float, tracker: float, full: float, bar: float
) -> None:
    """USPS-B-3200: pitch, tracker, full height and bar width at their limits."""
    style = RowStyle(bars_per_inch=per_inch, tracker_in=tracker, full_in=full, bar_in=bar, angle=4)
    frame, _ = draw_row(BARS, style, np.random.default_rng(5))
    assert [found.payload for found in read(frame)] == [PAYLOAD]


def cases(path: Path) -> list[tuple[str, str]]:
    rows = list(filter(None, csv.reader(path.read_text(encoding="utf-8").splitlines())))
    return [(row[1], row[2]) for row in rows if row[4] == "00"]


def all_read(digits: list[tuple[str, str]], seed: int) -> bool:
    rng = np.random.default_rng(seed)
    for tracking, routing in digits:
        style = RowStyle(angle=float(rng.uniform(-10, 10)), text=False)
        frame, _ = draw_row(imb.encode(tracking, routing), style, rng)
        if [found.payload for found in read(frame)] != [(tracking + routing).encode()]:
            return False
    return True


def test_official_cases_through_the_picture(reference: Path) -> None:
    """Every 33rd of the 8,128 valid rows of the USPS encoder test file; all 500 in the bench."""
    path = reference / "vectors" / "imb" / "usps_imb_encoder_test_cases.csv"
    assert all_read(cases(path)[::33], 3)


def test_rows_of_our_table_through_the_picture() -> None:
    with TABLE.open(encoding="utf-8", newline="") as table:
        rows = [(row["tracking"], row["routing"]) for row in csv.DictReader(table)]
    assert all_read(rows[::8], 4)


@pytest.mark.parametrize(("severity", "least"), [(1, 99), (2, 97)])
def test_rows_with_faults(severity: int, least: int) -> None:
    """Seeded print, paper and camera faults; `bench.bench_imb` counts more of them."""
    right = 0
    for seed in range(100):
        rng = np.random.default_rng((severity, seed))
        tracking, routing = random_digits(rng)
        frame, _ = draw_row(imb.encode(tracking, routing), random_style(rng, severity), rng)
        found = [reading.payload for reading in read(frame)]
        assert found in ([], [(tracking + routing).encode()])
        right += bool(found)
    assert right >= least


def test_a_row_on_mail() -> None:
    """The address block of drawn mail, bars above or below the address."""
    from imi.mailpictures import CameraModel, Envelope, draw, photograph

    for seed, style in enumerate(("white", "cream", "kraft", "window")):
        rng = np.random.default_rng(seed)
        piece = Envelope(style, imb_bars=BARS, marks=("postmark", "id_tag"))
        page = draw(piece, image_dpi=200, rng=rng)
        frame = photograph(page, CameraModel(skew_degrees=5), rng, image_dpi=200).frame
        assert [found.payload for found in read(frame, limit=9)] == [PAYLOAD]


def test_two_rows_with_limit_accept_and_roi() -> None:
    other = imb.encode("00700901061457000789", "01234")
    frames = [draw_row(bars, PLAIN, np.random.default_rng(1))[0] for bars in (BARS, other)]
    width = min(frame.shape[1] for frame in frames)
    both = np.concatenate([frame[:, :width] for frame in frames])
    second = b"0070090106145700078901234"
    assert [found.payload for found in read(both, limit=5)] == [PAYLOAD, second]
    assert [found.payload for found in read(both)] == [PAYLOAD]
    assert [found.payload for found in read(both, accept=lambda p: p != PAYLOAD)] == [second]
    top = frames[0].shape[0]
    (low,) = read(both, roi=(0, top, width, both.shape[0] - top))
    assert low.payload == second
    assert low.corners[:, 1].min() > top


def test_mixed_symbologies_in_the_order_asked() -> None:
    row, _ = draw_row(BARS, PLAIN, np.random.default_rng(1))
    modules = np.pad(encode_symbol(b"indicium").modules, 3).repeat(5, 0).repeat(5, 1)
    symbol = np.where(modules, 30, 225).astype(np.uint8)
    frame = np.full((row.shape[0] + symbol.shape[0], row.shape[1]), 225, np.uint8)
    frame[: row.shape[0]] = row
    frame[row.shape[0] :, : symbol.shape[1]] = symbol
    for names in (["datamatrix", "imb"], ["imb", "datamatrix"]):
        found = reader.read(frame, symbologies=names, limit=2)
        assert [reading.symbology for reading in found] == names
        assert [r.symbology for r in reader.read(frame, symbologies=names)] == names[:1]
        timed = reader.read(frame, symbologies=names, limit=2, budget_ms=10_000)
        assert len(timed) == 2
    assert [reading.symbology for reading in reader.read(frame, limit=2)] == ["datamatrix"]


@pytest.mark.parametrize(
    ("names", "words"),
    [([], "symbologies is empty"), (["qr"], "'qr' is not read"), ("imb", "a list of names")],
)
def test_bad_symbologies(names: object, words: str) -> None:
    with pytest.raises(BadArgument, match=words):
        reader.Reader(symbologies=names)  # type: ignore[arg-type]


def hostile() -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:600, :900]
    frames = [rng.integers(0, 256, (500, 800)), rng.normal(128, 40, (500, 800)), (x + y) % 2 * 255]
    for pitch in (2, 4, 7, 9, 11, 16, 30):
        frames += [(x % pitch < pitch / 2) * 200, ((x + y // 9) % pitch < pitch / 2) * 200]
        frames.append((x // pitch + y // pitch) % 2 * 220)
    # As wide as a row of bars, and as even: nothing but the ends of its bars tells it apart.
    grating = np.full((600, 900), 220)
    grating[300:310, 100:685][:, np.arange(585) % 9 < 4] = 40
    frames.append(grating)
    frames += [np.zeros(shape) for shape in ((0, 0), (1, 1), (1, 5000), (5000, 1), (9, 9), (8, 65))]
    return [np.clip(frame, 0, 255).astype(np.uint8) for frame in frames]


def test_nothing_is_read_where_nothing_is() -> None:
    assert [read(frame, limit=9) for frame in hostile()] == [[] for _ in hostile()]


def test_rows_without_a_code_are_not_read() -> None:
    """65 good bars of random states: the look of a barcode, no content."""
    rng = np.random.default_rng(11)
    for severity in (0, 1, 2, 3) * 10:
        bars = "".join(rng.choice(list("TADF"), 65))
        frame, _ = draw_row(bars, random_style(rng, severity), rng)
        assert read(frame) == []


def test_other_numbers_of_bars_are_not_read() -> None:
    for bars in (BARS[:60], BARS + BARS[:20], BARS * 2):
        frame, _ = draw_row(bars, PLAIN, np.random.default_rng(1))
        assert read(frame) == []


@pytest.mark.parametrize("lost", [0, 1, 31, 63, 64])
def test_one_bar_left_out_anywhere(lost: int) -> None:
    """Its two ends are unknown; each belongs to a character whose count of ones names them."""
    style = RowStyle(noise=2, text=False)
    bars = list(BARS)
    frame, corners = draw_row(BARS, style, np.random.default_rng(1))
    place = corners[1] + (corners[2] - corners[1]) * (lost + 0.5) / len(bars)
    left = round(place[0] - style.pitch / 2)
    frame[:, left : left + round(style.pitch)] = 225
    (found,) = read(frame)
    assert found.payload == PAYLOAD
    assert found.errors_corrected <= 1


@given(st.lists(st.integers(0, 129), min_size=0, max_size=5, unique=True))
def test_unknown_ends_are_found_out(places: list[int]) -> None:
    """Up to five of 130 unknown, wherever: never a wrong answer; two are always found out.

    All 8,385 pairs were tried, and 3,000 each of three to five; a rare set of five is given up.
    """
    reach = ends(BARS)
    reach.ravel()[places] = 0
    found = imb_reader.resolve(reach)
    assert found is not None or len(places) > 2
    assert found is None or found.digits == Imb("01234567094987654321", "01234567891")


@given(st.lists(st.integers(0, 129), min_size=1, max_size=6, unique=True))
def test_sure_and_wrong_ends_are_never_an_answer(places: list[int]) -> None:
    """Errors that were measured as sure are not corrected: the row is refused."""
    reach = ends(BARS)
    reach.ravel()[places] *= -1
    assert imb_reader.resolve(reach) is None


def test_wrong_answers_are_as_rare_as_the_bound_says() -> None:
    """Random ends, ten of them doubtful: each orientation has at most 8 tries at 1 in 4,500."""
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(3000):
        reach = np.where(rng.random((2, 65)) < 0.5, 1, -1).astype(np.float32)
        reach.ravel()[rng.choice(130, 10, replace=False)] *= 0.1
        wrong += imb_reader.resolve(reach) is not None
    assert wrong == 0


def test_threads_share_one_reader() -> None:
    frame, _ = draw_row(BARS, RowStyle(), np.random.default_rng(1))
    shared = reader.Reader(symbologies=["imb"])
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(shared.read, [frame] * 32):
            assert [reading.payload for reading in found] == [PAYLOAD]
