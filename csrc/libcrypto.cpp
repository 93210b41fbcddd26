#include "libcrypto.h"

#include <dlfcn.h>

#include <array>
#include <cstring>

#include "error.h"

namespace imi {
namespace {

constexpr unsigned long OLDEST = 0x30000000UL;  // 3.0.0: EVP_PKEY_fromdata, EVP_MD_fetch

}  // namespace

Libcrypto::Libcrypto(const std::string& file) {
    // RTLD_LOCAL: a second OpenSSL in the process (`cryptography` carries one) must not see ours.
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        const char* reason = dlerror();
        throw Error(Fault::backend_missing, reason != nullptr ? reason : file + " does not load");
    }
    const char* missing = nullptr;
    const char* missing_curve = nullptr;
#define IMI_FIND(absent, name)                                      \
    name = reinterpret_cast<decltype(name)>(dlsym(library, #name)); \
    if (name == nullptr && absent == nullptr) absent = #name;
#define IMI_NEED(result, name, arguments) IMI_FIND(missing, name)
#define IMI_WISH(result, name, arguments) IMI_FIND(missing_curve, name)
    IMI_LIBCRYPTO_FUNCTIONS(IMI_NEED)
    IMI_LIBCRYPTO_CURVE_FUNCTIONS(IMI_WISH)
#undef IMI_NEED
#undef IMI_WISH
#undef IMI_FIND
    if (OpenSSL_version_num != nullptr && OpenSSL_version_num() < OLDEST)
        throw Error(Fault::backend_missing,
                    file + " is " + OpenSSL_version(0) + "; the oldest we use is 3.0.0");
    if (missing != nullptr)
        throw Error(Fault::backend_missing, file + " has no " + std::string(missing));
    has_curve_calls_ = missing_curve == nullptr;

    Dl_info info{};
    const bool found = dladdr(reinterpret_cast<void*>(OpenSSL_version), &info) != 0;
    path_ = found && info.dli_fname != nullptr ? info.dli_fname : file;

    const ErrorScope scope(*this);
    sha256_ = EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
    sha384_ = EVP_MD_fetch(nullptr, "SHA2-384", nullptr);
    if (sha256_ == nullptr || sha384_ == nullptr) {
        EVP_MD_free(sha256_);
        EVP_MD_free(sha384_);
        fail("SHA2-256 and SHA2-384 cannot be fetched");
    }
}

Libcrypto::~Libcrypto() {
    EVP_MD_free(sha256_);
    EVP_MD_free(sha384_);
}

std::string Libcrypto::version() const { return OpenSSL_version(0); }

bool Libcrypto::fips() const { return EVP_default_properties_is_fips_enabled(nullptr) == 1; }

const evp_md_st* Libcrypto::digest(const char* name) const {
    return std::strcmp(name, "SHA2-384") == 0 ? sha384_ : sha256_;
}

void Libcrypto::fail(const char* what) const {
    std::array<char, 256> text{};
    ERR_error_string_n(ERR_peek_last_error(), text.data(), text.size());
    throw Error(Fault::backend_failure, version() + ": " + what + ": " + text.data());
}

}  // namespace imi
