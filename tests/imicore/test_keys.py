"""Keys: made, stored encrypted, opened; points checked."""

import os
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from imicore import keys
from imicore.errors import BackendFailure, BadArgument, BadKey
from imicore.keys import Folder, PrivateKey, SoftwareKeyStore
from imicore.signature import Algorithm, Check, Verifier

pytestmark = pytest.mark.native
PEPPER = bytes(range(32))
SECRET = b"sixteen bytes it"


@pytest.fixture
def store(tmp_path: Path) -> SoftwareKeyStore:
    return SoftwareKeyStore(tmp_path / "keys", PEPPER)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_key_survives_encryption(algorithm: Algorithm) -> None:
    key = keys.generate(algorithm)
    data = key.encrypt(SECRET)
    assert PrivateKey.decrypt(data, SECRET).scalar() == key.scalar()
    assert key.scalar() not in data
    assert len(key.scalar()) == algorithm.width


def test_a_key_does_not_open_with_another_secret_or_damaged() -> None:
    data = keys.generate().encrypt(SECRET)
    damaged = data[:-1] + bytes([data[-1] ^ 1])
    for wrong, secret in [(data, b"another 16 bytes"), (damaged, SECRET), (b"", SECRET)]:
        with pytest.raises(BadKey, match=f"{len(wrong)} bytes"):
            PrivateKey.decrypt(wrong, secret)


def test_a_key_that_is_not_encrypted_is_refused() -> None:
    plain = keys.generate().handle.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(BadKey):
        PrivateKey.decrypt(plain, SECRET)


def test_other_kinds_of_key_are_refused() -> None:
    with pytest.raises(BadKey, match="secp521r1"):
        PrivateKey(ec.generate_private_key(ec.SECP521R1()))
    with pytest.raises(BadKey, match="no EC private key"):
        PrivateKey(ed25519.Ed25519PrivateKey.generate())
    for scalar in (0, -1, 2**256):
        with pytest.raises(BadKey, match="P256"):
            PrivateKey.from_scalar(scalar)


def test_the_secret_does_not_show() -> None:
    key = PrivateKey.from_scalar(0xABCDEF0123456789)
    assert "abcdef" not in repr(key).lower().replace(key.public_key.hex(), "")
    assert str(0xABCDEF0123456789) not in repr(key)


def test_a_pair_that_is_none_is_found() -> None:
    """The check that generate() makes can fail."""
    with pytest.raises(BackendFailure, match="does not verify"):
        keys.demand_pair(PrivateKey.from_scalar(3), PrivateKey.from_scalar(4).public_key)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_points_go_both_ways(algorithm: Algorithm) -> None:
    for scalar in range(1, 9):  # both signs of y occur
        point = PrivateKey.from_scalar(scalar, algorithm).public_key
        short = keys.compressed(point)
        assert len(short) == 1 + algorithm.width
        assert keys.public_point(short) == keys.public_point(point, algorithm) == point


def test_points_off_the_curve_are_refused() -> None:
    point = PrivateKey.from_scalar(9).public_key
    for wrong in (
        b"",
        bytes(65),
        point[:-1],
        point[:-1] + bytes([point[-1] ^ 1]),
        b"\6" + point[1:],
        b"\2" + b"\xff" * 32,
    ):
        with pytest.raises(BadKey):
            keys.public_point(wrong)
    with pytest.raises(BadKey, match="P384"):
        keys.public_point(point, Algorithm.P384)


CAVP_CURVES = [("P-256", Algorithm.P256), ("P-384", Algorithm.P384)]


def cavp(name: str, section: str) -> list[dict[str, str]]:
    """The cases of one curve in a file of NIST's CAVP 186-3."""
    vectors = pytest.importorskip("cryptography_vectors", reason="no cryptography_vectors here")
    folder = Path(vectors.__file__).parent / "asymmetric" / "ECDSA" / "FIPS_186-3"
    text = (folder / name).read_text(encoding="utf-8").split(f"[{section}]")[1]
    text = re.split(r"\n\[[PKB]-", text)[0]
    blocks = [
        dict(line.split(" = ") for line in block.splitlines() if " = " in line)
        for block in re.split(r"\n\s*\n", text)
    ]
    return [block for block in blocks if "Qx" in block]


