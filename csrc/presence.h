// The exact set of numbers that were seen in each of many series: one bit a number, no doubt.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <vector>

namespace imi {

// A number lies in a block of 1,024 neighbours of its series, 128 bytes. Series count densely from
// a start, so a block fills up: 10^9 numbers in 10^6 full blocks take 128 MB, where a hash set of
// them would take 16 GB. Blocks stand in chunks that never move, so growing copies only the index,
// 16 bytes a slot. A sparse series costs a block a number; its owner keeps it elsewhere.
//
// Safe from any number of threads: readers at once, writers alone.
class Presence {
public:
    // For i in order: was_new[i] = 1 and the number is seen from now on, or 0 where it was seen
    // before, also earlier in the same call. Spans are of one length. After std::bad_alloc some of
    // the numbers are in, none is in that was not given.
    void add(std::span<const uint64_t> series, std::span<const uint32_t> numbers,
             std::span<uint8_t> was_new);
    // seen[i] = 1 where the number was added before, else 0.
    void contains(std::span<const uint64_t> series, std::span<const uint32_t> numbers,
                  std::span<uint8_t> seen) const;

    uint64_t size() const;    // numbers seen
    uint64_t blocks() const;  // blocks that hold them
    uint64_t memory_bytes() const;

private:
    static constexpr int kBlockShift = 10;
    static constexpr uint32_t kNumbersInBlock = 1u << kBlockShift;
    static constexpr size_t kBlocksInChunk = 8192;  // 1 MiB: what is kept ahead of need
    using Block = std::array<uint64_t, kNumbersInBlock / 64>;
    static_assert(sizeof(Block) == 128);
    using Chunk = std::array<Block, kBlocksInChunk>;

    // Whose numbers a block holds. Compared in full, so two series never share a bit.
    struct Slot {
        uint64_t series;
        uint32_t page;       // of the series: number >> 10
        uint32_t block_one;  // number of the block plus one; 0 in an empty slot
    };
    static_assert(sizeof(Slot) == 16);

    size_t home(uint64_t series, uint32_t page) const;
    const Slot& find(uint64_t series, uint32_t page) const;
    Block& block(uint32_t number) const;
    Block& made(uint64_t series, uint32_t page);
    void grow();

    mutable std::shared_mutex mutex_;
    std::vector<Slot> slots_;  // open addressing; a power of two, at most three quarters taken
    std::vector<std::unique_ptr<Chunk>> chunks_;
    uint32_t block_count_ = 0;
    uint64_t size_ = 0;
};

}  // namespace imi
