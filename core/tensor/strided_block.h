// Elements moved between two strided blocks of two axes: what all copies, gathers of operands and
// writes to parts of tensors come down to. For whole tensors see core/tensor/strided_copy.h.

#ifndef BITALE_CORE_TENSOR_STRIDED_BLOCK_H_
#define BITALE_CORE_TENSOR_STRIDED_BLOCK_H_

#include <cstddef>
#include <cstdint>

namespace bitale {

// One axis of a block that is read in one place and written in another; strides in elements.
struct BlockAxis {
  int64_t length = 1;
  int64_t to_stride = 0;
  int64_t from_stride = 0;
};

// to[i * rows.to_stride + j * columns.to_stride] = from[i * rows.from_stride + j *
// columns.from_stride], for elements of 1, 2, 4 or 8 bytes. Writes nothing beside the block, in
// vectors where columns.to_stride is 1. The blocks are apart, or the same elements in the same
// order.
void move_block(size_t element_size, const BlockAxis& rows, const BlockAxis& columns,
                const void* from, void* to);

}  // namespace bitale

#endif  // BITALE_CORE_TENSOR_STRIDED_BLOCK_H_
