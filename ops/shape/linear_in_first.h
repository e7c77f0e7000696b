// For ops that are linear in their first operand and whose other operands are integers: views,
// gathers. Their tangent is the same op on the tangent.

#ifndef BITALE_OPS_SHAPE_LINEAR_IN_FIRST_H_
#define BITALE_OPS_SHAPE_LINEAR_IN_FIRST_H_

#include "core/graph/op.h"

namespace bitale {

// The op of `apply` with its first operand replaced.
Variable apply_to(const Apply& apply, const Variable& first);

// The pushforward of such an op.
Variables push_first(const PushforwardContext& context);

// The host integers of input 0 as those of output 0, for ops that keep all elements in order.
void pass_value(ShapeContext& context);

}  // namespace bitale

#endif  // BITALE_OPS_SHAPE_LINEAR_IN_FIRST_H_
