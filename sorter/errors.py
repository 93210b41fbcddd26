"""Every exception that sorter raises. One root to catch.

What a lane meets every day is a value (``Verdict``, ``Refused``); these are broken promises.
"""


class SorterError(Exception):
    """Root of everything sorter raises on purpose."""


class RegisterError(SorterError, ValueError):
    """A device register that is not what its authority signed, or contradicts itself."""


class PolicyError(SorterError, ValueError):
    """A policy value outside its range, or a file of policy that cannot be read."""


class FleetError(SorterError):
    """A long run that cannot go on: another run's folder, or workers that keep dying."""


class BadScan(SorterError, ValueError):
    """A scan of a device or count that cannot be: no signature-valid payload leads to one."""


class ScanLogError(SorterError):
    """The log of scans cannot be read or written, or is not the one this process knew.

    No scan of the call was answered; some may be in the log. Asking again is safe: a scan that is
    there is answered as it was meant to be.
    """


class LaneError(SorterError, ValueError):
    """A lane that cannot be built so, or a piece offered to one that is closed."""


class OutboxError(SorterError):
    """The outbox cannot be read or written. What was to be put may be put again."""
