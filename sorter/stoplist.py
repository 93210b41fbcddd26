"""The stop list: devices of which one count has two contents, so that their key was copied.

It is evidence for whoever keeps the device register, and no more: no verdict follows from it. A
device is stopped by the next register, which lists it as suspended.
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from postage.devices import device_key_id
from sorter.imprints import Key, key_of, order_of
from sorter.register import Register
from sorter.scans import Scan, scan_as_row


@dataclass(frozen=True, slots=True)
class Cloned:
    """A device that signed a count twice, and the two scans that show it.

    They are of its lowest such count, postage before redates before test imprints: ``first`` is the
    first scan, ``other`` the earliest with other content. ``counts`` is how many counts have two
    contents.
    """

    first: Scan
    other: Scan
    counts: int


@dataclass(slots=True)
class _Device:
    """What is known of one device; a key for each of its counts that was seen with two contents."""

    lowest: Key
    first: Scan
    other: Scan
    keys: set[Key]


class StopList:
    """The devices that a history shows to be cloned. Thread-safe; nothing ever leaves it.

    >>> from dataclasses import replace
    >>> from sorter.scans import Series
    >>> first = Scan(vendor_model="TPB1", serial=7, series=Series.POSTAGE, count=12,
    ...     digest=bytes(8), ascending_mills=780, scanned_us=0, site="SFO", lane=1, pass_number=1,
    ...     piece_id="piece 1", image_id="picture 1")
    >>> found = StopList()
    >>> found.add(first, replace(first, digest=b"another.", scanned_us=60_000_000))
    >>> [row] = as_rows(found.devices())
    >>> row["device"], row["count"], row["other"]["when"]
    ('TPB1-00000007', 12, '1970-01-01T00:01:00+00:00')
    """

    def __init__(self, found: Iterable[tuple[Scan, Scan]] = ()) -> None:
        self._devices: dict[tuple[str, int], _Device] = {}
        self._turn = threading.Lock()
        for first, other in found:
            self.add(first, other)

    def add(self, first: Scan, other: Scan) -> None:
        """Take the first scan of an imprint as it is now known, and one with other content."""
        assert first.digest != other.digest, "one content is no clone"
        key, device = key_of(first), (first.vendor_model, first.serial)
        with self._turn:
            known = self._devices.setdefault(device, _Device(key, first, other, set()))
            known.keys.add(key)
            is_earlier = order_of(other) < order_of(known.other)
            # Another first, which a merge has found, comes with the earliest other beside it.
            if key < known.lowest or (key == known.lowest and (is_earlier or first != known.first)):
                known.lowest, known.first, known.other = key, first, other

    def devices(self) -> list[Cloned]:
        """Return them by vendor, model and serial."""
        with self._turn:
            return [
                Cloned(one.first, one.other, len(one.keys))
                for _, one in sorted(self._devices.items())
            ]


def as_rows(found: Iterable[Cloned], register: Register | None = None) -> list[dict[str, Any]]:
    """Return devices as rows for people and programs; provider and status are the register's.

    They are empty without a register, and for a device that it does not list.
    """
    return [_row(one, register) for one in found]


def _row(one: Cloned, register: Register | None) -> dict[str, Any]:
    device = one.first.vendor_model, one.first.serial
    record = register.find(*device) if register is not None else None
    return {
        "device": device_key_id(*device),
        "provider": record.provider if record is not None else "",
        "status": record.status.value if record is not None else "",
        "counts": one.counts,
        "series": one.first.series.name,
        "count": one.first.count,
        "first": scan_as_row(one.first),
        "other": scan_as_row(one.other),
    }
