"""Mixed texts, and how many data codewords the peers take for them.

A peer's matrix is read with our decoder, which says where the padding starts.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imicore import _codec, datamatrix

CAPACITIES = {size.size: size.data_codewords for size in datamatrix.symbol_sizes()}
ALPHABETS = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    b"abcdefghijklmnopqrstuvwxyz",
    b"0123456789",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 *>\r",
    bytes(range(32, 95)),
    b"abcdefghijklmnopqrstuvwxyz0123456789 ABC.,-/",
    bytes(range(1, 128)),
    bytes(range(160, 256)),
    bytes(range(256)),
]


def mixed_texts(count: int, seed: int) -> Iterator[bytes]:
    """Yield texts of 1 to about 120 bytes that change their alphabet every few bytes."""
    choose = random.Random(seed)
    for _ in range(count):
        runs = choose.randint(1, 8)
        longest = choose.choice([3, 6, 15])
        yield b"".join(
            bytes(choose.choices(choose.choice(ALPHABETS), k=choose.randint(1, longest)))
            for _ in range(runs)
        )


@dataclass(frozen=True)
class Taken:
    """What a peer's symbol of some capacity takes, and how much of it is an ECI."""

    payload: bytes
    capacity: int
    used: int
    eci: int


def taken(modules: NDArray[np.bool_]) -> Taken:
    decoded = datamatrix.decode(modules)
    eci = 0 if decoded.eci is None else 2 if decoded.eci <= 126 else 3
    return Taken(decoded.payload, CAPACITIES[modules.shape], decoded.data_codewords_used, eci)


def zint_encoder() -> Callable[[bytes], Taken]:
    """zint's default: its minimal encodation."""
    import zint

    symbol = zint.Symbol()
    symbol.symbology = zint.Symbology.DATAMATRIX
    symbol.option_3 = zint.DataMatrixOptions.SQUARE

    def encode(text: bytes) -> Taken:
        symbol.clear()
        symbol.encode(text)
        packed = np.array(symbol.encoded_data, dtype=np.uint8)[: symbol.rows]
        bits = np.unpackbits(packed, axis=1, bitorder="little")[:, : symbol.width]
        return taken(bits.astype(bool))

    return encode


def zxing_encoder() -> Callable[[bytes], Taken]:
    """zxing-cpp writes bytes, other than ASCII, after an ECI."""
    import zxingcpp

    kind = zxingcpp.BarcodeFormat.DataMatrix

    def encode(text: bytes) -> Taken:
        content = text.decode("ascii") if text.isascii() else text
        symbol = zxingcpp.create_barcode(content, kind, force_square=True)
        picture = np.asarray(symbol.to_image(scale=1, add_quiet_zones=False))
        return taken(picture < 128)

    return encode


def gain(text: bytes, peer: Taken) -> int:
    """Return how many codewords fewer ours takes, in a symbol with the room that the peer had.

    An ECI is not held against the peer: it is taken from its count and from the room.
    """
    assert peer.payload == text
    fewest = _codec.fewest_codewords(text, peer.capacity - peer.eci)
    assert fewest is not None, f"{text!r} does not fit where the peer wrote it"
    return peer.used - peer.eci - fewest


def picture(modules: NDArray[np.bool_], scale: int = 4) -> NDArray[np.uint8]:
    """Draw a symbol for a reader: uint8[H, W], dark 0, light 255, two light modules around."""
    light = np.pad(~modules, 2, constant_values=True)
    return np.kron(light, np.full((scale, scale), 255)).astype(np.uint8)
