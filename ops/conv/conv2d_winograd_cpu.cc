// conv2d, and its gradient for the input, by Winograd's minimal filtering (conv2d_winograd_cpu.h).
// The gradient is a convolution too: of the output gradient, with turned filters.
//
// A few panels of tiles are transformed into the second cache, multiplied there by the filters, and
// their sums transformed back into the output.

#include "ops/conv/conv2d_winograd_cpu.h"

#include <algorithm>
#include <cmath>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_winograd_planes_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Transformed tiles of a block, and sums of some of the filters: each a part of the second cache.
constexpr int64_t kTilesBytes = 160 << 10;
constexpr int64_t kSumsBytes = 96 << 10;
// So that many threads can divide the work evenly.
constexpr int64_t kBlocksAtLeast = 16;
// Where tiles make fewer blocks, so many filters are worth that tiles are transformed again.
constexpr int64_t kFiltersOfPart = 128;

// Channels that are summed directly at once.
constexpr int64_t kCorrectedChannels = 64;

// A convolution of `channels` planes with `filters` of them, in each of so many groups.
struct Problem {
  int64_t batch, groups;
  int64_t channels, filters;  // of a group
  int64_t height, width;      // of the image
  int64_t top, left;          // rows and columns of zeros before it
  int64_t out_height, out_width;
  int64_t filter_stride, channel_stride, group_stride;  // of the filters' nine taps
  bool turned;  // whether a window's first element is paired with the last tap
};

Problem forward_problem(const Lengths& l) {
  return {.batch = l.batch,
          .groups = l.groups,
          .channels = l.filter_channels,
          .filters = l.group_filters,
          .height = l.height,
          .width = l.width,
          .top = l.rows.before(),
          .left = l.columns.before(),
          .out_height = l.output_height,
          .out_width = l.output_width,
          .filter_stride = 9 * l.filter_channels,
          .channel_stride = 9,
          .group_stride = 9 * l.filter_channels * l.group_filters,
          .turned = l.flip};
}

// Every element of the image lies in windows that begin up to two rows and columns before it.
Problem grad_inputs_problem(const Lengths& l) {
  return {.batch = l.batch,
          .groups = l.groups,
          .channels = l.group_filters,
          .filters = l.filter_channels,
          .height = l.output_height,
          .width = l.output_width,
          .top = 2 - l.rows.before(),
          .left = 2 - l.columns.before(),
          .out_height = l.height,
          .out_width = l.width,
          .filter_stride = 9,
          .channel_stride = 9 * l.filter_channels,
          .group_stride = 9 * l.filter_channels * l.group_filters,
          .turned = !l.flip};
}

template <typename T>
class WinogradConvolution : public Kernel {
 public:
  WinogradConvolution(const Lengths& lengths, const Problem& problem)
      : l_(lengths),
        p_(problem),
        tiling_(p_.batch, p_.out_height, p_.out_width),
        tile_(cpu::gemm_tile<T>()),
        transforms_(winograd_transforms<T>()),
        planes_(winograd_planes<T>()) {
    const int64_t size = static_cast<int64_t>(sizeof(T));
    panels_ = cpu::panel_count(tiling_.count(), tile_.columns);
    const int64_t panel_bytes = kWinogradProducts * p_.channels * tile_.columns * size;
    const int64_t most =
        std::clamp<int64_t>(kTilesBytes / panel_bytes, 1, TileBlock::kMostTiles / tile_.columns);
    panels_per_block_ = std::clamp<int64_t>(panels_ / kBlocksAtLeast, 1, most);
    blocks_ = cpu::panel_count(panels_, panels_per_block_);
    row_panels_ = cpu::panel_count(p_.filters, tile_.rows);
    for (int64_t panel = 0; panel <= row_panels_; ++panel) {
      filter_begins_.push_back(cpu::panel_begin(p_.filters, row_panels_, panel));
    }
    const int64_t sums_bytes = kWinogradProducts * tile_.rows * columns() * size;
    row_panels_at_once_ = std::clamp<int64_t>(kSumsBytes / sums_bytes, 1, row_panels_);
    filter_blocks_ = cpu::panel_count(row_panels_, row_panels_at_once_);
    const int64_t most_parts = std::max<int64_t>(1, p_.filters / kFiltersOfPart);
    parts_ = std::clamp<int64_t>(kBlocksAtLeast / (blocks_ * p_.groups), 1,
                                 std::min(filter_blocks_, most_parts));
    slots_ = cpu::SlotPool::enough_for(blocks_ * p_.groups * parts_);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    const Operands operands{frame.input<T>(0), frame.input<T>(1), frame.output<T>(0)};
    transform_filters(operands.filters, parts.filters);
    cpu::SlotPool slots(slots_);
    parallel_for(blocks_ * p_.groups * parts_, [&](int64_t share) {
      const cpu::SlotPool::Loan loan(slots);
      convolve(operands, share / blocks_ / parts_, share / blocks_ % parts_, share % blocks_, parts,
               loan.slot());
    });
  }

