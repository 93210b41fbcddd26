// The normal equations of a small least-squares fit.
#pragma once

#include <array>

namespace imi {

// Solves m * x = the last column for a symmetric positive definite m, which is overwritten; false
// when there is too little to fit.
template <int n>
bool solve(double (&m)[n][n + 1], std::array<double, n>& x) {
    for (int i = 0; i < n; ++i) {  // positive definite: no pivoting
        if (!(m[i][i] > 1e-9)) return false;
        for (int row = i + 1; row < n; ++row) {
            const double factor = m[row][i] / m[i][i];
            for (int column = i; column <= n; ++column) m[row][column] -= factor * m[i][column];
        }
    }
    for (int i = n - 1; i >= 0; --i) {
        double sum = m[i][n];
        for (int column = i + 1; column < n; ++column) sum -= m[i][column] * x[column];
        x[i] = sum / m[i][i];
    }
    return true;
}

}  // namespace imi
