// The signature engine's binding: converts, calls with the GIL released, converts back.
#include <pybind11/stl.h>

#include <algorithm>

#include "bind.h"
#include "ecdsa.h"
#include "ecdsa_bare.h"
#include "error.h"

namespace py = pybind11;

namespace imi {
namespace {

using ecdsa::Bytes;
using SharedLibcrypto = std::shared_ptr<Libcrypto>;

Bytes view(py::handle object, const char* what) {
    if (!PyBytes_Check(object.ptr()))  // nothing mutable: it is read with the GIL released
        throw py::type_error(std::string(what) + " is " + Py_TYPE(object.ptr())->tp_name +
                             "; bytes are wanted");
    return {reinterpret_cast<const uint8_t*>(PyBytes_AS_STRING(object.ptr())),
            static_cast<size_t>(PyBytes_GET_SIZE(object.ptr()))};
}

// A sequence of bytes objects, held by a tuple of our own, so that nobody can free them meanwhile.
class Held {
public:
    Held(py::handle sequence, const char* what) : what_(what) {
        PyObject* tuple = PySequence_Tuple(sequence.ptr());
        if (tuple == nullptr) throw py::error_already_set();
        tuple_ = py::reinterpret_steal<py::tuple>(tuple);
    }
    size_t size() const { return tuple_.size(); }
    py::handle item(size_t i) const { return PyTuple_GET_ITEM(tuple_.ptr(), i); }
    Bytes operator[](size_t i) const { return view(item(i), what_); }
    std::vector<Bytes> views() const {
        std::vector<Bytes> all(size());
        for (size_t i = 0; i < all.size(); i++) all[i] = (*this)[i];
        return all;
    }

private:
    const char* what_;
    py::tuple tuple_;
};

py::bytes bytes(const uint8_t* data, size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

const ecdsa::Curve& curve_of_width(size_t width) {
    if (width == ecdsa::P256.width) return ecdsa::P256;
    if (width == ecdsa::P384.width) return ecdsa::P384;
    throw Error(Fault::bad_argument,
                std::to_string(width) + " bytes a number; P-256 has 32, P-384 has 48");
}

const ecdsa::Curve& curve_of_signature(Bytes raw) {
    if (raw.size() == ecdsa::P256.signature_bytes()) return ecdsa::P256;
    if (raw.size() == ecdsa::P384.signature_bytes()) return ecdsa::P384;
    throw Error(Fault::bad_argument, "a raw signature of " + std::to_string(raw.size()) +
                                         " bytes; P-256 has 64, P-384 has 96");
}

// Throws unless r and s are in [1, n-1].
void demand_range(const ecdsa::Curve& curve, Bytes raw) {
    const ecdsa::Check check = ecdsa::check_form(curve, raw);
    if (check != ecdsa::Check::valid && check != ecdsa::Check::high_s)
        throw Error(Fault::bad_argument, "r or s of the signature is 0 or not below the order");
}

ecdsa::VerifyItem item(Bytes message, Bytes signature, py::handle key) {
    ecdsa::VerifyItem item{message, signature, std::nullopt};
    if (!key.is_none()) item.key = view(key, "a public key");
    return item;
}

int verify(ecdsa::Verifier& self, py::handle message, py::handle signature, py::handle key) {
    const auto one = item(view(message, "the message"), view(signature, "the signature"), key);
    ecdsa::Check verdict;
    {
        const py::gil_scoped_release release;
        self.verify_batch({&one, 1}, &verdict);
    }
    return static_cast<int>(verdict);
}

py::bytes verify_batch(ecdsa::Verifier& self, py::handle messages, py::handle signatures,
                       py::handle keys) {
    const Held message(messages, "a message"), signature(signatures, "a signature"),
        key(keys, "a public key");
    if (message.size() != signature.size() || message.size() != key.size())
        throw Error(Fault::bad_argument, std::to_string(message.size()) + " messages, " +
                                             std::to_string(signature.size()) + " signatures, " +
                                             std::to_string(key.size()) + " keys");
    std::vector<ecdsa::VerifyItem> items;
    items.reserve(message.size());
    for (size_t i = 0; i < message.size(); i++)
        items.push_back(item(message[i], signature[i], key.item(i)));
    std::vector<ecdsa::Check> verdicts(items.size());
    {
        const py::gil_scoped_release release;
        self.verify_batch(items, verdicts.data());
    }
    return bytes(reinterpret_cast<const uint8_t*>(verdicts.data()), verdicts.size());
}

py::list sign_batch(ecdsa::Signer& self, py::handle messages) {
    const Held held(messages, "a message");
    const std::vector<Bytes> views = held.views();
    std::vector<uint8_t> raws;
    {
        const py::gil_scoped_release release;
        raws = self.sign_batch(views);
    }
    const size_t each = views.empty() ? 0 : raws.size() / views.size();
    py::list list(views.size());
    for (size_t i = 0; i < views.size(); i++) list[i] = bytes(raws.data() + i * each, each);
    return list;
}

py::dict statistics(const ecdsa::Verifier& self) {
    const ecdsa::VerifierStatistics now = self.statistics();
    py::dict dict;
    dict["keys"] = now.cache.keys;
    dict["hot_keys"] = now.cache.hot_keys;
    dict["key_hits"] = now.cache.hits;
    dict["key_misses"] = now.cache.misses;
    dict["keys_refused"] = now.cache.refused;
    dict["key_evictions"] = now.cache.evictions;
    dict["tables_built"] = now.cache.tables_built;
    dict["table_evictions"] = now.cache.table_evictions;
    dict["hot_verifies"] = now.hot_verifies;
    dict["plain_verifies"] = now.plain_verifies;
    dict["tables_allowed"] = now.tables_allowed;
    return dict;
}

py::bytes raw_to_der(py::handle signature) {
    const Bytes raw = view(signature, "the signature");
    const ecdsa::Curve& curve = curve_of_signature(raw);
    demand_range(curve, raw);
    ecdsa::Der der;
    return bytes(der.data(), ecdsa::encode_der(curve, raw.data(), der));
}

py::bytes der_to_raw(py::handle signature, size_t width) {
    const Bytes der = view(signature, "the signature");
    const ecdsa::Curve& curve = curve_of_width(width);
    std::array<uint8_t, 2 * ecdsa::MAX_WIDTH> raw;
    if (!ecdsa::decode_der(curve, der, raw.data()))
        throw Error(Fault::bad_argument, "the signature of " + std::to_string(der.size()) +
                                             " bytes is not minimal DER of two integers of at "
                                             "most " +
                                             std::to_string(width) + " bytes");
    demand_range(curve, {raw.data(), curve.signature_bytes()});
    return bytes(raw.data(), curve.signature_bytes());
}

py::bytes lower_s(py::handle signature) {
    const Bytes given = view(signature, "the signature");
    const ecdsa::Curve& curve = curve_of_signature(given);
    demand_range(curve, given);
    std::array<uint8_t, 2 * ecdsa::MAX_WIDTH> raw;
    std::copy(given.begin(), given.end(), raw.begin());
    ecdsa::lower_s(curve, raw.data());
    return bytes(raw.data(), given.size());
}

void register_benchmark(py::module_& module) {
    using ecdsa::BareLoop;
    py::class_<BareLoop>(module, "EcdsaBareLoop")
        .def(py::init([](SharedLibcrypto lib, size_t width, py::bytes scalar, py::bytes point) {
                 return std::make_unique<BareLoop>(lib, curve_of_width(width),
                                                   view(scalar, "scalar"), view(point, "point"));
             }),
             py::arg("libcrypto"), py::arg("width"), py::arg("scalar"), py::arg("point"))
        .def("sign",
             [](BareLoop& self, py::handle messages) {
                 const Held held(messages, "a message");
                 py::list list;
                 for (const auto& der : self.sign(held.views()))
                     list.append(bytes(der.data(), der.size()));
                 return list;
             })
        .def("sign_and_drop",
             [](BareLoop& self, py::handle messages) {
                 const Held held(messages, "a message");
                 return self.sign_and_drop(held.views());
             })
        .def("verify", [](BareLoop& self, py::handle messages, py::handle ders) {
            const Held message(messages, "a message"), der(ders, "a signature");
            if (message.size() != der.size())
                throw Error(Fault::bad_argument, "messages and signatures differ in number");
            return self.verify(message.views(), der.views());
        });
}

}  // namespace

void register_signature(py::module_& module) {
    py::class_<Libcrypto, SharedLibcrypto>(module, "Libcrypto")
        .def(py::init<const std::string&>(), py::arg("file"))
        .def_property_readonly("version", &Libcrypto::version)
        .def_property_readonly("path", &Libcrypto::path)
        .def_property_readonly("fips", &Libcrypto::fips);

    py::class_<ecdsa::Signer>(module, "EcdsaSigner")
        .def(py::init([](SharedLibcrypto lib, size_t width, py::bytes scalar, py::bytes point) {
                 return std::make_unique<ecdsa::Signer>(lib, curve_of_width(width),
                                                        view(scalar, "the private key"),
                                                        view(point, "the public key"));
             }),
             py::arg("libcrypto"), py::arg("width"), py::arg("scalar"), py::arg("point"))
        .def("sign_batch", &sign_batch, py::arg("messages"));

    py::class_<ecdsa::Verifier>(module, "EcdsaVerifier")
        .def(py::init([](SharedLibcrypto lib, size_t keys, size_t hot_keys, uint64_t hot_after) {
                 return std::make_unique<ecdsa::Verifier>(
                     lib, ecdsa::CacheLimits{keys, hot_keys, hot_after});
             }),
             py::arg("libcrypto"), py::kw_only(), py::arg("cached_keys"), py::arg("hot_keys"),
             py::arg("hot_after"))
        .def("verify", &verify, py::arg("message"), py::arg("signature"), py::arg("public_key"))
        .def("verify_batch", &verify_batch, py::arg("messages"), py::arg("signatures"),
             py::arg("public_keys"))
        .def(
            "warm",
            [](ecdsa::Verifier& self, py::bytes key) {
                const Bytes point = view(key, "the public key");
                const py::gil_scoped_release release;
                return self.warm(point);
            },
            py::arg("public_key"))
        .def("statistics", &statistics);

    module.def(
        "ecdsa_check_form",
        [](size_t width, py::handle signature) {
            return static_cast<int>(
                ecdsa::check_form(curve_of_width(width), view(signature, "the signature")));
        },
        py::arg("width"), py::arg("signature"));
    module.def("ecdsa_raw_to_der", &raw_to_der, py::arg("signature"));
    module.def("ecdsa_der_to_raw", &der_to_raw, py::arg("signature"), py::arg("width"));
    module.def("ecdsa_lower_s", &lower_s, py::arg("signature"));
    register_benchmark(module);
}

}  // namespace imi
