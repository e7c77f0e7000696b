// The reverse pass behind grad, lop and the pullbacks of ops with inner graphs. Not for users.

#ifndef BITALE_AUTOGRAD_BACKWARD_H_
#define BITALE_AUTOGRAD_BACKWARD_H_

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/variable.h"

namespace bitale {

// A place where a gradient arrived at an application and none went on to an operand on the way to
// wrt.
struct GradientCut {
  Variable output;  // of the application; keeps it alive
  size_t input;
};

struct BackwardRequest {
  // Gradients to start from; those of one variable are added.
  std::vector<std::pair<Variable, Variable>> seeds;
  // Whole gradients, which nothing is added to.
  std::vector<std::pair<Variable, Variable>> known;
  Variables wrt;
  Variables constants;  // no gradient flows through these
};

struct BackwardResult {
  Variables gradients;            // one per wrt; not defined() where none arrives
  std::vector<GradientCut> cuts;  // from the seeds downwards
};

// Walks from the seeds and known variables down to wrt, in linear time and without recursion. The
// order in which gradients are added depends on the graph alone. Throws GradientError if a pullback
// breaks its contract.
BackwardResult run_backward(const BackwardRequest& request);

// What PullbackContext offers to ops with inner graphs.
Variables inner_pullback(std::span<const Variable> costs, std::span<const Variable> weights,
                         std::span<const Variable> wrt);

// `derivative` of `variable`, its static dims brought to those of `variable` where they say less,
// so that both broadcast alike. GradientError, beginning with `what`, for another dtype or rank, or
// for dims that contradict.
Variable fit_derivative(const Variable& derivative, const Variable& variable,
                        const std::string& what);

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_BACKWARD_H_
