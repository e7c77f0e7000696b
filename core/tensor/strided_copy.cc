#include "core/tensor/strided_copy.h"

#include <algorithm>
#include <cstddef>

namespace bitale {
namespace {

// Elements of a step: what it reads and writes stays in the first cache, so that lines of which a
// step uses a part are still there for the next one.
constexpr int64_t kStepElements = 4096;
// Rows are cut at multiples of so many: no line of a transposed block is read for two steps.
constexpr int64_t kStepRows = 64;
// Fewer rows than these are no inner loop while there is a longer axis.
constexpr int64_t kFewRows = 8;
// Elements of a part.
constexpr int64_t kPartElements = int64_t{1} << 16;

using Axes = absl::InlinedVector<BlockAxis, 6>;

// The axes in the order in which they are written, without those of length 1; neighbours that are
// walked with one stride are one axis.
Axes merged(Axes& axes) {
  // By insertion, as copies are planned in calls too, which take no memory: std::stable_sort would.
  const auto is_wider = [](const BlockAxis& a, const BlockAxis& b) {
    return a.to_stride > b.to_stride;
  };
  for (auto axis = axes.begin(); axis != axes.end(); ++axis) {
    std::rotate(std::upper_bound(axes.begin(), axis, *axis, is_wider), axis, axis + 1);
  }
  Axes result;
  for (const BlockAxis& axis : axes) {
    if (axis.length == 1) continue;
    const bool continues = !result.empty() &&
                           result.back().to_stride == axis.length * axis.to_stride &&
                           result.back().from_stride == axis.length * axis.from_stride;
    if (continues) {
      result.back() = {result.back().length * axis.length, axis.to_stride, axis.from_stride};
    } else {
      result.push_back(axis);
    }
  }
  return result;
}

// The axis that is walked beside the innermost one: the one that is innermost where it is read, or
// else a near one that is long enough.
size_t choose_rows(const Axes& axes) {
  const size_t last = axes.size() - 1;
  size_t longest = last;
  for (size_t i = 0; i <= last; ++i) {
    if (axes[i].from_stride == 1) return i;
    if (axes[i].length > axes[longest].length) longest = i;
  }
  return axes[last].length >= kFewRows ? last : longest;
}

}  // namespace

StridedCopy::StridedCopy(size_t element_size, const Dims& shape, const Dims& to_strides,
                         const Dims& from_strides)
    : element_size_(element_size) {
  Axes axes;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) steps_ = 0;
    BlockAxis axis{shape[i], to_strides[i], from_strides[i]};
    if (axis.to_stride < 0) {  // from its other end
      to_start_ += (axis.length - 1) * axis.to_stride;
      from_start_ += (axis.length - 1) * axis.from_stride;
      axis.to_stride = -axis.to_stride;
      axis.from_stride = -axis.from_stride;
    }
    axes.push_back(axis);
  }
  if (steps_ == 0) return;
  outer_ = merged(axes);
  columns_.to_stride = 1;
  columns_.from_stride = 1;
  if (!outer_.empty()) {
    columns_ = outer_.back();
    outer_.pop_back();
  }
  if (!outer_.empty()) {
    const size_t rows = choose_rows(outer_);
    rows_ = outer_[rows];
    // The axis stays, as that of the pieces into which rows are cut.
    const int64_t fitting = kStepElements / columns_.length / kStepRows * kStepRows;
    rows_cut_ = cut(outer_[rows], std::max(kStepRows, fitting), rows);
    rows_.length = std::min(rows_.length, rows_cut_.length);
  }
  outer_.push_back(columns_);
  columns_cut_ = cut(outer_.back(), kStepElements, outer_.size() - 1);
  columns_.length = std::min(columns_.length, columns_cut_.length);
  for (const BlockAxis& axis : outer_) steps_ *= axis.length;
  steps_per_part_ = std::max<int64_t>(1, kPartElements / (rows_.length * columns_.length));
}

StridedCopy::Cut StridedCopy::cut(BlockAxis& axis, int64_t length, size_t outer) {
  const int64_t pieces = (axis.length + length - 1) / length;
  const Cut result{outer, length, axis.length - (pieces - 1) * length};
  axis = {pieces, axis.to_stride * length, axis.from_stride * length};
  return result;
}

void StridedCopy::run_parts(int64_t begin, int64_t end, const void* from, void* to) const {
  const auto size = static_cast<int64_t>(element_size_);
  const int64_t last = std::min(steps_, end * steps_per_part_);
  for (int64_t step = begin * steps_per_part_; step < last; ++step) {
    int64_t to_offset = to_start_;
    int64_t from_offset = from_start_;
    BlockAxis rows = rows_;
    BlockAxis columns = columns_;
    int64_t index = step;
    for (size_t i = outer_.size(); i-- > 0;) {
      const int64_t piece = index % outer_[i].length;
      index /= outer_[i].length;
      to_offset += piece * outer_[i].to_stride;
      from_offset += piece * outer_[i].from_stride;
      if (piece + 1 < outer_[i].length) continue;
      if (i == rows_cut_.outer) rows.length = rows_cut_.rest;
      if (i == columns_cut_.outer) columns.length = columns_cut_.rest;
    }
    move_block(element_size_, rows, columns,
               static_cast<const std::byte*>(from) + from_offset * size,
               static_cast<std::byte*>(to) + to_offset * size);
  }
}

}  // namespace bitale
