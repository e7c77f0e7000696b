#include "ops/rewrites/patterns.h"

#include <algorithm>
#include <initializer_list>

#include "ops/creation/shape_of.h"
#include "ops/indexing/advanced_subtensor.h"
#include "ops/indexing/subtensor.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/broadcast_to.h"
#include "ops/shape/concatenate_op.h"
#include "ops/shape/dimshuffle.h"
#include "ops/softmax/softmax.h"

namespace bitale {
namespace {

// The operand's axis that is axis `kept` of a reduction without the reduced axes.
int64_t axis_before(const ReduceOp& op, int64_t kept) {
  for (const int64_t reduced : op.axes()) {
    if (reduced <= kept) ++kept;
  }
  return kept;
}

// The operand's axis that a slice keeps whole, or the same again.
AxisOrigin axis_before(const SubtensorOp& op, const AxisOrigin& at) {
  int64_t place = 0;
  for (size_t axis = 0; axis < op.indices().size(); ++axis) {
    const AxisIndex& index = op.indices()[axis];
    if (index.is_integer) continue;
    if (place++ != at.axis) continue;
    if (!index.is_whole()) return at;
    return {at.variable.owner()->input(0), static_cast<int64_t>(axis)};
  }
  return at;
}

// One step of origin_of_axis: the operand and axis that decide it, or the same again.
AxisOrigin step_up(const AxisOrigin& at) {
  const Apply* apply = at.variable.owner();
  if (apply == nullptr) return at;
  if (const ElementwiseOp* op = as_elementwise(*apply)) {
    for (size_t i = 0; i < apply->inputs().size(); ++i) {
      if (op->broadcasts(i, at.axis)) continue;
      return {apply->input(i), at.axis - (at.variable.rank() - apply->input(i).rank())};
    }
    return at;
  }
  if (const auto* op = dynamic_cast<const DimshuffleOp*>(&apply->op())) {
    const int64_t axis = op->order()[static_cast<size_t>(at.axis)];
    return axis == kNewAxis ? AxisOrigin{Variable(), 0} : AxisOrigin{apply->input(0), axis};
  }
  if (const auto* op = dynamic_cast<const BroadcastToOp*>(&apply->op())) {
    const int64_t length = op->lengths()[static_cast<size_t>(at.axis)];
    if (length != kSymbolicLength) return at;
    const auto before =
        std::count(op->lengths().begin(), op->lengths().begin() + at.axis, kSymbolicLength);
    const Variable& operand = apply->input(1 + static_cast<size_t>(before));
    const Apply* shape = made_by(operand, "shape_axis");
    if (shape == nullptr) return at;
    return {shape->input(0), dynamic_cast<const ShapeAxisOp&>(shape->op()).axis()};
  }
  if (const auto* op = dynamic_cast<const ReduceOp*>(&apply->op())) {
    if (!op->keepdims()) return {apply->input(0), axis_before(*op, at.axis)};
    const bool reduced = std::binary_search(op->axes().begin(), op->axes().end(), at.axis);
    return reduced ? AxisOrigin{Variable(), 0} : AxisOrigin{apply->input(0), at.axis};
  }
  if (const auto* op = dynamic_cast<const ConcatenateOp*>(&apply->op())) {
    return op->axis() == at.axis ? at : AxisOrigin{apply->input(0), at.axis};
  }
  if (const auto* op = dynamic_cast<const SubtensorOp*>(&apply->op())) {
    return axis_before(*op, at);
  }
  if (const auto* op = dynamic_cast<const AdvancedSubtensorOp*>(&apply->op())) {
    const Variable& array = apply->inputs().back();
    const int64_t place = at.axis - op->axis();
    return place >= 0 && place < array.rank() ? AxisOrigin{array, place} : at;
  }
  const std::string_view name = apply->op().name();
  if (name == "dot" && at.variable.rank() == 2) return {apply->input(at.axis), at.axis};
  if (name == "gemm" && apply->input(0).rank() > 0) return {apply->input(0), at.axis};
  if (name == "crossentropy_softmax_sparse") return {apply->input(1), 0};
  if (name == "dot" && at.variable.rank() == 1) {
    return apply->input(0).rank() == 2 ? AxisOrigin{apply->input(0), 0}
                                       : AxisOrigin{apply->input(1), 1};
  }
  if (name == "specify_shape" || name == "set_subtensor" || name == "inc_subtensor" ||
      name == "unbroadcast" || dynamic_cast<const SoftmaxOp*>(&apply->op()) != nullptr) {
    return {apply->input(0), at.axis};
  }
  return at;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

const Apply* elementwise_named(const Variable& v, std::string_view name) {
  const Apply* apply = made_by(v, name);
  return apply != nullptr && as_elementwise(*apply) != nullptr ? apply : nullptr;
}

bool has_simple_masks(const Apply& apply) {
  const ElementwiseOp* op = as_elementwise(apply);
  for (size_t i = 0; i < apply.inputs().size(); ++i) {
    if (!op->is_whole(i) && apply.input(i).rank() != 0) return false;
  }
  return true;
}

// Steps taken up a chain for one length: a bound on the work, not on what is true.
constexpr int kMostStepsUp = 200;

AxisOrigin origin_of_axis(const Variable& x, int64_t axis) {
  AxisOrigin at{x, axis};
  for (int step = 0; step < kMostStepsUp && at.variable.defined(); ++step) {
    const AxisOrigin next = step_up(at);
    if (next == at) break;
    at = next;
  }
  return at;
}

bool same_length(const Variable& a, int64_t a_axis, const Variable& b, int64_t b_axis) {
  const Dim& x = a.type().dims[static_cast<size_t>(a_axis)];
  const Dim& y = b.type().dims[static_cast<size_t>(b_axis)];
  if (!x.is_unknown() && x == y) return true;
  if (x.is_fixed() && y.is_fixed()) return false;
  return origin_of_axis(a, a_axis) == origin_of_axis(b, b_axis);
}

bool is_length_of(const Variable& length, const Variable& x, int64_t axis) {
  if (const std::optional<double> number = scalar_number(length)) {
    const Dim& dim = x.type().dims[static_cast<size_t>(axis)];
    return dim.is_fixed() && static_cast<double>(dim.length()) == *number;
  }
  const Apply* shape = made_by(length, "shape_axis");
  if (shape == nullptr) return false;
  return same_length(shape->input(0), dynamic_cast<const ShapeAxisOp&>(shape->op()).axis(), x,
                     axis);
}

bool same_dims(const Variable& a, const Variable& b) {
  if (a.rank() != b.rank()) return false;
  for (int64_t axis = 0; axis < a.rank(); ++axis) {
    if (!same_length(a, axis, b, axis)) return false;
  }
  return true;
}

Variable filled_with(const Variable& x) {
  const Apply* fill = made_by(x, "broadcast_to");
  return fill != nullptr && fill->input(0).rank() == 0 ? fill->input(0) : Variable();
}

namespace {

// Producers looked at, one behind the other: a bound on the work, not on what is true.
constexpr int kMostSteps = 4;

bool is_nonnegative(const Variable& x, int steps) {
  if (const std::optional<double> number = uniform_number(x)) return *number >= 0;
  const Apply* apply = x.owner();
  if (apply == nullptr || steps == 0) return false;
  const std::string_view name = apply->op().name();
  // Integers wrap: only floats keep their sign through arithmetic.
  if (!is_floating(x.dtype())) return false;
  if (is_one_of(name, {"sqr", "abs", "exp", "sigmoid", "softplus", "relu", "sqrt", "cosh", "erfc",
                       "softmax"})) {
    return true;
  }
  if (is_one_of(name, {"add", "mul", "true_div", "maximum"})) {
    return is_nonnegative(apply->input(0), steps - 1) && is_nonnegative(apply->input(1), steps - 1);
  }
  if (is_one_of(name, {"sum", "max", "min", "prod"}) || apply->op().traits().view) {
    return is_nonnegative(apply->input(0), steps - 1);
  }
  return false;
}

}  // namespace

bool is_nonnegative(const Variable& x) { return is_nonnegative(x, kMostSteps); }

}  // namespace bitale