 private:
  struct Operands {
    const T* image;
    const T* filters;
    T* out;
  };

  struct Parts {
    Parts(const WinogradConvolution& kernel, void* workspace) {
      const Problem& p = kernel.p_;
      cpu::WorkspaceLayout layout(workspace);
      filters = layout.template take<T>(p.groups * kernel.group_elements());
      tiles = layout.template take<T>(kernel.slots_ * kernel.tiles_elements());
      sums = layout.template take<T>(kernel.slots_ * kernel.sums_elements());
      staged = layout.template take<T>(kernel.slots_ * kernel.staged_elements());
      bytes = layout.bytes();
    }
    T* filters;
    T* tiles;
    T* sums;
    T* staged;
    size_t bytes;
  };

  // Columns of a block: its panels lie side by side.
  int64_t columns() const { return panels_per_block_ * tile_.columns; }
  // One row more than there are planes: places that lie a power of two apart would compete for the
  // same lines of the cache.
  int64_t tiles_stride() const { return (p_.channels + 1) * columns(); }
  int64_t sums_stride() const { return (row_panels_at_once_ * tile_.rows + 1) * columns(); }
  int64_t tiles_elements() const { return kWinogradProducts * tiles_stride(); }
  int64_t sums_elements() const { return kWinogradProducts * sums_stride(); }
  // Whole cache lines.
  int64_t staged_elements() const {
    return cpu::whole_lines(TileBlock::staged_elements(tiling_, columns()));
  }
  // A panel of filters for one product, and room for what is written behind it.
  int64_t packed_elements() const { return p_.channels * tile_.rows + tile_.columns; }
  int64_t group_elements() const { return kWinogradProducts * row_panels_ * packed_elements(); }

  // First filter of a panel of filters.
  int64_t filter_begin(int64_t panel) const { return filter_begins_[static_cast<size_t>(panel)]; }

  // Where one of the products of a panel of filters has them: panels that are multiplied at once
  // lie side by side, product after product.
  int64_t packed_offset(int64_t panel, int64_t product) const {
    const int64_t first = panel / row_panels_at_once_ * row_panels_at_once_;
    return (kWinogradProducts * first + product * panels_at_once(first) + panel - first) *
           packed_elements();
  }
  int64_t panels_at_once(int64_t first) const {
    return std::min(row_panels_at_once_, row_panels_ - first);
  }

  void transform_filters(const T* filters, T* to) const {
    parallel_for(p_.groups * row_panels_, [&](int64_t part) {
      const int64_t group = part / row_panels_;
      const int64_t panel = part % row_panels_;
      const int64_t begin = filter_begin(panel);
      planes_.filters(filters + group * p_.group_stride + begin * p_.filter_stride,
                      p_.filter_stride, filter_begin(panel + 1) - begin, p_.channel_stride,
                      p_.channels, p_.turned,
                      to + group * group_elements() + packed_offset(panel, 0),
                      packed_offset(panel, 1) - packed_offset(panel, 0));
    });
  }

