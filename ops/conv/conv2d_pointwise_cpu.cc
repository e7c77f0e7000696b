// conv2d with windows of one element, and its gradient for the input: filters (filters, channels)
// times the image (channels, positions), or turned filters times the output gradient. Neighbouring
// columns, of one image or several, are copied into panels and multiplied there by all filters.

#include "ops/conv/conv2d_pointwise_cpu.h"

#include <algorithm>

#include "core/runtime/thread_pool.h"
#include "ops/conv/conv2d_panels_cpu.h"
#include "ops/cpu/floats.h"
#include "ops/cpu/gemm.h"
#include "ops/cpu/gemm_tile.h"
#include "ops/cpu/workspace.h"

namespace bitale::conv2d_cpu {
namespace {

// Panels that are copied at once: part of the second cache.
constexpr int64_t kPanelsBytes = 96 << 10;
constexpr int64_t kMostPanels = 8;
// So that many threads can divide the work evenly.
constexpr int64_t kBlocksAtLeast = 16;
// Where columns make fewer blocks, so many rows are worth that columns are copied again.
constexpr int64_t kRowsOfPart = 64;

// Products of a matrix for each group with `depth` rows of each image, giving `rows` rows.
struct PointwiseProblem {
  int64_t batch, groups;
  int64_t rows, depth;  // of a group
  int64_t positions;
  int64_t row_stride, depth_stride;  // of the filters; group after group
};

PointwiseProblem forward_problem(const Lengths& l) {
  return {.batch = l.batch,
          .groups = l.groups,
          .rows = l.group_filters,
          .depth = l.filter_channels,
          .positions = l.positions(),
          .row_stride = l.filter_channels,
          .depth_stride = 1};
}

PointwiseProblem grad_inputs_problem(const Lengths& l) {
  return {.batch = l.batch,
          .groups = l.groups,
          .rows = l.filter_channels,
          .depth = l.group_filters,
          .positions = l.positions(),
          .row_stride = 1,
          .depth_stride = l.filter_channels};
}

template <typename T>
class PointwiseProduct {
 public:
  // `is_packed`: filters come as packed_filters() arranges them.
  PointwiseProduct(const PointwiseProblem& problem, bool is_packed)
      : p_(problem), is_packed_(is_packed), tile_(cpu::gemm_tile<T>()) {
    row_panels_ = cpu::panel_count(p_.rows, tile_.rows);
    const int64_t panels = cpu::panel_count(p_.batch * p_.positions, tile_.columns);
    most_depth_ = 0;
    for (int64_t b = 0; b < depth_blocks(p_.depth); ++b) {
      most_depth_ = std::max(most_depth_,
                             depth_block_begin(p_.depth, b + 1) - depth_block_begin(p_.depth, b));
    }
    const int64_t bytes = panel_elements() * static_cast<int64_t>(sizeof(T));
    panels_at_once_ =
        std::clamp<int64_t>(kPanelsBytes / std::max<int64_t>(bytes, 1), 1, kMostPanels);
    panels_at_once_ = std::clamp<int64_t>(panels / kBlocksAtLeast, 1, panels_at_once_);
    blocks_ = cpu::panel_count(panels, panels_at_once_);
    const int64_t most_parts = std::max<int64_t>(1, p_.rows / kRowsOfPart);
    parts_ = std::clamp<int64_t>(kBlocksAtLeast / std::max<int64_t>(1, blocks_ * p_.groups), 1,
                                 most_parts);
    slots_ = cpu::SlotPool::enough_for(blocks_ * p_.groups * parts_);
    tells_all_ = tells_short_parts(panels_at_once_ * tile_.columns, p_.positions);
  }

  struct Parts {
    T* filters;
    T* panels;
  };
  Parts take_parts(cpu::WorkspaceLayout& layout) const {
    Parts parts;
    parts.filters = layout.take<T>(is_packed_ ? 0 : p_.groups * p_.rows * p_.depth);
    parts.panels = layout.take<T>(slots_ * scratch_elements());
    return parts;
  }

  void run(const T* image, const T* filters, T* out, const Parts& parts, PartDone done = {}) const {
    if (!is_packed_) {
      pack_filters(filters, parts.filters);
      filters = parts.filters;
    }
    cpu::SlotPool slots(slots_);
    parallel_for(blocks_ * p_.groups * parts_, [&](int64_t share) {
      const cpu::SlotPool::Loan loan(slots);
      const int64_t group = share / blocks_ / parts_;
      const int64_t part = share / blocks_ % parts_;
      multiply(image, filters, group, part, share % blocks_,
               parts.panels + loan.slot() * scratch_elements(), out);
      if (done && !tells_all_) tell(group, part, share % blocks_, done);
    });
    if (tells_all_) tell_all(p_.batch * p_.groups * p_.rows * p_.positions, done);
  }

