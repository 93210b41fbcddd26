#include "symbol_sizes.h"

namespace imi {

const SymbolSize* find_size(int rows, int columns) noexcept {
    for (const SymbolSize& size : kSizes) {
        if (size.rows == rows && size.columns == columns) return &size;
    }
    return nullptr;
}

}  // namespace imi
