"""What may be done with a piece whose postage is wrong: the ways that the rules leave open.

Three rules meet here. 76 FR no. 129 (2011): once verified, a deficiency is notified to the mailer
and the provider, and the piece is normally delivered. DMM 604.4.4.3 (2015): the four ways a to d to
a missing amount. DMM P011 (2004): unpaid mail of any class is returned without an attempt to
deliver, and is dead mail where nobody can be found to return it to.
"""

from enum import StrEnum


class Remedy(StrEnum):
    """One way to deal with a piece; a verdict lists those allowed, the preferred first."""

    NONE = "none"
    EXAMINE = "examine by hand"
    ADJUST = "adjust through the provider"  # 2015, a
    RETURN = "return to sender"  # 2015, b
    DELIVER_AND_COLLECT = "deliver and collect"  # 2015, c
    COLLECT_AT_INDUCTION = "collect at the induction counter"  # 2015, d
    NOTIFY = "notify mailer and provider, and deliver"  # 2011
    CONTACT_MAILER = "contact the mailer before dispatch"  # 2011, Express: postage.express
    RETURN_FOR_POSTAGE = 'endorse "Returned for Postage" and return'  # 2004, unpaid
    DEAD_MAIL = "treat as dead mail"  # 2004, unpaid without a return address


def remedies_for(
    *,
    is_undecided: bool,
    is_owed: bool,
    is_paid_in_part: bool,
    has_account: bool,
    at_induction: bool,
    is_express: bool,
    at_origin: bool,
    has_return_address: bool = True,
) -> tuple[Remedy, ...]:
    """Return the remedies that the rules allow, the preferred first.

    ``has_account``: a device in the register printed the piece, so that its provider can adjust and
    notify; whoever forges an indicium names a device, and has none. Priority Mail Express that is
    short goes its own way (``postage.express``): at the counter it is paid, at its origin the
    mailer is contacted, later it is delivered postage due; wholly unpaid it is unpaid mail.

    >>> short = dict(is_undecided=False, is_owed=True, is_paid_in_part=True, has_account=True,
    ...     at_induction=False, is_express=False, at_origin=False)
    >>> [remedy.name for remedy in remedies_for(**short)]
    ['ADJUST', 'NOTIFY', 'DELIVER_AND_COLLECT', 'RETURN']
    >>> [remedy.name for remedy in remedies_for(**short | {"is_express": True})]
    ['DELIVER_AND_COLLECT']
    """
    if is_undecided:
        return (Remedy.EXAMINE,)
    if not is_owed:
        return (Remedy.NONE,)
    counter = (Remedy.COLLECT_AT_INDUCTION,) if at_induction else ()
    if is_express and not at_induction:
        if at_origin:
            return (Remedy.CONTACT_MAILER,)
        if is_paid_in_part:
            return (Remedy.DELIVER_AND_COLLECT,)
    account = (Remedy.ADJUST, Remedy.NOTIFY) if has_account else ()
    if is_paid_in_part:
        back = (Remedy.RETURN,) if has_return_address else ()
        return (*counter, *account, Remedy.DELIVER_AND_COLLECT, *back)
    back = (Remedy.RETURN_FOR_POSTAGE if has_return_address else Remedy.DEAD_MAIL,)
    return (*counter, *account, *back)
