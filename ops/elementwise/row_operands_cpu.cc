#include "ops/elementwise/row_operands_cpu.h"

#include <algorithm>

namespace bitale {
namespace {

// Shorter rows are not worth a chain each.
constexpr int64_t kShortestRow = 64;

// The length of the rows along each of which the operand is one number; 0 where it has no such.
int64_t repeated_along(const StridedReader& reader) {
  return !reader.is_uniform() && reader.row_stride() == 0 ? reader.row_length() : 0;
}

// The length of the one row that the operand is; 0 where it is none.
int64_t repeated_row(const StridedReader& reader) {
  return !reader.is_uniform() && reader.row_stride() == 1 && reader.row_length() == reader.period()
             ? reader.period()
             : 0;
}

// `shape` with length 1 along the last axes, which hold so many elements.
Dims without_rows(Dims shape, int64_t row_length) {
  int64_t elements = 1;
  for (size_t axis = shape.size(); axis-- > 0 && elements < row_length;) {
    elements *= shape[axis];
    shape[axis] = 1;
  }
  return shape;
}

}  // namespace

RowOperands::RowOperands(std::span<const OperandLayout> inputs, const Dims& shape)
    : operands_(inputs.size()) {
  std::vector<StridedReader> readers;
  for (const OperandLayout& input : inputs) readers.emplace_back(input, shape);
  for (const StridedReader& reader : readers) {
    for (const int64_t length : {repeated_along(reader), repeated_row(reader)}) {
      if (length < kShortestRow) continue;
      row_length_ = row_length_ == 0 ? length : std::min(row_length_, length);
    }
  }
  for (size_t i = 0; i < inputs.size(); ++i) {
    const StridedReader& reader = readers[i];
    const int64_t along = repeated_along(reader);
    if (reader.is_uniform()) {
      operands_[i].form = Form::kUniform;
    } else if (row_length_ > 0 && along > 0 && along % row_length_ == 0) {
      const Dims numbers = without_rows(shape, row_length_);
      OperandLayout layout = inputs[i];
      const size_t padding = shape.size() - layout.shape.size();
      for (size_t axis = 0; axis < layout.shape.size(); ++axis) {
        layout.shape[axis] = std::min(layout.shape[axis], numbers[axis + padding]);
      }
      operands_[i] = {Form::kNumbers, StridedReader(layout, numbers)};
    } else if (row_length_ > 0 && repeated_row(reader) == row_length_) {
      operands_[i].form = Form::kRow;
    }
  }
}

}  // namespace bitale