  // A block of tiles, for a part of a group's filters.
  void convolve(const Operands& operands, int64_t group, int64_t part, int64_t block,
                const Parts& parts, int64_t slot) const {
    T* tiles = parts.tiles + slot * tiles_elements();
    T* sums = parts.sums + slot * sums_elements();
    T* staged = parts.staged + slot * staged_elements();
    const int64_t begin = block * columns();
    const int64_t count = std::min(columns(), tiling_.count() - begin);
    const TileBlock tile_block(tiling_, begin, count);
    transform_tiles(operands.image, group, tile_block, staged, tiles);
    const T* filters = parts.filters + group * group_elements();
    const int64_t last = cpu::panel_begin(filter_blocks_, parts_, part + 1);
    for (int64_t b = cpu::panel_begin(filter_blocks_, parts_, part); b < last; ++b) {
      const int64_t first_panel = b * row_panels_at_once_;
      multiply(first_panel, filters, tiles, cpu::panel_count(count, tile_.columns), sums);
      finish(operands, group, first_panel, tile_block.runs(), sums);
    }
  }

  void transform_tiles(const T* image, int64_t group, const TileBlock& block, T* staged,
                       T* tiles) const {
    const int64_t plane = p_.height * p_.width;
    const SourcePlanes<T> source{.data = image + group * p_.channels * plane,
                                 .planes = p_.channels,
                                 .image_stride = p_.groups * p_.channels * plane,
                                 .height = p_.height,
                                 .width = p_.width,
                                 .top = p_.top,
                                 .left = p_.left};
    const int64_t stride = TileBlock::stride(tiling_);
    std::fill_n(staged, staged_elements(), T{0});
    for (int64_t c = 0; c < p_.channels; ++c) {
      transforms_.stage(source, c, block.staged(), stride, staged);
      transforms_.inputs(staged, stride, block.runs(), tiles + c * columns(), tiles_stride());
    }
  }

  // Panels of filters from `first` on, as many as are multiplied at once.
  void multiply(int64_t first, const T* filters, const T* tiles, int64_t panels, T* sums) const {
    const int64_t width = tile_.columns;
    for (int64_t product = 0; product < kWinogradProducts; ++product) {
      for (int64_t panel = 0; panel < panels; ++panel) {
        const T* left = filters + packed_offset(first, product);
        const T* right = tiles + product * tiles_stride() + panel * width;
        T* to = sums + product * sums_stride() + panel * width;
        for (int64_t f = first; f < first + panels_at_once(first); ++f) {
          const int64_t rows = filter_begin(f + 1) - filter_begin(f);
          tile_.run(rows, width, p_.channels, left, right, columns(), to, columns(), T{1}, T{0},
                    {});
          left += packed_elements();
          to += rows * columns();
        }
      }
    }
  }

  void finish(const Operands& operands, int64_t group, int64_t first, std::span<const TileRun> runs,
              const T* sums) const {
    const int64_t plane = p_.out_height * p_.out_width;
    const int64_t begin = filter_begin(first);
    const int64_t end = filter_begin(first + panels_at_once(first));
    const TargetPlanes<T> target{.data = operands.out + (group * p_.filters + begin) * plane,
                                 .planes = end - begin,
                                 .image_stride = p_.groups * p_.filters * plane,
                                 .height = p_.out_height,
                                 .width = p_.out_width};
    const bool is_finite = transforms_.outputs(sums, sums_stride(), columns(), runs, target);
    for (int64_t f = begin; f < end && !is_finite; ++f) {
      for (const TileRun& run : runs) {
        T* out = operands.out + run.image * target.image_stride + (group * p_.filters + f) * plane;
        for (int64_t y = run.y; y < std::min(run.y + 2, p_.out_height); ++y) {
          correct_row(operands, group, f, run, y, out + y * p_.out_width);
        }
      }
    }
  }

