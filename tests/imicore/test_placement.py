"""Module placement against Annex F written as a dictionary, for all 48 sizes."""

import numpy as np
import pytest

from imicore import _codec
from imicore.datamatrix import SymbolSize, symbol_from_codewords, symbol_sizes
from tests.oracles.annex_f import mapping_matrix

pytestmark = pytest.mark.native

SIZES = pytest.mark.parametrize("size", symbol_sizes(), ids=lambda s: f"{s.rows}x{s.columns}")


def region_of(size: SymbolSize) -> tuple[int, int]:
    return size.rows // size.regions_down, size.columns // size.regions_across


def data_modules(size: SymbolSize) -> np.ndarray:
    """Return symbol[rows, columns] bool, True where a module is not of a border."""
    height, width = region_of(size)
    region = np.zeros((height, width), bool)
    region[1:-1, 1:-1] = True
    return np.tile(region, (size.regions_down, size.regions_across))


@SIZES
def test_every_module_of_a_codeword_is_where_annex_f_puts_it(size: SymbolSize) -> None:
    inside = np.flatnonzero(data_modules(size))
    rows, columns = size.rows - 2 * size.regions_down, size.columns - 2 * size.regions_across
    expected = [0] * (8 * (size.data_codewords + size.error_codewords))
    for (row, column), (codeword, bit) in mapping_matrix(rows, columns).items():
        expected[8 * codeword + bit] = int(inside[row * columns + column])
    assert _codec.module_indices(size.size) == expected


@SIZES
def test_every_data_module_belongs_to_one_codeword_or_the_fixed_corner(size: SymbolSize) -> None:
    indices = _codec.module_indices(size.size)
    assert len(set(indices)) == len(indices)
    left = set(np.flatnonzero(data_modules(size)).tolist()) - set(indices)
    last = (size.rows - 2) * size.columns + size.columns - 2
    corner = {last, last - 1, last - size.columns, last - size.columns - 1}
    assert left in (set(), corner)


@SIZES
@pytest.mark.parametrize("filling", [0, 255])
def test_borders_and_corner_do_not_depend_on_the_codewords(size: SymbolSize, filling: int) -> None:
    """ISO/IEC 16022:2006 4.3.1: solid left and below, alternating above and to the right."""
    data = bytes([filling]) * size.data_codewords
    symbol = symbol_from_codewords(data, size.size)
    height, width = region_of(size)
    for top in range(0, size.rows, height):
        for left in range(0, size.columns, width):
            region = symbol.modules[top : top + height, left : left + width]
            assert region[:, 0].all()
            assert region[-1].all()
            assert (region[0] == (np.arange(width) % 2 == 0)).all()
            assert (region[:, -1] == (np.arange(height) % 2 == 1)).all()
    if (size.rows - 2 * size.regions_down) * (size.columns - 2 * size.regions_across) % 8:
        assert symbol.modules[-3:-1, -3:-1].tolist() == [[True, False], [False, True]]
    assert symbol.codewords[: size.data_codewords] == data
