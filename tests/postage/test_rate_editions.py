"""Rate editions: published ones never change, and nothing but an edition loads."""

import hashlib
import hmac
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postage.errors import RateEditionError
from postage.rate_editions import EDITIONS, RateEdition, read_edition
from postage.rates import RateBook

BOOK = RateBook.load()


def read(folder: Path) -> RateEdition:
    return read_edition(folder, allow_unsigned=True)


def make_true(folder: Path) -> None:
    """Make the manifest of a changed edition say the hash of its table."""
    manifest, table = folder / "manifest.toml", folder / "first-class.csv"
    old = manifest.read_text(encoding="utf-8").split('"first-class.csv" = "')[1][:64]
    new = hashlib.sha256(table.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


PUBLISHED = {
    "2008-05-12": "e2e9475722b562b53e3bcc24c9c8a2a6",
    "2017-01-22": "454ad6b8866dbdbf1498e148d3e5b9b4",
    "2018-01-21": "bba2c94bad68eed971eb6d9735ad6653",
    "2019-01-27": "61e6915625b15d9262d5a01e9152dbc4",
    "2021-01-24": "e33f80fc341649da813e79d30786c59b",
    "2022-07-10": "31d6db46712c27e33006dc2e6d46bc75",
    "2023-07-09": "b3adc2bc628689077eda1177ad90327d",
    "2024-01-21": "8dd26fe9650fd9db719b4e70409aa7c0",
    "2024-07-14": "b224ed1c7459e864d6af5c899dbe5fc9",
    "2025-07-13": "294fcf5e4657ade868af23a1549fe5c0",
    "2025-07-13-extra-services": "e96865ed9995cef887584edeee2fe16a",
    "2025-07-13-first-class-commercial": "b2c115d00da6e7ec3530b353ada270ef",
    "2025-07-13-marketing-commercial": "8fdbc75ae9fdd92b3c857c07f71cb88c",
    "2025-10-05-express-retail": "f276481eec2a9c9390e8e9bf3aac346c",
    "2025-10-05-ground-advantage-retail": "5b8d07021a6df47ea8b9468865ead405",
    "2025-10-05-priority-retail": "388889cccd8bf662495962974527c6b1",
    "2026-07-12": "c20d45203c41b5fad02ff9d8c19cdd1f",
    "2026-07-12-extra-services": "04d22f6393d29893abb3bd8e112aac32",
    "2026-07-12-first-class-commercial": "4f9c0d55f8c01342e852f03d3acc095e",
    "2026-07-12-ground-advantage-commercial": "d071152e96f99a8c878aa8700db98647",
    "2026-07-12-marketing-commercial": "d3c6f9d05788f18ec845a157c92a1ade",
    "2026-07-12-marketing-retail": "4608b50fcf6fec2baed231763955e5a6",
    "2026-07-12-priority-commercial": "ca32edc6cbda0c0a8a9707ff424943d2",
    "2026-10-04-ground-advantage-commercial": "02038f876a07dc90bdb11ee32050c50f",
}


def test_a_published_edition_never_changes() -> None:
    """style.md 3.7: a correction is a new edition. The manifest holds the hash of each table."""
    shipped = {
        manifest.parent.name: hashlib.sha256(manifest.read_bytes()).hexdigest()[:32]
        for manifest in EDITIONS.glob("*/manifest.toml")
    }
    assert shipped == PUBLISHED


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["manifest.toml", "first-class.csv"]),
    at=st.floats(0, 1),
    cut=st.integers(0, 30),
    pasted=st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"1e999999", b"-1", b",,", b"\n", b'"', b"[files]", b"\x00", b"9" * 5000]),
    ),
)
def test_any_damage_is_an_edition_or_a_rate_edition_error(
    tmp_path: Path, name: str, at: float, cut: int, pasted: bytes
) -> None:
    folder = tmp_path / "2026-07-12"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(EDITIONS / folder.name, folder)
    raw = (folder / name).read_bytes()
    start = int(at * len(raw))
    (folder / name).write_bytes(raw[:start] + pasted + raw[start + cut :])
    if name == "first-class.csv":
        make_true(folder)
    try:
        found = read(folder)
    except RateEditionError:
        return
    assert found.name == folder.name


