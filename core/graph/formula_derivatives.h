// Derivatives of a composite op by way of its formula, for composites that state none of their own:
//
//   Variables pullback(const PullbackContext& context) const override {
//     return pullback_of_formula(*this, context);
//   }

#ifndef BITALE_CORE_GRAPH_FORMULA_DERIVATIVES_H_
#define BITALE_CORE_GRAPH_FORMULA_DERIVATIVES_H_

#include "core/graph/op.h"

namespace bitale {

// What Op::pullback() returns. Each input's gradient is for that input by itself, also where one is
// computed from another.
Variables pullback_of_formula(const Op& op, const PullbackContext& context);

// What Op::pushforward() returns.
Variables pushforward_of_formula(const Op& op, const PushforwardContext& context);

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_FORMULA_DERIVATIVES_H_
