"""The provider of a simulated run, kept in a folder until the real back office exists.

`FakeProvider` answers alike to alike, so what it was told is all that needs keeping: each event is
a line of a log, synced before it is answered, and a new start tells it everything again.
"""

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from imi.fakeprovider import FakeProvider
from imicore.keys import SoftwareKeyStore
from imicore.signature import Check, Verifier
from pipeline.errors import MachineError
from postage.messages import Command
from postage.money import ZERO, Money

KEY_ID: Final = "provider"
LOG: Final = "events.jsonl"


class BackOffice:
    """One provider and its devices. `clock` is microseconds since 1970-01-01 UTC.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     office = BackOffice(Path(folder), clock=lambda: 1_783_969_200_000_000)
    ...     office.enroll(7, bytes([4, *range(64)]), Money(500_000))
    ...     again = BackOffice(Path(folder), clock=lambda: 1_783_969_200_000_000)
    ...     print(again.funds(7), again.public_key == office.public_key)
    $500.00 True
    """

    def __init__(self, folder: Path, clock: Callable[[], int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        store = SoftwareKeyStore.at(folder / "keys", folder / "secrets")
        signer = store.open(KEY_ID) if store.has(KEY_ID) else store.create(KEY_ID)
        self.public_key = signer.public_key
        self._verifier = Verifier()
        self._keys: dict[int, bytes] = {}
        self._clock, self._now_us = clock, 0
        self._provider = FakeProvider(signer.sign, self._is_devices, lambda: self._now_us)
        self._path = folder / LOG
        for line in self._lines():
            self._apply(line)

    def check(self, message: bytes, signature: bytes) -> bool:
        """Return whether a signature is this provider's."""
        return self._verifier.verify(message, signature, self.public_key) is Check.VALID

    def enroll(self, device: int, public_key: bytes, funds: Money = ZERO) -> None:
        """Know a device and its key, and order it into use; known ones stay as they are."""
        if device not in self._keys:
            self._happen("enroll", device=device, key=public_key.hex(), funds=funds.mills)

    def deposit(self, device: int, amount: Money) -> None:
        """Add to the funds of a device's customer."""
        self._happen("deposit", device=device, mills=amount.mills)

    def order(self, device: int, command: Command) -> None:
        """Queue an order, which the device takes at its next contact."""
        self._happen("order", device=device, command=int(command))

    def funds(self, device: int) -> Money:
        """Return what the customer has left with the provider."""
        return Money(self._provider.accounts[device].funds)

    def exchange(self, envelope: bytes) -> bytes:
        """Return the answer to a device's envelope; what led to it is durable by then."""
        answer = self._happen("envelope", data=envelope.hex())
        assert answer is not None
        return answer

    def _happen(self, kind: str, **facts: int | str) -> bytes | None:
        event = {"kind": kind, "at": self._clock(), **facts}
        with self._path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(event) + "\n")
            log.flush()
            os.fsync(log.fileno())
        return self._apply(event)

    def _apply(self, event: dict[str, int | str]) -> bytes | None:
        self._now_us = int(event["at"])
        if event["kind"] == "envelope":
            return self._provider.handle(bytes.fromhex(str(event["data"])))
        device = int(event["device"])
        match event["kind"]:
            case "enroll":
                self._keys[device] = bytes.fromhex(str(event["key"]))
                self._provider.enroll(device, Money(int(event["funds"])))
                self._provider.initialise(device, sha256(self._keys[device]).digest())
                self._provider.register(device, f"software meter {device:#018x}".encode())
            case "deposit":
                self._provider.accounts[device].funds += int(event["mills"])
            case "order":
                self._provider.order(device, Command(int(event["command"])))
            case kind:
                raise MachineError(f"{self._path}: an event of kind {kind!r}")
        return None

    def _lines(self) -> list[dict[str, int | str]]:
        """Return the events. The last line may be cut short: its question was never answered."""
        if not self._path.exists():
            return []
        *whole, last = self._path.read_bytes().split(b"\n")
        try:
            events = [json.loads(line) for line in whole]
        except ValueError as error:
            raise MachineError(f"{self._path}: {error}") from error
        if last:  # behind the last line end: torn
            os.truncate(self._path, self._path.stat().st_size - len(last))
        return events

    def _is_devices(self, device: int, message: bytes, signature: bytes) -> bool:
        key = self._keys.get(device)
        return key is not None and self._verifier.verify(message, signature, key) is Check.VALID
