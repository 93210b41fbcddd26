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


class KeysZeroised(ImiError):
    """The keys were destroyed on purpose; the device needs new ones from its provider."""


class TokenError(ImiError):
    """Root of what a hardware token refuses; ``detail`` says what happened, ``remedy`` what to do.

    >>> print(TokenFull("no room for key 'meter-1'"))
    no room for key 'meter-1'. Destroy keys that nobody needs, or use a token with room
    """

    remedy = "Close the key store and open it again; if that does not help, change the token"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.detail}. {self.remedy}"


class TokenMissing(TokenError):
    """No token answers: unplugged, or never there."""

    remedy = "Plug the token in, then open the key store again; nothing was signed meanwhile"


class TokenFull(TokenError):
    """The token did not keep what it was to store."""

    remedy = "Destroy keys that nobody needs, or use a token with room"


class WrongToken(TokenError):
    """A token answers, and it is not the device's."""

    remedy = "Put the device's own token back, or have the provider bind the device to this one"


class WrongPin(TokenError):
    """The token refused the PIN. It is never tried again without being told."""

    remedy = "Enter the PIN again with care: most tokens lock after three wrong ones"


class PinLocked(TokenError):
    """The token takes no more PINs, or only one more."""

    remedy = "Have the token's security officer set a new PIN"


class SessionLost(TokenError):
    """The token is there, but the session with it is not."""

    remedy = "Open the key store again; nothing was signed meanwhile"


class TokenInUse(TokenError):
    """This process has the token open already; logins are for the whole process."""

    remedy = "Use the store that is open, or close it first"


class TokenUntrusted(TokenError):
    """The token made or signed what a sound one does not."""

    remedy = "Take the token out of service; nothing it signed was released"
