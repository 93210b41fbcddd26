"""The Intelligent Mail barcode against the USPS test cases, another encoder, and damage."""

import csv
import json
import pickle
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imicore import imb
from imicore.errors import BadArgument, BadImb, DamagedImb
from imicore.imb import Imb, decode, encode

TABLE = Path(__file__).parents[1] / "vectors" / "imb.csv"
TRACKING = "01234567094987654321"
ROUTED = "AADTFFDFTDADTAADAATFDTDDAAADDTDTTDAFADADDDTFFFDDTTTADFAAADFTDAADA"

# USPS-B-3200 and domain.md 5: the specification's own example, one row for each routing length.
EXAMPLES = [
    ("", "ATTFATTDTTADTAATTDTDTATTDAFDDFADFDFTFFFFFTATFAAAATDFFTDAADFTFDTDT"),
    ("01234", "DTTAFADDTTFTDTFTFDTDDADADAFADFATDDFTAAAFDTTADFAAATDFDTDFADDDTDFFT"),
    ("012345678", "ADFTTAFDTTTTFATTADTAAATFTFTATDAAAFDDADATATDTDTTDFDTDATADADTDFFTFA"),
    ("01234567891", ROUTED),
]


def own_rows() -> list[tuple[str, str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as table:
        return [(row["tracking"], row["routing"], row["bars"]) for row in csv.DictReader(table)]


@pytest.mark.parametrize(("routing", "bars"), EXAMPLES)
def test_the_specifications_example(routing: str, bars: str) -> None:
    assert encode(TRACKING, routing) == bars
    assert decode(bars) == Imb(TRACKING, routing)


def test_intermediate_values_of_the_example() -> None:
    """domain.md 5: number, check, codewords; characters from vectors.json."""
    number = imb._number(TRACKING, "01234567891")
    assert number == 111733394601234567094987654321
    assert imb._crc11(number) == 0x751
    codewords = imb._codewords(number)
    # The published list has the last doubled and the first raised by bit 10 of the check.
    assert [codewords[0] + 659, *codewords[1:9], codewords[9] * 2] == [
        *(673, 787, 607, 1022, 861, 19, 816, 1294, 35, 602)
    ]
    assert imb._characters(codewords, 0x751) == [
        *(0x0DCB, 0x085C, 0x08E4, 0x0B06, 0x06DD, 0x1740, 0x17C6, 0x1200, 0x123F, 0x1B2B)
    ]


def test_every_row_of_our_table_both_ways() -> None:
    """tests/vectors/imb.csv: 400 rows, ends of all ranges among them."""
    rows = own_rows()
    assert len(rows) == 400
    for tracking, routing, bars in rows:
        assert encode(tracking, routing) == bars
        assert decode(bars) == Imb(tracking, routing)


def test_our_table_is_what_zint_draws() -> None:
    """An encoder with other authors; its bars are read back from rectangles."""
    pytest.importorskip("zint", reason="zint-bindings is not installed (extra [bench])")
    from tests.vectors.make_imb import digits, zint_bars

    rows = own_rows()
    assert [(tracking, routing) for tracking, routing, _ in rows] == list(digits())
    assert all(zint_bars(tracking, routing) == bars for tracking, routing, bars in rows)


def test_the_official_cases(reference: Path) -> None:
    """USPS encoder test file: 10,000 rows, 8,128 to encode, 1,872 to refuse with their codes."""
    path = reference / "vectors" / "imb" / "usps_imb_encoder_test_cases.csv"
    encoded = refused = 0
    for row in filter(None, csv.reader(path.read_text(encoding="utf-8").splitlines())):
        _, tracking, routing, bars, code, _ = row
        if code == "00":
            assert encode(tracking, routing) == bars
            assert decode(bars) == Imb(tracking, routing)
            encoded += 1
            continue
        with pytest.raises(BadImb) as caught:
            encode(tracking, routing)
        # Tracking padded with spaces: the official encoder does not count them, we name them.
        padded = tracking != tracking.strip()
        assert caught.value.code == (10 if padded else int(code)), row
        refused += 1
    assert (encoded, refused) == (8128, 1872)


def test_vectors_of_the_domain(reference: Path) -> None:
    vectors = json.loads((reference / "data" / "vectors.json").read_text(encoding="utf-8"))
    # The row without routing has 66 letters, one "D" too many: no barcode. EXAMPLES has it right.
    whole = [row for row in vectors["imb"] if len(row["bars"]) == 65]
    assert len(whole) == len(vectors["imb"]) - 1 == 5
    for row in whole:
        assert encode(row["tracking"], row["routing"]) == row["bars"]


def test_any_one_damaged_bar_is_refused() -> None:
    """A bar's halves belong to different characters, and one wrong bit breaks a character."""
    for tracking, routing, bars in own_rows()[:40]:
        assert decode(bars) == Imb(tracking, routing)
        for at, letter in product(range(65), "TADF"):
            if letter != bars[at]:
                with pytest.raises(DamagedImb):
                    decode(bars[:at] + letter + bars[at + 1 :])


@given(st.lists(st.sampled_from("TADF"), min_size=65, max_size=65).map("".join))
def test_random_bars_are_refused_or_encode_to_themselves(bars: str) -> None:
    try:
        digits = decode(bars)
    except DamagedImb:
        return
    assert encode(digits.tracking, digits.routing) == bars


CHARACTERS = st.lists(st.integers(0, 1364), min_size=10, max_size=10)


@given(CHARACTERS, st.integers(0, 0x7FF))
def test_valid_characters_alone_make_no_barcode(codewords: list[int], check: int) -> None:
    """Bars whose characters all exist still need range and check: nothing else comes out."""
    table = imb._character_table()
    inverted = [
        table[codeword] ^ (0x1FFF if check >> at & 1 else 0)
        for at, codeword in enumerate(codewords)
    ]
    bars = imb._bars(inverted)
    try:
        digits = decode(bars)
    except DamagedImb:
        return
    assert encode(digits.tracking, digits.routing) == bars


@pytest.mark.parametrize("first", [658 + 659, 659 + 659])
def test_a_first_codeword_beyond_its_range_is_refused(first: int) -> None:
    """658 + 659 is the largest: the next has no number below it."""
    bars = imb._bars([imb._character_table()[word] for word in [first, *[0] * 9]])
    with pytest.raises(DamagedImb, match="is not below 659" if first > 1317 else "check|routing"):
        decode(bars)


def test_an_odd_last_codeword_is_refused() -> None:
    bars = imb._bars([imb._character_table()[word] for word in [*[0] * 9, 1]])
    with pytest.raises(DamagedImb, match="the last codeword is 1; it is always even"):
        decode(bars)


@pytest.mark.parametrize("bars", ["", ROUTED[:-1], ROUTED + "T", ROUTED.lower(), "X" + ROUTED[1:]])
def test_what_is_not_65_bars_is_no_barcode(bars: str) -> None:
    with pytest.raises(BadArgument, match="a barcode has 65 of T, A, D and F"):
        decode(bars)


@pytest.mark.parametrize(
    ("tracking", "routing", "code", "words"),
    [
        ("0" * 19, "", 9, "19 digits; it needs 20"),
        ("0" * 19 + "x", "", 10, "not all digits"),
        ("0" * 19 + "٣", "", 10, "not all digits"),
        ("05" + "0" * 18, "", 11, "second digit of tracking is 5"),
        ("0" * 20, "1234", 12, "routing has 4 digits"),
        ("0" * 20, "1234x", 13, "not all digits"),
        ("0" * 20, "1234²", 13, "not all digits"),
    ],
)
def test_other_digits_are_refused_with_the_official_code(
    tracking: str, routing: str, code: int, words: str
) -> None:
    with pytest.raises(BadImb, match=words) as caught:
        encode(tracking, routing)
    assert caught.value.code == code
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


DIGITS = st.text("0123456789", min_size=18, max_size=18)
ROUTING = st.sampled_from([0, 5, 9, 11]).flatmap(
    lambda length: st.text("0123456789", min_size=length, max_size=length)
)


@given(st.sampled_from("0123456789"), st.sampled_from("01234"), DIGITS, ROUTING)
def test_any_digits_come_back(first: str, second: str, tail: str, routing: str) -> None:
    assert decode(encode(first + second + tail, routing)) == Imb(first + second + tail, routing)


def test_parts_of_the_tracking_code() -> None:
    """domain.md 5: nine-digit Mailer IDs start with 9 and leave six digits of serial."""
    six = Imb("00700123456000000789")
    assert (six.barcode_id, six.service_type) == ("00", "700")
    assert (six.mailer_id, six.serial) == ("123456", "000000789")
    nine = Imb("00700901061457000789")
    assert (nine.mailer_id, nine.serial) == ("901061457", "000789")


def test_the_tables_are_those_of_the_standard() -> None:
    """1287 characters of five ones, 78 of two; 130 halves name 130 different bits."""
    table = imb._character_table()
    assert [character.bit_count() for character in table] == [5] * 1287 + [2] * 78
    assert len(set(table)) == 1365
    halves = imb._BAR_TABLE.split()
    assert sorted(halves) == sorted(f"{at}{bit}" for at in "ABCDEFGHIJ" for bit in range(13))
    assert all(down[0] != up[0] for down, up in zip(halves[::2], halves[1::2], strict=True))


@given(st.integers(0, 2**102 - 1))
def test_the_check_by_bytes_is_the_check_by_bits(number: int) -> None:
    """The standard's loop, bit by bit, is the definition; tables are the fast twin."""
    assert imb._crc11(number) == imb._crc_by_bits(number, 0x7FF)
