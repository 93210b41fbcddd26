"""The device's life as one state machine: states, services, and which state allows which.

States and services follow domain.md 2.2. A service that the state does not allow is refused and
changes nothing. Funds and time are asked after this, by `pipeline.authority`.
"""

from enum import Enum, auto
from typing import Final

from pipeline.state import DeviceState, Lock, Stage


class State(Enum):
    """What the device will do now, the most restrictive first."""

    TAMPERED = "TAMPERED"
    FAULT = "FAULT"
    WITHDRAWN = "WITHDRAWN"
    MANUFACTURED = "MANUFACTURED"
    INITIALIZED = "INITIALIZED"
    SUSPENDED = "SUSPENDED"
    LOCKED_COMM = "LOCKED_COMM"
    EMPTY = "EMPTY"
    LOW = "LOW"
    READY = "READY"


class Service(Enum):
    """What can be asked of the device; status and reports need no entry, they always answer."""

    INITIALISE = auto()
    REGISTER = auto()
    IMPRINT = auto()  # and redate
    TEST = auto()
    OUTCOME = auto()  # of a piece that was released, and its claim
    REFILL = auto()
    CONTACT = auto()  # time, upload, acknowledgement, orders
    RATES = auto()
    BUDGET = auto()
    PIN = auto()
    WITHDRAW = auto()
    ZEROISE = auto()


class Role(Enum):
    """Who asks (domain.md 2.2). The provider proves itself by its signature, people by PIN."""

    PROVIDER = "provider"
    SUPERVISOR = "supervisor"
    OPERATOR = "operator"
    AUDITOR = "auditor"  # the Postal Service's: reads, never writes


ROLES: Final = {
    Service.INITIALISE: {Role.PROVIDER},
    Service.REGISTER: {Role.PROVIDER},
    Service.IMPRINT: {Role.SUPERVISOR, Role.OPERATOR},
    Service.TEST: {Role.SUPERVISOR, Role.OPERATOR},
    Service.OUTCOME: {Role.SUPERVISOR, Role.OPERATOR},
    Service.REFILL: {Role.SUPERVISOR, Role.OPERATOR},
    Service.CONTACT: {Role.PROVIDER},
    Service.RATES: {Role.PROVIDER},
    Service.BUDGET: {Role.SUPERVISOR},
    Service.PIN: {Role.SUPERVISOR, Role.OPERATOR, Role.AUDITOR},
    Service.WITHDRAW: {Role.PROVIDER},
    Service.ZEROISE: {Role.PROVIDER, Role.SUPERVISOR},
}
"""Who may ask for what. Everyone may read status and registers."""

_NOTHING: Final[frozenset[Service]] = frozenset()
_KEPT = frozenset({Service.CONTACT, Service.ZEROISE})
_HELD = _KEPT | {Service.OUTCOME, Service.PIN, Service.BUDGET, Service.WITHDRAW}
_EMPTY = _HELD | {Service.TEST, Service.REFILL, Service.RATES, Service.IMPRINT}
ALLOWED: Final = {
    State.TAMPERED: _NOTHING,
    State.FAULT: _KEPT | {Service.OUTCOME},
    State.WITHDRAWN: _KEPT | {Service.OUTCOME, Service.PIN},
    State.MANUFACTURED: _KEPT | {Service.INITIALISE},
    State.INITIALIZED: _KEPT | {Service.REGISTER, Service.PIN},
    State.SUSPENDED: _HELD,
    State.LOCKED_COMM: _HELD | {Service.REFILL, Service.RATES},
    State.EMPTY: _EMPTY,
    State.LOW: _EMPTY,
    State.READY: _EMPTY,
}
"""Which state allows which service. EMPTY allows imprints that the funds then refuse by name."""


# An operation on enums costs a microsecond or three, before every piece.
_REGISTERED: Final = int(Stage.REGISTERED)


def state_of(folded: DeviceState, *, is_broken: bool, is_silent: bool, low_mills: int) -> State:
    """Return the device's state.

    `is_broken`: the journal has stopped. `is_silent`: the contact rule locks, or the time is
    unknown. `low_mills`: the descending register below which a warning is due.

    >>> state_of(DeviceState(stage=Stage.REGISTERED), is_broken=False, is_silent=True, low_mills=1)
    <State.LOCKED_COMM: 'LOCKED_COMM'>
    """
    held = _held(folded, is_broken=is_broken, is_silent=is_silent)
    if held is not None:
        return held
    if folded.descending == 0:
        return State.EMPTY
    return State.LOW if folded.descending < low_mills else State.READY


def _held(folded: DeviceState, *, is_broken: bool, is_silent: bool) -> State | None:
    """Return what keeps the device from printing whatever its funds, the most restrictive first."""
    stage, locks = folded.stage, folded.locks
    is_silent = is_silent or folded.unmet
    if not (locks or is_broken or is_silent or folded.zeroised) and stage == _REGISTERED:
        return None  # as before every piece
    holds = (
        (folded.zeroised, State.TAMPERED),
        (is_broken or locks & Lock.FAULT, State.FAULT),
        (stage == Stage.WITHDRAWN, State.WITHDRAWN),
        (stage == Stage.MANUFACTURED, State.MANUFACTURED),
        (stage == Stage.INITIALIZED, State.INITIALIZED),
        (locks & Lock.SUSPENDED, State.SUSPENDED),
        (is_silent or locks & Lock.COMM, State.LOCKED_COMM),
    )
    return next((state for is_held, state in holds if is_held), None)
