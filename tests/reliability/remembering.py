"""Answers of pure functions over bytes, remembered: harnesses see the same records over and over.

A seal holds or not by key, owner and bytes alone, and a record's fields by its bytes alone, so a
remembered answer is the answer. Whatever differs in one bit is another key of the table.
"""

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from unittest.mock import patch

from pipeline import record, segments
from pipeline.record import Quality, Seal

MOST = 1 << 15  # answers of each kind that are kept


@contextlib.contextmanager
def remembering() -> Iterator[None]:
    """Check each distinct sealed record and slot once while this lasts."""
    quality, slot_quality = Seal.quality, Seal.slot_quality

    @lru_cache(MOST)
    def of_record(key: bytes, device: int, sealed: bytes) -> Quality:
        return quality(Seal(key, device), sealed)

    @lru_cache(MOST)
    def of_slot(key: bytes, device: int, sealed: bytes) -> Quality:
        return slot_quality(Seal(key, device), sealed)

    with (
        patch.object(Seal, "quality", lambda self, s: of_record(self._key, self.device, s)),
        patch.object(Seal, "slot_quality", lambda self, s: of_slot(self._key, self.device, s)),
        patch.object(segments, "unpack_record", lru_cache(MOST)(record.unpack_record)),
    ):
        yield
