// The gradient of conv2d for its filters by Winograd's minimal filtering (conv2d_winograd_cpu.h):
// three by three taps from tiles of two by two of the output gradient and the windows of four by
// four of the image under them. Fixed blocks of tiles are summed each by one thread, the partial
// sums then in order.

#include <algorithm>
#include <cmath>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_winograd_cpu.h"
#include "ops/conv/conv2d_winograd_planes_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Tiles that are transformed and multiplied at a time: sums are read and written once for them.
constexpr int64_t kChunkTiles = 64;
// Filters that are staged at once, in panels.
constexpr int64_t kStagedFilters = 48;
// A block has sums of its own, which must be little beside its products, and work for a thread.
constexpr double kProductsPerSum = 80;
constexpr double kLeastWork = 2e5;
constexpr int64_t kMostBlocks = 16;
// Filters that a thread takes at once in the end.
constexpr int64_t kFinishedFilters = 32;

template <typename T>
class GradWeightsWinograd final : public Kernel {
 public:
  explicit GradWeightsWinograd(const KernelCall& call)
      : l_(grad_weights_lengths(call)),
        tiling_(l_.batch, l_.output_height, l_.output_width),
        tile_(cpu::gemm_tile<T>()),
        planes_(winograd_planes<T>()) {
    // Whole rows of tiles: of a row begun, all is staged.
    chunk_ = std::max<int64_t>(1, kChunkTiles / tiling_.columns) * tiling_.columns;
    if (tiling_.columns > kChunkTiles) chunk_ = kChunkTiles;
    chunks_ = cpu::panel_count(tiling_.count(), chunk_);
    channel_panels_ = cpu::panel_count(l_.filter_channels, tile_.columns);
    filter_panels_ = cpu::panel_count(l_.group_filters, tile_.rows);
    for (int64_t panel = 0; panel <= filter_panels_; ++panel) {
      filter_begins_.push_back(cpu::panel_begin(l_.group_filters, filter_panels_, panel));
    }
    const double sums = static_cast<double>(kWinogradProducts * l_.group_filters) *
                        static_cast<double>(l_.filter_channels);
    const double blocks =
        sums * static_cast<double>(tiling_.count()) / std::max(kLeastWork, kProductsPerSum * sums);
    blocks_ = std::clamp<int64_t>(static_cast<int64_t>(blocks), 1, std::min(kMostBlocks, chunks_));
    slots_ = cpu::SlotPool::enough_for(blocks_ * l_.groups);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    const T* image = frame.input<T>(0);
    const T* grad = frame.input<T>(1);
    T* out = frame.output<T>(0);
    cpu::SlotPool slots(slots_);
    parallel_for(blocks_ * l_.groups, [&](int64_t part) {
      const cpu::SlotPool::Loan loan(slots);
      const int64_t group = part / blocks_;
      const int64_t block = part % blocks_;
      T* sums = parts.sums + part * block_elements();
      const int64_t first = cpu::panel_begin(chunks_, blocks_, block);
      const int64_t last = cpu::panel_begin(chunks_, blocks_, block + 1);
      for (int64_t chunk = first; chunk < last; ++chunk) {
        add_chunk(image, grad, group, chunk, parts, loan.slot(), chunk == first ? T{0} : T{1},
                  sums);
      }
    });
    const int64_t ranges = cpu::panel_count(l_.group_filters, kFinishedFilters);
    parallel_for(l_.groups * channel_panels_ * ranges, [&](int64_t part) {
      const int64_t first = part % ranges * kFinishedFilters;
      const int64_t last = std::min(l_.group_filters, first + kFinishedFilters);
      for (int64_t f = first; f < last; ++f) {
        finish(image, grad, part / ranges / channel_panels_, f, part / ranges % channel_panels_,
               parts.sums, out);
      }
    });
  }

