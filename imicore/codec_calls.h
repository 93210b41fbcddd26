// The kernels as Cython can call them: pointer and length for every span, and the batch.
#pragma once

#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "placement.h"
#include "reed_solomon.h"
#include "symbol.h"

namespace imi::calls {

inline const SymbolSize* size_at(int i) { return &kSizes[i]; }

inline void write_message(const uint8_t* payload, size_t length, const SymbolSize* size, int shape,
                          int encodation, Codewords& out) {
    imi::write_message({payload, length}, size, static_cast<Shape>(shape),
                       static_cast<Encodation>(encodation), out);
}

// Or -1.
inline int fewest_codewords(const uint8_t* payload, size_t length, int capacity) {
    return imi::fewest_codewords({payload, length}, capacity).value_or(-1);
}

inline void load_codewords(const uint8_t* data, const SymbolSize* size, Codewords& out) {
    out.size = size;
    out.used = size->data_codewords;
    std::memcpy(out.at.data(), data, size->data_codewords);
}

inline void decode(const uint8_t* modules, const SymbolSize* size, const uint8_t* doubt,
                   Decoded& out) {
    const auto count = static_cast<size_t>(size->modules());
    const std::span<const uint8_t> doubts =
        doubt == nullptr ? std::span<const uint8_t>() : std::span(doubt, count);
    out = imi::decode({modules, count}, size->rows, size->columns, doubts);
}

inline void read_message(const uint8_t* data, size_t length, Decoded& out) {
    static_cast<Message&>(out) = imi::read_message({data, length});
}

inline const uint16_t* module_indices(const SymbolSize& size) {
    return imi::module_indices(size).data();
}

inline void rs_encode(const uint8_t* data, size_t length, uint8_t* parity, size_t parity_length,
                      bool portable) {
    const auto encode = portable ? imi::rs_encode_portable : imi::rs_encode;
    encode({data, length}, {parity, parity_length});
}

// The number of errors, or -1 when the block is not correctable.
inline int rs_correct(uint8_t* block, size_t length, int parity, const std::vector<int>& erasures,
                      int reserve) {
    return imi::rs_correct({block, length}, parity, erasures, reserve).value_or(-1);
}

// Memory that the symbols of a batch share: dozens of symbols to a chunk, yet a symbol that is kept
// for long keeps no more than a chunk alive. The pool keeps chunks for the next batch: left to
// malloc, the heap's end went back to the system after every batch, and faulting it in again cost
// as much as the encoding (1.7 us a symbol instead of 0.9).
inline constexpr size_t kChunkBytes = 65536;
static_assert(kChunkBytes >= 144 * 144);

class ChunkPool {
public:
    static uint8_t* take() {
        std::lock_guard lock(mutex());
        if (free().empty()) return new uint8_t[kChunkBytes];
        uint8_t* chunk = free().back().release();
        free().pop_back();
        return chunk;
    }

    static void give(uint8_t* chunk) noexcept {
        std::unique_ptr<uint8_t[]> owned(chunk);
        std::lock_guard lock(mutex());
        if (free().size() < kKept) free().push_back(std::move(owned));
    }

private:
    using Chunks = std::vector<std::unique_ptr<uint8_t[]>>;
    static constexpr size_t kKept = 32;  // 2 MiB

    static std::mutex& mutex() {
        static std::mutex instance;
        return instance;
    }
    static Chunks& free() {
        // Never destroyed: arrays may outlive the module at the end of the process.
        static Chunks& instance = *[] {
            auto* chunks = new Chunks;
            chunks->reserve(kKept);  // so that give() cannot throw
            return chunks;
        }();
        return instance;
    }
};

// Many payloads: first all are encoded, so that their sizes are known, then they are drawn into
// memory that the caller allocates.
class Batch {
public:
    void add(const uint8_t* payload, size_t length) { payloads_.emplace_back(payload, length); }

    void write(const SymbolSize* size, int shape, int encodation) {
        written_.reserve(payloads_.size());
        Codewords codewords;
        for (const auto payload : payloads_) {
            imi::write_message(payload, size, static_cast<Shape>(shape),
                               static_cast<Encodation>(encodation), codewords);
            written_.push_back({codewords.size, data_.size()});
            const uint8_t* from = codewords.at.data();
            data_.insert(data_.end(), from, from + codewords.size->data_codewords);
        }
    }

    size_t count() const { return payloads_.size(); }
    const SymbolSize* size(size_t i) const { return written_[i].size; }

    // The end of the longest run of symbols from `begin` that fits a chunk.
    size_t chunk_end(size_t begin) const {
        size_t end = begin;
        for (size_t bytes = 0; end < written_.size(); end++) {
            bytes += written_[end].size->modules();
            if (bytes > kChunkBytes) break;
        }
        return end;
    }

    void draw(size_t begin, size_t end, uint8_t* modules) const {
        Codewords codewords;
        for (size_t i = begin; i < end; i++) {
            load_codewords(data_.data() + written_[i].data_at, written_[i].size, codewords);
            imi::draw(codewords, modules);
            modules += written_[i].size->modules();
        }
    }

private:
    struct Written {
        const SymbolSize* size;
        size_t data_at;
    };
    std::vector<std::span<const uint8_t>> payloads_;
    std::vector<Written> written_;
    std::vector<uint8_t> data_;
};

}  // namespace imi::calls
