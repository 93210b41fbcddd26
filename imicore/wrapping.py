"""Secrets made of a secret, and bytes sealed under one: HKDF-SHA256 and AES-256-GCM."""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from imicore.errors import BadKey

NONCE_BYTES = 12
_TAG_BYTES = 16


def derive(secret: bytes, info: bytes, *, salt: bytes | None = None, length: int = 32) -> bytes:
    """Return ``length`` bytes of HKDF-SHA256 (RFC 5869); equal arguments, equal bytes.

    >>> derive(bytes(32), b"journal") == derive(bytes(32), b"wrap")
    False
    """
    return HKDF(hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)


def seal(key: bytes, plain: bytes, about: bytes, *, nonce: bytes | None = None) -> bytes:
    """Return nonce, ciphertext and tag of AES-256-GCM (SP 800-38D); ``about`` is authenticated.

    The nonce is 12 bytes from the system's random source unless given; a key must never see the
    same one twice.

    >>> unseal(bytes(32), seal(bytes(32), b"scalar", b"meter-1"), b"meter-1")
    b'scalar'
    """
    nonce = os.urandom(NONCE_BYTES) if nonce is None else nonce
    return nonce + AESGCM(key).encrypt(nonce, plain, about)


def unseal(key: bytes, sealed: bytes, about: bytes) -> bytes:
    """Return what was sealed. BadKey where key, ``about`` or a single bit differs."""
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    if len(rest) < _TAG_BYTES:
        raise BadKey(f"{len(sealed)} bytes are too short for a sealed key")
    try:
        return AESGCM(key).decrypt(nonce, rest, about)
    except InvalidTag as error:
        raise BadKey(
            f"{len(sealed)} bytes do not open: another secret, another name, or damaged"
        ) from error
