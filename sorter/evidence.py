"""Pictures of evidence, each under the SHA-256 that messages name it by."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from postage.facts import PieceFacts
from postage.verdicts import Verdict
from service.wholefile import write_whole
from sorter.errors import OutboxError


class EvidenceFolder:
    """A folder of crops. What is there is never changed; safe for any number of writers.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = EvidenceFolder(Path(name))
    ...     folder.read(folder.keep(b"a picture"))
    b'a picture'
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_many(self, judged: Iterable[tuple[PieceFacts, Verdict]]) -> None:
        """Keep the crops of all discrepancies; they are durable on return.

        Called before ``sorter.outbox.Outbox.put_many``, so that no message names a picture that
        nobody has.

        Raises:
            OutboxError: a picture cannot be written.
        """
        for _, verdict in judged:
            if verdict.is_discrepancy and verdict.evidence.crop:
                self.keep(verdict.evidence.crop)

    def keep(self, crop: bytes) -> bytes:
        """Return the name of a picture that is durable now: its SHA-256."""
        digest = hashlib.sha256(crop).digest()
        path = self._path(digest)
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, crop)
        except OSError as error:
            raise OutboxError(f"{path}: {error.strerror}") from None
        return digest

    def read(self, digest: bytes) -> bytes:
        """Return the picture of this name.

        Raises:
            OutboxError: it is not there, or has become another.
        """
        path = self._path(digest)
        try:
            crop = path.read_bytes()
        except OSError as error:
            raise OutboxError(f"{path}: {error.strerror}") from None
        if hashlib.sha256(crop).digest() != digest:
            raise OutboxError(f"{path} is not the picture that was kept")
        return crop

    def _path(self, digest: bytes) -> Path:
        # 256 folders: a year of a sorter's evidence is millions of files.
        name = digest.hex()
        return self._folder / name[:2] / f"{name}.png"
