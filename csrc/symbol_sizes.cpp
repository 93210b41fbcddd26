#include "symbol_sizes.h"

namespace imi {

const SymbolSize* find_size(int rows, int columns) noexcept {
    for (const SymbolSize& size : kSizes) {
        if (size.rows == rows && size.columns == columns) return &size;
    }
    return nullptr;
}

std::string name_of(const SymbolSize& size) {
    return std::to_string(size.rows) + "x" + std::to_string(size.columns);
}

}  // namespace imi
