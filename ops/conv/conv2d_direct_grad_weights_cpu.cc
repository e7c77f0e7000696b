// The gradient of conv2d for its filters, summed where images lie (conv2d_direct_cpu.h): each
// weight's is the product of a plane of the output gradient and a shifted plane of the image. Fixed
// blocks of images are summed each by itself, the partial sums then in order.

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_direct_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// With more taps, or many filters and short sums, a product of windows and gradients is faster.
constexpr int64_t kMostDepth = 32;
constexpr int64_t kLeastPositions = 256;
// Elements of the image and of some filters' output gradient that the first cache holds.
constexpr int64_t kBandBytes = 24 << 10;
constexpr int64_t kRowsAtOnce = 3;

const char* supports_direct(const KernelCall& call) {
  if (const char* reason = cpu::supports_floats(call)) return reason;
  const Lengths l = grad_weights_lengths(call);
  if (l.depth() > kMostDepth) return "windows of more than 32 elements";
  if (l.taps() == 1) return "windows of one element";
  if (l.group_filters > kMostDirectRows && l.positions() < kLeastPositions) {
    return "many filters for fewer than 256 positions";
  }
  return nullptr;
}

template <typename T>
class GradWeightsDirect final : public Kernel {
 public:
  explicit GradWeightsDirect(const KernelCall& call)
      : l_(grad_weights_lengths(call)),
        group_(of_group(l_)),
        offsets_(window_offsets(group_)),
        vectors_(direct_sums<T>()) {
    const double work = static_cast<double>(l_.batch * l_.positions()) *
                        static_cast<double>(l_.filters) * static_cast<double>(l_.depth());
    blocks_ = blocks_of_images(l_, work, l_.filters * l_.depth());
    slots_ = cpu::SlotPool::enough_for(blocks_ * l_.groups);
    const int64_t line_elements =
        l_.filter_channels * l_.rows.stride() * l_.columns.stride() * l_.part_width() +
        kRowsAtOnce * l_.output_width;
    const int64_t line_bytes = line_elements * static_cast<int64_t>(sizeof(T));
    lines_at_once_ = std::max<int64_t>(1, kBandBytes / std::max<int64_t>(1, line_bytes));
  }

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    const int64_t size = l_.filters * l_.depth();
    const int64_t group_size = l_.group_filters * l_.depth();
    cpu::SlotPool slots(slots_);
    parallel_for(blocks_ * l_.groups, [&](int64_t share) {
      const cpu::SlotPool::Loan loan(slots);
      const int64_t block = share / l_.groups;
      const int64_t group = share % l_.groups;
      T* dealt = parts.dealt + loan.slot() * dealt_elements();
      T* sums = parts.sums + block * size + group * group_size;
      std::fill_n(sums, group_size, T{0});
      const int64_t last = l_.batch * (block + 1) / blocks_;
      for (int64_t n = l_.batch * block / blocks_; n < last; ++n) {
        const T* image =
            frame.input<T>(0) + (n * l_.groups + group) * l_.filter_channels * l_.height * l_.width;
        if (l_.is_dealt()) {
          deal_images(group_, 1, image, dealt);
          image = dealt;
        }
        const T* grads =
            frame.input<T>(1) + (n * l_.groups + group) * l_.group_filters * l_.positions();
        add_image(image, grads, sums);
      }
    });
    finish_filters(l_, blocks_, size, parts.sums, [&](int64_t begin, int64_t end) {
      const int64_t first = begin * l_.depth();
      order_filters(l_, end - begin, parts.sums + first, frame.output<T>(0) + first);
    });
  }

 private:
  struct Parts {
    Parts(const GradWeightsDirect& kernel, void* workspace) {
      cpu::WorkspaceLayout layout(workspace);
      sums = layout.template take<T>(kernel.blocks_ * kernel.l_.filters * kernel.l_.depth());
      dealt = layout.template take<T>(kernel.slots_ * kernel.dealt_elements());
      bytes = layout.bytes();
    }
    T* sums;
    T* dealt;
    size_t bytes;
  };

  int64_t dealt_elements() const {
    return l_.is_dealt() ? cpu::whole_lines(group_.dealt_size()) : 0;
  }

  void add_image(const T* image, const T* grads, T* sums) const {
    const int64_t line_stride = l_.rows.stride() * l_.part_width();
    for (int64_t y = 0; y < l_.output_height; y += lines_at_once_) {
      vectors_.correlate(l_.group_filters, grads + y * l_.output_width, l_.positions(), l_.depth(),
                         offsets_.data(), image + y * line_stride, line_stride,
                         std::min(lines_at_once_, l_.output_height - y), l_.output_width, sums,
                         l_.depth());
    }
  }

  Lengths l_;
  Lengths group_;
  std::vector<int64_t> offsets_;
  const DirectSums<T>& vectors_;
  int64_t lines_at_once_;
  int64_t blocks_;
  int64_t slots_;
};

const KernelRegistrar grad_weights({.op = "conv2d_grad_wrt_weights",
                                    .name = "conv2d_grad_wrt_weights_direct",
                                    .kind = KernelKind::kTuned,
                                    .rank = 40,
                                    .supports = supports_direct,
                                    .make = cpu::make_for_floats<GradWeightsDirect>});

}  // namespace
}  // namespace bitale::conv2d_cpu
