"""Messages as bytes under a signature: written, checked and read, from each class's field table.

A message is its header (magic, version, kind, sender) and its fields in order; `pack` and `unpack`
are inverse on exactly the bytes that are messages. An envelope is these bytes and the sender's raw
r||s signature over all of them, so that sender and device are what was signed.

No cryptography here: callers hand in `sign(message)` and `check(message, signature)`.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from postage.errors import MessageFault, MessageFormatError
from postage.message_parts import forms_of, rows_of
from postage.messages import ANSWERS, NOTICES, Message, TimeQuery

MAGIC: Final = b"IMIM"
"""No version of an indicium, nor the checkpoint of a journal, which the same device key signs,
starts so: a signature over one never passes for a signature over another."""
VERSION: Final = 1
SIGNATURE_BYTES: Final = 64
LONGEST_ENVELOPE_BYTES: Final = 1 << 17
"""Twice the longest upload; a line need not read on."""
_HEADER = struct.Struct("<4sBBB")

Sign = Callable[[bytes], bytes]
Check = Callable[[bytes, bytes], bool]


class _Layout:
    """A message class and the wire form of each of its fields, in order."""

    def __init__(self, cls: type[Message]) -> None:
        self.cls = cls
        self.header = _HEADER.pack(MAGIC, VERSION, cls.KIND, cls.SENDER)
        self.fields = forms_of(cls)


_DIALOGUE: Final = {**ANSWERS, **NOTICES}
MESSAGES: Final = tuple(dict.fromkeys(chain(_DIALOGUE, *_DIALOGUE.values())))
_LAYOUTS = {cls.KIND: _Layout(cls) for cls in MESSAGES}
assert len(_LAYOUTS) == len(MESSAGES), "each kind is one message"


def pack(message: Message) -> bytes:
    """Return the bytes of a message, which its signature covers.

    Raises:
        MessageFormatError: with the kind; the text names message, field, value and limit.

    >>> pack(TimeQuery(device=7, nonce=258)).hex()
    '494d494d01010107000000000000000201000000000000'
    """
    layout = _LAYOUTS[message.KIND]
    name = type(message).__name__
    return layout.header + b"".join(
        [wire.write(f"{name} {at}", getattr(message, at)) for at, wire in layout.fields]
    )


def unpack(data: bytes) -> Message:
    """Return the message that the bytes are; nothing is proved about who wrote it.

    Raises:
        MessageFormatError: with the kind; nothing else is raised for any bytes.

    >>> unpack(bytes.fromhex("494d494d01010107000000000000000201000000000000"))
    TimeQuery(device=7, nonce=258)
    """
    layout = _layout_of(data)
    name, at = layout.cls.__name__, _HEADER.size
    values: dict[str, Any] = {}
    for field_name, wire in layout.fields:
        values[field_name], at = wire.read(f"{name} {field_name}", data, at)
    if at != len(data):
        raise MessageFormatError(
            MessageFault.PADDED, f"{name} ends at byte {at}; the message has {len(data)}"
        )
    return layout.cls(**values)


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message's bytes and the 64 bytes of the sender's signature over them."""

    message: bytes
    signature: bytes

    def pack(self) -> bytes:
        """Return what goes over the line."""
        return self.message + self.signature

    @classmethod
    def unpack(cls, data: bytes) -> "Envelope":
        """Return the two parts; MessageFormatError where no message is so short, or so long."""
        if len(data) > LONGEST_ENVELOPE_BYTES:
            raise MessageFormatError(
                MessageFault.TOO_LONG,
                f"an envelope of {len(data)} bytes; the limit is {LONGEST_ENVELOPE_BYTES}",
            )
        if len(data) < _HEADER.size + SIGNATURE_BYTES:
            raise MessageFormatError(
                MessageFault.TRUNCATED,
                f"an envelope of {len(data)} bytes; the least has {_HEADER.size + SIGNATURE_BYTES}",
            )
        return cls(data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:])


def seal(message: Message, sign: Sign) -> bytes:
    """Return the envelope's bytes.

    >>> len(seal(TimeQuery(device=7, nonce=1), lambda message: bytes(64)))
    87
    """
    data = pack(message)
    signature = sign(data)
    assert len(signature) == SIGNATURE_BYTES, f"a signature of {len(signature)} bytes"
    return Envelope(data, signature).pack()


def open_envelope(data: bytes, check: Check) -> Message:
    """Return the message in an envelope, its signature checked before a field is read.

    Raises:
        MessageFormatError: the signature is not the sender's, or the bytes are no message.

    >>> data = seal(TimeQuery(device=7, nonce=1), lambda message: bytes(64))
    >>> open_envelope(data, lambda message, signature: signature == bytes(64)).device
    7
    """
    envelope = Envelope.unpack(data)
    if not check(envelope.message, envelope.signature):
        raise MessageFormatError(
            MessageFault.BAD_SIGNATURE,
            f"the signature over {len(envelope.message)} bytes does not verify",
        )
    return unpack(envelope.message)


def claimed_device(data: bytes) -> int:
    """Return the device that a message or envelope names, for the choice of its key.

    Raises:
        MessageFormatError: the bytes have no header of a message.
    """
    _layout_of(data)
    return int(_DEVICE.read("device", data, _HEADER.size)[0])


def describe(cls: type[Message]) -> str:
    """Return a message's field table as Markdown.

    >>> from postage.messages import TimeAnswer
    >>> print(describe(TimeAnswer).splitlines()[-1])
    | server_us | unsigned integer, 8 bytes |
    """
    layout = _LAYOUTS[cls.KIND]
    rows = [
        ("Field", "Form"),
        ("---", "---"),
        ("header", f"{layout.header.hex(' ')}: magic, version, kind, sender"),
        *rows_of(cls),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _layout_of(data: bytes) -> _Layout:
    if len(data) < _HEADER.size:
        raise MessageFormatError(
            MessageFault.TRUNCATED, f"{len(data)} bytes; a header has {_HEADER.size}"
        )
    magic, version, kind, sender = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise MessageFormatError(
            MessageFault.UNKNOWN_MAGIC, f"starts with {magic.hex()}, not {MAGIC.hex()}"
        )
    if version != VERSION:
        raise MessageFormatError(
            MessageFault.UNKNOWN_VERSION, f"version {version}; {VERSION} is known"
        )
    if kind not in _LAYOUTS:
        raise MessageFormatError(MessageFault.UNKNOWN_KIND, f"kind {kind} is no message")
    layout = _LAYOUTS[kind]
    if sender != layout.cls.SENDER:
        raise MessageFormatError(
            MessageFault.WRONG_SENDER,
            f"{layout.cls.__name__} of sender {sender}; only {layout.cls.SENDER.name} sends it",
        )
    return layout


[_DEVICE] = [wire for name, wire in _LAYOUTS[TimeQuery.KIND].fields if name == "device"]
