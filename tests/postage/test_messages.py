"""Messages between meter and provider: one form for each, and every other form refused by name."""

import hashlib
import struct
from dataclasses import fields, replace
from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postage import message_layouts as forms
from postage import message_parts as parts
from postage.discrepancy import Reckoning
from postage.envelope import (
    LONGEST_ENVELOPE_BYTES,
    MAGIC,
    MESSAGES,
    SIGNATURE_BYTES,
    claimed_device,
    describe,
    open_envelope,
    pack,
    seal,
    unpack,
)
from postage.errors import MessageFault, MessageFormatError
from postage.layouts import BY_VERSION
from postage.messages import (
    ANSWERS,
    NOTICES,
    AuditUpload,
    Command,
    Denial,
    Denied,
    Discrepancy,
    Message,
    Order,
    RateNotice,
    RefillRequest,
    Sender,
    TimeAnswer,
    TimeQuery,
)
from postage.money import Money
from postage.registers import MAX_PIECE_COUNT, Registers

MILLS = st.integers(0, 2**39 - 1)


def registers(ascending: int, descending: int, count: int) -> Registers:
    return Registers(
        ascending=Money(ascending),
        descending=Money(descending),
        control_total=Money(ascending + descending),
        piece_count=count,
    )


def reckoning(mills: tuple[int, int, int]) -> Reckoning:
    """Return amounts that are a discrepancy: one less or more than due, or nothing for it."""
    paid, due, adjust = mills
    due = due + 1 if paid == due else due
    return Reckoning(
        paid=Money(paid), due=Money(due), adjust=Money(min(adjust, max(0, due - paid)))
    )


