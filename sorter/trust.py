"""Whom a verifier believes: the register in force, replaced in one step while pieces run."""

import threading
from pathlib import Path
from typing import Final

from imicore.signature import Check, Verifier
from sorter.errors import RegisterError
from sorter.register import MAX_BYTES, Register, Sign, Verify

__all__ = ["Register", "RegisterError", "Sign", "Trust", "authority", "load_register"]


def authority(keys: dict[str, bytes]) -> Verify:
    """Return the check of a register's signature against the authority's keys.

    ``keys`` are SEC 1 points (P-256 or P-384) by key id; the algorithm is the key's, never the
    file's.
    """
    verifier: Final = Verifier(hot_keys=0)

    def verify(message: bytes, signature: bytes, key_id: str) -> bool:
        return verifier.verify(message, signature, keys.get(key_id)) is Check.VALID

    return verify


def load_register(path: Path, verify: Verify) -> Register:
    """Return the register in a file.

    Raises:
        RegisterError: the file cannot be read, or is no register with a good signature.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise RegisterError(f"{path} has {size} bytes; a register has at most {MAX_BYTES}")
        raw = path.read_bytes()
    except OSError as error:
        raise RegisterError(f"{path}: {error.strerror}") from None
    return Register.from_bytes(raw, verify)


class Trust:
    """The register that is in force now.

    A verifier asks ``register`` once for each batch and judges the whole batch by it. An older
    register, or one of another issuer, is never taken: whoever can replay a file could else bring
    back a stolen device.
    """

    def __init__(self, register: Register) -> None:
        self._register = register
        self._turn = threading.Lock()

    @property
    def register(self) -> Register:
        """Return the register in force."""
        return self._register

    def replace(self, register: Register) -> None:
        """Put a newer register in force.

        Raises:
            RegisterError: it is of another issuer, or not newer; the old one stays.
        """
        with self._turn:
            now = self._register
            if register.issuer != now.issuer:
                raise RegisterError(f"register {register.name} is not of {now.issuer}")
            if register.number <= now.number:
                raise RegisterError(
                    f"register {register.name} is not newer than {now.name}, which is in force"
                )
            self._register = register
