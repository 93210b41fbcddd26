"""The recorder sees what a process does, and the replayer keeps what a disk must keep; R3."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.reliability import recorded
from tests.reliability.recorded import Call, Medium

needs_compiler = pytest.mark.skipif(
    shutil.which(os.environ.get("CC", "cc")) is None, reason="the recorder needs a C compiler"
)


@needs_compiler
def test_every_call_is_written_down_in_order(tmp_path: Path) -> None:
    folder, log = tmp_path / "meter", tmp_path / "log"
    folder.mkdir()
    code = (
        "import os\n"
        "os.mkdir('a')\n"
        "fd = os.open('a/new', os.O_RDWR | os.O_CREAT)\n"
        "os.pwrite(fd, b'x\\ny', 3)\n"
        "os.fdatasync(fd)\n"
        "os.write(fd, b'zz')\n"
        "os.ftruncate(fd, 1)\n"
        "os.fsync(fd)\n"
        "os.link('a/new', 'a/linked')\n"
        "os.rename('a/new', os.path.abspath('a/name'))\n"
        "os.open('a/name', os.O_RDWR | os.O_TRUNC)\n"
        "open('../elsewhere', 'w').write('not ours')\n"
        "os.fsync(os.open('a', os.O_RDONLY))\n"
        "os.unlink('a/name')\n"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        check=True,
        env=os.environ
        | {
            "LD_PRELOAD": str(recorded.recorder()),
            "RECORD_FOLDER": str(folder),
            "RECORD_LOG": str(log),
        },
    )
    assert recorded.read_log(log) == [
        Call("m", "a", "-", 0, b""),
        Call("c", "a/new", "-", 0, b""),
        Call("w", "a/new", "-", 3, b"x\ny"),
        Call("s", "a/new", "-", 0, b""),
        Call("w", "a/new", "-", 0, b"zz"),
        Call("t", "a/new", "-", 1, b""),
        Call("s", "a/new", "-", 0, b""),
        Call("l", "a/new", "a/linked", 0, b""),
        Call("r", "a/new", "a/name", 0, b""),
        Call("t", "a/name", "-", 0, b""),
        Call("d", "a", "-", 0, b""),
        Call("u", "a/name", "-", 0, b""),
    ]


def test_a_call_that_cannot_be_replayed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x a/1 fallocate 0 0\n")
    with pytest.raises(ValueError, match="fallocate of 'a/1' cannot be replayed"):
        recorded.read_log(tmp_path / "log")


def test_what_was_synced_stays_and_the_rest_may_go() -> None:
    medium = Medium()
    for call in (
        Call("c", "first/1", "-", 0, b""),
        Call("w", "first/1", "-", 0, b"s" * 512),
        Call("s", "first/1", "-", 0, b""),
        Call("d", "first", "-", 0, b""),
        Call("w", "first/1", "-", 512, b"p" * 1024),
        Call("r", "first/1", "first/2", 0, b""),
    ):
        medium.do(call)
    found = {tuple(medium.image(Random(seed)).items()) for seed in range(300)}
    names = {name for image in found for name, data in image if data is not None}
    assert names == {"first/1", "first/2"}
    for image in found:
        [data] = [data for _, data in image if data is not None]
        assert data[:512] == b"s" * 512
        assert {*data[512:]} <= {0, ord("p")}
    assert len({data for image in found for _, data in image if data is not None}) == 4


@needs_compiler
def test_a_meter_loses_nothing_in_any_image() -> None:
    """More: python -m tests.reliability.recorded --images 5000."""
    found = recorded.run(seed=3, count=250)
    assert found.shown == []
    assert found.counts["calls recorded"] > 500


@needs_compiler
@pytest.mark.parametrize("variant", recorded.VARIANTS[1:])
def test_a_meter_that_forgets_to_sync_is_found(variant: str) -> None:
    assert recorded.run(seed=3, count=150, variant=variant).wrong > 10
