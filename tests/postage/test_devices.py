"""A device record names key, layout and mode; a software device is never production."""

import json
from datetime import date
from typing import Any

import pytest

from postage.devices import DeviceRecord, DeviceStatus, Mode
from postage.errors import DeviceRecordError

P256 = bytes([4, *range(64)])


def record(**changed: Any) -> DeviceRecord:
    parts: dict[str, Any] = {
        "vendor_model": "TST0",
        "serial": 7,
        "profile": "imi-std/p1",
        "algorithm": "ecdsa-p256-sha256",
        "public_key": P256,
        "mode": "rehearsal",
        "licensing_zip": "20260",
    }
    return DeviceRecord(**parts | changed)


@pytest.mark.parametrize("vendor", ["TST0", "0000"])
def test_ours_and_the_samples_vendor_are_never_production(vendor: str) -> None:
    """domain.md trap 24: test keys and vendor 0000 must not verify in production."""
    with pytest.raises(DeviceRecordError, match="never production"):
        record(vendor_model=vendor, mode=Mode.PRODUCTION)
    with pytest.raises(DeviceRecordError, match="never production"):
        record(vendor_model=vendor, mode="production")


def test_a_provider_device_may_be_production() -> None:
    assert record(vendor_model="062S", mode="production").mode is Mode.PRODUCTION


def test_text_of_a_register_becomes_its_enum() -> None:
    lost = record(mode="specimen", status="lost")
    assert lost.mode is Mode.SPECIMEN
    assert lost.status is DeviceStatus.LOST
    assert lost.key_id == "TST0-00000007"
    assert hash(lost) == hash(record(mode="specimen", status="lost"))


@pytest.mark.parametrize(
    ("algorithm", "key", "length"),
    [("ecdsa-p256-sha256", P256, 64), ("ecdsa-p384-sha384", bytes([4, *range(96)]), 96)],
)
def test_the_algorithm_sets_the_signature_length(algorithm: str, key: bytes, length: int) -> None:
    assert record(algorithm=algorithm, public_key=key).signature_length == length


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"vendor_model": "TST"}, "four of A-Z 0-9"),
        ({"vendor_model": "tst0"}, "four of A-Z 0-9"),
        ({"serial": -1}, "outside 0 to"),
        ({"serial": 2**32}, "outside 0 to"),
        ({"profile": "imi-std/p2"}, "profile 'imi-std/p2' is not one of"),
        ({"algorithm": "dsa-1024"}, "algorithm 'dsa-1024' is not one of"),
        ({"public_key": P256[1:]}, "0x04 and 64 bytes"),
        ({"public_key": b"\x02" + P256[1:]}, "0x04 and 64 bytes"),
        ({"public_key": b""}, "0x04 and 64 bytes"),
        ({"mode": "practice"}, "'practice' is not one of production, rehearsal, specimen"),
        ({"status": "gone"}, "'gone' is not one of"),
        ({"licensing_zip": "2026"}, "licensing ZIP"),
        ({"valid_from": date(2026, 2, 1), "valid_to": date(2026, 1, 31)}, "lies before"),
    ],
)
def test_a_record_is_whole_or_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DeviceRecordError, match=message):
        record(**changed)


def test_validity_includes_both_ends() -> None:
    """domain.md 1.1: SendPro P prints through 2027-12-31."""
    bounded = record(valid_from=date(2024, 1, 1), valid_to=date(2027, 12, 31))
    assert bounded.is_valid_on(date(2024, 1, 1))
    assert bounded.is_valid_on(date(2027, 12, 31))
    assert not bounded.is_valid_on(date(2028, 1, 1))
    assert not bounded.is_valid_on(date(2023, 12, 31))
    assert record().is_valid_on(date(1999, 1, 1))
    one_day = record(valid_from=date(2024, 1, 1), valid_to=date(2024, 1, 1))
    assert one_day.is_valid_on(date(2024, 1, 1))


def test_a_record_goes_to_text_and_back() -> None:
    """The entry is plain JSON and TOML: text and numbers, open ends left out."""
    full = record(
        valid_from=date(2024, 1, 1), valid_to=date(2027, 12, 31), model="DM", status="lost"
    )
    for kept in [full, record(), record(serial=0)]:
        entry = json.loads(json.dumps(kept.as_mapping()))
        assert DeviceRecord.from_mapping(entry) == kept
    assert "valid_to" not in record().as_mapping()
    as_toml = full.as_mapping() | {"valid_from": date(2024, 1, 1)}
    assert DeviceRecord.from_mapping(as_toml) == full


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mode": "production"}, "a TST0 device is never production"),
        ({"mode": 1}, "mode of a device record is not int"),
        ({"serial": "7"}, "serial of a device record is not str"),
        ({"serial": True}, "serial of a device record is not bool"),
        ({"public_key": "0x04"}, "public_key of a device record: non-hexadecimal"),
        ({"public_key": 4}, "public_key of a device record is not int"),
        ({"valid_to": "2027-12-32"}, "valid_to of a device record"),
        ({"valid_to": 20271231}, "valid_to of a device record is not int"),
        ({"trusted": "yes"}, "a device record has no trusted"),
    ],
)
def test_an_entry_that_is_no_record_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(DeviceRecordError, match=message):
        DeviceRecord.from_mapping(record().as_mapping() | changed)


def test_an_entry_needs_its_key() -> None:
    entry = record().as_mapping()
    del entry["public_key"]
    with pytest.raises(DeviceRecordError, match="a device record needs public_key"):
        DeviceRecord.from_mapping(entry)
