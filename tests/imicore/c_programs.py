"""Building the C library and programs that use it, for tests and bench."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent / "c"
STRICT = ("-Wall", "-Wextra", "-pedantic", "-Werror")
# What the sanitised run preloads is for Python, not for compilers and plain programs.
PLAIN = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def compiler(variable: str, otherwise: str) -> list[str]:
    """Return the command of the compiler that CC or CXX names, or skip."""
    command = os.environ.get(variable, otherwise).split()
    if shutil.which(command[0]) is None:
        pytest.skip(f"no compiler {command[0]}")
    return command


def library() -> Path:
    """Return libimicore.so, built by `make lib` where it is not up to date."""
    compiler("CXX", "c++")
    if shutil.which("make") is None:
        pytest.skip("no make")
    folder = ROOT / "build" / "lib"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test workers begin at the same time
        subprocess.run(["make", "-s", "lib"], cwd=ROOT, env=PLAIN, check=True, capture_output=True)
    return folder / "libimicore.so"


def compiled(source: Path, program: Path, *flags: str) -> Path:
    """Return `program`, compiled from C99 or C++20 with all warnings, linked with the library."""
    folder = library().parent
    if source.suffix == ".c":
        command = [*compiler("CC", "cc"), "-std=c99"]
    else:
        command = [*compiler("CXX", "c++"), "-std=c++20"]
    command += [*STRICT, "-O1", *flags, f"-I{ROOT / 'csrc'}", str(source), "-o", str(program)]
    command += [f"-L{folder}", f"-Wl,-rpath,{folder}", "-limicore", "-pthread"]
    subprocess.run(command, env=PLAIN, check=True)
    return program


def pgm(frame: npt.NDArray[np.uint8]) -> bytes:
    """Return a frame as a PGM file with a comment in its header."""
    height, width = frame.shape
    return b"P5\n# a frame\n%d %d\n255\n" % (width, height) + frame.tobytes()
