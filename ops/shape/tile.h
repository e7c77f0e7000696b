// Elements repeated, and framed by a constant.

#ifndef BITALE_OPS_SHAPE_TILE_H_
#define BITALE_OPS_SHAPE_TILE_H_

#include <utility>
#include <vector>

#include "core/graph/operand.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// numpy's tile: `x` as a whole repeated repetitions[i] times along axis i; the shorter of dims and
// repetitions is filled up with ones in front. tile([1, 2], {2, 3}) has shape (2, 6).
Variable tile(Operand x, ShapeItems repetitions);

// numpy's repeat with one count: each element `repetitions` times along `axis`.
// repeat([1, 2], 2, 0) is [1, 1, 2, 2].
Variable repeat(Operand x, ShapeItem repetitions, int64_t axis);

// numpy's pad with mode "constant": `widths[i]` new elements of `value` before and after axis i.
// ShapeError for negative widths or another count of them than axes.
Variable pad(Operand x, std::vector<std::pair<int64_t, int64_t>> widths, Operand value = 0);

}  // namespace bitale

#endif  // BITALE_OPS_SHAPE_TILE_H_
