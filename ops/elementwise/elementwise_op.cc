#include "ops/elementwise/elementwise_op.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/options.h"
#include "core/graph/shape_analysis.h"
#include "core/graph/shape_context.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/guarded_gradient_internal.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/dimshuffle.h"

namespace bitale {
namespace {

std::string joined_dims(std::span<const Variable> operands) {
  std::string text;
  for (size_t i = 0; i < operands.size(); ++i) {
    absl::StrAppend(&text,
                    i == 0                     ? ""
                    : i + 1 == operands.size() ? " and "
                                               : ", ",
                    to_string(operands[i].type().dims));
  }
  return text;
}

int64_t highest_rank(std::span<const Variable> operands) {
  int64_t rank = 0;
  for (const Variable& operand : operands) rank = std::max(rank, operand.rank());
  return rank;
}

bool is_one(const Dim& dim) { return dim.is_fixed() && dim.length() == 1; }

// numpy's rule on static dims.
BroadcastMasks broadcast_masks(std::span<const Variable> operands) {
  const int64_t rank = highest_rank(operands);
  BroadcastMasks masks(operands.size(), 0);
  for (int64_t axis = 0; axis < rank; ++axis) {
    const auto own_axis = [&](const Variable& v) { return axis - (rank - v.rank()); };
    const bool has_longer = std::ranges::any_of(operands, [&](const Variable& v) {
      return own_axis(v) >= 0 && !is_one(v.type().dims[own_axis(v)]);
    });
    for (size_t i = 0; i < operands.size(); ++i) {
      const int64_t own = own_axis(operands[i]);
      const bool repeats = own < 0 || (has_longer && is_one(operands[i].type().dims[own]));
      if (repeats) masks[i] |= int64_t{1} << axis;
    }
  }
  return masks;
}

SymbolicDims broadcast_dims(const ElementwiseOp& op, const TypeContext& context) {
  const int64_t rank = highest_rank(context.inputs());
  SymbolicDims dims(rank);
  for (int64_t axis = 0; axis < rank; ++axis) {
    bool first = true;
    for (size_t i = 0; i < context.size(); ++i) {
      const int64_t own = axis - (rank - context.input(i).rank());
      if (op.broadcasts(i, axis)) {
        if (own >= 0 && !is_one(context.type(i).dims[own])) {
          context.shape_error(absl::StrCat("operand ", i, " broadcasts along axis ", own,
                                           ", but its dim there is ",
                                           context.type(i).dims[own].str()));
        }
        continue;
      }
      const Dim& dim = context.type(i).dims[own];
      if (!first && !compatible(dims[axis], dim)) {
        const bool named = dims[axis].is_named() || dim.is_named();
        context.shape_error(
            absl::StrCat("operands could not be broadcast: ", joined_dims(context.inputs())),
            named ? "two names are two lengths: give both operands the same Dim, or free one with "
                    "Dim::unknown()"
                  : "dims are aligned from the right; only a dim that is statically 1 is repeated");
      }
      dims[axis] = first ? dim : meet(dims[axis], dim);
      first = false;
    }
  }
  return dims;
}

// What the dtype rule makes of these operands: the dtype to compute in. Refuses through the
// context.
DType computing_dtype(const ScalarOp& op, const TypeContext& context) {
  if (op.rule == DTypeRule::kLogic) return DType::kBool;
  if (op.rule == DTypeRule::kCast || op.rule == DTypeRule::kSecond) {
    return context.type(context.size() - 1).dtype;
  }
  const size_t first = op.rule == DTypeRule::kWhere ? 1 : 0;
  DType dtype = context.type(first).dtype;
  for (size_t i = first + 1; i < context.size(); ++i) {
    const DType other = context.type(i).dtype;
    if ((dtype == DType::kInt64 && other == DType::kUint64) ||
        (dtype == DType::kUint64 && other == DType::kInt64)) {
      context.type_error("int64 and uint64 have no common integer type",
                         "cast one of the operands");
    }
    dtype = promote(dtype, other);
  }
  if (op.rule == DTypeRule::kFloat && is_discrete(dtype)) return float_x();
  if (op.rule == DTypeRule::kNoBool && dtype == DType::kBool) {
    context.type_error("bool operands have no such arithmetic",
                       "cast them to an integer dtype, or use the logical_ and bitwise_ functions");
  }
  if (op.rule == DTypeRule::kBits && is_floating(dtype)) {
    context.type_error(
        absl::StrCat("bit operations take integers or bool, not ", std::string(name_of(dtype))));
  }
  return dtype;
}

DType operand_dtype(const ScalarOp& op, size_t operand, DType computing, DType own) {
  if (op.rule == DTypeRule::kWhere && operand == 0) return DType::kBool;
  if (op.rule == DTypeRule::kCast || (op.rule == DTypeRule::kSecond && operand == 0)) return own;
  return computing;
}

// Two's complement wrapping for the narrow dtypes; 32 and 64 bits are taken as wide enough.
IntExpr wrapped(IntExpr value, DType dtype) {
  if (dtype == DType::kBool || size_of(dtype) > 2) return value;
  const int64_t range = int64_t{1} << (8 * size_of(dtype));
  const int64_t low = is_signed_integer(dtype) ? -range / 2 : 0;
  return floor_mod(value - low, range) + low;
}

// Whether r must still be repeated to become a value of `type`.
bool lacks_axes(const TensorType& r, const TensorType& type) {
  if (r.rank() != type.rank()) return true;
  for (int64_t axis = 0; axis < r.rank(); ++axis) {
    if (is_one(r.dims[axis]) && !is_one(type.dims[axis])) return true;
  }
  return false;
}

}  // namespace

Attributes ElementwiseOp::attributes() const {
  Attributes attributes;
  if (scalar_.rule == DTypeRule::kCast) attributes.emplace_back("dtype", to_);
  if (std::ranges::any_of(masks_, [](int64_t mask) { return mask != 0; })) {
    attributes.emplace_back("broadcast", masks_);
  }
  return attributes;
}

std::vector<TensorType> ElementwiseOp::infer_types(const TypeContext& context) const {
  const DType computing = computing_dtype(scalar_, context);
  for (size_t i = 0; i < context.size(); ++i) {
    const DType own = context.type(i).dtype;
    const DType expected = operand_dtype(scalar_, i, computing, own);
    if (own != expected) {
      context.type_error(absl::StrCat("operand ", i, " must be ", std::string(name_of(expected)),
                                      ", not ", std::string(name_of(own))),
                         "the builder inserts the casts");
    }
  }
  DType result = computing;
  if (scalar_.rule == DTypeRule::kCompare) result = DType::kBool;
  if (scalar_.rule == DTypeRule::kCast) result = to_;
  return {{result, broadcast_dims(*this, context)}};
}

void ElementwiseOp::infer_shape(ShapeContext& context) const {
  const Apply& apply = context.apply();
  const int64_t rank = highest_rank(apply.inputs());
  IntExprs dims;
  for (int64_t axis = 0; axis < rank; ++axis) {
    bool first = true;
    for (size_t i = 0; i < masks_.size(); ++i) {
      if (broadcasts(i, axis)) continue;
      const IntExpr dim = context.dim(i, axis - (rank - apply.input(i).rank()));
      if (first) {
        dims.push_back(dim);
      } else {
        context.require_equal(
            dims[axis], dim, "operands could not be broadcast: dims differ",
            "dims are aligned from the right; one of length 1 is repeated only if that is known "
            "when the graph is built: say broadcastable(x, axis), or give the dim as 1");
      }
      first = false;
    }
  }
  const DType dtype = apply.output(0).dtype();
  if (scalar_.on_integers != nullptr && is_discrete(dtype) && rank <= 1) {
    bool known = true;
    for (size_t i = 0; i < masks_.size(); ++i) {
      // Host integers are signed: order and quotients of large uint64 would be wrong.
      const bool fits =
          scalar_.rule == DTypeRule::kCast || apply.input(i).dtype() != DType::kUint64;
      known = known && fits && context.has_value(i);
    }
    const bool short_enough =
        rank == 0 || (dims[0].is_constant() && dims[0].constant() <= kMostHostIntegers);
    if (known && short_enough) {
      IntExprs elements;
      const int64_t count = rank == 0 ? 1 : dims[0].constant();
      for (int64_t element = 0; element < count; ++element) {
        IntExprs x;
        for (size_t i = 0; i < masks_.size(); ++i) {
          x.push_back(context.value(i, is_whole(i) ? element : 0));
        }
        const IntExpr value = scalar_.on_integers({x.data(), x.size()});
        const bool to_bool = scalar_.rule == DTypeRule::kCast && dtype == DType::kBool;
        elements.push_back(to_bool ? 1 - equal(value, 0) : wrapped(value, dtype));
      }
      context.set_value(0, std::move(elements));
    }
  }
  context.set_dims(0, std::move(dims));
}

Variables ElementwiseOp::pullback(const PullbackContext& context) const {
  Variables gradients(context.inputs.size());
  const Variable& g = context.output_gradients[0];
  if (!g.defined() || is_discrete(context.outputs[0].dtype())) return gradients;
  const std::optional<GuardedGradient> guarded = find_guard(g);
  const DerivativePoint point{context.inputs, context.outputs[0], guarded ? guarded->value : g};
  for (size_t i = 0; i < gradients.size(); ++i) {
    const Variable& x = context.inputs[i];
    if (!context.wanted[i] || scalar_.partials[i] == nullptr || is_discrete(x.dtype())) continue;
    Variable partial = scalar_.partials[i](point);
    if (guarded) partial = partial == point.g ? g : guarded->guard(partial);
    gradients[i] = sum_broadcast_axes(partial, masks_[i], x.rank());
  }
  return gradients;
}

Variables ElementwiseOp::pushforward(const PushforwardContext& context) const {
  const Variable& y = context.outputs[0];
  Variable sum;
  if (is_discrete(y.dtype())) return {sum};
  for (size_t i = 0; i < context.inputs.size(); ++i) {
    const Variable& tangent = context.tangents[i];
    if (!tangent.defined() || scalar_.partials[i] == nullptr) continue;
    const Variable term = scalar_.partials[i]({context.inputs, y, tangent});
    sum = sum.defined() ? add(sum, term) : term;
  }
  if (sum.defined() && lacks_axes(sum.type(), y.type())) sum = second(y, sum);
  return {sum};
}

const ElementwiseOp* as_elementwise(const Apply& apply) {
  return dynamic_cast<const ElementwiseOp*>(&apply.op());
}

Variable sum_broadcast_axes(const Variable& gradient, int64_t mask, int64_t operand_rank) {
  if (mask == 0) return gradient;
  const int64_t padding = gradient.rank() - operand_rank;
  std::vector<int64_t> axes;
  std::vector<int64_t> order;  // puts back the axes of length 1 that the operand has
  int64_t kept = 0;
  for (int64_t axis = 0; axis < gradient.rank(); ++axis) {
    const bool repeated = (mask >> axis & 1) != 0;
    if (repeated) axes.push_back(axis);
    if (axis >= padding) order.push_back(repeated ? kNewAxis : kept);
    if (!repeated) ++kept;
  }
  if (padding == 0) return sum(gradient, axes, /*keepdims=*/true);
  const Variable total = sum(gradient, axes);
  return total.rank() == operand_rank ? total : dimshuffle(total, order);
}

Variable zero_partial(const DerivativePoint& point) {
  return second(point.y, scalar_constant(point.g.dtype(), 0.0));
}

Variable apply_scalar(const ScalarOp& op, std::initializer_list<Operand> operands) {
  const SourceSite site = operands.begin()->site();
  if (op.rule != DTypeRule::kLogic)
    return apply_scalar(op, resolve_operands(op.name, operands), site);
  // Each operand is true or false by itself.
  Variables variables;
  for (const Operand& operand : operands) variables.push_back(operand.variable());
  return apply_scalar(op, std::move(variables), site);
}

Variable apply_scalar(const ScalarOp& op, Variables operands, SourceSite site) {
  for (const Variable& operand : operands) {
    if (!operand.defined()) {  // apply_op says which one
      return apply_one(std::make_shared<ElementwiseOp>(op, BroadcastMasks()), operands, site);
    }
  }
  const auto node = std::make_shared<const ElementwiseOp>(op, broadcast_masks(operands));
  const TypeContext context(*node, operands, site);
  const DType computing = computing_dtype(op, context);
  broadcast_dims(*node, context);  // refuses the user's own operands, before casts stand for them
  for (size_t i = 0; i < operands.size(); ++i) {
    const DType own = operands[i].dtype();
    operands[i] = cast({operands[i], site}, operand_dtype(op, i, computing, own));
  }
  return apply_one(node, operands, site);
}

}  // namespace bitale
