// Fault -> Python exception. Both bindings use it, so that both raise the same class.
#pragma once

#include <Python.h>

#include "error.h"

namespace imi {

inline const char* python_class(Fault fault) {
    switch (fault) {  // no default: a new Fault must be named here
        case Fault::bad_argument:
            return "BadArgument";
        case Fault::payload_too_long:
            return "PayloadTooLong";
        case Fault::no_such_size:
            return "NoSuchSize";
        case Fault::not_encodable:
            return "NotEncodable";
        case Fault::uncorrectable:
            return "Uncorrectable";
        case Fault::malformed_codewords:
            return "MalformedPayload";
        case Fault::backend_missing:
            return "BackendMissing";
        case Fault::backend_failure:
            return "BackendFailure";
    }
    return "ImiError";
}

// Sets the Python error for `error`. Needs the GIL.
inline void raise_python(const Error& error) {
    PyObject* module = PyImport_ImportModule("imicore.errors");
    if (module == nullptr) return;
    PyObject* type = PyObject_GetAttrString(module, python_class(error.fault()));
    Py_DECREF(module);
    if (type == nullptr) return;
    PyErr_SetString(type, error.what());
    Py_DECREF(type);
}

// For Cython's `except +raise_current`: called inside a catch block.
inline void raise_current() {
    try {
        throw;
    } catch (const Error& error) {
        raise_python(error);
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
}

}  // namespace imi
