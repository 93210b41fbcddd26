// Four threads over one signer and one verifier whose single table goes from key to key. Built with
// -fsanitize=thread: prints the wrong verdicts and the tables built; the sanitizer does the rest.
#include <algorithm>
#include <cstdio>
#include <thread>

#include "ecdsa.h"

using namespace imi;
using namespace imi::ecdsa;

namespace {

// The base point of P-256 (SEC 2 v2.0, 2.4.2): the public key of the private key 1.
constexpr std::array<uint8_t, 65> G = {
    0x04, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5,
    0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4,
    0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
    0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33,
    0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5};

}  // namespace

int main(int, char** arguments) {
    const auto lib = std::make_shared<const Libcrypto>(arguments[1]);
    std::array<uint8_t, 32> one{};
    one[31] = 1;
    std::array<uint8_t, 33> compressed, negated;
    std::copy_n(G.begin(), 33, compressed.begin());
    negated = compressed;
    compressed[0] = 3;  // y of G is odd
    negated[0] = 2;
    const std::array<Bytes, 3> keys = {Bytes(G), Bytes(compressed), Bytes(negated)};

    Signer signer(lib, P256, one, G);
    Verifier verifier(lib, {3, 1, 20});
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (uint8_t number = 0; number < 4; number++) {
        threads.emplace_back([&, number] {
            for (uint8_t round = 0; round < 15; round++) {
                const std::array<uint8_t, 2> text = {number, round};
                const Bytes message(text);
                const std::vector<uint8_t> raw = signer.sign_batch({&message, 1});
                std::vector<VerifyItem> items;
                for (size_t i = 0; i < 30; i++) items.push_back({message, raw, keys[i % 3]});
                std::vector<Check> checks(items.size());
                verifier.verify_batch(items, checks.data());
                for (size_t i = 0; i < 30; i++)
                    wrong += checks[i] != (i % 3 == 2 ? Check::mismatch : Check::valid);
                verifier.statistics();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    std::printf("%d %d\n", wrong.load(), verifier.statistics().cache.tables_built > 3);
}
