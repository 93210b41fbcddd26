"""Folders of mail pictures and the ones in samples/pictures: what they say is what they hold."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imi.mailpictures import BadPicture, make_samples, sample
from postage import indicium

PICTURES = Path(__file__).parents[2] / "samples" / "pictures"


def read(frame: NDArray[np.uint8]) -> list[bytes]:
    zxingcpp = pytest.importorskip("zxingcpp", reason="the reader that judges pictures")
    found = zxingcpp.read_barcodes(frame, formats=zxingcpp.BarcodeFormat.DataMatrix)
    return [reading.bytes for reading in found]


def test_a_folder_holds_what_its_manifest_says(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    manifest = make_samples(tmp_path, 8, 11, lambda done, count: seen.append((done, count)))
    entries = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    assert seen == [(n, 8) for n in range(1, 9)]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [e["file"] for e in entries]
    for entry in entries:
        frame = cv2.imread(str(tmp_path / entry["file"]), cv2.IMREAD_GRAYSCALE)
        assert frame is not None
        if not entry["defects"]:
            assert bytes.fromhex(entry["payload"]) in read(frame)
        x, y, width, height = entry["zone"]
        corners = np.array(entry["corners"])
        assert (corners >= (x, y)).all()
        assert (corners <= (x + width, y + height)).all()


def test_a_picture_depends_on_seed_and_number_only(tmp_path: Path) -> None:
    short, long = tmp_path / "short", tmp_path / "long"
    make_samples(short, 1, 3)
    make_samples(long, 2, 3)
    name = "mail-000000.png"
    assert (short / name).read_bytes() == (long / name).read_bytes()
    assert (long / name).read_bytes() != (long / "mail-000001.png").read_bytes()


def test_every_indicium_is_a_specimen_of_ours() -> None:
    """A picture must never pass for postage: vendor TST0, never a production device."""
    for seed in range(12):
        made = sample(np.random.default_rng(seed), defects=[])
        found = indicium.unpack(made.payload)
        assert found.vendor_model == "TST0"


def test_99_of_100_clean_samples_are_read_by_a_reader_not_ours() -> None:
    unread = []
    for seed in range(100):
        made = sample(np.random.default_rng((660, seed)), defects=[])
        if made.payload not in read(made.picture.frame):
            unread.append(seed)
    assert len(unread) <= 1, unread


@pytest.mark.parametrize(
    ("count", "seed", "message"),
    [
        (0, 1, "sample count is 0 pictures; the range is 1 to 100000"),
        (1_000_000, 1, "sample count is 1e+06 pictures"),
        (1, -1, "seed is -1"),
    ],
)
def test_bad_counts_are_refused(tmp_path: Path, count: int, seed: int, message: str) -> None:
    with pytest.raises(BadPicture) as caught:
        make_samples(tmp_path / "none", count, seed)
    assert message in str(caught.value)
    assert not (tmp_path / "none").exists()


def test_the_pictures_in_the_repository_decode_to_their_sidecars() -> None:
    pictures = sorted(PICTURES.glob("*.png"))
    assert len(pictures) >= 12
    for path in pictures:
        frame = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert frame is not None, path
        expected = bytes.fromhex(path.with_suffix(".hex").read_text(encoding="ascii"))
        assert expected in read(frame), path.name


def test_our_reader_reads_the_pictures_in_the_repository() -> None:
    reader = pytest.importorskip("imicore.reader")
    for path in sorted(PICTURES.glob("*.png")):
        frame = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        expected = bytes.fromhex(path.with_suffix(".hex").read_text(encoding="ascii"))
        assert [reading.payload for reading in reader.read(frame)] == [expected], path.name


def test_our_reader_finds_the_corners_where_the_truth_says() -> None:
    """In the nominal zone, to half a pixel: a seventh of a module. Two geometries made apart."""
    reader = pytest.importorskip("imicore.reader")
    for seed in range(20):
        made = sample(np.random.default_rng((661, seed)), defects=[])
        found = reader.read(made.picture.frame, roi=tuple(made.picture.zone))
        assert [reading.payload for reading in found] == [made.payload], seed
        assert np.abs(found[0].corners - made.picture.corners).max() <= 0.5, seed


def test_the_pictures_in_the_repository_stay_small() -> None:
    assert sum(path.stat().st_size for path in PICTURES.iterdir()) <= 1_500_000
