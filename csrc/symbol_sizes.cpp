#include "symbol_sizes.h"

namespace imi {

const SymbolSize* find_size(int, int) noexcept { return nullptr; }

}  // namespace imi
