// conv2d, summed where images lie (conv2d_direct_cpu.h): the channels of a group are padded and
// dealt out into scratch memory, so that each tap of a window is a run for a whole row of outputs.

#include "ops/conv/conv2d_direct_cpu.h"

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

const char* supports_direct(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  return why_not_direct(forward_lengths(call));
}

template <typename T>
class Conv2dDirect final : public PartwiseKernel {
 public:
  explicit Conv2dDirect(const KernelCall& call)
      : l_(forward_lengths(call)),
        group_(of_group(l_)),
        offsets_(window_offsets(group_)),
        vectors_(direct_sums<T>()),
        row_panels_(cpu::panel_count(l_.group_filters, kMostDirectRows)),
        slots_(cpu::SlotPool::enough_for(l_.batch * l_.groups)) {}

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run_partwise(const KernelFrame& frame, PartDone done) const override {
    const Parts parts(*this, frame.workspace);
    pack_filters(frame.input<T>(1), parts);
    cpu::SlotPool slots(slots_);
    parallel_for(l_.batch * l_.groups, [&](int64_t share) {
      const cpu::SlotPool::Loan loan(slots);
      T* dealt = parts.scratch + loan.slot() * scratch_elements();
      const int64_t group = share % l_.groups;
      deal_images(group_, 1, frame.input<T>(0) + share * l_.filter_channels * l_.height * l_.width,
                  dealt);
      const T* weights = parts.packed + group * l_.group_filters * l_.depth();
      T* out = frame.output<T>(0) + share * l_.group_filters * l_.positions();
      for (int64_t p = 0; p < row_panels_; ++p) {
        const int64_t f = cpu::panel_begin(l_.group_filters, row_panels_, p);
        const int64_t rows = cpu::panel_begin(l_.group_filters, row_panels_, p + 1) - f;
        sum_filters(rows, dealt, weights + f * l_.depth(), dealt + dealt_elements(),
                    out + f * l_.positions());
      }
      done(share * l_.group_filters * l_.positions(), l_.group_filters * l_.positions());
    });
  }

 private:
  struct Parts {
    Parts(const Conv2dDirect& kernel, void* workspace) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      ordered = layout.template take<T>(l.filters * l.depth());
      packed = layout.template take<T>(l.filters * l.depth());
      scratch = layout.template take<T>(kernel.slots_ * kernel.scratch_elements());
      bytes = layout.bytes();
    }
    T* ordered;
    T* packed;
    T* scratch;
    size_t bytes;
  };

  // With room for what is read behind it.
  int64_t dealt_elements() const { return cpu::whole_lines(group_.dealt_size() + vectors_.lanes); }
  int64_t row_elements() const { return cpu::whole_lines(l_.output_width + vectors_.lanes); }
  int64_t scratch_elements() const { return dealt_elements() + kMostDirectRows * row_elements(); }

  void pack_filters(const T* filters, const Parts& parts) const {
    order_filters(l_, l_.filters, filters, parts.ordered);
    for (int64_t g = 0; g < l_.groups; ++g) {
      for (int64_t p = 0; p < row_panels_; ++p) {
        const int64_t f = cpu::panel_begin(l_.group_filters, row_panels_, p);
        const int64_t rows = cpu::panel_begin(l_.group_filters, row_panels_, p + 1) - f;
        const int64_t at = (g * l_.group_filters + f) * l_.depth();
        cpu::pack_left(rows, l_.depth(), cpu::MatrixView<T>{parts.ordered + at, l_.depth(), 1},
                       parts.packed + at);
      }
    }
  }

  // Some filters' outputs of one image. What is written behind a row is where the next one goes;
  // there is none behind the last rows, which are made in `row`.
  void sum_filters(int64_t rows, const T* dealt, const T* weights, T* row, T* out) const {
    const int64_t width = l_.output_width;
    for (int64_t y = 0; y < l_.output_height; ++y) {
      const T* from = dealt + y * l_.rows.stride() * l_.part_width();
      T* to = out + y * width;
      if (y * width + width + vectors_.lanes <= l_.positions()) {
        vectors_.weighted(rows, l_.depth(), offsets_.data(), weights, from, width, to,
                          l_.positions());
        continue;
      }
      vectors_.weighted(rows, l_.depth(), offsets_.data(), weights, from, width, row,
                        row_elements());
      for (int64_t r = 0; r < rows; ++r) {
        std::copy_n(row + r * row_elements(), width, to + r * l_.positions());
      }
    }
  }

  Lengths l_;
  Lengths group_;
  std::vector<int64_t> offsets_;
  const DirectSums<T>& vectors_;
  int64_t row_panels_;
  int64_t slots_;
};

const KernelRegistrar forward({.op = "conv2d",
                               .name = "conv2d_direct",
                               .kind = KernelKind::kTuned,
                               .rank = 40,
                               .supports = supports_direct,
                               .partwise = true,
                               .make = cpu::make_for_floats<Conv2dDirect>});

}  // namespace
}  // namespace bitale::conv2d_cpu
