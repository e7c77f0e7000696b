// Gradients of a scalar: graph in, graph out.
//
//   Variable cost = mean(sqr(dot(x, w) - y));
//   Variable g = grad(cost, w);              // one parameter
//   Variables gs = grad(cost, {w, b});       // several, in one backward pass
//
// The result is an ordinary graph: print it, differentiate it again, compile it. For the derivative
// of something that is no scalar see autograd/pushforward.h (products with the Jacobian) and
// autograd/jacobian.h (the Jacobian itself).

#ifndef BITALE_AUTOGRAD_GRAD_H_
#define BITALE_AUTOGRAD_GRAD_H_

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/site.h"
#include "core/graph/variable.h"

namespace bitale {

// What to do about a `wrt` that no gradient reaches.
enum class Disconnected : uint8_t {
  kRaise,   // GradientError: mostly it is a mistake
  kWarn,    // a line on stderr, then as kIgnore
  kIgnore,  // the gradient is zeros
};

// Pairs of a variable and its gradient.
using KnownGradients = std::vector<std::pair<Variable, Variable>>;

struct GradOptions {
  // No gradient flows through (or to) these.
  Variables consider_constant = {};
  Disconnected disconnected_inputs = Disconnected::kRaise;
  // The whole gradient of some variables, as somebody else has computed it: nothing is added to it,
  // and it flows on from there. Each has the dtype and rank of its variable. With these, `cost` may
  // be left out (Variable()).
  KnownGradients known_grads = {};
  // Under kWarn and kIgnore: a Variable that is not defined() instead of zeros.
  bool undefined_if_disconnected = false;
};

// Theano's grad: the derivative of `cost` by each of `wrt`, in that order; each has the dtype, rank
// and dims of its variable. `wrt` may be any variables, intermediate results included; where one
// depends on another, its gradient flows on to the other.
//
// Before differentiating, the stabilize rules (such as log(softmax(x)) -> log_softmax(x)) are
// applied to a clone of what lies between `cost` and `wrt`: the user's graph stays as it is.
//
// Nodes are built in the name of the forward nodes: their site is "gradient of file.cc:12".
//
// Throws GradientError if `cost` is no floating scalar, if a `wrt` is not floating, or if one is
// disconnected (naming it and, where it can be told, the node that cut the path).
Variables grad(const Variable& cost, const Variables& wrt, const GradOptions& options = {},
               SourceSite site = SourceSite::current());
Variable grad(const Variable& cost, const Variable& wrt, const GradOptions& options = {},
              SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_GRAD_H_
