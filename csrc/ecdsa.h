// ECDSA over whole messages: raw r||s in and out, low s made and demanded, in batches. The nonce is
// libcrypto's own; this code neither computes nor sees one.
#pragma once

#include <optional>
#include <vector>

#include "ecdsa_form.h"
#include "ecdsa_hot.h"
#include "ecdsa_keys.h"
#include "libcrypto.h"

namespace imi::ecdsa {

// Digests of one thread, its context made once.
class Hasher {
public:
    explicit Hasher(const Libcrypto& lib);
    void digest(const Curve& curve, Bytes message, uint8_t* out);  // curve.width bytes

private:
    const Libcrypto& lib_;
    Handle<evp_md_ctx_st> context_;
};

// Holds one private key. Safe from any number of threads.
class Signer {
public:
    // `scalar` is curve.width bytes, big-endian; `point` the public key that belongs to it. Throws
    // Fault::bad_argument where they are no pair.
    Signer(std::shared_ptr<const Libcrypto> lib, const Curve& curve, Bytes scalar, Bytes point);

    // Signatures of all messages, curve.signature_bytes() each, one after the other.
    std::vector<uint8_t> sign_batch(std::span<const Bytes> messages);

private:
    const std::shared_ptr<const Libcrypto> lib_;
    const Curve& curve_;
    Handle<evp_pkey_st> key_;
    ContextPool contexts_;
};

struct VerifyItem {
    Bytes message, signature;
    std::optional<Bytes> key;  // a point; none: the caller knows no key
};

struct VerifierStatistics {
    CacheStatistics cache;
    uint64_t hot_verifies = 0, plain_verifies = 0;
    bool tables_allowed = false;
};

// Holds parsed keys and tables of the keys seen often. Safe from any number of threads.
class Verifier {
public:
    Verifier(std::shared_ptr<const Libcrypto> lib, CacheLimits limits);

    // One Check for each item, the first thing wrong in the order: key, form, signature.
    void verify_batch(std::span<const VerifyItem> items, Check* verdicts);
    // Builds the key's table now. False where tables are off or the key cannot have one.
    bool warm(Bytes key);
    VerifierStatistics statistics() const;

private:
    KeyCache::Found find(Bytes key, bool at_once);

    const std::shared_ptr<const Libcrypto> lib_;
    const std::unique_ptr<HotVerifier> hot_;
    KeyCache keys_;
    std::atomic<uint64_t> hot_verifies_ = 0, plain_verifies_ = 0;
};

}  // namespace imi::ecdsa
