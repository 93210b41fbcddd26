"""The 512-byte record and the HEAD slot, byte by byte (reliability.md 4.5)."""

import hashlib
import hmac

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import RecordFormatError
from pipeline.record import (
    HeadSlot,
    Quality,
    Record,
    RecordType,
    Seal,
    device_id,
    digest,
    invert,
    unpack_record,
    unpack_slot,
)
from tests.pipeline.device import JOURNAL_KEY, SEAL

EXAMPLE = Record(
    RecordType.DEBIT,
    *(0x0102, SEAL.device, 3, 1_783_900_000_000_000, 86_400_000_000),
    *(2_340, 497_660, 500_000, 3, 780, 17, 18, 20_260_712, 0x1234_0001, 0x55),
    *(bytes(range(32)), b"P" * 45, b"S" * 64),
)
LAYOUT = [  # reliability.md 4.5: offset, size, value
    (0, 4, b"PSDJ"),
    (4, 2, 1),
    (6, 2, 1),
    (8, 8, 0x0102),
    (16, 8, SEAL.device),
    (24, 8, 3),
    (32, 8, 1_783_900_000_000_000),
    (40, 8, 86_400_000_000),
    (48, 8, 2_340),
    (56, 8, 497_660),
    (64, 8, 500_000),
    (72, 8, 3),
    (80, 8, 780),
    (88, 4, 17),
    (92, 4, 18),
    (96, 4, 20_260_712),
    (100, 4, 0x1234_0001),
    (104, 8, 0x55),
    (112, 32, bytes(range(32))),
    (144, 2, 45),
    (146, 2, 64),
    (148, 256, (b"P" * 45 + b"S" * 64).ljust(256, b"\0")),
    (404, 72, bytes(72)),
]


def test_fields_stand_where_the_layout_says() -> None:
    sealed = SEAL.record(EXAMPLE)
    assert len(sealed) == 512
    for offset, size, value in LAYOUT:
        expected = value if isinstance(value, bytes) else value.to_bytes(size, "little")
        assert sealed[offset : offset + size] == expected, offset
    assert sum(size for _, size, _ in LAYOUT) == 476


def test_seal_and_checksum_cover_what_the_layout_says() -> None:
    sealed = SEAL.record(EXAMPLE)
    assert sealed[476:508] == hmac.new(JOURNAL_KEY, sealed[:476], hashlib.sha256).digest()
    assert int.from_bytes(sealed[508:], "little") == google_crc32c.value(sealed[:508])


def test_crc_is_castagnoli() -> None:
    """RFC 3720 B.4: 32 bytes of zero give aa 36 91 8a."""
    assert google_crc32c.value(bytes(32)).to_bytes(4, "little") == bytes.fromhex("aa36918a")


def test_type_numbers_are_on_disk_for_ever() -> None:
    names = [
        *("DEBIT", "CONFIRM", "REFILL_BEGIN", "REFILL_APPLY", "REFILL_VOID", "BUDGET"),
        *("TIME_ANCHOR", "AUDIT_ACK", "LOCK", "UNLOCK", "BOOT", "FAULT", "CHECKPOINT"),
        *("ZEROISE", "TRY", "RATE", "LIFE", "WITHDRAW", "INCIDENT"),
    ]
    assert [(kind.name, kind.value) for kind in RecordType] == [
        (name, number) for number, name in enumerate(names, 1)
    ]


U64 = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
RECORDS = st.builds(
    Record,
    *(st.sampled_from(RecordType), U64, st.just(SEAL.device), U64, U64, U64),
    *(U64, U64, U64, U64, U64, U32, U32, U32, U32, U64),
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=128),
    st.binary(max_size=128),
)


@given(RECORDS)
def test_what_is_packed_is_unpacked(record: Record) -> None:
    sealed = SEAL.record(record)
    assert SEAL.quality(sealed) is Quality.SEALED
    assert unpack_record(sealed) == record
    assert SEAL.quality(invert(invert(sealed))) is Quality.SEALED
    assert SEAL.quality(invert(sealed)) is Quality.BAD


def resealed(sealed: bytes, *, key: bytes | None = JOURNAL_KEY) -> bytes:
    """Return bytes with a right checksum, and with a right seal where a key is given."""
    body = sealed[:476]
    body += hmac.digest(key, body, "sha256") if key else sealed[476:508]
    return body + google_crc32c.value(body).to_bytes(4, "little")


def edited(sealed: bytes, offset: int, data: bytes) -> bytes:
    return sealed[:offset] + data + sealed[offset + len(data) :]


