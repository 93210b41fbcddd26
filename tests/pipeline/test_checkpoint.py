"""The folded state as bytes: what a sealed segment hands to the next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.checkpoint import CHUNK_BYTES, pack_state, run_records, unpack_state
from pipeline.errors import RecordFormatError
from pipeline.record import Record, RecordType
from pipeline.state import Anchor, Department, DeviceState, Open, PendingRefill, Tries

U63 = st.integers(0, 2**63 - 1)
U32 = st.integers(0, 2**32 - 1)
DEPARTMENTS = st.builds(Department, U63, U63, st.none() | U63)
STATES = st.builds(
    DeviceState,
    window=st.integers(1, 3),
    binding=st.binary(max_size=40),
    stage=st.integers(0, 3),
    zeroised=st.booleans(),
    unmet=st.booleans(),
    locks=st.integers(0, 7),
    rate_version=U32,
    anchor=st.none() | st.builds(Anchor, U63, U63),
    assumed_boots=U32,
    last_contact_us=U63,
    acknowledged=U63,
    unsent_us=U63,
    tests=U63,
    redates=U63,
    repairs=st.integers(0, 2**31),
    repair_day=st.integers(0, 2**32 - 1),
    pending_refill=st.none() | st.builds(PendingRefill, U63, U63, U63, U63),
    refills=st.dictionaries(U63, U63, max_size=5),
    voided=st.sets(U63, max_size=5),
    departments=st.dictionaries(U32, DEPARTMENTS, max_size=5),
    tries=st.dictionaries(U32, st.builds(Tries, U32, U63), max_size=5),
    redated=st.dictionaries(U63, st.integers(0, 2**16 - 1), max_size=5),
    flight=st.lists(U63, max_size=3, unique=True),
    open=st.dictionaries(U63, st.sampled_from(Open), max_size=5),
)
LAST = Record._make(
    [
        RecordType.CHECKPOINT,
        48,
        7,
        3,
        1_000,
        2_000,
        780,
        220,
        1_000,
        1,
        *[0] * 6,
        bytes(32),
        b"",
        b"",
    ]
)


@given(STATES)
def test_a_state_comes_back_with_the_registers_of_its_record(state: DeviceState) -> None:
    found = unpack_state(pack_state(state), LAST, b"d" * 32)
    assert (found.sequence, found.boot, found.floor_us) == (48, 3, 1_000)
    assert (found.ascending, found.descending, found.control_total) == (780, 220, 1_000)
    assert (found.piece_count, found.previous) == (1, b"d" * 32)
    for name in ("sequence", "boot", "floor_us", "previous", "ascending", "descending"):
        setattr(state, name, getattr(found, name))
    state.control_total, state.piece_count = found.control_total, found.piece_count
    assert found == state


@given(STATES)
def test_the_run_has_room_for_one_record_more(state: DeviceState) -> None:
    room = run_records(state) * CHUNK_BYTES
    state.refills[2**64 - 1] = 1
    state.open[2**64 - 1] = Open.MISPRINT
    state.departments[2**32 - 1] = Department()
    assert len(pack_state(state)) <= room


def test_equal_states_give_equal_bytes_whatever_the_order() -> None:
    one = DeviceState(refills={1: 5, 2: 6}, open={8: Open.MISPRINT, 4: Open.UNPRINTED})
    two = DeviceState(refills={2: 6, 1: 5}, open={4: Open.UNPRINTED, 8: Open.MISPRINT})
    assert pack_state(one) == pack_state(two)


def test_bytes_that_are_no_state_are_refused() -> None:
    data = pack_state(
        DeviceState(binding=b"imi-std/p1 94043", refills={1: 2}, open={3: Open.MISPRINT})
    )
    for length in range(len(data)):
        with pytest.raises(RecordFormatError, match=f"checkpoint of {length} bytes"):
            unpack_state(data[:length], LAST, bytes(32))
    with pytest.raises(RecordFormatError, match="1 bytes too many"):
        unpack_state(data + b"x", LAST, bytes(32))
    with pytest.raises(RecordFormatError, match="version 9 is unknown"):
        unpack_state(b"\x09" + data[1:], LAST, bytes(32))


def test_registers_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(RecordFormatError, match=r"\(780, 220, 1001, 1\) do not add up"):
        unpack_state(pack_state(DeviceState()), LAST._replace(control_total=1_001), bytes(32))
