// The gradient of a convolution for its images, for an output gradient of few values: for each of
// them a filter is added to the image, scaled by the value.

#include <algorithm>
#include <numeric>
#include <vector>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_of_unpooled_cpu.h"
#include "ops/conv/conv2d_of_unpooled_internal.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/row_sums.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// One group's channels of a padded image (height, width, channels) into an image (channels, height,
// width) without its border. `pixels` are the offsets of a row's pixels.
template <typename T>
void channels_first(const Lengths& l, const std::vector<int64_t>& pixels, const T* from, T* to) {
  const int64_t plane = l.height * l.width;
  for (int64_t y = 0; y < l.height; ++y) {
    const T* row =
        from + ((y + l.rows.before()) * l.padded_width() + l.columns.before()) * l.filter_channels;
    cpu::runs<T>().gather_columns(l.width, pixels.data(), l.filter_channels, row, to + y * l.width,
                                  plane);
  }
}

Lengths lengths_of(const KernelCall& call) {
  return {call.op_as<Conv2dBaseOp>().options(), call.outputs[0].shape, call.inputs[kOther].shape};
}

const char* supports(const KernelCall& call) {
  const char* reason = refuse_operands(call);
  return reason != nullptr ? reason : refuse_lengths(lengths_of(call));
}

// Of filters that stay in the nearest cache while all positions are walked over. Offsets of 32 bits
// (refuse_lengths) reach as far by themselves where a pass is one row.
constexpr int64_t kPassBytes = 24 << 10;

template <typename T>
class GradInputsOfUnpooled final : public Kernel {
 public:
  explicit GradInputsOfUnpooled(const KernelCall& call)
      : l_(lengths_of(call)),
        plane_values_(values_per_plane(call)),
        rows_(l_),
        starts_(window_starts(l_)),
        row_stride_(round_up(rows_.block.length, cpu::kMostLanes)),
        passes_(find_passes(find_passes_per_block())),
        filter_stride_(row_stride_ * cpu::panel_count(rows_.block.count, find_passes_per_block())),
        pixels_(multiples(l_.width, l_.filter_channels)),
        slots_(cpu::SlotPool::enough_for(l_.batch)) {}

  size_t workspace_bytes() const override { return Parts(*this, nullptr, 0).bytes; }
  KernelCost cost(KernelCost operands) const override {
    return cost_of_values(l_, plane_values_, operands);
  }

  void run(const KernelFrame& frame) const override {
    const Parts shared(*this, frame.workspace, 0);
    lay_out_filters(frame.input<T>(kOther), shared.filters);
    cpu::SlotPool slots(slots_);
    parallel_ranges(l_.batch, 1, [&](int64_t begin, int64_t end) {
      const cpu::SlotPool::Loan loan(slots);
      const Parts parts(*this, frame.workspace, loan.slot());
      for (int64_t n = begin; n < end; ++n) add_image(frame, n, parts);
    });
  }

