# cython: language_level=3, boundscheck=False, freethreading_compatible=True, embedsignature=True, binding=True, auto_pickle=False
"""Functions over bytes: Data Matrix codewords and modules, through csrc/.

Lowest of three levels: ``imicore.datamatrix.encode`` and ``decode`` for users,
``imicore.datamatrix.symbol_from_codewords`` for people with codewords, these for the curious.
"""

cimport cython
cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int16_t, uint8_t, uint16_t
from libc.string cimport memcpy
from libcpp cimport bool as cbool
from libcpp.vector cimport vector

from imicore.errors import BadArgument, NoSuchSize, Uncorrectable

cnp.import_array()

cdef extern from "_raise.h" namespace "imi":
    void raise_current()


cdef extern from "cpu.h" namespace "imi" nogil:
    const char* isa_name()


cdef extern from "symbol_sizes.h" namespace "imi" nogil:
    cdef cppclass SymbolSize:
        int16_t rows, columns
        int regions_down, regions_across
        int16_t data_codewords
        int blocks
        cbool dmre
        int codewords()
        int error_codewords()
        int base256_bytes()
        int modules()

    const int kSymbolSizes
    const int kMaxDataCodewords
    const SymbolSize* find_size(int rows, int columns)


cdef extern from "codec_calls.h" namespace "imi" nogil:
    cdef cppclass Codewords:
        const SymbolSize* size
        int used
    cdef cppclass Decoded:
        vector[uint8_t] payload
        int errors_corrected, erasures
        cbool gs1, industry, reader_programming
        int macro, eci, append_index, append_total, append_file_id, data_codewords_used

    void c_draw "imi::draw"(Codewords& codewords, uint8_t* modules)
    void c_collect "imi::collect"(const SymbolSize& size, const uint8_t* modules, uint8_t* codewords)
    int c_rs_reserve "imi::rs_reserve"(int parity, int erasures)
    uint8_t c_multiply "imi::gf256::multiply"(uint8_t a, uint8_t b)
    uint8_t c_inverse "imi::gf256::inverse"(uint8_t a)
    uint8_t c_power "imi::gf256::power"(int exponent)


cdef extern from "codec_calls.h" namespace "imi::calls" nogil:
    cdef cppclass Batch:
        void add(const uint8_t* payload, size_t length)
        void write(const SymbolSize* size, int shape, int encodation) except +raise_current
        size_t count()
        size_t chunk_end(size_t begin)
        const SymbolSize* size(size_t i)
        void draw(size_t begin, size_t end, uint8_t* modules)

    cdef cppclass ChunkPool:
        @staticmethod
        uint8_t* take() except +
        @staticmethod
        void give(uint8_t* chunk)

    const SymbolSize* size_at(int i)
    void write_message(const uint8_t* payload, size_t length, const SymbolSize* size, int shape,
                       int encodation, Codewords& out) except +raise_current
    int c_fewest_codewords "imi::calls::fewest_codewords"(const uint8_t* payload, size_t length,
                                                          int capacity) except +raise_current
    void load_codewords(const uint8_t* data, const SymbolSize* size, Codewords& out)
    void c_decode "imi::calls::decode"(const uint8_t* modules, const SymbolSize* size,
                                       const uint8_t* doubt, Decoded& out) except +raise_current
    void c_read_message "imi::calls::read_message"(const uint8_t* data, size_t length,
                                                   Decoded& out) except +raise_current
    const uint16_t* c_module_indices "imi::calls::module_indices"(const SymbolSize& size)
    void c_rs_encode "imi::calls::rs_encode"(const uint8_t* data, size_t length, uint8_t* parity,
                                             size_t parity_length, cbool portable)
    int c_rs_correct "imi::calls::rs_correct"(uint8_t* block, size_t length, int parity,
                                              const vector[int]& erasures, int reserve)


cdef extern from "numpy/arrayobject.h":
    object PyArray_NewFromDescr(type subtype, cnp.dtype descr, int nd, const cnp.npy_intp* dims,
                                const cnp.npy_intp* strides, void* data, int flags, object obj)

