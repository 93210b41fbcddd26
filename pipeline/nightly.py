"""Contacts that the meter attempts by itself: daily, and after a failure until one comes about.

How often is the contact rule's to say (`postage/contact_rules.toml`); what locks the device, and
when, is another line of the same record and not touched here.
"""

from collections.abc import Callable

from pipeline.contact import Met
from pipeline.link import Failure
from pipeline.services import Services
from postage.contactrule import retry_us


class Nightly:
    """One device's attempts. Whoever runs the machine asks `tick` in its pauses.

    meet: attempts one contact (`Contact.meet`).
    boottime_us: CLOCK_BOOTTIME, by which repeats are reckoned: it runs where the time is unknown.
    """

    def __init__(
        self, device: Services, meet: Callable[[], Met | Failure], boottime_us: Callable[[], int]
    ) -> None:
        self._device, self._meet, self._boottime_us = device, meet, boottime_us
        self._failures = 0  # in a row; a new start begins anew, and at once
        self._last_us = 0

    def tick(self) -> Met | Failure | None:
        """Return what an attempt came to, None where none is due."""
        if not self._device.wants_contact:
            return None
        now_us = self._boottime_us()
        if self._failures:
            wait_us = retry_us(self._device.contact_rule, self._failures)
            if 0 <= now_us - self._last_us < wait_us:  # a clock that ran back waits for nothing
                return None
        self._last_us = now_us
        result = self._meet()
        self._failures = 0 if isinstance(result, Met) else self._failures + 1
        return result