 private:
  struct Parts {
    Parts(const GradInputsOfUnpooled& kernel, void* workspace, int64_t slot) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      filters = layout.take<T>(static_cast<int64_t>(kernel.passes_.size()) * kernel.pass_stride() +
                               cpu::kMostLanes);
      const int64_t image_elements = round_up(l.filter_channels * l.padded_plane(), 64) + 64;
      image = layout.take<T>(image_elements * kernel.slots_);
      const int64_t values = round_up(l.group_filters * kernel.plane_values_, 64);
      scales = layout.take<T>(values * kernel.slots_);
      offsets = layout.take<int32_t>(values * kernel.slots_);
      const int64_t positions = round_up(l.positions() + 1, 64);
      starts = layout.take<int32_t>(positions * kernel.slots_);
      bytes = layout.bytes();
      if (workspace == nullptr) return;
      image += slot * image_elements;
      scales += slot * values;
      offsets += slot * values;
      starts += slot * positions;
    }
    T* filters;
    T* image;          // channels innermost, padded
    T* scales;         // values by position
    int32_t* offsets;  // of their filters' rows, in the order of `scales`
    int32_t* starts;   // of a position's values in `scales`
    size_t bytes;
  };

  // Neighbouring rows of the window, which are added together in one walk over all positions.
  struct Pass {
    int64_t first_row;
    int64_t rows;
  };

  // As many rows at once as registers hold the sums of, if all filters' stay in the nearest cache.
  int64_t find_passes_per_block() const {
    const int64_t row_bytes = l_.group_filters * row_stride_ * static_cast<int64_t>(sizeof(T));
    const int64_t most = std::clamp<int64_t>(
        kPassBytes / std::max<int64_t>(row_bytes, 1), 1,
        std::max<int64_t>(cpu::row_sums<T>().rows_at_once(rows_.block.length), 1));
    return cpu::panel_count(rows_.block.count, most);
  }
  std::vector<Pass> find_passes(int64_t per_block) const {
    const int64_t rows = rows_.block.count;
    std::vector<Pass> passes;
    for (int64_t row = 0; row < rows_.row_count(); row += rows) {
      for (int64_t i = 0; i < per_block; ++i) {
        const int64_t first = cpu::panel_begin(rows, per_block, i);
        passes.push_back({row + first, cpu::panel_begin(rows, per_block, i + 1) - first});
      }
    }
    return passes;
  }
  // Elements of all filters' rows of a pass.
  int64_t pass_stride() const { return l_.filters * filter_stride_; }

  // (pass, filter, row of the pass, element).
  void lay_out_filters(const T* filters, T* to) const {
    const int64_t depth = l_.depth();
    const int64_t length = rows_.block.length;
    parallel_ranges(l_.filters, rows_of_block(depth), [&](int64_t begin, int64_t end) {
      for (size_t pass = 0; pass < passes_.size(); ++pass) {
        for (int64_t f = begin; f < end; ++f) {
          const int64_t* elements = rows_.filter_elements.data() + passes_[pass].first_row * length;
          T* out = to + static_cast<int64_t>(pass) * pass_stride() + f * filter_stride_;
          for (int64_t row = 0; row < passes_[pass].rows; ++row) {
            for (int64_t e = 0; e < length; ++e) out[e] = filters[f * depth + elements[e]];
            elements += length;
            out += row_stride_;
          }
        }
      }
    });
  }

  void add_image(const KernelFrame& frame, int64_t n, const Parts& parts) const {
    const int32_t* positions = frame.input<int32_t>(kPositions) + n * l_.filters * plane_values_;
    const T* values = frame.input<T>(kValues) + n * l_.filters * plane_values_;
    const int64_t plane = l_.height * l_.width;
    T* out = frame.output<T>(0) + n * l_.channels * plane;
    for (int64_t group = 0; group < l_.groups; ++group) {
      const int64_t first = group * l_.group_filters;
      sort_by_position(positions + first * plane_values_, values + first * plane_values_, parts);
      std::fill_n(parts.image, l_.filter_channels * l_.padded_plane(), T{0});
      const T* filters = parts.filters + first * filter_stride_;
      for (const Pass& pass : passes_) {
        T* image = parts.image + rows_.row_offset(pass.first_row);
        const cpu::RowBlock block = {.length = rows_.block.length,
                                     .count = pass.rows,
                                     .stride = row_stride_,
                                     .sums_stride = rows_.block.stride};
        for (int64_t position = 0; position < l_.positions(); ++position) {
          const int32_t begin = parts.starts[position];
          const int32_t count = parts.starts[position + 1] - begin;
          if (count == 0) continue;
          sums_.add(count, parts.scales + begin, parts.offsets + begin, filters, block,
                    image + starts_[static_cast<size_t>(position)]);
        }
        filters += pass_stride();
      }
      channels_first(l_, pixels_, parts.image, out + group * l_.filter_channels * plane);
    }
  }

  void sort_by_position(const int32_t* positions, const T* values, const Parts& parts) const {
    std::fill_n(parts.starts, l_.positions() + 1, 0);
    for (int64_t i = 0; i < l_.group_filters * plane_values_; ++i) ++parts.starts[positions[i] + 1];
    std::partial_sum(parts.starts, parts.starts + l_.positions() + 1, parts.starts);
    // Each position's start moves to its end, which is where the next one starts.
    for (int64_t f = 0; f < l_.group_filters; ++f) {
      const auto offset = static_cast<int32_t>(f * filter_stride_);
      for (int64_t i = f * plane_values_; i < (f + 1) * plane_values_; ++i) {
        const int32_t at = parts.starts[positions[i]]++;
        parts.scales[at] = values[i];
        parts.offsets[at] = offset;
      }
    }
    std::copy_backward(parts.starts, parts.starts + l_.positions(),
                       parts.starts + l_.positions() + 1);
    parts.starts[0] = 0;
  }

  Lengths l_;
  int64_t plane_values_;
  WindowBlocks rows_;
  std::vector<int32_t> starts_;
  int64_t row_stride_;  // of filters' rows
  std::vector<Pass> passes_;
  int64_t filter_stride_;
  std::vector<int64_t> pixels_;
  int64_t slots_;
  const cpu::RowSums<T>& sums_ = cpu::row_sums<T>();
};

const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs_of_unpooled",
                                   .name = "conv2d_grad_wrt_inputs_of_values",
                                   .kind = KernelKind::kTuned,
                                   .rank = 20,
                                   .supports = supports,
                                   .make = cpu::make_for_floats<GradInputsOfUnpooled>});

}  // namespace
}  // namespace bitale::conv2d_cpu