# In the order of the enums in csrc/encodation.h.
cdef dict _ENCODATIONS = {
    "auto": 0, "ascii": 1, "c40": 2, "text": 3, "x12": 4, "edifact": 5, "base256": 6,
}
cdef dict _SHAPES = {"square": 0, "rectangle": 1, "dmre": 2, "any": 3}


@cython.final
@cython.no_gc
@cython.freelist(32)
cdef class _Chunk:
    """Memory for the modules of several symbols; their arrays' base."""

    cdef uint8_t* data

    def __cinit__(self):
        self.data = ChunkPool.take()

    def __dealloc__(self):
        if self.data != NULL:
            ChunkPool.give(self.data)


@cython.final
@cython.no_gc
@cython.freelist(256)
cdef class Symbol:
    """One Data Matrix symbol, drawn: ``modules``, ``rows``, ``columns``, ``size``, ``codewords``.

    Made by ``imicore.datamatrix.encode`` and its relatives, not by hand. The modules are placed when
    the symbol is returned.
    """

    cdef readonly cnp.ndarray modules
    """bool[rows, columns], True = dark, no quiet zone; read-only."""
    cdef const SymbolSize* _size

    def __init__(self):
        raise TypeError("a Symbol is made by imicore.datamatrix.encode, not by hand")

    cdef const SymbolSize* known(self) except NULL:
        if self._size == NULL:  # Symbol.__new__ gets round __init__
            raise TypeError("this Symbol was not made by imicore.datamatrix.encode")
        return self._size

    @property
    def rows(self) -> int:
        """Modules from top to bottom, finder and timing included: 8 to 144."""
        return self.known().rows

    @property
    def columns(self) -> int:
        """Modules from left to right, finder and timing included: 10 to 144."""
        return self.known().columns

    @property
    def size(self) -> tuple:
        """``(rows, columns)``, as ``encode`` takes it."""
        return (self.known().rows, self.known().columns)

    @property
    def codewords(self) -> bytes:
        """Data codewords, then error codewords, in the order of ISO/IEC 16022."""
        cdef uint8_t[2178] out
        c_collect(self.known()[0], <const uint8_t*> cnp.PyArray_DATA(self.modules), out)
        return PyBytes_FromStringAndSize(<char*> out, self._size.codewords())

    def __repr__(self):
        return f"<Symbol {self.known().rows}x{self._size.columns}>"

    def __reduce__(self):
        data = self.codewords[: self._size.data_codewords]
        return symbol_from_codewords, (data, self.size)


cdef const SymbolSize* _find_size(object size) except? NULL:
    cdef int rows, columns
    if size is None:
        return NULL
    try:
        rows, columns = size
    except (TypeError, ValueError, OverflowError):
        raise BadArgument(f"size is {size!r}; it is (rows, columns) or None") from None
    found = find_size(rows, columns)
    if found == NULL:
        raise NoSuchSize(f"{rows}x{columns} is not one of the 48 symbol sizes")
    return found


cdef int _choice(dict choices, object name, str what) except -1:
    found = choices.get(name)
    if found is None:
        raise BadArgument(f"{what} is {name!r}; it is one of {', '.join(choices)}")
    return found


cdef inline Symbol _symbol(const SymbolSize* size, cnp.ndarray modules):
    cdef Symbol symbol = Symbol.__new__(Symbol)
    symbol.modules = modules
    symbol._size = size
    return symbol


cdef inline cnp.ndarray _modules(const SymbolSize* size, void* data):
    """Return a bool array over `data`, or over memory of its own when that is NULL."""
    cdef cnp.npy_intp[2] shape
    cdef cnp.dtype bool_type = cnp.PyArray_DescrFromType(cnp.NPY_BOOL)
    shape[0] = size.rows
    shape[1] = size.columns
    Py_INCREF(bool_type)  # the array takes this reference
    return PyArray_NewFromDescr(cnp.ndarray, bool_type, 2, shape, NULL, data,
                                cnp.NPY_ARRAY_CARRAY_RO if data != NULL else 0, None)


