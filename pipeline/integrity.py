"""Whether the files that run are the files that were sealed: a manifest of SHA-256 under a MAC.

The manifest is made when the device is, and checked at every start. Its key comes from the device's
secret, so that whoever changes a file and cannot use that secret cannot make a manifest that fits.

What it proves: damage, a failed update, a file exchanged by someone without the device's secret.
What it cannot: whoever may read the secret, or runs code in this process, can make a new manifest
or skip the check, which is itself one of the files. It covers our own packages; neither Python nor
its libraries, libcrypto, the kernel, nor bytecode in ``__pycache__`` that Python takes for current
(start Python with ``-B`` and no caches, or on a read-only disk, to close that one).
"""

import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import imicore
import pipeline
import postage
import service
from imicore.keystore import Storage
from pipeline.errors import MachineError

MANIFEST: Final = "manifest"
_HEADER: Final = "imi files 1"


class FilesChanged(MachineError):
    """The files that run are not those that were sealed, or there is no manifest to say so."""


def own_folders() -> dict[str, Path]:
    """Return the folders of the packages that make up the meter, by package name."""
    return {
        package.__name__: Path(package.__path__[0])
        for package in (imicore, pipeline, postage, service)
    }


def measure(folders: Mapping[str, Path]) -> dict[str, str]:
    """Return the SHA-256 of every file by its name, Python's caches left out.

    >>> measured = measure(own_folders())
    >>> "pipeline/integrity.py" in measured, any("__pycache__" in name for name in measured)
    (True, False)
    """
    measured = {}
    for package, folder in folders.items():
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if "__pycache__" in name.parts or not path.is_file():
                continue
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            measured[f"{package}/{name.as_posix()}"] = digest
    return measured


def seal_files(storage: Storage, key: bytes, folders: Mapping[str, Path]) -> None:
    """Write the manifest of the files as they are now.

    Raises:
        FilesChanged: there is a manifest already; nothing replaces it but `reseal_files`.
    """
    if not storage.write_new(MANIFEST, _manifest(key, measure(folders))):
        raise FilesChanged("a manifest of the files exists already")


def reseal_files(storage: Storage, key: bytes, folders: Mapping[str, Path]) -> None:
    """Take the files as they are after an update that was itself verified.

    Interrupted, it leaves no manifest: the device then refuses to start until this is done again.
    """
    storage.remove(MANIFEST)
    seal_files(storage, key, folders)


def demand_files(storage: Storage, key: bytes, folders: Mapping[str, Path]) -> None:
    """Raise FilesChanged unless every file is as it was sealed, none is missing and none is new."""
    data = storage.read(MANIFEST)
    if data is None:
        raise FilesChanged("no manifest: the files were never sealed, or it was taken away")
    body, _, seal = data.rpartition(b"\n")
    if not hmac.compare_digest(seal, _seal(key, body)):
        raise FilesChanged("the manifest was not sealed by this device")
    lines = body.decode("utf-8").splitlines()[1:]
    sealed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = measure(folders)
    wrong = [
        f"{name} is {'new' if name not in sealed else 'gone' if name not in found else 'changed'}"
        for name in sorted(sealed.keys() | found.keys())
        if sealed.get(name) != found.get(name)
    ]
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise FilesChanged(", ".join(wrong[:3]) + more)


def _manifest(key: bytes, measured: Mapping[str, str]) -> bytes:
    lines = [_HEADER, *(f"{digest}  {name}" for name, digest in sorted(measured.items()))]
    body = "\n".join(lines).encode("utf-8")
    return body + b"\n" + _seal(key, body)


def _seal(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, "sha256").hex().encode("ascii")
