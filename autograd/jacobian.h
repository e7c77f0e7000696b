// Whole matrices of derivatives, row by row with `map`. Where only their products with a vector are
// needed, lop, rop and hessian_vector_product (autograd/pushforward.h) are cheaper by the number of
// rows.

#ifndef BITALE_AUTOGRAD_JACOBIAN_H_
#define BITALE_AUTOGRAD_JACOBIAN_H_

#include "autograd/grad.h"
#include "core/graph/variable.h"

namespace bitale {

// Theano's jacobian: for each of `wrt` the derivatives of all elements of `expression`, of shape
// expression.shape + wrt.shape. `expression` is floating, of any rank (Theano: at most 1).
// GradientError as in grad().
Variables jacobian(const Variable& expression, const Variables& wrt,
                   const GradOptions& options = {}, SourceSite site = SourceSite::current());
Variable jacobian(const Variable& expression, const Variable& wrt, const GradOptions& options = {},
                  SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_JACOBIAN_H_
