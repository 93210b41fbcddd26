"""Every file, page and line of a source is a piece, whatever is in it."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from imicore.frames import decode
from imicore.safe_frames import PictureDecoder
from postage.factrows import facts_as_row
from postage.facts import PieceFacts
from postage.verdicts import Code, Finding, Reason
from sorter.archive import ArchivedScan, read_shard, write_shard
from sorter.errors import SourceError
from sorter.lane import Lane
from sorter.sources import MAX_LINE, folder, payload_file, tiff_stream
from sorter.tiffpages import tiff_pages
from tests.imicore.c_programs import ROOT
from tests.sorter.lanes import GatedScans, verifier_on
from tests.sorter.mail import METER, facts


@pytest.fixture(scope="module")
def decoder() -> Iterator[PictureDecoder]:
    with PictureDecoder() as one:
        yield one


def named(name: str) -> PieceFacts:
    return facts(piece_id=name, image_id=name)


def test_a_folder_of_good_and_bad_pictures(tmp_path: Path, decoder: PictureDecoder) -> None:
    good = (ROOT / "docs" / "images" / "mailpiece.png").read_bytes()
    (tmp_path / "b.PNG").write_bytes(good)
    (tmp_path / "a.png").write_bytes(good[:5000])
    (tmp_path / "c.tif").write_bytes(b"no picture")
    (tmp_path / "d.png").mkdir()
    (tmp_path / "notes.txt").write_text("no picture, and not taken for one")
    with Lane(verifier_on(GatedScans()), deadline_s=None) as lane:
        judged = list(lane.run(folder(tmp_path, named, decoder)))
    assert [(one.facts.piece_id, one.verdict.code) for one in judged] == [
        ("a.png", Code.UNREADABLE),
        ("b.PNG", Code.SPECIMEN),
        ("c.tif", Code.UNREADABLE),
        ("d.png", Code.UNREADABLE),
    ]
    assert "c.tif is none of PNG" in str(judged[2].verdict)
    assert "directory" in str(judged[3].verdict)


def test_what_is_no_folder_of_pictures_is_refused(tmp_path: Path, decoder: PictureDecoder) -> None:
    with pytest.raises(SourceError, match="no picture"):
        list(folder(tmp_path, named, decoder))
    with pytest.raises(SourceError, match="no folder"):
        list(folder(tmp_path / "none", named, decoder))


def frames(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    plain = [rng.integers(0, 256, (40 + at, 60 + 3 * at), np.uint8) for at in range(count - 1)]
    bitonal = np.where(rng.random((70, 90)) < 0.3, 0, 255).astype(np.uint8)
    return [*plain, bitonal]


@pytest.mark.parametrize("compression", [1, 5, 8, 32773])
def test_each_page_of_a_stream_is_the_picture_that_went_in(
    tmp_path: Path, decoder: PictureDecoder, compression: int
) -> None:
    """None, LZW, deflate, PackBits (TIFF 6.0 sections 7 to 13; deflate is Adobe's)."""
    expected = frames(5)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, compression, cv2.IMWRITE_TIFF_ROWSPERSTRIP, 16]
    assert cv2.imwritemulti(str(tmp_path / "lane.tif"), expected, options)
    pieces = list(tiff_stream(tmp_path / "lane.tif", named, decoder))
    assert [scan.piece_id for _, scan in pieces] == [f"lane.tif#{at}" for at in range(1, 6)]
    for (given, _), frame in zip(pieces, expected, strict=True):
        assert isinstance(given, np.ndarray)
        assert np.array_equal(given, frame)


