"""Every published and home-made vector, through every way of verifying."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from imicore.errors import BadArgument
from imicore.keys import PrivateKey
from imicore.signature import Algorithm, Check, Signer, der_to_raw
from tests.imicore.signature_paths import PATHS, Item
from tests.oracles import ecdsa
from tests.vectors import make_signatures

pytestmark = pytest.mark.native
ORDERS = {64: ecdsa.P256.n, 96: ecdsa.P384.n}


def low_twin(signature: bytes) -> bytes:
    width = len(signature) // 2
    s = int.from_bytes(signature[width:], "big")
    return signature[:width] + (ORDERS[len(signature)] - s).to_bytes(width, "big")


def unhex(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


OWN = json.loads(make_signatures.FILE.read_text(encoding="utf-8"))
OWN_ITEMS = [(unhex(row["message"]), unhex(row["signature"]), unhex(row["key"])) for row in OWN]


@pytest.mark.parametrize("path", PATHS)
def test_own_vectors(path: str) -> None:
    """Each case gets the verdict that it was constructed for (tests/vectors/SOURCES.md)."""
    found = PATHS[path](OWN_ITEMS)
    wrong = [
        (row["why"], row["check"], check.name)
        for row, check in zip(OWN, found, strict=True)
        if row["check"] != check.name
    ]
    assert wrong == []


def test_own_vectors_reach_every_verdict() -> None:
    assert len(OWN) >= 150
    assert {row["check"] for row in OWN} == set(Check.__members__)


# Wycheproof counts (r, n-s) as valid; indicia must not be malleable, so high s is refused. These
# are the numbers of valid cases with high s, by Wycheproof's flag (C2SP/wycheproof dac1dd4).
WYCHEPROOF_HIGH_S = {
    "ecdsa_secp256r1_sha256_p1363_test.json": {
        "ArithmeticError": 28,
        "SpecialCaseHash": 23,
        "EdgeCasePublicKey": 13,
        "ValidSignature": 5,
        "PointDuplication": 1,
    },
    "ecdsa_secp384r1_sha384_p1363_test.json": {
        "SpecialCaseHash": 47,
        "ArithmeticError": 27,
        "EdgeCasePublicKey": 7,
        "ValidSignature": 6,
        "EdgeCaseShamirMultiplication": 1,
    },
}


def wycheproof(path: Path) -> Iterator[tuple[Item, dict]]:
    for group in json.loads(path.read_text(encoding="utf-8"))["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["uncompressed"])
        for case in group["tests"]:
            yield (bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]), key), case


@pytest.mark.parametrize("name", WYCHEPROOF_HIGH_S)
@pytest.mark.parametrize("path", PATHS)
def test_wycheproof(path: str, name: str, reference: Path) -> None:
    """Full agreement but for high s, and those verify with n-s in its place."""
    cases = list(wycheproof(reference / "vectors" / "wycheproof" / name))
    found = PATHS[path]([item for item, _ in cases])
    exceptions: Counter[str] = Counter()
    twins = []
    for (item, case), check in zip(cases, found, strict=True):
        if case["result"] == "valid" and check is Check.HIGH_S:
            exceptions.update(case["flags"])
            twins.append((item[0], low_twin(item[1]), item[2]))
        else:
            assert (check is Check.VALID) == (case["result"] == "valid"), case
    assert exceptions == WYCHEPROOF_HIGH_S[name]
    assert set(PATHS[path](twins)) == {Check.VALID}


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("ecdsa_secp256r1_sha256_test.json", Algorithm.P256),
        ("ecdsa_secp384r1_sha384_test.json", Algorithm.P384),
    ],
)
def test_wycheproof_der_through_our_conversion(
    name: str, algorithm: Algorithm, reference: Path
) -> None:
    """What der_to_raw takes verifies as listed; what it refuses is listed as invalid."""
    cases = list(wycheproof(reference / "vectors" / "wycheproof" / name))
    refused = 0
    for (message, der, key), case in cases:
        try:
            raw = der_to_raw(der, algorithm)
        except BadArgument:
            refused += 1
            assert case["result"] == "invalid", case
            continue
        (check,) = PATHS["batch"]([(message, raw, key)])
        if check is Check.HIGH_S:
            (check,) = PATHS["batch"]([(message, low_twin(raw), key)])
        assert (check is Check.VALID) == (case["result"] == "valid"), case
    assert 0 < refused < len(cases)


def cavp(name: str, section: str) -> Iterator[dict[str, str]]:
    """The cases of one section of a NIST CAVP file."""
    vectors = pytest.importorskip("cryptography_vectors", reason="no cryptography_vectors here")
    folder = Path(vectors.__file__).parent / "asymmetric" / "ECDSA" / "FIPS_186-3"
    text = (folder / name).read_text(encoding="utf-8")
    for block in text.split(f"[{section}]")[1].split("[")[0].split("\n\n"):
        fields = dict(line.split(" = ") for line in block.splitlines() if " = " in line)
        if fields:
            yield fields


def cavp_item(fields: dict[str, str], width: int) -> Item:
    key, signature = (
        b"".join(int(fields[name], 16).to_bytes(width, "big") for name in names)
        for names in (("Qx", "Qy"), ("R", "S"))
    )
    return bytes.fromhex(fields["Msg"]), signature, b"\4" + key


@pytest.mark.parametrize(("section", "width"), [("P-256,SHA-256", 32), ("P-384,SHA-384", 48)])
@pytest.mark.parametrize("path", PATHS)
def test_cavp(path: str, section: str, width: int) -> None:
    """NIST CAVP 186-3: 15 cases of SigVer.rsp and of SigGen.txt get the listed result."""
    cases = [(case, case["Result"][0] == "P") for case in cavp("SigVer.rsp", section)]
    cases += [(case, True) for case in cavp("SigGen.txt", section)]
    assert len(cases) == 30
    items = [cavp_item(case, width) for case, _ in cases]
    high = 0
    for item, (case, valid), found in zip(items, cases, PATHS[path](items), strict=True):
        check = found
        if check is Check.HIGH_S:
            high += 1
            (check,) = PATHS[path]([(item[0], low_twin(item[1]), item[2])])
        assert (check is Check.VALID) == valid, case
    assert 0 < high < 30  # random signatures have high s every other time


RFC_6979 = """
c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721
sample
efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716
f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8

c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721
test
f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367
019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083

6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5
sample
94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46
99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8

6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5
test
8203b63d3c853e8d77227fb377bcf7b7b772e97892a80f36ab775d509d7a5feb0542a7f0812998da8f1dd3ca3cf023db
ddd0760448d42d8a43af45af836fce4de8be06b485e9b61b827c2f13173923e06a739f040649a667bf3b828246baa5a5
"""


@pytest.mark.parametrize("vector", RFC_6979.strip().split("\n\n"))
def test_deterministic_signatures_of_rfc_6979(vector: str) -> None:
    """RFC 6979 A.2.5 and A.2.6, each curve with its own hash; n-s where the listed s is high."""
    scalar, message, r, s = vector.split()
    algorithm = Algorithm.P256 if len(r) == 64 else Algorithm.P384
    signer = Signer(PrivateKey.from_scalar(int(scalar, 16), algorithm))
    listed = bytes.fromhex(r + s)
    high = int(s, 16) > ORDERS[len(listed)] // 2
    assert signer.sign(message.encode()) == (low_twin(listed) if high else listed)
