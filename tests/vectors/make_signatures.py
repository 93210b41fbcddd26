"""Writes signatures.json: signature cases whose verdict is known because of how they were made.

    python -m tests.vectors.make_signatures

Nothing of imicore takes part: `cryptography` signs (RFC 6979), tests/oracles/ecdsa.py does the
arithmetic of the cases that no signer produces. The same file comes out every time.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.oracles import ecdsa

FILE = Path(__file__).with_name("signatures.json")
CURVES = {"P-256": ecdsa.P256, "P-384": ecdsa.P384}
SIGNERS = {
    "P-256": (ec.SECP256R1(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)),
    "P-384": (ec.SECP384R1(), ec.ECDSA(hashes.SHA384(), deterministic_signing=True)),
}
MESSAGE_BYTES = [0, 1, 31, 32, 55, 56, 63, 64, 65, 89, 109, 127, 128, 1000]  # round SHA-2's blocks


@dataclass(frozen=True)
class Case:
    why: str
    key: bytes | None
    message: bytes
    signature: bytes
    check: str

    def as_json(self) -> dict[str, str | None]:
        return {
            "why": self.why,
            "key": None if self.key is None else self.key.hex(),
            "message": self.message.hex(),
            "signature": self.signature.hex(),
            "check": self.check,
        }


class Device:
    """A key pair with a name, and the ways to make right and wrong signatures with it."""

    def __init__(self, name: str, curve: str, secret: int | None = None) -> None:
        self.curve = CURVES[curve]
        group, self._scheme = SIGNERS[curve]
        self.secret = secret or noise(name, 64) % (self.curve.n - 1) + 1
        self._key = ec.derive_private_key(self.secret, group)
        x962, form = serialization.Encoding.X962, serialization.PublicFormat
        self.point = self._key.public_key().public_bytes(x962, form.UncompressedPoint)
        self.compressed = self._key.public_key().public_bytes(x962, form.CompressedPoint)
        self.spki = self._key.public_key().public_bytes(
            serialization.Encoding.DER, form.SubjectPublicKeyInfo
        )

    def sign(self, message: bytes) -> tuple[int, int]:
        r, s = utils.decode_dss_signature(self._key.sign(message, self._scheme))
        return r, min(s, self.curve.n - s)

    def raw(self, r: int, s: int) -> bytes:
        return r.to_bytes(self.curve.width, "big") + s.to_bytes(self.curve.width, "big")

    def signed(self, message: bytes) -> bytes:
        return self.raw(*self.sign(message))


def noise(label: str, size: int) -> int:
    return int.from_bytes(hashlib.shake_256(label.encode()).digest(size), "big")


def message_of(size: int) -> bytes:
    return hashlib.shake_256(b"message %d" % size).digest(size)


def cases() -> Iterator[Case]:
    for curve in CURVES:
        devices = [Device(f"{curve} device {i}", curve) for i in range(3)]
        yield from signed(devices)
        for device in devices[:2]:
            yield from ranges(device)
            yield from forms(device)
        yield from strangers(devices)
        yield from bad_keys(devices[0])
        yield from corners(devices[0], curve)
    yield from across(Device("P-256 device 0", "P-256"), Device("P-384 device 0", "P-384"))


def signed(devices: list[Device]) -> Iterator[Case]:
    for i, size in enumerate(MESSAGE_BYTES):
        device, message = devices[i % len(devices)], message_of(size)
        r, s = device.sign(message)
        raw = device.raw(r, s)
        yield Case(f"{size}-byte message", device.point, message, raw, "VALID")
        yield Case(f"{size}-byte message, key 02/03", device.compressed, message, raw, "VALID")
        twin = device.raw(r, device.curve.n - s)
        yield Case(f"{size}-byte message, n-s", device.point, message, twin, "HIGH_S")
        longer = message + b"\0"
        yield Case(f"{size}-byte message and a 0", device.point, longer, raw, "MISMATCH")


def ranges(device: Device) -> Iterator[Case]:
    n, top, message = device.curve.n, 256**device.curve.width - 1, message_of(89)
    r, s = device.sign(message)
    low = n // 2
    for why, pair, check in [
        ("r = 0", (0, s), "R_ZERO"),
        ("s = 0", (r, 0), "S_ZERO"),
        ("r = s = 0", (0, 0), "R_ZERO"),
        ("r = n", (n, s), "R_OUT_OF_RANGE"),
        ("r = n + 1", (n + 1, s), "R_OUT_OF_RANGE"),
        ("r all ones", (top, s), "R_OUT_OF_RANGE"),
        ("r = p", (device.curve.p, s), "R_OUT_OF_RANGE"),
        ("s = n", (r, n), "S_OUT_OF_RANGE"),
        ("s = n + 1", (r, n + 1), "S_OUT_OF_RANGE"),
        ("s all ones", (r, top), "S_OUT_OF_RANGE"),
        ("r = s = n", (n, n), "R_OUT_OF_RANGE"),
        ("s = n - 1", (r, n - 1), "HIGH_S"),
        ("s = (n + 1) / 2", (r, low + 1), "HIGH_S"),
        ("s = (n - 1) / 2", (r, low), "MISMATCH"),
        ("s = 1", (r, 1), "MISMATCH"),
        ("r = 1", (1, s), "MISMATCH"),
        ("r = n - 1", (n - 1, s), "MISMATCH"),
        ("r = s = 1", (1, 1), "MISMATCH"),
        ("n - r", (n - r, s), "MISMATCH"),
        ("r, s exchanged", (s, min(r, n - r)), "MISMATCH"),
    ]:
        yield Case(why, device.point, message, device.raw(*pair), check)
    for bit in (0, 7, 100, 8 * device.curve.width - 3):
        other_r, other_s = (r ^ 1 << bit) % n, s ^ 1 << bit
        yield Case(f"bit {bit} of r", device.point, message, device.raw(other_r, s), "MISMATCH")
        if 2 * other_s < n:
            yield Case(f"bit {bit} of s", device.point, message, device.raw(r, other_s), "MISMATCH")


def forms(device: Device) -> Iterator[Case]:
    message = message_of(64)
    r, s = device.sign(message)
    raw, der = device.raw(r, s), ecdsa.to_der(r, s)
    half = device.curve.width
    for why, signature, check in [
        ("empty", b"", "WRONG_LENGTH"),
        ("one byte", raw[:1], "WRONG_LENGTH"),
        ("r alone", raw[:half], "WRONG_LENGTH"),
        ("one byte short", raw[:-1], "WRONG_LENGTH"),
        ("one byte long", raw + b"\0", "WRONG_LENGTH"),
        ("leading zero", b"\0" + raw, "WRONG_LENGTH"),
        ("twice", raw + raw, "WRONG_LENGTH"),
        ("hexadecimal text", raw.hex().encode(), "WRONG_LENGTH"),
        ("DER", der, "DER_FORM"),
        ("DER of high s", ecdsa.to_der(r, device.curve.n - s), "DER_FORM"),
        ("DER of 0, 0", ecdsa.to_der(0, 0), "DER_FORM"),
        ("DER and a byte", der + b"\0", "WRONG_LENGTH"),
        ("DER cut", der[:-1], "WRONG_LENGTH"),
        ("DER, a third integer", bytes.fromhex("3009020101020101020101"), "WRONG_LENGTH"),
        ("BER: long length", der[:1] + b"\x81" + der[1:], "WRONG_LENGTH"),
        ("BER: indefinite length", b"\x30\x80" + der[2:] + b"\0\0", "WRONG_LENGTH"),
        ("DER of negative r", b"\x30\x06\x02\x01\x80\x02\x01\x01", "WRONG_LENGTH"),
        ("DER, r not minimal", b"\x30\x07\x02\x02\x00\x01\x02\x01\x01", "WRONG_LENGTH"),
        ("DER, r empty", b"\x30\x05\x02\x00\x02\x01\x01", "WRONG_LENGTH"),
        ("DER, r past the end", b"\x30\x06\x02\x7f\x01\x02\x01\x01", "WRONG_LENGTH"),
        ("s alone", raw[half:], "WRONG_LENGTH"),
    ]:
        yield Case(why, device.point, message, signature, check)


def strangers(devices: list[Device]) -> Iterator[Case]:
    for i, device in enumerate(devices):
        message = message_of(100 + i)
        raw, other = device.signed(message), devices[(i + 1) % len(devices)]
        yield Case("another device's key", other.point, message, raw, "MISMATCH")
        wrong_sign = bytes([device.compressed[0] ^ 1]) + device.compressed[1:]
        yield Case("the negated key", wrong_sign, message, raw, "MISMATCH")
        yield Case("another message", device.point, message_of(200 + i), raw, "MISMATCH")
        flipped = bytes([message[0] ^ 1]) + message[1:]
        yield Case("a bit of the message", device.point, flipped, raw, "MISMATCH")
        yield Case("no key", None, message, raw, "UNKNOWN_KEY")


def bad_keys(device: Device) -> Iterator[Case]:
    message = message_of(32)
    raw, point, width, p = device.signed(message), device.point, device.curve.width, device.curve.p
    no_root = next(x for x in range(1, 99) if ecdsa.root(device.curve, x) is None)
    for why, key in [
        ("empty key", b""),
        ("infinity", b"\0"),
        ("infinity, padded", bytes(len(point))),
        ("point without its 04", point[1:]),
        ("hybrid 06", bytes([6 + (point[-1] & 1)]) + point[1:]),
        ("hybrid 07 of the other sign", bytes([7 - (point[-1] & 1)]) + point[1:]),
        ("prefix 05", b"\5" + point[1:]),
        ("SPKI DER", device.spki),
        ("y off by one", point[:-1] + bytes([point[-1] ^ 1])),
        ("x, x", point[: 1 + width] + point[1 : 1 + width]),
        ("(0, 0)", b"\4" + bytes(2 * width)),
        ("x = p", b"\4" + p.to_bytes(width, "big") + point[1 + width :]),
        ("x all ones", b"\2" + b"\xff" * width),
        ("x = p, compressed", b"\2" + p.to_bytes(width, "big")),
        ("x on the twist", b"\2" + no_root.to_bytes(width, "big")),
        ("one byte short", point[:-1]),
        ("one byte long", point + b"\0"),
        ("length of P-224", b"\4" + point[1:57]),
        ("length of P-521", b"\4" + bytes(132)),
    ]:
        yield Case(f"key: {why}", key, message, raw, "BAD_KEY")
    yield Case("bad key before bad form", point[:-1], message, b"", "BAD_KEY")


def corners(device: Device, name: str) -> Iterator[Case]:
    """Cases of the equation u1*G + u2*Q that a signer never or hardly ever produces."""
    curve, message = device.curve, message_of(89)
    n, e = curve.n, ecdsa.digest(curve, message) % curve.n
    for s in (1, 2, noise(name, 64) % (n // 2)):
        at_infinity = -e * pow(device.secret, -1, n) % n
        raw = device.raw(at_infinity, s)
        yield Case("u1*G + u2*Q is infinity", device.point, message, raw, "MISMATCH")
        doubling = e * pow(device.secret, -1, n) % n
        raw = device.raw(doubling, s)
        yield Case("u1*G = u2*Q", device.point, message, raw, "MISMATCH")
    for k in (noise(name + "k", 64) % n, noise(name + "l", 64) % n):
        point = ecdsa.multiply(curve, k, curve.g)
        assert point is not None
        r = point[0] % n
        s = 2 * e * pow(k, -1, n) % n
        twin = Device("", name, e * pow(r, -1, n) % n)  # then u1*G = u2*Q
        raw = twin.raw(r, min(s, n - s))
        yield Case("u1*G = u2*Q, and valid", twin.point, message, raw, "VALID")
    yield from recovered(curve, message, e)
    one = Device("", name, 1)
    last = Device("", name, n - 1)
    for why, twin in (("the key is G", one), ("the key is -G", last)):
        yield Case(why, twin.point, message, twin.signed(message), "VALID")


def recovered(curve: ecdsa.Curve, message: bytes, e: int) -> Iterator[Case]:
    """Keys made for a signature: Q = (s*R - e*G) / r, with R where no signer lands."""
    found = 0
    for x in range(curve.n, curve.n + 99):  # n <= x < p: r is x - n, not x
        y = ecdsa.root(curve, x)
        r = x - curve.n
        if y is None or r == 0 or found == 3:
            continue
        found += 1
        for s in (1, 3, curve.n // 2):
            right = ecdsa.multiply(curve, -e, curve.g)
            sum_ = ecdsa.add(curve, ecdsa.multiply(curve, s, (x, y)), right)
            q = ecdsa.multiply(curve, pow(r, -1, curve.n), sum_)
            assert q is not None
            key = b"\4" + b"".join(c.to_bytes(curve.width, "big") for c in q)
            raw = b"".join(c.to_bytes(curve.width, "big") for c in (r, s))
            yield Case(f"x of R is n + {r}", key, message, raw, "VALID")


def across(small: Device, large: Device) -> Iterator[Case]:
    """The key decides the algorithm; a signature of the other length gains nothing."""
    message = message_of(89)
    wrong = "WRONG_LENGTH"
    yield Case("P-384 under a P-256 key", small.point, message, large.signed(message), wrong)
    yield Case("P-256 under a P-384 key", large.point, message, small.signed(message), wrong)
    padded = bytes(16) + small.signed(message)[:32] + bytes(16) + small.signed(message)[32:]
    yield Case("P-256 padded, P-384 key", large.point, message, padded, "MISMATCH")


def text() -> str:
    rows = [json.dumps(case.as_json()) for case in cases()]
    return "[\n" + ",\n".join(rows) + "\n]\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
