#include "imb_reader.h"

#include "pyramid.h"

namespace imi {

const std::vector<BarRow>& BarRowReader::read(const GreyView& frame, size_t limit) {
    rows_.clear();
    GreyView level = frame;
    // Full, half and quarter size: pitches of 3.6 to 15, 30 and 60 px.
    for (int scale = 0;; ++scale) {
        finder_.find(level, limit, lines_);
        for (const BarLine& line : lines_) {
            const size_t before = rows_.size();
            meter_.measure(level, line, rows_);
            for (size_t i = before; i < rows_.size(); ++i)
                for (float& ordinate : rows_[i].corners) ordinate *= static_cast<float>(1 << scale);
        }
        if (scale == 2) return rows_;
        level = halve(level, halves_[scale]);
    }
}

}  // namespace imi
