"""imicore.h as ctypes sees it: the structs written a second time, from the header's words."""

import ctypes as c
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

OK, BAD_ARGUMENT, NO_SUCH_SIZE, OUT_OF_MEMORY, BUSY, INTERNAL = range(6)


class Reading(c.Structure):
    _fields_ = (
        ("corners", c.c_float * 8),
        ("agreement", c.c_float),
        ("symbology", c.c_int32),
        ("rows", c.c_int32),
        ("columns", c.c_int32),
        ("errors_corrected", c.c_int32),
        ("mirrored", c.c_uint8),
        ("inverted", c.c_uint8),
        ("reserved", c.c_uint8 * 62),
        ("payload_length", c.c_uint32),
        ("payload", c.c_uint8 * 3128),
    )


class Suspect(c.Structure):
    _fields_ = (("corners", c.c_float * 8), ("agreement", c.c_float))


class Size(c.Structure):
    _fields_ = (("rows", c.c_int32), ("columns", c.c_int32))


class Roi(c.Structure):
    _fields_ = (
        ("x", c.c_int32),
        ("y", c.c_int32),
        ("width", c.c_int32),
        ("height", c.c_int32),
    )


ACCEPT = c.CFUNCTYPE(c.c_int, c.POINTER(c.c_uint8), c.c_size_t, c.c_void_p)


class Options(c.Structure):
    _fields_ = (
        ("size", c.c_size_t),
        ("limit", c.c_int32),
        ("effort", c.c_int32),
        ("budget_ms", c.c_double),
        ("roi", Roi),
        ("sizes", c.POINTER(Size)),
        ("size_count", c.c_size_t),
        ("accept", ACCEPT),
        ("user", c.c_void_p),
    )


class Library:
    """The library with one reader."""

    def __init__(self, path: Path) -> None:
        self.raw = c.CDLL(str(path))
        for name in ("imi_version", "imi_status_text", "imi_reader_error"):
            getattr(self.raw, name).restype = c.c_char_p
        self.raw.imi_reader_create.restype = c.c_void_p
        self.raw.imi_reader_error.argtypes = (c.c_void_p,)
        self.raw.imi_reader_destroy.argtypes = (c.c_void_p,)
        self.raw.imi_reader_destroy.restype = None
        self.raw.imi_reader_suspect.argtypes = (c.c_void_p, c.c_void_p, c.c_void_p)
        self.raw.imi_reader_read.argtypes = (
            *(c.c_void_p, c.c_void_p, c.c_int32, c.c_int32, c.c_size_t),
            *(c.c_void_p, c.c_void_p, c.c_size_t, c.c_void_p),
        )
        self.reader = self.raw.imi_reader_create()

    def close(self) -> None:
        self.raw.imi_reader_destroy(self.reader)

    def options(
        self,
        *,
        sizes: Sequence[tuple[int, int]] | None = None,
        accept: Callable[[bytes], bool] | None = None,
        **fields: Any,
    ) -> Options:
        """Return the defaults with some fields changed."""
        options = Options()
        self.raw.imi_read_options_init_sized(c.byref(options), c.sizeof(Options))
        if sizes is not None:
            options.sizes = (Size * max(1, len(sizes)))(*sizes)
            options.size_count = len(sizes)
        if accept is not None:
            options.accept = ACCEPT(lambda at, length, _: accept(c.string_at(at, length)))
        for name, value in fields.items():
            setattr(options, name, value)
        return options

    def read(
        self, frame: npt.NDArray[np.uint8], options: Options | None = None, capacity: int = 1
    ) -> tuple[int, list[Reading]]:
        """Return the status and the readings of a frame, which may be strided."""
        height, width = frame.shape
        return self.call(
            *(frame.ctypes.data, width, height, frame.strides[0]),
            None if options is None else c.byref(options),
            capacity,
        )

    def call(
        self, pixels: object, width: int, height: int, stride: int, options: Any, capacity: int
    ) -> tuple[int, list[Reading]]:
        """Return the same for raw arguments."""
        out = (Reading * max(1, capacity))()
        count = c.c_size_t(99)
        status = self.raw.imi_reader_read(
            self.reader, pixels, width, height, stride, options, out, capacity, c.byref(count)
        )
        return status, list(out[: count.value])

    def suspect(self) -> Suspect | None:
        """Return the suspect of the last read."""
        out, found = Suspect(), c.c_int(99)
        status = self.raw.imi_reader_suspect(self.reader, c.byref(out), c.byref(found))
        assert (status, found.value) in {(OK, 0), (OK, 1)}
        return out if found.value else None

    @property
    def error(self) -> str:
        """The words for the last status."""
        text: bytes = self.raw.imi_reader_error(self.reader)
        return text.decode()
