"""Shapes at every limit of DMM 101 (edition 2023-07-09), as domain.md 4.1 states them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.errors import BadMailpiece
from postage.mailpiece import Mailpiece
from postage.shapes import Nonmachinable, Shape, classify


def piece(length: Any, height: Any, thickness: Any, ounces: Any = 1, **flags: bool) -> Mailpiece:
    return Mailpiece.inches(length, height, thickness, ounces=ounces, **flags)


@pytest.mark.parametrize(
    ("length", "height", "thickness", "shape"),
    [
        # minimum 5 x 3.5 x 0.007 for what is at most 1/4 in thick
        ("5", "3.5", "0.007", Shape.CARD),
        ("4.999", "3.5", "0.007", Shape.NONMAILABLE),
        ("5", "3.499", "0.007", Shape.NONMAILABLE),
        ("5", "3.5", "0.006", Shape.NONMAILABLE),
        ("4", "3", "0.25", Shape.NONMAILABLE),
        ("4", "3", "0.251", Shape.FLAT),
        ("12", "7", "0.006", Shape.NONMAILABLE),
        # card: up to 6 x 4.25 x 0.016 (9a.4)
        ("6", "4.25", "0.016", Shape.CARD),
        ("6", "4.25", "0.017", Shape.LETTER),
        ("6.001", "4.25", "0.016", Shape.LETTER),
        ("6", "4.251", "0.016", Shape.LETTER),
        # letter: up to 11.5 x 6.125 x 0.25 (9a.4)
        ("11.5", "6.125", "0.25", Shape.LETTER),
        ("11.51", "6.125", "0.25", Shape.FLAT),
        ("11.501", "6.125", "0.25", Shape.FLAT),
        ("11.5", "6.126", "0.25", Shape.FLAT),
        ("11.5", "6.125", "0.251", Shape.FLAT),
        # a letter's length is the side given as parallel to the address
        ("6.125", "11.5", "0.25", Shape.FLAT),
        # flat: up to 15 x 12 x 0.75, longest side first whatever the address (9a.4)
        ("15", "12", "0.75", Shape.FLAT),
        ("12", "15", "0.75", Shape.FLAT),
        ("15", "12", "0.76", Shape.PARCEL),
        ("15", "12", "0.751", Shape.PARCEL),
        ("15.001", "12", "0.75", Shape.PARCEL),
        ("15", "12.001", "0.75", Shape.PARCEL),
        # mail at all: length and girth up to 130 in
        ("30", "25", "25", Shape.PARCEL),
        ("30.001", "25", "25", Shape.NONMAILABLE),
        ("25", "30", "25.001", Shape.NONMAILABLE),
    ],
)
def test_maxima_are_inclusive(length: str, height: str, thickness: str, shape: Shape) -> None:
    assert classify(piece(length, height, thickness)).shape is shape


@pytest.mark.parametrize(
    ("length", "height", "thickness", "flags", "criteria"),
    [
        # aspect: 1.3 and 2.5 exactly are machinable
        ("6.5", "5", "0.02", {}, []),
        ("6.499", "5", "0.02", {}, [Nonmachinable.ASPECT_RATIO]),
        ("10", "4", "0.02", {}, []),
        ("10.001", "4", "0.02", {}, [Nonmachinable.ASPECT_RATIO]),
        ("6", "6", "0.02", {}, [Nonmachinable.ASPECT_RATIO]),
        # 0.009 in only above 6 in long or 4.25 in high (9a.4, trap 19)
        ("6.5", "4", "0.008", {}, [Nonmachinable.TOO_THIN]),
        ("6.5", "4", "0.009", {}, []),
        ("6", "4.25", "0.008", {"is_single_sheet": False}, []),
        ("6", "4.251", "0.008", {}, [Nonmachinable.TOO_THIN]),
        ("6.001", "4.25", "0.008", {}, [Nonmachinable.TOO_THIN]),
        # what a belt cannot see
        ("9", "4", "0.02", {"is_polybagged": True}, [Nonmachinable.WRAP]),
        ("9", "4", "0.02", {"has_closure_devices": True}, [Nonmachinable.CLOSURE]),
        ("9", "4", "0.02", {"has_loose_items": True}, [Nonmachinable.LOOSE_ITEMS]),
        ("9", "4", "0.02", {"is_rigid": True}, [Nonmachinable.RIGID]),
        ("9", "4", "0.02", {"is_flexible": False}, [Nonmachinable.RIGID]),
        ("9", "4", "0.02", {"is_uniform": False}, [Nonmachinable.UNEVEN]),
        ("9", "4", "0.02", {"is_self_mailer": True}, [Nonmachinable.SELF_MAILER]),
        ("9", "4", "0.02", {"is_booklet": True}, [Nonmachinable.BOOKLET]),
        (
            *("6", "5", "0.02", {"address_parallel_to_short_side": True}),
            [Nonmachinable.ASPECT_RATIO, Nonmachinable.ADDRESS],
        ),
        ("9", "4", "0.02", {}, []),
    ],
)
def test_each_nonmachinable_criterion(
    length: str, height: str, thickness: str, flags: dict[str, bool], criteria: list[Nonmachinable]
) -> None:
    found = classify(piece(length, height, thickness, **flags))
    assert found.shape is Shape.LETTER
    assert list(found.nonmachinable) == criteria


@pytest.mark.parametrize("flag", [{}, {"is_rigid": True}, {"is_flexible": False}])
def test_cards_are_exempt_from_nonmachinable(flag: dict[str, bool]) -> None:
    """domain.md trap 17; 5 x 4.25 has an aspect of 1.18, 6 x 3.5 is 0.008 thin and legal."""
    for sides in [("5", "4.25", "0.008"), ("6", "3.5", "0.016")]:
        found = classify(piece(*sides, **flag))
        assert (found.shape, found.nonmachinable) == (Shape.CARD, ())


@pytest.mark.parametrize(
    "flag",
    [
        {"is_single_sheet": False},
        {"is_uniform": False},
        {"is_polybagged": True},
        {"has_closure_devices": True},
        {"has_loose_items": True},
        {"is_self_mailer": True},
        {"is_booklet": True},
    ],
)
def test_a_card_is_one_uniform_sheet_without_enclosures(flag: dict[str, bool]) -> None:
    assert classify(piece("6", "4.25", "0.016", **flag)).shape is Shape.LETTER


@pytest.mark.parametrize(
    ("sides", "flag"),
    [
        (("6", "4", "0.01"), {"is_rectangular": False}),
        (("12", "9", "0.25"), {"is_rectangular": False}),
        (("12", "9", "0.25"), {"is_flexible": False}),
        (("12", "9", "0.25"), {"is_rigid": True}),
        (("12", "9", "0.25"), {"is_uniform": False}),
    ],
)
def test_what_fails_the_form_of_a_flat_is_a_parcel(
    sides: tuple[str, str, str], flag: dict[str, bool]
) -> None:
    assert classify(piece(*sides, **flag)).shape is Shape.PARCEL


def test_length_follows_the_address() -> None:
    """domain.md trap 18: a 9 x 6 in envelope addressed along its short side is 9 in high."""
    portrait = piece(9, 6, "0.05", address_parallel_to_short_side=True)
    assert classify(piece(9, 6, "0.05")).shape is Shape.LETTER
    assert classify(portrait).shape is Shape.FLAT
    assert classify(portrait).reasons[-1] == "height 9 in is more than 6.125 in (letter)"


def test_reasons_name_the_measure_the_amount_and_the_limit() -> None:
    assert classify(piece(15, 12, "0.76")).reasons == (
        "length 15 in is more than 11.5 in (letter)",
        "height 12 in is more than 6.125 in (letter)",
        "thickness 0.76 in is more than 0.25 in (letter)",
        "thickness 0.76 in is more than 0.75 in (flat)",
    )
    heavy = classify(piece(10, 10, 10, "1120.001"))
    assert heavy.shape is Shape.NONMAILABLE
    assert heavy.reasons == ("weight 1120.001 oz is more than 70 lb (mail)",)
    assert classify(piece(10, 10, 10, 1120)).shape is Shape.PARCEL


def test_weight_below_seventy_pounds_is_not_shape() -> None:
    assert classify(piece(9, 4, "0.25", 14)).shape is Shape.LETTER


@given(st.integers(1, 40_000), st.integers(1, 40_000), st.integers(1, 3_000), st.integers(1, 20))
def test_a_bigger_piece_is_never_a_smaller_shape(
    length: int, height: int, thickness: int, more: int
) -> None:
    order = [Shape.CARD, Shape.LETTER, Shape.FLAT, Shape.PARCEL, Shape.NONMAILABLE]
    small = classify(Mailpiece(length, height, thickness, 1000))
    large = classify(Mailpiece(length + more, height + more, thickness + more, 1000))
    assert small.nonmachinable == () or small.shape is Shape.LETTER
    if small.shape is not Shape.NONMAILABLE:
        assert order.index(large.shape) >= order.index(small.shape)


@pytest.mark.parametrize("value", [0.25, 1.0, True, None])
def test_sizes_are_exact(value: Any) -> None:
    with pytest.raises(TypeError, match="thickness is int, str or Decimal"):
        piece(6, 4, value)
    with pytest.raises(TypeError, match="weight is int, str or Decimal"):
        piece(6, 4, 1, value)
    with pytest.raises(TypeError, match="length_thou is an int"):
        Mailpiece(value, 4000, 10, 1000)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0.0005", "thickness 0.0005 is not a whole number of thousandths"),
        ("a", "thickness 'a' is not a number"),
        ("NaN", "thickness NaN is no size or weight"),
        ("sNaN", "thickness sNaN is no size or weight"),
        ("Infinity", "thickness Infinity is no size or weight"),
        ("1e999999", r"thickness 1E\+999999 is no size or weight; the limit is 3200"),
        ("-1e5000", r"thickness -1E\+5000 is no size or weight"),
        ("1e-999999", "thickness 1e-999999 is not a whole number of thousandths"),
        ("0", "thickness_thou is 0; a mailpiece has 1 to 200000"),
        ("-1", "thickness_thou is -1000; a mailpiece has 1 to 200000"),
        ("200.001", "thickness_thou is 200001; a mailpiece has 1 to 200000"),
    ],
)
def test_sizes_that_are_none_are_refused(value: str, message: str) -> None:
    with pytest.raises(BadMailpiece, match=message):
        piece(6, 4, value)
    with pytest.raises(BadMailpiece, match=r"weight 3200\.001 is no size or weight"):
        piece(6, 4, 1, "3200.001")
    with pytest.raises(BadMailpiece, match=r"weight_milliounces is 3200001; .* 1 to 3200000"):
        Mailpiece(6000, 4000, 10, 3_200_001)


@pytest.mark.parametrize(
    ("ounces", "tenths"), [("3.5", 35), ("3.501", 36), ("0.001", 1), (13, 130)]
)
def test_an_indicium_shows_tenths_rounded_up(ounces: Any, tenths: int) -> None:
    """domain.md 1.2: the sample's 3.5 oz stand as 35."""
    assert piece(6, 4, "0.01", ounces).weight_tenths_oz == tenths
