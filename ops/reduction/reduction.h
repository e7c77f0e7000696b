// Reductions over axes: sum, prod, mean, var, stddev, max, min, any, all, logsumexp, norm, argmax,
// argmin.
//
// Axes are numpy's: `sum(x)` reduces all, `sum(x, 0)` or `sum(x, -1)` one, `sum(x, {0, 2, 3})`
// several, `sum(x, {})` none. Reduced axes go away, or stay with length 1 under `keepdims`.
//
// Dtypes: sums and products of bool and signed integers are int64, of unsigned integers uint64; of
// floats they have the operand's dtype, accumulated in float32 for the two-byte types. mean, var,
// stddev, logsumexp and norm of discrete operands are floatX. max and min keep the dtype.
//
// Order of summation depends on shapes only, never on the thread count. Over no elements sum is 0,
// prod 1, any false, all true, mean NaN; max, min, argmax, argmin and logsumexp are a ShapeError at
// the call.
//
// All builders throw ShapeError for an axis out of range or named twice.

#ifndef BITALE_OPS_REDUCTION_REDUCTION_H_
#define BITALE_OPS_REDUCTION_REDUCTION_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// Which axes to reduce. Negative ones count from the end.
class Axes {
 public:
  template <std::integral T>
  requires(!std::same_as<T, bool>) Axes(T axis)
      : axes_{static_cast<int64_t>(axis)} {}                   // NOLINT: reads as numpy's
  Axes(std::initializer_list<int64_t> axes) : axes_(axes) {}   // NOLINT
  Axes(std::vector<int64_t> axes) : axes_(std::move(axes)) {}  // NOLINT
  static Axes all() { return Axes(All{}); }

  // Ascending, non-negative. ShapeError (naming `op_name` and the operand) if out of range or
  // doubled.
  std::vector<int64_t> resolve(std::string_view op_name, const Variable& x, SourceSite site) const;

 private:
  struct All {};
  explicit Axes(All) : all_(true) {}

  std::vector<int64_t> axes_;
  bool all_ = false;
};

// Theano's and numpy's sum, prod. Derivatives of prod of any order are right where elements are 0;
// from the third on they take memory of the square of the number of elements along the axes.
Variable sum(Operand x, Axes axes = Axes::all(), bool keepdims = false);
Variable prod(Operand x, Axes axes = Axes::all(), bool keepdims = false);

// sum / count. float16 and bfloat16 are summed and divided in float32.
Variable mean(Operand x, Axes axes = Axes::all(), bool keepdims = false);

// Mean squared deviation from the mean, and its root; divided by count - ddof.
Variable var(Operand x, Axes axes = Axes::all(), bool keepdims = false, int64_t ddof = 0);
Variable stddev(Operand x, Axes axes = Axes::all(), bool keepdims = false, int64_t ddof = 0);

// The largest and smallest element. NaN wins; of equal ones, the first in row-major order of the
// reduced axes gets the gradient.
Variable max(Operand x, Axes axes = Axes::all(), bool keepdims = false);
Variable min(Operand x, Axes axes = Axes::all(), bool keepdims = false);

// Whether any or all elements differ from 0; bool. NaN differs from 0.
Variable any(Operand x, Axes axes = Axes::all(), bool keepdims = false);
Variable all(Operand x, Axes axes = Axes::all(), bool keepdims = false);

// log(sum(exp(x))) without overflow: infinities and all -inf come out exact. Where all elements are
// -inf the derivative is 0.
Variable logsumexp(Operand x, Axes axes = Axes::all(), bool keepdims = false);

// The p-norm (sum |x|^ord)^(1/ord); ord = infinity and -infinity are max and min of |x|, 0 counts
// the elements that are not 0. numpy.linalg.norm of a vector; several axes count as one.
Variable norm(Operand x, double ord = 2, Axes axes = Axes::all(), bool keepdims = false);

// int64 index of the largest and smallest element, counted in row-major order of the reduced axes
// (along the axis itself for one axis; in the flattened operand for all). The first wins; NaN wins.
Variable argmax(Operand x, Axes axes = Axes::all(), bool keepdims = false);
Variable argmin(Operand x, Axes axes = Axes::all(), bool keepdims = false);

enum class ReduceKind : uint8_t { kSum, kProd, kMax, kMin, kAny, kAll, kArgmax, kArgmin };

// The op behind sum, prod, max, min, any, all, argmax and argmin; its name is the builder's.
class ReduceOp final : public Op {
 public:
  // `axes` ascending and non-negative.
  ReduceOp(ReduceKind kind, std::vector<int64_t> axes, bool keepdims)
      : kind_(kind), axes_(std::move(axes)), keepdims_(keepdims) {}

  ReduceKind kind() const { return kind_; }
  const std::vector<int64_t>& axes() const { return axes_; }
  bool keepdims() const { return keepdims_; }

  std::string_view name() const override;
  Attributes attributes() const override { return {{"axes", axes_}, {"keepdims", keepdims_}}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  ReduceKind kind_;
  std::vector<int64_t> axes_;
  bool keepdims_;
};

// The dtype of sum and prod of this dtype: int64 or uint64 for discrete ones, else itself.
DType sum_dtype(DType dtype);

// The node of a kind over resolved axes (ascending, non-negative). For pullbacks and rules; users
// call the builders above.
Variable reduce(ReduceKind kind, const Variable& x, std::vector<int64_t> axes, bool keepdims,
                SourceSite site = {});

// A result without the reduced axes gets them back with length 1.
Variable restore_axes(const Variable& reduced, const std::vector<int64_t>& axes);

}  // namespace bitale

#endif  // BITALE_OPS_REDUCTION_REDUCTION_H_
