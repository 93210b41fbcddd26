"""Data Matrix ECC 200 symbols: payload bytes to modules and back (ISO/IEC 16022:2006, 21471:2020)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imicore import _codec
from imicore._codec import Symbol, encode, encode_many, symbol_from_codewords

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Decoded",
    "Symbol",
    "SymbolSize",
    "decode",
    "encode",
    "encode_many",
    "symbol_from_codewords",
    "symbol_sizes",
]


@dataclass(frozen=True, slots=True)
class SymbolSize:
    """One of the 48 symbol sizes; counts are of modules or codewords of the whole symbol."""

    rows: int
    columns: int
    regions_down: int
    regions_across: int
    data_codewords: int
    error_codewords: int
    blocks: int
    dmre: bool
    base256_bytes: int

    @property
    def size(self) -> tuple[int, int]:
        """``(rows, columns)``, as `encode` takes it."""
        return (self.rows, self.columns)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a symbol says, and how much of it had to be corrected."""

    payload: bytes
    errors_corrected: int
    erasures: int
    gs1: bool
    industry: bool
    reader_programming: bool
    macro: int
    eci: int | None
    append_index: int
    append_total: int
    append_file_id: int
    data_codewords_used: int


def symbol_sizes() -> list[SymbolSize]:
    """Return all 48 sizes: 24 square, 6 rectangular, 18 DMRE.

    >>> sum(size.dmre for size in symbol_sizes())
    18
    """
    return [SymbolSize(*row) for row in _codec.symbol_sizes()]


def decode(modules: "ArrayLike", *, doubt: "ArrayLike | None" = None) -> Decoded:
    """Return what the symbol with these modules says.

    >>> decode(encode(b"indicium").modules).payload
    b'indicium'
    """
    return Decoded(*_codec.decode(_bytes_of(modules), None if doubt is None else _bytes_of(doubt)))


def _bytes_of(values: "ArrayLike") -> "NDArray[np.uint8]":
    array = np.ascontiguousarray(values)
    return array.view(np.uint8) if array.dtype == np.bool_ else array