  // Computes directly what is not finite in a run's row.
  void correct_row(const Operands& operands, int64_t group, int64_t filter, const TileRun& run,
                   int64_t y, T* out) const {
    const int64_t end = std::min(run.x + 2 * run.length, p_.out_width);
    const auto is_finite = [](T value) { return std::isfinite(value); };
    if (std::all_of(out + run.x, out + end, is_finite)) return;
    T sums[2 * TileBlock::kMostTiles] = {};
    const int64_t plane = p_.height * p_.width;
    const T* image = operands.image + (run.image * p_.groups + group) * p_.channels * plane;
    const T* taps = operands.filters + group * p_.group_stride + filter * p_.filter_stride;
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t from_y = y + tap / 3 - p_.top;
      const int64_t shift = tap % 3 - p_.left;
      const int64_t from_x = std::max(run.x, -shift);
      const int64_t to_x = std::min(end, p_.width - shift);
      if (from_y < 0 || from_y >= p_.height || from_x >= to_x) continue;
      const T* row = image + from_y * p_.width + from_x + shift;
      for (int64_t c = 0; c < p_.channels; c += kCorrectedChannels) {
        const int64_t count = std::min(kCorrectedChannels, p_.channels - c);
        T weights[kCorrectedChannels];
        for (int64_t i = 0; i < count; ++i) {
          weights[i] = taps[(c + i) * p_.channel_stride + (p_.turned ? 8 - tap : tap)];
        }
        tile_.add_rows(to_x - from_x, count, weights, row + c * plane, plane,
                       sums + from_x - run.x);
      }
    }
    for (int64_t x = run.x; x < end; ++x) {
      if (!is_finite(out[x])) out[x] = sums[x - run.x];
    }
  }

  Lengths l_;
  Problem p_;
  Tiling tiling_;
  const cpu::GemmTile<T>& tile_;
  const WinogradTransforms<T>& transforms_;
  const WinogradPlanes<T>& planes_;
  int64_t panels_;
  int64_t panels_per_block_;
  int64_t blocks_;
  int64_t row_panels_;
  int64_t row_panels_at_once_;
  int64_t filter_blocks_;
  int64_t parts_;
  std::vector<int64_t> filter_begins_;
  int64_t slots_;
};

template <typename T>
class Conv2dWinograd final : public WinogradConvolution<T> {
 public:
  explicit Conv2dWinograd(const KernelCall& call) : Conv2dWinograd(forward_lengths(call)) {}

 private:
  explicit Conv2dWinograd(const Lengths& l) : WinogradConvolution<T>(l, forward_problem(l)) {}
};

template <typename T>
class GradInputsWinograd final : public WinogradConvolution<T> {
 public:
  explicit GradInputsWinograd(const KernelCall& call)
      : GradInputsWinograd(grad_inputs_lengths(call)) {}

 private:
  explicit GradInputsWinograd(const Lengths& l)
      : WinogradConvolution<T>(l, grad_inputs_problem(l)) {}
};

const KernelRegistrar forward({.op = "conv2d",
                               .name = "conv2d_winograd",
                               .kind = KernelKind::kTuned,
                               .rank = 30,
                               .supports =
                                   [](const KernelCall& call) {
                                     return supports_winograd(call, forward_lengths(call));
                                   },
                               .make = cpu::make_for_floats<Conv2dWinograd>});

const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs",
                                   .name = "conv2d_grad_wrt_inputs_winograd",
                                   .kind = KernelKind::kTuned,
                                   .rank = 30,
                                   .supports =
                                       [](const KernelCall& call) {
                                         return supports_winograd(call, grad_inputs_lengths(call));
                                       },
                                   .make = cpu::make_for_floats<GradInputsWinograd>});

}  // namespace
}  // namespace bitale::conv2d_cpu