cdef Symbol _draw(Codewords& codewords):
    modules = _modules(codewords.size, NULL)
    c_draw(codewords, <uint8_t*> cnp.PyArray_DATA(modules))
    cnp.PyArray_CLEARFLAGS(modules, cnp.NPY_ARRAY_WRITEABLE)
    return _symbol(codewords.size, modules)


def isa() -> str:
    """Return the name of the instruction set that the kernels use."""
    return isa_name().decode()


def symbol_sizes() -> list:
    """Return (rows, columns, regions down, regions across, data codewords, blocks, DMRE), 48 times."""
    sizes = []
    for i in range(kSymbolSizes):
        s = size_at(i)
        sizes.append((s.rows, s.columns, s.regions_down, s.regions_across, s.data_codewords,
                      s.error_codewords(), s.blocks, bool(s.dmre), s.base256_bytes()))
    return sizes


def encode(bytes payload not None, *, object size=None, str shape="square",
           str encodation="auto") -> Symbol:
    """Return the symbol that holds `payload`, its modules placed.

    Args:
        payload: any bytes, also none.
        size: (rows, columns) of one of the 48 sizes; None takes the smallest of `shape` that fits.
        shape: "square", "rectangle", "dmre" or "any"; of no effect when `size` is given.
        encodation: "auto" takes the fewest codewords that any stream of the six encodations takes;
            "ascii", "c40", "text", "x12", "edifact" and "base256" stay in one, but for the last
            bytes where these fill no group. Indicia pass "base256".

    Raises:
        PayloadTooLong, NoSuchSize, BadArgument: the size or the words do not fit.
        NotEncodable: a byte is not in X12 or EDIFACT.

    Levels: ``symbol_from_codewords`` takes codewords, ``_codec.rs_encode`` is one block.

    >>> from imicore import datamatrix
    >>> datamatrix.encode(bytes(109), encodation="base256").size
    (40, 40)
    """
    cdef Codewords codewords
    cdef const SymbolSize* wanted = _find_size(size)
    cdef int shape_number = _choice(_SHAPES, shape, "shape")
    cdef int encodation_number = _choice(_ENCODATIONS, encodation, "encodation")
    cdef const uint8_t* data = <const uint8_t*> PyBytes_AS_STRING(payload)
    cdef size_t length = <size_t> PyBytes_GET_SIZE(payload)
    if encodation_number == 6:  # under a microsecond: not worth a turn of the GIL
        write_message(data, length, wanted, shape_number, encodation_number, codewords)
    else:
        with nogil:
            write_message(data, length, wanted, shape_number, encodation_number, codewords)
    return _draw(codewords)


def encode_many(object payloads not None, *, object size=None, str shape="square",
                str encodation="auto") -> list:
    """Return the symbols of all `payloads`, in their order; arguments and errors as in `encode`.

    The symbols of a batch share memory by the chunk of 64 KiB: one that is kept for long keeps its
    chunk. All or none: an error for one payload is raised before any symbol is drawn.

    >>> from imicore import datamatrix
    >>> [symbol.size for symbol in datamatrix.encode_many([b"A1", bytes(113)], encodation="base256")]
    [(12, 12), (44, 44)]
    """
    cdef Batch batch
    cdef list every = list(payloads)  # keeps the bytes alive
    cdef const SymbolSize* wanted = _find_size(size)
    cdef int shape_number = _choice(_SHAPES, shape, "shape")
    cdef int encodation_number = _choice(_ENCODATIONS, encodation, "encodation")
    cdef size_t begin = 0, end, i
    cdef list symbols = []
    cdef uint8_t* to
    cdef _Chunk chunk
    cdef cnp.ndarray modules
    for payload in every:
        if type(payload) is not bytes:
            raise TypeError(f"payload {batch.count()} is {type(payload).__name__}, not bytes")
        batch.add(<const uint8_t*> PyBytes_AS_STRING(payload), <size_t> PyBytes_GET_SIZE(payload))
    with nogil:
        batch.write(wanted, shape_number, encodation_number)
    while begin < batch.count():
        end = batch.chunk_end(begin)
        chunk = _Chunk()
        to = chunk.data
        with nogil:
            batch.draw(begin, end, to)
        for i in range(begin, end):
            modules = _modules(batch.size(i), to)
            Py_INCREF(chunk)  # the array takes this reference
            cnp.PyArray_SetBaseObject(modules, chunk)
            symbols.append(_symbol(batch.size(i), modules))
            to += batch.size(i).modules()
        begin = end
    return symbols


