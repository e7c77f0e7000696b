// Shared variables: state that compiled functions read and update, such as a model's parameters.
//
//   Variable w = shared(Tensor::zeros(DType::kFloat32, {784, 10}), "W");
//   ... function({x}, cost, {.updates = {{w, w - 0.1 * grad(cost, w)}}}) ...
//   Tensor trained = get_value(w);
//
// The type has all dims fixed to the value's, unless .dims frees some.

#ifndef BITALE_CORE_GRAPH_SHARED_H_
#define BITALE_CORE_GRAPH_SHARED_H_

#include <optional>
#include <string>

#include "core/graph/variable.h"
#include "core/tensor/container.h"

namespace bitale {

struct SharedOptions {
  // The dims of the variable's type; later values may differ where one is not fixed.
  std::optional<SymbolicDims> dims = {};
  // Take over the value's memory instead of copying it: what the caller writes there changes the
  // variable, and updates show in the caller's tensor, until a value of other memory is set. A
  // strided value (one that is not Tensor::is_contiguous()) is copied all the same.
  bool borrow = false;
};

// A shared variable that starts as `value`. ShapeError if .dims contradict the value's shape.
Variable shared(const Tensor& value, std::string name = "", SharedOptions options = {},
                SourceSite site = SourceSite::current());

// The current value: a copy, or with `borrow` the container's own memory, which later updates
// change. Waits for calls that write it. TypeError unless `variable` is shared.
Tensor get_value(const Variable& variable, bool borrow = false);

// Replaces the value: by a copy, or with `borrow` by the value's own memory, as in SharedOptions.
// TypeError for another dtype, ShapeError where the variable's type does not allow the shape.
void set_value(const Variable& variable, const Tensor& value, bool borrow = false);

}  // namespace bitale

#endif  // BITALE_CORE_GRAPH_SHARED_H_
