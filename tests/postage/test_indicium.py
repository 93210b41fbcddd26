"""Indicia: what is packed comes back, the public payloads read as listed, the rest is refused."""

import json
import pickle
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postage.errors import Fault, IndiciumFormatError
from postage.forms import PICKED
from postage.indicium import (
    Imprint,
    Indicium,
    PayloadType,
    Refusal,
    claimed_device,
    describe,
    pack,
    try_unpack,
    unpack,
)
from postage.layouts import PROFILES, Kind
from postage.money import Money
from postage.registers import MAX_IMPRINT, MAX_PIECE_COUNT, MAX_REGISTER

# domain.md 1.2; the vendor makes it the USPS sample, the rest is common to version 0x72.
SAMPLE = bytes.fromhex(
    "7230303030010000000190a47825e0060047d9340123004c084d04000000000000000000000000511bb535"
    "0000bfb509fa9c2115fdb97fdbbd2f992dc1cb52203e47c8b171ae19775c27329dd41191c8004d2fb3e512da"
    "3bacb67613394d016ff31fea53f50739a87f6f30b507"
)
LITE = bytes.fromhex("ff4713270011f50fce96010000009aca2921e3f1")

LETTER: dict[str, Any] = {
    "vendor_model": "TST0",
    "device_serial": 7,
    "ascending": Money(2340),
    "postage": Money(780),
    "mailing_date": date(2026, 7, 12),
    "piece_count": 3,
    "rate_category": 111,
}
STD = LETTER | {"weight_tenths_oz": 10}
MAX = STD | {"descending": Money(497_660), "origin_zip": 20260, "firmware_id": 1}
WRITABLE = {"imi-min/p1": LETTER, "imi-std/p1": STD, "imi-max/p1": MAX}
LENGTHS = {"imi-min/p1": 27, "imi-std/p1": 45, "imi-max/p1": 61}


def refused(kind: Fault, payload: bytes, **how: Any) -> str:
    outcome = try_unpack(payload, **how)
    assert isinstance(outcome, Refusal)
    assert outcome.kind is kind, outcome.message
    with pytest.raises(IndiciumFormatError) as caught:
        unpack(payload, **how)
    assert caught.value.kind is kind
    return outcome.message


def test_the_usps_sample_reads_as_printed() -> None:
    """domain.md 9a.1: postage 1760, 2024-07-11, vendor 0000, serial 1, 3.5 oz, 64 bytes signed."""
    sample = unpack(SAMPLE)
    assert sample.profile == "imi-usps-sample"
    assert sample.postage == Money(1760)
    assert str(sample.postage) == "$1.76"
    assert sample.mailing_date == date(2024, 7, 11)
    assert (sample.vendor_model, sample.device_serial) == ("0000", 1)
    assert sample.weight_tenths_oz == 35
    assert sample.values["mailer_id"] == 901_061_457
    assert sample.values["opaque5"] == bytes.fromhex("0190a47825")
    assert (sample.values["code_a"], sample.values["code_b"]) == (2124, 1101)
    assert sample.ascending is None, "the five bytes may be a clock: not a register"
    assert sample.signed == SAMPLE[:45]
    assert sample.signature == SAMPLE[45:]
    assert len(sample.signature) == 64


def test_the_lite_dump_reads_with_its_right_serial() -> None:
    """domain.md 1.4: serial 13,504,501; the source's own text mistypes it."""
    lite = unpack(LITE)
    assert (lite.piece_count, lite.vendor_model, lite.device_serial) == (
        2_560_839,
        "17",
        13_504_501,
    )
    assert (str(lite.postage), lite.mailing_date) == ("$0.406", None)
    assert lite.signature == bytes.fromhex("9aca2921e3f1")


