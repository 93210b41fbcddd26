"""Every exception that imicore raises. One import for users, one root to catch.

The native kernels know a closed list of faults (``csrc/error.h``); ``_raise.h`` maps each to a
class here.
"""


class ImiError(Exception):
    """Root of everything imicore raises on purpose."""


class BadArgument(ImiError, ValueError):
    """A size, range, shape or flag that the function does not take."""


class PayloadTooLong(ImiError, ValueError):
    """The payload is longer than the largest symbol allowed holds."""


class NoSuchSize(ImiError, ValueError):
    """Not one of the 48 Data Matrix symbol sizes."""


class NotEncodable(ImiError, ValueError):
    """The payload has a byte that the demanded encodation cannot write."""


class PlacementError(ImiError, ValueError):
    """The indicium does not fit the mailpiece with its edge distances and clear zones."""


class Uncorrectable(ImiError):
    """The symbol has more damage than Reed-Solomon can prove away."""


class MalformedPayload(ImiError):
    """The codewords are corrected but are not a message of ISO/IEC 16022."""


class BackendMissing(ImiError):
    """No usable libcrypto on this machine."""


class BackendFailure(ImiError):
    """libcrypto refused an operation that should have worked."""


class BadImage(ImiError, ValueError):
    """An array or file that is not an image we take; the message says why and the limit."""


class BadKey(ImiError, ValueError):
    """Key bytes that are not a key of the stated kind."""


class BadImb(BadArgument):
    """Digits that no barcode carries; ``code`` is the return code of the USPS encoder."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)  # both, or a process pool could not send it
        self.code = code

    def __str__(self) -> str:
        return str(self.args[1])


class DamagedImb(ImiError):
    """65 bars that are no Intelligent Mail barcode; the message says what contradicts."""
