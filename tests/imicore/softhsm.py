"""SoftHSM2 tokens for tests: a real PKCS#11 library over a folder of files."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PIN, SO_PIN = "246810", "13579246"
LIBRARIES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so")


def softhsm_library() -> str:
    """Return the path of SoftHSM's PKCS#11 library, or skip."""
    pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed (extra: token)")
    found = [path for path in LIBRARIES if Path(path).exists()]
    if not found or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is not installed (Debian: softhsm2)")
    return found[0]


@dataclass(frozen=True)
class Tokens:
    """A place for tokens; ``library`` is what a store opens."""

    library: str
    folder: Path

    def make(self, label: str = "meter", pin: str = PIN) -> str:
        """Return the serial number of a new token."""
        pins = ["--pin", pin, "--so-pin", SO_PIN]
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, *pins],
            check=True,
            capture_output=True,
        )
        shown = subprocess.run(
            ["softhsm2-util", "--show-slots"], check=True, capture_output=True, text=True
        ).stdout
        serial = ""
        for name, _, value in (line.partition(":") for line in shown.splitlines()):
            if name.strip() == "Serial number":
                serial = value.strip()
            elif name.strip() == "Label" and value.strip() == label:
                return serial
        raise AssertionError(f"no token {label!r} in {shown}")

    def unplug(self) -> None:
        """Take every token away."""
        self.folder.rename(self.folder.with_name("in a pocket"))

    def plug(self) -> None:
        """Put them back."""
        self.folder.with_name("in a pocket").rename(self.folder)


def place(folder: Path, library: str) -> Tokens:
    """Return an empty place for tokens in a folder, and make it this process's."""
    tokens = folder / "tokens"
    tokens.mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    return Tokens(library, tokens)
