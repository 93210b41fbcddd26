// Codewords <-> modules (ISO/IEC 16022:2006 5.8 and Annex F).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "symbol_sizes.h"

namespace imi {

// Walks the mapping matrix in the order of Annex F and calls
// `visit(codeword, bit, row, column)` for every module of every codeword: codewords count from 0,
// bit 0 is the most significant. A template, so that each visitor is one tight loop.
template <class Visit>
class PlacementWalk {
public:
    PlacementWalk(int rows, int columns, Visit visit)
        : rows_(rows), columns_(columns), visit_(visit), visited_(rows * columns, false) {}

    void run() {
        int row = 4, column = 0;
        do {
            if (row == rows_ && column == 0) corner1();
            if (row == rows_ - 2 && column == 0 && columns_ % 4 != 0) corner2();
            if (row == rows_ - 2 && column == 0 && columns_ % 8 == 4) corner3();
            if (row == rows_ + 4 && column == 2 && columns_ % 8 == 0) corner4();
            do {  // up and to the right, two rows and two columns at a time
                if (row < rows_ && column >= 0 && !visited(row, column)) utah(row, column);
                row -= 2;
                column += 2;
            } while (row >= 0 && column < columns_);
            row += 1;
            column += 3;
            do {  // down and to the left
                if (row >= 0 && column < columns_ && !visited(row, column)) utah(row, column);
                row += 2;
                column -= 2;
            } while (row < rows_ && column >= 0);
            row += 3;
            column += 1;
        } while (row < rows_ || column < columns_);
    }

private:
    bool visited(int row, int column) const { return visited_[row * columns_ + column]; }

    void module(int bit, int row, int column) {
        if (row < 0) {
            row += rows_;
            column += 4 - (rows_ + 4) % 8;
        }
        if (column < 0) {
            column += columns_;
            row += 4 - (columns_ + 4) % 8;
        }
        if (row >= rows_) row -= rows_;  // ISO/IEC 21471:2020 Annex E: only DMRE comes here
        visited_[row * columns_ + column] = true;
        visit_(codeword_, bit, row, column);
    }

    // The shape of most codewords, named for the state it resembles.
    void utah(int row, int column) {
        module(0, row - 2, column - 2);
        module(1, row - 2, column - 1);
        module(2, row - 1, column - 2);
        module(3, row - 1, column - 1);
        module(4, row - 1, column);
        module(5, row, column - 2);
        module(6, row, column - 1);
        module(7, row, column);
        codeword_++;
    }

    struct At {
        int row, column;
    };
    void corner(const std::array<At, 8>& modules) {
        for (int bit = 0; bit < 8; bit++) module(bit, modules[bit].row, modules[bit].column);
        codeword_++;
    }
    void corner1() {
        corner({{{rows_ - 1, 0},
                 {rows_ - 1, 1},
                 {rows_ - 1, 2},
                 {0, columns_ - 2},
                 {0, columns_ - 1},
                 {1, columns_ - 1},
                 {2, columns_ - 1},
                 {3, columns_ - 1}}});
    }
    void corner2() {
        corner({{{rows_ - 3, 0},
                 {rows_ - 2, 0},
                 {rows_ - 1, 0},
                 {0, columns_ - 4},
                 {0, columns_ - 3},
                 {0, columns_ - 2},
                 {0, columns_ - 1},
                 {1, columns_ - 1}}});
    }
    void corner3() {
        corner({{{rows_ - 3, 0},
                 {rows_ - 2, 0},
                 {rows_ - 1, 0},
                 {0, columns_ - 2},
                 {0, columns_ - 1},
                 {1, columns_ - 1},
                 {2, columns_ - 1},
                 {3, columns_ - 1}}});
    }
    void corner4() {
        corner({{{rows_ - 1, 0},
                 {rows_ - 1, columns_ - 1},
                 {0, columns_ - 3},
                 {0, columns_ - 2},
                 {0, columns_ - 1},
                 {1, columns_ - 3},
                 {1, columns_ - 2},
                 {1, columns_ - 1}}});
    }

    int rows_, columns_, codeword_ = 0;
    Visit visit_;
    std::vector<bool> visited_;
};

// Where each module of each codeword stands in the whole symbol: index = row * columns + column,
// most significant bit first, eight to a codeword. Computed once for each size, safe from threads.
std::span<const uint16_t> module_indices(const SymbolSize& size);

// Writes the whole symbol, rows * columns bytes, 1 = dark: `codewords` and finder and timing.
void place(const SymbolSize& size, const uint8_t* codewords, uint8_t* modules);

// Reads the codewords back from rows * columns bytes, non-zero = dark.
void collect(const SymbolSize& size, const uint8_t* modules, uint8_t* codewords);

}  // namespace imi
