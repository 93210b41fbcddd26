#include "ecdsa_form.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace imi::ecdsa {
namespace {

using Number = std::array<uint8_t, MAX_WIDTH>;

constexpr uint8_t nibble(char digit) {
    return static_cast<uint8_t>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

constexpr Number from_hex(std::string_view hex) {
    Number number{};
    for (size_t i = 0; i < hex.size() / 2; i++)
        number[i] = static_cast<uint8_t>(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    return number;
}

constexpr Number half(const Number& number, size_t width) {
    Number result{};
    int carry = 0;
    for (size_t i = 0; i < width; i++) {
        result[i] = static_cast<uint8_t>(carry << 7 | number[i] >> 1);
        carry = number[i] & 1;
    }
    return result;
}

constexpr Curve make(const char* group, const char* digest, int nid, std::string_view order) {
    const size_t width = order.size() / 2;
    const Number n = from_hex(order);
    return Curve{group, digest, nid, width, n, half(n, width)};
}

bool is_zero(const uint8_t* number, size_t width) noexcept {
    return std::all_of(number, number + width, [](uint8_t byte) { return byte == 0; });
}

size_t put_integer(const uint8_t* number, size_t width, uint8_t* out) noexcept {
    while (width > 1 && *number == 0) number++, width--;
    const size_t sign = *number >> 7;  // a leading zero keeps the integer positive
    out[0] = 0x02;
    out[1] = static_cast<uint8_t>(width + sign);
    out[2] = 0;
    std::memcpy(out + 2 + sign, number, width);
    return 2 + sign + width;
}

// Takes one INTEGER off the front of `der` into `width` bytes at `number`.
bool take_integer(Bytes& der, uint8_t* number, size_t width) noexcept {
    if (der.size() < 3 || der[0] != 0x02) return false;
    const size_t length = der[1];
    if (length == 0 || length > der.size() - 2) return false;
    Bytes value = der.subspan(2, length);
    if (value[0] & 0x80) return false;                                        // negative
    if (length > 1 && value[0] == 0 && (value[1] & 0x80) == 0) return false;  // not minimal
    if (length > 1 && value[0] == 0) value = value.subspan(1);
    if (value.size() > width) return false;
    std::memset(number, 0, width);
    std::memcpy(number + width - value.size(), value.data(), value.size());
    der = der.subspan(2 + length);
    return true;
}

}  // namespace

// SEC 2 v2.0, 2.4.2 and 2.5.1; NID_X9_62_prime256v1 and NID_secp384r1 of obj_mac.h.
constexpr Curve P256 = make("P-256", "SHA2-256", 415,
                            "ffffffff00000000ffffffffffffffff"
                            "bce6faada7179e84f3b9cac2fc632551");
constexpr Curve P384 = make("P-384", "SHA2-384", 715,
                            "ffffffffffffffffffffffffffffffffffffffffffffffff"
                            "c7634d81f4372ddf581a0db248b0a77aecec196accc52973");
static_assert(P256.width == 32 && P384.width == 48);

const Curve* curve_of_point(Bytes point) noexcept {
    if (point.empty()) return nullptr;
    const size_t coordinates = point[0] == 4 ? 2 : point[0] == 2 || point[0] == 3 ? 1 : 0;
    if (coordinates == 0) return nullptr;
    if (point.size() == 1 + coordinates * P256.width) return &P256;
    if (point.size() == 1 + coordinates * P384.width) return &P384;
    return nullptr;
}

Check check_form(const Curve& curve, Bytes signature) noexcept {
    const size_t width = curve.width;
    if (signature.size() != curve.signature_bytes()) {
        std::array<uint8_t, 2 * MAX_WIDTH> raw;
        return decode_der(curve, signature, raw.data()) ? Check::der_form : Check::wrong_length;
    }
    const uint8_t* r = signature.data();
    const uint8_t* s = r + width;
    if (is_zero(r, width)) return Check::r_zero;
    if (is_zero(s, width)) return Check::s_zero;
    if (std::memcmp(r, curve.order.data(), width) >= 0) return Check::r_out_of_range;
    if (std::memcmp(s, curve.order.data(), width) >= 0) return Check::s_out_of_range;
    if (std::memcmp(s, curve.half_order.data(), width) > 0) return Check::high_s;
    return Check::valid;
}

void lower_s(const Curve& curve, uint8_t* raw) noexcept {
    uint8_t* s = raw + curve.width;
    if (std::memcmp(s, curve.half_order.data(), curve.width) <= 0) return;
    int borrow = 0;
    for (size_t i = curve.width; i-- > 0;) {
        const int difference = curve.order[i] - s[i] - borrow;
        borrow = difference < 0;
        s[i] = static_cast<uint8_t>(difference & 0xff);
    }
}

size_t encode_der(const Curve& curve, const uint8_t* raw, Der& der) noexcept {
    size_t length = put_integer(raw, curve.width, der.data() + 2);
    length += put_integer(raw + curve.width, curve.width, der.data() + 2 + length);
    der[0] = 0x30;
    der[1] = static_cast<uint8_t>(length);
    return 2 + length;
}

bool decode_der(const Curve& curve, Bytes der, uint8_t* raw) noexcept {
    if (der.size() < 8 || der.size() > MAX_DER) return false;
    if (der[0] != 0x30 || der[1] != der.size() - 2) return false;
    Bytes rest = der.subspan(2);
    return take_integer(rest, raw, curve.width) &&
           take_integer(rest, raw + curve.width, curve.width) && rest.empty();
}

}  // namespace imi::ecdsa
