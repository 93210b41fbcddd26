"""The Intelligent Mail barcode (USPS-B-3200): 65 bars for 20 digits of tracking and a ZIP.

Bars are letters: T tracker, A ascender, D descender, F full. The number becomes ten characters
of 13 bits with a fixed count of ones, and each bar takes its two halves from two characters far
apart, so that damage to any one bar is always seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

from imicore.errors import BadArgument, BadImb, DamagedImb

BARS = 65
CHARACTER_BITS = 13

_Map = list[list[int]]  # a linear map over bits: what each value of each byte adds

# USPS-B-3200 bar-to-character table: for each bar from the left, the character (A first) and bit
# (0 lowest) of its descender, then of its ascender.
_BAR_TABLE = """
H2 E3   B10 A0   J12 C8   F5 G11   I9 D1   A1 F12   C5 B8   E4 J11
G3 I10   D9 H6   F11 B4   I5 C12   J10 A2   H1 G7   D6 E9   A3 I6
G4 C7   B1 J9   H10 F2   E0 D8   G2 A4   I11 B0   J8 D12   C6 H7
F1 E10   B12 G9   H3 I0   F8 J7   E6 C10   D4 A5   I4 F7   H11 B9
G0 J6   A6 E8   C1 D2   F9 I12   E11 G1   J5 H4   D3 B2   A7 C0
B3 E1   G10 D5   I7 J4   C11 F6   A8 H12   E2 I1   F10 D0   J3 A9
G5 C4   H8 B7   F0 E5   C3 A10   G12 J2   D11 B6   I8 H9   F4 A11
B5 C2   J1 E12   I3 G6   H0 D7   E7 H5   A12 B11   C9 J0   G8 F3
D10 I2
"""


@dataclass(frozen=True, slots=True)
class Imb:
    """The digits of one barcode: 20 of tracking, and a routing code of 0, 5, 9 or 11."""

    tracking: str
    routing: str = ""

    @property
    def barcode_id(self) -> str:
        """Return the two digits of the barcode identifier; the second is 0 to 4."""
        return self.tracking[:2]

    @property
    def service_type(self) -> str:
        """Return the three digits of the service type identifier (STID)."""
        return self.tracking[2:5]

    @property
    def mailer_id(self) -> str:
        """Return the Mailer ID: nine digits when it starts with 9, else six.

        >>> Imb("01234567094987654321").mailer_id
        '567094'
        """
        return self.tracking[5 : 14 if self.tracking[5] == "9" else 11]

    @property
    def serial(self) -> str:
        """Return the serial number: what the Mailer ID leaves of the last 15 digits."""
        return self.tracking[5 + len(self.mailer_id) :]


def encode(tracking: str, routing: str = "") -> str:
    """Return the 65 bars as letters of T, A, D and F, left to right.

    ``tracking`` has 20 digits, the second 0 to 4; ``routing`` has 0, 5, 9 or 11.

    Raises:
        BadImb: other lengths, other characters, or another second digit.

    >>> encode("01234567094987654321", "01234567891")
    'AADTFFDFTDADTAADAATFDTDDAAADDTDTTDAFADADDDTFFFDDTTTADFAAADFTDAADA'
    """
    _check_digits(tracking, routing)
    number = _number(tracking, routing)
    return _bars(_characters(_codewords(number), _crc11(number)))


def decode(bars: str) -> Imb:
    """Return the digits of 65 bars; nothing is corrected, any single damaged bar is refused.

    Raises:
        BadArgument: not 65 letters of T, A, D and F.
        DamagedImb: the bars are no barcode.

    >>> decode("AADTFFDFTDADTAADAATFDTDDAAADDTDTTDAFADADDDTFFFDDTTTADFAAADFTDAADA").routing
    '01234567891'
    """
    if len(bars) != BARS or set(bars) - set("TADF"):
        raise BadArgument(f"{len(bars)} bars; a barcode has {BARS} of T, A, D and F")
    return decode_characters(_read_bars(bars))


def decode_characters(characters: Sequence[int]) -> Imb:
    """Return the digits of ten characters of 13 bits, character A first.

    For a reader that looks at characters before it has bars; `decode` is the same from bars.

    Raises:
        DamagedImb: a character that no codeword has, a codeword out of range, or a failed check.

    >>> decode_characters(
    ...     [0x0DCB, 0x085C, 0x08E4, 0x0B06, 0x06DD, 0x1740, 0x17C6, 0x1200, 0x123F, 0x1B2B]
    ... ).tracking
    '01234567094987654321'
    """
    codewords, crc = _read_characters(characters)
    number = 0
    for codeword, base in zip(codewords, _BASES, strict=True):
        if codeword >= base:
            raise DamagedImb(f"codeword {codeword} is not below {base}")
        number = number * base + codeword
    if _crc11(number) != crc:
        raise DamagedImb(f"the check is 0x{crc:03x}; the digits need 0x{_crc11(number):03x}")
    return _digits(number)


@cache
def ends() -> tuple[tuple[int, int], ...]:
    """Return (character, bit) of each half bar: descender, then ascender, of each bar in turn.

    Character 0 is A, bit 0 the lowest (USPS-B-3200, bar-to-character table).

    >>> ends()[:2]  # the first bar: H2 E3
    ((7, 2), (4, 3))
    """
    return tuple((ord(word[0]) - ord("A"), int(word[1:])) for word in _BAR_TABLE.split())


def is_character(bits: int) -> bool:
    """Return whether 13 bits are a character: two or five ones, or as many zeros.

    >>> is_character(0b11111), is_character(0b1111)
    (True, False)
    """
    return bits.bit_count() in (2, 5, 8, 11)


# The number's mixed radix: first codeword, eight of 1365 characters, the last before doubling.
_BASES = (659, *[1365] * 8, 636)
# How many shorter routing codes come before the first of each length.
_ROUTING_STARTS = {0: 0, 5: 1, 9: 100_001, 11: 1_000_100_001}


def _check_digits(tracking: str, routing: str) -> None:
    if len(tracking) != 20:
        raise BadImb(9, f"tracking has {len(tracking)} digits; it needs 20")
    if not (tracking.isascii() and tracking.isdigit()):
        raise BadImb(10, f"tracking {tracking!r} is not all digits")
    if tracking[1] > "4":
        raise BadImb(11, f"the second digit of tracking is {tracking[1]}; it is 0 to 4")
    if len(routing) not in _ROUTING_STARTS:
        raise BadImb(12, f"routing has {len(routing)} digits; it has 0, 5, 9 or 11")
    if routing and not (routing.isascii() and routing.isdigit()):
        raise BadImb(13, f"routing {routing!r} is not all digits")


def _number(tracking: str, routing: str) -> int:
    number = _ROUTING_STARTS[len(routing)] + int(routing or "0")
    number = number * 10 + int(tracking[0])
    number = number * 5 + int(tracking[1])
    return number * 10**18 + int(tracking[2:])


def _digits(number: int) -> Imb:
    number, tail = divmod(number, 10**18)
    number, second = divmod(number, 5)
    number, first = divmod(number, 10)
    length = max(at for at, start in _ROUTING_STARTS.items() if start <= number)
    routing = number - _ROUTING_STARTS[length]
    if routing >= 10**length:
        raise DamagedImb(f"routing {routing} has more than {length} digits")
    return Imb(f"{first}{second}{tail:018d}", f"{routing:0{length}d}" if length else "")


def _crc11(number: int) -> int:
    """Return the check of the number's 102 bits, first bit first: polynomial 0xF35, from 0x7FF."""
    offset, tables = _crc_map()
    return offset ^ _apply(tables, number)


