// PWG Raster (PWG 5102.4-2012): the stream that driverless printers take, black_1 pages only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace imi {

struct PwgPage {
    const uint8_t* rows;  // packed, most significant bit left, 1 = black, (width+7)/8 bytes a row
    int width, height;    // dots
    int dots_per_inch;
};

// How many bytes the longest stream of these pages takes. Throws Fault::bad_argument for a page
// that is no page.
size_t pwg_bound(std::span<const PwgPage> pages);

// Writes the whole stream to `to`, which has room for pwg_bound(pages) bytes, and returns its
// length: synchronisation word, then a 1,796-byte header and the compressed rows of every page.
// `media_name` is a PWG 5101.1 self-describing name of at most 63 bytes.
size_t pwg_raster(std::span<const PwgPage> pages, std::string_view media_name, uint8_t* to);

}  // namespace imi
