// Parsed public keys: what libcrypto needs to verify, kept so that it is made once per key.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ecdsa_form.h"
#include "ecdsa_hot.h"
#include "libcrypto.h"

namespace imi::ecdsa {

// A key from its parts: the raw point (with its curve checks) and, for signing, the big-endian
// scalar. Null when libcrypto refuses the point. From the point, because SPKI DER costs 202 us on
// 3.0 where the point costs 18 (openssl/openssl#20051).
Handle<evp_pkey_st> make_key(const Libcrypto& lib, const Curve& curve, Bytes point, Bytes scalar);

// Hands a key's operation contexts to one thread at a time: a new one costs 3.3 us on 3.0, so they
// are kept. As many exist as threads ever worked on the key at once.
class ContextPool {
public:
    enum class Operation { sign, verify };

    ContextPool(const Libcrypto& lib, evp_pkey_st* key, Operation operation)
        : lib_(lib), key_(key), operation_(operation) {}

    class Loan {
    public:
        explicit Loan(ContextPool& pool) : pool_(pool), context_(pool.take()) {}
        ~Loan() { pool_.give_back(std::move(context_)); }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        evp_pkey_ctx_st* get() const { return context_.get(); }

    private:
        ContextPool& pool_;
        Handle<evp_pkey_ctx_st> context_;
    };

private:
    Handle<evp_pkey_ctx_st> take();
    void give_back(Handle<evp_pkey_ctx_st> context);

    const Libcrypto& lib_;
    evp_pkey_st* key_;
    Operation operation_;
    std::mutex mutex_;
    std::vector<Handle<evp_pkey_ctx_st>> idle_;
};

class PublicKey {
public:
    // Null when `point` is no point of its curve.
    static std::shared_ptr<PublicKey> parse(const Libcrypto& lib, Bytes point);

    const Curve& curve() const { return curve_; }
    // `raw` has passed check_form; `digest` is curve().width bytes.
    bool verify(const uint8_t* digest, const uint8_t* raw);

private:
    PublicKey(const Libcrypto& lib, const Curve& curve, Handle<evp_pkey_st> key)
        : lib_(lib),
          curve_(curve),
          key_(std::move(key)),
          contexts_(lib, key_.get(), ContextPool::Operation::verify) {}

    const Libcrypto& lib_;
    const Curve& curve_;
    Handle<evp_pkey_st> key_;
    ContextPool contexts_;
};

struct CacheLimits {
    size_t keys;         // parsed keys kept, about 3 kB each
    size_t hot_keys;     // of these, keys with a table, about 156 kB each; 0 forbids tables
    uint64_t hot_after;  // plain verifies of one key before its table is built; 0 at once
};

struct CacheStatistics {
    uint64_t keys = 0, hot_keys = 0;  // held now
    uint64_t hits = 0, misses = 0, refused = 0, evictions = 0;
    uint64_t tables_built = 0, table_evictions = 0;
};

// Least recently used keys go first; so do tables, whose key then starts its count anew. Safe from
// any number of threads: parsing and table building happen outside the lock.
class KeyCache {
public:
    struct Found {
        std::shared_ptr<PublicKey> key;         // null: no such point
        std::shared_ptr<const HotTable> table;  // null: verify the plain way
        bool build = false;                     // the caller shall build the table and install it
    };

    KeyCache(const Libcrypto& lib, CacheLimits limits) : lib_(lib), limits_(limits) {}

    // `at_once` asks for a table now, whatever the count says.
    Found find(Bytes point, bool at_once = false);
    // A null table says that none could be made; the key is not asked for one again.
    void install(Bytes point, std::shared_ptr<const HotTable> table);
    CacheStatistics statistics() const;

private:
    struct Entry;
    using Entries = std::list<Entry>;
    struct Entry {
        std::string point;
        std::shared_ptr<PublicKey> key;
        uint64_t uses = 0;
        bool asked = false;  // somebody builds the table, or nobody can
        std::shared_ptr<const HotTable> table;
        std::list<Entry*>::iterator hot_place;
    };

    Found use(Entry& entry, bool at_once);  // both need the lock
    void cool_one();

    const Libcrypto& lib_;
    const CacheLimits limits_;
    mutable std::mutex mutex_;
    Entries entries_;        // most recently used in front
    std::list<Entry*> hot_;  // the same order, those with a table
    std::unordered_map<std::string_view, Entries::iterator> index_;  // views of Entry::point
    CacheStatistics counts_;
};

}  // namespace imi::ecdsa
