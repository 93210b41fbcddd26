"""From a grid that is about right to a payload: csrc/grid_reader.h and what it stands on."""

import json
import os
import subprocess
import sys
from math import log2

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imicore import datamatrix
from imicore._imaging import GRID_LEVELS, GridReader, finder_bits, proof_bits
from tests.oracles.annex_f import mapping_matrix
from tests.oracles.chance import correctable_share, toss_share

pytestmark = pytest.mark.native

Image = NDArray[np.uint8]
PX, QUIET = 4, 4  # pixels a module, modules of paper round the symbol
SIZES = [(size.rows, size.columns) for size in datamatrix.symbol_sizes()]
INK, PAPER = 40, 230


def drawn(modules: NDArray[np.bool_], px: int = PX) -> Image:
    """Return the picture of a symbol, and paper round it."""
    return np.where(np.kron(np.pad(modules, QUIET), np.ones((px, px))), INK, PAPER).astype(np.uint8)


def corners_of(rows: int, columns: int, px: float = PX) -> NDArray[np.float64]:
    """Return the corner of the L, the end of its upright leg, the one opposite, the other end."""
    box = np.array([(0, rows), (0, 0), (columns, 0), (columns, rows)], np.float64)
    return (box + QUIET) * px


def symbol(rows: int, columns: int, seed: int = 1) -> tuple[bytes, NDArray[np.bool_]]:
    size = next(s for s in datamatrix.symbol_sizes() if (s.rows, s.columns) == (rows, columns))
    payload = np.random.default_rng(seed).bytes(size.base256_bytes)
    made = datamatrix.encode(payload, size=(rows, columns), encodation="base256")
    return payload, np.asarray(made.modules, bool)


def levels_that_read(frame: Image, side: int, payload: bytes) -> set[int]:
    """Return the levels that read the 40x40 symbol, having checked what they read."""
    reader, found = GridReader(), set()
    for level in range(GRID_LEVELS):
        answer = reader.read(frame, corners_of(side, side), size=(side, side), level=level)
        if answer is not None:
            assert answer[0] == payload
            found.add(level)
    return found


@pytest.mark.parametrize("level", range(GRID_LEVELS))
def test_every_level_reads_every_size(level: int) -> None:
    reader = GridReader()
    for rows, columns in SIZES:
        payload, modules = symbol(rows, columns)
        answer = reader.read(
            drawn(modules), corners_of(rows, columns), size=(rows, columns), level=level
        )
        assert answer == (payload, 0, 0, 1.0), (rows, columns)


@pytest.mark.parametrize("level", range(GRID_LEVELS))
def test_mirrored_turned_and_inverted(level: int) -> None:
    payload, modules = symbol(32, 32)
    frame, corners = drawn(modules), corners_of(32, 32)
    reader, width = GridReader(), frame.shape[1]
    mirrored = np.column_stack([width - corners[:, 0], corners[:, 1]])
    turned = np.column_stack([width - corners[:, 1], corners[:, 0]])
    for picture, at, inverted in (
        (np.ascontiguousarray(frame[:, ::-1]), mirrored, False),
        (np.ascontiguousarray(np.rot90(frame, -1)), turned, False),
        (255 - frame, corners, True),
    ):
        answer = reader.read(picture, at, size=(32, 32), level=level, inverted=inverted)
        assert answer is not None
        assert answer[0] == payload


def test_errors_are_counted_and_erasures_reach_further() -> None:
    """40x40 has 48 error codewords (ISO/IEC 16022 Table 7): 24 errors, or more erasures."""
    payload, modules = symbol(40, 40)
    frame = drawn(modules)
    covered = frame.copy()  # a grey sticker over 15 x 14 modules: about 40 codewords
    top, left = (QUIET + 3) * PX, (QUIET + 3) * PX
    covered[top : top + 15 * PX, left : left + 14 * PX] = (INK + PAPER) // 2
    reader, corners = GridReader(), corners_of(40, 40)
    assert reader.read(covered, corners, size=(40, 40), level=0) is None
    answer = reader.read(covered, corners, size=(40, 40), level=1)
    assert answer is not None
    assert answer[0] == payload
    assert answer[1] + answer[2] > 24


def test_blur_of_more_than_half_a_module() -> None:
    payload, modules = symbol(40, 40)
    blurred = cv2.GaussianBlur(drawn(modules), (0, 0), 0.6 * PX)
    assert levels_that_read(np.asarray(blurred, np.uint8), 40, payload) >= {2}


