"""imicore.h: the C interface answers as imicore.reader does, and refuses in words."""

import ctypes as c
import platform
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bench.camera import Shot, paper, photograph
from imicore import datamatrix, reader
from tests.imicore import c_api, c_programs
from tests.imicore.c_programs import HERE, PLAIN, ROOT, compiled, compiler, pgm

pytestmark = pytest.mark.native

Grey = npt.NDArray[np.uint8]
HEADER = ROOT / "csrc" / "imicore.h"
PAYLOAD = bytes(range(1, 91))


@pytest.fixture(scope="module")
def frame() -> Grey:
    """A photograph, 240 pixels wide and 260 high, of a 40x40 symbol."""
    symbol = datamatrix.encode(PAYLOAD, size=(40, 40), encodation="base256")
    rng = np.random.default_rng(1)
    picture, _ = photograph(np.asarray(symbol.modules), Shot(turn_deg=7), paper(240, 260), rng)
    return picture


@pytest.fixture
def library() -> Iterator[c_api.Library]:
    loaded = c_api.Library(c_programs.library())
    yield loaded
    loaded.close()


def payload_of(reading: c_api.Reading) -> bytes:
    return bytes(reading.payload[: reading.payload_length])


def run(*command: object, stdin: bytes | None = None) -> subprocess.CompletedProcess[str]:
    arguments = [str(part) for part in command]
    done = subprocess.run(arguments, input=stdin, capture_output=True, env=PLAIN, check=False)
    return subprocess.CompletedProcess(
        arguments, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def test_a_reading_says_what_python_says(library: c_api.Library, frame: Grey) -> None:
    (expected,) = reader.read(frame)
    status, (found,) = library.read(frame)
    assert (status, library.error) == (c_api.OK, "")
    assert payload_of(found) == expected.payload == PAYLOAD
    assert np.array_equal(np.reshape(found.corners, (4, 2)), expected.corners)
    assert (found.rows, found.columns, found.symbology) == (40, 40, 1)
    assert (found.errors_corrected, found.mirrored, found.inverted) == (0, 0, 0)
    assert found.agreement > 0.9
    assert not any(found.reserved)


def test_mirrored_and_inverted_are_said(library: c_api.Library, frame: Grey) -> None:
    _, (found,) = library.read(np.ascontiguousarray(255 - frame[:, ::-1]))
    assert payload_of(found) == PAYLOAD
    assert (found.mirrored, found.inverted) == (1, 1)


def test_a_roi_and_a_stride_keep_the_frames_coordinates(
    library: c_api.Library, frame: Grey
) -> None:
    wide = np.full((300, 500), 255, np.uint8)
    wide[30:290, 200:440] = frame
    status, (found,) = library.read(wide, library.options(roi=c_api.Roi(190, 20, 260, 280)))
    assert (status, payload_of(found)) == (c_api.OK, PAYLOAD)
    (expected,) = reader.read(wide, roi=(190, 20, 260, 280))
    assert np.allclose(np.reshape(found.corners, (4, 2)), expected.corners, atol=1e-4)
    status, (strided,) = library.read(wide[20:300, 190:450])
    assert np.allclose(np.array(strided.corners[:]) + [190, 20] * 4, found.corners, atol=1e-3)


def test_accept_may_refuse_and_sees_the_payload(library: c_api.Library, frame: Grey) -> None:
    seen: list[bytes] = []

    def refuse(payload: bytes) -> bool:
        seen.append(payload)
        return False

    assert library.read(frame, library.options(accept=refuse, effort=300)) == (c_api.OK, [])
    assert set(seen) == {PAYLOAD}
    status, found = library.read(frame, library.options(accept=lambda payload: True))
    assert (status, len(found)) == (c_api.OK, 1)


def test_sizes_limit_the_search(library: c_api.Library, frame: Grey) -> None:
    assert library.read(frame, library.options(sizes=[(36, 36)], effort=300)) == (c_api.OK, [])
    status, found = library.read(frame, library.options(sizes=[(36, 36), (40, 40)]))
    assert (status, len(found)) == (c_api.OK, 1)


def test_a_frame_without_a_symbol_is_no_error(library: c_api.Library) -> None:
    for shape in ((0, 0), (1, 1), (0, 9), (9, 0), (120, 160)):
        assert library.read(np.full(shape, 255, np.uint8)) == (c_api.OK, [])
    assert library.call(None, 0, 0, 0, None, 1) == (c_api.OK, [])


def test_a_ruined_symbol_is_a_suspect(library: c_api.Library, frame: Grey) -> None:
    ruined = frame.copy()
    ruined[75:185, 75:165] = 255  # all but the rim of the symbol
    roi = library.options(roi=c_api.Roi(20, 10, 220, 220))
    assert library.read(ruined, roi) == (c_api.OK, [])
    found = library.suspect()
    expected = reader.Reader().suspect(ruined, roi=(20, 10, 220, 220))
    assert found is not None
    assert expected is not None
    assert np.allclose(np.reshape(found.corners, (4, 2)), expected.corners)
    library.read(np.full((120, 160), 255, np.uint8))
    assert library.suspect() is None


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"limit": -1}, c_api.BAD_ARGUMENT, "limit is -1; it must not be negative"),
        ({"effort": -2}, c_api.BAD_ARGUMENT, "effort is -2; it must not be negative"),
        ({"budget_ms": float("nan")}, c_api.BAD_ARGUMENT, "budget_ms is -?nan; it must be 0"),
        ({"budget_ms": 1e9}, c_api.BAD_ARGUMENT, "budget_ms is 1e\\+09; .* below 1e9"),
        (
            {"roi": (0, 0, 9, 261)},
            c_api.BAD_ARGUMENT,
            "roi x 0, y 0, 9x261 is not inside .*240x260",
        ),
        ({"roi": (2**31 - 1, 0, 2**31 - 1, 1)}, c_api.BAD_ARGUMENT, "roi x 2147483647"),
        ({"roi": (1, 0, 0, 0)}, c_api.BAD_ARGUMENT, "roi x 1, y 0, 0x0 is not inside"),
        ({"sizes": [(40, 41)]}, c_api.NO_SUCH_SIZE, r"sizes\[0\] is 40x41, none of the 48"),
        ({"sizes": []}, c_api.BAD_ARGUMENT, "sizes is empty"),
        ({"sizes": [(40, 40)] * 49}, c_api.BAD_ARGUMENT, "size_count is 49; there are 48 sizes"),
        ({"size_count": 1}, c_api.BAD_ARGUMENT, "sizes is NULL and size_count is 1"),
        ({"size": 8}, c_api.BAD_ARGUMENT, "options->size is 8; it must be at least"),
    ],
)
def test_a_bad_option_is_refused_in_words(
    library: c_api.Library, frame: Grey, fields: dict[str, object], status: int, words: str
) -> None:
    if "roi" in fields:
        fields = {"roi": c_api.Roi(*fields["roi"])}  # type: ignore[misc]
    assert library.read(frame, library.options(**fields)) == (status, [])  # type: ignore[arg-type]
    assert re.search(words, library.error), library.error
    status, found = library.read(frame)
    assert (status, len(found), library.error) == (c_api.OK, 1, "")


