"""reliability.md A6: any picture is answered or its decoder ended; the next good one decodes."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from imicore import safe_frames
from imicore.errors import BadArgument, BadImage
from imicore.frames import Grey, decode
from imicore.safe_frames import PictureDecoder

GOOD = b"P5 2 1 255 " + bytes([0, 255])
FORMATS = (".png", ".tif", ".jpg", ".webp", ".pgm")


def picture(suffix: str) -> bytes:
    frame = np.random.default_rng(1).integers(0, 256, (60, 80), np.uint8)
    return cv2.imencode(suffix, frame)[1].tobytes()


@pytest.fixture(scope="module")
def shared() -> Iterator[PictureDecoder]:
    with PictureDecoder() as one:
        yield one


def outcome(decoder: Callable[..., Grey], data: bytes) -> str | tuple[tuple[int, ...], bytes]:
    """Return the words of a refusal, or shape and pixels."""
    try:
        frame = decoder(data, name="it")
    except BadImage as error:
        return str(error)
    return frame.shape, frame.tobytes()


def progressive_jpeg(frame: Grey) -> bytes:
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()


def pid_of(one: PictureDecoder) -> int:
    assert one._process.pid is not None
    return one._process.pid


@pytest.mark.parametrize("suffix", FORMATS)
def test_it_answers_as_the_decoder_does(shared: PictureDecoder, suffix: str) -> None:
    data = picture(suffix)
    assert np.array_equal(shared.decode(data), decode(data))


@pytest.mark.parametrize("suffix", FORMATS)
def test_damaged_pictures_have_the_decoder_s_answer_and_harm_nobody(
    shared: PictureDecoder, suffix: str
) -> None:
    """Cut and with bytes changed, by a seed: the same frame or the same words as in process."""
    rng, whole = np.random.default_rng(2), picture(suffix)
    for _ in range(40):
        data = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for at in rng.integers(0, len(data), rng.integers(0, 6)):
            data[at] = rng.integers(0, 256)
        assert outcome(shared.decode, bytes(data)) == outcome(decode, bytes(data))
    assert shared.decode(GOOD).tolist() == [[0, 255]]
    assert shared.replaced == 0


def test_a_bomb_is_refused_by_its_header(shared: PictureDecoder) -> None:
    with pytest.raises(BadImage, match="announces 60000x60000"):
        shared.decode(b"P5 60000 60000 255 ")
    with pytest.raises(BadImage, match="larger than 16777216 bytes"):
        shared.decode(bytes((16 << 20) + 1))


def test_too_much_processor_time_ends_the_worker_and_not_the_next_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Noise in a progressive JPEG is decoded bit by bit: some six times what it is given here."""
    noise = np.random.default_rng(1).integers(0, 256, (3000, 4000), np.uint8)
    slow = progressive_jpeg(noise)
    monkeypatch.setattr(safe_frames, "WALL_FACTOR", 1000)  # real time is not what ends it
    with PictureDecoder(cpu_s=0.05) as one:
        assert one.decode(GOOD).tolist() == [[0, 255]]
        with pytest.raises(BadImage, match=r"a\.jpg ended its decoder, which may take 0\.05 s"):
            one.decode(slow, name="a.jpg")
        assert one.decode(GOOD).tolist() == [[0, 255]]
        assert one.replaced == 1


def test_too_much_memory_ends_in_words_and_not_the_next_picture(shared: PictureDecoder) -> None:
    """With 24 MiB beyond what the worker has before work, and a picture that takes 50."""
    shared.decode(GOOD)
    status = Path(f"/proc/{pid_of(shared)}/status").read_text(encoding="ascii")
    (size_kb,) = (int(line.split()[1]) for line in status.splitlines() if "VmSize" in line)
    with PictureDecoder(memory_mb=size_kb // 1024 + 24, cpu_s=10) as one:
        # A progressive JPEG is held as coefficients until its last scan: 6 bytes a pixel.
        data = progressive_jpeg(np.zeros((3000, 4000, 3), np.uint8))
        assert decode(data).shape == (3000, 4000)
        with pytest.raises(BadImage):
            one.decode(data)
        assert one.decode(GOOD).tolist() == [[0, 255]]


def test_a_worker_that_dies_on_a_picture_takes_only_that() -> None:
    """Stopped so that the picture is surely under way when the end comes."""
    with PictureDecoder() as one:
        one.decode(GOOD)
        pid = pid_of(one)
        os.kill(pid, signal.SIGSTOP)
        end = threading.Timer(0.2, os.kill, (pid, signal.SIGKILL))
        end.start()
        with pytest.raises(BadImage, match="ended its decoder"):
            one.decode(GOOD)
        end.join()
        assert one.decode(GOOD).tolist() == [[0, 255]]
        assert one.replaced == 1


def test_the_limits_hold_in_the_worker(shared: PictureDecoder) -> None:
    """/proc says what the kernel enforces."""
    shared.decode(GOOD)
    lines = Path(f"/proc/{pid_of(shared)}/limits").read_text(encoding="ascii").splitlines()
    limits = {line[:26].strip(): line[26:].split() for line in lines}
    assert int(limits["Max address space"][0]) == 512 << 20
    assert int(limits["Max file size"][0]) == 0
    assert int(limits["Max cpu time"][0]) < 60


def test_threads_take_turns(shared: PictureDecoder) -> None:
    with ThreadPoolExecutor(4) as pool:
        for frame in pool.map(shared.decode, [GOOD] * 40):
            assert frame.tolist() == [[0, 255]]


def test_bad_limits() -> None:
    with pytest.raises(BadArgument, match="cpu_s is 0"):
        PictureDecoder(cpu_s=0)
    with pytest.raises(BadArgument, match="memory_mb is 1;"):
        PictureDecoder(memory_mb=1)
