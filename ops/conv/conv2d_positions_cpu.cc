#include "ops/conv/conv2d_positions_cpu.h"

#include <algorithm>
#include <utility>

#include "ops/conv/conv2d_panels_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/runs.h"

namespace bitale::conv2d_cpu {
namespace {

// Of a band: for each product, and at most.
constexpr int64_t kPositions = 96;
constexpr int64_t kMostPositions = 384;

}  // namespace

Bands::Bands(int64_t batch, int64_t height, int64_t width, int64_t phases)
    : batch_(batch), height_(height) {
  const int64_t positions = std::min(kPositions * phases, kMostPositions);
  const int64_t rows = cpu::panel_count(positions, std::max<int64_t>(width, 1));
  bands_ = std::max<int64_t>(1, cpu::panel_count(height, rows));
  rows_ = cpu::panel_count(height, bands_);
  const int64_t images = bands_ > 1 ? 1 : positions / std::max<int64_t>(height * width, 1);
  blocks_ = cpu::panel_count(batch, std::max<int64_t>(1, images));
  images_ = cpu::panel_count(batch, std::max<int64_t>(1, blocks_));
}

Band Bands::operator[](int64_t index) const {
  const int64_t block = index / bands_, band = index % bands_;
  const int64_t image = cpu::panel_begin(batch_, blocks_, block);
  const int64_t row = cpu::panel_begin(height_, bands_, band);
  return {image, cpu::panel_begin(batch_, blocks_, block + 1) - image, row,
          cpu::panel_begin(height_, bands_, band + 1) - row};
}

template <typename T>
PaddedRows<T>::PaddedRows(int64_t height, int64_t width, int64_t before, int64_t to_width,
                          int64_t to_plane)
    : height_(height),
      width_(width),
      before_(before),
      to_width_(to_width),
      to_plane_(to_plane),
      rows_(multiples(height, width)) {}

template <typename T>
void PaddedRows<T>::copy(int64_t planes, const T* from, int64_t first, int64_t rows, T* to) const {
  std::fill_n(to, planes * to_plane_, T{0});
  const int64_t begin = std::max<int64_t>(first, 0), end = std::min(first + rows, height_);
  if (begin >= end) return;
  for (int64_t plane = 0; plane < planes; ++plane) {
    cpu::runs<T>().gather(end - begin, rows_.data() + begin, std::min(width_, to_width_ - before_),
                          from + plane * height_ * width_,
                          to + plane * to_plane_ + (begin - first) * to_width_ + before_,
                          to_width_);
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

template <typename T>
PositionProduct<T>::PositionProduct(std::vector<int64_t> offsets, int64_t columns)
    : offsets_(std::move(offsets)), columns_(columns), tile_(cpu::gemm_tile<T>()) {}

template <typename T>
void PositionProduct<T>::multiply(std::span<const T* const> begins, const T* packed, T* to) const {
  const int64_t positions = std::ssize(begins);
  if (depth() == 0) {
    std::fill_n(to, positions * columns_, T{0});
    return;
  }
  const int64_t row_panels = cpu::panel_count(positions, tile_.rows);
  const int64_t blocks = depth_blocks(depth());
  for (int64_t first = 0; first < columns_; first += tile_.columns) {
    const int64_t columns = std::min(tile_.columns, columns_ - first);
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t k = depth_block_begin(depth(), b);
      const int64_t count = depth_block_begin(depth(), b + 1) - k;
      for (int64_t p = 0; p < row_panels; ++p) {
        const int64_t i = cpu::panel_begin(positions, row_panels, p);
        const int64_t rows = cpu::panel_begin(positions, row_panels, p + 1) - i;
        tile_.run_picked(rows, columns, count, begins.data() + i, offsets_.data() + k,
                         packed + k * tile_.columns, tile_.columns, to + i * columns_ + first,
                         columns_, T{1}, b == 0 ? T{0} : T{1});
      }
    }
    packed += panel_elements();
  }
}

#define BITALE_INSTANTIATE(T)   \
  template class PaddedRows<T>; \
  template class PositionProduct<T>
BITALE_INSTANTIATE(float);
BITALE_INSTANTIATE(double);
#undef BITALE_INSTANTIATE

}  // namespace bitale::conv2d_cpu
