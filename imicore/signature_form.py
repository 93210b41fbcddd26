"""What an ECDSA signature looks like and what may be found about it; no key, no arithmetic.

``imicore.signature`` offers all of this under its own name.
"""

import enum

from imicore import _imaging
from imicore.errors import BadArgument


class Algorithm(enum.Enum):
    """A curve with its hash. The value is what a key record stores."""

    P256 = "ecdsa-p256-sha256"
    P384 = "ecdsa-p384-sha384"

    @property
    def width(self) -> int:
        """Bytes of r, of s, of a coordinate and of the digest: 32 or 48."""
        return 32 if self is Algorithm.P256 else 48

    @property
    def signature_bytes(self) -> int:
        """Bytes of a raw signature: 64 or 96."""
        return 2 * self.width

    @classmethod
    def of_public_key(cls, point: bytes) -> "Algorithm | None":
        r"""Return the algorithm of a SEC 1 point by its length and first byte; None if neither.

        >>> Algorithm.of_public_key(b"\x02" + bytes(48))
        <Algorithm.P384: 'ecdsa-p384-sha384'>
        """
        coordinates = {4: 2, 2: 1, 3: 1}.get(point[0] if point else 0, 0)
        for algorithm in cls:
            if coordinates and len(point) == 1 + coordinates * algorithm.width:
                return algorithm
        return None


ORDERS = {
    Algorithm.P256: 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    Algorithm.P384: int(
        "ffffffffffffffffffffffffffffffffffffffffffffffff"
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    ),
}
"""Orders n of the groups (FIPS 186-4 D.1.2.3 and D.1.2.4)."""


class Check(enum.IntEnum):
    """What verification found. Only ``VALID`` accepts; the rest say why not, first reason first."""

    VALID = 0
    UNKNOWN_KEY = 1  # the caller has no key for the device
    BAD_KEY = 2  # the key is no compressed or uncompressed point of P-256 or P-384
    WRONG_LENGTH = 3  # not 64 bytes (P-384: 96)
    DER_FORM = 4  # a DER signature where raw r||s is due
    R_ZERO = 5
    S_ZERO = 6
    R_OUT_OF_RANGE = 7  # r >= n
    S_OUT_OF_RANGE = 8  # s >= n
    HIGH_S = 9  # s > n/2: the malleated twin of a signature, or a signer that does not normalise
    MISMATCH = 10  # well formed, and not this key's signature of this message


def raw_to_der(signature: bytes) -> bytes:
    r"""Return raw r||s (64 or 96 bytes) as DER. BadArgument where r or s is not in [1, n-1].

    >>> raw_to_der(bytes(31) + b"\x80" + bytes(31) + b"\x01").hex()
    '300702020080020101'
    """
    return _imaging.ecdsa_raw_to_der(signature)


def der_to_raw(signature: bytes, algorithm: Algorithm = Algorithm.P256) -> bytes:
    """Return a minimal DER signature as raw r||s. BadArgument for any other form or range.

    >>> raw = der_to_raw(bytes.fromhex("300702020080020101"))
    >>> raw[31], raw[63], len(raw)
    (128, 1, 64)
    """
    return _imaging.ecdsa_der_to_raw(signature, algorithm.width)


def low_s(signature: bytes) -> bytes:
    r"""Return a raw signature in its one form, s at most n / 2; a low one comes back as it is.

    (r, s) and (r, n - s) verify alike, so a signature in the high form proves a holder of the
    genuine one, and nothing more. BadArgument for a length that is not 64 or 96.

    >>> low_s(bytes(31) + b"\x01" + ORDERS[Algorithm.P256].to_bytes(32, "big"))[32:] == bytes(32)
    True
    """
    width, odd = divmod(len(signature), 2)
    algorithm = {one.width: one for one in Algorithm}.get(width)
    if odd or algorithm is None:
        raise BadArgument(f"{len(signature)} bytes; a raw signature has 64 or 96")
    order, s = ORDERS[algorithm], int.from_bytes(signature[width:], "big")
    return signature if 2 * s <= order else signature[:width] + (order - s).to_bytes(width, "big")
