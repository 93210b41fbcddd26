"""Keys: made, stored encrypted, opened; points checked."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from imicore import keys
from imicore.errors import BackendFailure, BadArgument, BadKey, KeysZeroised
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
    (folder / "meter-2.key").write_bytes((folder / "meter-1.key").read_bytes())
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


def test_no_bit_of_a_key_file_may_change(store: SoftwareKeyStore, tmp_path: Path) -> None:
    """AES-GCM authenticates every byte; PKCS #8 with CBC, as 0.1.0 had it, did not."""
    store.create("meter-1")
    path = tmp_path / "keys" / "meter-1.key"
    whole = path.read_bytes()
    for bit in range(0, 8 * len(whole), 7):  # 7 and 8 share no factor: every byte, all bits
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(BadKey):
            store.open("meter-1")
    for length in (0, 7, 8, 35, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(BadKey):
            store.open("meter-1")
    path.write_bytes(whole)
    store.demand_pair("meter-1")


def test_damage_to_encrypted_pkcs8_is_a_bad_key_wherever_it_is() -> None:
    """A changed bit in CBC can spell another key type; that answer is a BadKey as well."""
    key = keys.generate()
    data = key.encrypt(SECRET)
    for at in range(len(data)):
        damaged = data[:at] + bytes([data[at] ^ 8]) + data[at + 1 :]
        with pytest.raises(BadKey):
            PrivateKey.decrypt(damaged, SECRET)


def test_a_store_of_version_0_1_0_opens(store: SoftwareKeyStore, tmp_path: Path) -> None:
    key = keys.generate()
    (tmp_path / "keys").mkdir()
    old = key.encrypt(store._secret("wrap", "meter-1"))
    (tmp_path / "keys" / "meter-1.p8").write_bytes(old)
    assert store.open("meter-1").public_key == key.public_key
    with pytest.raises(BadKey, match="never replaced"):
        store.create("meter-1")


def kept(folder: Path) -> SoftwareKeyStore:
    return SoftwareKeyStore.at(folder / "keys", folder)


def test_the_pepper_is_made_once_and_kept_apart(tmp_path: Path) -> None:
    first = kept(tmp_path).create("meter-1").public_key
    assert kept(tmp_path).open("meter-1").public_key == first
    assert (tmp_path / "pepper").stat().st_mode & 0o777 == 0o600
    (tmp_path / "pepper").unlink()
    with pytest.raises(BadKey, match="1 keys and no pepper"):  # a new one would hide the loss
        kept(tmp_path)


def test_each_secret_has_its_own_purpose(tmp_path: Path) -> None:
    store = kept(tmp_path)
    store.create("meter-1")
    store.create("meter-2")
    secrets = {
        make(name)
        for make in (store.journal_key, store.integrity_key)
        for name in ("meter-1", "meter-2")
    }
    assert len(secrets) == 4
    assert {len(secret) for secret in secrets} == {32}


class Cut(BaseException):
    """The power goes."""


class Failing(Folder):
    """A folder whose power goes before, or right after, its n-th change."""

    def __init__(self, path: Path, count: list[int], after: bool) -> None:
        super().__init__(path)
        self._count, self._after = count, after

    def _change(self, change: Callable[[], None]) -> None:
        self._count[0] -= 1
        if self._count[0] == 0 and not self._after:
            raise Cut
        change()
        if self._count[0] == 0:
            raise Cut

    def overwrite(self, name: str, data: bytes) -> None:
        self._change(lambda: super(Failing, self).overwrite(name, data))

    def remove(self, name: str) -> None:
        self._change(lambda: super(Failing, self).remove(name))


def cut_zeroise(folder: Path, step: int, after: bool) -> bool:
    """Destroy three keys with the power going at one step; return whether that step was reached."""
    store = kept(folder)
    signers = [store.create(f"meter-{number}") for number in range(3)]
    (folder / "keys" / ".meter-9.key.77").write_bytes(b"a draft that a power cut left")
    keys_before = [path.read_bytes() for path in sorted((folder / "keys").iterdir())]
    count = [step]
    failing = SoftwareKeyStore.at(
        Failing(folder / "keys", count, after), Failing(folder, count, after)
    )
    failing.open("meter-1")
    try:
        failing.zeroise()
    except Cut:
        reached = True
    else:
        reached = False
    if (folder / "pepper").read_bytes() == b"ZEROISED" * 4:
        for number in range(3):
            with pytest.raises(KeysZeroised):
                kept(folder).open(f"meter-{number}")
        assert kept(folder).zeroised
        assert os.listdir(folder / "keys") == []  # the opening finished the work
        with pytest.raises(KeysZeroised):
            kept(folder).create("meter-4")
        # Whoever kept copies of the files has no secret to open them with.
        for data in keys_before:
            (folder / "keys" / "meter-1.key").write_bytes(data)
            with pytest.raises(BadKey):
                SoftwareKeyStore(folder / "keys", b"ZEROISED" * 4).open("meter-1")
    else:  # cut before the first change: nothing happened, and the next call does it all
        assert step == 1
        assert kept(folder).open("meter-1").public_key == signers[1].public_key
    return reached


@pytest.mark.parametrize("after", [False, True])
def test_zeroise_resumes_at_every_step(tmp_path: Path, after: bool) -> None:
    """reliability.md A3: a kill at every step; the next boot finishes it."""
    steps = 0
    while cut_zeroise(tmp_path / str(steps), steps + 1, after):
        steps += 1
    assert steps == 1 + 2 * 4  # the pepper; three keys and a draft, each written over and removed


def test_after_zeroise_nothing_signs(tmp_path: Path) -> None:
    """Registers stay readable (reliability.md A3): the journal's key is what is left."""
    store = kept(tmp_path)
    signer = store.create("meter-1")
    journal = store.journal_key("meter-1")
    assert not store.zeroised
    store.zeroise()
    assert store.journal_key("meter-1") == kept(tmp_path).journal_key("meter-1") == journal
    for use in (
        lambda: signer.sign(b"indicium"),
        lambda: signer.sign_batch([b"indicium"]),
        lambda: store.open("meter-1"),
        lambda: store.create("meter-2"),
        lambda: store.journal_key("meter-2"),
        lambda: store.integrity_key("meter-1"),
        lambda: store.demand_pair("meter-1"),
    ):
        with pytest.raises((KeysZeroised, BadKey)):
            use()
    store.zeroise()  # again, and nothing happens


def test_zeroise_needs_no_room_and_goes_on_after_an_error(tmp_path: Path) -> None:
    """A full disk takes no new file; the pepper is written over where it stands."""
    store = kept(tmp_path)
    store.create("meter-1")
    inode = (tmp_path / "pepper").stat().st_ino
    (tmp_path / "keys").rename(tmp_path / "unreachable")
    (tmp_path / "keys").write_bytes(b"not a folder")
    store.zeroise()
    assert (tmp_path / "pepper").stat().st_ino == inode
    assert (tmp_path / "pepper").read_bytes() == b"ZEROISED" * 4
    (tmp_path / "keys").unlink()
    (tmp_path / "unreachable").rename(tmp_path / "keys")
    assert kept(tmp_path).zeroised
    assert os.listdir(tmp_path / "keys") == []


def test_a_file_is_written_over_only_by_its_own_length(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_new("pepper", bytes(32))
    with pytest.raises(OSError, match="32 bytes; 31"):
        folder.overwrite("pepper", bytes(31))
    folder.remove("never-there")


def test_a_pepper_that_is_half_destroyed_opens_nothing(tmp_path: Path) -> None:
    """A sector torn in the middle: not known as destroyed, and no key; the latch calls again."""
    kept(tmp_path).create("meter-1")
    whole = (tmp_path / "pepper").read_bytes()
    (tmp_path / "pepper").write_bytes(b"ZEROISED" * 2 + whole[16:])
    store = kept(tmp_path)
    with pytest.raises(BadKey, match="do not open"):
        store.open("meter-1")
    store.zeroise()
    assert kept(tmp_path).zeroised
    assert os.listdir(tmp_path / "keys") == []


def test_a_key_that_the_storage_spoils_is_not_handed_out(tmp_path: Path) -> None:
    """What was written must open before it signs: no indicium of a key that is lost at boot."""

    class Spoils(Folder):
        def write_new(self, name: str, data: bytes) -> bool:
            return super().write_new(name, data[:-1] + bytes([data[-1] ^ 1]))

    with pytest.raises(BadKey, match="do not open"):
        SoftwareKeyStore(Spoils(tmp_path), PEPPER).create("meter-1")


def test_keys_are_unusable_within_a_tenth_of_a_second(tmp_path: Path) -> None:
    """reliability.md A3. The best of three: the machine and its disk are shared."""
    taken = []
    for number in range(3):
        store = kept(tmp_path / str(number))
        signer = store.create("meter-1")
        began = time.monotonic()
        store.zeroise()
        taken.append(time.monotonic() - began)
        with pytest.raises(KeysZeroised):
            signer.sign(b"indicium")
    assert min(taken) <= 0.1, taken


def test_a_pepper_given_as_bytes_is_its_owners_to_destroy(
    store: SoftwareKeyStore, tmp_path: Path
) -> None:
    """The files and what is in memory go all the same."""
    store.create("meter-1")
    store.zeroise()
    assert store.zeroised
    assert os.listdir(tmp_path / "keys") == []
    with pytest.raises(KeysZeroised):
        store.create("meter-1")
