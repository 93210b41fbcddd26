"""The reader on photographs of printed symbols, made by bench/camera.py with known answers."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import zxingcpp

from bench.camera import Grey, Shot, envelope, paper, photograph
from imicore import datamatrix, frames
from imicore.errors import BadArgument, BadImage, NoSuchSize
from imicore.reader import Reader, Reading, read, read_many

pytestmark = pytest.mark.native

ROOT = Path(__file__).parents[2]
INDICIUM_BYTES = {36: 78, 40: 90, 44: 130}  # payloads of the mail suite (peers.md 3)
CLEAN = Shot()


def indicium(rng: np.random.Generator, side: int = 40) -> tuple[bytes, npt.NDArray[np.bool_]]:
    payload = rng.bytes(INDICIUM_BYTES[side])
    symbol = datamatrix.encode(payload, size=(side, side), encodation="base256")
    return payload, np.asarray(symbol.modules)


def corners_of(shape: tuple[int, int], to_px: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rows, columns = shape
    box = np.array([[0, rows, 1], [0, 0, 1], [columns, 0, 1], [columns, rows, 1]], float)
    mapped = box @ to_px.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def only(readings: list[Reading]) -> Reading:
    assert len(readings) == 1
    return readings[0]


@pytest.mark.parametrize("turn_deg", [0, 2, -2, 10, -10, 30, 45, 90, 178, -90])
def test_a_clean_print_is_read_at_any_turn(turn_deg: float) -> None:
    rng = np.random.default_rng(1)
    payload, modules = indicium(rng)
    frame, to_px = photograph(modules, Shot(turn_deg=turn_deg), paper(240, 240), rng)
    reading = only(read(frame))
    assert reading.payload == payload
    assert reading.size == (40, 40)
    assert reading.errors_corrected == 0
    assert (reading.modules == modules).all()
    assert reading.corners.dtype == np.float32
    assert np.abs(reading.corners - corners_of((40, 40), to_px)).max() < 0.4  # a tenth of a module


def test_every_size_is_read() -> None:
    rng = np.random.default_rng(2)
    for size in datamatrix.symbol_sizes():
        payload = rng.bytes(size.base256_bytes)
        modules = np.asarray(datamatrix.encode(payload, size=size.size).modules)
        side = max(size.size) * 4 + 48
        shot = Shot(pitch_px=4.3, centre_px=(side * 0.55, side * 0.55), turn_deg=1.0)
        frame, _ = photograph(modules, shot, paper(round(side * 1.1), round(side * 1.1)), rng)
        reading = only(read(frame))
        assert (reading.payload, reading.size) == (payload, size.size)


def test_white_on_black_and_mirrored_prints_are_read() -> None:
    rng = np.random.default_rng(3)
    payload, modules = indicium(rng)
    frame, _ = photograph(modules, CLEAN, paper(240, 240), rng)
    inverted = only(read(255 - frame))
    assert (inverted.payload, inverted.inverted, inverted.mirrored) == (payload, True, False)
    assert (inverted.modules == modules).all()
    mirrored = only(read(np.ascontiguousarray(frame[:, ::-1])))
    assert (mirrored.payload, mirrored.inverted, mirrored.mirrored) == (payload, False, True)
    assert (mirrored.modules == modules).all()


@pytest.mark.parametrize("pitch_px", [3.2, 3.94, 5.91, 7.7, 12.0])
def test_the_scales_of_the_inspection_camera(pitch_px: float) -> None:
    rng = np.random.default_rng(4)
    side = round(60 * pitch_px)
    for degrees in (-2.0, 0.3, 10.0):
        payload, modules = indicium(rng, 44)
        shot = Shot(pitch_px=pitch_px, centre_px=(side / 2, side / 2), turn_deg=degrees)
        frame, _ = photograph(modules, shot, paper(side, side), rng)
        assert only(read(frame)).payload == payload


def inspection(rng: np.random.Generator, dots_per_inch: float) -> Shot:
    """What the camera behind the print head meets, one draw of everything at once."""
    per_px = dots_per_inch / 200
    return Shot(
        pitch_px=float(rng.uniform(3.2, 4.6)) * per_px,
        turn_deg=float(rng.uniform(-2, 2)),
        blur=float(rng.uniform(0.05, 0.32)),
        gain=float(rng.uniform(-0.2, 0.3)),
        noise=float(rng.uniform(1, 10)),
        paper=float(rng.uniform(140, 235)),
        ink=float(rng.uniform(30, 65)),
        light_fall=float(rng.uniform(0, 0.5)),
        light_deg=float(rng.uniform(0, 360)),
        fibre=float(rng.choice([0, 0, 6])),  # one in three is kraft
        quiet=float(rng.uniform(1, 3)),
        centre_px=tuple(rng.uniform(130, 140, 2) * per_px),  # type: ignore[arg-type]
    )


def break_legs(modules: npt.NDArray[np.bool_], rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return the symbol with a gap of two to five modules in either leg of the L."""
    broken = modules.copy()
    side = len(broken)
    gaps = rng.integers(2, 6, 2)
    first, second = rng.integers(0, side - 6, 2)
    broken[first : first + gaps[0], 0] = False
    broken[-1, second : second + gaps[1]] = False
    return broken


