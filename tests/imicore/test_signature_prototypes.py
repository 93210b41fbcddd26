"""csrc/libcrypto.h writes prototypes by hand; OpenSSL's headers, where they are, confirm them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("libcrypto_prototypes.cpp")


def compile_it(*more: str) -> subprocess.CompletedProcess[str]:
    compiler = os.environ.get("CXX", "c++").split()
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"no compiler {compiler[0]}")
    command = [
        *compiler,
        "-std=c++20",
        "-fsyntax-only",
        "-x",
        "c++",
        "-Wno-deprecated-declarations",
    ]
    probe = subprocess.run(
        [*command, "-"],
        input="#include <openssl/evp.h>",
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode != 0:
        pytest.skip("no OpenSSL headers (libssl-dev)")
    return subprocess.run(
        [*command, f"-I{ROOT / 'csrc'}", *more, str(SOURCE)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_our_prototypes_are_openssls() -> None:
    done = compile_it()
    assert done.returncode == 0, done.stderr


def test_a_wrong_prototype_is_found() -> None:
    done = compile_it("-DIMI_PLANTED")
    assert done.returncode != 0
    assert "BN_free" in done.stderr
