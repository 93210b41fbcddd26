"""The provider's orders, done by the meter: each may come twice and counts once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from pipeline.authority import Reason, Refused
from pipeline.lifecycle import State
from pipeline.psd import Psd
from pipeline.state import Lock, Try
from postage.messages import Command, InitialiseMeter, Order, RateNotice, RegisterMeter

AnyOrder: TypeAlias = Order | InitialiseMeter | RegisterMeter | RateNotice


def no_office() -> Refused | None:
    """Return that there is no office in which a supervisor could be enrolled."""
    return Refused(Reason.NOT_IN_THIS_STATE, "no office is open to enrol a supervisor in")


@dataclass(frozen=True, slots=True)
class Others:
    """Who does the orders that are not the PSD's to do; each returns why not, None once it is done.

    take_rates: is handed a notice of a rate edition.
    admit: opens the provider's session in the office, for an enrolment.
    """

    take_rates: Callable[[RateNotice], Refused | None]
    admit: Callable[[], Refused | None] = no_office


def obey(psd: Psd, order: AnyOrder, envelope: bytes, others: Others) -> Refused | None:
    """Return why the device, in its state, cannot do an order; None once it is done.

    `envelope` is what the order came in: by some of them the device asks for the signature itself.
    An order that a crash hid from the provider comes again, and finds itself done.
    """
    match order:
        case InitialiseMeter() | RegisterMeter():
            return psd.take_into_use(envelope)
        case RateNotice():
            return others.take_rates(order)
        case Order(command=Command.ENROL):
            return others.admit()
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
