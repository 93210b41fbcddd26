// Two threads with a reader each read the same frames; a third reader shows what IMI_BUSY is for.
// Usage: threads WIDTH HEIGHT PIXELS.raw; prints the payloads' lengths, all alike, and "busy".
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "imicore.h"

namespace {

struct Inside {
    imi_reader* reader;
    imi_status seen;
};

// Reads, from below a read, with the reader that is reading.
int try_again(const uint8_t*, size_t, void* user) {
    auto* inside = static_cast<Inside*>(user);
    const uint8_t pixel = 0;
    imi_reading reading;
    size_t count;
    inside->seen = imi_reader_read(inside->reader, &pixel, 1, 1, 1, nullptr, &reading, 1, &count);
    return 1;
}

}  // namespace

int main(int, char** arguments) {
    const int width = std::atoi(arguments[1]), height = std::atoi(arguments[2]);
    std::ifstream file(arguments[3], std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto* pixels = reinterpret_cast<const uint8_t*>(bytes.data());
    constexpr int rounds = 20;
    std::atomic<int> right = 0;
    const auto work = [&] {
        imi_reader* reader = imi_reader_create();
        imi_reading reading;
        size_t count;
        for (int i = 0; i < rounds; i++) {
            const auto status = imi_reader_read(reader, pixels, width, height, size_t(width),
                                                nullptr, &reading, 1, &count);
            right += status == IMI_OK && count == 1 && reading.payload_length > 0 ? 1 : 0;
        }
        imi_reader_destroy(reader);
    };
    std::thread one(work), two(work);
    one.join();
    two.join();

    imi_reader* reader = imi_reader_create();
    Inside inside{reader, IMI_OK};
    imi_read_options options;
    imi_read_options_init(&options);
    options.accept = try_again;
    options.user = &inside;
    imi_reading reading;
    size_t count;
    imi_reader_read(reader, pixels, width, height, size_t(width), &options, &reading, 1, &count);
    std::printf("%d of %d, %s, %zu\n", right.load(), 2 * rounds, imi_status_text(inside.seen),
                count);
    imi_reader_destroy(reader);
}