 private:
  struct Parts {
    Parts(const GradWeightsWinograd& kernel, void* workspace) {
      cpu::WorkspaceLayout layout(workspace);
      sums = layout.template take<T>(kernel.l_.groups * kernel.blocks_ * kernel.block_elements());
      staged = layout.template take<T>(kernel.slots_ * kernel.staged_elements());
      windows = layout.template take<T>(kernel.slots_ * kernel.windows_elements());
      gradients = layout.template take<T>(kernel.slots_ * kernel.gradients_elements());
      bytes = layout.bytes();
    }
    T* sums;
    T* staged;
    T* windows;
    T* gradients;
    size_t bytes;
  };

  // Sums of one product: a panel of channels after the other, each with a row for each filter. A
  // line more, as elsewhere: places a power of two apart would compete for the same lines of the
  // cache.
  int64_t product_elements() const {
    return (channel_panels_ * l_.group_filters + 1) * tile_.columns;
  }
  int64_t block_elements() const { return kWinogradProducts * product_elements(); }
  int64_t windows_stride() const { return (chunk_ + 1) * tile_.columns; }
  int64_t windows_elements() const {
    return channel_panels_ * kWinogradProducts * windows_stride();
  }
  // What is written behind a panel of gradients is less than two vectors.
  int64_t gradients_stride() const { return chunk_ * tile_.rows + tile_.columns; }
  int64_t gradients_elements() const {
    return filter_panels_ * kWinogradProducts * gradients_stride();
  }
  int64_t staged_elements() const {
    return (TileBlock::staged_elements(tiling_, chunk_) + 1) *
           std::max(tile_.columns, kStagedFilters);
  }

  void add_chunk(const T* image, const T* grad, int64_t group, int64_t chunk, const Parts& parts,
                 int64_t slot, T beta, T* sums) const {
    const int64_t begin = chunk * chunk_;
    const int64_t count = std::min(chunk_, tiling_.count() - begin);
    const TileBlock block(tiling_, begin, count);
    T* staged = parts.staged + slot * staged_elements();
    T* windows = parts.windows + slot * windows_elements();
    T* gradients = parts.gradients + slot * gradients_elements();
    transform_windows(image, group, block, staged, windows);
    transform_gradients(grad, group, block, staged, gradients);
    const int64_t width = tile_.columns;
    for (int64_t product = 0; product < kWinogradProducts; ++product) {
      for (int64_t p = 0; p < channel_panels_; ++p) {
        const T* right = windows + (p * kWinogradProducts + product) * windows_stride();
        T* to = sums + product * product_elements() + p * l_.group_filters * width;
        for (int64_t f = 0; f < filter_panels_; ++f) {
          const int64_t rows = filter_begin(f + 1) - filter_begin(f);
          const T* left = gradients + (f * kWinogradProducts + product) * gradients_stride();
          tile_.run(rows, width, count, left, right, width, to, width, T{1}, beta, {});
          to += rows * width;
        }
      }
    }
  }

  int64_t filter_begin(int64_t panel) const { return filter_begins_[static_cast<size_t>(panel)]; }

  void transform_windows(const T* image, int64_t group, const TileBlock& block, T* staged,
                         T* to) const {
    const int64_t width = tile_.columns;
    const int64_t plane = l_.height * l_.width;
    for (int64_t p = 0; p < channel_panels_; ++p) {
      const int64_t channels = std::min(width, l_.filter_channels - p * width);
      const SourcePlanes<T> source{.data = image + (group * l_.filter_channels + p * width) * plane,
                                   .planes = channels,
                                   .image_stride = l_.channels * plane,
                                   .height = l_.height,
                                   .width = l_.width,
                                   .top = l_.rows.before(),
                                   .left = l_.columns.before()};
      planes_.stage(source, block.staged(), 0, TileBlock::stride(tiling_), width, staged);
      planes_.windows(staged, TileBlock::stride(tiling_), block.runs(), width,
                      to + p * kWinogradProducts * windows_stride(), windows_stride());
    }
  }

