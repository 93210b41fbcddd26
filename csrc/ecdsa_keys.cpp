#include "ecdsa_keys.h"

#include <new>

#include "error.h"

namespace imi::ecdsa {
namespace {

// EVP_PKEY_PUBLIC_KEY and EVP_PKEY_KEYPAIR of <openssl/evp.h>.
constexpr int PUBLIC_KEY = 0x86;
constexpr int KEY_PAIR = 0x87;

std::string_view text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Handle<evp_pkey_st> make_key(const Libcrypto& lib, const Curve& curve, Bytes point, Bytes scalar) {
    const ErrorScope scope(lib);
    Handle<ossl_param_bld_st> builder(lib.OSSL_PARAM_BLD_new(), lib.OSSL_PARAM_BLD_free);
    // The secure flag makes libcrypto wipe its copies, too.
    Handle<bignum_st> secret(scalar.empty() ? nullptr : lib.BN_secure_new(), lib.BN_clear_free);
    bool built =
        builder != nullptr &&
        lib.OSSL_PARAM_BLD_push_utf8_string(builder.get(), "group", curve.group, 0) == 1 &&
        lib.OSSL_PARAM_BLD_push_octet_string(builder.get(), "pub", point.data(), point.size()) == 1;
    if (built && !scalar.empty()) {
        built = secret != nullptr &&
                lib.BN_bin2bn(scalar.data(), static_cast<int>(scalar.size()), secret.get()) &&
                lib.OSSL_PARAM_BLD_push_BN(builder.get(), "priv", secret.get()) == 1;
    }
    Handle<ossl_param_st> parameters(built ? lib.OSSL_PARAM_BLD_to_param(builder.get()) : nullptr,
                                     lib.OSSL_PARAM_free);
    Handle<evp_pkey_ctx_st> context(lib.EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr),
                                    lib.EVP_PKEY_CTX_free);
    if (parameters == nullptr || context == nullptr ||
        lib.EVP_PKEY_fromdata_init(context.get()) != 1)
        lib.fail("EC keys cannot be made");
    evp_pkey_st* key = nullptr;
    const int selection = scalar.empty() ? PUBLIC_KEY : KEY_PAIR;
    if (lib.EVP_PKEY_fromdata(context.get(), &key, selection, parameters.get()) != 1) {
        lib.EVP_PKEY_free(key);
        key = nullptr;
    }
    return {key, lib.EVP_PKEY_free};
}

Handle<evp_pkey_ctx_st> ContextPool::take() {
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            Handle<evp_pkey_ctx_st> context = std::move(idle_.back());
            idle_.pop_back();
            return context;
        }
    }
    Handle<evp_pkey_ctx_st> context(lib_.EVP_PKEY_CTX_new_from_pkey(nullptr, key_, nullptr),
                                    lib_.EVP_PKEY_CTX_free);
    if (context == nullptr ||
        (operation_ == Operation::sign ? lib_.EVP_PKEY_sign_init(context.get())
                                       : lib_.EVP_PKEY_verify_init(context.get())) != 1)
        lib_.fail("ECDSA cannot be started");
    return context;
}

void ContextPool::give_back(Handle<evp_pkey_ctx_st> context) {
    try {
        const std::lock_guard lock(mutex_);
        idle_.push_back(std::move(context));
    } catch (const std::bad_alloc&) {
        // Called from a destructor: without room to keep it, the context is simply freed.
    }
}

std::shared_ptr<PublicKey> PublicKey::parse(const Libcrypto& lib, Bytes point) {
    const Curve* curve = curve_of_point(point);
    if (curve == nullptr) return nullptr;
    Handle<evp_pkey_st> key = make_key(lib, *curve, point, {});
    if (key == nullptr) return nullptr;
    return std::shared_ptr<PublicKey>(new PublicKey(lib, *curve, std::move(key)));
}

bool PublicKey::verify(const uint8_t* digest, const uint8_t* raw) {
    Der der;
    const size_t length = encode_der(curve_, raw, der);
    const ContextPool::Loan context(contexts_);
    // 0 and negative both mean "not valid": a signature in range cannot make the call itself fail.
    return lib_.EVP_PKEY_verify(context.get(), der.data(), length, digest, curve_.width) == 1;
}

KeyCache::Found KeyCache::use(Entry& entry, bool at_once) {
    Found found{entry.key, entry.table, false};
    if (entry.table != nullptr) {
        hot_.splice(hot_.begin(), hot_, entry.hot_place);
    } else if (!entry.asked && limits_.hot_keys > 0 && &entry.key->curve() == &P256 &&
               (at_once || entry.uses >= limits_.hot_after)) {
        entry.asked = found.build = true;
    }
    entry.uses++;
    return found;
}

KeyCache::Found KeyCache::find(Bytes point, bool at_once) {
    {
        const std::lock_guard lock(mutex_);
        const auto place = index_.find(text(point));
        if (place != index_.end()) {
            counts_.hits++;
            entries_.splice(entries_.begin(), entries_, place->second);
            return use(entries_.front(), at_once);
        }
    }
    std::shared_ptr<PublicKey> key = PublicKey::parse(lib_, point);
    const std::lock_guard lock(mutex_);
    if (key == nullptr) {  // not kept: garbage must not push good keys out
        counts_.refused++;
        return {};
    }
    counts_.misses++;
    const auto place = index_.find(text(point));  // another thread may have been faster
    if (place != index_.end()) return use(*place->second, at_once);
    entries_.push_front({std::string(text(point)), std::move(key), 0, false, nullptr, hot_.end()});
    index_.emplace(entries_.front().point, entries_.begin());
    if (entries_.size() > limits_.keys) {
        Entry& last = entries_.back();
        if (last.table != nullptr) hot_.erase(last.hot_place);
        index_.erase(last.point);
        entries_.pop_back();
        counts_.evictions++;
    }
    return use(entries_.front(), at_once);
}

void KeyCache::install(Bytes point, std::shared_ptr<const HotTable> table) {
    const std::lock_guard lock(mutex_);
    const auto place = index_.find(text(point));
    if (place == index_.end() || table == nullptr) return;
    Entry& entry = *place->second;
    if (entry.table != nullptr) return;
    entry.table = std::move(table);
    hot_.push_front(&entry);
    entry.hot_place = hot_.begin();
    counts_.tables_built++;
    if (hot_.size() > limits_.hot_keys) cool_one();
}

void KeyCache::cool_one() {
    // Its count starts anew: a table is built again only after the plain verifies that pay for it,
    // so that even keys in rotation never cost more than twice the better of the two ways.
    Entry& entry = *hot_.back();
    hot_.pop_back();
    entry.table = nullptr;
    entry.uses = 0;
    entry.asked = false;
    counts_.table_evictions++;
}

CacheStatistics KeyCache::statistics() const {
    const std::lock_guard lock(mutex_);
    CacheStatistics now = counts_;
    now.keys = entries_.size();
    now.hot_keys = hot_.size();
    return now;
}

}  // namespace imi::ecdsa
