#include "ops/conv/conv2d_positions_cpu.h"

#include <algorithm>
#include <utility>

#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"

namespace bitale::conv2d_cpu {

template <typename T>
PositionProduct<T>::PositionProduct(std::vector<int64_t> offsets)
    : offsets_(std::move(offsets)), tile_(cpu::gemm_tile<T>()) {}

template <typename T>
void PositionProduct<T>::multiply(std::span<const T* const> begins, const T* panel, int64_t columns,
                                  T* to) const {
  const int64_t positions = std::ssize(begins);
  if (depth() == 0) {
    std::fill_n(to, positions * width(), T{0});
    return;
  }
  const int64_t row_panels = cpu::panel_count(positions, tile_.rows);
  for (int64_t b = 0; b < depth_blocks(depth()); ++b) {
    const int64_t k = depth_block_begin(depth(), b);
    const int64_t count = depth_block_begin(depth(), b + 1) - k;
    for (int64_t p = 0; p < row_panels; ++p) {
      const int64_t i = cpu::panel_begin(positions, row_panels, p);
      const int64_t rows = cpu::panel_begin(positions, row_panels, p + 1) - i;
      tile_.run_picked(rows, columns, count, begins.data() + i, offsets_.data() + k,
                       panel + k * width(), width(), to + i * width(), width(), T{1},
                       b == 0 ? T{0} : T{1});
    }
  }
}

int64_t lanes_of(const KernelCall& call) {
  const bool is_float = cpu::dtype_of_floats(call) == DType::kFloat32;
  return (is_float ? cpu::gemm_tile<float>().columns : cpu::gemm_tile<double>().columns) / 2;
}

int64_t filled_up(const KernelCall& call, int64_t columns) {
  const int64_t lanes = lanes_of(call);
  return cpu::panel_count(columns, lanes) * lanes;
}

template class PositionProduct<float>;
template class PositionProduct<double>;

}  // namespace bitale::conv2d_cpu
