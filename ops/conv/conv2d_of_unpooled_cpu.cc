// The gradients of a convolution for an output gradient of few values at known positions, as behind
// a max-pool. Images and filters are laid out so that a window is a few rows of neighbouring
// elements; for each value the row of a filter, or of the image, is added, scaled by the value.
// What is summed stays in registers meanwhile.

#include <algorithm>
#include <numeric>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/conv/conv2d_of_unpooled_internal.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/row_sums.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

enum Input : size_t { kPositions, kValues, kOther };

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// A window as blocks of rows of neighbouring elements, in padded images whose channels lie
// innermost.
struct WindowRows {
  explicit WindowRows(const Lengths& l) {
    // Without gaps between taps, a row of the window is whole, and the rows are one block.
    const bool whole = l.columns.dilation() == 1;
    const int64_t stride = l.rows.dilation() * l.padded_width() * l.filter_channels;
    block.length = l.filter_channels * (whole ? l.columns.taps() : 1);
    block.count = whole ? l.rows.taps() : 1;
    block.stride = stride;
    block.sums_stride = block.length;
    for (int64_t y = 0; y < (whole ? 1 : l.rows.taps()); ++y) {
      for (int64_t x = 0; x < (whole ? 1 : l.columns.taps()); ++x) {
        offsets.push_back(y * stride + x * l.columns.dilation() * l.filter_channels);
      }
    }
    for (int64_t tap = 0; tap < l.taps(); ++tap) {
      for (int64_t c = 0; c < l.filter_channels; ++c) {
        filter_elements.push_back(c * l.taps() + (l.flip ? l.taps() - 1 - tap : tap));
      }
    }
  }

  int64_t row_count() const { return static_cast<int64_t>(offsets.size()) * block.count; }
  // Of row `row` of the window, from the window's first element.
  int64_t row_offset(int64_t row) const {
    return offsets[static_cast<size_t>(row / block.count)] + row % block.count * block.stride;
  }

  cpu::RowBlock block;
  std::vector<int64_t> offsets;          // of the blocks, from the window's first element
  std::vector<int64_t> filter_elements;  // for each element of the rows, that of a filter
};

// Where the windows of all output positions start.
std::vector<int32_t> window_starts(const Lengths& l) {
  std::vector<int32_t> starts;
  for (int64_t y = 0; y < l.output_height; ++y) {
    for (int64_t x = 0; x < l.output_width; ++x) {
      starts.push_back(static_cast<int32_t>(
          (y * l.rows.stride() * l.padded_width() + x * l.columns.stride()) * l.filter_channels));
    }
  }
  return starts;
}

// One group's channels of an image (channels, height, width) into the middle of a padded image
// (height, width, channels), whose border is zero already. `planes` are the offsets of the
// channels.
template <typename T>
void channels_last(const Lengths& l, const std::vector<int64_t>& planes, const T* from, T* to) {
  const bool one_run = l.padded_width() == l.width;
  const int64_t length = one_run ? l.height * l.width : l.width;
  for (int64_t y = 0; y < (one_run ? 1 : l.height); ++y) {
    T* row =
        to + ((y + l.rows.before()) * l.padded_width() + l.columns.before()) * l.filter_channels;
    cpu::runs<T>().gather_columns(l.filter_channels, planes.data(), length, from + y * l.width, row,
                                  l.filter_channels);
  }
}

// The inverse; the border is dropped. `pixels` are the offsets of a row's pixels.
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

// 0, step, 2 step, ...
std::vector<int64_t> multiples(int64_t count, int64_t step) {
  std::vector<int64_t> offsets;
  for (int64_t i = 0; i < count; ++i) offsets.push_back(i * step);
  return offsets;
}

const char* supports_values(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  if (call.inputs[kPositions].dtype != DType::kInt32) return "only int32 positions";
  for (const OperandLayout& operand : call.inputs) {
    if (operand.size() == 0) return "an operand has no elements";
  }
  return nullptr;
}

// Offsets within images and filters are kept in 32 bits.
const char* too_large(const Lengths& l) {
  constexpr int64_t kMost = int64_t{1} << 30;
  const bool fits = l.channels * l.padded_plane() <= kMost && l.positions() * l.depth() <= kMost &&
                    l.filters * l.depth() <= kMost;
  return fits ? nullptr : "an image's windows, or the filters, have more than 2^30 elements";
}

Lengths lengths_for_inputs(const KernelCall& call) {
  return {call.op_as<Conv2dBaseOp>().options(), call.outputs[0].shape, call.inputs[kOther].shape};
}
Lengths lengths_for_weights(const KernelCall& call) {
  return {call.op_as<Conv2dBaseOp>().options(), call.inputs[kOther].shape, call.outputs[0].shape};
}

