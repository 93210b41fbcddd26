"""Lines in, verdicts out: any bytes are answered, and nobody who connects can end the daemon."""

import contextlib
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imicore.frames import load
from postage.factrows import NAMES, facts_as_row
from postage.facts import PieceFacts
from postage.verdicts import Code
from sorter.daemon import MOST_AHEAD, MOST_CLIENTS
from sorter.errors import RequestError, RingError
from sorter.lane import Lane
from sorter.protocol import MAX_LINE, parse
from sorter.ring import Ring
from tests.imicore.c_programs import ROOT
from tests.sorter.daemons import WAIT_S, Running, running
from tests.sorter.lanes import GatedScans, verifier_on
from tests.sorter.mail import METER, Device, facts


def line(piece: str, payload: bytes, scan: PieceFacts | None = None, **changes: object) -> bytes:
    row = {**facts_as_row(scan or facts()), **changes}
    row.pop("piece_id", None)
    said = [f"{name}={int(value) if value is True else value}" for name, value in row.items()]
    return ",".join(["T", piece, f"payload={payload.hex()}", *said]).encode() + b"\r\n"


@pytest.fixture
def history() -> GatedScans:
    return GatedScans()


@pytest.fixture
def lane(history: GatedScans) -> Iterator[Lane]:
    with Lane(verifier_on(history), room=100, deadline_s=None) as one:
        yield one


@pytest.fixture
def daemon(lane: Lane, tmp_path: Path) -> Iterator[Running]:
    with running(lane, tmp_path, otherwise={"site": "SFO"}) as one:
        yield one


@pytest.mark.parametrize("tcp", [False, True])
def test_a_line_has_its_answer(daemon: Running, tcp: bool) -> None:
    answers = daemon.ask(
        line("A-1", METER.indicium(1)),
        line("A-2", METER.indicium(1)),
        line("A-3", METER.indicium(2, mills=490)),
        line("A-4", Device(serial=8).indicium(1)),
        b"T,A-5,payload=00\n",
        b"T,A-6,payload=,at_induction=1\r\n",
        tcp=tcp,
    )
    fields = [one.decode().rstrip("\r\n").split(",") for one in answers]
    assert all(one.endswith(b"\r\n") for one in answers)
    assert [one[:8] for one in fields] == [
        ["R", "A-1", "16", "VALID", "780", "780", "0", ""],
        ["R", "A-2", "8", "DUPLICATE", "780", "0", "-780", ""],
        ["R", "A-3", "12", "SHORTPAID", "780", "490", "-290", ""],
        ["R", "A-4", "3", "NOT_VERIFIABLE", "780", "", "", ""],
        ["R", "A-5", "2", "UNREADABLE", "", "", "", ""],
        ["R", "A-6", "2", "UNREADABLE", "", "", "", ""],
    ]
    assert all(float(one[8]) > 0 and one[9] == "production" for one in fields)


def test_facts_come_from_the_line_the_daemon_and_the_clock(lane: Lane, daemon: Running) -> None:
    plain = b"T,B-1,payload=" + METER.indicium(1).hex().encode()
    daemon.ask(plain + b"\n", plain + b",site=LAX,scanned_us=1752440400000000,lane=3\r\n")
    lane.drain()
    told = {one.facts.site: one.facts for one in lane.recent()}
    assert (told["SFO"].piece_id, told["SFO"].lane) == ("B-1", 0)
    assert told["SFO"].scanned_on.isoformat() == "2026-07-13"
    assert (told["LAX"].lane, told["LAX"].scanned_on.isoformat()) == (3, "2025-07-13")


