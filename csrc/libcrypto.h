// The few calls of OpenSSL's libcrypto that we make, found at run time: dlopen with our own
// prototypes needs no headers to build and no DT_NEEDED to load, follows the distribution's
// security updates, and is the only road to its fips and pkcs11 providers.
// tests/imicore/libcrypto_prototypes.cpp compares these lists with the headers where they exist.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

// OpenSSL's own tags, at global scope, so that the comparison is of the same types.
struct bignum_ctx;
struct bignum_st;
struct bn_mont_ctx_st;
struct ec_group_st;
struct ec_point_st;
struct engine_st;
struct evp_md_ctx_st;
struct evp_md_st;
struct evp_pkey_ctx_st;
struct evp_pkey_st;
struct ossl_lib_ctx_st;
struct ossl_param_bld_st;
struct ossl_param_st;

// X(result, name, arguments): without these there is no backend. All are public in OpenSSL 3.0.
#define IMI_LIBCRYPTO_FUNCTIONS(X)                                                                 \
    X(unsigned long, OpenSSL_version_num, (void))                                                  \
    X(const char*, OpenSSL_version, (int))                                                         \
    X(void, OPENSSL_cleanse, (void*, size_t))                                                      \
    X(int, EVP_default_properties_is_fips_enabled, (ossl_lib_ctx_st*))                             \
    X(int, ERR_set_mark, (void))                                                                   \
    X(int, ERR_pop_to_mark, (void))                                                                \
    X(unsigned long, ERR_peek_last_error, (void))                                                  \
    X(void, ERR_error_string_n, (unsigned long, char*, size_t))                                    \
    X(evp_md_st*, EVP_MD_fetch, (ossl_lib_ctx_st*, const char*, const char*))                      \
    X(void, EVP_MD_free, (evp_md_st*))                                                             \
    X(evp_md_ctx_st*, EVP_MD_CTX_new, (void))                                                      \
    X(void, EVP_MD_CTX_free, (evp_md_ctx_st*))                                                     \
    X(int, EVP_DigestInit_ex, (evp_md_ctx_st*, const evp_md_st*, engine_st*))                      \
    X(int, EVP_DigestUpdate, (evp_md_ctx_st*, const void*, size_t))                                \
    X(int, EVP_DigestFinal_ex, (evp_md_ctx_st*, unsigned char*, unsigned*))                        \
    X(bignum_st*, BN_new, (void))                                                                  \
    X(bignum_st*, BN_secure_new, (void))                                                           \
    X(void, BN_clear_free, (bignum_st*))                                                           \
    X(bignum_st*, BN_bin2bn, (const unsigned char*, int, bignum_st*))                              \
    X(ossl_param_bld_st*, OSSL_PARAM_BLD_new, (void))                                              \
    X(void, OSSL_PARAM_BLD_free, (ossl_param_bld_st*))                                             \
    X(int, OSSL_PARAM_BLD_push_utf8_string,                                                        \
      (ossl_param_bld_st*, const char*, const char*, size_t))                                      \
    X(int, OSSL_PARAM_BLD_push_octet_string,                                                       \
      (ossl_param_bld_st*, const char*, const void*, size_t))                                      \
    X(int, OSSL_PARAM_BLD_push_BN, (ossl_param_bld_st*, const char*, const bignum_st*))            \
    X(ossl_param_st*, OSSL_PARAM_BLD_to_param, (ossl_param_bld_st*))                               \
    X(void, OSSL_PARAM_free, (ossl_param_st*))                                                     \
    X(evp_pkey_ctx_st*, EVP_PKEY_CTX_new_from_name, (ossl_lib_ctx_st*, const char*, const char*))  \
    X(evp_pkey_ctx_st*, EVP_PKEY_CTX_new_from_pkey, (ossl_lib_ctx_st*, evp_pkey_st*, const char*)) \
    X(void, EVP_PKEY_CTX_free, (evp_pkey_ctx_st*))                                                 \
    X(int, EVP_PKEY_fromdata_init, (evp_pkey_ctx_st*))                                             \
    X(int, EVP_PKEY_fromdata, (evp_pkey_ctx_st*, evp_pkey_st**, int, ossl_param_st*))              \
    X(void, EVP_PKEY_free, (evp_pkey_st*))                                                         \
    X(int, EVP_PKEY_sign_init, (evp_pkey_ctx_st*))                                                 \
    X(int, EVP_PKEY_sign,                                                                          \
      (evp_pkey_ctx_st*, unsigned char*, size_t*, const unsigned char*, size_t))                   \
    X(int, EVP_PKEY_verify_init, (evp_pkey_ctx_st*))                                               \
    X(int, EVP_PKEY_verify,                                                                        \
      (evp_pkey_ctx_st*, const unsigned char*, size_t, const unsigned char*, size_t))

