#include "module_map.h"

namespace imi {

Homography modules_to(const std::array<Point, 4>& p, const SymbolSize& size) {
    const double sx = p[0].x - p[1].x + p[2].x - p[3].x, sy = p[0].y - p[1].y + p[2].y - p[3].y;
    const double ax = p[1].x - p[2].x, ay = p[1].y - p[2].y;
    const double bx = p[3].x - p[2].x, by = p[3].y - p[2].y;
    const double area = ax * by - bx * ay;
    const double g = (sx * by - bx * sy) / area, h = (ax * sy - sx * ay) / area;
    const double columns = size.columns, rows = size.rows;
    return {{(p[1].x - p[0].x + g * p[1].x) / columns, (p[3].x - p[0].x + h * p[3].x) / rows,
             p[0].x, (p[1].y - p[0].y + g * p[1].y) / columns,
             (p[3].y - p[0].y + h * p[3].y) / rows, p[0].y, g / columns, h / rows, 1}};
}

}  // namespace imi
