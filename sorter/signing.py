"""Keys that the Postal Service signs with, in a software key store; made on first use."""

from pathlib import Path

from imicore.errors import BadKey
from imicore.keys import SoftwareKeyStore
from imicore.signature import Signer

AUTHORITY = "authority"
"""The key that signs device registers."""
POSTAL_SERVICE = "postal-service"
"""The key that signs messages to providers."""


def signer_of(folder: Path, key_id: str) -> Signer:
    """Return the signer of a key in a folder.

    Raises:
        ImiError: its file does not open.
    """
    folder.mkdir(parents=True, exist_ok=True)
    store = SoftwareKeyStore.at(folder / "keys", folder / "secrets")
    if (folder / "keys" / f"{key_id}.key").exists():
        return store.open(key_id)
    try:
        return store.create(key_id)
    except BadKey:  # another process was first
        return store.open(key_id)
