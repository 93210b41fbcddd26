"""Broken promises of the mailing machine, under one root."""

from enum import Enum


class MachineError(Exception):
    """Root of every exception of this package."""


class JobError(MachineError, ValueError):
    """A job file that cannot be read, or that asks for what does not exist."""


class PsdInUse(MachineError):
    """Another process, or another object in this one, holds the device's folder."""


class NoDevice(MachineError):
    """The folder holds no device, or creation of one never finished."""


class DeviceExists(MachineError):
    """The folder already holds a device or the remains of one; creation touches nothing."""


class BindingMismatch(MachineError):
    """The journal is bound to another profile or licensing ZIP than the caller names."""


class RecordFormatError(MachineError, ValueError):
    """A field does not fit the 512-byte record."""


class FaultCause(Enum):
    """Why a device stopped. Every cause needs the provider's inspection but the first three.

    `IO_ERROR` and `PAIR_MISMATCH` come from a disk that failed under a running device,
    `INTERRUPTED` from its program: opening the device again reads the disk afresh and decides.
    """

    IO_ERROR = "the disk refused a read, write or sync"
    PAIR_MISMATCH = "a record read back from the disk is not the one written"
    INTERRUPTED = "an exception came while a record was written"
    BOTH_COPIES_BAD = "neither copy holds a record that was released"
    COPIES_DIFFER = "both copies are well sealed and say different things"
    FORGED = "a record or HEAD slot has a correct checksum and a wrong seal"
    MISPLACED = "a sealed record or HEAD slot stands in another's place"
    CHAIN_BROKEN = "a record does not follow the one before it"
    RULE_BROKEN = "a sealed record breaks a rule of the registers"
    HEAD_UNREADABLE = "no HEAD slot is readable although records exist"
    HEAD_MISSING = "the HEAD file is gone although records exist"
    HEAD_DISAGREES = "HEAD and the record it names differ, or HEAD may have lost a release"
    BEYOND_HEAD = "records stand beyond the one that may follow HEAD"
    MIXED_DIRECTORIES = "a file belongs to another device"
    SEGMENT_MISSING = "a journal segment is gone from one or both copies"
    CHECKPOINT_BROKEN = "a sealed segment's checkpoint does not verify"
    SIGNATURE_WRONG = "the device's own signature does not verify"
    NO_SIGNATURE = "the device's key gave no signature"


class PsdFault(MachineError):
    """The device is in FAULT: it answers status and nothing else.

    >>> PsdFault(FaultCause.IO_ERROR, "sync of 'head': No space left on device").cause.name
    'IO_ERROR'
    """

    def __init__(self, cause: FaultCause, detail: str) -> None:
        super().__init__(f"{cause.name}: {detail} ({cause.value})")
        self.cause = cause
        self.detail = detail
