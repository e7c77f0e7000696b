// The gradient of conv2d for its input, summed where the output gradient lies
// (conv2d_direct_cpu.h). Where windows stand some elements apart, only some taps meet an element of
// the image: which ones follows from its row and column modulo the steps.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_axis_taps_cpu.h"
#include "ops/conv/conv2d_direct_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

const char* supports_direct(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  return why_not_direct(grad_inputs_lengths(call));
}

template <typename T>
class GradInputsDirect final : public Kernel {
 public:
  explicit GradInputsDirect(const KernelCall& call)
      : l_(grad_inputs_lengths(call)),
        rows_(l_.rows, l_.height),
        columns_(l_.columns, l_.width),
        pitch_(columns_.lead + std::max(columns_.last + 1, l_.output_width)),
        plane_((rows_.lead + std::max(rows_.last + 1, l_.output_height)) * pitch_),
        vectors_(direct_sums<T>()),
        slots_(cpu::SlotPool::enough_for(l_.batch * l_.groups)) {
    for (int64_t y = 0; y < l_.rows.stride(); ++y) {
      for (int64_t x = 0; x < l_.columns.stride(); ++x) add_phase(y, x);
    }
    phases_.push_back(static_cast<int64_t>(taps_.size()));
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    pack_filters(frame.input<T>(1), parts);
    cpu::SlotPool slots(slots_);
    parallel_for(l_.batch * l_.groups, [&](int64_t share) {
      const cpu::SlotPool::Loan loan(slots);
      T* staged = parts.scratch + loan.slot() * scratch_elements();
      const int64_t channels = l_.filter_channels;
      stage(frame.input<T>(0) + share * l_.group_filters * l_.positions(), staged);
      const T* weights = parts.packed + share % l_.groups * l_.group_filters * l_.depth();
      T* image = frame.output<T>(0) + share * channels * l_.height * l_.width;
      for (int64_t y = 0; y < l_.height; ++y) {
        sum_row(y, staged, weights, staged + staged_elements(), image + y * l_.width);
      }
    });
  }

 private:
  // A tap of the filter of one group.
  struct Tap {
    int64_t filter, tap;
  };

  struct Parts {
    Parts(const GradInputsDirect& kernel, void* workspace) {
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
  int64_t staged_elements() const {
    return cpu::whole_lines(l_.group_filters * plane_ + vectors_.lanes);
  }
  int64_t row_elements() const { return cpu::whole_lines(columns_.last + 1 + vectors_.lanes); }
  int64_t scratch_elements() const {
    return staged_elements() + l_.filter_channels * row_elements();
  }

  // The taps that meet elements of one phase, and where from the last window they begin.
  void add_phase(int64_t row_phase, int64_t column_phase) {
    phases_.push_back(static_cast<int64_t>(taps_.size()));
    for (int64_t f = 0; f < l_.group_filters; ++f) {
      for (int64_t y = 0; y < l_.rows.taps(); ++y) {
        for (int64_t x = 0; x < l_.columns.taps(); ++x) {
          if (!rows_.meets(y, row_phase) || !columns_.meets(x, column_phase)) continue;
          taps_.push_back({f, y * l_.columns.taps() + x});
          offsets_.push_back(f * plane_ + (rows_.lead - rows_.windows_before(y)) * pitch_ +
                             columns_.lead - columns_.windows_before(x));
        }
      }
    }
  }

  // Phase after phase, tap after tap, channels side by side.
  void pack_filters(const T* filters, const Parts& parts) const {
    order_filters(l_, l_.filters, filters, parts.ordered);
    T* to = parts.packed;
    for (int64_t g = 0; g < l_.groups; ++g) {
      for (const Tap& tap : taps_) {
        const T* from = parts.ordered + (g * l_.group_filters + tap.filter) * l_.depth() + tap.tap;
        for (int64_t c = 0; c < l_.filter_channels; ++c) *to++ = from[c * l_.taps()];
      }
    }
  }

  // Output gradients of one group between zeros.
  void stage(const T* grad, T* staged) const {
    std::fill_n(staged, l_.group_filters * plane_, T{0});
    for (int64_t f = 0; f < l_.group_filters; ++f) {
      for (int64_t y = 0; y < l_.output_height; ++y) {
        std::copy_n(grad + f * l_.positions() + y * l_.output_width, l_.output_width,
                    staged + f * plane_ + (rows_.lead + y) * pitch_ + columns_.lead);
      }
    }
  }

  // Of all channels; `to` is the first one's, `sums` room for each.
  void sum_row(int64_t y, const T* staged, const T* weights, T* sums, T* to) const {
    const int64_t row = y + l_.rows.before();
    const int64_t step = l_.columns.stride();
    const int64_t before = l_.columns.before();
    for (int64_t phase = 0; phase < step; ++phase) {
      // The elements of this phase are first, first + step, ...
      const int64_t first = (phase - before % step + step) % step;
      if (first >= l_.width) continue;
      const int64_t count = (l_.width - first + step - 1) / step;
      const size_t at = static_cast<size_t>(row % l_.rows.stride() * step + phase);
      const int64_t begin = phases_[at];
      vectors_.weighted(l_.filter_channels, phases_[at + 1] - begin, offsets_.data() + begin,
                        weights + begin * l_.filter_channels,
                        staged + row / l_.rows.stride() * pitch_ + (before + first) / step, count,
                        sums, row_elements());
      for (int64_t c = 0; c < l_.filter_channels; ++c) {
        T* plane = to + c * l_.height * l_.width + first;
        const T* from = sums + c * row_elements();
        if (step == 1) {
          std::copy_n(from, count, plane);
        } else {
          for (int64_t i = 0; i < count; ++i) plane[i * step] = from[i];
        }
      }
    }
  }

  Lengths l_;
  AxisTaps rows_, columns_;
  int64_t pitch_, plane_;  // of a staged output gradient
  const DirectSums<T>& vectors_;
  int64_t slots_;
  std::vector<Tap> taps_;
  std::vector<int64_t> offsets_;
  std::vector<int64_t> phases_;  // where each one's taps begin
};

const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs",
                                   .name = "conv2d_grad_wrt_inputs_direct",
                                   .kind = KernelKind::kTuned,
                                   .rank = 40,
                                   .supports = supports_direct,
                                   .make = cpu::make_for_floats<GradInputsDirect>});

}  // namespace
}  // namespace bitale::conv2d_cpu
