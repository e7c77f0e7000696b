// Products with a Jacobian, without building it: from the left (reverse mode) and from the right
// (forward mode).

#ifndef BITALE_AUTOGRAD_PUSHFORWARD_H_
#define BITALE_AUTOGRAD_PUSHFORWARD_H_

#include "autograd/grad.h"
#include "core/graph/variable.h"

namespace bitale {

// Theano's Lop: for each of `wrt` the gradient of sum_i <outputs[i], output_gradients[i]>, where
// the `output_gradients` (each of the dtype and rank of its output) count as constants. Reverse
// mode: costs about as much as `outputs`, however many `wrt`. .known_grads must be empty.
//
// Throws GradientError for outputs or wrt that are not floating, for gradients that do not fit
// their outputs, and for disconnected `wrt` as in grad().
Variables lop(const Variables& outputs, const Variables& wrt, const Variables& output_gradients,
              const GradOptions& options = {}, SourceSite site = SourceSite::current());
Variable lop(const Variable& output, const Variable& wrt, const Variable& output_gradient,
             const GradOptions& options = {}, SourceSite site = SourceSite::current());

struct RopOptions {
  // What to do about an output that does not depend on `wrt`; its tangent is zeros.
  Disconnected disconnected_outputs = Disconnected::kRaise;
};

// Theano's Rop: for each of `outputs` its derivative in the direction in which each wrt[i] moves by
// tangents[i] (of its dtype and rank). Forward mode: one pass, no intermediate results kept. The
// `wrt` count as independent of each other.
//
// Throws GradientError for outputs or wrt that are not floating, for tangents that do not fit, and
// for disconnected outputs.
Variables rop(const Variables& outputs, const Variables& wrt, const Variables& tangents,
              const RopOptions& options = {}, SourceSite site = SourceSite::current());
Variable rop(const Variable& output, const Variable& wrt, const Variable& tangent,
             const RopOptions& options = {}, SourceSite site = SourceSite::current());

// For each of `wrt` its part of H v, where H is the Hessian of the scalar `cost` by all of `wrt`
// and v has the parts `v` (each of the dtype and rank of its wrt). Forward over reverse: costs a
// few times as much as `cost`. Zeros where `cost` is linear. GradientError as in grad().
Variables hessian_vector_product(const Variable& cost, const Variables& wrt, const Variables& v,
                                 SourceSite site = SourceSite::current());
Variable hessian_vector_product(const Variable& cost, const Variable& wrt, const Variable& v,
                                SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_PUSHFORWARD_H_
