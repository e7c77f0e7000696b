// The gradients of a convolution behind a max-pool. Images and filters are laid out so that a
// window is a few rows of neighbouring elements; for each maximum the row of a filter, or of the
// image, is added, scaled by the gradient. What is summed stays in registers meanwhile.

#include <algorithm>
#include <numeric>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_cpu.h"
#include "ops/conv/conv2d_of_max_pool_internal.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/row_sums.h"
#include "ops/cpu/runs.h"
#include "ops/cpu/workspace.h"
#include "ops/pool/winners_cpu.h"

namespace bitale::conv2d_cpu {
namespace {

const Conv2dOfMaxPoolOp& op_of(const KernelCall& call) { return call.op_as<Conv2dOfMaxPoolOp>(); }

int64_t round_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

// A window as rows of neighbouring elements, in padded images whose channels lie innermost.
struct WindowRows {
  explicit WindowRows(const Lengths& l) {
    // Without gaps between taps, a row of the window is whole.
    const bool whole = l.columns.dilation() == 1;
    length = l.filter_channels * (whole ? l.columns.taps() : 1);
    const int64_t pieces = whole ? 1 : l.columns.taps();
    for (int64_t y = 0; y < l.rows.taps(); ++y) {
      for (int64_t x = 0; x < pieces; ++x) {
        offsets.push_back((y * l.rows.dilation() * l.padded_width() + x * l.columns.dilation()) *
                          l.filter_channels);
      }
    }
    for (int64_t tap = 0; tap < l.taps(); ++tap) {
      for (int64_t c = 0; c < l.filter_channels; ++c) {
        filter_elements.push_back(c * l.taps() + (l.flip ? l.taps() - 1 - tap : tap));
      }
    }
  }

  int64_t count() const { return static_cast<int64_t>(offsets.size()); }

  int64_t length = 0;
  std::vector<int64_t> offsets;          // of the rows, from the window's first element
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
// (height, width, channels), whose border is zero already.
template <typename T>
void channels_last(const Lengths& l, const T* from, T* to) {
  for (int64_t c = 0; c < l.filter_channels; ++c) {
    for (int64_t y = 0; y < l.height; ++y) {
      T* row = to +
               ((y + l.rows.before()) * l.padded_width() + l.columns.before()) * l.filter_channels +
               c;
      for (int64_t x = 0; x < l.width; ++x) row[x * l.filter_channels] = *from++;
    }
  }
}

// The inverse; the border is dropped.
template <typename T>
void channels_first(const Lengths& l, const T* from, T* to) {
  for (int64_t c = 0; c < l.filter_channels; ++c) {
    for (int64_t y = 0; y < l.height; ++y) {
      const T* row =
          from +
          ((y + l.rows.before()) * l.padded_width() + l.columns.before()) * l.filter_channels + c;
      for (int64_t x = 0; x < l.width; ++x) *to++ = row[x * l.filter_channels];
    }
  }
}

const char* supports_maxima(const KernelCall& call) {
  if (const char* reason = supports_floats(call)) return reason;
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
  return {op_of(call).options(), call.outputs[0].shape, call.inputs[2].shape, call.inputs[0].shape};
}
Lengths lengths_for_weights(const KernelCall& call) {
  return {op_of(call).options(), call.inputs[2].shape, call.outputs[0].shape, call.inputs[0].shape};
}

const char* supports_for_inputs(const KernelCall& call) {
  const char* reason = supports_maxima(call);
  return reason != nullptr ? reason : too_large(lengths_for_inputs(call));
}
const char* supports_for_weights(const KernelCall& call) {
  const char* reason = supports_maxima(call);
  return reason != nullptr ? reason : too_large(lengths_for_weights(call));
}

// --- For the images ------------------------------------------------------------------------------

template <typename T>
class GradInputsOfMaxima final : public Kernel {
 public:
  explicit GradInputsOfMaxima(const KernelCall& call)
      : l_(lengths_for_inputs(call)),
        pool_(op_of(call).window(), call.inputs[0].shape, call.inputs[1].shape),
        rows_(l_),
        starts_(window_starts(l_)),
        filter_stride_(round_up(rows_.length, cpu::kMostLanes)),
        slots_(std::clamp<int64_t>(std::min<int64_t>(thread_count(), l_.batch), 1,
                                   cpu::SlotPool::kMost)) {}

  size_t workspace_bytes() const override { return Parts(*this, nullptr, 0).bytes; }

