// Functions at a zero where they, or their derivatives, are infinite.

#ifndef BITALE_OPS_ELEMENTWISE_GUARDED_AT_ZERO_INTERNAL_H_
#define BITALE_OPS_ELEMENTWISE_GUARDED_AT_ZERO_INTERNAL_H_

#include "ops/elementwise/elementwise.h"

namespace bitale {

// f(x), and `value` with derivative 0 where x is 0. `f` is asked for its value at 1 there, so that
// nothing infinite comes into the gradient: 0 times infinity is NaN.
template <typename F>
Variable guarded_at_zero(const Variable& x, Operand value, F&& f) {
  const Variable is_zero = eq(x, 0);
  return where(is_zero, value, f(where(is_zero, 1, x)));
}

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_GUARDED_AT_ZERO_INTERNAL_H_
