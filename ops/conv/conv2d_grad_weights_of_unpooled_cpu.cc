// The gradient of a convolution for its filters, for an output gradient of few values: for each of
// them a window of the image is added to the filter, scaled by the value.

#include <algorithm>
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

Lengths lengths_of(const KernelCall& call) {
  return {call.op_as<Conv2dBaseOp>().options(), call.inputs[kOther].shape, call.outputs[0].shape};
}

const char* supports(const KernelCall& call) {
  const char* reason = refuse_operands(call);
  return reason != nullptr ? reason : refuse_lengths(lengths_of(call));
}

// Elements of images that stay in cache while all filters walk over them.
constexpr int64_t kChunkBytes = 24 << 10;

template <typename T>
class GradWeightsOfUnpooled final : public Kernel {
 public:
  explicit GradWeightsOfUnpooled(const KernelCall& call)
      : l_(lengths_of(call)),
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
    T* const out = frame.output<T>(0);
    finish_filters(l_, blocks_, size, sums, [&](int64_t begin, int64_t end) {
      for (int64_t f = begin; f < end; ++f) {
        T* filter = out + f * l_.depth();
        const T* from = sums + f * l_.depth();
        for (int64_t e = 0; e < l_.depth(); ++e) {
          filter[rows_.filter_elements[static_cast<size_t>(e)]] = from[e];
        }
      }
    });
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
  WindowBlocks rows_;
  std::vector<int32_t> starts_;
  std::vector<int64_t> planes_;
  int64_t image_elements_;
  int64_t chunk_;
  int64_t blocks_;
  int64_t slots_;
  const cpu::RowSums<T>& sums_ = cpu::row_sums<T>();
};

const KernelRegistrar grad_weights({.op = "conv2d_grad_wrt_weights_of_unpooled",
                                    .name = "conv2d_grad_wrt_weights_of_values",
                                    .kind = KernelKind::kTuned,
                                    .rank = 20,
                                    .supports = supports,
                                    .make = cpu::make_for_floats<GradWeightsOfUnpooled>});

}  // namespace
}  // namespace bitale::conv2d_cpu
