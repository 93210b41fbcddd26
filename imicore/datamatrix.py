"""Data Matrix ECC 200: payload bytes to modules and back (ISO/IEC 16022:2006, 21471:2020).

Highest of three levels: these functions for users; `symbol_from_codewords` and `read_codewords` for
people with codewords; ``imicore._codec`` (`rs_encode`, `rs_correct`) for tests and the curious.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imicore import _codec
from imicore._codec import Symbol, encode, encode_many, symbol_from_codewords
from imicore.errors import BadArgument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Decoded",
    "Symbol",
    "SymbolSize",
    "decode",
    "encode",
    "encode_many",
    "read_codewords",
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
    """Interleaved Reed-Solomon blocks; a block corrects half of its share of error codewords."""
    dmre: bool
    base256_bytes: int
    """Longest payload in Base 256."""

    @property
    def size(self) -> tuple[int, int]:
        """``(rows, columns)``, as `encode` takes it."""
        return (self.rows, self.columns)


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a symbol says, and how much of it had to be corrected."""

    payload: bytes
    errors_corrected: int
    """Codewords changed whose place was not announced by doubt."""
    erasures: int
    """Codewords given up for their doubt, and computed anew."""
    gs1: bool
    """FNC1 stands first: the payload is GS1 element strings."""
    industry: bool
    """FNC1 stands second: the payload is in an industry's format named by AIM."""
    reader_programming: bool
    macro: int
    """0, 5 or 6; the macro's header and trailer are part of the payload."""
    eci: int | None
    """First extended channel (0 to 999,999) in the symbol; the payload's bytes are as written."""
    append_index: int
    """Structured append: place of this symbol, from 1; 0 where it stands alone."""
    append_total: int
    """Structured append: 2 to 16 symbols; 0 where it stands alone."""
    append_file_id: int
    """Structured append: both identification codewords, the first times 256."""
    data_codewords_used: int
    """Data codewords before the first pad."""


def symbol_sizes() -> list[SymbolSize]:
    """Return all 48 sizes: 24 square, 6 rectangular (ISO/IEC 16022 Table 7), 18 DMRE (21471).

    >>> [size.base256_bytes for size in symbol_sizes() if size.size == (40, 40)]
    [112]
    """
    return [SymbolSize(*row) for row in _codec.symbol_sizes()]


def decode(modules: "ArrayLike", *, doubt: "ArrayLike | None" = None) -> Decoded:
    """Return what the symbol with these modules says.

    Args:
        modules: bool or numbers[rows, columns], non-zero = dark, the whole symbol without quiet
            zone; finder and timing are not looked at.
        doubt: uint8[rows, columns], 0 = sure, 255 = no idea. Where errors alone do not correct, the
            codewords in greatest doubt are tried as erasures, within ISO/IEC 16022:2006 5.7.3.

    Raises:
        NoSuchSize: the array is not one of the 48 sizes.
        BadArgument: the arrays differ in shape, or are not what is said above.
        Uncorrectable: a block has more damage than its error codewords correct.
        MalformedPayload: the corrected codewords are no message.

    The answer is proven: all syndromes of the corrected codewords vanish.

    >>> decode(encode(b"indicium").modules).payload
    b'indicium'
    """
    dark = np.asarray(modules)
    if dark.ndim != 2:
        raise BadArgument(f"modules have {dark.ndim} dimensions; they need rows and columns")
    if dark.dtype not in (np.bool_, np.uint8):
        dark = dark != 0
    return Decoded(*_codec.decode(_bytes_of(dark), None if doubt is None else _doubt_of(doubt)))


def read_codewords(data: bytes) -> Decoded:
    """Return what these data codewords say: pads may follow, error codewords may not.

    Raises:
        MalformedPayload: the codewords are no message of ISO/IEC 16022:2006 5.2.

    >>> read_codewords(bytes([142, 164, 186])).payload
    b'123456'
    """
    return Decoded(*_codec.read_message(data))


def _doubt_of(doubt: "ArrayLike") -> "NDArray[np.uint8]":
    array = np.asarray(doubt)
    if array.ndim != 2 or array.dtype != np.uint8:
        raise BadArgument(f"doubt is {array.dtype}[{array.ndim} dimensions]; it is uint8, two")
    return _bytes_of(array)


def _bytes_of(array: "NDArray[np.bool_] | NDArray[np.uint8]") -> "NDArray[np.uint8]":
    return np.ascontiguousarray(array).view(np.uint8)
