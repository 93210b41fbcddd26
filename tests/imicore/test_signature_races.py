"""The thread sanitizer over the engine, without Python around it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from imicore import signature

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_threads_do_not_race(tmp_path: Path) -> None:
    """Signing, verifying, tables built and dropped at once: no data race, no wrong verdict."""
    if signature.backend().name != "libcrypto":
        pytest.skip(f"no libcrypto: {signature.backend().reason}")
    compiler = os.environ.get("CXX", "c++").split()
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"no compiler {compiler[0]}")
    command = [*compiler, "-std=c++20", "-O1", "-g", "-fsanitize=thread"]
    probe = [*command, "-xc++", "-", "-o", str(tmp_path / "probe")]
    if subprocess.run(probe, input=b"int main() {}", capture_output=True, check=False).returncode:
        pytest.skip("the compiler has no thread sanitizer")
    program = tmp_path / "threads"
    sources = [*ROOT.glob("csrc/ecdsa*.cpp"), ROOT / "csrc" / "libcrypto.cpp"]
    sources.append(Path(__file__).with_name("signature_threads.cpp"))
    build = [*command, f"-I{ROOT / 'csrc'}", *map(str, sources), "-o", str(program), "-ldl"]
    subprocess.run(build, check=True)
    done = subprocess.run(
        [program, signature.backend().path],
        env={**os.environ, "TSAN_OPTIONS": "exitcode=66"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 1\n", "")
