// The bare loop that benchmarks measure us against: what anybody would write over libcrypto with
// one context kept, DER in and out, no checks. It hashes as we do, so both sides do the same work.
#pragma once

#include "ecdsa.h"

namespace imi::ecdsa {

// One thread at a time.
class BareLoop {
public:
    BareLoop(std::shared_ptr<const Libcrypto> lib, const Curve& curve, Bytes scalar, Bytes point);
    std::vector<std::vector<uint8_t>> sign(std::span<const Bytes> messages);
    size_t sign_and_drop(std::span<const Bytes> messages);  // bytes of DER made
    size_t verify(std::span<const Bytes> messages, std::span<const Bytes> ders);  // how many hold

private:
    size_t sign_one(Bytes message, Der& der);

    const std::shared_ptr<const Libcrypto> lib_;
    const Curve& curve_;
    Hasher hasher_;
    Handle<evp_pkey_st> key_;
    ContextPool signing_, verifying_;
    ContextPool::Loan sign_context_, verify_context_;
};

}  // namespace imi::ecdsa
