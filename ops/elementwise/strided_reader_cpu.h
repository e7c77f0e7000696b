// Reads any range of an operand's elements, in the row-major order of the output that it is
// repeated to, into contiguous memory.

#ifndef BITALE_OPS_ELEMENTWISE_STRIDED_READER_CPU_H_
#define BITALE_OPS_ELEMENTWISE_STRIDED_READER_CPU_H_

#include "absl/container/inlined_vector.h"
#include "core/compile/kernel_registry.h"
#include "ops/elementwise/divisor_cpu.h"

namespace bitale {

class StridedReader {
 public:
  // The operand's axes are aligned with `shape` from the right; those of length 1 are repeated.
  StridedReader(const OperandLayout& operand, const Dims& shape);

  // The elements lie in that order without gaps: nothing needs to be copied.
  bool is_contiguous() const { return dims_.empty() || (dims_.size() == 1 && strides_[0] == 1); }
  // All elements are the first one.
  bool is_uniform() const { return dims_.size() == 1 && strides_[0] == 0; }

  size_t element_size() const { return element_size_; }
  // How many elements, from any multiple of that number on, lie `row_stride()` apart.
  int64_t row_length() const { return dims_.empty() ? 1 : dims_.back(); }
  int64_t row_stride() const { return dims_.empty() ? 1 : strides_.back(); }
  // After how many elements they are the same ones again, to the end; 0 if they are not.
  int64_t period() const;

  // An axis along which elements lie side by side although rows do not.
  struct SideBySide {
    int64_t length = 0;   // 0: there is none
    int64_t between = 1;  // rows from one of its positions to the next
    friend bool operator==(const SideBySide&, const SideBySide&) = default;
  };
  SideBySide side_by_side() const;

  // Where element `index` of the order lies, in elements.
  int64_t offset(int64_t index) const { return place(index).offset; }

  // Copies elements [begin, begin + count) of the order to `to`.
  void read(const void* from, int64_t begin, int64_t count, void* to) const;

  // Copies `columns` elements from `begin` on, all of one row, and those beside them at the next
  // rows - 1 positions of the axis side_by_side().
  void read_beside(const void* from, int64_t begin, int64_t rows, int64_t columns, void* to) const;

 private:
  // Where an element lies, and at which positions of the last axes.
  struct Place {
    int64_t offset = 0;
    int64_t column = 0;
    int64_t row = 0;
    int64_t slice = 0;
  };
  Place place(int64_t index) const;

  size_t element_size_;
  Dims dims_;     // neighbouring axes that are walked with one stride are one axis
  Dims strides_;  // in elements
  absl::InlinedVector<Divisor, 4> lengths_;  // dims_
};

// `count` copies of the element at `from`.
void fill_elements(const void* from, size_t element_size, int64_t count, void* to);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_STRIDED_READER_CPU_H_
