#include "ops/elementwise/strided_reader_cpu.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

#include "core/tensor/strided_block.h"

namespace bitale {
namespace {

// Two axes of fewer elements than this are no block worth a call.
constexpr int64_t kFewElements = 64;

}  // namespace

StridedReader::StridedReader(const OperandLayout& operand, const Dims& shape)
    : element_size_(size_of(operand.dtype)) {
  const size_t padding = shape.size() - operand.shape.size();
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] == 1) continue;
    const bool repeated = axis < padding || operand.shape[axis - padding] == 1;
    const int64_t stride = repeated ? 0 : operand.strides[axis - padding];
    if (!dims_.empty() && strides_.back() == stride * shape[axis]) {
      dims_.back() *= shape[axis];
      strides_.back() = stride;
    } else {
      dims_.push_back(shape[axis]);
      strides_.push_back(stride);
    }
  }
  for (const int64_t length : dims_) lengths_.emplace_back(std::max<int64_t>(1, length));
}

int64_t StridedReader::period() const {
  if (dims_.empty() || strides_.front() != 0) return 0;
  int64_t result = 1;
  for (size_t axis = 1; axis < dims_.size(); ++axis) result *= dims_[axis];
  return result;
}

StridedReader::SideBySide StridedReader::side_by_side() const {
  SideBySide result;
  for (size_t axis = dims_.size(); axis-- > 0;) {
    if (axis + 1 == dims_.size()) continue;
    if (strides_[axis] == 1) {
      result.length = dims_[axis];
      return result;
    }
    result.between *= dims_[axis];
  }
  return {};
}

StridedReader::Place StridedReader::place(int64_t index) const {
  Place result;
  int64_t* const positions[] = {&result.column, &result.row, &result.slice};
  const size_t rank = dims_.size();
  for (size_t i = 0; i < rank; ++i) {
    const size_t axis = rank - 1 - i;
    const auto [next, position] = lengths_[axis].divide(index);
    result.offset += position * strides_[axis];
    if (i < std::size(positions)) *positions[i] = position;
    index = next;
  }
  return result;
}

void StridedReader::read(const void* from, int64_t begin, int64_t count, void* to) const {
  const auto size = static_cast<int64_t>(element_size_);
  const size_t rank = dims_.size();
  const int64_t length = row_length();
  const int64_t rows = rank < 2 ? 1 : dims_[rank - 2];
  const int64_t slices = rank < 3 ? 1 : dims_[rank - 3];
  auto* target = static_cast<std::byte*>(to);
  while (count > 0) {
    const Place at = place(begin);
    const std::byte* source = static_cast<const std::byte*>(from) + at.offset * size;
    BlockAxis columns{length, 1, row_stride()};
    int64_t taken;
    if (at.column != 0 || count < 2 * length || rank < 2) {
      taken = std::min(count, length - at.column);
      columns.length = taken;
      move_block(element_size_, {}, columns, source, target);
    } else if (at.row == 0 && slices > rows && rows * length < kFewElements &&
               count >= 2 * rows * length) {
      // One row of many slices at a time.
      const int64_t wanted = count / (rows * length);
      const BlockAxis all{std::min(slices - at.slice, wanted), rows * length, strides_[rank - 3]};
      taken = all.length * rows * length;
      for (int64_t r = 0; r < rows; ++r) {
        move_block(element_size_, all, columns, source + r * strides_[rank - 2] * size,
                   target + r * length * size);
      }
    } else {
      const int64_t wanted = lengths_.back().divide(count).quotient;
      const BlockAxis whole{std::min(rows - at.row, wanted), length, strides_[rank - 2]};
      taken = whole.length * length;
      move_block(element_size_, whole, columns, source, target);
    }
    begin += taken;
    count -= taken;
    target += taken * size;
  }
}

void StridedReader::read_beside(const void* from, int64_t begin, int64_t rows, int64_t columns,
                                void* to) const {
  const auto size = static_cast<int64_t>(element_size_);
  move_block(element_size_, {rows, columns, 1}, {columns, 1, row_stride()},
             static_cast<const std::byte*>(from) + offset(begin) * size, to);
}

void fill_elements(const void* from, size_t element_size, int64_t count, void* to) {
  move_block(element_size, {}, {count, 1, 0}, from, to);
}

}  // namespace bitale
