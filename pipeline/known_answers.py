"""Known answers of every algorithm that the meter uses, and what computes them here.

The published vectors of each algorithm's own standard, run through the very functions that the
meter calls: `imicore.signature`, `imicore.wrapping`, and ``hashlib`` and ``hmac`` as the journal
uses them.
"""

import hashlib
import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from imicore.keys import PrivateKey
from imicore.signature import Check, Signer, Verifier
from imicore.wrapping import derive, seal, unseal


@dataclass(frozen=True)
class Engines:
    """What computes: the functions that the meter calls, where nothing else is given."""

    sha256: Callable[[bytes], bytes] = lambda data: hashlib.sha256(data).digest()
    hmac_sha256: Callable[[bytes, bytes], bytes] = lambda key, data: hmac.digest(
        key, data, "sha256"
    )
    derive: Callable[[bytes, bytes, bytes, int], bytes] = lambda secret, info, salt, length: derive(
        secret, info, salt=salt, length=length
    )
    seal: Callable[[bytes, bytes, bytes, bytes], bytes] = lambda key, plain, about, nonce: seal(
        key, plain, about, nonce=nonce
    )
    unseal: Callable[[bytes, bytes, bytes], bytes] = unseal
    sign: Callable[[int, bytes], bytes] = lambda scalar, message: Signer(
        PrivateKey.from_scalar(scalar)
    ).sign(message)
    verify: Callable[[bytes, bytes, bytes], bool] = lambda message, signature, key: (
        Verifier(cached_keys=1).verify(message, signature, key) is Check.VALID
    )
    entropy: Callable[[int], bytes] = os.urandom


ENGINES: Final = Engines()


@dataclass(frozen=True)
class KnownAnswer:
    """One vector: what an engine must give, and which standard says so."""

    name: str
    source: str
    compute: Callable[[Engines], bytes]
    expected: bytes


_SCALAR: Final = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
_POINT: Final = bytes.fromhex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
_OF_TEST: Final = bytes.fromhex(  # over "test"; its s is low as published
    "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
    "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"
)
_GCM_KEY: Final = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
_GCM_NONCE: Final = bytes.fromhex("cafebabefacedbaddecaf888")
_GCM_ABOUT: Final = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
_GCM_PLAIN: Final = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
_GCM_SEALED: Final = bytes.fromhex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece"
    "0f4e1768cddf8853bb2d551b"
)


def _verdicts(engines: Engines) -> bytes:
    """Return whether the signature holds, for its message and for another."""
    return bytes(engines.verify(message, _OF_TEST, _POINT) for message in (b"test", b"tess"))


KNOWN_ANSWERS: Final = (
    KnownAnswer(
        "SHA-256",
        "FIPS 180-4, example of two blocks",
        lambda e: e.sha256(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
        bytes.fromhex("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
    ),
    KnownAnswer(
        "HMAC-SHA256",
        "RFC 4231, 4.3",
        lambda e: e.hmac_sha256(b"Jefe", b"what do ya want for nothing?"),
        bytes.fromhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ),
    KnownAnswer(
        "HKDF-SHA256",
        "RFC 5869, A.1",
        lambda e: e.derive(b"\x0b" * 22, bytes(range(0xF0, 0xFA)), bytes(range(13)), 42),
        bytes.fromhex(
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        ),
    ),
    KnownAnswer(
        "AES-256-GCM seal",
        "McGrew and Viega, The Galois/Counter Mode of Operation, test case 16",
        lambda e: e.seal(_GCM_KEY, _GCM_PLAIN, _GCM_ABOUT, _GCM_NONCE),
        _GCM_NONCE + _GCM_SEALED,
    ),
    KnownAnswer(
        "AES-256-GCM open",
        "the same case",
        lambda e: e.unseal(_GCM_KEY, _GCM_NONCE + _GCM_SEALED, _GCM_ABOUT),
        _GCM_PLAIN,
    ),
    KnownAnswer(
        "ECDSA P-256 sign",
        'RFC 6979, A.2.5, SHA-256 of "sample", s lowered',
        lambda e: e.sign(_SCALAR, b"sample"),
        bytes.fromhex(
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
            "0834e36ad29a83bf2bc9385e491d6099c8fdf9d1ed67aa7ea5f51f93782857a9"
        ),
    ),
    KnownAnswer(
        "ECDSA P-256 verify",
        'RFC 6979, A.2.5, SHA-256 of "test": valid, and of another message: not',
        _verdicts,
        b"\1\0",
    ),
)
