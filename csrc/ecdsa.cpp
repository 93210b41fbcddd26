#include "ecdsa.h"

#include <cstring>
#include <new>

#include "error.h"

namespace imi::ecdsa {

Hasher::Hasher(const Libcrypto& lib)
    : lib_(lib), context_(lib.EVP_MD_CTX_new(), lib.EVP_MD_CTX_free) {
    if (context_ == nullptr) throw std::bad_alloc();
}

void Hasher::digest(const Curve& curve, Bytes message, uint8_t* out) {
    if (lib_.EVP_DigestInit_ex(context_.get(), lib_.digest(curve.digest), nullptr) != 1 ||
        lib_.EVP_DigestUpdate(context_.get(), message.data(), message.size()) != 1 ||
        lib_.EVP_DigestFinal_ex(context_.get(), out, nullptr) != 1)
        lib_.fail(curve.digest);
}

Signer::Signer(std::shared_ptr<const Libcrypto> lib, const Curve& curve, Bytes scalar, Bytes point)
    : lib_(std::move(lib)),
      curve_(curve),
      key_(make_key(*lib_, curve, point, scalar)),
      contexts_(*lib_, key_.get(), ContextPool::Operation::sign) {
    const ErrorScope scope(*lib_);
    if (key_ == nullptr) throw Error(Fault::bad_argument, "not a private key and its public point");
    static constexpr uint8_t probe[] = "pairwise consistency";
    const Bytes message(probe, sizeof probe);
    const std::vector<uint8_t> raw = sign_batch({&message, 1});
    std::array<uint8_t, MAX_WIDTH> digest;
    Hasher(*lib_).digest(curve_, message, digest.data());
    const auto key = PublicKey::parse(*lib_, point);
    if (key == nullptr || !key->verify(digest.data(), raw.data()))
        throw Error(Fault::bad_argument, "the public point does not belong to the private key");
}

std::vector<uint8_t> Signer::sign_batch(std::span<const Bytes> messages) {
    const ErrorScope scope(*lib_);
    std::vector<uint8_t> raws(messages.size() * curve_.signature_bytes());
    uint8_t* raw = raws.data();
    Hasher hasher(*lib_);
    const ContextPool::Loan context(contexts_);
    for (const Bytes message : messages) {
        std::array<uint8_t, MAX_WIDTH> digest;
        hasher.digest(curve_, message, digest.data());
        Der der;
        size_t length = der.size();
        if (lib_->EVP_PKEY_sign(context.get(), der.data(), &length, digest.data(), curve_.width) !=
            1)
            lib_->fail("ECDSA sign");
        if (!decode_der(curve_, {der.data(), length}, raw)) lib_->fail("ECDSA sign gave no DER");
        lower_s(curve_, raw);
        if (check_form(curve_, {raw, curve_.signature_bytes()}) != Check::valid)
            lib_->fail("ECDSA sign gave r or s out of range");
        raw += curve_.signature_bytes();
    }
    return raws;
}

Verifier::Verifier(std::shared_ptr<const Libcrypto> lib, CacheLimits limits)
    : lib_(std::move(lib)),
      hot_(limits.hot_keys > 0 ? HotVerifier::make(*lib_) : nullptr),
      keys_(*lib_, {limits.keys, hot_ == nullptr ? 0 : limits.hot_keys, limits.hot_after}) {
    if (limits.keys == 0 || limits.hot_keys > limits.keys)
        throw Error(Fault::bad_argument,
                    std::to_string(limits.hot_keys) + " hot of " + std::to_string(limits.keys) +
                        " keys; at least one key is kept, and a hot one is one of them");
}

KeyCache::Found Verifier::find(Bytes key, bool at_once) {
    KeyCache::Found found = keys_.find(key, at_once);
    if (found.build) {
        found.table = hot_->build(key);
        keys_.install(key, found.table);
    }
    return found;
}

bool Verifier::warm(Bytes key) {
    const ErrorScope scope(*lib_);
    return find(key, true).table != nullptr;
}

void Verifier::verify_batch(std::span<const VerifyItem> items, Check* verdicts) {
    const ErrorScope scope(*lib_);
    Hasher hasher(*lib_);
    std::vector<HotJob> hot;
    uint64_t plain = 0;
    for (size_t i = 0; i < items.size(); i++) {
        const VerifyItem& item = items[i];
        if (!item.key) {
            verdicts[i] = Check::unknown_key;
            continue;
        }
        const KeyCache::Found found = find(*item.key, false);
        if (found.key == nullptr) {
            verdicts[i] = Check::bad_key;
            continue;
        }
        const Curve& curve = found.key->curve();
        verdicts[i] = check_form(curve, item.signature);
        if (verdicts[i] != Check::valid) continue;
        std::array<uint8_t, MAX_WIDTH> digest;
        hasher.digest(curve, item.message, digest.data());
        if (found.table == nullptr) {
            plain++;
            if (!found.key->verify(digest.data(), item.signature.data()))
                verdicts[i] = Check::mismatch;
        } else {
            verdicts[i] = Check::mismatch;  // until the batch says otherwise
            HotJob& job =
                hot.emplace_back(HotJob{found.table, item.signature.data(), {}, &verdicts[i]});
            std::memcpy(job.digest.data(), digest.data(), job.digest.size());
        }
    }
    if (!hot.empty()) hot_->verify(hot);
    hot_verifies_ += hot.size();
    plain_verifies_ += plain;
}

VerifierStatistics Verifier::statistics() const {
    return {keys_.statistics(), hot_verifies_, plain_verifies_, hot_ != nullptr};
}

}  // namespace imi::ecdsa
