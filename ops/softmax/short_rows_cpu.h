// Rows of softmax and its relatives that are too short to fill vectors: tiles of them are turned
// into columns, so that each lane of a vector has a row of its own.

#ifndef BITALE_OPS_SOFTMAX_SHORT_ROWS_CPU_H_
#define BITALE_OPS_SOFTMAX_SHORT_ROWS_CPU_H_

#include <cstdint>

#include "ops/softmax/rows_cpu.h"

namespace bitale::softmax_rows {

// Beyond it, vectors along a row do as well.
inline constexpr int64_t kLongestShortRow = 48;

// As run(), for rows of at most kLongestShortRow elements. What becomes of a row does not depend on
// the others.
void run_short(const Rows& rows, int64_t begin, int64_t end);

}  // namespace bitale::softmax_rows

#endif  // BITALE_OPS_SOFTMAX_SHORT_ROWS_CPU_H_
