"""What every message has, whoever sends it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from postage.message_layouts import U64


class Sender(IntEnum):
    """Who signs a message."""

    METER = 1
    PROVIDER = 2
    POSTAL_SERVICE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What every message has: the device that it is about, and the nonce of the question."""

    KIND: ClassVar[int]
    SENDER: ClassVar[Sender]

    device: U64
    nonce: U64
