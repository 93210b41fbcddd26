#include "presence.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <new>
#include <utility>

namespace imi {
namespace {

// A check of a random number waits three times for memory: the slot, the word, and the page tables.
// So a call works on a few numbers at once, each stage asking ahead for what the next one reads.
constexpr size_t kAtOnce = 32;

constexpr size_t kFirstSlots = 1024;

void fetch(const void* address) { __builtin_prefetch(address); }

// Stafford's mix 13 of splitmix64: every bit of the key moves every bit of the place.
uint64_t mixed(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t bit_of(uint32_t number) { return uint64_t{1} << (number % 64); }

}  // namespace

void Presence::add(std::span<const uint64_t> series, std::span<const uint32_t> numbers,
                   std::span<uint8_t> was_new) {
    const std::unique_lock lock(mutex_);
    if (slots_.empty()) grow();
    std::array<uint64_t*, kAtOnce> words;
    for (size_t start = 0; start < numbers.size(); start += kAtOnce) {
        const size_t count = std::min(kAtOnce, numbers.size() - start);
        for (size_t i = start; i < start + count; i++)
            fetch(&slots_[home(series[i], numbers[i] >> kBlockShift)]);
        for (size_t i = 0; i < count; i++) {
            const uint32_t number = numbers[start + i];
            Block& block = made(series[start + i], number >> kBlockShift);
            words[i] = &block[number % kNumbersInBlock / 64];
            fetch(words[i]);
        }
        for (size_t i = 0; i < count; i++) {  // last and in order: a repeat sees the first
            const uint64_t bit = bit_of(numbers[start + i]);
            was_new[start + i] = (*words[i] & bit) == 0;
            *words[i] |= bit;
            size_ += was_new[start + i];
        }
    }
}

void Presence::contains(std::span<const uint64_t> series, std::span<const uint32_t> numbers,
                        std::span<uint8_t> seen) const {
    const std::shared_lock lock(mutex_);
    if (slots_.empty()) {
        std::fill(seen.begin(), seen.end(), uint8_t{0});
        return;
    }
    std::array<const uint64_t*, kAtOnce> words;
    for (size_t start = 0; start < numbers.size(); start += kAtOnce) {
        const size_t count = std::min(kAtOnce, numbers.size() - start);
        for (size_t i = start; i < start + count; i++)
            fetch(&slots_[home(series[i], numbers[i] >> kBlockShift)]);
        for (size_t i = 0; i < count; i++) {
            const uint32_t number = numbers[start + i];
            const Slot& slot = find(series[start + i], number >> kBlockShift);
            words[i] = slot.block_one == 0
                           ? nullptr
                           : &block(slot.block_one - 1)[number % kNumbersInBlock / 64];
            fetch(words[i]);
        }
        for (size_t i = 0; i < count; i++)
            seen[start + i] = words[i] != nullptr && (*words[i] & bit_of(numbers[start + i])) != 0;
    }
}

uint64_t Presence::size() const {
    const std::shared_lock lock(mutex_);
    return size_;
}

uint64_t Presence::blocks() const {
    const std::shared_lock lock(mutex_);
    return block_count_;
}

uint64_t Presence::memory_bytes() const {
    const std::shared_lock lock(mutex_);
    return slots_.capacity() * sizeof(Slot) + chunks_.size() * sizeof(Chunk) +
           chunks_.capacity() * sizeof(chunks_[0]);
}

size_t Presence::home(uint64_t series, uint32_t page) const {
    // The page is spread before it joins: neighbours in one series go to places far apart.
    return mixed(series + page * 0x9e3779b97f4a7c15u) & (slots_.size() - 1);
}

// The slot of these numbers, or the empty one where it would stand.
const Presence::Slot& Presence::find(uint64_t series, uint32_t page) const {
    for (size_t at = home(series, page);; at = (at + 1) & (slots_.size() - 1)) {
        const Slot& slot = slots_[at];
        if (slot.block_one == 0 || (slot.series == series && slot.page == page)) return slot;
    }
}

Presence::Block& Presence::block(uint32_t number) const {
    return (*chunks_[number / kBlocksInChunk])[number % kBlocksInChunk];
}

Presence::Block& Presence::made(uint64_t series, uint32_t page) {
    const Slot* slot = &find(series, page);
    if (slot->block_one == 0) {
        if (block_count_ == std::numeric_limits<uint32_t>::max()) throw std::bad_alloc();
        if (block_count_ >= slots_.size() / 4 * 3) {
            grow();
            slot = &find(series, page);
        }
        if (block_count_ / kBlocksInChunk == chunks_.size())
            chunks_.push_back(std::make_unique<Chunk>());
        slots_[static_cast<size_t>(slot - slots_.data())] = {series, page, ++block_count_};
    }
    return block(slot->block_one - 1);
}

void Presence::grow() {
    std::vector<Slot> old(slots_.empty() ? kFirstSlots : 2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old)
        if (slot.block_one != 0)
            slots_[static_cast<size_t>(&find(slot.series, slot.page) - slots_.data())] = slot;
}

}  // namespace imi
