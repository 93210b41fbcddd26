// What an ECDSA signature looks like: raw r||s as it stands in an indicium, DER as libcrypto wants
// it, and the range rules that are ours to keep. Bytes only; needs no libcrypto.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace imi::ecdsa {

using Bytes = std::span<const uint8_t>;

inline constexpr size_t MAX_WIDTH = 48;
inline constexpr size_t MAX_DER = 2 + 2 * (2 + 1 + MAX_WIDTH);  // 104: short lengths suffice
using Der = std::array<uint8_t, MAX_DER>;

// A curve and the hash that goes with it. Only these pairs exist here, so that no caller mixes
// them.
struct Curve {
    const char* group;                     // OpenSSL's name
    const char* digest;                    // OpenSSL's name
    int nid;                               // OpenSSL's number
    size_t width;                          // bytes of r, of s, of a coordinate and of the digest
    std::array<uint8_t, MAX_WIDTH> order;  // big-endian, first `width` bytes
    std::array<uint8_t, MAX_WIDTH> half_order;  // floor(order / 2): the largest low s

    size_t signature_bytes() const { return 2 * width; }
};

extern const Curve P256;  // with SHA-256
extern const Curve P384;  // with SHA-384

// The curve of a public key by length and first byte (SEC 1 v2.0, 2.3.3): 04||x||y, 02||x or 03||x.
// Null for anything else; infinity and the hybrid forms 06 and 07 are not keys to us.
const Curve* curve_of_point(Bytes point) noexcept;

// What may be found about one signature. The order is that of imicore.signature.Check.
enum class Check : uint8_t {
    valid,
    unknown_key,
    bad_key,
    wrong_length,
    der_form,
    r_zero,
    s_zero,
    r_out_of_range,
    s_out_of_range,
    high_s,
    mismatch,
};

// `valid` for a raw signature whose r is in [1, n-1] and whose s is in [1, floor(n/2)], else the
// first thing wrong with it: length, zero, range, high s.
Check check_form(const Curve& curve, Bytes signature) noexcept;

// s <- min(s, n - s). `raw` is signature_bytes() long with s in [1, n-1].
void lower_s(const Curve& curve, uint8_t* raw) noexcept;

// ECDSA-Sig-Value (RFC 3279, 2.2.3) of signature_bytes() at `raw`; returns its length.
size_t encode_der(const Curve& curve, const uint8_t* raw, Der& der) noexcept;

// The way back. False for all that is not minimal DER of two non-negative integers of at most
// `width` bytes, to the last byte. Ranges are check_form's business.
bool decode_der(const Curve& curve, Bytes der, uint8_t* raw) noexcept;

}  // namespace imi::ecdsa
