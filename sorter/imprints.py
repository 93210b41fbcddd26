"""The name of one imprint, and what a second scan of it is. No store is involved.

An imprint is named by its device and the device's own count, never by the bytes of symbol or
signature (domain trap 6). A second scan is a copy only where it lies on another piece: every piece
passes several machines in a day (domain trap 7).

>>> first = Scan(vendor_model="TPB1", serial=7, series=Series.POSTAGE, count=12, digest=bytes(8),
...     ascending_mills=780, scanned_us=0, site="SFO", lane=1, pass_number=1, piece_id="piece 1",
...     image_id="picture 1")
>>> counter, number = key_of(first)
>>> device_of(counter)
('TPB1', 7, <Series.POSTAGE: 0>)
>>> judged(replace(first, image_id="picture 2"), first)
<Answer.RESCAN: 'the same piece on another pass'>
>>> judged(replace(first, image_id="picture 2", piece_id="piece 2"), first)
<Answer.DUPLICATE: 'the same imprint on another piece'>
"""

import hashlib
import re
from dataclasses import replace
from functools import lru_cache

from sorter.errors import BadScan
from sorter.scans import Answer, Scan, Series

NAME_LIMIT = 64  # characters of a site, image or piece id; longer ones are kept as their hash
_VENDOR = re.compile(r"[0-9A-Z]{4}", re.ASCII)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_VENDOR_SHIFT, _SERIES_SHIFT = 32, 53  # 36^4 vendors and models need 21 bits
SPARSE = Series.POSTAGE_BY_REGISTER << _SERIES_SHIFT
"""The least counter that moves by mills; those below count imprints one by one."""
assert max(Series) == Series.POSTAGE_BY_REGISTER
_HIGHEST = 2**63 - 1  # of an SQL integer
_DEVICES_KEPT = 1 << 16  # packed and unpacked; a busy lane meets some thousands


Key = tuple[int, int]
"""The name of one imprint: one of a device's counters, in 55 bits, and where it stood."""


def key_of(scan: Scan) -> Key:
    """Return the name of the imprint in a scan.

    Raises:
        BadScan: vendor and model are not four of A-Z 0-9, or the serial or count is out of range;
            no register holds such a device and no profile such a count.
    """
    count = scan.count
    if not 0 <= count < 2**32:  # so that only a register's number is looked at again
        highest = _HIGHEST if scan.series is Series.POSTAGE_BY_REGISTER else 2**32 - 1
        if not 0 <= count <= highest:
            raise BadScan(f"{scan.series.name} count {count} is outside 0 to {highest}")
    return _counter(scan.vendor_model, scan.serial, scan.series), count


@lru_cache(_DEVICES_KEPT)
def _counter(vendor_model: str, serial: int, series: Series) -> int:
    if not _VENDOR.fullmatch(vendor_model):
        raise BadScan(f"vendor and model is four of A-Z 0-9, not {vendor_model!r:.40}")
    if not 0 <= serial < 2**32:
        raise BadScan(f"serial {serial} is outside 0 to {2**32 - 1}")
    return series << _SERIES_SHIFT | int(vendor_model, 36) << _VENDOR_SHIFT | serial


@lru_cache(_DEVICES_KEPT)
def device_of(counter: int) -> tuple[str, int, Series]:
    """Return the vendor and model id and the serial of a key's device, and which of its counts."""
    vendor = (counter >> _VENDOR_SHIFT) % (1 << (_SERIES_SHIFT - _VENDOR_SHIFT))
    model = "".join(_DIGITS[vendor // 36**place % 36] for place in (3, 2, 1, 0))
    return model, counter % (1 << _VENDOR_SHIFT), Series(counter >> _SERIES_SHIFT)


def is_same_picture(one: Scan, other: Scan) -> bool:
    """Return whether site, lane, pass and image id say that two scans are of one picture."""
    return bool(one.image_id) and _picture(one) == _picture(other)


def order_of(scan: Scan) -> tuple[object, ...]:
    """Return what scans of one imprint are sorted by: time, then site, then lane.

    The rest only makes the order total, so that every site finds the same first.
    """
    return (scan.scanned_us, *_picture(scan), scan.piece_id, scan.digest)


def judged(scan: Scan, first: Scan) -> Answer:
    """Return what a scan is beside the first of its imprint; REPEAT is the first's own picture.

    Without a piece id another picture is another piece: a sorter that cannot tell pieces cannot
    show them twice.
    """
    if scan.digest != first.digest:
        return Answer.CLONE
    if is_same_picture(scan, first):
        return Answer.REPEAT
    same_piece = scan.piece_id and scan.piece_id == first.piece_id
    return Answer.RESCAN if same_piece else Answer.DUPLICATE


def accuses(answer: Answer) -> bool:
    """Return whether the piece is unpaid for this answer."""
    return answer in (Answer.DUPLICATE, Answer.CLONE)


def storable(scan: Scan) -> Scan:
    """Return the scan with names and numbers that every database takes; mostly itself.

    A name that is not up to 64 printable ASCII characters becomes its SHA-256, a time beyond 63
    bits the nearest that is not: a sorter's odd clock or name must not cost a piece its verdict.
    """
    if (
        -_HIGHEST <= scan.scanned_us <= _HIGHEST
        and -_HIGHEST <= scan.lane <= _HIGHEST
        and -_HIGHEST <= scan.pass_number <= _HIGHEST
        and -_HIGHEST <= scan.ascending_mills <= _HIGHEST
        and _is_plain(scan.site + scan.piece_id + scan.image_id)
    ):
        return scan
    return replace(
        scan,
        scanned_us=_number(scan.scanned_us),
        lane=_number(scan.lane),
        pass_number=_number(scan.pass_number),
        ascending_mills=_number(scan.ascending_mills),
        site=_name(scan.site),
        piece_id=_name(scan.piece_id),
        image_id=_name(scan.image_id),
    )


def _is_plain(name: str) -> bool:
    return len(name) <= NAME_LIMIT and name.isascii() and name.isprintable()


def _name(name: str) -> str:
    if _is_plain(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()


def _number(number: int) -> int:
    return max(-_HIGHEST, min(_HIGHEST, number))


def _picture(scan: Scan) -> tuple[str, int, int, str]:
    return scan.site, scan.lane, scan.pass_number, scan.image_id
