"""EC key pairs: made, tested, encrypted; public keys as points.

Keys come from the operating system's random source through ``cryptography``. A private key lives in
this process's memory: this is for a simulator, not a tamper-resistant device, and Python cannot
wipe what it copies.
"""

from dataclasses import dataclass, field
from typing import cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from imicore.errors import BackendFailure, BadArgument, BadKey
from imicore.signature import CURVE, Algorithm

MIN_SECRET_BYTES = 16


@dataclass(frozen=True)
class PrivateKey:
    """A private key and what is public of it. The secret does not show in ``repr``.

    Made of a ``cryptography`` key; BadKey unless that is on P-256 or P-384.
    """

    handle: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)
    algorithm: Algorithm = field(init=False)
    public_key: bytes = field(init=False)  # uncompressed point

    def __post_init__(self) -> None:
        if not isinstance(self.handle, ec.EllipticCurvePrivateKey):
            raise BadKey(f"{type(self.handle).__name__} is no EC private key")
        curve = self.handle.curve.name
        found = [algorithm for algorithm, known in CURVE.items() if known.name == curve]
        if not found:
            raise BadKey(f"a private key on {curve}; wanted is P-256 or P-384")
        object.__setattr__(self, "algorithm", found[0])
        object.__setattr__(self, "public_key", _uncompressed(self.handle.public_key()))

    @classmethod
    def from_scalar(cls, scalar: int, algorithm: Algorithm = Algorithm.P256) -> "PrivateKey":
        """Return the key of a known scalar, as published vectors give it.

        >>> PrivateKey.from_scalar(1).public_key[:4].hex()  # the generator
        '046b17d1'
        """
        try:
            return cls(ec.derive_private_key(scalar, CURVE[algorithm]))
        except ValueError as error:
            raise BadKey(f"no scalar of {algorithm.name}: {error}") from error

    @classmethod
    def decrypt(cls, data: bytes, secret: bytes) -> "PrivateKey":
        """Return the key that ``encrypt`` wrote. BadKey for another secret or damaged data."""
        try:
            handle = serialization.load_der_private_key(data, secret)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadKey(f"{len(data)} bytes do not open as an encrypted key: {error}") from error
        return cls(cast(ec.EllipticCurvePrivateKey, handle))  # the constructor checks the kind

    @classmethod
    def load(cls, data: bytes) -> "PrivateKey":
        """Return the key that ``plain`` wrote, once its seal was opened. BadKey for other data."""
        try:
            handle = serialization.load_der_private_key(data, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadKey(f"{len(data)} bytes are no private key: {error}") from error
        return cls(cast(ec.EllipticCurvePrivateKey, handle))

    def encrypt(self, secret: bytes) -> bytes:
        """Return the key as PKCS #8 DER, encrypted under ``secret`` (16 bytes or more)."""
        demand_secret(secret)
        return self.handle.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(secret),
        )

    def plain(self) -> bytes:
        """Return the key as PKCS #8 DER, not encrypted: for a caller that seals it itself."""
        return self.handle.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def scalar(self) -> bytes:
        """Return the secret itself, big-endian; for the native engine, and nothing else."""
        value = self.handle.private_numbers().private_value
        return value.to_bytes(self.algorithm.width, "big")


def generate(algorithm: Algorithm = Algorithm.P256) -> PrivateKey:
    """Return a new key that passed the pairwise consistency test (ISO/IEC 19790:2012, 7.10.3.3).

    >>> generate().public_key[0], len(generate(Algorithm.P384).public_key)
    (4, 97)
    """
    key = PrivateKey(ec.generate_private_key(CURVE[algorithm]))
    demand_pair(key, key.public_key)
    return key


def demand_pair(key: PrivateKey, point: bytes) -> None:
    """Raise BackendFailure unless what ``key`` signs verifies with ``point``."""
    public = ec.EllipticCurvePublicKey.from_encoded_point(CURVE[key.algorithm], point)
    scheme = ec.ECDSA(hashes.SHA256())
    probe = b"pairwise consistency"
    try:
        public.verify(key.handle.sign(probe, scheme), probe, scheme)
    except InvalidSignature as error:
        raise BackendFailure("the public key does not verify what the private key signs") from error


def public_point(data: bytes, algorithm: Algorithm | None = None) -> bytes:
    """Return a compressed or uncompressed SEC 1 point as uncompressed bytes.

    BadKey where it is not a point of P-256 or P-384, or not of the ``algorithm`` demanded.

    >>> public_point(compressed(generate().public_key))[0]
    4
    """
    found = Algorithm.of_public_key(data)
    if found is None or algorithm not in {None, found}:
        wanted = "P-256 or P-384" if algorithm is None else algorithm.name
        raise BadKey(
            f"{len(data)} bytes starting {data[:1].hex() or 'nowhere'} are no {wanted} point"
        )
    try:
        return _uncompressed(ec.EllipticCurvePublicKey.from_encoded_point(CURVE[found], data))
    except ValueError as error:
        raise BadKey(f"the point is not on {found.name}") from error


def compressed(point: bytes) -> bytes:
    """Return an uncompressed point of P-256 or P-384 as 02||x or 03||x."""
    point = public_point(point)
    width = len(point) // 2
    return bytes([2 + (point[-1] & 1)]) + point[1 : 1 + width]


def demand_secret(secret: bytes) -> None:
    """Raise BadArgument for a secret of less than 16 bytes."""
    if len(secret) < MIN_SECRET_BYTES:
        raise BadArgument(
            f"a secret of {len(secret)} bytes; at least {MIN_SECRET_BYTES} are wanted"
        )


def _uncompressed(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