def test_a_bad_frame_is_refused_in_words(library: c_api.Library, frame: Grey) -> None:
    at = frame.ctypes.data
    for arguments, words in {
        (at, -1, 9, 9): "the frame is -1x9; neither may be negative",
        (at, 4000, 3001, 4000): "the frame is 4000x3001 = 12004000 pixels; the limit is 12000000",
        (at, 240, 260, 239): "stride is 239; it must be at least the width, 240",
        (at, 240, 260, 2**63): "stride is 9223372036854775808; 260 rows of it are no memory",
        (None, 240, 260, 240): "pixels is NULL",
    }.items():
        assert library.call(*arguments, None, 1) == (c_api.BAD_ARGUMENT, [])
        assert library.error == words
    assert library.call(at, 240, 260, 240, None, 0) == (c_api.BAD_ARGUMENT, [])
    assert library.error == "out has room for no reading"


def test_null_is_refused_everywhere(library: c_api.Library) -> None:
    raw, out, count = library.raw, c_api.Reading(), c.c_size_t(7)
    assert raw.imi_reader_read(None, None, 0, 0, 0, None, c.byref(out), 1, c.byref(count)) == 1
    assert count.value == 0
    assert raw.imi_reader_read(library.reader, None, 0, 0, 0, None, c.byref(out), 1, None) == 1
    assert library.error == "count is NULL"
    assert raw.imi_reader_suspect(library.reader, None, None) == c_api.BAD_ARGUMENT
    assert raw.imi_reader_suspect(None, None, None) == c_api.BAD_ARGUMENT
    assert raw.imi_reader_error(None) == b"reader is NULL"
    raw.imi_reader_destroy(None)
    raw.imi_read_options_init_sized(None, 5)


def test_options_of_a_newer_header_are_taken_while_their_news_are_zero(
    library: c_api.Library, frame: Grey
) -> None:
    class Newer(c.Structure):
        _fields_ = (("known", c_api.Options), ("news", c.c_int64))

    newer = Newer(library.options(), 0)
    newer.known.size = c.sizeof(Newer)
    height, width = frame.shape
    arguments = (frame.ctypes.data, width, height, width, c.byref(newer), 1)
    assert len(library.call(*arguments)[1]) == 1
    newer.news = 1
    assert library.call(*arguments) == (c_api.BAD_ARGUMENT, [])
    assert f"a value at byte {c.sizeof(c_api.Options)}; version 0.1.0 knows only" in library.error


