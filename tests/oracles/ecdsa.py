"""ECDSA verification as the textbook has it, in affine integers: slow, obvious, for tests only.

Curves: SEC 2 v2.0, 2.4.2 and 2.5.1. Verification: FIPS 186-5, 6.4.2. Points: SEC 1 v2.0, 2.3.4.
"""

import hashlib
from dataclasses import dataclass

Point = tuple[int, int] | None  # None is infinity


@dataclass(frozen=True)
class Curve:
    digest: str
    width: int
    p: int
    b: int
    n: int
    g: tuple[int, int]


P256 = Curve(
    "sha256",
    32,
    2**256 - 2**224 + 2**192 + 2**96 - 1,
    0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    (
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
)
P384 = Curve(
    "sha384",
    48,
    2**384 - 2**128 - 2**96 + 2**32 - 1,
    int(
        "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a"
        "c656398d8a2ed19d2a85c8edd3ec2aef",
        16,
    ),
    int(
        "ffffffffffffffffffffffffffffffffffffffffffffffff"
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    ),
    (
        int(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a38"
            "5502f25dbf55296c3a545e3872760ab7",
            16,
        ),
        int(
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c0"
            "0a60b1ce1d7e819d7a431d7c90ea0e5f",
            16,
        ),
    ),
)


def add(curve: Curve, a: Point, b: Point) -> Point:
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0] and (a[1] + b[1]) % curve.p == 0:
        return None
    if a == b:
        slope = (3 * a[0] ** 2 - 3) * pow(2 * a[1], -1, curve.p)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, curve.p)
    x = (slope**2 - a[0] - b[0]) % curve.p
    return x, (slope * (a[0] - x) - a[1]) % curve.p


def multiply(curve: Curve, scalar: int, point: Point) -> Point:
    result: Point = None
    for bit in bin(scalar % curve.n)[2:]:
        result = add(curve, result, result)
        if bit == "1":
            result = add(curve, result, point)
    return result


def combine(curve: Curve, u1: int, u2: int, q: Point) -> Point:
    """u1*G + u2*Q in one walk over the bits of both (Shamir's trick)."""
    addends = [None, curve.g, q, add(curve, curve.g, q)]
    result: Point = None
    for bit in reversed(range(8 * curve.width)):
        result = add(curve, result, result)
        result = add(curve, result, addends[(u1 >> bit & 1) + 2 * (u2 >> bit & 1)])
    return result


def root(curve: Curve, x: int) -> int | None:
    """A y of x, or None; both primes are 3 modulo 4."""
    square = (x**3 - 3 * x + curve.b) % curve.p
    y = pow(square, (curve.p + 1) // 4, curve.p)
    return y if y * y % curve.p == square else None


def parse(data: bytes) -> tuple[Curve, Point] | None:
    """The curve and point of a SEC 1 key, or None."""
    for curve in (P256, P384):
        x = int.from_bytes(data[1 : 1 + curve.width], "big")
        y: int | None
        if len(data) == 1 + 2 * curve.width and data[0] == 4:
            y = int.from_bytes(data[1 + curve.width :], "big")
        elif len(data) == 1 + curve.width and data[0] in {2, 3}:
            y = root(curve, x) if x < curve.p else None
            if y is not None and y % 2 != data[0] - 2:
                y = curve.p - y
        else:
            continue
        inside = x < curve.p and y is not None and y < curve.p
        if inside and (y**2 - x**3 + 3 * x - curve.b) % curve.p == 0:
            return curve, (x, y)
    return None


def digest(curve: Curve, message: bytes) -> int:
    return int.from_bytes(hashlib.new(curve.digest, message).digest(), "big")


def check(message: bytes, signature: bytes, public_key: bytes | None) -> str:
    """The name of the imicore.signature.Check that is due; DER is told from other lengths apart."""
    if public_key is None:
        return "UNKNOWN_KEY"
    key = parse(public_key)
    if key is None:
        return "BAD_KEY"
    curve, point = key
    if len(signature) != 2 * curve.width:
        return "DER_FORM" if is_der(signature, curve.width) else "WRONG_LENGTH"
    r = int.from_bytes(signature[: curve.width], "big")
    s = int.from_bytes(signature[curve.width :], "big")
    for found, name in [
        (r == 0, "R_ZERO"),
        (s == 0, "S_ZERO"),
        (r >= curve.n, "R_OUT_OF_RANGE"),
        (s >= curve.n, "S_OUT_OF_RANGE"),
        (2 * s > curve.n, "HIGH_S"),
    ]:
        if found:
            return name
    w = pow(s, -1, curve.n)
    e = digest(curve, message)
    sum_ = combine(curve, e * w % curve.n, r * w % curve.n, point)
    return "VALID" if sum_ is not None and sum_[0] % curve.n == r else "MISMATCH"


def is_der(data: bytes, width: int) -> bool:
    """Whether `data` is what to_der makes of some two numbers of at most `width` bytes."""
    try:
        r_end = 4 + data[3]
        r = int.from_bytes(data[4:r_end], "big", signed=True)
        s = int.from_bytes(data[r_end + 2 :], "big", signed=True)
    except IndexError:
        return False
    return 0 <= min(r, s) <= max(r, s) < 256**width and to_der(r, s) == data


def to_der(r: int, s: int) -> bytes:
    body = b""
    for number in (r, s):
        value = number.to_bytes(number.bit_length() // 8 + 1, "big")
        body += bytes([2, len(value)]) + value
    return bytes([0x30, len(body)]) + body
