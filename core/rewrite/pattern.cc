#include "core/rewrite/pattern.h"

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

std::optional<double> uniform_number(const Variable& x) {
  Variable v = x;
  while (v.owner() != nullptr && v.owner()->op().traits().view) v = Variable(v.owner()->input(0));
  return constant_scalar(v);
}

std::optional<double> scalar_number(const Variable& x) {
  return x.rank() == 0 ? constant_scalar(x) : std::nullopt;
}

std::optional<Variables> replace_with(const Apply& apply, const Variable& to) {
  const TensorType& from = apply.output(0).type();
  if (!to.defined() || to.dtype() != from.dtype || to.rank() != from.rank()) return std::nullopt;
  for (size_t axis = 0; axis < from.dims.size(); ++axis) {
    const Dim& a = from.dims[axis];
    const Dim& b = to.type().dims[axis];
    if ((a == Dim(1)) != (b == Dim(1)) || !compatible(a, b)) return std::nullopt;
  }
  return Variables{to};
}

}  // namespace bitale
