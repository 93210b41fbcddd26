"""Verdicts on short pieces, made by hand, and the accounts that they are about."""

from dataclasses import replace
from typing import Any

from postage.money import Money
from postage.remedies import Remedy
from postage.verdicts import (
    Account,
    Class2011,
    Class2015,
    Code,
    Evidence,
    Finding,
    Reason,
    Verdict,
)

PB = Account(vendor_model="TPB1", serial=7, provider="PB", is_chargeable=True)
FP = Account(vendor_model="TFP1", serial=8, provider="FP", is_chargeable=True)


def short(*accounts: Account, **changes: Any) -> Verdict:
    """Return a verdict on a piece that is 290 mills short."""
    plain = Verdict(
        code=Code.SHORTPAID,
        class_2011=Class2011.SHORTPAID,
        class_2015=Class2015.DISCREPANCY,
        reasons=(Finding(Reason.LESS_THAN_DUE),),
        shown=Money(780),
        paid=Money(780),
        due=Money(1_070),
        remedies=(Remedy.ADJUST,),
        evidence=Evidence(accounts=accounts or (PB,), payloads=(b"payload",)),
    )
    return replace(plain, **changes)
