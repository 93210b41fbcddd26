"""The message that tells a provider of a discrepancy: bytes by hand, limits, contradictions."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.discrepancy import (
    MAX_PAYLOAD_BYTES,
    MAX_PAYLOADS,
    MAX_PROVIDER,
    MAX_REASONS,
    MAX_TEXT,
    Adjustment,
    Assessment,
    Claim,
    Figures,
    Place,
    Proof,
    Reckoning,
    RootCause,
)
from postage.envelope import LONGEST_ENVELOPE_BYTES, MAGIC, pack, unpack
from postage.errors import MessageFault, MessageFormatError
from postage.mailclass import MailClass
from postage.messages import Discrepancy
from postage.money import ZERO, Money
from postage.remedies import Remedy
from postage.verdicts import Class2011, Class2015, Code, Reason


def short_letter() -> Discrepancy:
    """Scenario 14 of domain.md 9a: a letter of 2.0 oz dated 2026-07-13 shows 780, 1070 is due."""
    piece = Figures(
        weight_milliounces=2_000, length_thou=9_500, height_thou=4_125, thickness_thou=20
    )
    return Discrepancy(
        device=int.from_bytes(b"TPB1\x07\0\0\0", "little"),
        nonce=0x0706050403020100,
        id=bytes(range(32)),
        provider="PB",
        code=Code.SHORTPAID,
        reasons=(Reason.LESS_THAN_DUE,),
        adjustment=Adjustment.CENSUS,
        root_cause=RootCause.WEIGHT,
        remedies=(Remedy.ADJUST, Remedy.RETURN),
        reckoning=Reckoning(shown=Money(780), paid=Money(780), due=Money(1_070), adjust=Money(290)),
        place=Place(scanned_us=-1, scanned_on=date(2026, 7, 13), site="SFO", lane=2, zone=8),
        claimed=Claim(rate_category=111, weight_tenths_oz=10),
        measured=Assessment(figures=piece, weight_tolerance_milliounces=30),
        proof=Proof(digest=bytes(32), payloads=(b"\x72",), register="USPS 1", edition="2026-07-12"),
        is_rehearsal=True,
    )


def text(value: str) -> str:
    return len(value).to_bytes(2, "little").hex() + value.encode().hex()


def test_a_discrepancy_byte_by_byte() -> None:
    """The whole table once by hand: a later change of order, width or name does not go unseen."""
    by_hand = [
        "494d494d 01 20 03",  # IMIM, version 1, kind 32, the Postal Service
        "5450423107000000 0001020304050607",  # device, nonce
        bytes(range(32)).hex() + text("PB") + text("SHORTPAID"),
        "01" + text("LESS_THAN_DUE") + text("CENSUS") + text("WEIGHT"),
        "02" + text("ADJUST") + text("RETURN"),
        "01 0c03000000 0c03000000 01 2e04000000 2201000000",  # 780, 780, 1070, 290
        "ffffffffffffffff 69273501" + text("SFO") + "0200000000000000 0100000000000000",
        text("") + text("") + text("FIRST_CLASS") + "01 0800000000000000",
        "01 6f000000 01 0a000000" + text("") + "00",  # category 111, 1.0 oz, no ZIP, no figures
        "01 d0070000 1c250000 1d100000 14000000" + text("") + "1e000000 00000000",
        bytes(32).hex() + "01 0100 72" + "00" + text("USPS 1") + text("2026-07-12"),
        text("") + text(""),  # never seen before, no grade
        "01",  # REHEARSAL
    ]
    message = short_letter()
    assert pack(message).hex() == "".join(by_hand).replace(" ", "")
    assert unpack(pack(message)) == message


def test_it_says_its_classes_and_difference() -> None:
    amounts = short_letter().reckoning
    assert (amounts.difference_mills, amounts.deficiency) == (-290, Money(290))
    assert (amounts.class_2011, amounts.class_2015) == (Class2011.SHORTPAID, Class2015.DISCREPANCY)
    over = Reckoning(paid=Money(1_070), due=Money(780))
    assert (over.difference_mills, over.deficiency) == (290, ZERO)
    assert over.class_2011 is Class2011.SUFFICIENT
    unknown = Reckoning(paid=ZERO, due=None)
    assert (unknown.difference_mills, unknown.class_2011) == (None, Class2011.UNPAID)


@pytest.mark.parametrize(
    ("paid", "due", "adjust"),
    [(780, 780, 0), (780, None, 0), (780, 1_070, 291), (1_070, 780, 1), (0, None, 1), (0, 0, 0)],
)
def test_amounts_that_cannot_be_true_are_refused(paid: int, due: int | None, adjust: int) -> None:
    """Built or read: nothing that is right, unknown or asked twice is a discrepancy."""
    whole = None if due is None else Money(due)
    with pytest.raises(MessageFormatError) as caught:
        Reckoning(paid=Money(paid), due=whole, adjust=Money(adjust))
    assert caught.value.kind is MessageFault.CONTRADICTION
    packed = pack(short_letter())
    right = bytes.fromhex("0c03000000 01 2e04000000 2201000000")
    owed = b"\0" if due is None else b"\1" + due.to_bytes(5, "little")
    wrong = paid.to_bytes(5, "little") + owed + adjust.to_bytes(5, "little")
    assert packed.count(right) == 1
    with pytest.raises(MessageFormatError) as caught:
        unpack(packed.replace(right, wrong))
    assert caught.value.kind is MessageFault.CONTRADICTION


def test_names_outside_the_lists_are_refused() -> None:
    packed = pack(short_letter())
    for known, unknown in ((b"SHORTPAID", b"LONGPAID!"), (b"ADJUST", b"adjust")):
        with pytest.raises(MessageFormatError) as caught:
            unpack(packed.replace(known, unknown))
        assert caught.value.kind is MessageFault.UNKNOWN_VALUE
    for flag in (2, 255):
        with pytest.raises(MessageFormatError) as caught:
            unpack(packed[:-1] + bytes([flag]))
        assert caught.value.kind is MessageFault.UNKNOWN_VALUE


def test_what_no_field_holds_is_refused_by_name() -> None:
    message = short_letter()
    wrong = [
        (replace(message, provider="x" * (MAX_PROVIDER + 1)), MessageFault.WRONG_LENGTH),
        (replace(message, reasons=(Reason.UNDATED,) * 33), MessageFault.WRONG_LENGTH),
        (replace(message, reasons=[Reason.UNDATED]), MessageFault.FIELD_TYPE),
        (replace(message, code="SHORTPAID"), MessageFault.FIELD_TYPE),
        (replace(message, is_rehearsal=1), MessageFault.FIELD_TYPE),
        (replace(message, place=message.claimed), MessageFault.FIELD_TYPE),
        (replace(message, place=replace(message.place, lane=2**63)), MessageFault.FIELD_RANGE),
        (replace(message, place=replace(message.place, lane=True)), MessageFault.FIELD_TYPE),
    ]
    for one, kind in wrong:
        with pytest.raises(MessageFormatError) as caught:
            pack(one)
        assert caught.value.kind is kind, one


def test_it_has_a_greatest_size() -> None:
    """Every field at its limit: under 4 KiB, a thirty-second of what a line reads."""
    message = short_letter()
    label, figures = "x" * MAX_TEXT, replace(message.measured.figures, marks="x" * 300)
    longest = replace(
        message,
        provider="x" * MAX_PROVIDER,
        code=max(Code, key=lambda one: len(one.name)),
        reasons=(max(Reason, key=lambda one: len(one.name)),) * MAX_REASONS,
        adjustment=Adjustment.UNMANIFESTED,
        root_cause=RootCause.DESTINATION_ENTRY,
        remedies=tuple(Remedy),
        place=replace(
            message.place,
            site=label,
            piece_id=label,
            image_id=label,
            mail_class=MailClass.BOUND_PRINTED_MATTER,
        ),
        claimed=replace(message.claimed, destination_zip="x" * 12, figures=figures),
        measured=replace(message.measured, figures=figures),
        proof=Proof(
            digest=bytes(32),
            payloads=(bytes(MAX_PAYLOAD_BYTES),) * MAX_PAYLOADS,
            crop=bytes(32),
            register=label,
            edition=label,
            first_seen=label,
            grade=label,
        ),
    )
    assert unpack(pack(longest)) == longest
    assert 3_900 < len(pack(longest)) < 4_096 == LONGEST_ENVELOPE_BYTES // 32


@given(st.data())
def test_a_changed_byte_is_refused_or_read_in_one_way(data: st.DataObject) -> None:
    packed = bytearray(pack(short_letter()))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(7, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        other = unpack(bytes(packed))
    except MessageFormatError:
        return
    assert pack(other) == packed


@given(st.binary(max_size=400))
def test_noise_behind_its_header_is_read_or_refused(noise: bytes) -> None:
    data = MAGIC + bytes([1, 32, 3]) + noise
    try:
        assert pack(unpack(data)) == data
    except MessageFormatError:
        return