def test_public_payloads_read_as_listed(reference: Path) -> None:
    """Every field that vectors.json lists, in the profile's own word for it."""
    vectors = json.loads((reference / "data" / "vectors.json").read_text(encoding="utf-8"))
    names = {
        "imi_usps_sample_2024_07_11": "imi-usps-sample",
        "ibi_pdf417_endicia_2010": "ibi-full/v50",
        "ibi_pdf417_stampscom_2014_prefix86": "ibi-full/v05",
        "ibi_lite_20": "ibi-lite",
    }
    words = {
        "version_byte": "version",
        "cert_serial": "certificate_serial",
        "device_maker_model": "vendor_model",
        "psd_serial": "device_serial",
        "postage_mills": "postage",
        "date": "mailing_date",
        "weight_tenths_oz": "weight_tenths_oz",
    }
    lengths = {"signature_len", "header_len", "hmac6", "zeros_12", "pad2"}
    for vector, profile in names.items():
        payload = bytes.fromhex(vectors[vector]["hex"])
        indicium = unpack(payload)
        assert indicium.profile == profile
        assert indicium.signed + indicium.signature + indicium.tail == payload
        seen = {name: plain(value) for name, value in indicium.values.items()}
        fields = vectors[vector]["fields"]
        for name in fields.keys() - lengths:
            expected = fields[name]
            if isinstance(expected, str):
                expected = expected.removeprefix("raw:")
            assert seen[words.get(name, name)] == expected, (vector, name)
        assert len(indicium.signed) == fields.get("header_len", len(indicium.signed))
        if "hmac6" in fields:
            assert indicium.signature.hex() == fields["hmac6"]
    endicia = unpack(bytes.fromhex(vectors["ibi_pdf417_endicia_2010"]["hex"]))
    # domain.md 1.3: the posting ZIP stands at 0x5d of the payload.
    assert int.from_bytes(endicia.tail[0x5D - 89 :][:4], "little") == 95687


def plain(value: Any) -> Any:
    match value:
        case Money():
            return value.mills
        case date():
            return int(value.strftime("%Y%m%d"))
        case bytes():
            return value.hex()
    return value


@pytest.mark.parametrize("profile", WRITABLE)
@pytest.mark.parametrize("signature_length", [64, 96])
def test_what_is_packed_comes_back(profile: str, signature_length: int) -> None:
    signed = pack(profile, WRITABLE[profile])
    assert len(signed) == LENGTHS[profile]  # domain.md 1.5
    payload = signed + bytes(signature_length)
    indicium = unpack(payload)
    assert indicium == unpack(payload, profile=profile, signature_length=signature_length)
    assert indicium.profile == profile
    assert indicium.signed == signed
    assert indicium.signature == bytes(signature_length)
    assert indicium.values.items() >= WRITABLE[profile].items()
    assert indicium.payload_type is PayloadType.POSTAGE
    assert hash(indicium) == hash(unpack(payload))


@pytest.mark.parametrize(
    "payload", [SAMPLE, LITE, *(pack(name, WRITABLE[name]) + bytes(64) for name in WRITABLE)]
)
def test_the_fields_of_verdicts_are_those_of_the_table(payload: bytes) -> None:
    """One that the profile does not carry is None; IBI Lite's vendor is a number there."""
    indicium = unpack(payload)
    for name, kinds in PICKED.items():
        expected = indicium.values.get(name)
        if name == "vendor_model":
            expected = str(expected)
        assert getattr(indicium, name) == expected, name
        carried = [at.kind for at in PROFILES[indicium.profile].fields if at.name == name]
        assert set(carried) <= set(kinds), name


def test_the_category_of_an_ibi_is_a_text_and_no_number() -> None:
    """domain.md 1.3: four characters at 45; verdicts ask for a number of our rate table."""
    ibi = unpack(b"\x05" + bytes(5) + b"062S" + bytes(35) + b"FCAT" + bytes(40))
    assert (ibi.profile, ibi.rate_category, ibi.piece_count) == ("ibi-full/v05", None, None)
    assert ibi.values["rate_category"] == "FCAT"