def point_of(case: dict[str, str], algorithm: Algorithm) -> bytes | None:
    numbers = [int(case[name], 16) for name in ("Qx", "Qy")]
    if max(numbers).bit_length() > 8 * algorithm.width:
        return None  # no encoding can hold it
    return b"\4" + b"".join(number.to_bytes(algorithm.width, "big") for number in numbers)


@pytest.mark.parametrize(("section", "algorithm"), CAVP_CURVES)
def test_public_keys_of_cavp(section: str, algorithm: Algorithm) -> None:
    """PKV.rsp: each point is accepted or refused as listed."""
    cases = cavp("PKV.rsp", section)
    accepted = []
    for case in cases:
        point = point_of(case, algorithm)
        try:
            accepted.append(point is not None and keys.public_point(point, algorithm) == point)
        except BadKey:
            accepted.append(False)
    assert accepted == [case["Result"][0] == "P" for case in cases]
    assert len(set(accepted)) == 2


@pytest.mark.parametrize(("section", "algorithm"), CAVP_CURVES)
def test_key_pairs_of_cavp(section: str, algorithm: Algorithm) -> None:
    """KeyPair.rsp: the public point of each private scalar."""
    cases = cavp("KeyPair.rsp", section)
    assert len(cases) == 10
    for case in cases:
        key = PrivateKey.from_scalar(int(case["d"], 16), algorithm)
        assert key.public_key == point_of(case, algorithm)


def test_a_stored_key_signs_after_reopening(store: SoftwareKeyStore, tmp_path: Path) -> None:
    made = store.create("meter-1")
    again = SoftwareKeyStore(tmp_path / "keys", PEPPER).open("meter-1")
    assert again.public_key == made.public_key
    assert again.sign(b"indicium") == made.sign(b"indicium")
    assert Verifier().verify(b"indicium", again.sign(b"indicium"), made.public_key) is Check.VALID


def test_a_key_is_never_replaced(store: SoftwareKeyStore) -> None:
    first = store.create("meter-1").public_key
    with pytest.raises(BadKey, match="never replaced"):
        store.create("meter-1")
    assert store.open("meter-1").public_key == first


def test_keys_that_do_not_open(store: SoftwareKeyStore, tmp_path: Path) -> None:
    """None there, another pepper, a file under another name."""
    with pytest.raises(BadKey, match="no key 'meter-9'"):
        store.open("meter-9")
    store.create("meter-1")
    with pytest.raises(BadKey, match="do not open"):
        SoftwareKeyStore(tmp_path / "keys", bytes(32)).open("meter-1")
    folder = tmp_path / "keys"
    (folder / "meter-2.p8").write_bytes((folder / "meter-1.p8").read_bytes())
    with pytest.raises(BadKey, match="do not open"):
        store.open("meter-2")


@pytest.mark.parametrize("key_id", ["", ".", "../x", "a/b", "a\0", "é", "x" * 65, "-x", "a\n"])
def test_key_ids_cannot_leave_the_folder(store: SoftwareKeyStore, key_id: str) -> None:
    with pytest.raises(BadArgument, match="key id"):
        store.create(key_id)


def test_short_secrets_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match="15 bytes"):
        SoftwareKeyStore(tmp_path, bytes(15))
    with pytest.raises(BadArgument, match="4 bytes"):
        keys.generate().encrypt(b"1234")


def test_the_journal_key_is_stable_and_its_own(store: SoftwareKeyStore, tmp_path: Path) -> None:
    store.create("meter-1")
    store.create("meter-2")
    first = store.journal_key("meter-1")
    assert len(first) == 32
    assert first == SoftwareKeyStore(tmp_path / "keys", PEPPER).journal_key("meter-1")
    assert first not in {store.journal_key("meter-2"), PEPPER, store._secret("wrap", "meter-1")}
    with pytest.raises(BadKey, match="no key"):
        store.journal_key("meter-3")


def test_files_are_private_and_whole(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "keys")
    assert folder.read("a.p8") is None
    assert folder.write_new("a.p8", b"first")
    assert not folder.write_new("a.p8", b"second")
    assert folder.read("a.p8") == b"first"
    assert os.listdir(tmp_path / "keys") == ["a.p8"]  # no drafts left
    assert (tmp_path / "keys" / "a.p8").stat().st_mode & 0o777 == 0o600
