"""The fuzz targets keep their promises on seeds and on changed seeds, also without libFuzzer."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.imicore.c_programs import PLAIN, ROOT, STRICT, compiler, library

COUNTS = {"codewords": 20_000, "reed_solomon": 3_000, "frame": 200, "c_api": 400}


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("seeds")
    environment = {**PLAIN, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "fuzz/make_seeds.py", str(folder)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    return folder


def kernel_sources(built: Path) -> list[Path]:
    """Return the kernels that the library has; an object may outlive its source."""
    return [path for path in (ROOT / "csrc").glob("*.cpp") if (built / f"{path.stem}.o").exists()]


def test_every_target_is_replayed() -> None:
    sources = {path.stem for path in (ROOT / "fuzz").glob("*.cpp")}
    assert sources - {"replay"} == set(COUNTS)


def build(target: str, program: Path, instead: Path | None = None) -> Path:
    """Return the target over the library's kernels, of which `instead` replaces its namesake."""
    built = library().parent
    kernels = [path.stem for path in kernel_sources(built)]
    objects = [str(built / f"{stem}.o") for stem in kernels if not instead or stem != instead.stem]
    sources = [str(ROOT / "fuzz" / name) for name in (f"{target}.cpp", "replay.cpp")]
    sources += [str(instead)] if instead else []
    command = [*compiler("CXX", "c++"), "-std=c++20", "-O1", *STRICT, f"-I{ROOT / 'csrc'}"]
    subprocess.run(
        [*command, *sources, *objects, "-pthread", "-o", str(program)], env=PLAIN, check=True
    )
    return program


def replay(program: Path, count: int, files: list[Path]) -> subprocess.CompletedProcess[bytes]:
    command = [program, str(count), "1", *files]
    return subprocess.run(command, env=PLAIN, capture_output=True, check=False)


@pytest.mark.parametrize("target", COUNTS)
def test_a_target_keeps_its_promises(target: str, seeds: Path, tmp_path: Path) -> None:
    files = sorted((seeds / target).iterdir())
    assert len(files) > 5
    done = replay(build(target, tmp_path / target), COUNTS[target], files)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(files) + COUNTS[target]


def test_a_planted_mistake_is_found(seeds: Path, tmp_path: Path) -> None:
    """One error more than the reserve allows: a check that cannot fail is no check."""
    kernel = (ROOT / "csrc" / "reed_solomon.cpp").read_text(encoding="utf-8")
    right, wrong = "if (found > longest)", "if (found > longest + 1)"
    assert kernel.count(right) == 1
    planted = tmp_path / "reed_solomon.cpp"
    planted.write_text(kernel.replace(right, wrong), encoding="utf-8")
    files = sorted((seeds / "reed_solomon").iterdir())
    done = replay(build("reed_solomon", tmp_path / "planted", planted), 3000, files)
    assert done.returncode < 0
    assert b"broken promise: the reserve is kept" in done.stderr
