// PWG Raster (PWG 5102.4-2012): the stream that driverless printers take, black_1 pages only.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace imi {

struct PwgPage {
    const uint8_t* rows;  // packed, most significant bit left, 1 = black, (width+7)/8 bytes a row
    int width, height;    // dots
    int dots_per_inch;
};

// Returns the whole stream: synchronisation word, then a 1,796-byte header and the compressed rows
// of every page. `media_name` is a PWG 5101.1 self-describing name of at most 63 bytes.
std::vector<uint8_t> pwg_raster(std::span<const PwgPage> pages, std::string_view media_name);

}  // namespace imi
