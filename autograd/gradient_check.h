// Checks derivatives against finite differences: for new ops, and for whole models.
//
//   GradientCheck check = gradient_check({x, w}, mean(sqr(dot(x, w))), {x_value, w_value});
//   EXPECT_TRUE(check.ok) << check.report;
//
// Everything is computed in float64, at the given point: choose one where the function is smooth
// within a few h (no relu at 0, no ties of max).

#ifndef BITALE_AUTOGRAD_GRADIENT_CHECK_H_
#define BITALE_AUTOGRAD_GRADIENT_CHECK_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/site.h"
#include "core/graph/variable.h"
#include "core/tensor/tensor.h"

namespace bitale {

struct GradientCheckOptions {
  // Largest accepted |numeric - symbolic|, relative to the scale of the two and of the function's
  // own values (for functions so large that their differences lose digits).
  double tolerance = 1e-6;
  // Random directions per input.
  int directions = 1;
  // Largest step of the central differences; smaller ones are tried too, and the best counts.
  double step = 1e-3;
  uint64_t seed = 1234;
  // Also the gradient of <gradient, random direction>: second order.
  bool second_order = false;
  // Also the pushforward: <pushforward(t), g> must equal <t, pullback(g)>, and the numeric
  // derivative.
  bool forward = true;
};

struct GradientCheck {
  bool ok = true;
  // What differs: which input, both numbers, and where the outputs were made. Empty if ok.
  std::string report;
  // The largest error seen, as the tolerance counts it.
  double worst = 0;
};

// Differentiates `outputs` (any shapes; several are weighted with random numbers and summed;
// discrete ones are left out) by the floating ones of `inputs` along random directions, at the
// point `values` (one tensor per input, of its dtype: float64 where floating). Inputs on which no
// output depends are checked to have the derivative 0.
//
// Throws GradientError for values that do not fit, or inputs that are float32.
GradientCheck gradient_check(const Variables& inputs, const Variables& outputs,
                             const std::vector<Tensor>& values,
                             const GradientCheckOptions& options = {},
                             SourceSite site = SourceSite::current());
GradientCheck gradient_check(const Variables& inputs, const Variable& output,
                             const std::vector<Tensor>& values,
                             const GradientCheckOptions& options = {},
                             SourceSite site = SourceSite::current());

// The same for a function of variables: `fn` gets one input per value. Floating values are cast to
// float64; their types have unknown dims, but for lengths of 1, which are fixed (so that they
// broadcast).
GradientCheck gradient_check(const std::function<Variables(const Variables&)>& fn,
                             const std::vector<Tensor>& values,
                             const GradientCheckOptions& options = {},
                             SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_GRADIENT_CHECK_H_
