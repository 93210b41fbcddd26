"""May a device's indicia of this date still pay for mail? Found from records, never guessed."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from postage.decertification import Calendar, Decertified, Rule, family_of
from postage.devices import DeviceRecord, DeviceStatus
from postage.layouts import BY_VERSION
from postage.verdicts import Finding, Reason
from sorter.authenticity import Examined
from sorter.policy import Policy
from sorter.register import Register

STATUS_REASONS: Final = {
    DeviceStatus.STOLEN: Reason.DEVICE_STOLEN,
    DeviceStatus.LOST: Reason.DEVICE_LOST,
    DeviceStatus.SUSPENDED: Reason.DEVICE_SUSPENDED,
    DeviceStatus.WITHDRAWN: Reason.DEVICE_WITHDRAWN,
    DeviceStatus.REVOKED: Reason.DEVICE_REVOKED,
}


def standing(
    record: DeviceRecord,
    mailed_on: date | None,
    register: Register,
    calendar: Calendar,
    scanned_on: date,
) -> Iterator[Finding]:
    """Yield why a genuine indicium no longer counts: status, validity, provider, model.

    The status and validity are those of the indicium's date; an undated one has the scan's.
    """
    day = mailed_on or scanned_on
    name = f"device {record.key_id}"
    if not record.is_active_on(day):
        since = f" since {record.status_since}" if record.status_since else ""
        yield Finding(STATUS_REASONS[record.status], name + since)
    if not record.is_valid_on(day):
        ends = f"{record.valid_from or 'ever'} to {record.valid_to or 'ever'}"
        yield Finding(Reason.OUTSIDE_VALIDITY, f"{name}, {day} is not in {ends}")
    if not register.is_authorised(record):
        yield Finding(
            Reason.UNAUTHORISED_PROVIDER,
            f"{record.provider or 'no provider'} for {record.product} in register {register.name}",
        )
    family = family_of(record.profile)
    yield from _ended(calendar, record.model, family, Rule.SCAN, scanned_on)
    if mailed_on is not None:
        yield from _ended(calendar, record.model, family, Rule.PRINT, mailed_on)


def decertified_anyway(one: Examined, calendar: Calendar, scanned_on: date) -> Finding | None:
    """Return why an indicium that nobody can verify would not count even if it were genuine.

    Old indicia are of a family that has ended; no key is needed to say so (domain 9a, 18).
    """
    profile = one.record.profile if one.record else None
    if profile is None:
        layouts = BY_VERSION.get(one.payload[0] if one.payload else -1, ())
        families = {family_of(layout.name) for layout in layouts}
        if len(families) != 1:
            return None
        [family] = families
    else:
        family = family_of(profile)
    model = one.record.model if one.record else ""
    return next(_ended(calendar, model, family, Rule.SCAN, scanned_on), None)


def off_window(mailed_on: date, policy: Policy, scanned_on: date) -> Finding | None:
    """Return why the date of an indicium is no date of a piece seen that day, None if it is one.

    >>> off_window(date(2026, 7, 3), Policy(), date(2026, 7, 13))
    >>> off_window(date(2026, 7, 2), Policy(), date(2026, 7, 13)).text
    '2026-07-02 on 2026-07-13: 11 days, at most 10'
    """
    age = (scanned_on - mailed_on).days
    if -policy.max_days_ahead <= age <= policy.max_days_back:
        return None
    reason, limit = Reason.DATE_PAST, policy.max_days_back
    if age < 0:
        reason, limit = Reason.DATE_AHEAD, policy.max_days_ahead
    return Finding(reason, f"{mailed_on} on {scanned_on}: {abs(age)} days, at most {limit}")


def _ended(calendar: Calendar, model: str, family: str, rule: Rule, day: date) -> Iterator[Finding]:
    decision = calendar.decision(model, family, rule, day)
    if isinstance(decision, Decertified):
        yield Finding(Reason.MODEL_DECERTIFIED, f"{model or family}, {decision}")