@pytest.mark.parametrize("gain", [1, -1])
def test_ink_that_ran_or_starved(gain: int) -> None:
    """Each edge is off by 3/8 module: a lone module is a quarter as wide as it should be."""
    payload, modules = symbol(40, 40)
    fine = drawn(modules, 4 * PX)
    move = cv2.erode if gain > 0 else cv2.dilate  # ink is dark
    fine = np.asarray(move(fine, np.ones((13, 13), np.uint8)), np.uint8)
    frame = cv2.resize(fine, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    assert levels_that_read(np.asarray(frame, np.uint8), 40, payload) >= {2}


def test_dead_nozzles_leave_half_modules() -> None:
    payload, modules = symbol(40, 40)
    frame = drawn(modules)
    for row in range(2, 38, 3):
        top = (QUIET + row) * PX + (row % 2) * PX // 2
        frame[top : top + PX // 2] = PAPER
    read = levels_that_read(frame, 40, payload)
    assert 0 not in read
    assert 2 in read


def bent(frame: Image, dx: NDArray[np.float32], dy: NDArray[np.float32]) -> Image:
    """Return the picture with each place taken from (dx, dy) pixels further."""
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32)
    return np.asarray(cv2.remap(frame, x + dx, y + dy, cv2.INTER_LINEAR), np.uint8)


def test_a_belt_that_wanders() -> None:
    payload, modules = symbol(40, 40)
    frame = drawn(modules)
    along = np.arange(frame.shape[1], dtype=np.float32)
    wander = 1.0 * PX * np.sin(2 * np.pi * along / (17 * PX))
    dx = np.broadcast_to(wander, frame.shape).astype(np.float32)
    read = levels_that_read(bent(frame, dx, np.zeros_like(dx)), 40, payload)
    assert not read & {0, 1}
    assert 3 in read


def test_creased_paper() -> None:
    payload, modules = symbol(40, 40)
    frame = drawn(modules)
    y, x = np.mgrid[: frame.shape[0], : frame.shape[1]].astype(np.float32) / PX
    dx = 0.6 * PX * np.sin(2 * np.pi * (x / 25 + y / 31))
    dy = 0.6 * PX * np.sin(2 * np.pi * (x / 33 - y / 23))
    read = levels_that_read(bent(frame, dx.astype(np.float32), dy.astype(np.float32)), 40, payload)
    assert read == {4}


# ---- never an answer that is not proven ------------------------------------------------------


def test_proof_bits_never_promise_more_than_there_is() -> None:
    for length, parity in ((8, 5), (12, 7), (24, 12), (40, 18), (162, 48), (218, 62), (175, 68)):
        for erasures in range(0, parity + 1, 3):
            for errors in range((parity - erasures) // 2 + 1):
                share = correctable_share(length, parity, errors, erasures)
                exact = log2(share.denominator) - log2(share.numerator)
                promised = proof_bits(length, parity, errors=errors, erasures=erasures)
                assert exact - 1.2 <= promised <= exact + 1e-3


def test_finder_bits_never_promise_more_than_there_is() -> None:
    for count in (36, 44, 76, 304):
        for right in range(count // 2, count + 1):
            share = toss_share(count, right)
            exact = log2(share.denominator) - log2(share.numerator)
            assert finder_bits(count, right) <= exact + 1e-3
        assert finder_bits(count, count) == pytest.approx(count)
        assert finder_bits(count, count // 3) == 0


@pytest.mark.parametrize("level", range(GRID_LEVELS))
@pytest.mark.parametrize("finder", [False, True], ids=["noise", "finder"])
def test_random_modules_are_never_read(level: int, finder: bool) -> None:
    """Grey modules at random, so that every doubt is; with a perfect finder round them too."""
    rng = np.random.default_rng((level, finder))
    reader = GridReader()
    for rows, columns in SIZES:
        modules = symbol(rows, columns)[1]
        fixed = symbol(rows, columns, 2)[1] == modules  # finder, timing, and half of the data
        for _ in range(max(2, (4000 if level < 2 else 800) // modules.size)):
            grey = rng.integers(INK, PAPER, modules.shape)
            if finder:
                known = _known(rows, columns)
                assert fixed[known].all()
                grey[known] = np.where(modules[known], INK, PAPER)
            grey = np.pad(grey, QUIET, constant_values=PAPER)
            frame = np.kron(grey, np.ones((3, 3))).astype(np.uint8)
            at = corners_of(rows, columns, 3)
            assert reader.read(frame, at, size=(rows, columns), level=level) is None


def test_erasures_need_more_proof_than_a_first_try() -> None:
    """Three wrong of twelve codewords leave 23 bits (csrc/proof.h): enough for one try alone.

    With 16 bits for both, one ruined 12x12 in 200,000 grids was read, and one 20x20 of a campaign.
    """
    assert proof_bits(12, 7, errors=3, erasures=0) < 28 < proof_bits(12, 7, errors=2, erasures=0)
    payload, modules = symbol(12, 12)
    cell_of = {place: cell for cell, place in mapping_matrix(10, 10).items()}
    reader, at = GridReader(), corners_of(12, 12)
    read_at = {}
    for wrong in (2, 3):
        spoilt = modules.copy()
        for codeword in (9, 6, 11)[:wrong]:
            row, column = cell_of[codeword, 0]
            spoilt[row + 1, column + 1] ^= True  # the finder's lines are outside
        frame = drawn(spoilt)
        levels = [reader.read(frame, at, size=(12, 12), level=i) for i in range(3)]
        assert all(found is None or found[0] == payload for found in levels)
        read_at[wrong] = [found is not None for found in levels]
    assert read_at == {2: [True, True, True], 3: [True, False, False]}


def _known(rows: int, columns: int) -> NDArray[np.bool_]:
    """Return which modules are the same in every symbol of the size."""
    several = np.array([symbol(rows, columns, seed)[1] for seed in range(2, 22)])
    return np.asarray((several == several[0]).all(0))


@pytest.mark.parametrize("level", range(GRID_LEVELS))
def test_grids_beyond_the_frame_and_of_nonsense(level: int) -> None:
    reader = GridReader()
    rng = np.random.default_rng(level)
    corners = corners_of(24, 24)
    bad = [
        corners + 1e6,
        corners - 1e9,
        corners * 0,
        corners * np.nan,
        corners[::-1] * 1e-3,
        corners * np.inf,
        np.array([(0, 0), (50, 0), (0, 50), (50, 50)], np.float64),
    ]
    for shape in ((1, 1), (1, 300), (300, 1), (3, 3), (128, 128)):
        frame = rng.integers(0, 256, shape).astype(np.uint8)
        for at in bad:
            assert reader.read(frame, at, size=(24, 24), level=level) is None


def test_wrong_arguments_are_named() -> None:
    reader, frame = GridReader(), np.zeros((9, 9), np.uint8)
    with pytest.raises(Exception, match="11x11 is not one of the 48"):
        reader.read(frame, corners_of(9, 9), size=(11, 11), level=0)
    with pytest.raises(Exception, match="level 9 of a grid; 0 to 4"):
        reader.read(frame, corners_of(9, 9), size=(10, 10), level=9)
    with pytest.raises(Exception, match=r"corners are not float\[4, 2\]"):
        reader.read(frame, np.zeros((3, 2)), size=(10, 10), level=0)


def test_work_is_counted() -> None:
    modules = symbol(40, 40)[1]
    reader, units = GridReader(), []
    noise = np.random.default_rng(1).integers(0, 256, (192, 192)).astype(np.uint8)
    for level in range(GRID_LEVELS):
        assert reader.read(noise, corners_of(40, 40), size=(40, 40), level=level) is None
        units.append(reader.units)
    assert units == sorted(units)
    assert units[0] <= 3
    assert reader.read(drawn(modules), corners_of(40, 40), size=(40, 40), level=0) is not None
    assert reader.units <= 3


# ---- every instruction set, the same answers --------------------------------------------------


def _answers() -> list[object]:
    """Return what all levels say of noisy, blurred symbols, floats and all."""
    reader, answers = GridReader(), []
    for seed in range(6):
        rows, columns = ((40, 40), (36, 36), (16, 48))[seed % 3]
        rng = np.random.default_rng(seed)
        frame = cv2.GaussianBlur(drawn(symbol(rows, columns, seed)[1]), (0, 0), 0.3 * PX)
        noisy = np.clip(frame + 30 * rng.standard_normal(frame.shape), 0, 255).astype(np.uint8)
        at = corners_of(rows, columns) + rng.uniform(-0.8, 0.8, (4, 2))
        for level in range(GRID_LEVELS):
            answer = reader.read(noisy, at, size=(rows, columns), level=level)
            answers.append(None if answer is None else [answer[0].hex(), *answer[1:]])
    return answers


def test_portable_code_gives_the_same_answers() -> None:
    code = (
        "import json; from tests.imicore.test_grid_reader import _answers;"
        "print(json.dumps(_answers()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "IMI_ISA": "portable"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == _answers()
    assert sum(answer is not None for answer in _answers()) >= 10
