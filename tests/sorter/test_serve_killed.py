"""kill -9 in the middle of answers: what was answered stays true, and asking again harms nobody."""

import signal
import socket
from pathlib import Path

import numpy as np
import pytest

from sorter.daemon import MOST_AHEAD
from tests.sorter.mail import METER
from tests.sorter.serving import Served, register_folder

PIECES = 60


def lines(begin: str) -> list[bytes]:
    return [
        b"T,%s-%d,payload=%s,scanned_on=2026-07-13,image_id=%s-%d\r\n"
        % (begin.encode(), count, METER.indicium(count).hex().encode(), begin.encode(), count)
        for count in range(1, PIECES + 1)
    ]


@pytest.mark.slow
def test_what_was_answered_before_kill_9_is_known_after_it(tmp_path: Path) -> None:
    """Answered or not, the same scan asked again is VALID; its photocopy is a duplicate."""
    folder = register_folder(tmp_path)
    rng = np.random.default_rng(11)
    answered: set[bytes] = set()
    for _ in range(4):
        served = Served(folder, "--deadline-ms", "60000")
        served.said("ready on")
        with served.connect() as client, client.makefile("rb") as answers:
            client.sendall(b"".join(lines("P")))
            for _ in range(int(rng.integers(1, PIECES))):
                kind, piece, _, code, *_ = answers.readline().split(b",")
                assert (kind, code) == (b"R", b"VALID")
                answered.add(piece)
            served.process.send_signal(signal.SIGKILL)
        served.process.communicate()
    assert MOST_AHEAD >= PIECES
    served = Served(folder, "--deadline-ms", "60000")
    served.said("ready on")
    again, copies = ask_all(served, lines("P")), ask_all(served, lines("Q"))
    assert served.stop() == (0, "")
    assert answered
    assert set(again) == {b"VALID"}
    assert set(copies) == {b"DUPLICATE"}


def ask_all(served: Served, asked: list[bytes]) -> list[bytes]:
    with served.connect() as client, client.makefile("rb") as answers:
        client.sendall(b"".join(asked))
        client.shutdown(socket.SHUT_WR)
        said = [line.split(b",")[3] for line in answers]
    assert len(said) == len(asked)
    return said
