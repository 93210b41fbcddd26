"""The folded state as bytes, for the CHECKPOINT records that end a sealed segment.

Registers, times and the chain stand in the records themselves; these bytes are the rest. They do
not depend on boot or time, so a run of CHECKPOINT records that a crash cut short is finished by the
next boot with the bytes it would have had.
"""

import struct
from typing import Final

from pipeline.errors import RecordFormatError
from pipeline.record import Record
from pipeline.state import Department, DeviceState, Open

CHUNK_BYTES: Final = 192  # of the 256 in a record; the last record of a run is signed
_HEAD = struct.Struct("<BBBHQQQQQQIIII")
_PAIR = struct.Struct("<QQ")
_SIGNED = struct.Struct("<16sQQQQQQ")
_OPEN = struct.Struct("<QB")
_DEPARTMENT = struct.Struct("<IQQq")
_VERSION = 1
_GROWTH_BYTES = _PAIR.size + _OPEN.size + _DEPARTMENT.size  # by one record, at most


def run_records(state: DeviceState) -> int:
    """Return how many CHECKPOINT records hold the state after one more record of any type."""
    size = (
        _HEAD.size
        + len(state.binding)
        + _OPEN.size * (len(state.flight) + len(state.open))
        + _PAIR.size * len(state.refills)
        + _DEPARTMENT.size * len(state.departments)
    )
    return -(-(size + _GROWTH_BYTES) // CHUNK_BYTES)


def checkpoint_message(device: int, final: int, state: DeviceState, data: bytes) -> bytes:
    """Return what the device signs: the registers, the run's last sequence, the state's bytes."""
    registers = state.ascending, state.descending, state.control_total, state.piece_count
    return _SIGNED.pack(b"PSDJ checkpoint", device, final, *registers) + data


def pack_state(state: DeviceState) -> bytes:
    """Return the state's bytes; equal states give equal bytes."""
    pending = state.pending_refill
    parts = [
        _HEAD.pack(
            _VERSION,
            state.window,
            pending is not None,
            len(state.binding),
            state.locks,
            state.last_contact_us,
            state.tests,
            state.repairs << 32 | state.repair_day,
            *(pending or (0, 0)),
            len(state.flight),
            len(state.open),
            len(state.refills),
            len(state.departments),
        ),
        state.binding,
    ]
    parts += [_OPEN.pack(sequence, 0) for sequence in state.flight]
    parts += [_OPEN.pack(sequence, why) for sequence, why in sorted(state.open.items())]
    parts += [_PAIR.pack(*refill) for refill in sorted(state.refills.items())]
    parts += [
        _DEPARTMENT.pack(
            number,
            department.charged,
            department.charged_since_budget,
            -1 if department.allowance is None else department.allowance,
        )
        for number, department in sorted(state.departments.items())
    ]
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
    version, window, has_pending, binding_bytes, *numbers = _HEAD.unpack_from(data)
    locks, contact, tests, repairs, request, amount, *counts = numbers
    if version != _VERSION:
        raise ValueError(f"version {version} is unknown")
    at = _HEAD.size + binding_bytes
    binding = data[_HEAD.size : at]
    tables: list[list[tuple[int, ...]]] = []
    for count, layout in zip(counts, (_OPEN, _OPEN, _PAIR, _DEPARTMENT), strict=True):
        end = at + count * layout.size
        if end > len(data):
            raise ValueError(f"{count} entries do not fit")
        tables.append(list(layout.iter_unpack(data[at:end])))
        at = end
    if last.ascending + last.descending != last.control_total:
        raise ValueError(f"registers {last[6:10]} do not add up")
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes too many")
    flight, opened, refills, departments = tables
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
        previous=digest,
        binding=binding,
        locks=locks,
        last_contact_us=contact,
        repairs=repairs >> 32,
        repair_day=repairs & 0xFFFF_FFFF,
        pending_refill=(request, amount) if has_pending else None,
        refills={row[0]: row[1] for row in refills},
        departments={
            number: Department(charged, since, None if allowance < 0 else allowance)
            for number, charged, since, allowance in departments
        },
        flight=[row[0] for row in flight],
        open={row[0]: Open(row[1]) for row in opened},
    )
