// The reductions that are compositions: mean, var, stddev, logsumexp, norm.

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/options.h"
#include "ops/elementwise/elementwise.h"
#include "ops/elementwise/guarded_at_zero_internal.h"
#include "ops/gradient_control/gradient_control.h"
#include "ops/reduction/reduction.h"
#include "ops/shape/shape_item.h"

namespace bitale {
namespace {

bool is_half(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }

DType float_dtype(DType dtype) { return is_floating(dtype) ? dtype : float_x(); }

// The dtype to compute in where intermediate results of two-byte types would overflow or round off.
DType wide_dtype(DType dtype) { return is_half(dtype) ? DType::kFloat32 : float_dtype(dtype); }

Variable as(const Variable& x, DType dtype) { return x.dtype() == dtype ? x : cast(x, dtype); }

// How many elements are reduced into one, less `ddof`, but not below 0, in a floating dtype.
Variable count_of(const Variable& x, const std::vector<int64_t>& axes, int64_t ddof, DType dtype) {
  int64_t fixed = 1;
  Variable symbolic;
  for (int64_t axis : axes) {
    const ShapeItem length = length_of(x, axis);
    if (length.is_static()) {
      fixed *= length.length();
    } else {
      symbolic = symbolic.defined() ? mul(symbolic, length.variable()) : length.variable();
    }
  }
  if (!symbolic.defined())
    return scalar_constant(dtype, static_cast<double>(std::max<int64_t>(fixed - ddof, 0)));
  if (fixed != 1) symbolic = mul(symbolic, fixed);
  if (ddof != 0) symbolic = maximum(sub(symbolic, ddof), 0);
  return cast(symbolic, dtype);
}

// A reduction as its builder sees it: resolved axes, dtypes, and one site for all nodes.
struct Reduction {
  Reduction(std::string_view name, const Operand& operand, const Axes& which, bool keep)
      : scope(operand.site(), ""),
        x(operand.variable()),
        axes(which.resolve(name, x, operand.site())),
        keepdims(keep),
        dtype(float_dtype(x.dtype())),
        wide(wide_dtype(x.dtype())) {}

  Variable fold(ReduceKind kind, const Variable& v) const {
    return reduce(kind, v, axes, keepdims);
  }

  SiteScope scope;
  Variable x;
  std::vector<int64_t> axes;
  bool keepdims;
  DType dtype;  // of the result
  DType wide;   // to compute in
};

Variable mean_of(const Variable& x, const std::vector<int64_t>& axes, bool keepdims) {
  const DType wide = wide_dtype(x.dtype());
  // Integers are summed exactly, before they become floats, unless their sum could wrap.
  const bool may_wrap = x.dtype() == DType::kInt64 || x.dtype() == DType::kUint64;
  const Variable from = is_half(x.dtype()) ? cast(x, wide)
                        : may_wrap         ? cast(x, DType::kFloat64)
                                           : x;
  const Variable total = reduce(ReduceKind::kSum, from, axes, keepdims);
  return as(total, wide) / count_of(x, axes, 0, wide);
}

Variable var_of(const Reduction& r, int64_t ddof) {
  const Variable centered = as(r.x, r.wide) - mean_of(r.x, r.axes, true);
  return r.fold(ReduceKind::kSum, sqr(centered)) / count_of(r.x, r.axes, ddof, r.wide);
}

}  // namespace

Variable mean(Operand x, Axes axes, bool keepdims) {
  const Reduction r("mean", x, axes, keepdims);
  return as(mean_of(r.x, r.axes, keepdims), r.dtype);
}

Variable var(Operand x, Axes axes, bool keepdims, int64_t ddof) {
  const Reduction r("var", x, axes, keepdims);
  return as(var_of(r, ddof), r.dtype);
}

Variable stddev(Operand x, Axes axes, bool keepdims, int64_t ddof) {
  const Reduction r("stddev", x, axes, keepdims);
  return as(sqrt(var_of(r, ddof)), r.dtype);
}

Variable logsumexp(Operand x, Axes axes, bool keepdims) {
  const Reduction r("logsumexp", x, axes, keepdims);
  // The error of a maximum over nothing names who asked for it.
  const SiteScope label(x.site(), "logsumexp");
  const Variable wide = as(r.x, r.wide);
  // The shift cancels, so it carries no gradient; an infinite one would make inf - inf.
  const Variable largest = disconnected_grad(reduce(ReduceKind::kMax, wide, r.axes, true));
  const Variable shift = where(isinf(largest), 0, largest);
  const Variable powers = reduce(ReduceKind::kSum, exp(wide - shift), r.axes, true);
  // Where all elements are -inf, so is the result, with derivative 0 instead of 0 / 0.
  const Variable total = guarded_at_zero(powers, -std::numeric_limits<double>::infinity(),
                                         [](const Variable& positive) { return log(positive); }) +
                         shift;
  // The axes have length 1 now: this sum only drops them.
  return as(keepdims ? total : reduce(ReduceKind::kSum, total, r.axes, false), r.dtype);
}

Variable norm(Operand x, double ord, Axes axes, bool keepdims) {
  const Reduction r("norm", x, axes, keepdims);
  const Variable wide = as(r.x, r.wide);
  if (std::isinf(ord)) {
    return as(r.fold(ord > 0 ? ReduceKind::kMax : ReduceKind::kMin, abs(wide)), r.dtype);
  }
  if (ord == 0) return as(r.fold(ReduceKind::kSum, neq(wide, 0)), r.dtype);
  if (ord == 1) return as(r.fold(ReduceKind::kSum, abs(wide)), r.dtype);
  if (ord == 2) {
    const Variable total = r.fold(ReduceKind::kSum, sqr(wide));
    return as(guarded_at_zero(total, 0, [](const Variable& s) { return sqrt(s); }), r.dtype);
  }
  const Variable total = r.fold(ReduceKind::kSum, pow(abs(wide), ord));
  return as(guarded_at_zero(total, 0, [&](const Variable& s) { return pow(s, 1 / ord); }), r.dtype);
}

}  // namespace bitale
