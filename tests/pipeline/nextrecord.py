"""A state in the middle of a device's life, and the record that may come next."""

from typing import Any

from pipeline.record import Record, RecordType
from pipeline.state import DeviceState, Stage

STATE = DeviceState(
    sequence=10,
    boot=2,
    floor_us=1_000,
    ascending=780,
    descending=220,
    control_total=1_000,
    piece_count=1,
    stage=Stage.REGISTERED,
    acknowledged=4,
)


def record(kind: RecordType, state: DeviceState = STATE, **changes: Any) -> Record:
    """Return a record that may follow a state, but for what is changed."""
    registers = state.after(kind, changes.get("amount", 0))
    made = Record(
        kind,
        state.sequence + 1,
        7,
        state.boot + (kind is RecordType.BOOT),
        state.floor_us,
        1,
        *registers,
        *[0] * 6,
        state.previous,
        b"",
        b"",
    )
    return made._replace(**changes)
