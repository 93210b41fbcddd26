"""Scans to try the scan history with."""

from typing import Any

from sorter.scans import Scan, Series


def scan(**changes: Any) -> Scan:
    """Return the scan of one imprint of one device on one picture, with some fields changed."""
    fields: dict[str, Any] = {
        "vendor_model": "TPB1",
        "serial": 7,
        "series": Series.POSTAGE,
        "count": 1,
        "digest": b"8 bytes.",
        "ascending_mills": 780,
        "scanned_us": 1_000_000,
        "site": "SFO",
        "lane": 1,
        "pass_number": 1,
        "piece_id": "piece 1",
        "image_id": "image 1",
    }
    return Scan(**fields | changes)
