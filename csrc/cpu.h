// Which instruction set the kernels use: asked once, overridden by the environment variable
// IMI_ISA.
#pragma once

#if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
#define IMI_X86 1
// Function-level targets keep the build flags portable: one binary, chosen at run time.
#define IMI_TARGET_AVX2 __attribute__((target("avx2")))
#else
#define IMI_X86 0
#endif

namespace imi {

enum class Isa { portable, avx2 };

// The best set this processor has, or the one that IMI_ISA=portable|avx2 demands (a set that the
// processor lacks falls back to portable). Constant for the life of the process.
Isa isa() noexcept;
const char* isa_name() noexcept;

}  // namespace imi