  void run(const KernelFrame& frame) const override {
    const Parts shared(*this, frame.workspace, 0);
    lay_out_filters(frame.input<T>(2), shared.filters);
    cpu::SlotPool slots(slots_);
    parallel_ranges(l_.batch, 1, [&](int64_t begin, int64_t end) {
      const cpu::SlotPool::Loan loan(slots);
      const Parts parts(*this, frame.workspace, loan.slot());
      for (int64_t n = begin; n < end; ++n) add_image(frame, n, parts);
    });
  }

 private:
  struct Parts {
    Parts(const GradInputsOfMaxima& kernel, void* workspace, int64_t slot) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      filters = layout.take<T>(kernel.rows_.count() * l.filters * kernel.filter_stride_ +
                               cpu::kMostLanes);
      const int64_t image_elements = round_up(l.filter_channels * l.padded_plane(), 64) + 64;
      image = layout.take<T>(image_elements * kernel.slots_);
      const int64_t maxima = round_up(l.group_filters * kernel.pool_.output_size(), 64);
      scales = layout.take<T>(maxima * kernel.slots_);
      winners = layout.take<int32_t>(maxima * kernel.slots_);
      offsets = layout.take<int32_t>(maxima * kernel.slots_);
      const int64_t positions = round_up(l.positions() + 1, 64);
      starts = layout.take<int32_t>(positions * kernel.slots_);
      bytes = layout.bytes();
      if (workspace == nullptr) return;
      image += slot * image_elements;
      scales += slot * maxima;
      winners += slot * maxima;
      offsets += slot * maxima;
      starts += slot * positions;
    }
    T* filters;
    T* image;          // channels innermost, padded
    T* scales;         // gradients by the position of their maximum
    int32_t* winners;  // positions of the maxima, as find_winners() gives them
    int32_t* offsets;  // of their filters' rows, in the order of `scales`
    int32_t* starts;   // of a position's maxima in `scales`
    size_t bytes;
  };

  // Rows of filters: (row, filter, element).
  void lay_out_filters(const T* filters, T* to) const {
    const int64_t depth = l_.depth();
    for (int64_t row = 0; row < rows_.count(); ++row) {
      for (int64_t f = 0; f < l_.filters; ++f) {
        T* out = to + (row * l_.filters + f) * filter_stride_;
        const int64_t* elements = rows_.filter_elements.data() + row * rows_.length;
        for (int64_t e = 0; e < rows_.length; ++e) out[e] = filters[f * depth + elements[e]];
      }
    }
  }

  void add_image(const KernelFrame& frame, int64_t n, const Parts& parts) const {
    const T* convolved = frame.input<T>(0) + n * l_.filters * l_.positions();
    const T* grad = frame.input<T>(1) + n * l_.filters * pool_.output_size();
    const int64_t plane = l_.height * l_.width;
    T* out = frame.output<T>(0) + n * l_.channels * plane;
    for (int64_t group = 0; group < l_.groups; ++group) {
      const int64_t first = group * l_.group_filters;
      sort_by_position(convolved + first * l_.positions(), grad + first * pool_.output_size(),
                       parts);
      std::fill_n(parts.image, l_.filter_channels * l_.padded_plane(), T{0});
      for (int64_t row = 0; row < rows_.count(); ++row) {
        const T* filters = parts.filters + (row * l_.filters + first) * filter_stride_;
        for (int64_t position = 0; position < l_.positions(); ++position) {
          const int32_t begin = parts.starts[position];
          const int32_t count = parts.starts[position + 1] - begin;
          if (count == 0) continue;
          sums_.add(count, parts.scales + begin, parts.offsets + begin, filters, rows_.length,
                    parts.image + starts_[static_cast<size_t>(position)] +
                        rows_.offsets[static_cast<size_t>(row)]);
        }
      }
      channels_first(l_, parts.image, out + group * l_.filter_channels * plane);
    }
  }

  void sort_by_position(const T* convolved, const T* grad, const Parts& parts) const {
    const int64_t windows = pool_.output_size();
    const int64_t maxima = l_.group_filters * windows;
    std::fill_n(parts.starts, l_.positions() + 1, 0);
    for (int64_t f = 0; f < l_.group_filters; ++f) {
      pool_cpu::find_winners(pool_, convolved + f * l_.positions(), parts.winners + f * windows);
    }
    for (int64_t i = 0; i < maxima; ++i) ++parts.starts[parts.winners[i] + 1];
    std::partial_sum(parts.starts, parts.starts + l_.positions() + 1, parts.starts);
    // Each position's start moves to its end, which is where the next one starts.
    for (int64_t f = 0; f < l_.group_filters; ++f) {
      for (int64_t w = 0; w < windows; ++w) {
        const int64_t i = f * windows + w;
        const int32_t at = parts.starts[parts.winners[i]]++;
        parts.scales[at] = grad[i];
        parts.offsets[at] = static_cast<int32_t>(f * filter_stride_);
      }
    }
    std::copy_backward(parts.starts, parts.starts + l_.positions(),
                       parts.starts + l_.positions() + 1);
    parts.starts[0] = 0;
  }

