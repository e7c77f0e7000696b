// What the gradients of a convolution share for an output gradient of few values at known
// positions, as behind a max-pool. Images and filters are laid out so that a window is a few rows
// of neighbouring elements; for each value the row of a filter, or of the image, is added, scaled
// by the value. What is summed stays in registers meanwhile.

#ifndef BITALE_OPS_CONV_CONV2D_OF_UNPOOLED_CPU_H_
#define BITALE_OPS_CONV_CONV2D_OF_UNPOOLED_CPU_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/compile/kernel_registry.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/row_sums.h"

namespace bitale::conv2d_cpu {

// The inputs of both ops; kOther is filters or images.
enum UnpooledInput : size_t { kPositions, kValues, kOther };

// A window as blocks of rows of neighbouring elements, in padded images whose channels lie
// innermost.
struct WindowBlocks {
  explicit WindowBlocks(const Lengths& l);

  int64_t row_count() const { return static_cast<int64_t>(offsets.size()) * block.count; }
  // Of row `row` of the window, from the window's first element.
  int64_t row_offset(int64_t row) const {
    return offsets[static_cast<size_t>(row / block.count)] + row % block.count * block.stride;
  }

  cpu::RowBlock block;
  std::vector<int64_t> offsets;          // of the blocks, from the window's first element
  std::vector<int64_t> filter_elements;  // for each element of the rows, that of a filter
};

// Where the windows of all output positions start.
std::vector<int32_t> window_starts(const Lengths& lengths);

inline int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// The reason against operands of a call of either op, or null.
const char* refuse_operands(const KernelCall& call);
// The reason against lengths, or null: offsets within images and filters are kept in 32 bits.
const char* refuse_lengths(const Lengths& lengths);

// Of one plane: as many as it has pooling windows.
int64_t values_per_plane(const KernelCall& call);

// A window of the depth is multiplied for each value.
KernelCost cost_of_values(const Lengths& lengths, int64_t plane_values, KernelCost operands);

}  // namespace bitale::conv2d_cpu

#endif  // BITALE_OPS_CONV_CONV2D_OF_UNPOOLED_CPU_H_
