// Second derivatives of a scalar, as whole matrices.

#ifndef BITALE_AUTOGRAD_HESSIAN_H_
#define BITALE_AUTOGRAD_HESSIAN_H_

#include "autograd/grad.h"
#include "core/graph/variable.h"

namespace bitale {

// Theano's hessian: for each of `wrt` the second derivatives of the scalar `cost` by its elements
// (not the mixed ones by two different wrt), of shape wrt.shape + wrt.shape. Zeros where `cost` is
// linear. GradientError as in grad().
Variables hessian(const Variable& cost, const Variables& wrt, const GradOptions& options = {},
                  SourceSite site = SourceSite::current());
Variable hessian(const Variable& cost, const Variable& wrt, const GradOptions& options = {},
                 SourceSite site = SourceSite::current());

}  // namespace bitale

#endif  // BITALE_AUTOGRAD_HESSIAN_H_
