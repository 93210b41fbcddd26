"""The fuzz targets keep their promises on seeds and on changed seeds, also without libFuzzer."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.imicore.c_programs import PLAIN, ROOT, STRICT, compiler, library

pytestmark = pytest.mark.native

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


@pytest.mark.parametrize("target", COUNTS)
def test_a_target_keeps_its_promises(target: str, seeds: Path, tmp_path: Path) -> None:
    program = tmp_path / target
    built = library().parent
    objects = [str(built / f"{path.stem}.o") for path in kernel_sources(built)]
    sources = [str(ROOT / "fuzz" / name) for name in (f"{target}.cpp", "replay.cpp")]
    command = [*compiler("CXX", "c++"), "-std=c++20", "-O1", *STRICT, f"-I{ROOT / 'csrc'}"]
    subprocess.run(
        [*command, *sources, *objects, "-pthread", "-o", str(program)], env=PLAIN, check=True
    )
    files = sorted((seeds / target).iterdir())
    assert len(files) > 5
    done = subprocess.run(
        [program, str(COUNTS[target]), "1", *files], env=PLAIN, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(files) + COUNTS[target]
