"""GF(256) modulo 0x12D and Reed-Solomon the slow way: shift and add, long division."""

FIELD_POLYNOMIAL = 0x12D


def multiply(a: int, b: int) -> int:
    product = 0
    for bit in range(8):
        if b >> bit & 1:
            product ^= a << bit
    for bit in range(14, 7, -1):
        if product >> bit & 1:
            product ^= FIELD_POLYNOMIAL << (bit - 8)
    return product


def power(base: int, exponent: int) -> int:
    result = 1
    for _ in range(exponent):
        result = multiply(result, base)
    return result


def evaluate(codewords: bytes, x: int) -> int:
    """The value at x of the polynomial whose highest coefficient comes first."""
    value = 0
    for codeword in codewords:
        value = multiply(value, x) ^ codeword
    return value


def syndromes(block: bytes, parity: int) -> list[int]:
    return [evaluate(block, power(2, j)) for j in range(1, parity + 1)]


def generator(parity: int) -> list[int]:
    """The product of (x - 2^1) ... (x - 2^parity), highest coefficient first."""
    result = [1]
    for j in range(1, parity + 1):
        root = power(2, j)
        shifted, scaled = [*result, 0], [0, *(multiply(root, c) for c in result)]
        result = [a ^ b for a, b in zip(shifted, scaled, strict=True)]
    return result


def error_codewords(data: bytes, parity: int) -> bytes:
    """The remainder of data * x^parity by the generator, by long division."""
    divisor, rest = generator(parity), [*data, *bytes(parity)]
    for i in range(len(data)):
        factor = rest[i]
        for j, coefficient in enumerate(divisor):
            rest[i + j] ^= multiply(factor, coefficient)
    return bytes(rest[len(data) :])
