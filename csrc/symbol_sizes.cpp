#include "symbol_sizes.h"

#include "error.h"

namespace imi {

const SymbolSize* find_size(int rows, int columns) noexcept {
    for (const SymbolSize& size : kSizes) {
        if (size.rows == rows && size.columns == columns) return &size;
    }
    return nullptr;
}

const SymbolSize& require_size(int rows, int columns) {
    if (const SymbolSize* size = find_size(rows, columns)) return *size;
    throw Error(Fault::no_such_size, std::to_string(rows) + "x" + std::to_string(columns) +
                                         " is not one of the 48 symbol sizes");
}

std::string name_of(const SymbolSize& size) {
    return std::to_string(size.rows) + "x" + std::to_string(size.columns);
}

}  // namespace imi