def test_group_4_pages_of_either_byte_order(tmp_path: Path) -> None:
    """Pillow writes T.6 pages; a big-endian twin is made from an uncompressed page by hand."""
    image = pytest.importorskip("PIL.Image")
    bitonal = [frames(2)[-1], 255 - frames(2)[-1]]
    pages = [image.fromarray(one).convert("1", dither=0) for one in bitonal]
    pages[0].save(tmp_path / "g4.tif", save_all=True, append_images=pages[1:], compression="group4")
    for page, frame in zip(tiff_pages(tmp_path / "g4.tif"), bitonal, strict=True):
        assert isinstance(page, bytes)
        assert np.array_equal(decode(page), frame)
    (tmp_path / "big.tif").write_bytes(big_endian(np.array([[1, 2, 3], [4, 5, 6]], np.uint8)))
    [page] = tiff_pages(tmp_path / "big.tif")
    assert isinstance(page, bytes)
    assert decode(page).tolist() == [[1, 2, 3], [4, 5, 6]]


def big_endian(frame: np.ndarray) -> bytes:
    height, width = frame.shape
    entries = [(256, 3, width), (257, 3, height), (258, 3, 8), (259, 3, 1), (262, 3, 1),
               (273, 4, 8), (277, 3, 1), (278, 3, height), (279, 4, frame.size)]  # fmt: skip
    pixels = frame.tobytes() + bytes(frame.size % 2)
    directory = struct.pack(">H", len(entries))
    for tag, kind, value in entries:
        packed = struct.pack(">HH", value, 0) if kind == 3 else struct.pack(">I", value)
        directory += struct.pack(">HHI", tag, kind, 1) + packed
    return b"MM\0*" + struct.pack(">I", 8 + len(pixels)) + pixels + directory + bytes(4)