@pytest.mark.parametrize("dots_per_inch", [200, 300])
def test_inspection_reads_at_least_995_in_1000(dots_per_inch: int) -> None:
    """200 photographs; the target for this domain is 99.5 %. Every fourth has a broken L."""
    frames, missed = 200, 0
    side = 270 * dots_per_inch // 200
    for seed in range(frames):
        rng = np.random.default_rng(seed)
        payload, modules = indicium(rng, (36, 40, 44)[seed % 3])
        printed = break_legs(modules, rng) if seed % 4 == 3 else modules
        shot = inspection(rng, dots_per_inch)
        frame, _ = photograph(printed, shot, paper(side, side), rng)
        # Every other one with the region hint of a line that knows where it printed.
        roi = (5, 5, side - 10, side - 10) if seed % 2 else None
        found = read(frame, roi=roi)
        missed += not found
        assert all(reading.payload == payload for reading in found), seed
    assert missed <= frames * 5 // 1000


@pytest.mark.parametrize("gain", [-0.75, -0.6, 0.6, 0.75])
def test_ink_spread_beyond_half_a_module_is_read(gain: float) -> None:
    """By its edges alone, a grid half a module off has the rest of a module of the other sign."""
    rng = np.random.default_rng(14)
    payload, modules = indicium(rng)
    frame, _ = photograph(modules, Shot(gain=gain), paper(240, 240), rng)
    assert only(read(frame)).payload == payload


def test_whole_letters_are_read_where_zxing_cpp_agrees() -> None:
    """Letters of 1900x825 px with addresses, barcode and marks; an independent reader agrees."""
    agreed = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        letter = envelope(1900, 825, 200, rng)
        payload, modules = indicium(rng)
        shot = Shot(centre_px=(1710, 210), turn_deg=float(rng.uniform(-2, 2)), noise=4)
        frame, to_px = photograph(modules, shot, letter, rng)
        reading = only(read(frame))
        assert reading.payload == payload
        box = corners_of(modules.shape, to_px)
        x, y = np.floor(box.min(axis=0)).astype(int) - 16
        w, h = np.ceil(box.max(axis=0)).astype(int) + 16 - (x, y)
        cropped = only(read(frame, roi=(int(x), int(y), int(w), int(h))))
        assert cropped.payload == payload
        assert np.abs(cropped.corners - reading.corners).max() < 0.8  # px of the frame, not the roi
        peer = zxingcpp.read_barcode(frame, formats=zxingcpp.BarcodeFormat.DataMatrix)
        if peer:
            assert peer.bytes == payload
            agreed += 1
    assert agreed >= 6  # else the comparison compares nothing


def test_turned_letters_are_read() -> None:
    rng = np.random.default_rng(6)
    payload, modules = indicium(rng, 36)
    letter = envelope(1900, 825, 200, rng)
    frame, _ = photograph(modules, Shot(centre_px=(1710, 210)), letter, rng)
    for turns in range(4):
        assert only(read(np.ascontiguousarray(np.rot90(frame, turns)))).payload == payload


def test_limit_finds_all_symbols() -> None:
    rng = np.random.default_rng(7)
    sheet = paper(700, 260)
    payloads = []
    for x in (130, 350, 570):
        payload, modules = indicium(rng, 36)
        sheet, _ = photograph(modules, Shot(centre_px=(x, 130), noise=1), sheet, rng)
        payloads.append(payload)
    assert {r.payload for r in read(sheet, limit=5)} == set(payloads)
    assert len(read(sheet, limit=2)) == 2
    assert [r.payload for r in read(sheet, limit=5, accept=lambda p: p == payloads[1])] == [
        payloads[1]
    ]