def test_every_single_bit_flip_of_a_record_is_bad() -> None:
    sealed = SEAL.record(EXAMPLE)
    for bit in range(512 * 8):
        flipped = edited(sealed, bit // 8, bytes([sealed[bit // 8] ^ 1 << bit % 8]))
        assert SEAL.quality(flipped) is Quality.BAD, bit


def test_an_edit_with_the_checksum_made_right_is_forged() -> None:
    sealed = edited(SEAL.record(EXAMPLE), 56, b"\xff")
    assert SEAL.quality(resealed(sealed, key=None)) is Quality.FORGED


def test_another_devices_record_is_foreign() -> None:
    other = Seal(JOURNAL_KEY, device_id("TST0", 8))
    record = EXAMPLE._replace(device=other.device)
    assert SEAL.quality(other.record(record)) is Quality.FOREIGN


@pytest.mark.parametrize("sealed", [b"", bytes(511), b"\xff" * 512, bytes(513)])
def test_what_is_no_record_is_bad(sealed: bytes) -> None:
    assert SEAL.quality(sealed) is Quality.BAD


def test_zeros_are_empty() -> None:
    assert SEAL.quality(bytes(512)) is Quality.EMPTY
    assert SEAL.slot_quality(bytes(64)) is Quality.EMPTY


@pytest.mark.parametrize(
    ("offset", "data", "words"),
    [
        (0, b"PSDX", "starts with b'PSDX'"),
        (4, b"\x02", "version 2"),
        (6, b"\x14", "record type 20 is unknown"),
        (6, b"\x00", "record type 0 is unknown"),
        (144, b"\xff", "319 bytes of payload and signature of 256"),
        (404, b"\x01", "reserved byte"),
        (475, b"\x01", "reserved byte"),
        (148 + 45 + 64, b"\x01", "reserved byte"),
        (403, b"\x01", "reserved byte"),
    ],
)
def test_a_sealed_record_of_another_format_is_refused(offset: int, data: bytes, words: str) -> None:
    sealed = resealed(edited(SEAL.record(EXAMPLE), offset, data))
    assert SEAL.quality(sealed) is Quality.SEALED
    with pytest.raises(RecordFormatError, match=words):
        unpack_record(sealed)


def test_a_payload_that_does_not_fit_is_refused() -> None:
    SEAL.record(EXAMPLE._replace(payload=bytes(192)))
    with pytest.raises(RecordFormatError, match="257 bytes; a record holds 256"):
        SEAL.record(EXAMPLE._replace(payload=bytes(193)))


@pytest.mark.parametrize("change", [{"amount": 2**64}, {"department": -1}, {"flags": 2**32}])
def test_a_number_that_does_not_fit_is_refused(change: dict[str, int]) -> None:
    with pytest.raises(RecordFormatError, match="record 258"):
        SEAL.record(EXAMPLE._replace(**change))


@pytest.mark.parametrize(
    ("vendor", "serial", "words"),
    [("TST", 1, "4 ASCII"), ("TSTé", 1, "4 ASCII"), ("TST0", 2**32, "32 bits"), ("TST0", -1, "32")],
)
def test_a_device_id_that_does_not_fit_is_refused(vendor: str, serial: int, words: str) -> None:
    with pytest.raises(RecordFormatError, match=words):
        device_id(vendor, serial)


def test_the_journal_key_has_32_bytes() -> None:
    with pytest.raises(RecordFormatError, match="31 bytes, not 32"):
        Seal(bytes(31), 1)


@given(U64, U64, U64, st.booleans())
def test_a_head_slot_round_trips(sequence: int, boot: int, ascending: int, withheld: bool) -> None:
    slot = HeadSlot(sequence, boot, ascending, withheld)
    sealed = SEAL.slot(slot)
    assert len(sealed) == 64
    assert SEAL.slot_quality(sealed) is Quality.SEALED
    assert unpack_slot(sealed) == slot


def test_a_head_slot_with_another_tag_is_refused() -> None:
    with pytest.raises(RecordFormatError, match="HEAD slot starts with b'PSDX'"):
        unpack_slot(b"PSDX" + SEAL.slot(HeadSlot(258, 3, 2_340))[4:])


def test_every_single_bit_flip_of_a_head_slot_is_bad() -> None:
    sealed = SEAL.slot(HeadSlot(258, 3, 2_340))
    for bit in range(64 * 8):
        flipped = edited(sealed, bit // 8, bytes([sealed[bit // 8] ^ 1 << bit % 8]))
        assert SEAL.slot_quality(flipped) is Quality.BAD, bit


def test_the_chain_is_sha256_of_the_sealed_bytes() -> None:
    sealed = SEAL.record(EXAMPLE)
    assert digest(sealed) == hashlib.sha256(sealed).digest()
