"""A signer whose private key is elsewhere: hashed here, signed there, verified before release."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from imicore import _imaging
from imicore.errors import BadArgument, TokenUntrusted
from imicore.signature import Algorithm, Check, Verifier

_DIGEST: Final = {Algorithm.P256: hashlib.sha256, Algorithm.P384: hashlib.sha384}
_PROBE: Final = b"equal messages"


class HardwareSigner:
    """Signs with a key that ``sign_digest`` reaches; a `DeviceSigner`. Thread-safe if that is.

    ``sign_digest`` takes the digest of the algorithm (32 bytes for P-256) and answers raw r||s, of
    high or low s. What it answers is foreign input: nothing leaves unless it verifies with
    ``public_key``, because one faulty signature can give a key away.

    >>> from imicore.eckeys import generate
    >>> def broken(digest: bytes) -> bytes:
    ...     return bytes(64)
    >>> signer = HardwareSigner(Algorithm.P256, generate().public_key, broken)
    >>> signer.sign(b"indicium")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    imicore.errors.TokenUntrusted: a signature that is none: r or s of the signature is 0...
    """

    def __init__(
        self, algorithm: Algorithm, public_key: bytes, sign_digest: Callable[[bytes], bytes]
    ) -> None:
        self.algorithm = algorithm
        self.public_key = public_key
        self._sign_digest = sign_digest
        self._digest = _DIGEST[algorithm]
        self._verifier = Verifier(cached_keys=1)
        self._deterministic: bool | None = None
        self._untrusted = ""

    @property
    def deterministic(self) -> bool:
        """Whether equal messages have equal signatures: asked of the key itself, twice, once."""
        if self._deterministic is None:
            self._deterministic = self.sign(_PROBE) == self.sign(_PROBE)
        return self._deterministic

    def sign(self, message: bytes) -> bytes:
        """Return raw r||s of ``message``, low s, verified.

        Raises:
            TokenUntrusted: the answer has another length or does not verify. It is not passed on,
                and this signer asks no more.
            TokenError: the token refused, by name.
        """
        if self._untrusted:
            raise TokenUntrusted(self._untrusted)
        raw = self._sign_digest(self._digest(message).digest())
        wrong, lowered = self._lowered(message, raw)
        if wrong:
            self._untrusted = wrong
            raise TokenUntrusted(wrong)
        return lowered

    def sign_batch(self, messages: Iterable[bytes]) -> list[bytes]:
        """Return the signature of each message: one after the other, tokens have no batch."""
        return [self.sign(message) for message in messages]

    def _lowered(self, message: bytes, raw: bytes) -> tuple[str, bytes]:
        """Return what is wrong with a signature ("" if nothing is), and it with low s."""
        wanted = 2 * self.algorithm.width
        if len(raw) != wanted:
            return f"a signature of {len(raw)} bytes; {self.algorithm.name} has {wanted}", b""
        try:
            lowered = _imaging.ecdsa_lower_s(raw)
        except BadArgument as error:
            return f"a signature that is none: {error}", b""
        check = self._verifier.verify(message, lowered, self.public_key)
        if check is not Check.VALID:
            return f"a signature that does not verify ({check.name})", b""
        return "", lowered
