// What a shape rule sees: dims and host-integer values of the inputs as integer expressions, and
// where it states the same of the outputs.

#ifndef BITALE_CORE_GRAPH_SHAPE_CONTEXT_H_
#define BITALE_CORE_GRAPH_SHAPE_CONTEXT_H_

#include <span>
#include <vector>

#include "core/graph/known_integer.h"
#include "core/graph/op.h"

namespace bitale {

class ShapeContext {
 public:
  virtual ~ShapeContext() = default;

  virtual const Apply& apply() const = 0;
  // Length of an input's axis.
  virtual IntExpr dim(size_t input, size_t axis) = 0;
  // All lengths of an input.
  IntExprs dims(size_t input);
  // The value of an integer scalar input (element 0) or of an element of an integer vector. Where
  // no expression is known, the value becomes one that is computed before the program is chosen.
  virtual IntExpr value(size_t input, size_t element = 0) = 0;
  // Whether value() would be an expression of dims and host integers.
  virtual bool has_value(size_t input) = 0;

  virtual void set_dims(size_t output, IntExprs dims) = 0;
  // The elements of an integer scalar or short vector output.
  virtual void set_value(size_t output, IntExprs elements) = 0;
  // The two must be equal at every call, else ShapeError: `what` says which rule is broken, e.g.
  // "inner dims differ"; `hint` how to mend it. Both are literals or interned. The message shows
  // the numbers behind `what`, or in place of $left and $right if it has them.
  virtual void require_equal(IntExpr a, IntExpr b, const char* what, const char* hint = "") = 0;
  // `condition` must not be 0.
  virtual void require(IntExpr condition, const char* what, const char* hint = "") {
    require_equal(min(max(condition, 0), 1), 1, what, hint);
  }
};

struct ViewOutput {
  Dims strides;
  IntExpr offset = 0;
};

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_SHAPE_CONTEXT_H_
