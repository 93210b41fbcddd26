#include "proof.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace imi {
namespace {

constexpr int kLargest = 4096;  // 144x144 has 1,680 finder, timing and alignment modules

// log2 of n!
const std::array<float, kLargest>& log2_factorials() {
    static const std::array<float, kLargest> table = [] {
        std::array<float, kLargest> made{};
        double sum = 0;
        for (int n = 1; n < kLargest; ++n) {
            sum += std::log2(static_cast<double>(n));
            made[n] = static_cast<float>(sum);
        }
        return made;
    }();
    return table;
}

float log2_choose(int n, int k) {
    const auto& table = log2_factorials();
    return table[n] - table[k] - table[n - k];
}

}  // namespace

float proof_bits(int length, int parity, int errors, int erasures) {
    assert(errors >= 0 && erasures >= 0 && errors + erasures <= length && length < kLargest);
    // The sum over 0..errors is less than twice its last term as long as that many errors are less
    // likely than not, so one bit covers it.
    const float patterns = 8.0f * static_cast<float>(errors + erasures) +
                           log2_choose(length - erasures, errors) + (errors > 0 ? 1.0f : 0.0f);
    return 8.0f * static_cast<float>(parity) - patterns;
}

float finder_bits(int count, int right) {
    assert(count >= 0 && count < kLargest && right <= count);
    if (2 * right <= count) return 0;
    // Past the middle each term of the tail is smaller than the one before by r or more.
    const int wrong = count - right;
    const float ratio = static_cast<float>(wrong) / static_cast<float>(right + 1);
    const float tail = log2_choose(count, wrong) - std::log2(1 - ratio);
    return std::max(0.0f, static_cast<float>(count) - tail);
}

bool proven(float bits, bool patient, int finder_modules, int finder_right) {
    if (bits >= kProofBits) return true;
    if (bits < (patient ? kPatientBits : kLeastBits)) return false;
    return bits + finder_bits(finder_modules, finder_right) - kSearchBits >= kProofBits;
}

}  // namespace imi
