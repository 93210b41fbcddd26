"""The reader on photographs of printed symbols, made by bench/camera.py with known answers."""

import numpy as np
import numpy.typing as npt
import pytest

from bench.camera import Shot, paper, photograph
from imicore import datamatrix
from imicore.reader import Reading, read

pytestmark = pytest.mark.native

INDICIUM_BYTES = {36: 78, 40: 90, 44: 130}  # payloads of the mail suite (peers.md 3)
CLEAN = Shot()


def indicium(
    rng: np.random.Generator, side: int = 40
) -> tuple[bytes, npt.NDArray[np.bool_]]:
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
