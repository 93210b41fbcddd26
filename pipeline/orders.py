"""The provider's orders, done by the meter: each may come twice and counts once."""

from collections.abc import Callable
from typing import TypeAlias

from pipeline.authority import Refused
from pipeline.lifecycle import State
from pipeline.psd import Psd
from pipeline.record import RecordType
from pipeline.state import Lock, Try
from postage.messages import Command, Order, RateNotice, RegisterMeter

AnyOrder: TypeAlias = Order | RegisterMeter | RateNotice


def obey(
    psd: Psd, order: AnyOrder, take_rates: Callable[[RateNotice], Refused | None]
) -> Refused | None:
    """Return why the device, in its state, cannot do an order; None once it is done.

    An order that a crash hid from the provider comes again, and finds itself done.
    """
    match order:
        case RegisterMeter(agreement=agreement):
            return _register(psd, agreement)
        case RateNotice():
            return take_rates(order)
        case Order(command=Command.WITHDRAW):
            withdrawn = None if psd.state is State.WITHDRAWN else psd.withdraw()
            return withdrawn if isinstance(withdrawn, Refused) else None
        case Order(command=Command.RELEASE_USER, argument=user):
            return psd.note_try(user, Try.RELEASE)
        case Order(command=Command.SUSPEND | Command.LOST):
            psd.lock(Lock.SUSPENDED)
        case Order(command=Command.RESUME | Command.INSPECTED as command):
            psd.unlock(Lock.SUSPENDED if command is Command.RESUME else Lock.FAULT)
        case _:
            raise AssertionError(order)
    return None


def _register(psd: Psd, agreement: bytes) -> Refused | None:
    refused = psd.register(agreement)
    if refused is None:
        return None
    lives = (record for record in psd.records() if record.type == RecordType.LIFE)
    return None if any(record.payload == agreement for record in lives) else refused
