"""A verdict as one flat row of names to text and numbers, for files, sockets and tables."""

from typing import Any

from postage.verdicts import Verdict


def verdict_as_row(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as a row; amounts are mills, an unknown one is None.

    The crop is left out, and payloads are hexadecimal: a row is text.

    >>> from postage.verdicts import Class2011, Class2015, Code
    >>> row = verdict_as_row(Verdict(code=Code.LATE, class_2011=Class2011.UNDETERMINED,
    ...     class_2015=Class2015.UNDETERMINED, reasons=(), shown=None, paid=None, due=None,
    ...     remedies=()))
    >>> row["code"], row["number"], row["due_mills"]
    ('LATE', 1, None)
    """
    evidence = verdict.evidence
    return {
        "code": verdict.code.value,
        "number": verdict.code.number,
        "class_2011": verdict.class_2011.value,
        "class_2015": verdict.class_2015.value,
        "shown_mills": None if verdict.shown is None else verdict.shown.mills,
        "paid_mills": None if verdict.paid is None else verdict.paid.mills,
        "due_mills": None if verdict.due is None else verdict.due.mills,
        "difference_mills": verdict.difference_mills,
        "reasons": [{"reason": one.reason.name, "text": str(one)} for one in verdict.reasons],
        "remedies": [one.value for one in verdict.remedies],
        "rehearsal": verdict.is_rehearsal,
        "device": evidence.device,
        "register": evidence.register,
        "edition": evidence.edition,
        "first_seen": evidence.first_seen,
        "grade": evidence.grade,
        "payloads": [payload.hex() for payload in evidence.payloads],
    }
