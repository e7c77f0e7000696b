// Copies of whole tensors of any strides, planned once for their shape.

#ifndef BITALE_CORE_TENSOR_STRIDED_COPY_H_
#define BITALE_CORE_TENSOR_STRIDED_COPY_H_

#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "core/base/dim.h"
#include "core/tensor/strided_block.h"

namespace bitale {

class StridedCopy {
 public:
  // From one strided place to another of the same shape; strides in elements. No two elements are
  // written at one place. Elements have 1, 2, 4 or 8 bytes.
  StridedCopy(size_t element_size, const Dims& shape, const Dims& to_strides,
              const Dims& from_strides);

  // Copies all elements. The places are apart, or the same. Allocates nothing.
  void run(const void* from, void* to) const { run_parts(0, parts(), from, to); }

  // The work in parts that are each worth a thread; which elements one copies depends on shape and
  // strides alone.
  int64_t parts() const { return (steps_ + steps_per_part_ - 1) / steps_per_part_; }
  void run_parts(int64_t begin, int64_t end, const void* from, void* to) const;

 private:
  // An axis of a block that is walked in pieces.
  struct Cut {
    size_t outer = 0;    // the axis of the pieces
    int64_t length = 1;  // of a piece
    int64_t rest = 1;    // of the last one
  };

  // Makes `axis`, which is outer axis `outer`, that of its pieces.
  static Cut cut(BlockAxis& axis, int64_t length, size_t outer);

  size_t element_size_;
  // A step moves one block; where it lies follows from the step's number among all.
  absl::InlinedVector<BlockAxis, 6> outer_;
  BlockAxis rows_, columns_;
  Cut rows_cut_, columns_cut_;
  int64_t to_start_ = 0;  // the first element of all, where axes are walked from their other end
  int64_t from_start_ = 0;
  int64_t steps_ = 1;
  int64_t steps_per_part_ = 1;
};

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_STRIDED_COPY_H_
