"""The operating system's disk and the simulated one keep the same contract."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from imi.simdisk import ATOMS, PowerCut, SimDisk
from pipeline.disk import Disk, RealDisk
from pipeline.errors import FaultCause, PsdFault, PsdInUse
from pipeline.psd import Psd
from pipeline.state import Open, Outcome
from postage.money import Money
from tests.pipeline.device import imprinted, new_device, setup

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["real", "two folders", "simulated"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    made: Disk = SimDisk()
    if request.param == "real":
        made = RealDisk(tmp_path)
    elif request.param == "two folders":
        made = RealDisk(tmp_path / "first", tmp_path / "second")
    yield made
    made.close()


def test_what_is_written_is_read(disk: Disk) -> None:
    disk.create("a/1", 8192)
    disk.create("b/1", 8192, 0xFF)
    disk.pwrite("a/1", b"x" * 512, 4608)
    disk.sync("a/1")
    assert disk.pread("a/1", 514, 4607) == b"\0" + b"x" * 512 + b"\0"
    assert disk.pread_direct("a/1", 512, 4608) == b"x" * 512
    assert disk.pread_direct("a/1", 1024, 3840) == bytes(768) + b"x" * 256
    assert disk.pread("b/1", 8192, 0) == b"\xff" * 8192


def test_reads_stop_at_the_end(disk: Disk) -> None:
    disk.create("a/1", 1000)
    assert disk.size("a/1") == 1000
    assert disk.pread("a/1", 512, 900) == bytes(100)
    assert disk.pread("a/1", 512, 2000) == b""
    with pytest.raises(FileNotFoundError):
        disk.pread("a/2", 1, 0)


def test_names_are_listed_without_the_lock(disk: Disk) -> None:
    disk.lock()
    for name in ("head.new", "b/2", "a/1"):
        disk.create(name, 16)
    disk.rename("head.new", "head")
    disk.sync_dir()
    assert disk.list() == ["a/1", "b/2", "head"]


def test_creation_empties_a_file(disk: Disk) -> None:
    disk.create("a/1", 512)
    disk.pwrite("a/1", b"old", 0)
    disk.create("a/1", 64)
    assert disk.pread("a/1", 512, 0) == bytes(64)


def test_rename_replaces(disk: Disk) -> None:
    disk.create("head", 4)
    disk.create("head.new", 4)
    disk.pwrite("head.new", b"next", 0)
    disk.rename("head.new", "head")
    assert disk.pread("head", 4, 0) == b"next"


def test_one_holder(disk: Disk) -> None:
    disk.lock()
    with pytest.raises(PsdInUse):
        disk.lock()


def test_two_devices_cannot_share_one_folder(tmp_path: Path) -> None:
    first = RealDisk(tmp_path / "one", tmp_path / "shared")
    second = RealDisk(tmp_path / "two", tmp_path / "shared")
    first.lock()
    with pytest.raises(PsdInUse, match="shared"):
        second.lock()
    first.close()
    second.lock()
    second.close()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    psd = new_device(RealDisk(tmp_path), **setup())
    code = (
        "import sys\n"
        "from pipeline.disk import RealDisk\n"
        "from pipeline.errors import PsdInUse\n"
        "from pipeline.psd import Psd\n"
        "from tests.pipeline.device import setup\n"
        "try:\n"
        "    Psd.open(RealDisk(sys.argv[1]), **setup())\n"
        "except PsdInUse as refused:\n"
        "    print('refused')\n"
    )

    def second() -> str:
        command = [sys.executable, "-c", code, str(tmp_path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert second() == "refused"
    psd.close()
    assert second() == ""


def test_a_device_on_two_folders(tmp_path: Path) -> None:
    def disk() -> RealDisk:
        return RealDisk(tmp_path / "first", tmp_path / "second")

    psd = new_device(disk(), **setup(segment_records=16))
    psd.refill(Money(100_000), 1)
    for _ in range(30):
        psd.confirm(imprinted(psd).sequence, Outcome.CONFIRMED)
    psd.close()
    assert sorted(path.name for path in (tmp_path / "second" / "b").iterdir()) == [
        f"{base:016d}" for base in (1, 17, 33, 49)
    ]
    psd = Psd.open(disk(), **setup(segment_records=16))
    assert psd.registers.piece_count == 30
    imprinted(psd)
    psd._journal.close()  # as a crash would: the outcome was never told
    psd = Psd.open(disk(), **setup(segment_records=16))
    assert [piece.why for piece in psd.open_pieces] == [Open.OPEN_UNKNOWN]
    psd.close()


def test_a_failing_sync_of_the_system_is_fatal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's lesson of 2018: the next fsync would succeed without having written."""
    psd = new_device(RealDisk(tmp_path), **setup())
    psd.refill(Money(100_000), 1)
    calls = 0

    def fail(fd: int) -> None:
        nonlocal calls
        calls += 1
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", fail)
        with pytest.raises(PsdFault) as caught:
            imprinted(psd)
        assert caught.value.cause is FaultCause.IO_ERROR
    with pytest.raises(AssertionError, match="FAULT"):
        imprinted(psd)  # the disk works again; the device does not
    assert calls == 2  # the record's, and that of the note which says so
    psd.close()


