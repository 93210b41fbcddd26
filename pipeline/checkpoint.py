"""The folded state as bytes, for the CHECKPOINT records that end a sealed segment.

Registers, times and the chain stand in the records themselves; these bytes are the rest. They do
not depend on boot or time, so a run of CHECKPOINT records that a crash cut short is finished by the
next boot with the bytes it would have had.
"""

import struct
from typing import Final

from pipeline.errors import RecordFormatError
from pipeline.record import Record
from pipeline.state import (
    Anchor,
    Department,
    DeviceState,
    Open,
    PendingRefill,
    Tries,
)

CHUNK_BYTES: Final = 192  # of the 256 in a record; the last record of a run is signed
_HEAD = struct.Struct("<BBBBH13Q9I")
_PAIR = struct.Struct("<QQ")
_SIGNED = struct.Struct("<16sQQQQQQ")
_OPEN = struct.Struct("<QB")
_DEPARTMENT = struct.Struct("<IQQq")
_ONE = struct.Struct("<Q")
_TRIES = struct.Struct("<IIQ")
_REDATED = struct.Struct("<QH")
_TABLES = (_OPEN, _OPEN, _PAIR, _ONE, _DEPARTMENT, _TRIES, _REDATED)
_VERSION = 2
_GROWTH_BYTES = sum(table.size for table in _TABLES)  # by one record, more than it can be


def run_records(state: DeviceState) -> int:
    """Return how many CHECKPOINT records hold the state after one more record of any type."""
    counts = _counts(state)
    size = _HEAD.size + len(state.binding)
    size += sum(count * table.size for count, table in zip(counts, _TABLES, strict=True))
    return -(-(size + _GROWTH_BYTES) // CHUNK_BYTES)


def _counts(state: DeviceState) -> tuple[int, ...]:
    return (
        len(state.flight),
        len(state.open),
        len(state.refills),
        len(state.voided),
        len(state.departments),
        len(state.tries),
        len(state.redated),
    )


def checkpoint_message(device: int, final: int, state: DeviceState, data: bytes) -> bytes:
    """Return what the device signs: the registers, the run's last sequence, the state's bytes."""
    registers = state.ascending, state.descending, state.control_total, state.piece_count
    return _SIGNED.pack(b"PSDJ checkpoint", device, final, *registers) + data


def pack_state(state: DeviceState) -> bytes:
    """Return the state's bytes; equal states give equal bytes."""
    pending = state.pending_refill
    anchor = state.anchor
    parts = [
        _HEAD.pack(
            _VERSION,
            state.window,
            (pending is not None)
            | (anchor is not None) << 1
            | state.zeroised << 2
            | state.unmet << 3,
            state.stage,
            len(state.binding),
            state.locks,
            state.last_contact_us,
            state.acknowledged,
            state.unsent_us,
            state.tests,
            state.redates,
            state.repairs << 32 | state.repair_day,
            *(pending or (0, 0, 0, 0)),
            *(anchor or (0, 0)),
            state.rate_version,
            state.assumed_boots,
            *_counts(state),
        ),
        state.binding,
    ]
    parts += [_OPEN.pack(sequence, 0) for sequence in state.flight]
    parts += [_OPEN.pack(sequence, why) for sequence, why in sorted(state.open.items())]
    parts += [_PAIR.pack(*refill) for refill in sorted(state.refills.items())]
    parts += [_ONE.pack(request) for request in sorted(state.voided)]
    parts += [
        _DEPARTMENT.pack(
            number,
            department.charged,
            department.charged_since_budget,
            -1 if department.allowance is None else department.allowance,
        )
        for number, department in sorted(state.departments.items())
    ]
    parts += [_TRIES.pack(user, *tries) for user, tries in sorted(state.tries.items())]
    parts += [_REDATED.pack(*redate) for redate in sorted(state.redated.items())]
    return b"".join(parts)


def unpack_state(data: bytes, last: Record, digest: bytes) -> DeviceState:
    """Return the state after `last`, the final record of a checkpoint run; `digest` is its own.

    Raises:
        RecordFormatError: the bytes are not what `pack_state` writes.

    >>> state = DeviceState(window=2, binding=b"imi-std/p1 94043", refills={1: 500_000})
    >>> unpack_state(pack_state(state), Record(*[0] * 16, b"", b"", b""), bytes(32)) == state
    True
    """
    try:
        return _unpack_state(data, last, digest)
    except (struct.error, ValueError) as error:
        raise RecordFormatError(f"checkpoint of {len(data)} bytes: {error}") from error


def _unpack_state(data: bytes, last: Record, digest: bytes) -> DeviceState:
    version, window, present, stage, binding_bytes, *numbers = _HEAD.unpack_from(data)
    (locks, contact, acknowledged, unsent, tests, redates, repairs, *numbers) = numbers
    pending, anchor, (rate_version, assumed), counts = (
        numbers[:4],
        numbers[4:6],
        numbers[6:8],
        numbers[8:],
    )
    if version != _VERSION:
        raise ValueError(f"version {version} is unknown")
    at = _HEAD.size + binding_bytes
    binding = data[_HEAD.size : at]
    tables: list[list[tuple[int, ...]]] = []
    for count, layout in zip(counts, _TABLES, strict=True):
        end = at + count * layout.size
        if end > len(data):
            raise ValueError(f"{count} entries do not fit")
        tables.append(list(layout.iter_unpack(data[at:end])))
        at = end
    if last.ascending + last.descending != last.control_total:
        raise ValueError(f"registers {last[6:10]} do not add up")
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes too many")
    flight, opened, refills, voided, departments, tries, redated = tables
    return DeviceState(
        window=window,
        sequence=last.sequence,
        boot=last.boot,
        floor_us=last.psd_us,
        ascending=last.ascending,
        descending=last.descending,
        control_total=last.control_total,
        piece_count=last.piece_count,
        tests=tests,
        redates=redates,
        previous=digest,
        binding=binding,
        stage=stage,
        zeroised=bool(present & 4),
        unmet=bool(present & 8),
        locks=locks,
        rate_version=rate_version,
        anchor=Anchor(*anchor) if present & 2 else None,
        assumed_boots=assumed,
        last_contact_us=contact,
        acknowledged=acknowledged,
        unsent_us=unsent,
        repairs=repairs >> 32,
        repair_day=repairs & 0xFFFF_FFFF,
        pending_refill=PendingRefill(*pending) if present & 1 else None,
        refills={row[0]: row[1] for row in refills},
        voided={row[0] for row in voided},
        departments={
            number: Department(charged, since, None if allowance < 0 else allowance)
            for number, charged, since, allowance in departments
        },
        tries={row[0]: Tries(row[1], row[2]) for row in tries},
        redated={row[0]: row[1] for row in redated},
        flight=[row[0] for row in flight],
        open={row[0]: Open(row[1]) for row in opened},
    )
