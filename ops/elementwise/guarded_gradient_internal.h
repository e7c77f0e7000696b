// Gradients that are zero by structure: those of a branch that was not taken.
//
// where(c, f(x), 0) sends where(c, g, 0) back to f. Multiplied by f'(x), which may be infinite or
// NaN exactly where f was guarded, that zero would become NaN: sqrt(x) at 0, x * log(x) at 0,
// a / b where b is 0. So the choice moves behind the product: where(c, g * f'(x), 0). It is the
// same number wherever f'(x) is finite; where the branch was taken nothing changes, and a NaN
// shows.
//
// Only zeros that differentiation put there count, not those that a user wrote.

#ifndef BITALE_OPS_ELEMENTWISE_GUARDED_GRADIENT_INTERNAL_H_
#define BITALE_OPS_ELEMENTWISE_GUARDED_GRADIENT_INTERNAL_H_

#include <optional>

#include "core/graph/variable.h"

namespace bitale {

// A gradient that is `value` where `condition` equals `when`, and zero by structure elsewhere.
struct GuardedGradient {
  Variable condition;  // bool
  bool when = true;
  Variable value;

  // `derived`, which is linear in `value`, under the same guard, and under that of its own if it
  // has one.
  Variable guard(const Variable& derived) const;
};

// How `gradient` is guarded: by a where against zero, seen through views, through sums over axes
// along which the condition does not vary, and in sums of several such gradients.
std::optional<GuardedGradient> find_guard(const Variable& gradient);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_GUARDED_GRADIENT_INTERNAL_H_