def blank_frames() -> dict[str, Grey]:
    rng = np.random.default_rng(8)
    y, x = np.mgrid[0:600, 0:800]
    return {
        "white": paper(800, 600, 255),
        "black": paper(800, 600, 0),
        "noise": rng.integers(0, 256, (600, 800)).astype(np.uint8),
        "coarse noise": np.kron(rng.integers(0, 2, (150, 200)) * 255, np.ones((4, 4))).astype(
            np.uint8
        ),
        "checkerboard": (((x // 4 + y // 4) % 2) * 255).astype(np.uint8),
        "fine checkerboard": (((x + y) % 2) * 255).astype(np.uint8),
        "stripes": ((x // 4 % 2) * 255).astype(np.uint8),
        "slanted stripes": (((x + y // 2) // 5 % 2) * 255).astype(np.uint8),
        "gradient": (x * 255 // 800).astype(np.uint8),
        "text": envelope(1900, 825, 200, rng),
    }


@pytest.mark.parametrize("name", list(blank_frames()))
def test_nothing_is_read_where_nothing_is(name: str) -> None:
    assert read(blank_frames()[name], limit=10) == []


def test_many_noise_frames_give_no_false_read() -> None:
    """Coarse noise has modules, so that every stage of the search is reached."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        cells = rng.integers(0, 2, (40, 40)) * 200 + 20
        frame = np.kron(cells, np.ones((4 + seed % 3,) * 2)).astype(np.uint8)
        assert read(frame) == []


def test_frames_of_any_shape_are_answered() -> None:
    rng = np.random.default_rng(9)
    for shape in [(0, 0), (0, 9), (9, 0), (1, 1), (1, 5000), (5000, 1), (7, 7), (8, 9), (9, 9),
                  (17, 400), (400, 17), (33, 33), (2, 100_000)]:  # fmt: skip
        assert read(rng.integers(0, 256, shape).astype(np.uint8)) == []


def test_views_need_not_be_contiguous() -> None:
    rng = np.random.default_rng(10)
    payload, modules = indicium(rng)
    frame, _ = photograph(modules, CLEAN, paper(240, 240), rng)
    wide = np.zeros((240, 400), np.uint8)
    wide[:, 100:340] = frame
    colour = np.dstack([frame] * 3)
    for view in (wide[:, 100:340], frame.T, frame[::-1, ::-1], colour[:, :, 1], wide[:, 339:99:-1]):
        assert only(read(view)).payload == payload


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (np.zeros((9, 9), np.float64), "dtype is float64; it must be uint8"),
        (np.full((9, 9), np.nan), "dtype is float64"),
        (np.zeros((9, 9), np.uint16), "dtype is uint16"),
        (np.zeros((9, 9), bool), "dtype is bool"),
        (np.zeros(9, np.uint8), "1 dimensions"),
        (np.zeros((9, 9, 3), np.uint8), "3 dimensions"),
        (np.zeros((3001, 4000), np.uint8), "4000x3001 = 12004000 pixels; the limit is 12000000"),
        ([[1, 2], [3, 4]], "is a list"),
        (None, "is a NoneType"),
    ],
)
def test_what_is_no_frame_is_named(frame: Grey, words: str) -> None:
    with pytest.raises(BadImage, match=words):
        read(frame)


@pytest.mark.parametrize(
    "roi",
    [(-1, 0, 9, 9), (0, -1, 9, 9), (0, 0, 0, 9), (0, 0, 9, 0), (92, 0, 9, 9), (0, 42, 9, 9),
     (0, 0, 101, 5), (1, 2, 3), (0.5, 0, 9, 9), "9999", (2**70, 0, 9, 9)],
)  # fmt: skip
def test_a_roi_outside_the_frame_is_refused(roi: tuple[int, int, int, int]) -> None:
    with pytest.raises(BadArgument, match="roi"):
        read(np.zeros((50, 100), np.uint8), roi=roi)


@pytest.mark.parametrize(
    "options",
    [{"limit": 0}, {"limit": 1.5}, {"effort": 0}, {"effort": -3}, {"budget_ms": 0},
     {"budget_ms": float("nan")}, {"sizes": []}, {"symbologies": ["qr"]}],
)  # fmt: skip
def test_bad_options_are_named(options: dict[str, object]) -> None:
    with pytest.raises(BadArgument):
        read(np.zeros((50, 100), np.uint8), **options)  # type: ignore[arg-type]


def test_sizes_restrict_the_search() -> None:
    rng = np.random.default_rng(11)
    payload, modules = indicium(rng)
    frame, _ = photograph(modules, CLEAN, paper(240, 240), rng)
    assert only(read(frame, sizes=[(36, 36), (40, 40)])).payload == payload
    assert read(frame, sizes=[(36, 36)]) == []
    with pytest.raises(NoSuchSize, match="40x41"):
        read(frame, sizes=[(40, 41)])


def test_effort_bounds_the_work_and_repeats() -> None:
    rng = np.random.default_rng(12)
    payload, modules = indicium(rng)
    frame, _ = photograph(modules, Shot(noise=20, blur=0.3), paper(240, 240), rng)
    answers = [[r.payload for r in read(frame, effort=effort)] for effort in (1, 300, 300)]
    assert answers == [[], [payload], [payload]]


def test_a_tiny_budget_stops_the_search() -> None:
    noise = np.random.default_rng(13).integers(0, 256, (3000, 4000)).astype(np.uint8)
    assert read(noise, budget_ms=0.001, effort=10**9) == []


def test_an_error_in_accept_comes_out_and_the_reader_goes_on() -> None:
    rng = np.random.default_rng(14)
    payload, modules = indicium(rng)
    frame, _ = photograph(modules, CLEAN, paper(240, 240), rng)

    def refuse(_: bytes) -> bool:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        read(frame, accept=refuse)
    nested = Reader(accept=lambda p: only(read(frame)).payload == p)
    assert only(nested.read(frame)).payload == payload


def test_one_reader_serves_many_threads() -> None:
    rng = np.random.default_rng(15)
    frames, payloads = [], []
    for _ in range(6):
        payload, modules = indicium(rng)
        frames.append(photograph(modules, CLEAN, paper(240, 240), rng)[0])
        payloads.append(payload)
    reader = Reader(sizes=[(40, 40)])
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda i: reader.read(frames[i % 6])[0].payload, range(48)))
    assert answers == [payloads[i % 6] for i in range(48)]
    assert [only(r).payload for r in read_many(frames)] == payloads
    assert [only(r).payload for r in reader.read_many(frames, roi=(0, 0, 240, 240))] == payloads


def test_the_portable_path_reads_the_same() -> None:
    """IMI_ISA is asked once in a process, so the other path runs in one of its own."""
    program = (
        "import numpy as np, imicore.reader as r; from bench.camera import *; "
        "from imicore import datamatrix as d; g = np.random.default_rng(16); "
        "m = np.asarray(d.encode(g.bytes(90), size=(40, 40)).modules); "
        "f = [photograph(m, Shot(turn_deg=t, noise=n), paper(241, 243), g)[0] "
        "     for t, n in [(0, 2), (7, 9), (44, 20)]]; "
        "print([(x.payload.hex(), x.corners.tobytes().hex()) for y in r.read_many(f) for x in y])"
    )
    answers = []
    for isa in ("portable", "avx2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "IMI_ISA": isa, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        answers.append(done.stdout)
    assert answers[0] == answers[1]
    assert answers[0].count("(") == 3


def test_public_photographs(reference: Path) -> None:
    """ZXing's and zxing-cpp's own pictures: read as their text says; none where none is."""
    folder = reference / "samples"
    images = json.loads((folder / "MANIFEST.json").read_text())["images"]
    read_of: dict[str, list[bool]] = {}
    for image in images:
        found = read(frames.load(folder / image["file"]))
        if image["text"] is None and image["bytes_hex"] is None:
            assert found == [], image["file"]
            continue
        wanted = bytes.fromhex(image["bytes_hex"]) if image["bytes_hex"] else image["text"].encode()
        assert all(wanted in (r.payload, r.payload.decode("latin1").encode()) for r in found), image
        read_of.setdefault(image["set"], []).append(bool(found))
    missed = {name: answers.count(False) for name, answers in read_of.items() if not all(answers)}
    assert missed.get("zxcpp-dm4", 0) == 0
    # Not read yet, though zxing-cpp does: zxcpp-dm2/11, zx-dm2/11 and zx-dm2/15.
    assert sum(missed.values()) <= 3
