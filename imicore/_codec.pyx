# cython: language_level=3, freethreading_compatible=True
"""Functions over bytes: Data Matrix codewords and modules, through csrc/."""

cdef extern from "cpu.h" namespace "imi" nogil:
    const char* isa_name()


def isa() -> str:
    """Return the name of the instruction set that the kernels use."""
    return isa_name().decode()
