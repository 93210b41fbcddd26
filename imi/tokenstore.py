"""The one login of this process to the token that keeps a meter's key."""

import os
from typing import TYPE_CHECKING, Final

from pipeline.errors import MachineError
from pipeline.job import Token

if TYPE_CHECKING:
    from imicore.tokens import TokenKeyStore

PIN_VARIABLE: Final = "IMI_TOKEN_PIN"
_OPEN: "dict[Token, TokenKeyStore]" = {}


def token_store(token: Token) -> "TokenKeyStore":
    """Return the key store of a token, logged in with the PIN of IMI_TOKEN_PIN.

    A login to a PKCS#11 token is the whole process's, so the store is kept. One that was lost
    stays so: the next start logs in anew.

    Raises:
        MachineError: IMI_TOKEN_PIN is not set.
        TokenError: what the token refuses, and what to do. A PIN that was refused is not tried
            again.
    """
    from imicore.tokens import TokenKeyStore

    pin = os.environ.get(PIN_VARIABLE)
    if not pin:
        raise MachineError(f"token {token.serial} keeps the meter's key: set {PIN_VARIABLE}")
    store = _OPEN.get(token)
    if store is None:
        store = TokenKeyStore(token.library, serial=token.serial, pin=pin)
        _OPEN[token] = store
    return store
