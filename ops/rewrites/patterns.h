// What rules ask about ops of several families.

#ifndef BITALE_OPS_REWRITES_PATTERNS_H_
#define BITALE_OPS_REWRITES_PATTERNS_H_

#include <optional>
#include <string_view>

#include "core/rewrite/pattern.h"
#include "ops/elementwise/elementwise_op.h"

namespace bitale {

// The producer of `v` if it is the elementwise op of this name, else null.
const Apply* elementwise_named(const Variable& v, std::string_view name);

// Whether every operand of the elementwise `apply` has the output's shape or is 0-d: then builders
// broadcast a part of the operands as the node did.
bool has_simple_masks(const Apply& apply);

// Where the length of an axis comes from: through elementwise ops, softmax, dimshuffles and the
// like up to the first variable that decides it, or, in a long chain, to one on the way there.
// `variable` is not defined() for an axis made by a dimshuffle.
struct AxisOrigin {
  Variable variable;
  int64_t axis;
  friend bool operator==(const AxisOrigin&, const AxisOrigin&) = default;
};
AxisOrigin origin_of_axis(const Variable& x, int64_t axis);

// Whether the two axes provably have one length: equal fixed or named dims, or one origin.
bool same_length(const Variable& a, int64_t a_axis, const Variable& b, int64_t b_axis);
// Whether the integer scalar `length` is provably the length of that axis.
bool is_length_of(const Variable& length, const Variable& x, int64_t axis);
// Whether the dims are provably the same.
bool same_dims(const Variable& a, const Variable& b);

// A scalar broadcast to dims, as fills are: the scalar; else not defined().
Variable filled_with(const Variable& x);

// Whether no element of `x` is negative (NaN aside), as far as its producers tell.
bool is_nonnegative(const Variable& x);

}  // namespace bitale

#endif  // BITALE_OPS_REWRITES_PATTERNS_H_