def test_a_short_write_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = RealDisk(tmp_path)
    disk.create("a/1", 1024)
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:100], at))
    with pytest.raises(OSError, match="100 of 512 bytes written"):
        disk.pwrite("a/1", bytes(512), 0)
    disk.close()


def test_a_full_file_system_is_a_clear_error(tmp_path: Path) -> None:
    """/dev/full answers each write with ENOSPC."""
    disk = RealDisk(tmp_path)
    (tmp_path / "a" / "1").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        disk.create("a/1", 512)
    disk.close()


# The simulated disk does what it says.


@pytest.mark.parametrize("atom", ATOMS)
def test_synced_data_survives_and_pending_data_tears(atom: int) -> None:
    disk = SimDisk()
    disk.create("a/1", 8192)
    disk.pwrite("a/1", b"s" * 4096, 0)
    disk.sync("a/1")
    disk.sync_dir()
    disk.pwrite("a/1", b"p" * 4096, 4096)
    kept: set[bytes] = set()
    for seed in range(200):
        data = disk.after_cut(Random(seed), atom).pread("a/1", 8192, 0)
        assert data[:4096] == b"s" * 4096
        for at in range(4096, 8192, atom):
            assert data[at : at + atom] in (bytes(atom), b"p" * atom)
        kept.add(data[4096:])
    assert {bytes(4096), b"p" * 4096} <= kept
    assert len(kept) == 2 if atom == 4096 else len(kept) > 10


def test_pending_writes_are_reordered() -> None:
    disk = SimDisk()
    disk.create("a/1", 16)
    disk.sync_dir()
    for value in (b"1", b"2", b"3"):
        disk.pwrite("a/1", value * 16, 0)
    found = {disk.after_cut(Random(seed), 16).pread("a/1", 1, 0) for seed in range(300)}
    assert found == {b"\0", b"1", b"2", b"3"}


def test_a_name_that_was_not_synced_may_vanish() -> None:
    disk = SimDisk()
    disk.create("a/1", 16)
    assert {tuple(disk.after_cut(Random(seed), 16).list()) for seed in range(50)} == {
        (),
        ("a/1",),
    }


def test_a_failed_sync_never_gets_the_data_to_the_disk() -> None:
    disk = SimDisk()
    disk.create("a/1", 16)
    disk.sync_dir()
    disk.pwrite("a/1", b"x" * 16, 0)
    disk.fail_at = disk.operations
    with pytest.raises(OSError, match="Input/output error"):
        disk.sync("a/1")
    disk.sync("a/1")  # "succeeds", as after Linux's
    assert disk.pread("a/1", 1, 0) == b"x"
    assert disk.pread_direct("a/1", 1, 0) == b"\0"
    assert disk.after_cut(Random(1), 16).pread("a/1", 1, 0) == b"\0"


def test_nothing_answers_after_a_cut() -> None:
    disk = SimDisk()
    disk.create("a/1", 16)
    disk.cut_at = disk.operations

    def refuses(use: Any, *told: object) -> None:
        with pytest.raises(PowerCut):
            use(*told)

    refuses(disk.pwrite, "a/1", b"x", 0)
    refuses(disk.pread, "a/1", 1, 0)
    refuses(disk.sync, "a/1")


def test_a_new_folder_is_durable_in_each_one_above_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut behind the creation of a device must not take its whole folder."""
    synced: list[Path] = []
    fsync = os.fsync

    def note(fd: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{fd}")))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", note)
    device = tmp_path / "new" / "device"
    disk = RealDisk(device)
    disk.sync_dir()
    disk.close()
    assert {device / "a", device / "b", device, tmp_path / "new", tmp_path} <= {*synced}