def test_a_damaged_page_costs_only_itself(tmp_path: Path, decoder: PictureDecoder) -> None:
    path = tmp_path / "lane.tif"
    cv2.imwritemulti(str(path), frames(3), [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    whole = path.read_bytes()
    starts = list(directories(whole))
    raw = bytearray(whole)
    (count,) = struct.unpack_from("<H", raw, starts[1])
    for at in range(starts[1] + 2, starts[1] + 2 + 12 * count, 12):
        if struct.unpack_from("<H", raw, at)[0] == 273:
            struct.pack_into("<I", raw, at + 8, len(raw) + 5)
    path.write_bytes(raw)
    given = [one for one, _ in tiff_stream(path, named, decoder)]
    assert isinstance(given[0], np.ndarray)
    assert isinstance(given[1], Finding)
    assert "beyond the end of the file" in given[1].text
    assert isinstance(given[2], np.ndarray)


def directories(raw: bytes) -> Iterator[int]:
    (at,) = struct.unpack_from("<I", raw, 4)
    while at:
        yield at
        (count,) = struct.unpack_from("<H", raw, at)
        (at,) = struct.unpack_from("<I", raw, at + 2 + 12 * count)


def test_a_chain_that_never_ends_or_breaks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lane.tif"
    cv2.imwritemulti(str(path), frames(3), [cv2.IMWRITE_TIFF_COMPRESSION, 1])
    raw = bytearray(path.read_bytes())
    first, _, last = directories(raw)
    (count,) = struct.unpack_from("<H", raw, last)
    struct.pack_into("<I", raw, last + 2 + 12 * count, first)
    path.write_bytes(raw)
    with pytest.raises(SourceError, match="turns back at page 4"):
        list(tiff_pages(path))
    struct.pack_into("<I", raw, last + 2 + 12 * count, len(raw) - 1)
    path.write_bytes(raw)
    with pytest.raises(SourceError, match="ends in the chain of its pages"):
        list(tiff_pages(path))
    path.write_bytes(b"II+\0")
    with pytest.raises(SourceError, match="no TIFF file"):
        list(tiff_pages(path))


def test_any_change_of_a_stream_gives_pages_words_or_a_source_error(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(6), tmp_path / "lane.tif"
    cv2.imwritemulti(str(path), frames(3), [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    whole = path.read_bytes()
    ends = {bytes: 0, str: 0, SourceError: 0}
    for _ in range(500):
        raw = bytearray(whole)
        for start in directories(whole):
            raw[start + rng.integers(0, 150)] = rng.integers(0, 256)
        path.write_bytes(raw)
        try:
            for page in tiff_pages(path):
                ends[type(page)] += 1
        except SourceError:
            ends[SourceError] += 1
    assert min(ends.values()) > 5, ends


def test_lines_of_payloads(tmp_path: Path) -> None:
    path, plain = tmp_path / "lane.jsonl", facts(piece_id="", image_id="")
    rows = [
        {"payload": METER.indicium(1).hex(), "piece_id": "one", "lane": 4},
        {"payload": [METER.indicium(2, mills=290).hex(), METER.indicium(3, mills=490).hex()]},
        {"payload": []},
        {"payloads": METER.indicium(4).hex()},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Lane(verifier_on(GatedScans()), deadline_s=None) as lane:
        judged = list(lane.run(payload_file(path, plain)))
    codes = [one.verdict.code for one in judged]
    assert codes == [Code.VALID, Code.VALID, Code.UNREADABLE, Code.VALID]
    assert (judged[0].facts.piece_id, judged[0].facts.lane) == ("one", 4)
    assert judged[0].facts.site == plain.site
    assert judged[0].facts.measured == plain.measured


def test_lane_and_archive_read_each_other_s_lines(tmp_path: Path) -> None:
    """A lane's lines have said ``payload``, a shard's ``payloads``: both are either's."""
    path, one, two = tmp_path / "mail.jsonl", METER.indicium(1), METER.indicium(2)
    kept = facts(piece_id="p", image_id="i")
    write_shard(path, [ArchivedScan((one, two), kept), ArchivedScan((), kept)])
    with path.open("a") as file:
        for said in ({"payload": one.hex()}, {"payload": [one.hex()]}, {"payloads": one.hex()}):
            file.write(json.dumps(said | facts_as_row(kept)) + "\n")
    expected = [(one, two), (), (one,), (one,), (one,)]
    plain = facts(piece_id="", image_id="")
    assert [(tuple(given), seen) for given, seen in payload_file(path, plain)] == [
        (payloads, kept) for payloads in expected
    ]
    assert list(read_shard(path)) == [ArchivedScan(payloads, kept) for payloads in expected]


def test_a_line_that_says_its_payloads_twice_is_refused_by_both(tmp_path: Path) -> None:
    path = tmp_path / "mail.jsonl"
    path.write_text('{"payload": "00", "payloads": ["01"], "scanned_us": 1}\n')
    [(given, _)] = payload_file(path, facts())
    [scan] = read_shard(path)
    assert isinstance(given, Finding)
    for told in (given.text, scan.wrong):
        assert "payload or payloads says what was read: one of them" in told
    assert scan.payloads == ()


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{}\n", b"[]\n", b"{\n", b'{"payload": "0"}\n', b'{"payload": 7}\n',
     b'{"payload": [7]}\n', b'{"payload": "00", "lane": 1.5}\n', b'{"payload": "00", "x": 1}\n',
     b'{"payload": "00", "scanned_on": 5}\n', b'{"payload": "00", "mail_class": []}\n',
     b"\xff\xfe\n", b'{"payload": "' + b"00" * MAX_LINE + b'"}\n', b"[" * 60_000 + b"\n",
     b'{"payload": ' + b"1" * 5000 + b"}\n", b'{"payload": "00", "lane": null}\n',
     json.dumps({"payload": ["00"] * 17}).encode() + b"\n"],
    ids=lambda line: line[:40].decode("latin1").strip(),
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_a_piece_all_the_same(tmp_path: Path, line: bytes) -> None:
    good = json.dumps({"payload": METER.indicium(1).hex()}).encode() + b"\n"
    (tmp_path / "lane.jsonl").write_bytes(good + line + good)
    pieces = list(payload_file(tmp_path / "lane.jsonl", facts()))
    assert len(pieces) == 3
    given, _ = pieces[1]
    assert isinstance(given, Finding)
    assert given.reason is Reason.BAD_FACTS
    assert given.text.startswith("line 2: ")
    assert pieces[0][0] == pieces[2][0] == [METER.indicium(1)]
