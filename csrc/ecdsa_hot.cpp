#include "ecdsa_hot.h"

#include <algorithm>
#include <array>
#include <new>

#include "error.h"

namespace imi::ecdsa {
namespace {

constexpr size_t CHUNK = 64;  // signatures that share one inversion; more gain less than 0.3 us

}  // namespace

// Big numbers and points of one thread at a time; kept, because allocating them anew costs.
struct HotVerifier::Workspace {
    using Number = Handle<bignum_st>;
    using Point = Handle<ec_point_st>;

    Workspace(const Libcrypto& lib, const ec_group_st* group)
        : context(lib.BN_CTX_new(), lib.BN_CTX_free),
          r(lib.BN_new(), lib.BN_free),
          e(lib.BN_new(), lib.BN_free),
          u(lib.BN_new(), lib.BN_free),
          w(lib.BN_new(), lib.BN_free),
          x(lib.BN_new(), lib.BN_free),
          inverse(lib.BN_new(), lib.BN_free),
          of_g(lib.EC_POINT_new(group), lib.EC_POINT_free),
          of_q(lib.EC_POINT_new(group), lib.EC_POINT_free) {
        bool made = context && r && e && u && w && x && inverse && of_g && of_q;
        for (size_t i = 0; i < CHUNK; i++) {
            s.emplace_back(lib.BN_new(), lib.BN_free);
            product.emplace_back(lib.BN_new(), lib.BN_free);
            made = made && s[i] && product[i];
        }
        if (!made) throw std::bad_alloc();
    }

