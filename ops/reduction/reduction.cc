#include "ops/reduction/reduction.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/error.h"
#include "core/graph/shape_context.h"

namespace bitale {
namespace {

// Longest integer vector whose reduction is followed as a host integer.
constexpr int64_t kMostHostElements = 16;

bool is_arg(ReduceKind kind) { return kind == ReduceKind::kArgmax || kind == ReduceKind::kArgmin; }

bool lacks_identity(ReduceKind kind) {
  return is_arg(kind) || kind == ReduceKind::kMax || kind == ReduceKind::kMin;
}

DType result_dtype(ReduceKind kind, DType dtype) {
  switch (kind) {
    case ReduceKind::kSum:
    case ReduceKind::kProd:
      return sum_dtype(dtype);
    case ReduceKind::kMax:
    case ReduceKind::kMin:
      return dtype;
    case ReduceKind::kAny:
    case ReduceKind::kAll:
      return DType::kBool;
    case ReduceKind::kArgmax:
    case ReduceKind::kArgmin:
      break;
  }
  return DType::kInt64;
}

IntExpr combine(ReduceKind kind, const IntExpr& a, const IntExpr& b) {
  switch (kind) {
    case ReduceKind::kSum:
      return a + b;
    case ReduceKind::kProd:
      return a * b;
    case ReduceKind::kMax:
      return max(a, b);
    default:
      return min(a, b);
  }
}

bool follows_host_integers(ReduceKind kind) {
  return kind == ReduceKind::kSum || kind == ReduceKind::kProd || kind == ReduceKind::kMax ||
         kind == ReduceKind::kMin;
}

}  // namespace

DType sum_dtype(DType dtype) {
  if (is_floating(dtype)) return dtype;
  return dtype == DType::kBool || is_signed_integer(dtype) ? DType::kInt64 : DType::kUint64;
}

std::vector<int64_t> Axes::resolve(std::string_view op_name, const Variable& x,
                                   SourceSite site) const {
  std::vector<int64_t> resolved;
  if (!x.defined()) return resolved;  // apply_op says which operand is missing
  const int64_t rank = x.rank();
  if (all_) {
    for (int64_t axis = 0; axis < rank; ++axis) resolved.push_back(axis);
    return resolved;
  }
  auto refuse = [&](std::string_view what, std::string_view hint) {
    throw ShapeError(absl::StrCat(std::string(op_name), ": ", std::string(what), "\n",
                                  describe_operands({&x, 1}), "  at: ", resolve_site(site).str(),
                                  "\n  hint: ", std::string(hint)));
  };
  for (int64_t axis : axes_) {
    if (axis < -rank || axis >= rank) {
      refuse(absl::StrCat("axis ", axis, " is out of range for an operand of rank ", rank),
             rank == 0 ? "a scalar has no axes to reduce"
                       : absl::StrCat("axes run from ", -rank, " to ", rank - 1));
    }
    resolved.push_back(axis < 0 ? axis + rank : axis);
  }
  std::sort(resolved.begin(), resolved.end());
  const auto twice = std::adjacent_find(resolved.begin(), resolved.end());
  if (twice != resolved.end()) {
    refuse(absl::StrCat("axis ", *twice, " is named twice in (", absl::StrJoin(axes_, ", "), ")"),
           "name each axis once; negative axes count from the end");
  }
  return resolved;
}

std::string_view ReduceOp::name() const {
  switch (kind_) {
    case ReduceKind::kSum:
      return "sum";
    case ReduceKind::kProd:
      return "prod";
    case ReduceKind::kMax:
      return "max";
    case ReduceKind::kMin:
      return "min";
    case ReduceKind::kAny:
      return "any";
    case ReduceKind::kAll:
      return "all";
    case ReduceKind::kArgmax:
      return "argmax";
    case ReduceKind::kArgmin:
      break;
  }
  return "argmin";
}

std::vector<TensorType> ReduceOp::infer_types(const TypeContext& context) const {
  const TensorType& type = context.type(0);
  if (!axes_.empty() && axes_.back() >= type.rank()) {
    context.shape_error(absl::StrCat("axis ", axes_.back(),
                                     " is out of range for an operand of rank ", type.rank()));
  }
  TensorType result{result_dtype(kind_, type.dtype), {}};
  bool reduces_nothing = false;
  bool has_outputs = true;
  for (int64_t axis = 0; axis < type.rank(); ++axis) {
    const Dim& dim = type.dims[axis];
    if (!std::binary_search(axes_.begin(), axes_.end(), axis)) {
      result.dims.push_back(dim);
      has_outputs &= dim.is_fixed() && dim != Dim(0);
    } else {
      if (keepdims_) result.dims.push_back(1);
      reduces_nothing |= dim == Dim(0);
    }
  }
  if (lacks_identity(kind_) && reduces_nothing && has_outputs) {
    context.shape_error("zero-size reduction has no identity",
                        "max, min, argmax and argmin need at least one element");
  }
  return {std::move(result)};
}

void ReduceOp::infer_shape(ShapeContext& context) const {
  const int64_t rank = context.apply().input(0).rank();
  IntExprs dims;
  IntExpr reduced = 1;
  IntExpr kept = 1;
  for (int64_t axis = 0; axis < rank; ++axis) {
    const IntExpr dim = context.dim(0, axis);
    if (std::binary_search(axes_.begin(), axes_.end(), axis)) {
      if (keepdims_) dims.push_back(1);
      reduced = reduced * dim;
    } else {
      dims.push_back(dim);
      kept = kept * dim;
    }
  }
  if (lacks_identity(kind_)) {
    context.require(max(reduced, equal(kept, 0)), "zero-size reduction has no identity",
                    "max, min, argmax and argmin need at least one element");
  }
  // prod(shape(x)) and the like reach dims.
  const bool host = follows_host_integers(kind_) && rank == 1 && axes_.size() == 1 &&
                    !is_floating(context.apply().input(0).dtype()) && reduced.is_constant() &&
                    reduced.constant() >= 1 && reduced.constant() <= kMostHostElements &&
                    context.has_value(0);
  if (host) {
    IntExpr value = context.value(0, 0);
    for (int64_t i = 1; i < reduced.constant(); ++i) {
      value = combine(kind_, value, context.value(0, i));
    }
    context.set_value(0, {value});
  }
  context.set_dims(0, std::move(dims));
}

Variable reduce(ReduceKind kind, const Variable& x, std::vector<int64_t> axes, bool keepdims,
                SourceSite site) {
  return apply_one(std::make_shared<ReduceOp>(kind, std::move(axes), keepdims), {x}, site);
}

namespace {

Variable reduce_operand(ReduceKind kind, const Operand& x, const Axes& axes, bool keepdims) {
  const Variable variable = x.variable();
  const ReduceOp unresolved(kind, {}, keepdims);
  return reduce(kind, variable, axes.resolve(unresolved.name(), variable, x.site()), keepdims,
                x.site());
}

}  // namespace

Variable sum(Operand x, Axes axes, bool keepdims) {
  return reduce_operand(ReduceKind::kSum, x, axes, keepdims);
}
Variable prod(Operand x, Axes axes, bool keepdims) {
  return reduce_operand(ReduceKind::kProd, x, axes, keepdims);
}
Variable max(Operand x, Axes axes, bool keepdims) {
  return reduce_operand(ReduceKind::kMax, x, axes, keepdims);
}
Variable min(Operand x, Axes axes, bool keepdims) {
  return reduce_operand(ReduceKind::kMin, x, axes, keepdims);
}
Variable any(Operand x, Axes axes, bool keepdims) {
  return reduce_operand(ReduceKind::kAny, x, axes, keepdims);
}
Variable all(Operand x, Axes axes, bool keepdims) {
  return reduce_operand(ReduceKind::kAll, x, axes, keepdims);
}
Variable argmax(Operand x, Axes axes, bool keepdims) {
  return reduce_operand(ReduceKind::kArgmax, x, axes, keepdims);
}
Variable argmin(Operand x, Axes axes, bool keepdims) {
  return reduce_operand(ReduceKind::kArgmin, x, axes, keepdims);
}

}  // namespace bitale
