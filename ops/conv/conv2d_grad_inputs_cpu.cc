// The gradient of conv2d for its input: filters turned upright (depth, filters) times the output
// gradient (filters, batch · positions) gives columns, which are added back to the windows they
// came from, a panel at a time, while both lie in cache.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Columns that a block of images should have at least, so that panels are seldom cut short.
constexpr int64_t kBlockColumns = 128;

template <typename T>
class GradInputsPanels final : public Kernel {
 public:
  explicit GradInputsPanels(const KernelCall& call)
      : l_(grad_inputs_lengths(call)), tile_(cpu::gemm_tile<T>()) {
    // Neighbouring taps of a row overlap where they are added, and would wait for each other: walk
    // channels first, then rows, then the taps of a row.
    const std::vector<int64_t> offsets = window_offsets(l_);
    for (int64_t x = 0; x < l_.columns.taps(); ++x) {
      for (int64_t y = 0; y < l_.rows.taps(); ++y) {
        for (int64_t c = 0; c < l_.filter_channels; ++c) {
          const int64_t k = (c * l_.rows.taps() + y) * l_.columns.taps() + x;
          offsets_.push_back(offsets[static_cast<size_t>(k)]);
          order_.push_back(l_.filter_element(k));
        }
      }
    }
    images_per_block_ = cpu::panel_count(kBlockColumns, std::max<int64_t>(1, l_.positions()));
    blocks_ = cpu::panel_count(l_.batch, images_per_block_);
    slots_ = cpu::SlotPool::enough_for(blocks_);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    pack_filters(frame.input<T>(1), parts);
    const T* grad = frame.input<T>(0);
    T* out = frame.output<T>(0);
    const int64_t image_size = l_.channels * l_.height * l_.width;
    cpu::SlotPool slots(slots_);
    parallel_for(blocks_, [&](int64_t block) {
      const int64_t first = block * images_per_block_;
      const int64_t count = std::min(l_.batch - first, images_per_block_);
      const cpu::SlotPool::Loan loan(slots);
      T* panel = parts.panels + loan.slot() * panel_elements();
      T* images = l_.is_dealt() ? parts.dealt + loan.slot() * images_per_block_ * l_.dealt_size()
                                : out + first * image_size;
      std::fill_n(images, count * l_.dealt_size(), T{0});
      for (int64_t group = 0; group < l_.groups; ++group) {
        for (int64_t begin = 0; begin < count * l_.positions(); begin += tile_.columns) {
          const int64_t columns = std::min(tile_.columns, count * l_.positions() - begin);
          add_panel(grad + first * l_.filters * l_.positions(), group, begin, columns, parts, panel,
                    images);
        }
      }
      if (l_.is_dealt()) {
        collect_images(l_, count, images, out + first * image_size);
      }
    });
  }

 private:
  struct Parts {
    Parts(const GradInputsPanels& kernel, void* workspace) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      packed = layout.template take<T>(l.filters * l.depth());
      panels = layout.template take<T>(kernel.slots_ * kernel.panel_elements());
      dealt = layout.template take<T>(
          l.is_dealt() ? kernel.slots_ * kernel.images_per_block_ * l.dealt_size() : 0);
      bytes = layout.bytes();
    }
    T* packed;
    T* panels;
    T* dealt;
    size_t bytes;
  };

  // A panel of columns, and one of the output gradient where it does not lie in one image.
  int64_t panel_elements() const {
    return cpu::whole_lines((l_.depth() + l_.group_filters) * tile_.columns);
  }

  void pack_filters(const T* filters, const Parts& parts) const {
    const int64_t depth = l_.depth();
    for_each_row_panel(l_.groups, depth, tile_.rows, l_.group_filters,
                       [&](int64_t group, int64_t i, int64_t rows) {
                         const T* from = filters + group * l_.group_filters * depth;
                         T* to = parts.packed + (group * depth + i) * l_.group_filters;
                         for (int64_t f = 0; f < l_.group_filters; ++f) {
                           for (int64_t r = 0; r < rows; ++r) {
                             to[f * rows + r] =
                                 from[f * depth + order_[static_cast<size_t>(i + r)]];
                           }
                         }
                       });
  }

  void add_panel(const T* grad, int64_t group, int64_t begin, int64_t columns, const Parts& parts,
                 T* panel, T* images) const {
    const int64_t width = tile_.columns;
    Run runs[cpu::kMostTileColumns];
    const int64_t run_count = find_runs(l_, begin, columns, runs);
    const auto grad_of = [&](const Run& run) {
      return grad + run.image * l_.filters * l_.positions() +
             group * l_.group_filters * l_.positions() + run.position;
    };
    const T* right = grad_of(runs[0]);
    int64_t right_stride = l_.positions();
    if (columns < width || runs[0].image != runs[run_count - 1].image) {
      T* gathered = panel + l_.depth() * width;
      for (int64_t f = 0; f < l_.group_filters; ++f) {
        for (int64_t r = 0; r < run_count; ++r) {
          std::copy_n(grad_of(runs[r]) + f * l_.positions(), runs[r].length,
                      gathered + f * width + runs[r].column);
        }
        std::fill(gathered + f * width + columns, gathered + (f + 1) * width, T{0});
      }
      right = gathered;
      right_stride = width;
    }
    const T* left = parts.packed + group * l_.group_filters * l_.depth();
    const int64_t row_panels = cpu::panel_count(l_.depth(), tile_.rows);
    for (int64_t p = 0; p < row_panels; ++p) {
      const int64_t i = cpu::panel_begin(l_.depth(), row_panels, p);
      const int64_t rows = cpu::panel_begin(l_.depth(), row_panels, p + 1) - i;
      tile_.run(rows, columns, l_.group_filters, left, right, right_stride, panel + i * width,
                width, T{1}, T{0}, {});
      left += rows * l_.group_filters;
    }
    T* first_window = images + group * l_.filter_channels * l_.part_plane();
    for (int64_t r = 0; r < run_count; ++r) {
      cpu::runs<T>().scatter_add(l_.depth(), offsets_.data(), runs[r].length,
                                 panel + runs[r].column, width, first_window + runs[r].offset);
    }
  }

  Lengths l_;
  // Elements of a filter, and where they meet a window, in the order of the panel's rows.
  std::vector<int64_t> order_;
  std::vector<int64_t> offsets_;
  const cpu::GemmTile<T>& tile_;
  int64_t images_per_block_;
  int64_t blocks_;
  int64_t slots_;
};

const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs",
                                   .name = "conv2d_grad_wrt_inputs_panels",
                                   .kind = KernelKind::kTuned,
                                   .rank = 20,
                                   .supports = cpu::supports_floats,
                                   .make = cpu::make_for_floats<GradInputsPanels>});

}  // namespace
}  // namespace bitale::conv2d_cpu
