// Runs a target without libFuzzer: every file named, then COUNT changed copies of them, by a
// generator that is the same everywhere. Usage: replay COUNT SEED FILE...
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "fuzz.h"

namespace {

using Bytes = std::vector<uint8_t>;

Bytes load(const char* path) {
    std::ifstream file(path, std::ios::binary);
    fuzz::promised(file.good(), path);
    return {std::istreambuf_iterator<char>(file), {}};
}

Bytes changed(Bytes bytes, std::mt19937& random) {
    for (unsigned changes = 1 + random() % 8; changes > 0 && !bytes.empty(); changes--) {
        const size_t at = random() % bytes.size();
        switch (random() % 4) {
            case 0:
                bytes[at] = static_cast<uint8_t>(random());
                break;
            case 1:
                bytes[at] = static_cast<uint8_t>(bytes[at] + random() % 5 - 2);
                break;
            case 2:
                bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(at),
                             bytes[random() % bytes.size()]);
                break;
            default:
                bytes.erase(bytes.begin() + static_cast<ptrdiff_t>(at));
        }
    }
    return bytes;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 2;
    std::vector<Bytes> seeds;
    for (int i = 3; i < argc; i++) {
        seeds.push_back(load(argv[i]));
        LLVMFuzzerTestOneInput(seeds.back().data(), seeds.back().size());
    }
    std::mt19937 random(static_cast<unsigned>(std::stoul(argv[2])));
    const unsigned long count = std::stoul(argv[1]);
    for (unsigned long i = 0; i < count; i++) {
        const Bytes bytes = changed(seeds[random() % seeds.size()], random);
        LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    }
    std::printf("%lu\n", seeds.size() + count);
}