BAD_LINES = {
    b"": "SYNTAX", b"T": "SYNTAX", b"T,": "SYNTAX", b"T,a": "SYNTAX", b"X,a,payload=00": "SYNTAX",
    b"T,,payload=00": "SYNTAX", b"T, a,payload=00": "SYNTAX", b"T,\x7f,payload=00": "SYNTAX",
    b"T," + b"p" * 65 + b",payload=00": "SYNTAX", b"T,a,payload=+": "SYNTAX",
    b"T,a,payload=0": "SYNTAX", b"T,a,payload=0g": "SYNTAX", b"T,a,payload=00+": "SYNTAX",
    b"T,a,payload=" + b"00+" * 16 + b"00": "SYNTAX", b"T,a,slot=1": "SYNTAX",
    b"T,a,slot=-1:1": "SYNTAX", b"T,a,lane=1": "SYNTAX", "T,é,payload=00".encode(): "SYNTAX",
    b"T,a,payload=00,lane": "FACTS", b"T,a,payload=00,lane=": "FACTS", b"T,a,payload=00,": "FACTS",
    b"T,a,payload=00,lane=1,lane=1": "FACTS", b"T,a,payload=00,colour=red": "FACTS",
    b"T,a,payload=00,lane=one": "FACTS", b"T,a,payload=00,lane=99999999999999999999": "FACTS",
    b"T,a,payload=00,scanned_us=9223372036854775807": "FACTS",
    b"T,a,payload=00,scanned_us=-9223372036854775808": "FACTS",
    b"T,a,payload=00,scanned_on=2026-02-30": "FACTS", b"T,a,payload=00,mail_class=none": "FACTS",
    b"T,a,payload=00,length_thou=5": "FACTS", b"T,a,payload=00,piece_id=b": "FACTS",
    b"T,a,payload=00,is_rigid=2": "FACTS", b"T,a,payload=00,site=" + b"s" * 300: "FACTS",
    b"T,a,slot=0:1": "SLOT",
}  # fmt: skip


def test_a_bad_line_is_refused_in_words_and_the_next_is_answered(daemon: Running) -> None:
    good = line("C-1", METER.indicium(1))
    answers = daemon.ask(*(bad + b"\r\n" for bad in BAD_LINES), good)
    *refusals, last = [one.decode().split(",") for one in answers]
    assert [one[0] for one in refusals] == ["E"] * len(BAD_LINES)
    assert [one[2] for one in refusals] == list(BAD_LINES.values())
    assert all(one[3].strip() for one in refusals)
    assert last[:4] == ["R", "C-1", "16", "VALID"]
    assert daemon.daemon.refused == len(BAD_LINES)


@settings(max_examples=300)
@given(st.binary(max_size=300) | st.text("T,=:+ abslotpyd019\r", max_size=60).map(str.encode))
def test_any_line_is_a_request_or_a_request_error(data: bytes) -> None:
    with contextlib.suppress(RequestError):
        request = parse(data)
        assert request.slot is None or not request.payloads


VALUES = (
    "0", "1", "-1", "9" * 18, "-" + "9" * 18, str(2**63 - 1), str(-(2**63)), "9" * 19, "2026-07-13",
    "0001-01-01", "9999-12-31", "first-class", "x" * 64, "x" * 201, "", "1.5", "99999-123456",
)  # fmt: skip


def test_any_facts_are_answered(daemon: Running) -> None:
    """Every name that facts have with odd values, alone and together, by a seed."""
    rng, names = np.random.default_rng(7), sorted(NAMES - {"piece_id"})
    asked = []
    for number in range(400):
        chosen = rng.choice(names, rng.integers(1, 5), replace=False)
        said = [f"{name}={VALUES[rng.integers(len(VALUES))]}" for name in chosen]
        payload = METER.indicium(number + 1).hex()
        asked.append(",".join([f"T,L-{number}", f"payload={payload}", *said]).encode() + b"\r\n")
    answers = [one.split(b",") for one in daemon.ask(*asked)]
    assert [one[1].decode() for one in answers] == [f"L-{number}" for number in range(400)]
    refused = [one for one in answers if one[0] == b"E"]
    assert {one[2] for one in refused} == {b"FACTS"}
    assert 100 < len(refused) < 400
    assert daemon.daemon.lane.figures().failed == 0
    assert b"VALID" in {one[3] for one in answers if one[0] == b"R"}


