#include "ops/reduction/row_geometry_cpu.h"

namespace bitale {
namespace {

Dims shape_of_step(const KernelCall& call, size_t step) {
  const auto& op = call.op_as<FusedRowsOp>();
  const int value = static_cast<int>(op.input_count() + step);
  Dims shape;
  for (int64_t axis = -op.steps()[step].type.rank(); axis < 0; ++axis) {
    const FusedRowsOp::Origin from = op.origin(value, axis);
    if (from.input < 0) {
      shape.push_back(1);
      continue;
    }
    const Dims& dims = call.inputs[static_cast<size_t>(from.input)].shape;
    shape.push_back(dims[dims.size() - static_cast<size_t>(-from.axis)]);
  }
  return shape;
}

}  // namespace

RowGeometry::RowGeometry(const KernelCall& call) {
  const auto& op = call.op_as<FusedRowsOp>();
  const auto steps = op.steps();
  size_t whole = 0;
  while (!steps[whole].whole) ++whole;
  shape = shape_of_step(call, whole);
  numbers_shape = row_shape = shape;
  const size_t leading = shape.size() - static_cast<size_t>(op.row_axes());
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    (axis < leading ? rows : length) *= shape[axis];
    (axis < leading ? row_shape : numbers_shape)[axis] = 1;
  }
  if (rows == 0 || length == 0) refusal = "there are no elements";
  // Numbers of one row may have been multiplied with rows of another length.
  for (size_t i = 0; i < steps.size() && refusal == nullptr; ++i) {
    bool fits;
    if (steps[i].folds) {
      const auto operand = static_cast<size_t>(steps[i].operands[0]);
      fits = operand >= op.input_count() || call.inputs[operand].shape == shape;
    } else {
      fits = shape_of_step(call, i) == (steps[i].whole ? shape : numbers_shape);
    }
    if (!fits) refusal = "rows of different lengths meet";
  }
}

RowOperand RowGeometry::kind_of(const OperandLayout& operand) const {
  const size_t missing = shape.size() - operand.shape.size();
  bool varies_across = false;
  bool varies_along = false;
  for (size_t axis = missing; axis < shape.size(); ++axis) {
    if (operand.shape[axis - missing] == 1) continue;
    (row_shape[axis] == 1 ? varies_across : varies_along) = true;
  }
  if (varies_along) return varies_across ? RowOperand::kRows : RowOperand::kSharedRow;
  return varies_across ? RowOperand::kNumbers : RowOperand::kUniform;
}

}  // namespace bitale