// Without these (deprecated in 3.0, so a later release may drop them) there are no hot-key tables.
#define IMI_LIBCRYPTO_CURVE_FUNCTIONS(X)                                                         \
    X(bignum_ctx*, BN_CTX_new, (void))                                                           \
    X(void, BN_CTX_free, (bignum_ctx*))                                                          \
    X(void, BN_free, (bignum_st*))                                                               \
    X(int, BN_cmp, (const bignum_st*, const bignum_st*))                                         \
    X(int, BN_is_zero, (const bignum_st*))                                                       \
    X(int, BN_add, (bignum_st*, const bignum_st*, const bignum_st*))                             \
    X(int, BN_sub, (bignum_st*, const bignum_st*, const bignum_st*))                             \
    X(bignum_st*, BN_copy, (bignum_st*, const bignum_st*))                                       \
    X(bignum_st*, BN_mod_inverse, (bignum_st*, const bignum_st*, const bignum_st*, bignum_ctx*)) \
    X(bn_mont_ctx_st*, BN_MONT_CTX_new, (void))                                                  \
    X(void, BN_MONT_CTX_free, (bn_mont_ctx_st*))                                                 \
    X(int, BN_MONT_CTX_set, (bn_mont_ctx_st*, const bignum_st*, bignum_ctx*))                    \
    X(int, BN_mod_mul_montgomery,                                                                \
      (bignum_st*, const bignum_st*, const bignum_st*, bn_mont_ctx_st*, bignum_ctx*))            \
    X(int, BN_to_montgomery, (bignum_st*, const bignum_st*, bn_mont_ctx_st*, bignum_ctx*))       \
    X(ec_group_st*, EC_GROUP_new_by_curve_name, (int))                                           \
    X(ec_group_st*, EC_GROUP_dup, (const ec_group_st*))                                          \
    X(void, EC_GROUP_free, (ec_group_st*))                                                       \
    X(const bignum_st*, EC_GROUP_get0_order, (const ec_group_st*))                               \
    X(const bignum_st*, EC_GROUP_get0_cofactor, (const ec_group_st*))                            \
    X(const bignum_st*, EC_GROUP_get0_field, (const ec_group_st*))                               \
    X(int, EC_GROUP_set_generator,                                                               \
      (ec_group_st*, const ec_point_st*, const bignum_st*, const bignum_st*))                    \
    X(int, EC_GROUP_precompute_mult, (ec_group_st*, bignum_ctx*))                                \
    X(int, EC_GROUP_have_precompute_mult, (const ec_group_st*))                                  \
    X(ec_point_st*, EC_POINT_new, (const ec_group_st*))                                          \
    X(void, EC_POINT_free, (ec_point_st*))                                                       \
    X(int, EC_POINT_oct2point,                                                                   \
      (const ec_group_st*, ec_point_st*, const unsigned char*, size_t, bignum_ctx*))             \
    X(int, EC_POINT_is_on_curve, (const ec_group_st*, const ec_point_st*, bignum_ctx*))          \
    X(int, EC_POINT_is_at_infinity, (const ec_group_st*, const ec_point_st*))                    \
    X(int, EC_POINT_mul,                                                                         \
      (const ec_group_st*, ec_point_st*, const bignum_st*, const ec_point_st*, const bignum_st*, \
       bignum_ctx*))                                                                             \
    X(int, EC_POINT_add,                                                                         \
      (const ec_group_st*, ec_point_st*, const ec_point_st*, const ec_point_st*, bignum_ctx*))   \
    X(int, EC_POINT_get_affine_coordinates,                                                      \
      (const ec_group_st*, const ec_point_st*, bignum_st*, bignum_st*, bignum_ctx*))

namespace imi {

// A libcrypto that was found, of version 3.0 or later. Immutable; safe to share between threads.
// The library stays loaded for the life of the process: other modules may hold it too.
class Libcrypto {
public:
    // `file` as dlopen takes it, e.g. "libcrypto.so.3". Throws Fault::backend_missing where it is
    // absent, older than 3.0 or lacks a call; Fault::backend_failure where it has no SHA-2 (a FIPS
    // configuration without its provider: no fall-back may hide that).
    explicit Libcrypto(const std::string& file);
    ~Libcrypto();
    Libcrypto(const Libcrypto&) = delete;
    Libcrypto& operator=(const Libcrypto&) = delete;

    std::string version() const;  // "OpenSSL 3.0.19 27 Jan 2026"
    const std::string& path() const { return path_; }
    bool has_curve_calls() const { return has_curve_calls_; }
    bool fips() const;  // the default properties demand fips=yes; says nothing of validation
    const evp_md_st* digest(const char* name) const;  // "SHA2-256" or "SHA2-384"

    // Throws Fault::backend_failure with the library's last word.
    [[noreturn]] void fail(const char* what) const;

#define IMI_MEMBER(result, name, arguments) result(*name) arguments = nullptr;
    IMI_LIBCRYPTO_FUNCTIONS(IMI_MEMBER)
    IMI_LIBCRYPTO_CURVE_FUNCTIONS(IMI_MEMBER)
#undef IMI_MEMBER

private:
    std::string path_;
    bool has_curve_calls_ = false;
    evp_md_st* sha256_ = nullptr;
    evp_md_st* sha384_ = nullptr;
};

template <class T>
using Handle = std::unique_ptr<T, void (*)(T*)>;  // a libcrypto object and the call that frees it

// Whatever goes wrong inside leaves no trace in the thread's error queue, which Python's ssl module
// reads too.
class ErrorScope {
public:
    explicit ErrorScope(const Libcrypto& lib) : lib_(lib) { lib_.ERR_set_mark(); }
    ~ErrorScope() { lib_.ERR_pop_to_mark(); }
    ErrorScope(const ErrorScope&) = delete;
    ErrorScope& operator=(const ErrorScope&) = delete;

private:
    const Libcrypto& lib_;
};

}  // namespace imi
