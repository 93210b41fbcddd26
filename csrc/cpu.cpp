#include "cpu.h"

#include <cstdlib>
#include <cstring>

namespace imi {
namespace {

bool has_avx2() noexcept {
#if IMI_X86
    return __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

Isa choose() noexcept {
    const char* wish = std::getenv("IMI_ISA");
    if (wish != nullptr && std::strcmp(wish, "portable") == 0) return Isa::portable;
    return has_avx2() ? Isa::avx2 : Isa::portable;
}

}  // namespace

Isa isa() noexcept {
    static const Isa chosen = choose();
    return chosen;
}

const char* isa_name() noexcept { return isa() == Isa::avx2 ? "avx2" : "portable"; }

}  // namespace imi