 private:
  // A row to spare, so that panels side by side do not share their places in a cache.
  int64_t panel_elements() const { return (most_depth_ + 1) * tile_.columns; }
  // Panels, and a panel of results that does not lie in one image.
  int64_t scratch_elements() const {
    return (panels_at_once_ * panel_elements() + tile_.rows * tile_.columns + 63) / 64 * 64;
  }
  int64_t row_begin(int64_t panel) const { return cpu::panel_begin(p_.rows, row_panels_, panel); }

  // As packed_filters() arranges them.
  void pack_filters(const T* filters, T* to) const {
    for (int64_t g = 0; g < p_.groups; ++g) {
      for (int64_t b = 0; b < depth_blocks(p_.depth); ++b) {
        const int64_t k = depth_block_begin(p_.depth, b);
        const int64_t depth = depth_block_begin(p_.depth, b + 1) - k;
        for (int64_t p = 0; p < row_panels_; ++p) {
          const int64_t i = row_begin(p);
          const T* from =
              filters + g * p_.rows * p_.depth + i * p_.row_stride + k * p_.depth_stride;
          cpu::pack_left(row_begin(p + 1) - i, depth,
                         cpu::MatrixView<T>{from, p_.row_stride, p_.depth_stride}, to);
          to += (row_begin(p + 1) - i) * depth;
        }
      }
    }
  }

  // Columns of the whole batch, side by side, that lie in one image.
  struct Span {
    int64_t column;  // of the first one in the block
    int64_t length;
    int64_t image, position;
  };
  template <typename Body>
  void for_each_span(int64_t begin, int64_t end, Body&& body) const {
    for (int64_t at = begin; at < end;) {
      const int64_t position = at % p_.positions;
      const int64_t length = std::min(end - at, p_.positions - position);
      body(Span{at - begin, length, at / p_.positions, position});
      at += length;
    }
  }

  void copy_columns(const T* image, int64_t group, int64_t k, int64_t depth, int64_t begin,
                    int64_t end, T* panels) const {
    const int64_t width = tile_.columns;
    for_each_span(begin, end, [&](const Span& span) {
      const T* from =
          image + ((span.image * p_.groups + group) * p_.depth + k) * p_.positions + span.position;
      for (int64_t done = 0; done < span.length;) {
        const int64_t column = span.column + done;
        T* to = panels + column / width * panel_elements() + column % width;
        const int64_t whole = column % width == 0 ? (span.length - done) / width * width : 0;
        const int64_t length =
            whole > 0 ? whole : std::min(width - column % width, span.length - done);
        const cpu::MatrixView<T> view{from + done, p_.positions, 1};
        if (whole > 0) {
          cpu::pack_panels(depth, whole, width, view, to, panel_elements());
        } else {
          copy_part(depth, length, view, to);
        }
        done += length;
      }
    });
  }

  // Of a panel.
  void copy_part(int64_t depth, int64_t length, cpu::MatrixView<T> from, T* to) const {
    for (int64_t k = 0; k < depth; ++k) {
      std::copy_n(from.data + k * from.row_stride, length, to + k * tile_.columns);
    }
  }

  void multiply(const T* image, const T* filters, int64_t group, int64_t part, int64_t block,
                T* panels, T* out) const {
    const int64_t width = tile_.columns;
    const int64_t begin = block * panels_at_once_ * width;
    const int64_t end = std::min(p_.batch * p_.positions, begin + panels_at_once_ * width);
    const int64_t first = cpu::panel_begin(row_panels_, parts_, part);
    const int64_t last = cpu::panel_begin(row_panels_, parts_, part + 1);
    T* results = panels + panels_at_once_ * panel_elements();
    T* group_out = out + group * p_.rows * p_.positions;
    for (int64_t b = 0; b < depth_blocks(p_.depth); ++b) {
      const int64_t k = depth_block_begin(p_.depth, b);
      const int64_t depth = depth_block_begin(p_.depth, b + 1) - k;
      copy_columns(image, group, k, depth, begin, end, panels);
      const T* left = filters + (group * p_.depth + k) * p_.rows;
      for (int64_t at = begin; at < end; at += width) {
        const T* panel = panels + (at - begin) / width * panel_elements();
        for (int64_t p = first; p < last; ++p) {
          multiply_panel(p, left, depth, panel, at, std::min(width, end - at), b > 0, results,
                         group_out);
        }
      }
    }
  }

  // Rows of a part are final in the columns of a block.
  void tell(int64_t group, int64_t part, int64_t block, PartDone done) const {
    const int64_t size = panels_at_once_ * tile_.columns;
    const int64_t begin = block * size;
    const int64_t first = row_begin(cpu::panel_begin(row_panels_, parts_, part));
    const int64_t last = row_begin(cpu::panel_begin(row_panels_, parts_, part + 1));
    for_each_span(begin, std::min(p_.batch * p_.positions, begin + size), [&](const Span& span) {
      const int64_t plane = (span.image * p_.groups + group) * p_.rows * p_.positions;
      if (span.length == p_.positions) {
        return done(plane + first * p_.positions, (last - first) * p_.positions);
      }
      for (int64_t row = first; row < last; ++row) {
        done(plane + row * p_.positions + span.position, span.length);
      }
    });
  }

