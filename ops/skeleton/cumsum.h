// Cumulative sums: a small real op, to be copied. It shows one of everything that an op needs:
//
//   cumsum.h       the builder with its contract, the op's class with its attributes
//   cumsum.cc      type rule, shape rule, pullback, pushforward
//   cumsum_cpu.cc  the kernel, a template over the dtype, and its registration
//   cumsum_test.cc rows of cases: values, derivatives, errors
//
// A new family besides: its name in ops/families.bzl, and a BUILD file that calls op_family().

#ifndef BITALE_OPS_SKELETON_CUMSUM_H_
#define BITALE_OPS_SKELETON_CUMSUM_H_

#include <vector>

#include "core/graph/op.h"
#include "core/graph/operand.h"

namespace bitale {

// Sums of x's elements up to and including each one along `axis` (numpy.cumsum; negative axes count
// from the end). From the last element backwards if `reverse`. The shape is x's; floats keep their
// dtype, bool and signed integers give int64, unsigned ones uint64, as in sum(). ShapeError for an
// axis out of range.
Variable cumsum(Operand x, int64_t axis, bool reverse = false);

class CumsumOp final : public Op {
 public:
  CumsumOp(int64_t axis, bool reverse) : axis_(axis), reverse_(reverse) {}

  // Not negative.
  int64_t axis() const { return axis_; }
  bool reverse() const { return reverse_; }

  std::string_view name() const override { return "cumsum"; }
  Attributes attributes() const override { return {{"axis", axis_}, {"reverse", reverse_}}; }
  std::vector<TensorType> infer_types(const TypeContext& context) const override;
  void infer_shape(ShapeContext& context) const override;
  Variables pullback(const PullbackContext& context) const override;
  Variables pushforward(const PushforwardContext& context) const override;

 private:
  int64_t axis_;
  bool reverse_;
};

}  // namespace bitale

#endif  // BITALE_OPS_SKELETON_CUMSUM_H_