def test_bytes_without_an_end_are_refused_and_the_client_let_go(daemon: Running) -> None:
    with daemon.connect() as client:
        client.sendall(b"T" * (3 * MAX_LINE))
        said = b""
        try:
            while more := client.recv(4096):
                said += more
        except ConnectionResetError:  # it left with bytes of ours unread
            pass
    assert said.startswith(b"E,,TOO_LONG,")
    [answer] = daemon.ask(line("D-1", METER.indicium(1)))
    assert answer.startswith(b"R,D-1,16,VALID")


def test_random_bytes_from_many_clients_at_once(daemon: Running) -> None:
    rng = np.random.default_rng(5)
    noise = [rng.bytes(3000).replace(b"\n", b"") + b"\n" for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        for answers in pool.map(daemon.ask, noise):
            assert [one[:2] for one in answers] == [b"E,"]
    [answer] = daemon.ask(line("E-1", METER.indicium(1)))
    assert answer.startswith(b"R,E-1,16,VALID")


def test_answers_come_in_the_order_of_lines(daemon: Running) -> None:
    count = 3 * MOST_AHEAD
    asked = [line(f"F-{at}", METER.indicium(at + 1)) for at in range(count)]
    with daemon.connect() as client, client.makefile("rb") as answers:
        client.sendall(b"".join(asked))
        said = [answers.readline().split(b",") for _ in asked]
    assert [one[1].decode() for one in said] == [f"F-{at}" for at in range(count)]
    assert {one[3] for one in said} == {b"VALID"}


def test_a_full_lane_says_busy(history: GatedScans, tmp_path: Path) -> None:
    lane = Lane(verifier_on(history), threads=1, room=2, deadline_s=None)
    with lane, running(lane, tmp_path) as daemon, daemon.connect() as client:
        history.gate.clear()
        client.sendall(b"".join(line(f"G-{at}", METER.indicium(at)) for at in (1, 2, 3)))
        while not daemon.daemon.refused:
            time.sleep(0.001)
        history.gate.set()
        with client.makefile("rb") as answers:
            said = [answers.readline() for _ in range(3)]
    assert [one[:6] for one in said] == [b"R,G-1,", b"R,G-2,", b"E,G-3,"]
    assert b",BUSY," in said[2]


def test_a_client_that_leaves_early_loses_nobody_s_piece(
    history: GatedScans, lane: Lane, daemon: Running
) -> None:
    history.gate.clear()
    with daemon.connect() as client:
        client.sendall(b"".join(line(f"H-{at}", METER.indicium(at)) for at in range(1, 11)))
        while lane.figures().inside < 10:
            time.sleep(0.001)
    history.gate.set()
    assert lane.drain(WAIT_S)
    assert len(history.told) == 10
    [again] = daemon.ask(line("H-other", METER.indicium(3)))
    assert b",DUPLICATE," in again


def test_too_many_clients_are_turned_away_in_words(daemon: Running) -> None:
    clients = [daemon.connect() for _ in range(MOST_CLIENTS)]
    try:
        for one in clients:  # each is served before the next is counted
            one.sendall(b"?\n")
            assert one.recv(100).startswith(b"E,")
        with daemon.connect() as another, another.makefile("rb") as answers:
            [said] = answers.readlines()
        assert said.startswith(b"E,,CLIENTS,32 are connected")
    finally:
        for one in clients:
            one.close()


def test_stopping_answers_what_was_taken(history: GatedScans, lane: Lane, tmp_path: Path) -> None:
    with running(lane, tmp_path) as daemon:
        history.gate.clear()
        client = daemon.connect()
        client.sendall(line("I-1", METER.indicium(1)))
        while not lane.figures().inside:
            time.sleep(0.001)
        history.gate.set()
    with client, client.makefile("rb") as answers:
        assert [one[:12] for one in answers] == [b"R,I-1,16,VAL"]
    assert not daemon.unix.exists()


def test_a_socket_file_is_for_its_user_and_replaces_a_dead_one(lane: Lane, tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "lane.sock"))
    dead.close()
    with running(lane, tmp_path) as daemon:
        assert daemon.unix.stat().st_mode & 0o777 == 0o600
        assert daemon.ask(b"?\n")[0].startswith(b"E,")


