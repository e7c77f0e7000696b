// How a list of indices is carried out: a basic part (integers and slices), new axes, and one
// gather by integer arrays.

#ifndef BITALE_OPS_INDEXING_INDEX_PLAN_INTERNAL_H_
#define BITALE_OPS_INDEXING_INDEX_PLAN_INTERNAL_H_

#include <string_view>
#include <vector>

#include "core/graph/operand.h"
#include "ops/indexing/subtensor.h"

namespace bitale {

struct IndexPlan {
  // First: one index per axis; axes that arrays index stay whole.
  AxisIndices axes;
  Variables bounds;
  // Then: the dimshuffle that inserts new axes and moves the axes of arrays side by side; empty if
  // it would change nothing.
  std::vector<int64_t> order;
  // Last: the arrays, for consecutive axes from `array_axis` on.
  Variables arrays;
  int64_t array_axis = 0;

  bool basic_is_trivial() const;
};

// Throws, in the name of `op_name`, what subtensor() documents.
IndexPlan plan_indices(std::string_view op_name, const Variable& x, const Indices& indices,
                       SourceSite site);

// The tensor under the plan's first two steps.
Variable apply_basic(const IndexPlan& plan, const Variable& x, SourceSite site);

// `value` as an operand of a write into `part`: cast to its dtype and broadcast to its dims.
// TypeError if it does not promote to that dtype.
Variable fit_value(std::string_view op_name, const Variable& part, const Operand& value);

}  // namespace bitale

#endif  // BITALE_OPS_INDEXING_INDEX_PLAN_INTERNAL_H_
