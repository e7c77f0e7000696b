// Products of vectors, matrices and stacks of matrices.
//
// dot() is the everyday product; matmul() multiplies stacks with numpy's broadcasting; tensordot()
// sums over chosen axes; outer() multiplies every pair. Elementwise products are `a * b`.
//
// Operands of different dtypes are promoted; all dtypes but float16 and bfloat16 have kernels (cast
// those first). Integers wrap. NaN and infinities propagate: nothing is skipped for being zero.

#ifndef BITALE_OPS_LINALG_DOT_H_
#define BITALE_OPS_LINALG_DOT_H_

#include <cstdint>
#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// Theano's and numpy's dot: a scalar times anything is the elementwise product; otherwise the last
// axis of `a` is summed with the only axis of a vector `b`, or the one before the last of `b`:
// (k)·(k) -> (), (m, k)·(k) -> (m), (k)·(k, n) -> (n), (m, k)·(k, n) -> (m, n), and for higher
// ranks
// (..., k)·(..., k, n) -> (..., ..., n). ShapeError if the summed dims differ.
Variable dot(Operand a, Operand b);

// numpy's matmul: (..., m, k)·(..., k, n) -> (..., m, n). A vector on the left is a row, on the
// right a column, whose axis is dropped from the result. Leading axes broadcast where one is
// statically 1. ShapeError for a scalar operand, or if inner dims or leading axes differ.
Variable matmul(Operand a, Operand b);

// Theano's batched_dot: dot(a[i], b[i]) for each i of the first axis; each operand has rank 2 or 3.
// (b, m, k)·(b, k, n) -> (b, m, n), (b, m, k)·(b, k) -> (b, m), (b, k)·(b, k, n) -> (b, n),
// (b, k)·(b, k) -> (b). ShapeError for other ranks or differing dims.
Variable batched_dot(Operand a, Operand b);

// numpy's tensordot: sums over pairs of axes, a_axes[i] of `a` with b_axes[i] of `b`; the result
// has the other axes of `a`, then those of `b`. Negative axes count from the end. ShapeError if the
// lists differ in length, repeat an axis, leave the rank or pair differing dims.
Variable tensordot(Operand a, Operand b, std::vector<int64_t> a_axes, std::vector<int64_t> b_axes);
// Sums over the last `axes` axes of `a` and the first `axes` of `b`.
Variable tensordot(Operand a, Operand b, int64_t axes = 2);

// out[i, j] = a[i] * b[j] over the flattened operands: (m), (n) -> (m, n), as numpy's outer.
Variable outer(Operand a, Operand b);

// --- Op classes, for rules and kernels -----------------------------------------------------------

// Ranks 1 and 2, equal dtypes.
class DotOp final : public Op {
 public:
  std::string_view name() const override { return "dot"; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;
};

// Equal ranks of at least 3, equal dtypes; which leading axes of which operand broadcast was
// decided when the node was built.
class MatmulOp final : public Op {
 public:
  // Bit i: leading axis i of the operand has length 1 and is repeated.
  MatmulOp(uint64_t a_broadcasts, uint64_t b_broadcasts)
      : a_broadcasts_(a_broadcasts), b_broadcasts_(b_broadcasts) {}

  std::string_view name() const override { return "matmul"; }
  Attributes attributes() const override;
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

  bool broadcasts(size_t operand, size_t axis) const {
    return ((operand == 0 ? a_broadcasts_ : b_broadcasts_) >> axis & 1) != 0;
  }

 private:
  uint64_t a_broadcasts_;
  uint64_t b_broadcasts_;
};

}  // namespace bitale

#endif  // BITALE_OPS_LINALG_DOT_H_
