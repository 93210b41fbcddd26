"""The daemon in a process of its own, with a register that its authority signed."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

from imicore.eckeys import PrivateKey
from imicore.signature import Signer
from sorter.registerfiles import write_authority
from tests.imicore.c_programs import ROOT
from tests.sorter.daemons import WAIT_S
from tests.sorter.mail import register

AUTHORITY = Signer(PrivateKey.from_scalar(77))
AUTHORITY_ID = "rehearsal authority"


def register_folder(folder: Path) -> Path:
    """Return the folder, with a register of METER and its authority's key in it."""
    (folder / "register").write_bytes(register().to_bytes(AUTHORITY.sign, AUTHORITY_ID))
    write_authority(folder / "authority.json", {AUTHORITY_ID: AUTHORITY.public_key})
    return folder


class Served:
    """``python -m sorter.serve`` in a process of its own."""

    def __init__(self, folder: Path, *more: str) -> None:
        self.socket = folder / "lane.sock"
        command = [
            *(sys.executable, "-m", "sorter.serve", "--register", str(folder / "register")),
            *("--authority", str(folder / "authority.json")),
            *("--scans", str(folder / "daemon.db"), "--socket", str(self.socket), *more),
        ]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def said(self, begin: str) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith(begin), (line, self.process.poll())
        return line

    def connect(self) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(WAIT_S)
        client.connect(str(self.socket))
        return client

    def stop(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGTERM)
        _, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, errors
