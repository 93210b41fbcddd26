"""A simulated print head, and what it put on paper."""

from dataclasses import dataclass, field

from pipeline.imprint import Evidence


@dataclass
class Head:
    """A print head: takes the token after its last, once, in this boot.

    >>> from pipeline.imprint import ReleaseToken
    >>> from types import SimpleNamespace
    >>> head = Head()
    >>> piece = SimpleNamespace(token=ReleaseToken(1, 1), sequence=9, payload=b"postage")
    >>> head.fire(piece), head.fire(piece), head.paper
    (True, False, {9: b'postage'})
    """

    paper: dict[int, bytes] = field(default_factory=dict)  # payload by journal record
    boot: int = 0
    last: int = 0

    def fire(self, evidence: Evidence) -> bool:
        """Return whether the head printed; it refuses a token that it has seen."""
        boot, number = evidence.token
        if boot == self.boot and number <= self.last:
            return False
        self.boot, self.last = boot, number
        self.paper[evidence.sequence] = evidence.payload
        return True
