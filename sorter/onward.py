"""From a lane's verdicts to providers: the picture first, then the message that names it."""

from collections.abc import Sequence
from pathlib import Path

from postage.envelope import Sign
from postage.facts import PieceFacts
from postage.verdicts import Verdict
from sorter.evidence import EvidenceFolder
from sorter.outbox import Outbox
from sorter.policy import NoticePolicy
from sorter.signing import POSTAL_SERVICE, signer_of

EVIDENCE = "evidence"
"""The folder of pictures, beside the outbox."""


class Onward:
    """Keeps what providers must hear of; what ``sorter.lane.Lane`` takes as ``onward``.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     onward = Onward.beside(Path(folder) / "outbox.db", lambda message: bytes(64))
    ...     onward([])
    ...     onward.close()
    """

    def __init__(self, outbox: Outbox, evidence: EvidenceFolder) -> None:
        self.outbox, self.evidence = outbox, evidence

    @classmethod
    def beside(cls, path: Path, sign: Sign, policy: NoticePolicy | None = None) -> "Onward":
        """Return an outbox in one SQLite file, its pictures in a folder beside it.

        Raises:
            OutboxError: the file cannot be opened, or another program has it.
        """
        outbox = Outbox.embedded(path, sign, policy)
        return cls(outbox, EvidenceFolder(path.parent / EVIDENCE))

    @classmethod
    def in_file(cls, path: Path) -> "Onward":
        """Return an outbox in one SQLite file, signed with the key beside it, made on first use.

        Raises:
            OutboxError: as ``beside``.
            ImiError: the key's file does not open.
        """
        return cls.beside(path, signer_of(path.parent, POSTAL_SERVICE).sign)

    def __call__(self, judged: Sequence[tuple[PieceFacts, Verdict]]) -> None:
        """Keep pictures and messages of a batch; they are durable on return.

        Raises:
            OutboxError: they are not; the batch may be given again.
        """
        self.evidence.put_many(judged)
        self.outbox.put_many(judged)

    def close(self) -> None:
        """Let the database go."""
        self.outbox.close()