const char* supports_for_inputs(const KernelCall& call) {
  const char* reason = supports_values(call);
  return reason != nullptr ? reason : too_large(lengths_for_inputs(call));
}
const char* supports_for_weights(const KernelCall& call) {
  const char* reason = supports_values(call);
  return reason != nullptr ? reason : too_large(lengths_for_weights(call));
}

// Of one plane: as many as it has pooling windows.
int64_t values_per_plane(const KernelCall& call) {
  const Dims& values = call.inputs[kValues].shape;
  return values[2] * values[3];
}

// A window of the depth is multiplied for each value.
KernelCost cost_of_values(const Lengths& l, int64_t plane_values, KernelCost operands) {
  operands.flops = 2.0 * static_cast<double>(l.batch * l.filters * plane_values) *
                   static_cast<double>(l.depth());
  return operands;
}

// --- For the images ------------------------------------------------------------------------------

template <typename T>
class GradInputsOfUnpooled final : public Kernel {
 public:
  explicit GradInputsOfUnpooled(const KernelCall& call)
      : l_(lengths_for_inputs(call)),
        plane_values_(values_per_plane(call)),
        rows_(l_),
        starts_(window_starts(l_)),
        filter_stride_(round_up(rows_.block.length, cpu::kMostLanes)),
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
      filters = layout.take<T>(kernel.rows_.row_count() * l.filters * kernel.filter_stride_ +
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

  // Rows of filters: (row, filter, element).
  void lay_out_filters(const T* filters, T* to) const {
    const int64_t depth = l_.depth();
    const int64_t length = rows_.block.length;
    for (int64_t row = 0; row < rows_.row_count(); ++row) {
      for (int64_t f = 0; f < l_.filters; ++f) {
        T* out = to + (row * l_.filters + f) * filter_stride_;
        const int64_t* elements = rows_.filter_elements.data() + row * length;
        for (int64_t e = 0; e < length; ++e) out[e] = filters[f * depth + elements[e]];
      }
    }
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
      const cpu::RowBlock block = {.length = rows_.block.length};
      for (int64_t row = 0; row < rows_.row_count(); ++row) {
        const T* filters = parts.filters + (row * l_.filters + first) * filter_stride_;
        T* image = parts.image + rows_.row_offset(row);
        for (int64_t position = 0; position < l_.positions(); ++position) {
          const int32_t begin = parts.starts[position];
          const int32_t count = parts.starts[position + 1] - begin;
          if (count == 0) continue;
          sums_.add(count, parts.scales + begin, parts.offsets + begin, filters, block,
                    image + starts_[static_cast<size_t>(position)]);
        }
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
  WindowRows rows_;
  std::vector<int32_t> starts_;
  int64_t filter_stride_;
  std::vector<int64_t> pixels_;
  int64_t slots_;
  const cpu::RowSums<T>& sums_ = cpu::row_sums<T>();
};

// --- For the filters -----------------------------------------------------------------------------

// Elements of images that stay in cache while all filters walk over them.
constexpr int64_t kChunkBytes = 24 << 10;

template <typename T>
class GradWeightsOfUnpooled final : public Kernel {
 public:
  explicit GradWeightsOfUnpooled(const KernelCall& call)
      : l_(lengths_for_weights(call)),
        plane_values_(values_per_plane(call)),
        rows_(l_),
        starts_(window_starts(l_)),
        planes_(multiples(l_.filter_channels, l_.height * l_.width)),
        image_elements_(l_.filter_channels * l_.padded_plane()) {
    chunk_ = std::clamp<int64_t>(
        kChunkBytes / std::max<int64_t>(image_elements_ * static_cast<int64_t>(sizeof(T)), 1), 1,
        std::max<int64_t>(l_.batch, 1));
    const double work = static_cast<double>(l_.batch * plane_values_) *
                        static_cast<double>(l_.filters) * static_cast<double>(l_.depth());
    blocks_ = blocks_of_images(l_, work, block_elements());
    slots_ = cpu::SlotPool::enough_for(blocks_);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr, 0).bytes; }
  KernelCost cost(KernelCost operands) const override {
    return cost_of_values(l_, plane_values_, operands);
  }

  void run(const KernelFrame& frame) const override {
    cpu::SlotPool slots(slots_);
    const int64_t size = block_elements();
    T* const sums = Parts(*this, frame.workspace, 0).sums;
    parallel_for(blocks_, [&](int64_t block) {
      const cpu::SlotPool::Loan loan(slots);
      const Parts parts(*this, frame.workspace, loan.slot());
      T* own = sums + block * size;
      std::fill_n(own, size, T{0});
      std::fill_n(parts.images, chunk_ * image_elements_ + cpu::kMostLanes, T{0});
      const int64_t last = cpu::panel_begin(l_.batch, blocks_, block + 1);
      for (int64_t n = cpu::panel_begin(l_.batch, blocks_, block); n < last; n += chunk_) {
        for (int64_t group = 0; group < l_.groups; ++group) {
          add_images(frame, n, std::min(chunk_, last - n), group, parts,
                     own + group * l_.group_filters * l_.depth());
        }
      }
    });
    add_blocks(blocks_, size, sums);
    T* out = frame.output<T>(0);
    for (int64_t f = 0; f < l_.filters; ++f) {
      T* filter = out + f * l_.depth();
      const T* from = sums + f * l_.depth();
      for (int64_t e = 0; e < l_.depth(); ++e) {
        filter[rows_.filter_elements[static_cast<size_t>(e)]] = from[e];
      }
    }
  }

 private:
  struct Parts {
    Parts(const GradWeightsOfUnpooled& kernel, void* workspace, int64_t slot) {
      cpu::WorkspaceLayout layout(workspace);
      sums = layout.take<T>(kernel.blocks_ * kernel.block_elements());
      const int64_t image_elements = round_up(kernel.chunk_ * kernel.image_elements_, 64) + 64;
      images = layout.take<T>(image_elements * kernel.slots_);
      const int64_t values = round_up(kernel.chunk_ * kernel.plane_values_, 64);
      scales = layout.take<T>(values * kernel.slots_);
      offsets = layout.take<int32_t>(values * kernel.slots_);
      bytes = layout.bytes();
      if (workspace == nullptr) return;
      images += slot * image_elements;
      scales += slot * values;
      offsets += slot * values;
    }
    T* sums;           // by block, (filters, depth)
    T* images;         // a chunk of them, channels innermost, padded
    T* scales;         // one filter's values over the chunk
    int32_t* offsets;  // of their windows
    size_t bytes;
  };

  // Of a block's sums, and what may be read past them.
  int64_t block_elements() const { return l_.filters * l_.depth() + cpu::kMostLanes; }

  void add_images(const KernelFrame& frame, int64_t n, int64_t count, int64_t group,
                  const Parts& parts, T* sums) const {
    const int64_t plane = l_.height * l_.width;
    for (int64_t i = 0; i < count; ++i) {
      const T* image =
          frame.input<T>(kOther) + ((n + i) * l_.channels + group * l_.filter_channels) * plane;
      channels_last(l_, planes_, image, parts.images + i * image_elements_);
    }
    for (int64_t f = 0; f < l_.group_filters; ++f) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t map = (n + i) * l_.filters + group * l_.group_filters + f;
        const int32_t* positions = frame.input<int32_t>(kPositions) + map * plane_values_;
        int32_t* offsets = parts.offsets + i * plane_values_;
        const auto first = static_cast<int32_t>(i * image_elements_);
        for (int64_t v = 0; v < plane_values_; ++v) {
          offsets[v] = first + starts_[static_cast<size_t>(positions[v])];
        }
        std::copy_n(frame.input<T>(kValues) + map * plane_values_, plane_values_,
                    parts.scales + i * plane_values_);
      }
      T* own = sums + f * l_.depth();
      for (const int64_t offset : rows_.offsets) {
        sums_.add(count * plane_values_, parts.scales, parts.offsets, parts.images + offset,
                  rows_.block, own);
        own += rows_.block.count * rows_.block.length;
      }
    }
  }

  Lengths l_;
  int64_t plane_values_;
  WindowRows rows_;
  std::vector<int32_t> starts_;
  std::vector<int64_t> planes_;
  int64_t image_elements_;
  int64_t chunk_;
  int64_t blocks_;
  int64_t slots_;
  const cpu::RowSums<T>& sums_ = cpu::row_sums<T>();
};

const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs_of_unpooled",
                                   .name = "conv2d_grad_wrt_inputs_of_values",
                                   .kind = KernelKind::kTuned,
                                   .rank = 20,
                                   .supports = supports_for_inputs,
                                   .make = cpu::make_for_floats<GradInputsOfUnpooled>});
const KernelRegistrar grad_weights({.op = "conv2d_grad_wrt_weights_of_unpooled",
                                    .name = "conv2d_grad_wrt_weights_of_values",
                                    .kind = KernelKind::kTuned,
                                    .rank = 20,
                                    .supports = supports_for_weights,
                                    .make = cpu::make_for_floats<GradWeightsOfUnpooled>});

}  // namespace
}  // namespace bitale::conv2d_cpu