    Handle<bignum_ctx> context;
    Number r, e, u, w, x, inverse;
    Point of_g, of_q;
    std::vector<Number> s;        // s[i], Montgomery form
    std::vector<Number> product;  // s[0] * ... * s[i], Montgomery form
};

HotVerifier::HotVerifier(const Libcrypto& lib)
    : lib_(lib),
      group_(lib.EC_GROUP_new_by_curve_name(P256.nid), lib.EC_GROUP_free),
      modulo_order_(lib.BN_MONT_CTX_new(), lib.BN_MONT_CTX_free) {
    const Handle<bignum_ctx> context(lib.BN_CTX_new(), lib.BN_CTX_free);
    if (!group_ || !modulo_order_ || !context ||
        lib.BN_MONT_CTX_set(modulo_order_.get(), lib.EC_GROUP_get0_order(group_.get()),
                            context.get()) != 1)
        lib.fail("P-256 cannot be set up");
}

HotVerifier::~HotVerifier() = default;

std::unique_ptr<HotVerifier> HotVerifier::make(const Libcrypto& lib) {
    if (!lib.has_curve_calls() || lib.fips()) return nullptr;
    const ErrorScope scope(lib);
    return std::unique_ptr<HotVerifier>(new HotVerifier(lib));
}

std::shared_ptr<const HotTable> HotVerifier::build(Bytes point) const {
    const ErrorScope scope(lib_);
    const Handle<ec_point_st> q(lib_.EC_POINT_new(group_.get()), lib_.EC_POINT_free);
    if (!q ||
        lib_.EC_POINT_oct2point(group_.get(), q.get(), point.data(), point.size(), nullptr) != 1 ||
        lib_.EC_POINT_is_at_infinity(group_.get(), q.get()) != 0 ||
        lib_.EC_POINT_is_on_curve(group_.get(), q.get(), nullptr) != 1)
        return nullptr;
    auto table =
        std::make_shared<HotTable>(HotTable{{lib_.EC_GROUP_dup(group_.get()), lib_.EC_GROUP_free}});
    ec_group_st* group = table->group.get();
    if (group == nullptr ||
        lib_.EC_GROUP_set_generator(group, q.get(), lib_.EC_GROUP_get0_order(group_.get()),
                                    lib_.EC_GROUP_get0_cofactor(group_.get())) != 1 ||
        lib_.EC_GROUP_precompute_mult(group, nullptr) != 1 ||
        lib_.EC_GROUP_have_precompute_mult(group) != 1 || !agrees(*table, q.get()))
        return nullptr;
    return table;
}

// Whether the table multiplies as the plain group does, tried on k and n - k: every window is used,
// with two digits.
bool HotVerifier::agrees(const HotTable& table, const ec_point_st* point) const {
    Workspace work(lib_, group_.get());
    bignum_ctx* context = work.context.get();
    std::array<uint8_t, 32> scalar;
    for (size_t i = 0; i < scalar.size(); i++) scalar[i] = static_cast<uint8_t>(0x5b + 37 * i);
    bool equal = lib_.BN_bin2bn(scalar.data(), scalar.size(), work.u.get()) != nullptr;
    for (int turn = 0; equal && turn < 2; turn++) {
        equal = lib_.EC_POINT_mul(table.group.get(), work.of_q.get(), work.u.get(), nullptr,
                                  nullptr, context) == 1 &&
                lib_.EC_POINT_mul(group_.get(), work.of_g.get(), nullptr, point, work.u.get(),
                                  context) == 1 &&
                lib_.EC_POINT_get_affine_coordinates(group_.get(), work.of_q.get(), work.r.get(),
                                                     work.x.get(), context) == 1 &&
                lib_.EC_POINT_get_affine_coordinates(group_.get(), work.of_g.get(), work.e.get(),
                                                     work.w.get(), context) == 1 &&
                lib_.BN_cmp(work.r.get(), work.e.get()) == 0 &&
                lib_.BN_cmp(work.x.get(), work.w.get()) == 0 &&
                lib_.BN_sub(work.u.get(), lib_.EC_GROUP_get0_order(group_.get()), work.u.get());
    }
    return equal;
}

void HotVerifier::verify(std::span<HotJob> jobs) {
    const ErrorScope scope(lib_);
    std::unique_ptr<Workspace> work;
    {
        const std::lock_guard lock(mutex_);
        if (!idle_.empty()) {
            work = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    if (work == nullptr) work = std::make_unique<Workspace>(lib_, group_.get());
    for (size_t start = 0; start < jobs.size(); start += CHUNK)
        verify_chunk(jobs.subspan(start, std::min(CHUNK, jobs.size() - start)), *work);
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(work));
}

void HotVerifier::verify_chunk(std::span<HotJob> jobs, Workspace& work) const {
    constexpr int WIDTH = 32;
    bignum_ctx* context = work.context.get();
    bn_mont_ctx_st* mont = modulo_order_.get();
    const bignum_st* order = lib_.EC_GROUP_get0_order(group_.get());
    bool done = true;  // of the library's calls; none may fail on numbers in range
    const auto number = [&](const uint8_t* bytes, bignum_st* out) {
        done = done && lib_.BN_bin2bn(bytes, WIDTH, out) != nullptr;
    };
    const auto multiply = [&](bignum_st* out, const bignum_st* a, const bignum_st* b) {
        done = done && lib_.BN_mod_mul_montgomery(out, a, b, mont, context) == 1;
    };

    // Montgomery's trick: one inverse of the product, then peel off one factor after the other.
    for (size_t i = 0; i < jobs.size(); i++) {
        bignum_st* s = work.s[i].get();
        number(jobs[i].raw + WIDTH, s);
        done = done && lib_.BN_to_montgomery(s, s, mont, context) == 1;
        if (i == 0)
            done = done && lib_.BN_copy(work.product[0].get(), s) != nullptr;
        else
            multiply(work.product[i].get(), work.product[i - 1].get(), s);
    }
    bignum_st* inverse = work.inverse.get();
    const bignum_st* product = work.product[jobs.size() - 1].get();
    done = done && lib_.BN_mod_inverse(inverse, product, order, context) != nullptr;
    // (aR)^-1 = a^-1 R^-1; twice into Montgomery form makes a^-1 R of it.
    for (int turn = 0; turn < 2; turn++)
        done = done && lib_.BN_to_montgomery(inverse, inverse, mont, context) == 1;

    for (size_t i = jobs.size(); i-- > 0;) {
        const HotJob& job = jobs[i];
        bignum_st* w = work.w.get();  // s[i]^-1, Montgomery form
        if (i == 0) {
            w = inverse;
        } else {
            multiply(w, inverse, work.product[i - 1].get());
            multiply(inverse, inverse, work.s[i].get());
        }
        number(job.raw, work.r.get());
        number(job.digest.data(), work.e.get());
        if (done && lib_.BN_cmp(work.e.get(), order) >= 0)  // 2^256 < 2n: once is enough
            done = lib_.BN_sub(work.e.get(), work.e.get(), order) == 1;
        multiply(work.u.get(), work.e.get(), w);  // u1, out of Montgomery form
        done = done && lib_.EC_POINT_mul(group_.get(), work.of_g.get(), work.u.get(), nullptr,
                                         nullptr, context) == 1;
        multiply(work.u.get(), work.r.get(), w);  // u2
        done = done && lib_.EC_POINT_mul(job.table->group.get(), work.of_q.get(), work.u.get(),
                                         nullptr, nullptr, context) == 1;
        done = done && lib_.EC_POINT_add(group_.get(), work.of_g.get(), work.of_g.get(),
                                         work.of_q.get(), context) == 1;
        if (!done) lib_.fail("P-256 arithmetic");
        if (lib_.EC_POINT_is_at_infinity(group_.get(), work.of_g.get()) != 0) {
            *job.verdict = Check::mismatch;
            continue;
        }
        if (lib_.EC_POINT_get_affine_coordinates(group_.get(), work.of_g.get(), work.x.get(),
                                                 nullptr, context) != 1)
            lib_.fail("P-256 coordinates");
        if (lib_.BN_cmp(work.x.get(), order) >= 0)  // p < 2n
            done = lib_.BN_sub(work.x.get(), work.x.get(), order) == 1;
        const bool equal = done && lib_.BN_cmp(work.x.get(), work.r.get()) == 0;
        *job.verdict = equal ? Check::valid : Check::mismatch;
    }
}

}  // namespace imi::ecdsa