def test_versions_agree(library: c_api.Library) -> None:
    numbers = re.findall(r"define IMI_VERSION_\w+ (\d+)", HEADER.read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert library.raw.imi_version().decode() == ".".join(numbers) == project


def test_every_status_has_words(library: c_api.Library) -> None:
    named = re.findall(r"IMI_\w+ = (\d+)[, ].*(?=\n.*IMI_|/\*|\n\} imi_status)", HEADER.read_text())
    texts = [library.raw.imi_status_text(status).decode() for status in range(6)]
    assert len(named) >= 6
    assert len(set(texts)) == 6
    assert library.raw.imi_status_text(6) == b"no such status"


def test_only_the_header_s_functions_are_exported() -> None:
    if shutil.which("nm") is None:
        pytest.skip("no nm (binutils)")
    done = run("nm", "-D", "--defined-only", c_programs.library())
    exported = {line.split()[-1] for line in done.stdout.splitlines()}
    declared = re.findall(r"^[\w *]+?\*?(imi_\w+)\(", HEADER.read_text(), re.MULTILINE)
    assert exported == {name for name in declared if name != "imi_read_options_init"}


@pytest.mark.parametrize("standard", ["c99", "c11", "c++11", "c++20"])
def test_the_header_stands_alone_in_c_and_in_cpp(standard: str) -> None:
    command = compiler("CXX", "c++") if "+" in standard else compiler("CC", "cc")
    language = "c++" if "+" in standard else "c"
    code = b"#include <imicore.h>\nint main(void) { return imi_version()[0] == 0; }\n"
    done = run(
        *(*command, f"-std={standard}", *c_programs.STRICT, f"-I{HEADER.parent}"),
        *("-fsyntax-only", "-x", language, "-"),
        stdin=code,
    )
    assert done.returncode == 0, done.stderr


def test_the_sample_program_reads_a_picture(tmp_path: Path, frame: Grey) -> None:
    program = compiled(ROOT / "samples" / "c" / "read_indicium.c", tmp_path / "read_indicium")
    picture = tmp_path / "envelope.pgm"
    picture.write_bytes(pgm(frame))
    done = run(program, picture)
    size, *corners, payload = done.stdout.splitlines()[0].split()
    assert (done.returncode, size, payload) == (0, "40x40", PAYLOAD.hex())
    (expected,) = reader.read(frame)
    assert np.allclose(
        [[float(v) for v in at.split(",")] for at in corners], expected.corners, atol=0.5
    )
    assert run(program, "-", stdin=picture.read_bytes()).stdout == done.stdout
    blank = run(program, "-", stdin=pgm(np.full((99, 99), 255, np.uint8)))
    assert (blank.returncode, blank.stdout) == (1, "")


@pytest.mark.parametrize(
    "picture",
    [b"", b"P5", b"P6 1 1 255\n...", b"P5 1 1 65535\n..", b"P5 0 9 255\n", b"P5 9 9 255\nshort",
     b"P5 99999999 99999999 255\n", b"P5 123456789 1 255\n", b"P5 # no end"],
)  # fmt: skip
def test_the_sample_program_refuses_what_is_no_picture(tmp_path: Path, picture: bytes) -> None:
    program = compiled(ROOT / "samples" / "c" / "read_indicium.c", tmp_path / "read_indicium")
    done = run(program, "-", stdin=picture)
    assert (done.returncode, done.stdout) == (2, "")
    assert "8-bit P5 of at most 12000000 pixels" in done.stderr


def test_two_threads_read_at_once_and_a_busy_reader_says_so(tmp_path: Path, frame: Grey) -> None:
    program = compiled(HERE / "threads.cpp", tmp_path / "threads")
    (tmp_path / "pixels.raw").write_bytes(frame.tobytes())
    done = run(program, frame.shape[1], frame.shape[0], tmp_path / "pixels.raw")
    assert done.stdout == "40 of 40, the reader is in use, 1\n"


@pytest.mark.parametrize("kind", ["clean", "damaged", "blank", "noise"])
def test_a_frame_like_the_last_one_allocates_nothing(
    tmp_path: Path, frame: Grey, kind: str
) -> None:
    """imicore.h: a reader keeps its scratch memory. Counted below malloc, so of every library."""
    if platform.libc_ver()[0] != "glibc":
        pytest.skip("not glibc: a program cannot stand in for malloc")
    picture = {
        "clean": frame,
        "damaged": np.where(np.indices(frame.shape)[1] // 9 == 14, np.uint8(255), frame),
        "blank": np.full((260, 240), 255, np.uint8),
        "noise": np.random.default_rng(5).integers(0, 256, (260, 240), np.uint8),
    }[kind]
    program = compiled(HERE / "allocations.c", tmp_path / "allocations")
    (tmp_path / "pixels.raw").write_bytes(picture.tobytes())
    done = run(program, picture.shape[1], picture.shape[0], tmp_path / "pixels.raw", 1)
    assert done.returncode == 0, done.stderr
    first, later, count = map(int, done.stdout.split())
    assert first > 0  # the counter counts
    assert later == 0
    assert count == (1 if kind in {"clean", "damaged"} else 0)