STD_OFFSETS = (
    "version 0, vendor_model 1, device_serial 5, ascending 9, postage 14, mailing_date 17, "
    "weight_tenths_oz 21, rate_category 23, piece_class 25, destination_zip 27, "
    "extra_services 32, piece_count 35, mailer_id 39, reserved 43"
)
IBI_OFFSETS = (
    "version 0, algorithm_id 1, certificate_serial 2, vendor_model 6, device_serial 10, "
    "ascending 14, postage 19, mailing_date 22, licensing_zip 26, destination 30, "
    "software_id 35, descending 41, rate_category 45"
)
# Typed from the tables and sentences of domain.md 1.2 to 1.5, not from the layouts.
OFFSETS = {
    "imi-min/p1": "version 0, vendor_model 1, device_serial 5, ascending 9, postage 14, "
    "mailing_date 17, piece_count 21, rate_category 25",
    "imi-std/p1": STD_OFFSETS,
    "imi-max/p1": f"{STD_OFFSETS}, descending 45, origin_zip 50, firmware_id 54, "
    "tracking_serial 57",
    "imi-usps-sample": "version 0, vendor_model 1, device_serial 5, opaque5 9, postage 14, "
    "mailing_date 17, weight_tenths_oz 21, code_a 23, code_b 25, unused 27, mailer_id 39, "
    "reserved 43",
    "ibi-full/v05": IBI_OFFSETS,
    "ibi-full/v50": IBI_OFFSETS,
    "ibi-lite": "version 0, piece_count 1, vendor_model 5, device_serial 6, postage 9, service 12",
}
SIGNED = dict(zip(OFFSETS, [27, 45, 61, 45, 49, 49, 14], strict=True))


@pytest.mark.parametrize("profile", PROFILES)
def test_fields_stand_where_the_sources_say(profile: str) -> None:
    layout = PROFILES[profile]
    offsets = ", ".join(f"{field.name} {start}" for start, _, field in layout.placed)
    assert (offsets, layout.signed_length) == (OFFSETS[profile], SIGNED[profile])


def test_limits_stand_where_they_are_checked() -> None:
    """Registers, imprints and counts hold exactly what the fields of our profiles hold."""
    for profile in WRITABLE:
        greatest = {field.name: field.greatest for field in PROFILES[profile].fields}
        assert Money(greatest["ascending"]) == MAX_REGISTER
        assert Money(greatest.get("descending", MAX_REGISTER.mills)) == MAX_REGISTER
        assert Money(greatest["postage"]) == MAX_IMPRINT
        assert greatest["piece_count"] == MAX_PIECE_COUNT
        assert greatest["rate_category"] == Imprint.TEST
    for layout in PROFILES.values():
        limited = {field.kind for field in layout.fields if field.limit is not None}
        assert limited <= {Kind.UINT}, "readers check a limit of numbers only"


def test_numbers_are_little_endian_and_dates_decimal() -> None:
    """domain.md trap 3, byte by byte against the sample's own bytes."""
    signed = pack(
        "imi-std/p1",
        STD | {"postage": Money(1760), "mailing_date": date(2024, 7, 11), "weight_tenths_oz": 35},
    )
    assert signed[14:23] == SAMPLE[14:23]


def test_keywords_and_mapping_say_the_same() -> None:
    assert pack("imi-std/p1", STD) == pack("imi-std/p1", **STD)
    assert pack("imi-std/p1", STD, device_serial=8) != pack("imi-std/p1", STD)


def test_reply_mail_is_undated() -> None:
    """domain.md trap 32: prepaid reply indicia show no date; the bytes are 0."""
    signed = pack("imi-std/p1", STD | {"mailing_date": None})
    assert signed[17:21] == bytes(4)
    assert unpack(signed + bytes(64)).mailing_date is None