def symbol_from_codewords(bytes data not None, object size not None) -> Symbol:
    """Return the symbol of `size` with exactly these data codewords; error codewords are added.

    Middle of three levels, for people with codewords: what they say is not looked at. `encode` is
    above, `rs_encode` below.

    Raises:
        NoSuchSize: `size` is not one of the 48.
        BadArgument: the number of codewords is not that of the size.

    >>> from imicore import datamatrix
    >>> list(datamatrix.symbol_from_codewords(bytes([142, 164, 186]), (10, 10)).codewords)
    [142, 164, 186, 114, 25, 5, 88, 102]
    """
    cdef Codewords codewords
    cdef const SymbolSize* wanted = _find_size(size)
    if PyBytes_GET_SIZE(data) != wanted.data_codewords:
        raise BadArgument(f"{len(data)} data codewords are given; a symbol of {wanted.rows}x"
                          f"{wanted.columns} has {wanted.data_codewords}")
    load_codewords(<const uint8_t*> PyBytes_AS_STRING(data), wanted, codewords)
    return _draw(codewords)


cdef tuple _fields(Decoded& d):
    payload = PyBytes_FromStringAndSize(<char*> d.payload.data(), <Py_ssize_t> d.payload.size())
    return (payload, d.errors_corrected, d.erasures, bool(d.gs1), bool(d.industry),
            bool(d.reader_programming), d.macro, None if d.eci < 0 else d.eci, d.append_index,
            d.append_total, d.append_file_id, d.data_codewords_used)


def decode(const uint8_t[:, ::1] modules not None, const uint8_t[:, ::1] doubt=None) -> tuple:
    """Return the fields of ``imicore.datamatrix.Decoded`` for uint8 modules, non-zero = dark."""
    cdef Decoded found
    cdef const uint8_t* doubts = NULL
    cdef const SymbolSize* size = NULL
    if modules.shape[0] <= 144 and modules.shape[1] <= 144:
        size = find_size(<int> modules.shape[0], <int> modules.shape[1])
    if size == NULL:
        raise NoSuchSize(f"{modules.shape[0]}x{modules.shape[1]} is not one of the 48 symbol sizes")
    if doubt is not None:
        if doubt.shape[0] != size.rows or doubt.shape[1] != size.columns:
            raise BadArgument(f"doubt is {doubt.shape[0]}x{doubt.shape[1]}; the modules are "
                              f"{size.rows}x{size.columns}")
        doubts = &doubt[0, 0]
    with nogil:
        c_decode(&modules[0, 0], size, doubts, found)
    return _fields(found)


def read_message(bytes data not None) -> tuple:
    """Return the fields of ``imicore.datamatrix.Decoded`` for corrected data codewords."""
    cdef Decoded found
    c_read_message(<const uint8_t*> PyBytes_AS_STRING(data), <size_t> PyBytes_GET_SIZE(data), found)
    return _fields(found)


def fewest_codewords(bytes payload not None, int capacity) -> int | None:
    """Return the data codewords before the first pad that "auto" takes, or None if none fits.

    `capacity` is that of the symbol, real or not, in data codewords.
    """
    cdef int used
    if not 0 <= capacity <= kMaxDataCodewords:
        raise BadArgument(f"capacity is {capacity} data codewords; it is 0 to {kMaxDataCodewords}")
    used = c_fewest_codewords(<const uint8_t*> PyBytes_AS_STRING(payload),
                              <size_t> PyBytes_GET_SIZE(payload), capacity)
    return None if used < 0 else used


