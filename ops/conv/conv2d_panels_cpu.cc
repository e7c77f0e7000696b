#include "ops/conv/conv2d_panels_cpu.h"

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_padded_rows_cpu.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/runs.h"

namespace bitale::conv2d_cpu {
namespace {

// Windows are multiplied where they lie, and not gathered first, unless so many panels of filters
// read them again and again, or their planes compete for the same places in the cache.
constexpr int64_t kMostRowPanelsInPlace = 12;

}  // namespace

template <typename T>
PanelProduct<T>::PanelProduct(const Lengths& lengths, bool is_packed)
    : l_(lengths), is_packed_(is_packed), offsets_(window_offsets(l_)), tile_(cpu::gemm_tile<T>()) {
  const int64_t row_panels = cpu::panel_count(l_.group_filters, tile_.rows);
  reads_in_place_ = row_panels <= kMostRowPanelsInPlace && !planes_compete<T>(l_.part_plane());
}

template <typename T>
int64_t PanelProduct<T>::gathered_elements() const {
  return cpu::whole_lines(std::min(l_.depth(), kMostDepthAtOnce) * tile_.columns);
}

template <typename T>
double PanelProduct<T>::panel_work() const {
  return static_cast<double>(l_.group_filters) * static_cast<double>(l_.depth()) *
         static_cast<double>(tile_.columns);
}

template <typename T>
typename PanelProduct<T>::Parts PanelProduct<T>::take_parts(cpu::WorkspaceLayout& layout) const {
  Parts parts;
  parts.ordered = layout.take<T>(is_packed_ ? 0 : l_.filters * l_.depth());
  parts.packed = layout.take<T>(is_packed_ ? 0 : l_.filters * l_.depth());
  parts.dealt = layout.take<T>(l_.is_dealt() ? l_.batch * l_.dealt_size() : 0);
  return parts;
}

// Filters as panels of tile rows, depth block by depth block, group by group.
template <typename T>
void PanelProduct<T>::pack_filters(const T* filters, const Parts& parts) const {
  const int64_t depth = l_.depth();
  const auto pack_panel = [&](int64_t group, int64_t i, int64_t rows) {
    const int64_t first = group * l_.group_filters * depth;
    T* ordered = parts.ordered + first + i * depth;
    order_filters(l_, rows, filters + first + i * depth, ordered);
    for (int64_t b = 0; b < depth_blocks(depth); ++b) {
      const int64_t k = depth_block_begin(depth, b);
      const int64_t count = depth_block_begin(depth, b + 1) - k;
      cpu::pack_left(rows, count, cpu::MatrixView<T>{ordered + k, depth, 1},
                     parts.packed + first + k * l_.group_filters + i * count);
    }
  };
  for_each_row_panel(l_.groups, l_.group_filters, tile_.rows, depth, pack_panel);
}

template <typename T>
typename PanelProduct<T>::Prepared PanelProduct<T>::prepare(const T* image, const T* filters,
                                                            const Parts& parts) const {
  if (!is_packed_) {
    pack_filters(filters, parts);
    filters = parts.packed;
  }
  if (!l_.is_dealt()) return {image, filters};
  parallel_for(l_.batch, [&](int64_t n) {
    deal_images(l_, 1, image + n * l_.channels * l_.height * l_.width,
                parts.dealt + n * l_.dealt_size());
  });
  return {parts.dealt, filters};
}

template <typename T>
void PanelProduct<T>::multiply(const Prepared& prepared, int64_t group, int64_t count,
                               const Run* runs, int64_t run_count, T* gathered, T* to,
                               int64_t to_stride) const {
  const T* first_window = prepared.image + group * l_.filter_channels * l_.part_plane();
  const T* left = prepared.filters + group * l_.group_filters * l_.depth();
  const int64_t row_panels = cpu::panel_count(l_.group_filters, tile_.rows);
  const T* begins[4];
  // The parts in which a panel is read where it lies, or 0.
  int64_t parts = 0;
  for (const int64_t wanted : {2, 4}) {
    if (parts == 0 && reads_in_place_ &&
        find_parts(wanted, first_window, count, runs, run_count, begins)) {
      parts = wanted;
    }
  }
  for (int64_t b = 0; b < depth_blocks(l_.depth()); ++b) {
    const int64_t k = depth_block_begin(l_.depth(), b);
    const int64_t depth = depth_block_begin(l_.depth(), b + 1) - k;
    const T beta = b == 0 ? T{0} : T{1};
    if (parts == 0) gather(first_window, k, depth, count, runs, run_count, gathered);
    for (int64_t p = 0; p < row_panels; ++p) {
      const int64_t i = cpu::panel_begin(l_.group_filters, row_panels, p);
      const int64_t rows = cpu::panel_begin(l_.group_filters, row_panels, p + 1) - i;
      T* row = to + i * to_stride;
      if (parts > 0) {
        tile_.run_windows(parts, rows, depth, left, begins, offsets_.data() + k, row, to_stride,
                          T{1}, beta);
      } else {
        tile_.run(rows, count, depth, left, gathered, tile_.columns, row, to_stride, T{1}, beta,
                  {});
      }
      left += rows * depth;
    }
  }
}

template <typename T>
bool PanelProduct<T>::find_parts(int64_t parts, const T* first_window, int64_t count,
                                 const Run* runs, int64_t run_count, const T** begins) const {
  if (count < tile_.columns || tile_.columns % parts != 0) return false;
  const int64_t size = tile_.columns / parts;
  int64_t r = 0;
  for (int64_t p = 0; p < parts; ++p) {
    while (r + 1 < run_count && runs[r + 1].column <= p * size) ++r;
    const int64_t skipped = p * size - runs[r].column;
    if (runs[r].length - skipped < size) return false;
    begins[p] = first_window + runs[r].offset + skipped;
  }
  return true;
}

template <typename T>
void PanelProduct<T>::gather(const T* first_window, int64_t k, int64_t depth, int64_t count,
                             const Run* runs, int64_t run_count, T* gathered) const {
  const int64_t width = tile_.columns;
  for (int64_t r = 0; r < run_count; ++r) {
    cpu::runs<T>().gather(depth, offsets_.data() + k, runs[r].length, first_window + runs[r].offset,
                          gathered + runs[r].column, width);
  }
  if (count == width) return;
  for (int64_t q = 0; q < depth; ++q) {
    std::fill(gathered + q * width + count, gathered + (q + 1) * width, T{0});
  }
}

template class PanelProduct<float>;
template class PanelProduct<double>;

}  // namespace bitale::conv2d_cpu
