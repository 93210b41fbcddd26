"""May a device's indicia of this date still pay for mail? Found from records, never guessed."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from postage.decertification import Calendar, Decertified, Rule, family_of
from postage.devices import DeviceRecord, DeviceStatus
from postage.indicium import Indicium
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
    indicium: Indicium,
    register: Register,
    calendar: Calendar,
    scanned_on: date,
) -> Iterator[Finding]:
    """Yield why a genuine indicium no longer counts: status, validity, provider, model.

    The status and validity are those of the indicium's date; an undated one has the scan's.
    """
    day = indicium.mailing_date or scanned_on
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
    if indicium.mailing_date is not None:
        yield from _ended(calendar, record.model, family, Rule.PRINT, indicium.mailing_date)


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


def date_window(indicium: Indicium, policy: Policy, scanned_on: date) -> Iterator[Finding]:
    """Yield why the date of an indicium is no date of a piece seen today.

    >>> from postage.indicium import unpack
    >>> ibi_lite = unpack(bytes.fromhex("ff4713270011f50fce96010000009aca2921e3f1"))
    >>> list(date_window(ibi_lite, Policy(), date(2026, 7, 13)))
    []
    """
    day = indicium.mailing_date
    if day is None:
        return
    age = (scanned_on - day).days
    if age > policy.max_days_back:
        limit = policy.max_days_back
        yield Finding(Reason.DATE_PAST, f"{day} on {scanned_on}: {age} days, at most {limit}")
    if -age > policy.max_days_ahead:
        limit = policy.max_days_ahead
        yield Finding(Reason.DATE_AHEAD, f"{day} on {scanned_on}: {-age} days, at most {limit}")


def _ended(calendar: Calendar, model: str, family: str, rule: Rule, day: date) -> Iterator[Finding]:
    decision = calendar.decision(model, family, rule, day)
    if isinstance(decision, Decertified):
        yield Finding(Reason.MODEL_DECERTIFIED, f"{model or family}, {decision}")