def values_of(wire: object) -> st.SearchStrategy[Any]:  # noqa: PLR0912  # a case for each form
    """Return what a field can hold, from its form."""
    match wire:
        case forms.Uint(width):
            values: st.SearchStrategy[Any] = st.integers(0, 256**width - 1)
        case forms.Mills():
            values = MILLS.map(Money)
        case forms.RegisterBlock():
            values = st.builds(registers, MILLS, MILLS, st.integers(0, MAX_PIECE_COUNT))
        case forms.Fixed(length):
            values = st.binary(min_size=length, max_size=length)
        case forms.Counted(unit, _):
            blocks = st.binary(min_size=unit, max_size=unit)
            values = st.lists(blocks, max_size=3).map(b"".join)
        case forms.Text(longest, shortest):
            printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
            values = st.text(printable, min_size=shortest, max_size=longest)
        case forms.Day():
            values = st.dates()
        case forms.Choice(kinds) | parts.Name(kinds):
            values = st.sampled_from(kinds)
        case parts.Sint(width):
            values = st.integers(-(256**width // 2), 256**width // 2 - 1)
        case parts.Truth():
            values = st.booleans()
        case parts.Maybe(form):
            values = st.none() | values_of(form)
        case parts.Several(form, most):
            values = st.lists(values_of(form), max_size=min(most, 4)).map(tuple)
        case parts.Record(kind) if kind is Reckoning:
            values = st.tuples(MILLS, MILLS, MILLS).map(reckoning)
        case parts.Record(kind):
            each = {at: values_of(form) for at, form in parts.forms_of(kind)}
            values = st.builds(kind, **each)
        case _:
            raise AssertionError(wire)
    return values


def build(cls: type[Message]) -> st.SearchStrategy[Message]:
    return st.builds(cls, **{at: values_of(form) for at, form in parts.forms_of(cls)})


ANY_MESSAGE = st.one_of([build(cls) for cls in MESSAGES])


def sign(message: bytes) -> bytes:
    return hashlib.sha512(b"key" + message).digest()


def check(message: bytes, signature: bytes) -> bool:
    return signature == sign(message)


def fault_of(data: bytes) -> MessageFault:
    with pytest.raises(MessageFormatError) as caught:
        unpack(data)
    return caught.value.kind


@given(ANY_MESSAGE)
def test_a_message_comes_back(message: Message) -> None:
    assert unpack(pack(message)) == message
    assert claimed_device(pack(message)) == message.device


@given(ANY_MESSAGE, st.data())
def test_bytes_have_one_reading(message: Message, data: st.DataObject) -> None:
    """What a changed byte leaves readable is another message in its own one form."""
    packed = bytearray(pack(message))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        other = unpack(bytes(packed))
    except MessageFormatError:
        return
    assert pack(other) == packed


@given(st.binary(max_size=200), st.integers(0, 34), st.sampled_from(Sender))
def test_any_bytes_are_read_or_refused(noise: bytes, kind: int, sender: Sender) -> None:
    """Nothing but MessageFormatError leaves `unpack`, with and without a sound header."""
    for data in (noise, struct.pack("<4sBBB", MAGIC, 1, kind, sender) + noise):
        try:
            assert pack(unpack(data)) == data
        except MessageFormatError:
            continue


@given(ANY_MESSAGE, st.binary(min_size=1, max_size=5))
@settings(max_examples=50)
def test_every_cut_and_every_tail_is_refused(message: Message, tail: bytes) -> None:
    packed = pack(message)
    cuts = range(len(packed)) if len(packed) < 600 else range(0, len(packed), 13)
    assert {fault_of(packed[:end]) for end in cuts} == {MessageFault.TRUNCATED}
    assert fault_of(packed + tail) is MessageFault.PADDED


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_every_bit_is_under_the_signature(cls: type[Message]) -> None:
    """No bit of an envelope can change, no byte can go or come."""
    message = smallest(cls)
    sealed = seal(message, sign)
    assert open_envelope(sealed, check) == message
    for bit in range(8 * len(sealed)):
        forged = bytearray(sealed)
        forged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(MessageFormatError) as caught:
            open_envelope(bytes(forged), check)
        assert caught.value.kind is MessageFault.BAD_SIGNATURE
    for end in range(len(sealed)):
        with pytest.raises(MessageFormatError) as caught:
            open_envelope(sealed[:end], check)
        assert caught.value.kind in (MessageFault.BAD_SIGNATURE, MessageFault.TRUNCATED)
    with pytest.raises(MessageFormatError, match="does not verify"):
        open_envelope(sealed + b"\0", check)


def smallest(cls: type[Message]) -> Message:
    """Return one message of a class, the same in every run."""
    return cls(**{at: one_of(form, n) for n, (at, form) in enumerate(parts.forms_of(cls))})


def one_of(form: forms.Wire, number: int = 0) -> Any:  # noqa: PLR0912  # a case for each form
    """Return one value of a form; numbers differ by their place."""
    value: Any
    match form:
        case forms.Uint() | parts.Sint():
            value = 3 + number
        case forms.Mills():
            value = Money(500_000)
        case forms.RegisterBlock():
            value = registers(2_340, 497_660, 3)
        case forms.Fixed(length):
            value = bytes(range(length))
        case forms.Counted(unit, _):
            value = bytes(unit)
        case forms.Text():
            value = "2026-07-12"
        case forms.Day():
            value = date(2026, 7, 12)
        case forms.Choice(kinds) | parts.Name(kinds):
            value = list(kinds)[-1]
        case parts.Truth():
            value = True
        case parts.Maybe(form):
            value = one_of(form, number)
        case parts.Several(form, _):
            value = (one_of(form, number),)
        case parts.Record(kind) if kind is Reckoning:
            value = reckoning((780, 1_070, 290))
        case parts.Record(kind):
            value = kind(**{at: one_of(each) for at, each in parts.forms_of(kind)})
        case _:
            raise AssertionError(form)
    return value


def test_a_refill_request_byte_by_byte() -> None:
    """The whole table once by hand: a later change of order or width does not go unseen."""
    request = RefillRequest(
        device=int.from_bytes(b"TST0\x07\0\0\0", "little"),
        nonce=0x1122,
        request=1,
        amount=Money(500_000),
        sequence=9,
        digest=bytes(range(32)),
        registers=registers(2_340, 497_660, 3),
    )
    by_hand = [
        "494d494d 01 03 01",  # IMIM, version 1, kind 3, a meter
        "5453543007000000 2211000000000000",  # device, nonce
        "0100000000000000 20a1070000",  # request id, 500,000 mills
        "0900000000000000 " + bytes(range(32)).hex(),  # newest record
        "2409000000 fc97070000 20a1070000 03000000",  # AR 2,340, DR 497,660, CT 500,000, 3 pieces
    ]
    assert pack(request) == bytes.fromhex("".join(by_hand))


def test_no_signature_serves_twice() -> None:
    """A device signs indicia, checkpoints and messages; their first bytes keep them apart."""
    assert MAGIC == b"IMIM"
    assert MAGIC[0] not in BY_VERSION
    assert not b"PSDJ checkpoint".startswith(MAGIC)


def test_each_kind_has_one_sender() -> None:
    """A meter's message sent back to it is refused before its fields are read."""
    for cls in MESSAGES:
        packed = bytearray(pack(smallest(cls)))
        packed[6] = packed[6] % 3 + 1
        assert fault_of(bytes(packed)) is MessageFault.WRONG_SENDER
    assert {cls.SENDER for cls in ANSWERS} == {Sender.METER}
    assert {cls.SENDER for cls in NOTICES} == {Sender.POSTAL_SERVICE}
    answers = [*ANSWERS.values(), *NOTICES.values()]
    assert {cls.SENDER for may in answers for cls in may} == {Sender.PROVIDER}
    assert all(Denied in may for may in answers)


def test_headers_are_refused_by_name() -> None:
    packed = pack(TimeQuery(device=7, nonce=1))
    assert fault_of(b"PSDJ" + packed[4:]) is MessageFault.UNKNOWN_MAGIC
    assert fault_of(packed[:4] + b"\x02" + packed[5:]) is MessageFault.UNKNOWN_VERSION
    assert fault_of(packed[:5] + b"\x63" + packed[6:]) is MessageFault.UNKNOWN_KIND
    with pytest.raises(MessageFormatError, match="an envelope of 70 bytes; the least has 71"):
        open_envelope(bytes(70), check)


def test_an_envelope_has_a_greatest_length() -> None:
    """The longest upload fits twice; what is longer is not even checked."""
    longest = replace(smallest(AuditUpload), records=bytes(512 * forms.MAX_RECORDS))
    assert 2 * len(seal(longest, sign)) > LONGEST_ENVELOPE_BYTES > len(seal(longest, sign))
    with pytest.raises(MessageFormatError) as caught:
        open_envelope(bytes(LONGEST_ENVELOPE_BYTES + 1), check)
    assert caught.value.kind is MessageFault.TOO_LONG


def test_values_that_no_field_holds_are_refused_by_name() -> None:
    answer = TimeAnswer(device=7, nonce=1, server_us=2)
    order = Order(device=7, nonce=1, order=1, command=Command.SUSPEND, argument=0)
    notice = smallest(RateNotice)
    upload = smallest(AuditUpload)
    wrong: list[tuple[Message, dict[str, Any], MessageFault]] = [
        (answer, {"server_us": 2**64}, MessageFault.FIELD_RANGE),
        (answer, {"server_us": -1}, MessageFault.FIELD_RANGE),
        (answer, {"server_us": 1.5}, MessageFault.FIELD_TYPE),
        (answer, {"device": True}, MessageFault.FIELD_TYPE),
        (notice, {"effective": "2026-07-12"}, MessageFault.FIELD_TYPE),
        (order, {"command": 1}, MessageFault.FIELD_TYPE),
        (order, {"command": Denial.GAP}, MessageFault.FIELD_TYPE),
        (notice, {"edition": ""}, MessageFault.BAD_TEXT),
        (notice, {"edition": "caf\xe9"}, MessageFault.BAD_TEXT),
        (notice, {"edition": "x" * 41}, MessageFault.WRONG_LENGTH),
        (notice, {"edition": b"2026"}, MessageFault.FIELD_TYPE),
        (notice, {"sha256": bytes(31)}, MessageFault.WRONG_LENGTH),
        (notice, {"sha256": "00"}, MessageFault.FIELD_TYPE),
        (notice, {"effective": datetime(2026, 7, 12)}, MessageFault.FIELD_TYPE),  # noqa: DTZ001
        (upload, {"records": bytes(511)}, MessageFault.WRONG_LENGTH),
        (upload, {"records": bytes(512 * 129)}, MessageFault.WRONG_LENGTH),
        (upload, {"records": None}, MessageFault.FIELD_TYPE),
        (upload, {"registers": (1, 2, 3, 4)}, MessageFault.FIELD_TYPE),
        (smallest(RefillRequest), {"amount": 500}, MessageFault.FIELD_TYPE),
        (smallest(RefillRequest), {"amount": Money(2**40)}, MessageFault.FIELD_RANGE),
    ]
    for message, change, kind in wrong:
        with pytest.raises(MessageFormatError) as caught:
            pack(replace(message, **change))
        assert caught.value.kind is kind, change
        assert type(message).__name__ in str(caught.value)


def test_bytes_that_say_nothing_are_refused_by_name() -> None:
    """Registers that do not add up, dates that do not exist, lists' unknown members."""
    request = bytearray(pack(smallest(RefillRequest)))
    request[-19] ^= 1  # the lowest bit of the ascending register
    assert fault_of(bytes(request)) is MessageFault.CONTRADICTION
    notice = pack(smallest(RateNotice))
    assert fault_of(notice[:-4] + (20260230).to_bytes(4, "little")) is MessageFault.BAD_DATE
    denied = pack(smallest(Denied))
    assert fault_of(denied[:-1] + b"\xc8") is MessageFault.UNKNOWN_VALUE
    at = notice.index(b"2026-07-12")
    assert fault_of(notice[:at] + b"\x07" + notice[at + 1 :]) is MessageFault.BAD_TEXT
    assert fault_of(notice[: at - 2] + b"\xff\xff" + notice[at:]) is MessageFault.WRONG_LENGTH


def test_tables_can_be_read() -> None:
    table = describe(Order)
    assert "| command | 1 byte: 0 NOTHING, 1 SUSPEND" in table
    for cls in MESSAGES:
        assert (
            describe(cls).count("\n") == 2 + len(list(parts.rows_of(cls))) >= 2 + len(fields(cls))
        )
    told = describe(Discrepancy)
    assert "| reckoning.paid | mills, 5 bytes |" in told
    assert "| measured | 1 byte: 0 absent, or 1 and then its fields |" in told
    assert "| measured.figures.length_thou | unsigned integer, 4 bytes |" in told
    assert SIGNATURE_BYTES == 64