@pytest.fixture
def edition(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EDITIONS / "2026-07-12", tmp_path / "2026-07-12"))


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_tampered_table_does_not_load(edition: Path) -> None:
    change(edition / "first-class.csv", "0.780", "0.781")
    with pytest.raises(RateEditionError, match=r"SHA-256 is .*; manifest\.toml says"):
        RateBook.load(edition.parent, allow_unsigned=True)


def test_every_flipped_byte_of_a_table_is_noticed(edition: Path) -> None:
    table = edition / "first-class.csv"
    raw = table.read_bytes()
    for at in range(0, len(raw), 7):
        table.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(RateEditionError, match="SHA-256"):
            read(edition)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("card,0,3.5,0.650", "card,0,3.5,0.65", "not a price with three decimals"),
        ("card,0,3.5,0.650", "card,0,3.5,0.000", "not a price with three decimals"),
        ("card,0,3.5,0.650", "card,0,3.5,-0.650", "not a price with three decimals"),
        ("card,0,3.5,0.650", "card,0,3.5,six", "is not an amount"),
        ("card,0,3.5,0.650", "card,3.5,3.5,0.650", "is no range of weights"),
        ("card,0,3.5,0.650", "card,0,light,0.650", "line 10"),
        ("card,0,3.5,0.650", "card,0,NaN,0.650", "line 10: 'NaN' is not a weight"),
        ("card,0,3.5,0.650", "card,0,1e999999,0.650", "line 10: '1e999999' is not a weight"),
        ("card,0,3.5,0.650", "card,0,3.5000,0.650", "line 10: '3.5000' is not a weight"),
        ("card,0,3.5,0.650", "card,0.650", "line 10"),
        ("letter_metered,1,2,1.070", "letter_metered,1,2,0.770", "falls from .0.78 to .0.77"),
        ("letter_metered,1,2,1.070", "letter_metered,0,2,1.070", "overlaps the row before"),
        ("item,over_ounces", "item,above", "the columns are not"),
    ],
)
def test_a_table_with_a_true_hash_must_still_make_sense(
    edition: Path, old: str, new: str, message: str
) -> None:
    change(edition / "first-class.csv", old, new)
    make_true(edition)
    with pytest.raises(RateEditionError, match=message):
        read(edition)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "effective = 2026-07-12",
            "effective = 2026-07-13",
            "by its manifest.toml it is 2026-07-13",
        ),
        (
            "effective = 2026-07-12",
            'effective = "2026-07-12"',
            "effective is '2026-07-12', no date",
        ),
        ("effective = 2026-07-12", "", "does not say 'effective'"),
        ("[files]", "files = 'none'\n[more]", "files is 'none', no dict"),
        ("[files]", "[tables]", "does not say 'files'"),
        ("[files]", "[files", "rate edition 2026-07-12"),
        ("first-class.csv", "second-class.csv", "is not in both"),
    ],
)
def test_a_manifest_must_make_sense(edition: Path, old: str, new: str, message: str) -> None:
    change(edition / "manifest.toml", old, new)
    with pytest.raises(RateEditionError, match=message):
        read(edition)


def test_a_table_that_is_no_text_is_refused(edition: Path) -> None:
    (edition / "first-class.csv").write_bytes(b"item\xff")
    make_true(edition)
    with pytest.raises(RateEditionError, match=r"first-class\.csv: 'utf-8' codec"):
        read(edition)
    (edition / "first-class.csv").unlink()
    (edition / "first-class.csv").mkdir()
    with pytest.raises(RateEditionError, match="Is a directory"):
        read(edition)


def test_an_unlisted_table_is_refused(edition: Path) -> None:
    shutil.copy(edition / "first-class.csv", edition / "extra.csv")
    with pytest.raises(RateEditionError, match=r"extra\.csv is not in both"):
        read(edition)


def test_a_book_has_each_edition_once(tmp_path: Path) -> None:
    with pytest.raises(RateEditionError, match="holds no rate edition"):
        RateBook.load(tmp_path)
    assert RateBook(BOOK.editions[::-1]) == BOOK
    with pytest.raises(RateEditionError, match="one for each list, date, priority and version"):
        RateBook((BOOK.editions[0], BOOK.editions[0]))
    with pytest.raises(RateEditionError, match="needs editions"):
        RateBook(())