def _crc_by_bits(number: int, start: int) -> int:
    check = start
    for bit in range(101, -1, -1):
        feedback = (check >> 10 ^ number >> bit) & 1
        check = (check << 1 & 0x7FF) ^ (0x735 if feedback else 0)
    return check


@cache
def _crc_map() -> tuple[int, _Map]:
    return _crc_by_bits(0, 0x7FF), _linear_map([_crc_by_bits(1 << bit, 0) for bit in range(102)])


def _codewords(number: int) -> list[int]:
    codewords = []
    for base in reversed(_BASES):
        number, codeword = divmod(number, base)
        codewords.append(codeword)
    assert number == 0
    return codewords[::-1]


def _characters(codewords: list[int], crc: int) -> list[int]:
    """Return the ten characters: what the codewords name, inverted where the check has a one."""
    first, *middle, last = codewords
    # The first codeword carries bit 10 of the check, the last is even: a reader tells left from
    # right by it.
    numbered = [first + 659 * (crc >> 10), *middle, last * 2]
    table = _character_table()
    return [
        table[codeword] ^ (0x1FFF if crc >> at & 1 else 0) for at, codeword in enumerate(numbered)
    ]


def _read_characters(characters: Sequence[int]) -> tuple[list[int], int]:
    known = _codeword_of_character()
    codewords, crc = [], 0
    for at, character in enumerate(characters):
        is_inverted = character.bit_count() > 6
        codeword = known.get(character ^ (0x1FFF if is_inverted else 0))
        if codeword is None:
            raise DamagedImb(
                f"character {'ABCDEFGHIJ'[at]} is 0x{character:04x}, which no codeword has"
            )
        crc |= is_inverted << at
        codewords.append(codeword)
    if codewords[0] >= 659:
        codewords[0] -= 659
        crc |= 1 << 10
    if codewords[-1] % 2:
        raise DamagedImb(f"the last codeword is {codewords[-1]}; it is always even")
    codewords[-1] //= 2
    return codewords, crc


