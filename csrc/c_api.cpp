// imicore.h over FrameReader: checks, one try block, and copies into the caller's structs.
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <new>

#include "encodation.h"
#include "error.h"
#include "imicore.h"
#include "reader.h"

using imi::GreyView;

struct imi_reader {
    imi::FrameReader reader;
    imi::ReadOptions options;  // kept for the memory of its sizes
    imi_roi looked_at{};       // by the last read
    std::atomic_flag busy = ATOMIC_FLAG_INIT;
    char error[192] = "";
};

namespace {

static_assert(IMI_MAX_PAYLOAD >=
              2 * imi::kMaxDataCodewords + imi::kMacro05Header.size() + imi::kMacroTrailer.size());
static_assert(sizeof(imi_reading) == 3248 && alignof(imi_reading) == 4);  // imicore.h says so
constexpr size_t first_options_size = sizeof(imi_read_options);           // of version 0.1

#define IMI_TEXT(number) #number
#define IMI_DOTTED(major, minor, patch) IMI_TEXT(major) "." IMI_TEXT(minor) "." IMI_TEXT(patch)
constexpr const char* version = IMI_DOTTED(IMI_VERSION_MAJOR, IMI_VERSION_MINOR, IMI_VERSION_PATCH);

// Takes the reader for a call, if nobody has it.
class Hold {
public:
    explicit Hold(imi_reader& reader)
        : reader_(reader), held_(!reader.busy.test_and_set(std::memory_order_acquire)) {}
    ~Hold() {
        if (held_) reader_.busy.clear(std::memory_order_release);
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    explicit operator bool() const { return held_; }

private:
    imi_reader& reader_;
    bool held_;
};

__attribute__((format(printf, 3, 4))) imi_status refuse(imi_reader& reader, imi_status status,
                                                        const char* format, ...) {
    std::va_list values;
    va_start(values, format);
    std::vsnprintf(reader.error, sizeof reader.error, format, values);
    va_end(values);
    return status;
}

// The caller's options as this version knows them, of whichever version the caller is.
imi_status take_options(imi_reader& reader, const imi_read_options* given,
                        imi_read_options& options) {
    imi_read_options_init(&options);
    if (given == nullptr) return IMI_OK;
    const size_t size = given->size;
    if (size < first_options_size)
        return refuse(reader, IMI_BAD_ARGUMENT,
                      "options->size is %zu; it must be at least %zu: call imi_read_options_init",
                      size, first_options_size);
    const auto* bytes = reinterpret_cast<const unsigned char*>(given);
    for (size_t i = sizeof options; i < size; ++i) {
        if (bytes[i] != 0)
            return refuse(reader, IMI_BAD_ARGUMENT,
                          "options has a value at byte %zu; version %s knows only %zu bytes", i,
                          version, sizeof options);
    }
    std::memcpy(&options, given, sizeof options);
    return IMI_OK;
}

imi_status check_frame(imi_reader& reader, const uint8_t* pixels, int32_t width, int32_t height,
                       size_t stride) {
    if (width < 0 || height < 0)
        return refuse(reader, IMI_BAD_ARGUMENT, "the frame is %dx%d; neither may be negative",
                      width, height);
    const int64_t count = int64_t{width} * height;
    if (count > IMI_MAX_PIXELS)
        return refuse(reader, IMI_BAD_ARGUMENT, "the frame is %dx%d = %lld pixels; the limit is %d",
                      width, height, static_cast<long long>(count), IMI_MAX_PIXELS);
    if (count == 0) return IMI_OK;
    if (pixels == nullptr) return refuse(reader, IMI_BAD_ARGUMENT, "pixels is NULL");
    if (stride < static_cast<size_t>(width))
        return refuse(reader, IMI_BAD_ARGUMENT, "stride is %zu; it must be at least the width, %d",
                      stride, width);
    if (stride > PTRDIFF_MAX / static_cast<size_t>(height))
        return refuse(reader, IMI_BAD_ARGUMENT, "stride is %zu; %d rows of it are no memory",
                      stride, height);
    return IMI_OK;
}

// Makes `roi` the part to look at.
imi_status check_roi(imi_reader& reader, int32_t width, int32_t height, imi_roi& roi) {
    if (roi.x == 0 && roi.y == 0 && roi.width == 0 && roi.height == 0) {
        roi = {0, 0, width, height};
        return IMI_OK;
    }
    if (roi.x < 0 || roi.y < 0 || roi.width < 1 || roi.height < 1 ||
        int64_t{roi.x} + roi.width > width || int64_t{roi.y} + roi.height > height)
        return refuse(reader, IMI_BAD_ARGUMENT,
                      "roi x %d, y %d, %dx%d is not inside the frame of %dx%d", roi.x, roi.y,
                      roi.width, roi.height, width, height);
    return IMI_OK;
}

imi_status set_options(imi_reader& reader, const imi_read_options& options, size_t capacity) {
    imi::ReadOptions& to = reader.options;
    if (options.limit < 0)
        return refuse(reader, IMI_BAD_ARGUMENT, "limit is %d; it must not be negative",
                      options.limit);
    if (options.effort < 0)
        return refuse(reader, IMI_BAD_ARGUMENT, "effort is %d; it must not be negative",
                      options.effort);
    if (!(options.budget_ms >= 0 && options.budget_ms < 1e9))
        return refuse(reader, IMI_BAD_ARGUMENT,
                      "budget_ms is %g; it must be 0 or more and below 1e9", options.budget_ms);
    if (options.size_count > imi::kSymbolSizes)
        return refuse(reader, IMI_BAD_ARGUMENT, "size_count is %zu; there are %d sizes",
                      options.size_count, imi::kSymbolSizes);
    if (options.sizes == nullptr && options.size_count > 0)
        return refuse(reader, IMI_BAD_ARGUMENT, "sizes is NULL and size_count is %zu",
                      options.size_count);
    if (options.sizes != nullptr && options.size_count == 0)
        return refuse(reader, IMI_BAD_ARGUMENT, "sizes is empty; NULL stands for all 48");
    to.sizes.clear();
    for (size_t i = 0; i < options.size_count; ++i) {
        const auto [rows, columns] = options.sizes[i];
        const imi::SymbolSize* size = imi::find_size(rows, columns);
        if (size == nullptr)
            return refuse(reader, IMI_NO_SUCH_SIZE,
                          "sizes[%zu] is %dx%d, none of the 48 symbol sizes", i, rows, columns);
        to.sizes.push_back(size);
    }
    const size_t most = std::min<size_t>(capacity, INT32_MAX);
    to.limit = options.limit == 0 ? static_cast<int>(most)
                                  : static_cast<int>(std::min<size_t>(most, options.limit));
    to.effort = options.effort;
    to.budget_ms.reset();
    if (options.budget_ms > 0) to.budget_ms = options.budget_ms;
    to.accept = nullptr;
    if (options.accept != nullptr) {
        // Two pointers: std::function keeps them in itself.
        to.accept = [accept = options.accept, user = options.user](std::span<const uint8_t> bytes) {
            return accept(bytes.data(), bytes.size(), user) != 0;
        };
    }
    return IMI_OK;
}

void copy_corners(const std::array<float, 8>& from, const imi_roi& roi, float* to) {
    for (size_t i = 0; i < from.size(); ++i)
        to[i] = from[i] + static_cast<float>(i % 2 == 0 ? roi.x : roi.y);
}

void copy_reading(const imi::Symbol& symbol, const imi_roi& roi, imi_reading& to) {
    std::memset(&to, 0, offsetof(imi_reading, payload));
    copy_corners(symbol.corners, roi, to.corners);
    to.agreement = symbol.agreement;
    to.symbology = IMI_DATA_MATRIX;
    to.rows = symbol.size->rows, to.columns = symbol.size->columns;
    to.errors_corrected = symbol.errors_corrected;
    to.mirrored = symbol.mirrored ? 1 : 0;
    to.inverted = symbol.inverted ? 1 : 0;
    to.payload_length = static_cast<uint32_t>(symbol.payload.size());
    std::copy(symbol.payload.begin(), symbol.payload.end(), to.payload);
}

}  // namespace

const char* imi_version(void) { return version; }

const char* imi_status_text(imi_status status) {
    switch (status) {
        case IMI_OK:
            return "done";
        case IMI_BAD_ARGUMENT:
            return "an argument is out of its range";
        case IMI_NO_SUCH_SIZE:
            return "not one of the 48 symbol sizes";
        case IMI_OUT_OF_MEMORY:
            return "out of memory";
        case IMI_BUSY:
            return "the reader is in use";
        case IMI_INTERNAL:
            return "an internal error";
    }
    return "no such status";
}

void imi_read_options_init_sized(imi_read_options* options, size_t size) {
    if (options == nullptr) return;
    std::memset(options, 0, size);  // every default is 0
    options->size = size;
}

imi_reader* imi_reader_create(void) {
    try {
        return new imi_reader;
    } catch (...) {
        return nullptr;
    }
}

void imi_reader_destroy(imi_reader* reader) { delete reader; }

imi_status imi_reader_read(imi_reader* reader, const uint8_t* pixels, int32_t width, int32_t height,
                           size_t stride, const imi_read_options* options, imi_reading* out,
                           size_t capacity, size_t* count) {
    if (count != nullptr) *count = 0;
    if (reader == nullptr) return IMI_BAD_ARGUMENT;
    const Hold hold(*reader);
    if (!hold) return IMI_BUSY;
    reader->error[0] = '\0';
    if (count == nullptr) return refuse(*reader, IMI_BAD_ARGUMENT, "count is NULL");
    if (out == nullptr || capacity == 0)
        return refuse(*reader, IMI_BAD_ARGUMENT, "out has room for no reading");
    try {
        imi_read_options taken;
        imi_status status = take_options(*reader, options, taken);
        if (status == IMI_OK) status = check_frame(*reader, pixels, width, height, stride);
        if (status == IMI_OK) status = check_roi(*reader, width, height, taken.roi);
        if (status == IMI_OK) status = set_options(*reader, taken, capacity);
        if (status != IMI_OK) return status;
        const imi_roi& roi = reader->looked_at = taken.roi;
        GreyView view{nullptr, 0, 0, 0};
        if (roi.width > 0 && roi.height > 0) {
            const size_t first = static_cast<size_t>(roi.y) * stride + static_cast<size_t>(roi.x);
            view = {pixels + first, roi.width, roi.height, static_cast<ptrdiff_t>(stride)};
        }
        auto&& symbols = reader->reader.read(view, reader->options);
        for (const imi::Symbol& symbol : symbols) copy_reading(symbol, roi, out[(*count)++]);
        return IMI_OK;
    } catch (const std::bad_alloc&) {
        *count = 0;
        return refuse(*reader, IMI_OUT_OF_MEMORY, "out of memory for a frame of %dx%d", width,
                      height);
    } catch (const std::exception& error) {
        *count = 0;
        return refuse(*reader, IMI_INTERNAL, "%s", error.what());
    } catch (...) {
        *count = 0;
        return refuse(*reader, IMI_INTERNAL, "an exception that says nothing, as out of accept");
    }
}

imi_status imi_reader_suspect(imi_reader* reader, imi_suspect* out, int* found) {
    if (found != nullptr) *found = 0;
    if (reader == nullptr) return IMI_BAD_ARGUMENT;
    const Hold hold(*reader);
    if (!hold) return IMI_BUSY;
    reader->error[0] = '\0';
    if (out == nullptr || found == nullptr)
        return refuse(*reader, IMI_BAD_ARGUMENT, "out or found is NULL");
    const auto suspect = reader->reader.suspect();
    if (!suspect) return IMI_OK;
    copy_corners(suspect->corners, reader->looked_at, out->corners);
    out->agreement = suspect->agreement;
    *found = 1;
    return IMI_OK;
}

const char* imi_reader_error(const imi_reader* reader) {
    return reader == nullptr ? "reader is NULL" : reader->error;
}
