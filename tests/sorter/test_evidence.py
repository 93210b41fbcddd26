"""Crops are kept under the digest that a message names, before the message is."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from postage.verdicts import Evidence
from sorter.errors import OutboxError
from sorter.evidence import EvidenceFolder
from sorter.notices import notices_of
from tests.sorter.mail import facts
from tests.sorter.shortmail import PB, short

CROP = b"\x89PNG of a symbol"


def test_a_message_names_a_picture_that_is_there(tmp_path: Path) -> None:
    folder, about = EvidenceFolder(tmp_path / "evidence"), facts()
    found = short(evidence=Evidence(accounts=(PB,), crop=CROP))
    for _ in range(2):
        folder.put_many([(about, found), (facts(), short())])
    [notice] = notices_of(found, about)
    assert notice.proof.crop == hashlib.sha256(CROP).digest()
    assert folder.read(notice.proof.crop) == CROP
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_a_picture_that_is_no_evidence_is_not_kept(tmp_path: Path) -> None:
    paid = short(evidence=Evidence(crop=CROP))
    paid = replace(paid, class_2015=type(paid.class_2015).EQUAL)
    EvidenceFolder(tmp_path).put_many([(facts(), paid)])
    assert list(tmp_path.iterdir()) == []


def test_a_changed_or_missing_picture_is_named(tmp_path: Path) -> None:
    folder = EvidenceFolder(tmp_path)
    digest = folder.keep(CROP)
    [path] = tmp_path.rglob("*.png")
    path.write_bytes(CROP + b"!")
    with pytest.raises(OutboxError, match="is not the picture that was kept"):
        folder.read(digest)
    with pytest.raises(OutboxError, match="No such file"):
        folder.read(bytes(32))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutboxError, match="Not a directory"):
        EvidenceFolder(tmp_path / "file").keep(CROP)
