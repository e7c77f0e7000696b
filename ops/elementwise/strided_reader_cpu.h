// Reads any range of an operand's elements, in the row-major order of the output that it is
// repeated to, into contiguous memory.

#ifndef BITALE_OPS_ELEMENTWISE_STRIDED_READER_CPU_H_
#define BITALE_OPS_ELEMENTWISE_STRIDED_READER_CPU_H_

#include "core/compile/kernel_registry.h"

namespace bitale {

class StridedReader {
 public:
  // The operand's axes are aligned with `shape` from the right; those of length 1 are repeated.
  StridedReader(const OperandLayout& operand, const Dims& shape);

  // The elements lie in that order without gaps: nothing needs to be copied.
  bool is_contiguous() const { return dims_.empty() || (dims_.size() == 1 && strides_[0] == 1); }
  // All elements are the first one.
  bool is_uniform() const { return dims_.size() == 1 && strides_[0] == 0; }

  // Copies elements [begin, begin + count) of the order to `to`.
  void read(const void* from, int64_t begin, int64_t count, void* to) const;

 private:
  size_t element_size_;
  Dims dims_;     // neighbouring axes that are walked with one stride are one axis
  Dims strides_;  // in elements
};

// `count` copies of the element at `from`.
void fill_elements(const void* from, size_t element_size, int64_t count, void* to);

}  // namespace bitale

#endif  // BITALE_OPS_ELEMENTWISE_STRIDED_READER_CPU_H_
