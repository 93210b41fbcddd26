"""The print raster: geometry, dots against the slow renderer, readers, refusals."""

import numpy as np
import pytest

from imicore.raster import Rasterizer
from tests.oracles import raster as oracle

pytestmark = pytest.mark.native

LINES = ["US POSTAGE", "$0.78", "FIRST-CLASS MAIL", "JUL 13 2026", "ZIP 06484", "TST0 0000000001"]


def modules(rows: int = 40, columns: int = 40, seed: int = 1) -> np.ndarray:
    """Random modules with the solid and the alternating borders of ISO/IEC 16022."""
    dark = np.random.default_rng(seed).random((rows, columns)) < 0.5
    dark[0] = np.arange(columns) % 2 == 0
    dark[:, -1] = np.arange(rows) % 2 == 1
    dark[-1] = dark[:, 0] = True
    return dark


@pytest.mark.parametrize("gain", [0, 2, 4, 6])
@pytest.mark.parametrize(("rows", "columns"), [(40, 40), (8, 32), (10, 10), (26, 24)])
def test_symbol_rows_match_the_slow_renderer(rows: int, columns: int, gain: int) -> None:
    dark = modules(rows, columns)
    packed = Rasterizer(1200, ink_gain_dots=gain).symbol_rows(dark, 7)
    assert (oracle.unpack(packed, columns * 7) == oracle.symbol_dots(dark, 7, gain)).all()
