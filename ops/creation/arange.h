// Integer sequences, and indicator matrices made of them.

#ifndef BITALE_OPS_CREATION_ARANGE_H_
#define BITALE_OPS_CREATION_ARANGE_H_

#include "core/base/options.h"
#include "core/graph/operand.h"
#include "ops/shape/shape_item.h"

namespace bitale {

// numpy's arange over integers: start, start + step, ... before stop; empty where stop is not
// ahead. ShapeError if step is 0 (a number: when built, else at the call).
Variable arange(ShapeItem start, ShapeItem stop, ShapeItem step = 1, DType dtype = DType::kInt64,
                SourceSite site = SourceSite::current());
// 0, 1, ..., stop - 1.
Variable arange(ShapeItem stop, SourceSite site = SourceSite::current());

// numpy's eye: a (rows, columns) matrix with ones at column - row == diagonal. Square without
// columns.
Variable eye(ShapeItem rows, DType dtype = float_x(), SourceSite site = SourceSite::current());
Variable eye(ShapeItem rows, ShapeItem columns, int64_t diagonal, DType dtype = float_x(),
             SourceSite site = SourceSite::current());

// Theano's to_one_hot: the integer tensor `y` with a new last axis of length `classes`, 1 where the
// position is the value of `y`, else 0. Values outside [0, classes) give all zeros.
Variable one_hot(Operand y, ShapeItem classes, DType dtype = float_x());

}  // namespace bitale

#endif  // BITALE_OPS_CREATION_ARANGE_H_