def test_a_frame_in_the_ring_is_judged(lane: Lane, tmp_path: Path) -> None:
    frame = load(ROOT / "docs" / "images" / "mailpiece.png")
    with (
        Ring.create(tmp_path / "ring", slots=3, slot_bytes=frame.size) as ring,
        Ring.attach(tmp_path / "ring") as camera,
        running(lane, tmp_path, ring=ring) as daemon,
    ):
        camera.write(2, 77, frame)
        said = daemon.ask(
            b"T,J-1,slot=2:77\r\n", b"T,J-2,slot=2:76\r\n", b"T,J-3,slot=3:1\r\n",
            b"T,J-4,slot=0:0\r\n"
        )  # fmt: skip
    assert said[0].startswith(b"R,J-1,%d,SPECIMEN" % Code.SPECIMEN.number)
    assert [one.rstrip() for one in said[1:]] == [
        b"E,J-2,SLOT,slot 2 holds frame 77; not 76",
        b"E,J-3,SLOT,slot 3 is not one of the ring's 3",
        b"E,J-4,SLOT,slot 0 holds frame 0; not 0",
    ]


def test_a_ring_keeps_rows_and_colours(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    with Ring.create(tmp_path / "ring", slots=2, slot_bytes=1000) as ring:
        for shape in ((7, 11), (1, 1), (5, 9, 3), (1024 // 64, 64)):
            frame = rng.integers(0, 256, shape, np.uint8)
            ring.write(0, 1, frame)
            assert np.array_equal(ring.read(0, 1), frame)
        with pytest.raises(RingError, match="frame of 1088 bytes; a slot has 1024"):
            ring.write(0, 1, np.zeros((17, 64), np.uint8))
        for bad in (np.zeros((2, 2), np.int16), np.zeros((2, 2, 4), np.uint8), np.zeros(4, "u1")):
            with pytest.raises(RingError, match="a frame is"):
                ring.write(0, 1, bad)
        ring.close(remove=True)
    assert not (tmp_path / "ring").exists()


@pytest.mark.parametrize(
    ("at", "numbers"),
    [(8, (0, 1, 1, 1)), (8, (1, 0, 1, 1)), (8, (8, 8, 7, 1)), (8, (8, 8, 8, 2)),
     (8, (33, 33, 33, 1)), (8, (1, 2**32 - 1, 2**32 - 1, 1)), (8, (2**32 - 1, 1, 2**32 - 1, 3)),
     (8, (8, 8, 2**31, 1))],
)  # fmt: skip
def test_a_slot_that_lies_is_refused(tmp_path: Path, at: int, numbers: tuple[int, ...]) -> None:
    with Ring.create(tmp_path / "ring", slots=1, slot_bytes=1024) as ring:
        ring.write(0, 5, np.zeros((4, 4), np.uint8))
        raw = bytearray((tmp_path / "ring").read_bytes())
        raw[64 + at : 64 + at + 16] = np.array(numbers, "<u4").tobytes()
        (tmp_path / "ring").write_bytes(raw)  # the same file that is mapped
        with pytest.raises(RingError, match="slot 0 holds"):
            ring.read(0, 5)


@pytest.mark.parametrize(
    "raw", [b"", b"IMIRING1", b"NORING!!" + bytes(200), b"IMIRING1" + bytes(200),
            b"IMIRING1" + np.array([1, 64], "<u4").tobytes() + bytes(300)]
)  # fmt: skip
def test_what_is_no_ring_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "ring").write_bytes(raw)
    with pytest.raises(RingError, match="ring"):
        Ring.attach(tmp_path / "ring")