@pytest.mark.parametrize(
    ("category", "expected"),
    [(Imprint.REDATE, PayloadType.REDATE), (Imprint.TEST, PayloadType.TEST)],
)
@pytest.mark.parametrize("profile", WRITABLE)
def test_redates_and_tests_are_payloads_of_their_own(
    profile: str, category: Imprint, expected: PayloadType
) -> None:
    """domain.md trap 9: 0 is legitimate only in a payload that says so; it never shows postage."""
    zero = WRITABLE[profile] | {"rate_category": category, "postage": Money(0)}
    signed = pack(profile, zero)
    assert unpack(signed + bytes(64)).payload_type is expected
    with pytest.raises(IndiciumFormatError) as caught:
        pack(profile, zero | {"postage": Money(1)})
    assert caught.value.kind is Fault.CONTRADICTION
    forged = signed[:14] + b"\x01" + signed[15:] + bytes(64)
    refused(Fault.CONTRADICTION, forged)


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"postage": Money(2**24)}, Fault.FIELD_RANGE),
        ({"postage": Money(-1)}, Fault.FIELD_RANGE),
        ({"ascending": Money(2**40)}, Fault.FIELD_RANGE),
        ({"device_serial": 2**32}, Fault.FIELD_RANGE),
        ({"destination_zip": 10**11}, Fault.FIELD_RANGE),
        ({"mailer_id": 10**9}, Fault.FIELD_RANGE),
        ({"weight_tenths_oz": -1}, Fault.FIELD_RANGE),
        ({"postage": 780}, Fault.FIELD_TYPE),
        ({"postage": 0.78}, Fault.FIELD_TYPE),
        ({"device_serial": True}, Fault.FIELD_TYPE),
        ({"device_serial": Money(7)}, Fault.FIELD_TYPE),
        ({"mailing_date": 20260712}, Fault.FIELD_TYPE),
        ({"mailing_date": datetime(2026, 7, 12, 21)}, Fault.FIELD_TYPE),  # noqa: DTZ001
        ({"vendor_model": b"TST0"}, Fault.FIELD_TYPE),
        ({"vendor_model": "TST"}, Fault.BAD_ASCII),
        ({"vendor_model": "TST\x00"}, Fault.BAD_ASCII),
        ({"vendor_model": "TSTé"}, Fault.BAD_ASCII),
        ({"vendor_model": "0000"}, Fault.FOREIGN_VENDOR),
        ({"serial": 7}, Fault.UNKNOWN_FIELD),
        ({"version": 0x72}, Fault.UNKNOWN_FIELD),
        ({"reserved": None}, Fault.UNKNOWN_FIELD),
    ],
)
def test_what_a_field_cannot_hold_is_not_packed(changed: dict[str, Any], kind: Fault) -> None:
    with pytest.raises(IndiciumFormatError) as caught:
        pack("imi-std/p1", STD | changed)
    assert caught.value.kind is kind
    name = "vendor" if kind is Fault.FOREIGN_VENDOR else next(iter(changed))
    assert name in str(caught.value)


@pytest.mark.parametrize("name", sorted(STD))
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(IndiciumFormatError, match=name) as caught:
        pack("imi-std/p1", {key: value for key, value in STD.items() if key != name})
    assert caught.value.kind is Fault.MISSING_FIELD


@pytest.mark.parametrize("profile", sorted(PROFILES.keys() - WRITABLE.keys()))
def test_what_others_write_we_only_read(profile: str) -> None:
    with pytest.raises(IndiciumFormatError, match="read-only") as caught:
        pack(profile, STD)
    assert caught.value.kind is Fault.READ_ONLY_PROFILE


def test_the_sample_is_never_ours_and_ours_never_the_sample() -> None:
    """domain.md 1.2: both have version 0x72 and 109 bytes; the vendor id decides."""
    message = refused(Fault.FOREIGN_VENDOR, SAMPLE, profile="imi-std/p1")
    assert message == "vendor '0000' never writes imi-std/p1"
    refused(Fault.FOREIGN_VENDOR, pack("imi-std/p1", STD) + bytes(64), profile="imi-usps-sample")


@pytest.mark.parametrize("profile", WRITABLE)
def test_anothers_imi_is_ambiguous_until_a_device_record_names_its_profile(profile: str) -> None:
    """domain.md 0: no public text gives the layout, so a version byte alone proves nothing."""
    payload = pack(profile, WRITABLE[profile] | {"vendor_model": "062S"}) + bytes(64)
    assert "device record" in refused(Fault.AMBIGUOUS, payload)
    assert unpack(payload, profile=profile).vendor_model == "062S"


