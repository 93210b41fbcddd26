"""Every exception that sorter raises. One root to catch.

What a lane meets every day is a value (``Verdict``, ``Refused``); these are broken promises.
"""


class SorterError(Exception):
    """Root of everything sorter raises on purpose."""


class RegisterError(SorterError, ValueError):
    """A device register that is not what its authority signed, or contradicts itself."""


class PolicyError(SorterError, ValueError):
    """A policy value outside its range."""


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


class SourceError(SorterError, ValueError):
    """A folder, stream or line that holds no pieces as it should."""


class RingError(SorterError, ValueError):
    """A ring of frames that is none, or a slot that does not hold what was said."""


class RequestError(SorterError, ValueError):
    """A line on the daemon's socket that is no request; ``word`` says which kind of mistake."""

    def __init__(self, word: str, text: str, piece: str = "") -> None:
        super().__init__(text)
        self.word, self.piece = word, piece
