// Tensors of one repeated value.
//
// They are broadcast views of a scalar: no elements are written until an op needs them in memory.

#ifndef BITALE_OPS_CREATION_FILL_H_
#define BITALE_OPS_CREATION_FILL_H_

#include "core/base/options.h"
#include "core/graph/operand.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// numpy's zeros, ones and full. ShapeError for a negative length (a number: when built, else at the
// call). `value` is a scalar; full takes its dtype, a number being floatX, int64 or bool.
Variable zeros(ShapeItems dims, DType dtype = float_x(), SourceSite site = SourceSite::current());
Variable ones(ShapeItems dims, DType dtype = float_x(), SourceSite site = SourceSite::current());
Variable full(ShapeItems dims, Operand value);
// The same in `dtype`: TypeError for a number that it does not hold (a float may be rounded to a
// narrower float) and for a Variable of another dtype.
Variable full(ShapeItems dims, Operand value, DType dtype);

// A tensor of the dims and dtype of `x`, whose elements are not needed. full_like casts no value: a
// Variable must have the dtype of `x` (TypeError).
Variable zeros_like(Operand x);
Variable ones_like(Operand x);
Variable full_like(Operand x, Operand value);

// Theano's alloc: `value`, of any rank up to the number of dims, broadcast to `dims`.
Variable alloc(Operand value, ShapeItems dims);

}  // namespace bitale

#endif  // BITALE_OPS_CREATION_FILL_H_