  void transform_gradients(const T* grad, int64_t group, const TileBlock& block, T* staged,
                           T* to) const {
    const int64_t at_once = kStagedFilters / tile_.rows;
    for (int64_t first = 0; first < filter_panels_; first += at_once) {
      const int64_t last = std::min(filter_panels_, first + at_once);
      const int64_t begin = filter_begin(first);
      const SourcePlanes<T> source{
          .data = grad + (group * l_.group_filters + begin) * l_.positions(),
          .planes = filter_begin(last) - begin,
          .image_stride = l_.filters * l_.positions(),
          .height = l_.output_height,
          .width = l_.output_width,
          .top = 0,
          .left = 0};
      // Windows reach two rows further than their tiles.
      planes_.stage(source, block.staged(), 2, TileBlock::stride(tiling_), kStagedFilters, staged);
      for (int64_t f = first; f < last; ++f) {
        planes_.gradients(staged + filter_begin(f) - begin, TileBlock::stride(tiling_),
                          block.runs(), kStagedFilters, filter_begin(f + 1) - filter_begin(f),
                          to + f * kWinogradProducts * gradients_stride(), gradients_stride());
      }
    }
  }

  // A filter's taps for a panel of channels.
  void finish(const T* image, const T* grad, int64_t group, int64_t filter, int64_t panel,
              const T* sums, T* out) const {
    const int64_t begin = panel * tile_.columns;
    const int64_t count = std::min(tile_.columns, l_.filter_channels - begin);
    const int64_t all_filter = group * l_.group_filters + filter;
    T* taps = out + (all_filter * l_.filter_channels + begin) * 9;
    const T* from = sums + group * blocks_ * block_elements() +
                    (panel * l_.group_filters + filter) * tile_.columns;
    if (planes_.taps(from, product_elements(), blocks_, block_elements(), count, l_.flip, taps)) {
      return;
    }
    for (int64_t c = 0; c < count; ++c) {
      correct_taps(image, grad, all_filter, group * l_.filter_channels + begin + c, taps + c * 9);
    }
  }

  // Computes directly which of a filter's nine taps for a channel are not finite.
  void correct_taps(const T* image, const T* grad, int64_t filter, int64_t channel, T* taps) const {
    for (int64_t tap = 0; tap < 9; ++tap) {
      if (std::isfinite(taps[tap])) continue;
      const int64_t place = l_.flip ? 8 - tap : tap;
      const int64_t down = place / 3 - l_.rows.before();
      const int64_t right = place % 3 - l_.columns.before();
      const int64_t begin = std::max<int64_t>(0, -right);
      const int64_t end = std::min(l_.output_width, l_.width - right);
      T sum{0};
      for (int64_t n = 0; n < l_.batch; ++n) {
        const T* plane = image + (n * l_.channels + channel) * l_.height * l_.width;
        const T* gradients = grad + (n * l_.filters + filter) * l_.positions();
        for (int64_t y = std::max<int64_t>(0, -down);
             y < std::min(l_.output_height, l_.height - down); ++y) {
          if (begin >= end) break;
          sum += tile_.dot(end - begin, plane + (y + down) * l_.width + right + begin,
                           gradients + y * l_.output_width + begin);
        }
      }
      taps[tap] = sum;
    }
  }

  Lengths l_;
  Tiling tiling_;
  const cpu::GemmTile<T>& tile_;
  const WinogradPlanes<T>& planes_;
  std::vector<int64_t> filter_begins_;
  int64_t channel_panels_;
  int64_t filter_panels_;
  int64_t chunk_;
  int64_t chunks_;
  int64_t blocks_;
  int64_t slots_;
};

const KernelRegistrar grad_weights({.op = "conv2d_grad_wrt_weights",
                                    .name = "conv2d_grad_wrt_weights_winograd",
                                    .kind = KernelKind::kTuned,
                                    .rank = 30,
                                    .supports =
                                        [](const KernelCall& call) {
                                          return supports_winograd(call,
                                                                   grad_weights_lengths(call));
                                        },
                                    .make = cpu::make_for_floats<GradWeightsWinograd>});

}  // namespace
}  // namespace bitale::conv2d_cpu
