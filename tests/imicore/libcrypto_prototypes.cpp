// Compiles only if every prototype of csrc/libcrypto.h is OpenSSL's own. Never linked.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include <string_view>
#include <type_traits>

#include "ecdsa_form.h"
#include "libcrypto.h"

#ifdef IMI_PLANTED  // a wrong prototype, to see that this file can fail
#define IMI_PLANT(X) X(int, BN_free, (bignum_st*))
#else
#define IMI_PLANT(X)
#endif

#define IMI_SAME(result, name, arguments) \
    static_assert(std::is_same_v<decltype(&::name), result(*) arguments>, #name);
IMI_LIBCRYPTO_FUNCTIONS(IMI_SAME)
IMI_LIBCRYPTO_CURVE_FUNCTIONS(IMI_SAME)
IMI_PLANT(IMI_SAME)

static_assert(EVP_PKEY_PUBLIC_KEY == 0x86 && EVP_PKEY_KEYPAIR == 0x87);  // ecdsa_keys.cpp
static_assert(NID_X9_62_prime256v1 == 415 && NID_secp384r1 == 715);      // ecdsa_form.cpp
static_assert(OPENSSL_VERSION == 0);                                     // libcrypto.cpp
static_assert(std::string_view(OSSL_PKEY_PARAM_GROUP_NAME) == "group" &&
              std::string_view(OSSL_PKEY_PARAM_PUB_KEY) == "pub" &&
              std::string_view(OSSL_PKEY_PARAM_PRIV_KEY) == "priv");
