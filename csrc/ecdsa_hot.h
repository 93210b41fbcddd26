// Verification with a table per key: u2*Q becomes a fixed-base multiplication like u1*G, and one
// inversion serves a whole batch. All arithmetic is libcrypto's (EC_* and BN_* calls on public
// data); what is ours is the equation of FIPS 186-5 clause 6.4.2 and Montgomery's batch inversion.
// P-256 only: for other curves libcrypto's generic code ignores the table.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "ecdsa_form.h"
#include "libcrypto.h"

namespace imi::ecdsa {

// The group with Q in the place of its generator, and its precomputed multiples (about 156 kB, 30
// ms to build). Immutable once built; any number of threads may multiply with it.
struct HotTable {
    Handle<ec_group_st> group;
};

struct HotJob {
    std::shared_ptr<const HotTable> table;
    const uint8_t* raw;              // has passed check_form
    std::array<uint8_t, 32> digest;  // SHA-256 of the message
    Check* verdict;                  // becomes valid or mismatch
};

class HotVerifier {
public:
    // Null where the library lacks the calls or where its defaults demand FIPS: the table calls are
    // no part of a validated module.
    static std::unique_ptr<HotVerifier> make(const Libcrypto& lib);
    ~HotVerifier();

    // The table of a P-256 point; null when the point is refused or when the finished table does
    // not multiply as the plain group does.
    std::shared_ptr<const HotTable> build(Bytes point) const;
    void verify(std::span<HotJob> jobs);

private:
    struct Workspace;
    explicit HotVerifier(const Libcrypto& lib);
    void verify_chunk(std::span<HotJob> jobs, Workspace& work) const;
    bool agrees(const HotTable& table, const ec_point_st* point) const;

    const Libcrypto& lib_;
    Handle<ec_group_st> group_;
    Handle<bn_mont_ctx_st> modulo_order_;
    std::mutex mutex_;
    std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace imi::ecdsa
