"""A device that has lived through everything that a journal can say, but for a fault."""

from dataclasses import replace
from datetime import date

from imi.simdisk import SimDisk
from pipeline.imprint import Evidence
from pipeline.psd import Psd
from pipeline.state import Lock, Outcome, Try
from postage.money import Money
from tests.pipeline.device import TellClock, imprinted, letter, new_device, setup

DAY_US = 86_400_000_000
TOMORROW = date(2026, 7, 14)


def lived() -> Psd:
    """Return the device: two days, two refills and a void one, five imprints of every kind.

    AR is 780 * 2 + 1_070 + 780 = 3,410; CT 600,000.
    """
    clock = TellClock()
    disk = SimDisk()
    settings = setup(clock=clock, window=2)
    psd = new_device(disk, **settings)
    psd.refill(Money(500_000), 1)
    psd.set_budget(4, Money(50_000))
    psd.adopt_rates(20_260_712, bytes(range(32)))
    for kind in (Try.ATTEMPT, Try.SUCCESS):
        psd.note_try(9, kind)
    psd.confirm(imprinted(psd, replace(letter(department=4), operator=9)).sequence, Outcome.PRINTED)
    psd.confirm(imprinted(psd, replace(letter(1_070), keyed=True)).sequence, Outcome.CONFIRMED)
    assert isinstance(psd.test_imprint(), Evidence)
    psd.begin_refill(Money(200_000), 2)
    psd.void_refill(2)
    psd.lock(Lock.SUSPENDED)
    psd.unlock(Lock.SUSPENDED)
    psd.acknowledge(psd.last_sequence)
    clock.psd_us += DAY_US
    psd.refill(Money(100_000), 3)
    held = imprinted(psd, letter(mailing_date=TOMORROW))
    psd.confirm(held.sequence, Outcome.CONFIRMED)
    psd.idle()
    assert isinstance(psd.redate(held.sequence, date(2026, 7, 15)), Evidence)
    reply = imprinted(psd, replace(letter(), mailing_date=None))
    psd.confirm(reply.sequence, Outcome.UNPRINTED)
    psd.idle()
    psd.confirm(reply.sequence, Outcome.CLAIMED)
    return psd