@pytest.mark.parametrize("profile", WRITABLE)
def test_every_wrong_length_is_refused(profile: str) -> None:
    """domain.md 9a.19: 63- or 65-byte signature, DER form, truncated or padded payload."""
    signed = pack(profile, WRITABLE[profile])
    named: dict[str, Any] = {"profile": profile, "signature_length": 64}
    for length in [0, 63]:
        refused(Fault.TRUNCATED, signed + bytes(length), **named)
        refused(Fault.TRUNCATED, signed + bytes(length))
    for length in [65, 70, 71, 72, 96]:
        refused(Fault.PADDED, signed + bytes(length), **named)
    for length in [65, 70, 71, 72, 95]:
        refused(Fault.WRONG_LENGTH, signed + bytes(length))
    refused(Fault.PADDED, signed + bytes(97))
    refused(Fault.TRUNCATED, signed + bytes(64), profile=profile, signature_length=96)
    refused(Fault.WRONG_LENGTH, signed + bytes(64), profile=profile, signature_length=71)
    for length in range(1, len(signed)):
        refused(Fault.TRUNCATED, signed[:length])
        refused(Fault.TRUNCATED, signed[:length], **named)


def test_other_refusals_have_kinds_of_their_own() -> None:
    payload = bytearray(pack("imi-std/p1", STD) + bytes(64))

    def with_bytes(offset: int, replaced: bytes) -> bytes:
        return bytes(payload[:offset] + replaced + payload[offset + len(replaced) :])

    refused(Fault.EMPTY, b"")
    refused(Fault.UNKNOWN_VERSION, with_bytes(0, b"\x74"))
    refused(Fault.VERSION_MISMATCH, with_bytes(0, b"\x74"), profile="imi-std/p1")
    refused(Fault.UNKNOWN_PROFILE, bytes(payload), profile="imi-std/p2")
    refused(Fault.BAD_DATE, with_bytes(17, (20260732).to_bytes(4, "little")))
    refused(Fault.BAD_DATE, with_bytes(17, (20250229).to_bytes(4, "little")))
    refused(Fault.BAD_DATE, with_bytes(17, b"\xff\xff\xff\xff"))
    refused(Fault.NOT_ZERO, with_bytes(43, b"\x01"))
    refused(Fault.FIELD_RANGE, with_bytes(27, b"\xff\xff\xff\xff\xff"))
    refused(Fault.FIELD_RANGE, with_bytes(39, b"\xff\xff\xff\xff"))
    refused(Fault.BAD_ASCII, with_bytes(1, b"TST\x00"), profile="imi-std/p1")


def test_every_kind_of_refusal_is_reached() -> None:
    """The tests above name every kind; one that no test reaches would be dead."""
    source = Path(__file__).read_text(encoding="utf-8")
    assert [kind.name for kind in Fault if f"Fault.{kind.name}" not in source] == []