  Lengths l_;
  pool_cpu::Lengths pool_;
  WindowRows rows_;
  std::vector<int32_t> starts_;
  int64_t filter_stride_;
  int64_t slots_;
  const cpu::RowSums<T>& sums_ = cpu::row_sums<T>();
};

// --- For the filters -----------------------------------------------------------------------------

// Elements of an image, or of its windows, that stay in cache while all filters walk over them.
constexpr int64_t kChunkBytes = 24 << 10;
// A block of images is worth a thread from this many multiplications on.
constexpr double kBlockWork = 1e6;
constexpr int64_t kMostBlocks = 16;
// Rows of fewer elements are not worth a walk each: then windows are copied whole.
constexpr int64_t kShortRow = 32;

template <typename T>
class GradWeightsOfMaxima final : public Kernel {
 public:
  explicit GradWeightsOfMaxima(const KernelCall& call)
      : l_(lengths_for_weights(call)),
        pool_(op_of(call).window(), call.inputs[0].shape, call.inputs[1].shape),
        rows_(l_),
        tile_(cpu::gemm_tile<T>()) {
    gathers_ = rows_.length < kShortRow && l_.columns.stride() == 1 && l_.depth() <= 8 * kShortRow;
    if (gathers_) {
      tap_offsets_ = window_offsets(l_);
      depth_stride_ = round_up(l_.depth(), tile_.columns);
      image_elements_ = l_.positions() * depth_stride_;
    } else {
      starts_ = window_starts(l_);
      depth_stride_ = l_.depth();
      image_elements_ = l_.filter_channels * l_.padded_plane();
    }
    chunk_ = std::clamp<int64_t>(
        kChunkBytes / std::max<int64_t>(image_elements_ * static_cast<int64_t>(sizeof(T)), 1), 1,
        std::max<int64_t>(l_.batch, 1));
    const double work = static_cast<double>(l_.batch * pool_.output_size()) *
                        static_cast<double>(l_.filters) * static_cast<double>(l_.depth());
    blocks_ = std::clamp<int64_t>(static_cast<int64_t>(std::min(work / kBlockWork, 1e3)), 1,
                                  std::max<int64_t>(1, std::min(l_.batch, kMostBlocks)));
    slots_ =
        std::clamp<int64_t>(std::min<int64_t>(thread_count(), blocks_), 1, cpu::SlotPool::kMost);
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr, 0).bytes; }

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
                     own + group * l_.group_filters * depth_stride_);
        }
      }
    });
    for (int64_t block = 1; block < blocks_; ++block) {
      cpu::runs<T>().add(size, sums + block * size, sums);
    }
    T* out = frame.output<T>(0);
    for (int64_t f = 0; f < l_.filters; ++f) {
      T* filter = out + f * l_.depth();
      const T* from = sums + f * depth_stride_;
      if (gathers_) {
        restore_filter(from, filter);
      } else {
        for (int64_t e = 0; e < l_.depth(); ++e) {
          filter[rows_.filter_elements[static_cast<size_t>(e)]] = from[e];
        }
      }
    }
  }

 private:
  struct Parts {
    Parts(const GradWeightsOfMaxima& kernel, void* workspace, int64_t slot) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      sums = layout.take<T>(kernel.blocks_ * kernel.block_elements());
      const int64_t image_elements = round_up(kernel.chunk_ * kernel.image_elements_, 64) + 64;
      images = layout.take<T>(image_elements * kernel.slots_);
      const int64_t padded_elements =
          kernel.gathers_ && l.has_padding() ? l.filter_channels * l.padded_plane() : 0;
      padded = layout.take<T>(padded_elements * kernel.slots_);
      const int64_t maxima = round_up(kernel.chunk_ * kernel.pool_.output_size(), 64);
      scales = layout.take<T>(maxima * kernel.slots_);
      offsets = layout.take<int32_t>(maxima * kernel.slots_);
      bytes = layout.bytes();
      if (workspace == nullptr) return;
      images += slot * image_elements;
      padded += slot * padded_elements;
      scales += slot * maxima;
      offsets += slot * maxima;
    }
    T* sums;           // by block, (filters, depth)
    T* images;         // a chunk of them, laid out for rows
    T* padded;         // one image
    T* scales;         // one filter's gradients over the chunk
    int32_t* offsets;  // of the windows of its maxima
    size_t bytes;
  };

  // Of a block's sums, and what may be read past them.
  int64_t block_elements() const { return l_.filters * depth_stride_ + cpu::kMostLanes; }

  void restore_filter(const T* from, T* filter) const {
    for (int64_t c = 0; c < l_.filter_channels; ++c) {
      for (int64_t tap = 0; tap < l_.taps(); ++tap) {
        filter[c * l_.taps() + (l_.flip ? l_.taps() - 1 - tap : tap)] = from[c * l_.taps() + tap];
      }
    }
  }

  void add_images(const KernelFrame& frame, int64_t n, int64_t count, int64_t group,
                  const Parts& parts, T* sums) const {
    const int64_t plane = l_.height * l_.width;
    for (int64_t i = 0; i < count; ++i) {
      const T* image =
          frame.input<T>(2) + ((n + i) * l_.channels + group * l_.filter_channels) * plane;
      T* to = parts.images + i * image_elements_;
      if (gathers_) {
        gather_windows(image, parts, to);
      } else {
        channels_last(l_, image, to);
      }
    }
    const int64_t windows = pool_.output_size();
    for (int64_t f = 0; f < l_.group_filters; ++f) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t map = (n + i) * l_.filters + group * l_.group_filters + f;
        int32_t* offsets = parts.offsets + i * windows;
        pool_cpu::find_winners(pool_, frame.input<T>(0) + map * l_.positions(), offsets);
        const auto first = static_cast<int32_t>(i * image_elements_);
        for (int64_t w = 0; w < windows; ++w) offsets[w] = first + start_of(offsets[w]);
        std::copy_n(frame.input<T>(1) + map * windows, windows, parts.scales + i * windows);
      }
      T* own = sums + f * depth_stride_;
      if (gathers_) {
        sums_.add(count * windows, parts.scales, parts.offsets, parts.images, l_.depth(), own);
        continue;
      }
      for (int64_t row = 0; row < rows_.count(); ++row) {
        sums_.add(count * windows, parts.scales, parts.offsets,
                  parts.images + rows_.offsets[static_cast<size_t>(row)], rows_.length,
                  own + row * rows_.length);
      }
    }
  }

  int32_t start_of(int32_t position) const {
    return gathers_ ? position * static_cast<int32_t>(depth_stride_)
                    : starts_[static_cast<size_t>(position)];
  }

  // All windows of an image, one after the other: (positions, depth).
  void gather_windows(const T* image, const Parts& parts, T* to) const {
    if (l_.has_padding()) {
      pad_planes(l_, l_.filter_channels, image, parts.padded);
      image = parts.padded;
    }
    for (int64_t y = 0; y < l_.output_height; ++y) {
      const T* line = image + y * l_.rows.stride() * l_.padded_width();
      T* windows = to + y * l_.output_width * depth_stride_;
      for (int64_t k = 0; k < l_.depth(); k += tile_.columns) {
        cpu::runs<T>().gather_columns(std::min(tile_.columns, l_.depth() - k),
                                      tap_offsets_.data() + k, l_.output_width, line, windows + k,
                                      depth_stride_);
      }
    }
  }

  Lengths l_;
  pool_cpu::Lengths pool_;
  WindowRows rows_;
  const cpu::GemmTile<T>& tile_;
  const cpu::RowSums<T>& sums_ = cpu::row_sums<T>();
  bool gathers_ = false;
  std::vector<int64_t> tap_offsets_;
  std::vector<int32_t> starts_;
  int64_t depth_stride_ = 0;
  int64_t image_elements_ = 0;
  int64_t chunk_ = 1;
  int64_t blocks_ = 1;
  int64_t slots_ = 1;
};

const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs_of_max_pool",
                                   .name = "conv2d_grad_wrt_inputs_of_maxima",
                                   .kind = KernelKind::kTuned,
                                   .rank = 20,
                                   .supports = supports_for_inputs,
                                   .make = make_floats<GradInputsOfMaxima>});
const KernelRegistrar grad_weights({.op = "conv2d_grad_wrt_weights_of_max_pool",
                                    .name = "conv2d_grad_wrt_weights_of_maxima",
                                    .kind = KernelKind::kTuned,
                                    .rank = 20,
                                    .supports = supports_for_weights,
                                    .make = make_floats<GradWeightsOfMaxima>});

}  // namespace
}  // namespace bitale::conv2d_cpu
