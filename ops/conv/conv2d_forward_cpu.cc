// conv2d as one matrix product per group: filters (filters, depth) times columns (depth, batch ·
// positions). A panel of columns is gathered from the image into cache, multiplied and forgotten;
// it may span images, so small outputs fill the vectors too.

#include <algorithm>
#include <cstring>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Rows of a gathered panel: with a tile's columns it fills most of L1.
constexpr int64_t kMostDepth = 320;
// Multiplications of a block of panels, for one thread to take at once.
constexpr double kBlockWork = 2e6;

template <typename T>
class Conv2dPanels final : public Kernel {
 public:
  explicit Conv2dPanels(const KernelCall& call)
      : l_(forward_lengths(call)), offsets_(window_offsets(l_)), tile_(cpu::gemm_tile<T>()) {
    const double panel_work = static_cast<double>(l_.group_filters) *
                              static_cast<double>(l_.depth()) * static_cast<double>(tile_.columns);
    panels_ = cpu::panel_count(l_.batch * l_.positions(), tile_.columns);
    panels_per_block_ =
        std::clamp<int64_t>(static_cast<int64_t>(kBlockWork / std::max(panel_work, 1.0)), 1, 4096);
    const int64_t blocks = cpu::panel_count(panels_, panels_per_block_) * l_.groups;
    slots_ =
        std::clamp<int64_t>(std::min<int64_t>(thread_count(), blocks), 1, cpu::SlotPool::kMost);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    T* out = frame.output<T>(0);
    if (l_.depth() == 0) {
      std::fill_n(out, l_.batch * l_.filters * l_.positions(), T{0});
      return;
    }
    pack_filters(frame.input<T>(1), parts);
    const T* image = frame.input<T>(0);
    if (l_.has_padding()) {
      parallel_for(l_.batch, [&](int64_t n) {
        pad_planes(l_, l_.channels, image + n * l_.channels * l_.height * l_.width,
                   parts.padded + n * l_.channels * l_.padded_plane());
      });
      image = parts.padded;
    }
    cpu::SlotPool slots(slots_);
    const int64_t blocks = cpu::panel_count(panels_, panels_per_block_);
    parallel_for(blocks * l_.groups, [&](int64_t block) {
      const int64_t group = block / blocks;
      const int64_t first = block % blocks * panels_per_block_;
      const int64_t last = std::min(panels_, first + panels_per_block_);
      const cpu::SlotPool::Loan loan(slots);
      T* scratch = parts.scratch + loan.slot() * scratch_elements();
      for (int64_t p = first; p < last; ++p) multiply_panel(image, group, p, parts, scratch, out);
    });
  }

