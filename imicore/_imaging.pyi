"""Native objects; the typed Python face is in the modules named at each section."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

# --- signature (bind_signature.cpp) ---

class Libcrypto:
    def __init__(self, file: str) -> None: ...
    @property
    def version(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def fips(self) -> bool: ...

class EcdsaSigner:
    def __init__(self, libcrypto: Libcrypto, width: int, scalar: bytes, point: bytes) -> None: ...
    def sign_batch(self, messages: Iterable[bytes]) -> list[bytes]: ...

class EcdsaVerifier:
    def __init__(
        self, libcrypto: Libcrypto, *, cached_keys: int, hot_keys: int, hot_after: int
    ) -> None: ...
    def verify(self, message: bytes, signature: bytes, public_key: bytes | None) -> int: ...
    def verify_batch(
        self,
        messages: Sequence[bytes],
        signatures: Sequence[bytes],
        public_keys: Sequence[bytes | None],
    ) -> bytes: ...
    def warm(self, public_key: bytes) -> bool: ...
    def statistics(self) -> dict[str, Any]: ...

class EcdsaBareLoop:
    def __init__(self, libcrypto: Libcrypto, width: int, scalar: bytes, point: bytes) -> None: ...
    def sign(self, messages: Iterable[bytes]) -> list[bytes]: ...
    def sign_and_drop(self, messages: Iterable[bytes]) -> int: ...
    def verify(self, messages: Sequence[bytes], signatures: Sequence[bytes]) -> int: ...

def ecdsa_check_form(width: int, signature: bytes) -> int: ...
def ecdsa_raw_to_der(signature: bytes) -> bytes: ...
def ecdsa_der_to_raw(signature: bytes, width: int) -> bytes: ...
def ecdsa_lower_s(signature: bytes) -> bytes: ...

# --- end of signature ---

# --- imicore.presence (bind_presence.cpp) ---

class PresenceMap:
    """The numbers seen in each of many series; see ``imicore.presence.Presence``."""

    def __init__(self) -> None: ...
    def add(
        self, series: npt.NDArray[np.uint64], numbers: npt.NDArray[np.uint32]
    ) -> npt.NDArray[np.bool_]: ...
    def contains(
        self, series: npt.NDArray[np.uint64], numbers: npt.NDArray[np.uint32]
    ) -> npt.NDArray[np.bool_]: ...
    def add_one(self, series: int, number: int) -> bool: ...
    def contains_one(self, series: int, number: int) -> bool: ...
    @property
    def size(self) -> int: ...
    @property
    def blocks(self) -> int: ...
    @property
    def memory_bytes(self) -> int: ...

# --- imicore.raster, imicore.glyphs, imicore.writers (bind_raster.cpp) ---

class SymbolPen:
    """Draws modules as squares of dots; see ``imicore.raster.Rasterizer``."""

    def __init__(self, *, dots_per_module: int, inset: int) -> None: ...
    def rows(self, modules: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]: ...
    def rows_many(
        self, symbols: list[npt.NDArray[np.bool_]], out: npt.NDArray[np.uint8] | None = None
    ) -> npt.NDArray[np.uint8]: ...

class GlyphSheet:
    """One font at one size as 1-bit glyphs; see ``imicore.glyphs``."""

    def __init__(self) -> None: ...
    def add(
        self,
        character: int,
        bitmap: npt.NDArray[np.uint8],
        width: int,
        left: int,
        top: int,
        advance: int,
    ) -> None: ...
    def measure(self, text: str) -> int: ...

class Template:
    """What the pieces of a job share, and the places of what differs."""

    def __init__(
        self,
        *,
        rows: npt.NDArray[np.uint8],
        width: int,
        dots_per_inch: int,
        pen: SymbolPen,
        symbol_modules: tuple[int, int],
        symbol_corner: tuple[int, int],
        places: Sequence[tuple[GlyphSheet, int, int, int]],
    ) -> None: ...
    def compose(
        self, modules: npt.NDArray[np.bool_], texts: Sequence[str]
    ) -> npt.NDArray[np.uint8]: ...

def draw_text(
    rows: npt.NDArray[np.uint8],
    width: int,
    place: tuple[GlyphSheet, int, int, int],
    text: str,
    dots_per_inch: int,
) -> None: ...
def pwg(pages: Sequence[tuple[npt.NDArray[np.uint8], int, int]], media_name: str) -> bytes: ...

# --- bind_reader.cpp ---

class FrameReader:
    def __init__(self) -> None: ...
    def read(
        self,
        frame: npt.NDArray[np.uint8],
        *,
        limit: int,
        sizes: list[tuple[int, int]],
        effort: int,
        budget_ms: float | None,
        accept: Callable[[bytes], bool] | None,
    ) -> list[
        tuple[
            bytes,
            npt.NDArray[np.float32],
            tuple[int, int],
            int,
            npt.NDArray[np.bool_],
            bool,
            bool,
        ]
    ]: ...
    def suspect(
        self,
        frame: npt.NDArray[np.uint8],
        *,
        sizes: list[tuple[int, int]],
        effort: int,
    ) -> tuple[npt.NDArray[np.float32], float] | None: ...

# --- grids (bind_grid.cpp) ---

class GridReader:
    """Reads a symbol whose corners are about known: that stage of the reader alone, to measure it.

    `read` returns payload, errors corrected, erasures and agreement of the fixed modules, or None.
    """

    def __init__(self) -> None: ...
    def read(
        self,
        frame: npt.NDArray[np.uint8],
        corners: npt.NDArray[np.float64],
        *,
        size: tuple[int, int],
        level: int,
        inverted: bool = False,
    ) -> tuple[bytes, int, int, float] | None: ...
    @property
    def units(self) -> int: ...

def proof_bits(length: int, parity: int, *, errors: int, erasures: int) -> float: ...
def finder_bits(count: int, right: int) -> float: ...

GRID_LEVELS: int

# --- end of grids ---

# --- imicore.imb_reader (bind_imb.cpp) ---

class BarFinder:
    """Rows of 65 bars: float32[2, 65] of ends (up, down; -1 to 1) and float32[4, 2] of corners."""

    def __init__(self) -> None: ...
    def read(
        self, frame: npt.NDArray[np.uint8], *, limit: int
    ) -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]: ...

# --- imicore.pdf417 (bind_imb.cpp) ---

def upright_parts(
    frame: npt.NDArray[np.uint8],
) -> list[tuple[npt.NDArray[np.uint8], tuple[float, int, int]]]: ...

# --- bind_grade.cpp ---

class SymbolGrader:
    """Scratch memory of the grader; see ``imicore.grade``."""

    def __init__(self) -> None: ...
    def grade(
        self,
        frame: npt.NDArray[np.uint8],
        *,
        reflectance: npt.NDArray[np.float32],
        channel: int,
        colours: list[int],
        size: tuple[int, int],
        corners: npt.NDArray[np.float32],
        modules: npt.NDArray[np.bool_],
        payload: bytes,
        inverted: bool,
        aperture_px: float,
    ) -> dict[str, Any]: ...
