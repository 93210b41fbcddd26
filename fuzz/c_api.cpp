// imicore.h with any arguments. The input: width, height, stride, capacity, the options field by
// field, then a grey value for each cell of four pixels. Pointers are good or NULL, since nothing
// can check more; memory ends where the arguments say.
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "fuzz.h"
#include "imicore.h"

using fuzz::promised;

namespace {

constexpr int64_t most_pixels = 60 * 60;

struct Caller {
    imi_reader* reader;
    fuzz::Input* input;
};

int decide(const uint8_t* payload, size_t length, void* user) {
    auto* caller = static_cast<Caller*>(user);
    promised(length <= IMI_MAX_PAYLOAD, "the longest payload");
    int sum = 0;
    for (size_t i = 0; i < length; i++) sum += payload[i];
    imi_reading reading;
    size_t count = 5;
    promised(
        imi_reader_read(caller->reader, payload, 1, 1, 1, nullptr, &reading, 1, &count) == IMI_BUSY,
        "a reader that reads is busy");
    promised(count == 0, "no reading without IMI_OK");
    return (sum + caller->input->byte()) % 3;
}

// Mostly small, sometimes at the end of its range.
int32_t number(fuzz::Input& input) {
    const uint8_t kind = input.byte();
    if (kind < 200) return kind;
    if (kind < 220) return -static_cast<int32_t>(kind - 199);
    return static_cast<int32_t>(input.word(4));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static imi_reader* reader = imi_reader_create();
    promised(reader != nullptr, "a reader");
    fuzz::Input input(data, size);
    const int32_t width = number(input), height = number(input);
    const size_t stride = input.byte() < 230 ? static_cast<size_t>(width) + input.below(4)
                                             : static_cast<size_t>(input.word(8));
    const size_t capacity = input.below(4);
    const uint8_t nulls = input.byte();

    // What a newer caller would pass: the known fields, then some of its own.
    std::vector<uint8_t> memory(sizeof(imi_read_options) + input.below(20));
    imi_read_options options;
    imi_read_options_init(&options);
    options.size = input.byte() < 230 ? memory.size() : input.word(1);
    if (options.size > memory.size()) options.size = memory.size();
    options.limit = number(input);
    options.effort = 4 + input.below(15);
    const uint64_t bits = input.byte() < 200 ? 0 : input.word(8);
    std::memcpy(&options.budget_ms, &bits, sizeof bits);
    if (input.byte() >= 128)
        options.roi = {number(input), number(input), number(input), number(input)};
    std::vector<imi_size> sizes(input.below(60));
    for (imi_size& side : sizes) side = {number(input), number(input)};
    options.sizes = nulls & 8 ? nullptr : sizes.data();
    options.size_count = sizes.size();
    Caller caller{reader, &input};
    options.accept = nulls & 16 ? decide : nullptr;
    options.user = &caller;
    std::memcpy(memory.data(), &options, sizeof options);
    if (memory.size() > sizeof options) memory.back() = nulls & 32 ? 1 : 0;

    std::unique_ptr<uint8_t[]> pixels;
    const bool real = width > 0 && height > 0 && int64_t{width} * height <= most_pixels &&
                      stride >= static_cast<size_t>(width) && stride < 1024;
    if (real) {
        const size_t bytes = stride * static_cast<size_t>(height - 1) + static_cast<size_t>(width);
        pixels = std::make_unique<uint8_t[]>(bytes);
        const auto cells = input.rest();
        for (size_t i = 0; i < bytes && !cells.empty(); i++)
            pixels[i] = cells[(i / stride / 4 * 17 + i % stride / 4) % cells.size()];
    } else if (width > 0 && height > 0 && stride >= static_cast<size_t>(width) &&
               int64_t{width} * height <= IMI_MAX_PIXELS) {
        return 0;  // a frame that would be read, but too large for the fuzzer's time
    }
    // On tiny frames alone, since the default effort is a hundred times that of the options above.
    const bool defaults = nulls & 2 && int64_t{width} * height <= 20 * 20;
    std::vector<imi_reading> out(capacity + 1);
    size_t count = 77;
    const imi_status status = imi_reader_read(
        reader, nulls & 1 ? nullptr : pixels.get(), width, height, stride,
        defaults ? nullptr : reinterpret_cast<const imi_read_options*>(memory.data()), out.data(),
        capacity, nulls & 4 ? nullptr : &count);
    promised(status == IMI_OK || status == IMI_BAD_ARGUMENT || status == IMI_NO_SUCH_SIZE,
             "a status that the header names for this");
    promised((imi_reader_error(reader)[0] == '\0') == (status == IMI_OK), "words for refusals");
    if (nulls & 4) return promised(status == IMI_BAD_ARGUMENT, "count NULL is refused"), 0;
    promised(count <= capacity, "room for every reading");
    promised(status == IMI_OK || count == 0, "no reading without IMI_OK");
    for (size_t i = 0; i < count; i++)
        promised(out[i].payload_length <= IMI_MAX_PAYLOAD, "the payload fits");
    imi_suspect suspect;
    int found;
    promised(imi_reader_suspect(reader, &suspect, &found) == IMI_OK, "a suspect or none");
    return 0;
}