@cache
def _character_table() -> tuple[int, ...]:
    """Return the character of each codeword: 1287 with five ones, then 78 with two."""
    return (*_characters_with(5), *_characters_with(2))


@cache
def _codeword_of_character() -> dict[int, int]:
    return {character: codeword for codeword, character in enumerate(_character_table())}


def _characters_with(ones: int) -> list[int]:
    """Return the 13-bit numbers of so many ones, in the standard's order.

    Each rising number that is below its mirror image, followed by the image; the palindromes
    fill the end, falling.
    """
    pairs, palindromes = [], []
    for number in range(1 << CHARACTER_BITS):
        if number.bit_count() == ones:
            mirrored = int(f"{number:013b}"[::-1], 2)
            if number < mirrored:
                pairs += [number, mirrored]
            elif number == mirrored:
                palindromes.append(number)
    return pairs + palindromes[::-1]


@cache
def _bar_map() -> tuple[_Map, _Map]:
    """Return the maps from the bits of ten characters to two bits a bar, and back.

    Of 130 bits the highest are bit 12 of character A and the ascender of the first bar.
    """
    to_bars, to_characters = [0] * 130, [0] * 130
    # Descender then ascender for each bar in turn: half a bar each.
    for half, word in enumerate(_BAR_TABLE.split()):
        character_bit = 13 * (ord("J") - ord(word[0])) + int(word[1:])
        bar_bit = 2 * (BARS - 1 - half // 2) + half % 2
        to_bars[character_bit] = 1 << bar_bit
        to_characters[bar_bit] = 1 << character_bit
    return _linear_map(to_bars), _linear_map(to_characters)


_FOUR_BARS = ["".join(bars) for bars in product("TDAF", repeat=4)]
_DIGITS_OF_BARS = str.maketrans("TDAF", "0123")


def _bars(characters: list[int]) -> str:
    bits = 0
    for character in characters:
        bits = bits << CHARACTER_BITS | character
    to_bars, _ = _bar_map()
    octets = _apply(to_bars, bits).to_bytes(17, "big")
    return "".join([_FOUR_BARS[octet] for octet in octets])[3:]  # 17 bytes hold 68 bars


def _read_bars(bars: str) -> list[int]:
    _, to_characters = _bar_map()
    bits = _apply(to_characters, int(bars.translate(_DIGITS_OF_BARS), 4))
    return [bits >> shift & 0x1FFF for shift in range(117, -1, -CHARACTER_BITS)]


def _linear_map(images: Sequence[int]) -> _Map:
    """Return a linear map over bits as a table for each byte, from the image of each bit.

    Check and bar order are both linear; eight bits at a time make either four times faster.
    """
    tables = []
    for first in range(0, len(images), 8):
        table = [0]
        for image in images[first : first + 8]:
            table += [known ^ image for known in table]
        tables.append(table)
    return tables


def _apply(tables: _Map, number: int) -> int:
    image = 0
    for table, octet in zip(tables, number.to_bytes(len(tables), "little"), strict=True):
        image ^= table[octet]
    return image
