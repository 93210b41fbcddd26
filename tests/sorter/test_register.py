"""The device register's file: everything that is not what its authority signed is refused."""

import json
import pickle
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imicore.eckeys import PrivateKey
from imicore.signature import Signer
from postage.devices import DeviceStatus, Mode, Product
from postage.mailclass import MailClass
from sorter.errors import RegisterError
from sorter.register import EXCLUDED, MAX_BYTES, Provider, Register
from sorter.registerfiles import (
    described,
    read_authority,
    write_authority,
    write_register,
)
from sorter.trust import Trust, authority, load_register
from tests.sorter.mail import METER, Device, register

AUTHORITY = Signer(PrivateKey.from_scalar(99))
VERIFY = authority({"usps": AUTHORITY.public_key})


def signed(body: bytes, key_id: str = "usps", signer: Signer = AUTHORITY) -> bytes:
    """Return a file of these lines, whatever they say, under a good signature."""
    seal = {"key_id": key_id, "signature": signer.sign(body).hex()}
    return body + json.dumps(seal, separators=(",", ":")).encode() + b"\n"


def lines(of: Register) -> list[dict[str, Any]]:
    raw = of.to_bytes(AUTHORITY.sign, "usps")
    return [json.loads(line) for line in raw.splitlines()[:-1]]


def rewritten(change: dict[str, Any], at: int = 0, of: Register | None = None) -> bytes:
    """Return a signed file with one line changed."""
    entries = lines(of or register())
    entries[at] |= change
    return signed(b"".join(json.dumps(one).encode() + b"\n" for one in entries))


def refusal(raw: bytes) -> str:
    with pytest.raises(RegisterError) as caught:
        Register.from_bytes(raw, VERIFY)
    return str(caught.value)


FULL = register(
    METER.record(valid_to=date(2027, 1, 1), licensing_zip="94105"),
    Device(8).record(status=DeviceStatus.STOLEN, status_since=date(2026, 7, 1)),
    Device(9).record(mode=Mode.SPECIMEN, product=Product.PC_POSTAGE),
    Device(vendor="TST0").record(mode=Mode.REHEARSAL),
    providers={"PB": Provider("A provider", frozenset(Product))},
)


def test_a_register_comes_back_from_its_bytes() -> None:
    raw = FULL.to_bytes(AUTHORITY.sign, "usps")
    again = Register.from_bytes(raw, VERIFY)
    assert again == FULL
    assert again.find("TPB1", 8) == FULL.devices[1]
    assert again.find("TPB1", 10) is None
    assert pickle.loads(pickle.dumps(again)) == again
    assert (
        again.excluded_classes
        == EXCLUDED
        == {
            MailClass.PERIODICALS,
            MailClass.BOUND_PRINTED_MATTER,
        }
    )


def test_every_changed_byte_is_refused() -> None:
    raw = register().to_bytes(AUTHORITY.sign, "usps")
    for at in range(len(raw)):
        for bit in (1, 0x20):  # 0x20 makes a capital of a letter, also of one of the signature
            refusal(raw[:at] + bytes([raw[at] ^ bit]) + raw[at + 1 :])


def test_every_cut_and_every_tail_is_refused() -> None:
    raw = register().to_bytes(AUTHORITY.sign, "usps")
    for end in range(len(raw)):
        refusal(raw[:end])
    for tail in (b"\n", b"\0", b"{}\n", raw):
        refusal(raw + tail)


def test_another_key_or_name_is_refused() -> None:
    """The algorithm and the key are the authority's, never the file's (domain trap 5)."""
    body = b"".join(json.dumps(one).encode() + b"\n" for one in lines(register()))
    other = Signer(PrivateKey.from_scalar(98))
    assert "not that of key 'usps'" in refusal(signed(body, signer=other))
    assert "not that of key 'other'" in refusal(signed(body, key_id="other"))
    for signature in ("", "00" * 64, "zz", "00" * 63, "00" * 1_000):
        seal = b'{"key_id":"usps","signature":"%b"}' % signature.encode()
        assert "signature" in refusal(body + seal + b"\n")
    assert "no text" in refusal(body + b'{"key_id":1,"signature":""}\n')


def test_the_signature_has_one_form() -> None:
    """The last line is not under the signature; found by fuzzing: a capital in its hexadecimal."""
    raw = register().to_bytes(AUTHORITY.sign, "usps")
    body, seal = raw[: raw.rindex(b"\n", 0, -1) + 1], raw[raw.rindex(b"\n", 0, -1) + 1 :]
    for other in (seal.upper().replace(b"KEY_ID", b"key_id"), seal.replace(b":", b": "),
                  seal.replace(b'"}', b' "}'), seal[:-1], b" " + seal):  # fmt: skip
        assert "last line of the register" in refusal(body + other)


