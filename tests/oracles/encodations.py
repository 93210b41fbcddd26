"""The fewest data codewords of ISO/IEC 16022:2006 5.2, by trying every stream.

Nothing is assumed about which stream dominates which: the state is (codewords so far, bytes so far,
encodation), and every move that the standard allows is tried. Good for short texts.
"""

from functools import cache

BASIC = {
    "c40": b" 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "text": b" 0123456789abcdefghijklmnopqrstuvwxyz",
}
X12 = b"\r*> 0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
INFINITE = 1 << 20


def value_count(byte: int, encodation: str) -> int:
    """How many of the 40 values a byte takes in C40 or Text (Annex C)."""
    if byte >= 128:
        return 2 + value_count(byte - 128, encodation)
    return 1 if byte in BASIC[encodation] else 2


def is_digit_pair(text: bytes, at: int) -> bool:
    return at + 2 <= len(text) and text[at : at + 2].isdigit()


def fewest(text: bytes, capacity: int) -> int | None:
    """Return the codewords before the first pad in a symbol of `capacity`; None if none fits."""

    @cache
    def ascii_from(n: int, at: int) -> int:
        if n > capacity:
            return INFINITE
        if at == len(text):
            return n
        options = [ascii_from(n + (2 if text[at] >= 128 else 1), at + 1)]
        if is_digit_pair(text, at):
            options.append(ascii_from(n + 1, at + 2))
        options += [triples_from(n + 1, at, mode) for mode in ("c40", "text", "x12")]
        options.append(edifact_from(n + 1, at))
        for end in range(at + 1, len(text) + 1):
            length = end - at
            if length <= 1555:
                options.append(ascii_from(n + (2 if length < 250 else 3) + length, end))
        if n + 2 + len(text) - at == capacity:  # length 0: to the end of the symbol
            options.append(capacity)
        return min(options)

    @cache
    def triples_from(n: int, at: int, mode: str) -> int:
        if n > capacity:
            return INFINITE
        if capacity - n < 2:  # the unlatch is implied
            return ascii_from(n, at)
        options = [ascii_from(n + 1, at)]
        values = 0
        for end in range(at + 1, len(text) + 1):
            if mode == "x12" and text[end - 1] not in X12:
                break
            values += 1 if mode == "x12" else value_count(text[end - 1], mode)
            if values % 3 == 0:
                options.append(triples_from(n + values // 3 * 2, end, mode))
            padded = n + (values + 1) // 3 * 2
            if values % 3 == 2 and mode != "x12" and end == len(text) and padded == capacity:
                options.append(capacity)
        return min(options)

    @cache
    def edifact_from(n: int, at: int) -> int:
        if n > capacity:
            return INFINITE
        if capacity - n < 3:  # the unlatch is implied
            return ascii_from(n, at)
        options = []
        for count, cost in enumerate((1, 2, 3, 3)):  # characters before the unlatch
            if at + count > len(text) or not all(32 <= c <= 94 for c in text[at : at + count]):
                break
            options.append(ascii_from(n + cost, at + count))
        else:
            if at + 4 <= len(text) and 32 <= text[at + 3] <= 94:
                options.append(edifact_from(n + 3, at + 4))
        return min(options)

    found = ascii_from(0, 0)
    return found if found <= capacity else None