cdef int _check_block(Py_ssize_t data, Py_ssize_t parity) except -1:
    if not 1 <= parity <= 68:
        raise BadArgument(f"parity is {parity} codewords; a block has 1 to 68")
    if data > 255 - parity:
        raise BadArgument(f"the block has {data + parity} codewords; the field allows 255")
    return 0


def rs_encode(bytes data not None, Py_ssize_t parity_len, *, bint portable=False) -> bytes:
    """Return the error codewords of one block (ISO/IEC 16022:2006 5.7, Annex E).

    Lowest of three levels; `parity_len` is 1 to 68, and data and parity together at most 255.
    `portable` takes the variant without vector instructions.

    >>> list(rs_encode(bytes([142, 164, 186]), 5))
    [114, 25, 5, 88, 102]
    """
    cdef uint8_t[68] parity
    _check_block(PyBytes_GET_SIZE(data), parity_len)
    c_rs_encode(<const uint8_t*> PyBytes_AS_STRING(data), <size_t> PyBytes_GET_SIZE(data), parity,
                <size_t> parity_len, portable)
    return PyBytes_FromStringAndSize(<char*> parity, parity_len)


def rs_correct(bytes block not None, Py_ssize_t parity_len, *, object erasures=(),
               object reserve=None) -> tuple:
    """Return (corrected block, codewords changed outside `erasures`).

    Args:
        block: data and error codewords.
        parity_len: error codewords in it, 1 to 68.
        erasures: indices into `block` of codewords that are not to be trusted.
        reserve: error codewords kept for detection; None takes the standard's: 3 when more than
            half are spent on erasures, else 0 (ISO/IEC 16022:2006 5.7.3).

    Raises:
        Uncorrectable: no codeword has 2 * errors + erasures + reserve <= parity_len. The answer is
            proven: its syndromes vanish.

    >>> rs_correct(bytes([142, 0, 186, 114, 25, 5, 0, 102]), 5)[0][:3] == bytes([142, 164, 186])
    True
    """
    cdef uint8_t[255] work
    cdef vector[int] places
    cdef Py_ssize_t length = PyBytes_GET_SIZE(block)
    cdef int errors, reserved
    _check_block(length - parity_len if 0 <= parity_len <= 68 else 0, parity_len)
    if length <= parity_len:
        raise BadArgument(f"the block has {length} codewords, {parity_len} of them for errors; "
                          "no data is left")
    for place in sorted(set(erasures)):
        if not 0 <= place < length:
            raise BadArgument(f"erasure at {place}; the block has {length} codewords")
        places.push_back(place)
    if reserve is None:
        reserve = c_rs_reserve(<int> parity_len, <int> places.size())
    elif not 0 <= reserve <= parity_len:
        raise BadArgument(f"reserve is {reserve}; it is 0 to {parity_len}")
    reserved = reserve
    memcpy(work, PyBytes_AS_STRING(block), <size_t> length)
    errors = c_rs_correct(work, <size_t> length, <int> parity_len, places, reserved)
    if errors < 0:
        raise Uncorrectable(f"{parity_len} error codewords do not correct this block with "
                            f"{places.size()} erasures")
    return PyBytes_FromStringAndSize(<char*> work, length), errors


def gf_multiply(uint8_t a, uint8_t b) -> int:
    """Return the product in GF(256) modulo 0x12D."""
    return c_multiply(a, b)


def gf_inverse(uint8_t a) -> int:
    """Return 1 / a in GF(256) modulo 0x12D; `a` is not 0."""
    if a == 0:
        raise ZeroDivisionError("0 has no inverse in GF(256)")
    return c_inverse(a)


def gf_power(int exponent) -> int:
    """Return alpha to the power `exponent`, reduced modulo 255."""
    return c_power(exponent % 255)


def module_indices(object size not None) -> list:
    """Return row * columns + column of every module of every codeword, most significant first."""
    cdef const SymbolSize* wanted = _find_size(size)
    cdef const uint16_t* indices = c_module_indices(wanted[0])
    cdef int i
    return [indices[i] for i in range(8 * wanted.codewords())]