def add(path: Path, text: str) -> None:
    """Put lines before the first table of a manifest."""
    change(path, "[files]", f"{text}\n[files]")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('price_list = "telegrams"', "no price list is called 'telegrams'"),
        ('price_list = "priority-retail"', "by its manifest.toml it is 2026-07-12-priority-retail"),
        ("version = 2", "by its manifest.toml it is 2026-07-12-v2"),
        ("version = true", "version is True, no int"),
        ('priority = "high"', "priority is 'high', no int"),
        ("until = 2026-07-12", "it ends on 2026-07-12, before it is effective on 2026-07-12"),
        ("until = 2026-08-01T00:00:00", "no date"),
        ("missing = 5", "missing is 5, no dict"),
        ("missing = {a = 5}", "holds more than strings"),
        ("dimensional = {}", "[dimensional]: manifest.toml does not say 'over_cubic_inches'"),
        (
            "dimensional = {over_cubic_inches = 1, cubic_inches_per_pound = 0, inches = 'up'}",
            "over 1 by 0, inches 'up', is no rule",
        ),
        (
            "dimensional = {over_cubic_inches = 1, cubic_inches_per_pound = 9, inches = 'down'}",
            "inches 'down', is no rule",
        ),
    ],
)
def test_a_manifest_says_each_thing_in_its_form(edition: Path, text: str, message: str) -> None:
    manifest = edition / "manifest.toml"
    if text.startswith("missing"):  # it has one already
        raw = manifest.read_text(encoding="utf-8")
        manifest.write_text(raw[: raw.index("[missing]")], encoding="utf-8")
    add(manifest, text)
    with pytest.raises(RateEditionError, match=re.escape(message)):
        read(edition)


# Signatures: over the manifest's bytes, which hold the hash of every table.

KEY = b"a key for tests"


def sign(content: bytes) -> bytes:
    return hmac.digest(KEY, content, "sha256")


def verify(content: bytes, signature: bytes, key_id: str) -> bool:
    return key_id == "rates-2026" and hmac.compare_digest(sign(content), signature)


@pytest.fixture
def signed(edition: Path) -> Path:
    manifest = edition / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    text += '\n[signature]\nfile = "manifest.sig"\nkey_id = "rates-2026"\n'
    manifest.write_text(text, encoding="utf-8")
    (edition / "manifest.sig").write_bytes(sign(manifest.read_bytes()))
    return edition


def test_a_signed_edition_loads_where_signatures_are_demanded(signed: Path) -> None:
    assert read_edition(signed, verify=verify).name == "2026-07-12"
    assert len(RateBook.load(signed.parent, verify=verify).editions) == 1


def test_an_unsigned_edition_loads_only_where_the_caller_says_so(edition: Path) -> None:
    for demanded in ({}, {"verify": verify}):
        with pytest.raises(RateEditionError, match="it is not signed, and only signed editions"):
            RateBook.load(edition.parent, **demanded)
    assert RateBook.load(edition.parent, allow_unsigned=True)


def test_a_signature_that_nothing_can_verify_is_no_signature(signed: Path) -> None:
    with pytest.raises(RateEditionError, match="it is signed, and nothing was given to verify it"):
        read_edition(signed)


def test_a_changed_manifest_is_not_what_was_signed(signed: Path) -> None:
    change(signed / "manifest.toml", "Notice 123", "Notice 124")
    for unsigned in (False, True):
        with pytest.raises(RateEditionError, match=r"manifest\.sig is no signature of key 'rates-"):
            read_edition(signed, verify=verify, allow_unsigned=unsigned)


def test_a_signature_of_another_key_is_refused(signed: Path) -> None:
    manifest = signed / "manifest.toml"
    change(manifest, "rates-2026", "rates-2025")
    (signed / "manifest.sig").write_bytes(sign(manifest.read_bytes()))
    with pytest.raises(RateEditionError, match="is no signature of key 'rates-2025'"):
        read_edition(signed, verify=verify)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('file = "manifest.sig"', 'file = "../manifest.sig"', "is not in both"),
        ('file = "manifest.sig"', "", "is not in both"),
        ('key_id = "rates-2026"', "", "says not file and key_id alone"),
        ('key_id = "rates-2026"', "key_id = 5", "holds more than strings"),
    ],
)
def test_a_signature_entry_must_make_sense(signed: Path, old: str, new: str, message: str) -> None:
    change(signed / "manifest.toml", old, new)
    with pytest.raises(RateEditionError, match=message):
        read_edition(signed, verify=verify)