 private:
  struct Parts {
    Parts(const Conv2dPanels& kernel, void* workspace) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      ordered = layout.template take<T>(l.filters * l.depth());
      packed = layout.template take<T>(l.filters * l.depth());
      padded =
          layout.template take<T>(l.has_padding() ? l.batch * l.channels * l.padded_plane() : 0);
      scratch = layout.template take<T>(kernel.slots_ * kernel.scratch_elements());
      bytes = layout.bytes();
    }
    T* ordered;
    T* packed;
    T* padded;
    T* scratch;
    size_t bytes;
  };

  int64_t depth_blocks() const { return cpu::panel_count(l_.depth(), kMostDepth); }
  int64_t depth_begin(int64_t block) const {
    return cpu::panel_begin(l_.depth(), depth_blocks(), block);
  }
  // A gathered panel, and a panel of results that does not lie in one image; whole cache lines.
  int64_t scratch_elements() const {
    const int64_t rows = std::min(l_.depth(), kMostDepth) + l_.group_filters;
    return (rows * tile_.columns + 63) / 64 * 64;
  }

  // Panels of tile rows, depth block by depth block, group by group.
  void pack_filters(const T* filters, const Parts& parts) const {
    order_filters(l_, filters, parts.ordered);
    const int64_t depth = l_.depth();
    const int64_t row_panels = cpu::panel_count(l_.group_filters, tile_.rows);
    for (int64_t g = 0; g < l_.groups; ++g) {
      const T* from = parts.ordered + g * l_.group_filters * depth;
      T* to = parts.packed + g * l_.group_filters * depth;
      for (int64_t b = 0; b < depth_blocks(); ++b) {
        const int64_t k = depth_begin(b);
        const int64_t count = depth_begin(b + 1) - k;
        for (int64_t p = 0; p < row_panels; ++p) {
          const int64_t i = cpu::panel_begin(l_.group_filters, row_panels, p);
          const int64_t rows = cpu::panel_begin(l_.group_filters, row_panels, p + 1) - i;
          cpu::pack_left(rows, count, cpu::MatrixView<T>{from + i * depth + k, depth, 1}, to);
          to += rows * count;
        }
      }
    }
  }

  void multiply_panel(const T* image, int64_t group, int64_t panel, const Parts& parts, T* scratch,
                      T* out) const {
    const int64_t width = tile_.columns;
    const int64_t begin = panel * width;
    const int64_t columns = std::min(width, l_.batch * l_.positions() - begin);
    Run runs[cpu::kMostTileColumns];
    const int64_t run_count = find_runs(l_, begin, columns, runs);
    const T* first_window = image + group * l_.filter_channels * l_.padded_plane();

    T* gathered = scratch;
    T* results = scratch + std::min(l_.depth(), kMostDepth) * width;
    const int64_t group_output = group * l_.group_filters * l_.positions();
    const bool one_image = runs[0].image == runs[run_count - 1].image;
    T* to = results;
    int64_t to_stride = width;
    if (one_image) {
      to = out + runs[0].image * l_.filters * l_.positions() + group_output + runs[0].position;
      to_stride = l_.positions();
    }
    const T* left = parts.packed + group * l_.group_filters * l_.depth();
    const int64_t row_panels = cpu::panel_count(l_.group_filters, tile_.rows);
    for (int64_t b = 0; b < depth_blocks(); ++b) {
      const int64_t k = depth_begin(b);
      const int64_t depth = depth_begin(b + 1) - k;
      for (int64_t r = 0; r < run_count; ++r) {
        gather(runs[r], first_window, k, depth, gathered + runs[r].column);
      }
      if (columns < width) {
        for (int64_t q = 0; q < depth; ++q) {
          std::fill(gathered + q * width + columns, gathered + (q + 1) * width, T{0});
        }
      }
      for (int64_t p = 0; p < row_panels; ++p) {
        const int64_t i = cpu::panel_begin(l_.group_filters, row_panels, p);
        const int64_t rows = cpu::panel_begin(l_.group_filters, row_panels, p + 1) - i;
        tile_.run(rows, columns, depth, left, gathered, width, to + i * to_stride, to_stride, T{1},
                  b == 0 ? T{0} : T{1});
        left += rows * depth;
      }
    }
    if (one_image) return;
    for (int64_t r = 0; r < run_count; ++r) {
      const Run& run = runs[r];
      T* base = out + run.image * l_.filters * l_.positions() + group_output + run.position;
      for (int64_t f = 0; f < l_.group_filters; ++f) {
        std::copy_n(results + f * width + run.column, run.length, base + f * l_.positions());
      }
    }
  }

  void gather(const Run& run, const T* first_window, int64_t k, int64_t depth, T* to) const {
    const T* from = first_window + run.offset;
    const int64_t width = tile_.columns;
    const int64_t step = l_.columns.stride();
    if (step == 1) {
      cpu::runs<T>().gather(depth, offsets_.data() + k, run.length, from, to, width);
      return;
    }
    for (int64_t q = 0; q < depth; ++q) {
      const T* window = from + offsets_[static_cast<size_t>(k + q)];
      for (int64_t i = 0; i < run.length; ++i) to[q * width + i] = window[i * step];
    }
  }

  Lengths l_;
  std::vector<int64_t> offsets_;
  const cpu::GemmTile<T>& tile_;
  int64_t panels_;
  int64_t panels_per_block_;
  int64_t slots_;
};

const KernelRegistrar forward({.op = "conv2d",
                               .name = "conv2d_panels",
                               .kind = KernelKind::kTuned,
                               .rank = 20,
                               .supports = supports_floats,
                               .make = make_floats<Conv2dPanels>});

}  // namespace
}  // namespace bitale::conv2d_cpu
