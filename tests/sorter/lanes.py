"""Histories that a lane can be held up by, and verifiers on them."""

import threading
from collections.abc import Sequence
from typing import Any

from sorter.scans import Scan, Sighting
from sorter.trust import Trust
from sorter.verifier import Verifier
from tests.oracles.scan_history import ListedScans
from tests.sorter.mail import BOOK, register


class GatedScans(ListedScans):
    """The oracle for any number of threads; it answers once the gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        self.batches: list[int] = []
        self._turn = threading.Lock()

    def check_many(self, scans: Sequence[Scan]) -> list[Sighting]:
        self.arrived.release()
        assert self.gate.wait(60)
        with self._turn:
            self.batches.append(len(scans))
            return super().check_many(scans)


def verifier_on(history: ListedScans, **changes: Any) -> Verifier:
    """Return a verifier of the devices of tests.sorter.mail with this history."""
    return Verifier(Trust(register()), history, BOOK, **changes)
