"""PDF417 through zxing-cpp: any turn of the mail, and a worker that may die or hang."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from imicore import reader
from imicore.errors import BackendMissing, BadArgument
from imicore.pdf417 import Pdf417Reader, _checked

zxingcpp = pytest.importorskip("zxingcpp", reason="zxing-cpp is not installed (extra [pdf417])")
pytestmark = pytest.mark.native

PAYLOAD = bytes(range(160, 249))  # 89 bytes, as an IBI indicium has


def symbol(payload: bytes = PAYLOAD, name: str = "PDF417") -> np.ndarray:
    """Return uint8[H, W] of the bars, 3 px each, with no quiet zone."""
    kind = zxingcpp.barcode_format_from_str(name)
    drawn = np.array(zxingcpp.create_barcode(payload, kind).to_image(scale=1))
    dark = np.argwhere(drawn < 128)
    (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0) + 1
    return drawn[top:bottom, left:right].repeat(3, 0).repeat(3, 1)


def turned(page: np.ndarray, corners: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the page turned clockwise on a dark belt, and where the corners went."""
    height, width = page.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    c, s = np.abs(matrix[0, :2])
    size = int(width * c + height * s) + 1, int(width * s + height * c) + 1
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    frame = cv2.warpAffine(page, matrix, size, flags=cv2.INTER_LINEAR, borderValue=60)
    return frame, (corners - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5


def envelope(degrees: float, seed: int = 1, bars: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    """Return a clean 1900x825 envelope, turned, and the symbol's corners from its lower left."""
    from imi.mailpictures import Envelope, draw

    rng = np.random.default_rng(seed)
    page = draw(Envelope(), image_dpi=200, rng=rng)
    bars = symbol() if bars is None else bars
    height, width = bars.shape
    top, left = 60, page.shape[1] - width - 60
    page[top - 12 : top + height + 12, left - 12 : left + width + 12] = 235
    page[top : top + height, left : left + width] = np.where(bars < 128, 35, 235)
    corners = np.array([(0, height), (0, 0), (width, 0), (width, height)], float)
    corners += np.array([left, top])
    frame, corners = turned(page, corners, degrees)
    return np.clip(frame + 2 * rng.standard_normal(frame.shape), 0, 255).astype(np.uint8), corners


def near(found: np.ndarray, corners: np.ndarray) -> bool:
    """Return whether corners are in order and as near as zxing-cpp has them: 8 bars of 3 px."""
    return bool(np.abs(found - corners).max() < 24)


@pytest.fixture(scope="module")
def shared():  # type: ignore[no-untyped-def]
    with Pdf417Reader(timeout_s=20) as one:
        yield one


@pytest.mark.parametrize("degrees", [0, 3, 5, 12, 24, 37, 45, 60, 90, 180, 187, 270])
def test_any_turn(shared: Pdf417Reader, degrees: int) -> None:
    """peers.md 7: zxing-cpp by itself reads none from 5 degrees on; eight each in the bench."""
    for seed in (1, 2):
        frame, corners = envelope(degrees, seed)
        (found,) = shared.read(frame)
        assert (found.payload, found.symbology) == (PAYLOAD, "pdf417")
        assert near(found.corners, corners)


@pytest.mark.parametrize(
    ("name", "answer"), [("CompactPDF417", "pdf417"), ("MicroPDF417", "micropdf417")]
)
def test_the_small_forms(shared: Pdf417Reader, name: str, answer: str) -> None:
    """zxing-cpp 3.1 reads compact symbols and calls them PDF417."""
    frame, _ = envelope(8, bars=symbol(b"US POSTAGE 0123", name))
    (found,) = shared.read(frame)
    assert (found.payload, found.symbology) == (b"US POSTAGE 0123", answer)


def test_through_the_reader_with_roi_and_others() -> None:
    frame, corners = envelope(7)
    (found,) = reader.read(frame, symbologies=["pdf417"])
    assert (found.payload, found.symbology, found.size) == (PAYLOAD, "pdf417", (0, 0))
    assert found.errors_corrected == -1
    assert found.modules.size == 0
    (left, top), (right, bottom) = corners.min(axis=0) - 40, corners.max(axis=0) + 40
    roi = (int(left), int(top), int(right - left), int(bottom - top))
    (part,) = reader.read(frame, symbologies=["datamatrix", "imb", "pdf417"], roi=roi, limit=3)
    assert part.payload == PAYLOAD
    assert near(part.corners, corners)
    assert reader.read(frame, symbologies=["pdf417"], accept=lambda payload: False) == []


def test_frames_without_a_symbol(shared: Pdf417Reader) -> None:
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:500, :700]
    frames = [np.zeros((0, 0)), np.zeros((1, 9)), np.full((9, 9), 255), np.zeros((300, 300)),
              rng.integers(0, 256, (500, 700)), (x + y) % 2 * 255, (x // 3 % 2) * 255,
              (x + 2 * y) // 5 % 2 * 255]  # fmt: skip
    for frame in frames:
        assert shared.read(frame.astype(np.uint8), limit=4) == []
    assert shared.replaced == 0


def worker_pid(one: Pdf417Reader) -> int:
    assert one._process.pid is not None
    return one._process.pid


def test_a_worker_that_was_killed_is_replaced() -> None:
    frame, _ = envelope(0)
    with Pdf417Reader(timeout_s=20) as one:
        assert one.read(frame)
        os.kill(worker_pid(one), signal.SIGKILL)
        assert [found.payload for found in one.read(frame)] == [PAYLOAD]
        assert one.replaced == 1


def test_a_worker_that_is_killed_in_the_middle_of_a_frame() -> None:
    """Stopped so that the frame is surely under way when the end comes."""
    frame, _ = envelope(0)
    with Pdf417Reader(timeout_s=20) as one:
        assert one.read(frame)
        pid = worker_pid(one)
        os.kill(pid, signal.SIGSTOP)
        end = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
        end.start()
        assert [found.payload for found in one.read(frame)] == [PAYLOAD]
        assert one.replaced == 1
        end.join()


def test_a_worker_that_hangs_is_killed_in_time() -> None:
    frame, _ = envelope(0)
    with Pdf417Reader(timeout_s=20) as one:
        assert one.read(frame)
        hung = worker_pid(one)
        os.kill(hung, signal.SIGSTOP)
        started = time.monotonic()
        assert one.read(frame, timeout_s=0.3) == []
        assert time.monotonic() - started < 5
        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        assert [found.payload for found in one.read(frame)] == [PAYLOAD]
        assert one.replaced == 1


def test_the_limits_hold_in_the_worker(shared: Pdf417Reader) -> None:
    """/proc says what the kernel enforces: a runaway frame ends by memory or processor time."""
    shared.read(envelope(0)[0])
    with open(f"/proc/{worker_pid(shared)}/limits", encoding="ascii") as limits:
        lines = {line[:26].strip(): line[26:].split() for line in limits}
    assert int(lines["Max address space"][0]) == 1024 << 20
    assert int(lines["Max core file size"][0]) == 0
    assert int(lines["Max file size"][0]) == 0
    assert int(lines["Max cpu time"][0]) < 600


def test_threads_take_turns(shared: Pdf417Reader) -> None:
    frame, _ = envelope(0)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(shared.read, [frame] * 8):
            assert [one.payload for one in found] == [PAYLOAD]


def test_nothing_is_left_behind_when_the_program_ends() -> None:
    program = """
        import numpy as np
        from imicore.pdf417 import Pdf417Reader
        one = Pdf417Reader(timeout_s=30)
        y, x = np.mgrid[:99, :99]
        one.read((x // 4 % 2 * 255).astype(np.uint8))
        print(one._process.pid)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)


@pytest.mark.parametrize(
    "raw",
    [{}, 7, {"format": "QRCode", "payload": "00", "corners": [[0, 0]] * 4},
     {"format": "PDF417", "payload": "xy", "corners": [[0, 0]] * 4},
     {"format": "PDF417", "payload": "", "corners": [[0, 0]] * 4},
     {"format": "PDF417", "payload": "00", "corners": [[0, 0]] * 3},
     {"format": "PDF417", "payload": "00", "corners": [[0, float("nan")]] * 4}],
)  # fmt: skip
def test_what_a_subverted_worker_says_is_not_believed(raw: object) -> None:
    assert _checked(raw, 0.1, 5, 6) is None


def test_without_zxing_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendMissing, match=r"pip install 'imi\[pdf417\]'"):
        Pdf417Reader()


def test_bad_limits() -> None:
    with pytest.raises(BadArgument, match="timeout_s is 0"):
        Pdf417Reader(timeout_s=0)
    with pytest.raises(BadArgument, match="memory_mb is 1;"):
        Pdf417Reader(memory_mb=1)
