"""Builds the two native modules over the same kernels. The rest is in pyproject.toml."""

import os
from glob import glob
from pathlib import Path

import numpy
from Cython.Build import cythonize
from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import Extension, setup

# Portable on purpose: a faster instruction set is a function-level target chosen at run time.
FLAGS = ["-std=c++20", "-O3", "-g0", "-fvisibility=hidden", "-Wall", "-Wextra"]
FLAGS += os.environ.get("IMI_CXXFLAGS", "").split()
HEADERS = [*glob("csrc/*.h"), *glob("imicore/*.h")]  # else a header edit builds nothing
KERNELS = sorted(set(glob("csrc/*.cpp")) - {"csrc/c_api.cpp"})  # the C library's, see Makefile
NATIVE = {
    "language": "c++",
    "include_dirs": ["csrc", "imicore", numpy.get_include()],
    "depends": [*HEADERS, *KERNELS],
    "extra_compile_args": FLAGS,
    "extra_link_args": os.environ.get("IMI_LDFLAGS", "").split(),
}


def stale(object_file: str, source: str) -> bool:
    """Return whether an object is older than its source or any header.

    The kernels have no state, so both modules link them; the second finds the objects made.
    """
    made = Path(object_file)
    if not made.exists():
        return True
    return any(Path(name).stat().st_mtime >= made.stat().st_mtime for name in [source, *HEADERS])


codec = Extension("imicore._codec", ["imicore/_codec.pyx", *KERNELS], **NATIVE)
imaging = Pybind11Extension(
    "imicore._imaging",
    ["imicore/_imaging.cpp", *sorted(glob("imicore/bind_*.cpp")), *KERNELS],
    **NATIVE,
)

ParallelCompile("IMI_JOBS", default=2, needs_recompile=stale).install()
setup(
    ext_modules=[*cythonize([codec], build_dir="build"), imaging],
    cmdclass={"build_ext": build_ext},
)