@pytest.mark.parametrize("profile", WRITABLE)
def test_no_flipped_bit_reads_as_the_same_indicium(profile: str) -> None:
    """domain.md 9a.19, the format's part: a flip changes the signed bytes or the signature."""
    payload = pack(profile, WRITABLE[profile]) + bytes(range(64))
    original = unpack(payload)
    for bit in range(len(payload) * 8):
        flipped = bytearray(payload)
        flipped[bit // 8] ^= 1 << bit % 8
        outcome = try_unpack(bytes(flipped), profile=profile, signature_length=64)
        assert outcome != original


def fields_of(profile: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any values that the table says a profile holds."""
    made = {
        Kind.UINT: lambda field: st.integers(0, field.greatest),
        Kind.MONEY: lambda field: st.integers(0, field.greatest).map(Money),
        Kind.DATE: lambda _: st.none() | st.dates(),
        Kind.ASCII: lambda field: st.text(
            st.characters(min_codepoint=0x30, max_codepoint=0x5A),
            min_size=field.width,
            max_size=field.width,
        ).filter(lambda text: text != "0000"),
    }
    return st.fixed_dictionaries(
        {
            field.name: made[field.kind](field)
            for field in PROFILES[profile].fields
            if field.kind is not Kind.ZEROS and field.name not in {"version", "rate_category"}
        }
        | {"rate_category": st.integers(0, 0xFFFD)}
    )


@pytest.mark.parametrize("profile", WRITABLE)
@given(data=st.data())
def test_any_values_come_back(profile: str, data: st.DataObject) -> None:
    values = data.draw(fields_of(profile))
    signature = data.draw(st.binary(min_size=64, max_size=64))
    indicium = unpack(pack(profile, values) + signature, profile=profile)
    assert {name: indicium.values[name] for name in values} == values
    assert indicium.signature == signature


@pytest.mark.parametrize("profile", WRITABLE)
@pytest.mark.parametrize("vendor", ["TST0", "062S"])
def test_the_claimed_device_is_read_before_the_profile_is_known(profile: str, vendor: str) -> None:
    """domain.md 1.2: the verifier must find the key by vendor, model and serial."""
    payload = pack(profile, WRITABLE[profile] | {"vendor_model": vendor}) + bytes(64)
    assert claimed_device(payload) == (vendor, 7)
    assert claimed_device(SAMPLE) == ("0000", 1)
    for broken, kind in [
        (b"", Fault.EMPTY),
        (b"\x74" + payload[1:], Fault.UNKNOWN_VERSION),
        (payload[:26], Fault.TRUNCATED),
        (payload[:1] + b"\x00" + payload[2:], Fault.BAD_ASCII),
    ]:
        with pytest.raises(IndiciumFormatError) as caught:
            claimed_device(broken)
        assert caught.value.kind is kind


def test_indicia_and_refusals_go_to_other_processes() -> None:
    for payload in [SAMPLE, LITE, pack("imi-max/p1", MAX) + bytes(96)]:
        there = pickle.loads(pickle.dumps(unpack(payload)))
        assert there == unpack(payload)
        assert there.values == unpack(payload).values
    with pytest.raises(IndiciumFormatError) as caught:
        unpack(b"")
    there = pickle.loads(pickle.dumps(caught.value))
    assert (there.kind, str(there)) == (Fault.EMPTY, "the payload has no bytes")


def test_an_indicium_cannot_be_changed() -> None:
    sample = unpack(SAMPLE)
    with pytest.raises(TypeError):
        sample.values["postage"] = Money(0)  # type: ignore[index]
    with pytest.raises(AttributeError):
        sample.signed = b""  # type: ignore[misc]


@pytest.mark.parametrize("payload", ["7230303030", 109, None])
def test_a_payload_is_bytes(payload: Any) -> None:
    """domain.md trap 2: decoders that return str break binary payloads."""
    with pytest.raises(TypeError):
        unpack(payload)
    assert unpack(bytearray(SAMPLE)) == unpack(memoryview(SAMPLE)) == unpack(SAMPLE)


VERSIONS = [profile.version for profile in PROFILES.values()]
BYTES = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda version, vendor, rest: bytes([version]) + vendor + rest,
        st.sampled_from(VERSIONS),
        st.sampled_from([b"TST0", b"0000", b"062S", b"\xff\xff\xff\xff"]),
        st.binary(max_size=160),
    ),
    st.builds(
        lambda at, byte: SAMPLE[:at] + bytes([byte]) + SAMPLE[at + 1 :],
        st.integers(0, len(SAMPLE) - 1),
        st.integers(0, 255),
    ),
)


@given(payload=BYTES, profile=st.sampled_from([None, *PROFILES]))
def test_any_bytes_are_an_indicium_or_a_refusal(payload: bytes, profile: str | None) -> None:
    """Nothing else is raised, and what is read holds every byte of the payload."""
    outcome = try_unpack(payload, profile=profile)
    if isinstance(outcome, Indicium):
        assert outcome.signed + outcome.signature + outcome.tail == payload
        assert isinstance(outcome.postage, Money)
        assert outcome.vendor_model
        assert profile in (None, outcome.profile)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_table_describes_every_byte(profile: str) -> None:
    rows = [line.split(" | ") for line in describe(profile).splitlines()[2:]]
    offset = 0
    for row, (placed, _, field) in zip(rows, PROFILES[profile].placed, strict=False):
        assert (row[0].strip("| "), row[1], row[2]) == (str(offset), str(field.width), field.name)
        assert placed == offset
        assert field.meaning
        assert field.confidence in {"V", "S", "I", "A"}
        offset += field.width
    assert offset == PROFILES[profile].signed_length
    assert f"| {offset} |" in describe(profile)
    with pytest.raises(IndiciumFormatError, match="is not one of"):
        describe("imi-huge")