  void multiply_panel(int64_t p, const T* left, int64_t depth, const T* panel, int64_t at,
                      int64_t columns, bool adds, T* results, T* group_out) const {
    const int64_t width = tile_.columns;
    const int64_t i = row_begin(p);
    const int64_t rows = row_begin(p + 1) - i;
    const auto place = [&](const Span& span) {
      return group_out + (span.image * p_.groups * p_.rows + i) * p_.positions + span.position;
    };
    if (at % p_.positions + columns <= p_.positions) {
      T* to = place({0, columns, at / p_.positions, at % p_.positions});
      tile_.run(rows, columns, depth, left + i * depth, panel, width, to, p_.positions, T{1},
                adds ? T{1} : T{0});
      return;
    }
    tile_.run(rows, width, depth, left + i * depth, panel, width, results, width, T{1}, T{0});
    for_each_span(at, at + columns, [&](const Span& span) {
      T* to = place(span);
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t c = 0; c < span.length; ++c) {
          const T sum = results[r * width + span.column + c];
          to[r * p_.positions + c] = adds ? to[r * p_.positions + c] + sum : sum;
        }
      }
    });
  }

  PointwiseProblem p_;
  bool is_packed_;
  const cpu::GemmTile<T>& tile_;
  int64_t row_panels_;
  int64_t most_depth_;
  int64_t panels_at_once_;
  int64_t blocks_;
  int64_t parts_;
  int64_t slots_;
  bool tells_all_;
};

template <typename T>
class Conv2dPointwise final : public PartwiseKernel {
 public:
  Conv2dPointwise(const KernelCall& call, bool is_packed)
      : l_(forward_lengths(call)), product_(forward_problem(l_), is_packed) {}

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run_partwise(const KernelFrame& frame, PartDone done) const override {
    const Parts parts(*this, frame.workspace);
    const T* image = frame.input<T>(0);
    if (skips_elements(l_)) {
      thin_images(l_, image, parts.image);
      image = parts.image;
    }
    product_.run(image, frame.input<T>(1), frame.output<T>(0), parts.product, done);
  }

 private:
  struct Parts {
    Parts(const Conv2dPointwise& kernel, void* workspace) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      image = layout.template take<T>(skips_elements(l) ? l.batch * l.channels * l.positions() : 0);
      product = kernel.product_.take_parts(layout);
      bytes = layout.bytes();
    }
    T* image;
    typename PointwiseProduct<T>::Parts product;
    size_t bytes;
  };

  Lengths l_;
  PointwiseProduct<T> product_;
};

template <typename T>
class GradInputsPointwise final : public Kernel {
 public:
  explicit GradInputsPointwise(const KernelCall& call)
      : l_(grad_inputs_lengths(call)), product_(grad_inputs_problem(l_), false) {}

  size_t workspace_bytes() const override { return Parts(*this, nullptr).bytes; }
  KernelCost cost(KernelCost operands) const override { return l_.cost(operands); }

  void run(const KernelFrame& frame) const override {
    const Parts parts(*this, frame.workspace);
    T* image = skips_elements(l_) ? parts.image : frame.output<T>(0);
    product_.run(frame.input<T>(0), frame.input<T>(1), image, parts.product);
    if (skips_elements(l_)) spread_images(l_, image, frame.output<T>(0));
  }

 private:
  struct Parts {
    Parts(const GradInputsPointwise& kernel, void* workspace) {
      const Lengths& l = kernel.l_;
      cpu::WorkspaceLayout layout(workspace);
      image = layout.template take<T>(skips_elements(l) ? l.batch * l.channels * l.positions() : 0);
      product = kernel.product_.take_parts(layout);
      bytes = layout.bytes();
    }
    T* image;
    typename PointwiseProduct<T>::Parts product;
    size_t bytes;
  };

  Lengths l_;
  PointwiseProduct<T> product_;
};

const KernelRegistrar forward({.op = "conv2d",
                               .name = "conv2d_pointwise",
                               .kind = KernelKind::kTuned,
                               .rank = 25,
                               .supports =
                                   [](const KernelCall& call) {
                                     return supports_pointwise(call, forward_lengths(call));
                                   },
                               .packed_input = packed_filters,
                               .partwise = true,
                               .make = cpu::make_for_floats<Conv2dPointwise, 1>});

const KernelRegistrar grad_inputs({.op = "conv2d_grad_wrt_inputs",
                                   .name = "conv2d_grad_wrt_inputs_pointwise",
                                   .kind = KernelKind::kTuned,
                                   .rank = 25,
                                   .supports =
                                       [](const KernelCall& call) {
                                         return supports_pointwise(call, grad_inputs_lengths(call));
                                       },
                                   .make = cpu::make_for_floats<GradInputsPointwise>});

}  // namespace
}  // namespace bitale::conv2d_cpu
