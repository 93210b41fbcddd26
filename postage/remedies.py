"""What may be done with a piece whose postage is wrong: the ways that the rules leave open.

The 2015 rule (DMM 604.4, effective 2015-09-13) names four ways to a missing amount; the 2004 rule
on unpaid mail (DMM P011) returns it without an attempt to deliver.
"""

from enum import StrEnum


class Remedy(StrEnum):
    """One way to deal with a piece; a verdict lists those allowed, the preferred first."""

    NONE = "none"
    EXAMINE = "examine by hand"
    ADJUST = "adjust through the provider"
    RETURN = "return to sender"
    DELIVER_AND_COLLECT = "deliver and collect"
    COLLECT_AT_INDUCTION = "collect at the induction counter"
    CONTACT_MAILER = "contact the mailer before dispatch"


def remedies_for(
    *,
    is_undecided: bool,
    is_owed: bool,
    is_paid_in_part: bool,
    has_account: bool,
    at_induction: bool,
    is_express: bool,
    at_origin: bool,
) -> tuple[Remedy, ...]:
    """Return the remedies that the rules allow, the preferred first.

    ``has_account``: a device in the register printed it, so its provider can adjust the account;
    a counterfeit has none. Priority Mail Express that is short goes its own way: the mailer is
    contacted before dispatch, later it is delivered postage due (DMM 604.8, ``postage.express``).

    >>> remedies_for(is_undecided=False, is_owed=True, is_paid_in_part=True, has_account=True,
    ...     at_induction=False, is_express=False, at_origin=False)[0]
    <Remedy.ADJUST: 'adjust through the provider'>
    """
    if is_undecided:
        return (Remedy.EXAMINE,)
    if not is_owed:
        return (Remedy.NONE,)
    if is_express and not at_induction:
        return (Remedy.CONTACT_MAILER,) if at_origin else (Remedy.DELIVER_AND_COLLECT,)
    ways = [Remedy.COLLECT_AT_INDUCTION] if at_induction else []
    if has_account:
        ways.append(Remedy.ADJUST)
    if is_paid_in_part:
        ways.append(Remedy.DELIVER_AND_COLLECT)
    return (*ways, Remedy.RETURN)
