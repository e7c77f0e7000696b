// What rules ask of reductions.

#ifndef BITALE_OPS_REWRITES_REDUCTION_PATTERNS_H_
#define BITALE_OPS_REWRITES_REDUCTION_PATTERNS_H_

#include <algorithm>
#include <vector>

#include "ops/reduction/reduction.h"

namespace bitale {

// The op of an `apply` that is a reduction.
inline const ReduceOp& reduction_of(const Apply& apply) {
  return dynamic_cast<const ReduceOp&>(apply.op());
}

// Whether the ascending `axes` have this one.
inline bool contains(const std::vector<int64_t>& axes, int64_t axis) {
  return std::binary_search(axes.begin(), axes.end(), axis);
}

}  // namespace bitale

#endif  // BITALE_OPS_REWRITES_REDUCTION_PATTERNS_H_