@pytest.mark.parametrize(
    ("change", "at", "words"),
    [
        ({"format": "imi-device-register/2"}, 0, "format is 'imi-device-register/2'"),
        ({"devices": 2}, 0, "says 2 devices and has 1"),
        ({"devices": 10**9}, 0, "says 1000000000 devices and has 1"),
        ({"number": -1}, 0, "number is -1"),
        ({"number": True}, 0, "number is True"),
        ({"number": 1.5}, 0, "number is 1.5"),
        ({"issuer": 5}, 0, "issuer of the register is no text"),
        ({"issuer": "x" * 201}, 0, "at most 200 characters"),
        ({"issued": "2026-02-30"}, 0, "issued of the register"),
        ({"expires": "2026-06-30"}, 0, "expires before it was issued"),
        ({"providers": []}, 0, "providers of the register"),
        ({"providers": {"PB": {"name": "x", "products": ["stamps"]}}}, 0, "'stamps'"),
        ({"providers": {"PB": {"name": "x"}}}, 0, "providers of the register"),
        ({"excluded_classes": ["letters"]}, 0, "excluded_classes of the register"),
        ({"excluded_classes": 5}, 0, "excluded_classes of the register"),
        ({"more": 1}, 0, "the header of the register does not say"),
        ({"mode": "postage"}, 1, "line 2 of the register: 'postage' is not one of production"),
        ({"vendor_model": "TST0"}, 1, "TST0 7: a TST0 device is never production"),
        ({"vendor_model": "0000"}, 1, "0000 7: a 0000 device is never production"),
        ({"public_key": "04"}, 1, "public key is not 0x04 and 64 bytes"),
        ({"serial": 2**32}, 1, "serial 4294967296 is outside"),
        ({"serial": "7"}, 1, "serial of a device record is not str"),
        ({"trusted": "yes"}, 1, "a device record has no trusted"),
    ],
)
def test_a_good_signature_over_nonsense_is_refused(
    change: dict[str, Any], at: int, words: str
) -> None:
    assert words in refusal(rewritten(change, at))


def test_a_device_stands_once() -> None:
    twice = register(METER.record(), Device(8).record())
    assert "lists device TPB1-00000007 twice" in refusal(rewritten({"serial": 7}, 2, twice))


@pytest.mark.parametrize(
    "body",
    [b"\n", b"[]\n", b"{}\n", b"null\n", b"\xff\n", b"[" * 100_000 + b"\n", b"1" * 5_000 + b"\n"],
)
def test_headers_that_are_none_are_refused(body: bytes) -> None:
    assert "header of the register" in refusal(signed(body))


@pytest.mark.parametrize("line", [b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b""])
def test_device_lines_that_are_none_are_refused(line: bytes) -> None:
    header = json.dumps(lines(register())[0]).encode()
    assert "line 2 of the register" in refusal(signed(header + b"\n" + line + b"\n"))


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(raw: bytes) -> None:
    refusal(raw)
    refusal(signed(raw))
    refusal(signed(raw + b"\n"))


def test_a_file_that_claims_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "register"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)  # a hole; nothing of it is on the disk
    with pytest.raises(RegisterError, match="1073741825 bytes; a register has at most 1073741824"):
        load_register(path, VERIFY)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(RegisterError, match=str(path)):
            load_register(path, VERIFY)


def test_a_file_is_replaced_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "register"
    write_register(path, register(), AUTHORITY.sign, "usps")
    assert load_register(path, VERIFY).number == 1

    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(RegisterError, match="No space left"):
        write_register(path, register(number=2), AUTHORITY.sign, "usps")
    monkeypatch.undo()
    assert load_register(path, VERIFY).number == 1
    assert [each.name for each in tmp_path.iterdir()] == ["register"]
    with pytest.raises(RegisterError, match="No such file"):
        write_register(tmp_path / "no" / "register", register(), AUTHORITY.sign, "usps")


def test_keys_of_authorities_are_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "authority.json"
    write_authority(path, {"usps": AUTHORITY.public_key})
    assert read_authority(path) == {"usps": AUTHORITY.public_key}
    many = json.dumps({str(n): "04" * 65 for n in range(101)})
    key = AUTHORITY.public_key.hex()
    for text in ("", "[]", "{}", "5", "[" * 9_000, many, '{"a": 5}', '{"a": "04"}',
                 json.dumps({"a": "05" + key[2:]}), json.dumps({"a": key.upper()})):  # fmt: skip
        path.write_text(text)
        with pytest.raises(RegisterError, match=r"authority\.json"):
            read_authority(path)


def test_what_a_register_says_is_counted() -> None:
    told = described(FULL, date(2026, 12, 31))
    assert (told["devices"], told["stale"]) == (4, False)
    assert told["by mode"] == {"production": 2, "rehearsal": 1, "specimen": 1}
    assert told["by status"] == {"active": 3, "stolen": 1}
    assert described(FULL, date(2027, 1, 1))["stale"] is True


def test_only_a_newer_register_of_the_same_issuer_is_taken() -> None:
    """Whoever can replay a file could else bring back a stolen device."""
    trust = Trust(register(number=5))
    for number in (4, 5):
        with pytest.raises(RegisterError, match="is not newer than USPS test 5"):
            trust.replace(register(number=number))
    with pytest.raises(RegisterError, match="is not of USPS test"):
        trust.replace(register(number=6, issuer="Somebody"))
    assert trust.register.number == 5
    trust.replace(register(number=6))
    assert trust.register.number == 6
