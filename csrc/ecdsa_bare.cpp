#include "ecdsa_bare.h"

#include "error.h"

namespace imi::ecdsa {

BareLoop::BareLoop(std::shared_ptr<const Libcrypto> lib, const Curve& curve, Bytes scalar,
                   Bytes point)
    : lib_(std::move(lib)),
      curve_(curve),
      hasher_(*lib_),
      key_(make_key(*lib_, curve, point, scalar)),
      signing_(*lib_, key_.get(), ContextPool::Operation::sign),
      verifying_(*lib_, key_.get(), ContextPool::Operation::verify),
      sign_context_(signing_),
      verify_context_(verifying_) {}

size_t BareLoop::sign_one(Bytes message, Der& der) {
    std::array<uint8_t, MAX_WIDTH> digest;
    hasher_.digest(curve_, message, digest.data());
    size_t length = der.size();
    if (lib_->EVP_PKEY_sign(sign_context_.get(), der.data(), &length, digest.data(),
                            curve_.width) != 1)
        lib_->fail("ECDSA sign");
    return length;
}

std::vector<std::vector<uint8_t>> BareLoop::sign(std::span<const Bytes> messages) {
    std::vector<std::vector<uint8_t>> ders;
    for (const Bytes message : messages) {
        Der der;
        const size_t length = sign_one(message, der);
        ders.emplace_back(der.data(), der.data() + length);
    }
    return ders;
}

size_t BareLoop::sign_and_drop(std::span<const Bytes> messages) {
    size_t total = 0;
    Der der;
    for (const Bytes message : messages) total += sign_one(message, der);
    return total;
}

size_t BareLoop::verify(std::span<const Bytes> messages, std::span<const Bytes> ders) {
    size_t held = 0;
    for (size_t i = 0; i < messages.size(); i++) {
        std::array<uint8_t, MAX_WIDTH> digest;
        hasher_.digest(curve_, messages[i], digest.data());
        held += lib_->EVP_PKEY_verify(verify_context_.get(), ders[i].data(), ders[i].size(),
                                      digest.data(), curve_.width) == 1;
    }
    return held;
}

}  // namespace imi::ecdsa
