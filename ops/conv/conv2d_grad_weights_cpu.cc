// The gradient of conv2d for its filters: the output gradient (filters, batch · positions) times
// the windows (batch · positions, depth). Fixed blocks of images are summed each by one thread, the
// partial sums then in order.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/conv/conv2d_pointwise_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Positions multiplied at a time: with a tile's columns they fill half of L1.
constexpr int64_t kChunk = 256;

template <typename T>
class GradWeightsPanels final : public Kernel {
 public:
  explicit GradWeightsPanels(const KernelCall& call)
      : given_(grad_weights_lengths(call)),
        is_pointwise_(supports_pointwise(call, given_) == nullptr),
        l_(is_pointwise_ ? flattened(given_) : given_),
        offsets_(window_offsets(l_)),
        tile_(cpu::gemm_tile<T>()) {
    const double work = static_cast<double>(l_.batch * l_.positions()) *
                        static_cast<double>(l_.filters) * static_cast<double>(l_.depth());
    blocks_ = blocks_of_images(l_, work, l_.filters * l_.depth());
    slots_ = cpu::SlotPool::enough_for(blocks_);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    const T* image = frame.input<T>(0);
    const int64_t size = l_.filters * l_.depth();
    if (thins()) {
      thin_images(given_, image, parts.image);
      image = parts.image;
    } else if (l_.is_dealt()) {
      parallel_for(l_.batch, [&](int64_t n) {
        deal_images(l_, 1, image + n * l_.channels * l_.height * l_.width,
                    parts.image + n * l_.dealt_size());
      });
      image = parts.image;
    }
    cpu::SlotPool slots(slots_);
    parallel_for(blocks_, [&](int64_t block) {
      const cpu::SlotPool::Loan loan(slots);
      T* scratch = parts.scratch + loan.slot() * scratch_elements();
      T* sums = parts.sums + block * size;
      std::fill_n(sums, size, T{0});
      const int64_t first = cpu::panel_begin(l_.batch, blocks_, block) * l_.positions();
      const int64_t last = cpu::panel_begin(l_.batch, blocks_, block + 1) * l_.positions();
      for (int64_t begin = first; begin < last; begin += kChunk) {
        const int64_t count = std::min(kChunk, last - begin);
        Run runs[kChunk];
        const int64_t run_count = find_runs(l_, begin, count, runs);
        for (int64_t group = 0; group < l_.groups; ++group) {
          add_chunk(image, frame.input<T>(1), group, {runs, static_cast<size_t>(run_count)}, count,
                    scratch, sums + group * l_.group_filters * l_.depth());
        }
      }
    });
    finish_filters(l_, blocks_, size, parts.sums, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * l_.depth();
      order_filters(l_, end - begin, parts.sums + first, frame.output<T>(0) + first);
    });
  }

 private:
  struct Parts {
    Parts(const GradWeightsPanels& kernel, void* workspace) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      sums = layout.template take<T>(kernel.blocks_ * l.filters * l.depth());
      const bool copies = kernel.thins() || l.is_dealt();
      image = layout.template take<T>(copies ? l.batch * l.dealt_size() : 0);
      scratch = layout.template take<T>(kernel.slots_ * kernel.scratch_elements());
      bytes = layout.bytes();
    }
    T* sums;
    T* image;  // thinned or dealt
    T* scratch;
    size_t bytes;
  };

  bool thins() const { return is_pointwise_ && skips_elements(given_); }
  int64_t scratch_elements() const { return kChunk * (l_.group_filters + tile_.columns); }

  void add_chunk(const T* image, const T* grad, int64_t group, std::span<const Run> runs,
                 int64_t count, T* scratch, T* sums) const {
    const int64_t width = tile_.columns;
    const int64_t depth = l_.depth();
    T* left = scratch;
    T* right = scratch + kChunk * l_.group_filters;
    const int64_t row_panels = cpu::panel_count(l_.group_filters, tile_.rows);
    for (int64_t p = 0; p < row_panels; ++p) {
      const int64_t i = cpu::panel_begin(l_.group_filters, row_panels, p);
      const int64_t rows = cpu::panel_begin(l_.group_filters, row_panels, p + 1) - i;
      for (size_t r = 0; r < runs.size();) {
        // Runs of one image follow each other there too.
        size_t next = r + 1;
        while (next < runs.size() && runs[next].image == runs[r].image) ++next;
        const int64_t length = runs[next - 1].column + runs[next - 1].length - runs[r].column;
        const T* from =
            grad + (runs[r].image * l_.filters + group * l_.group_filters + i) * l_.positions() +
            runs[r].position;
        cpu::pack_left(rows, length, cpu::MatrixView<T>{from, l_.positions(), 1},
                       left + i * count + runs[r].column * rows);
        r = next;
      }
    }
    const T* first_window = image + group * l_.filter_channels * l_.part_plane();
    for (int64_t k = 0; k < depth; k += width) {
      const int64_t columns = std::min(width, depth - k);
      for (const Run& run : runs) {
        cpu::runs<T>().gather_columns(columns, offsets_.data() + k, run.length,
                                      first_window + run.offset, right + run.column * width, width);
      }
      if (columns < width) {
        for (int64_t q = 0; q < count; ++q) {
          std::fill(right + q * width + columns, right + (q + 1) * width, T{0});
        }
      }
      for (int64_t p = 0; p < row_panels; ++p) {
        const int64_t i = cpu::panel_begin(l_.group_filters, row_panels, p);
        const int64_t rows = cpu::panel_begin(l_.group_filters, row_panels, p + 1) - i;
        tile_.run(rows, columns, count, left + i * count, right, width, sums + i * depth + k, depth,
                  T{1}, T{1}, {});
      }
    }
  }

  Lengths given_;
  bool is_pointwise_;
  // With windows of one element, flattened: long runs.
  Lengths l_;
  std::vector<int64_t> offsets_;
  const cpu::GemmTile<T>& tile_;
  int64_t blocks_;
  int64_t slots_;
};

const KernelRegistrar grad_weights({.op = "conv2d_grad_wrt_weights",
                                    .name = "conv2d_grad_wrt_weights_panels",
                                    .kind = KernelKind::kTuned,
                                    .rank = 20,
                                    .supports = cpu::supports_floats,
                                    .make = cpu::make_for_floats<GradWeightsPanels>});

}  // namespace
}  // namespace bitale::conv2d_cpu
