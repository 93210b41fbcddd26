// What the targets share: numbers out of the fuzzer's bytes, and promises that end the run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

// One execution. Called by libFuzzer, and by replay.cpp where there is no libFuzzer.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace fuzz {

// Stops the run when a kernel does not do what its header says.
inline void promised(bool kept, const char* promise) {
    if (kept) return;
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
}

// Zeros when the bytes are at their end, so that every input means something.
class Input {
public:
    Input(const uint8_t* data, size_t size) : data_(data, size) {}

    uint8_t byte() {
        if (data_.empty()) return 0;
        const uint8_t first = data_.front();
        data_ = data_.subspan(1);
        return first;
    }
    int below(int limit) { return byte() % limit; }  // limit <= 256
    uint64_t word(int bytes) {
        uint64_t value = 0;
        for (int i = 0; i < bytes; i++) value |= static_cast<uint64_t>(byte()) << (8 * i);
        return value;
    }
    std::span<const uint8_t> rest() const { return data_; }

private:
    std::span<const uint8_t> data_;
};

}  // namespace fuzz
